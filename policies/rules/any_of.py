"""Rule `any_of`: fires where so many of the rules inside fire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from checkpoints_db.records import Case, Finding
from policies.direction import LOWER
from policies.rules.composite import CompositeTerms, Find, concluded, heard
from policies.schema import Policy


class AnyOfTerms(CompositeTerms):
    """Keys of an `any_of` rule."""

    kind: Literal["any_of"]
    """Kind of rule."""
    at_least: Annotated[int, Field(ge=1), LOWER] = 1
    """How many of the rules inside must fire."""

    @model_validator(mode="after")
    def _can_fire(self) -> Self:
        if self.rules and self.at_least > len(self.rules):
            raise ValueError(f"rule {self.id!r}: {self.at_least} of {len(self.rules)} rules can never fire")
        return self


class AnyOfRule:
    """Fires where enough rules inside fire; holds where one of them cannot tell."""

    kind = "any_of"
    terms = AnyOfTerms
    reads_verdicts = False
    """The rules inside read them, and the house asks each."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def look(self, terms: AnyOfTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding, and every doubt of a rule inside."""
        return concluded(terms, case, heard(terms, case, policy, at, self._find), terms.at_least)
