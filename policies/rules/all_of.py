"""Rule `all_of`: fires where every rule inside fires."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from checkpoints_db.records import Case, Finding
from policies.rules.composite import CompositeTerms, Find, concluded, heard
from policies.schema import Policy


class AllOfTerms(CompositeTerms):
    """Keys of an `all_of` rule."""

    kind: Literal["all_of"]
    """Kind of rule."""


class AllOfRule:
    """Fires where every rule inside fires; holds where one of them cannot tell."""

    kind = "all_of"
    terms = AllOfTerms
    reads_verdicts = False
    """The rules inside read them, and the house asks each."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def look(self, terms: AllOfTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding, and every doubt of a rule inside."""
        return concluded(terms, case, heard(terms, case, policy, at, self._find), len(terms.rules))
