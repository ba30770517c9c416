"""A policy: what we agreed to do, as frozen records; unknown keys are refused and units are mandatory."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializeAsAny, model_validator

from checkpoints_db.records import STAGES, Level, digest_of
from checkpoints_db.signing import is_public_key
from policies.direction import FEWER, KEPT, MORE, NEUTRAL
from policies.route_terms import Inhibit, Match, Route
from policies.rule_terms import RuleTerms
from policies.spelling import Several, Text
from policies.terms import (
    AcknowledgeTerms,
    BreakGlassTerms,
    BudgetTerms,
    ChangeTerms,
    ConfirmTerms,
    Judging,
    LeaseTerms,
    ReleaseTerms,
    Terms,
    WaiverTerms,
)

RESERVED = ("latch", "house")
"""Names of findings that no rule makes: an earlier pause, and what holds under every policy."""


class Preamble(Terms):
    """Everything in a policy but its rules."""

    schema_version: Literal[1] = 1
    """Version of this file format."""
    name: Annotated[Text, NEUTRAL]
    """Name of the policy in decisions."""
    version: Annotated[Text, NEUTRAL] = "1"
    """Version of the policy, for people; machines know it by its digest."""
    authors: Annotated[Several, KEPT] = ()
    """Who wrote this version; a change that loosens names them, and they may not approve of it."""
    description: Annotated[str, NEUTRAL] = ""
    """What the policy is for."""
    judging: Judging = Judging()
    """How results are compared with forecasts."""
    budget: BudgetTerms = BudgetTerms()
    """How many false pauses the size of a suite may cost."""
    release: ReleaseTerms = ReleaseTerms()
    """Who may reopen a gate."""
    waivers: WaiverTerms = WaiverTerms()
    """How long a waiver may last."""
    acknowledge: AcknowledgeTerms = AcknowledgeTerms()
    """How long an acknowledgement may last."""
    confirm: ConfirmTerms = ConfirmTerms()
    """How long trouble must last before people are told."""
    lease: LeaseTerms = LeaseTerms()
    """How far a lease reaches."""
    break_glass: BreakGlassTerms = BreakGlassTerms()
    """What one person may do in an emergency."""
    change: ChangeTerms = ChangeTerms()
    """How a policy is followed by another."""
    owners: Annotated[dict[str, Several], MORE] = Field(default_factory=dict)
    """Pattern of `family/run` to the names of its owners."""
    roles: Annotated[dict[str, Several], FEWER] = Field(default_factory=dict)
    """Name of a role to the names of the people who hold it."""
    principals: Annotated[dict[str, Several], FEWER] = Field(default_factory=dict)
    """Name of a person to the public keys they sign with, as `holdpoint keys show` prints them."""
    notify: Annotated[Several, MORE] = ("log", "file")
    """Receivers of alerts that no route takes, by the names they have in the settings."""
    routes: tuple[Route, ...] = ()
    """Who is told of which alerts; see the keys of `[[routes]]`."""
    inhibit: tuple[Inhibit, ...] = (
        Inhibit(root=Match(kind=("evidence", "conflict")), consequence=Match(severity=("warn", "hold"))),
    )
    """Which alerts nobody is told of while another one, which caused them, is open."""

    @model_validator(mode="after")
    def _one_persons_keys(self) -> Self:
        keys: dict[str, str] = {}
        for name, key in ((name, key) for name, many in self.principals.items() for key in many):
            if not is_public_key(key):
                raise ValueError(
                    f"principals.{name}: {key!r} is no public key; write ed25519: and 64 hexadecimal digits"
                )
            if keys.setdefault(key, name) != name:
                raise ValueError(f"principals: {keys[key]!r} and {name!r} have the same key; a key is one person's")
        return self


class Policy(Preamble):
    """A versioned set of rules, thresholds, roles and routes; known by its digest."""

    rules: tuple[SerializeAsAny[RuleTerms], ...]
    """The rules; the worst finding of all of them decides."""

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if not self.rules:
            raise ValueError("a policy needs at least one [[rules]] table; a gate without rules would never close")
        ids = [rule.id for rule in self.rules]
        ids += [part.id for rule in self.rules for part in rule.parts if part is not rule]
        for name in ids:
            if ids.count(name) > 1:
                raise ValueError(f"two rules have the id {name!r}; give each its own")
            if name in RESERVED:
                raise ValueError(f"the rule id {name!r} is taken by the house; choose another")
        return self

    @model_validator(mode="after")
    def _read_by_others(self) -> Self:
        for rule in (*self.rules, *self.parts):
            for name in rule.refers_to:
                if name == rule.id or name not in [other.id for other in self.rules]:
                    raise ValueError(f"rule {rule.id!r} reads rule {name!r}, which is no other [[rules]] table; add it")
                read = next(other for other in self.rules if other.id == name)
                if any(part.refers_to for part in read.parts):
                    raise ValueError(f"rule {rule.id!r} reads rule {name!r}, which reads another itself; name that one")
        return self

    @model_validator(mode="after")
    def _roles_that_are_held(self) -> Self:
        for role in self.release.require_roles:
            if role not in self.roles:
                raise ValueError(f"release.require_roles asks for {role!r}, which [roles] does not name; add it there")
        return self

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of the whole policy, computed once: every answer of a gate asks often."""
        return digest_of(self.body())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, which is known by a digest of its own."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("digest", None)
        return copied

    @property
    def parts(self) -> tuple[RuleTerms, ...]:
        """Every rule, those inside other rules too."""
        return tuple(part for rule in self.rules for part in rule.parts)

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages that a run may ask to enter: those everybody has, and those that a rule names in full."""
        named = [stage for part in (*self.rules, *self.parts) for stage in part.stages]
        return tuple(dict.fromkeys((*STAGES, *(stage for stage in named if not set(stage) & set("*?[")))))

    def owners_of(self, family: str, run: str) -> tuple[str, ...]:
        """Names of the owners of a run, in the order of the file."""
        return tuple(
            name for glob, names in self.owners.items() if fnmatchcase(f"{family}/{run}", glob) for name in names
        )

    @property
    def binding(self) -> tuple[RuleTerms, ...]:
        """The rules that count when the house asks what was looked at: those no weaker than the floor."""
        weaker = {Level.shadow: (), Level.advisory: (Level.shadow,)}.get(self.floor, (Level.shadow, Level.advisory))
        return tuple(rule for rule in self.rules if rule.level not in weaker)

    @property
    def floor(self) -> Level:
        """The level of what the house adds to any policy: soft, or the strictest level of a policy that cannot stop."""
        levels = {rule.level for rule in self.rules}
        if levels & {Level.soft, Level.hard}:
            return Level.soft
        return Level.advisory if Level.advisory in levels else Level.shadow
