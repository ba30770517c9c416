"""The kinds of rule a policy may use. To add one: write a file, add one line here (or an entry point)."""

from __future__ import annotations

from functools import cache
from typing import Any

from checkpoints_db.registry import Registry
from policies.rules.all_of import AllOfRule
from policies.rules.any_of import AnyOfRule
from policies.rules.base import Rule
from policies.rules.breaks import BreakRule
from policies.rules.calendar import CalendarRule
from policies.rules.diagnosis import DiagnosisRule
from policies.rules.drift import DriftRule
from policies.rules.evidence import EvidenceRule
from policies.rules.level import LevelRule
from policies.rules.rate import RateRule
from policies.rules.reach import ReachRule
from policies.rules.safeguard import SafeguardRule
from policies.rules.scale_step import ScaleStepRule
from policies.rules.skill import SkillRule
from policies.rules.stage import StageRule


def _find(kind: str) -> Rule[Any]:
    return rule_of(kind)


RULES: Registry[Rule[Any]] = Registry(
    "rule",
    (
        BreakRule(),
        DiagnosisRule(),
        LevelRule(),
        EvidenceRule(),
        ReachRule(),
        RateRule(),
        DriftRule(),
        ScaleStepRule(),
        CalendarRule(),
        StageRule(),
        SkillRule(),
        SafeguardRule(_find),
        AllOfRule(_find),
        AnyOfRule(_find),
    ),
    lambda rule: rule.kind,
)


@cache
def rule_of(kind: str) -> Rule[Any]:
    """The rule of this kind, looked up once in the life of a process. Raises UnknownName when there is none."""
    return RULES.get(kind)


__all__ = ["RULES", "Rule", "rule_of"]
