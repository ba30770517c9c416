"""The kinds of rule a policy may use. To add one: write a file, add one line here (or an entry point)."""

from __future__ import annotations

from functools import cache
from typing import Any

from checkpoints_db.registry import Registry
from policies.rules.base import Rule
from policies.rules.breaks import BreakRule
from policies.rules.diagnosis import DiagnosisRule
from policies.rules.drift import DriftRule
from policies.rules.evidence import EvidenceRule
from policies.rules.level import LevelRule

RULES: Registry[Rule[Any]] = Registry(
    "rule", (BreakRule(), DiagnosisRule(), LevelRule(), EvidenceRule(), DriftRule()), lambda rule: rule.kind
)


@cache
def rule_of(kind: str) -> Rule[Any]:
    """The rule of this kind, looked up once in the life of a process. Raises UnknownName when there is none."""
    return RULES.get(kind)


__all__ = ["RULES", "Rule", "rule_of"]
