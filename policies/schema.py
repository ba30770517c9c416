"""A policy: what we agreed to do, as frozen records; unknown keys are refused and units are mandatory."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, SerializeAsAny, model_validator

from checkpoints_db.records import STAGES, BudgetMethod, Case, Kind, Level, PauseMode, Record, Verdict, digest_of
from checkpoints_db.records.duration import parse_duration, spell_duration
from checkpoints_db.signing import is_public_key
from policies.direction import AT_ONCE, FEWER, HIGHER, KEPT, LOWER, MORE, NEUTRAL, WIDER, Direction, ordered

LONGEST = timedelta(days=3660)
"""No term of a policy is longer than ten years."""
LARGEST_MULTIPLE = 1e12


def duration(text: Any) -> timedelta:
    """The length of time that `text` spells: a number with its unit `s`, `m`, `h`, `d` or `w`.

    Raises ValueError for a number without unit, for months (they have no fixed length) and for more than ten years.

    >>> duration("48h") == duration("2d")
    True
    """
    if isinstance(text, str) and text.rstrip().endswith("mo"):
        raise ValueError(f"{text!r}: months have no fixed length; write days, as in 30d")
    try:
        length = parse_duration(text)
    except OverflowError:
        length = timedelta.max
    if not timedelta(0) < length <= LONGEST:
        raise ValueError(f"{text!r} is outside what a policy may ask for: more than nothing, at most {LONGEST.days}d")
    return length


def multiple(text: Any) -> float:
    """The factor that `text` spells: a number with an `x` behind it, more than nothing and at most a million million.

    Raises ValueError for a bare number, which could be read as an amount.

    >>> multiple("4x"), multiple("1.5x")
    (4.0, 1.5)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*[x×]", text.strip()) if isinstance(text, str) else None
    if match is None:
        bare = str(text).strip()
        meant = f'"{bare}x"' if re.fullmatch(r"\d+(\.\d+)?", bare) else '"4x"'
        raise ValueError(f"{text!r} is no multiple; write a number and an x: {meant}")
    factor = float(match[1])
    if not 0 < factor <= LARGEST_MULTIPLE:
        raise ValueError(f"{text!r} is outside what a policy may ask for: more than 0x, at most 1e12x")
    return factor


def spell_multiple(factor: float) -> str:
    """The shortest spelling that reads back as the same number.

    >>> spell_multiple(4.0), spell_multiple(1.5)
    ('4x', '1.5x')
    """
    return f"{repr(float(factor)).removesuffix('.0')}x"


def several(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


_Spelled = Annotated[str, Field(pattern=r"^\s*[0-9]+(\.[0-9]+)?(s|m|h|d|w)\s*$", examples=["48h"])]
_Factor = Annotated[str, Field(pattern=r"^\s*[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\s*[x×]\s*$", examples=["4x"])]
Duration = Annotated[
    timedelta,
    BeforeValidator(duration, json_schema_input_type=_Spelled),
    PlainSerializer(spell_duration, return_type=str),
]
Multiple = Annotated[
    float, BeforeValidator(multiple, json_schema_input_type=_Factor), PlainSerializer(spell_multiple, return_type=str)
]
"""A factor, as a key of a policy: `"4x"`."""
Text = Annotated[str, Field(min_length=1, max_length=500)]
Several = Annotated[tuple[Text, ...], BeforeValidator(several, json_schema_input_type=Text | tuple[Text, ...])]
"""One name or a list of names."""
_OneOrMore = Text | Annotated[tuple[Text, ...], Field(min_length=1)]
Globs = Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(several, json_schema_input_type=_OneOrMore)]
"""One shell pattern (`*`, `?`, `[...]`) or a list of them; case counts."""


def matches(name: str, globs: Iterable[str]) -> bool:
    """Whether any of the shell patterns takes the whole of `name`.

    >>> matches("cyber_mcq", ("cyber*",)), matches("Cyber_mcq", ("cyber*",))
    (True, False)
    """
    return any(fnmatchcase(name, glob) for glob in globs)


class Terms(Record):
    """A table of the policy file; the sentence under each key is its line in policies/README.md."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Judging(Terms):
    """How results are compared with their sealed forecasts, for every rule of the policy."""

    tail: Annotated[float, Field(gt=0, le=0.2)] = 0.01
    """A result this improbable under its sealed forecast, on one side, is `above` or `below`."""
    resolve: Annotated[float, Field(gt=0, le=1), LOWER] = 0.35
    """A forecast that would miss a break of this share of the metric's room is `blind`."""
    min_rungs: Annotated[int, Field(ge=3), HIGHER] = 4
    """A forecast made from fewer rungs is inconclusive."""
    excess: Annotated[float, Field(ge=0, le=1), LOWER] = 0.2
    """A composite task further above what its parts give when they are independent is an `unexplained_jump`."""


NO_BUDGET = Direction("strictest", ("none",))
"""Without a budget every break pauses; which of two budgets is stricter depends on the suite."""


class BudgetTerms(Terms):
    """How often a suite on trend may be paused for nothing; what its size explains warns and does not pause."""

    method: Annotated[BudgetMethod, NO_BUDGET] = "none"
    """How tests share it: `harmonic` (mean of 1 / p), `holm`, `by` (Benjamini-Yekutieli), `e_average`, `e_process`."""
    share: Annotated[float, Field(gt=0, le=0.5), HIGHER] = 0.05
    """Probability of any false pause over a break, however many metrics there are."""
    per: Literal["checkpoint", "run"] = "checkpoint"
    """What `share` is for; a run spends 1/2 of it on its first checkpoint, then 1/6, 1/12, ..."""

    @model_validator(mode="after")
    def _looks(self) -> Self:
        if self.method == "e_process" and self.per != "run":
            raise ValueError('budget.method = "e_process" adds up the checkpoints of a run; write per = "run"')
        return self


class ReleaseTerms(Terms):
    """Who may reopen a gate that a `soft` rule closed."""

    quorum: Annotated[int, Field(ge=1, le=20), HIGHER] = 2
    """Number of different people who must approve."""
    exclude_owner: Annotated[bool, HIGHER] = True
    """Whether the owners of the run may not approve."""
    exclude_author: Annotated[bool, HIGHER] = True
    """Whether the authors of the policy (`authors`) may not approve, neither a release nor the change they wrote."""
    require_signed: Annotated[bool, HIGHER] = False
    """Whether only votes count that were signed with a key of `[principals]`."""
    require_roles: Annotated[Several, MORE] = ()
    """Each role named here must be held by at least one of the approvers."""
    approval_ttl: Annotated[Duration, LOWER] = timedelta(hours=72)
    """An approval waits this long for the others; a release once given lasts while evidence, policy and findings do."""


class WaiverTerms(Terms):
    """How long one person may let one finding pass."""

    max: Annotated[Duration, LOWER] = timedelta(days=14)
    """Longest waiver that may be granted."""
    renewals: Annotated[int, Field(ge=0, le=20), LOWER] = 2
    """How often the waiver of one finding may be granted again; after that the policy must change."""


class AcknowledgeTerms(Terms):
    """How long an alert may be called seen."""

    max: Annotated[Duration, LOWER] = timedelta(hours=8)
    """Longest acknowledgement; then the alert fires again."""


class ConfirmTerms(Terms):
    """How long trouble must last before people are told; gates say it from its first moment."""

    window: Annotated[Duration | None, AT_ONCE] = None
    """A warning or a hold that is gone within this time wakes nobody; a pause is told at once."""


class LeaseTerms(Terms):
    """How far a GO reaches that a training job carries with it."""

    life: Annotated[Duration, LOWER] = timedelta(hours=24)
    """A lease ends after this time; a daemon that died stops its runs within it."""
    renew: Annotated[Duration, LOWER] = timedelta(hours=1)
    """A lease is renewed when it is this old; a renewal needs a complete cycle no older than this."""
    compute_bound: Annotated[Multiple, LOWER] = 4.0
    """A lease ends at this multiple of the training FLOP of the newest checkpoint that was judged."""
    pause_mode: Annotated[PauseMode, ordered("gate_next", "checkpoint_and_hold", "checkpoint_and_exit")] = "gate_next"
    """What a run does without a valid lease: start nothing new, or save a checkpoint and hold, or save and exit."""

    @model_validator(mode="after")
    def _renewable(self) -> Self:
        if self.renew >= self.life:
            raise ValueError("lease.renew must be shorter than lease.life, or leases end before they are renewed")
        if self.compute_bound <= 1:
            raise ValueError('lease.compute_bound must be more than "1x", or the run may not go on at all')
        return self


class BreakGlassTerms(Terms):
    """How one person may let a run that `soft` rules stopped go on for a while, in an emergency."""

    allowed: Annotated[bool, LOWER] = True
    """Whether it may be done at all."""
    max: Annotated[Duration, LOWER] = timedelta(hours=24)
    """Longest time; then the gate holds until another person has filed a review."""
    compute: Annotated[Multiple, LOWER] = 2.0
    """How far training may go meanwhile, as a multiple of the FLOP of the checkpoint that was stopped."""
    review_due: Annotated[Duration, LOWER] = timedelta(days=7)
    """Time until the review is overdue, which is told again to every receiver."""


class ChangeTerms(Terms):
    """What happens when the policy itself changes."""

    shadow: Annotated[Duration, HIGHER] = timedelta(days=30)
    """How long the policy before this one goes on deciding in shadow: recorded, never gating."""


class Select(Terms):
    """What a rule looks at; keys left out take everything."""

    family: Annotated[Globs, WIDER] = ("*",)
    """Families of runs."""
    run: Annotated[Globs, WIDER] = ("*",)
    """Runs."""
    task: Annotated[Globs, WIDER] = ("*",)
    """Tasks."""
    metric: Annotated[Globs, WIDER] = ("*",)
    """Metrics, by name."""
    kind: Annotated[Kind | None, Direction("ordered", absent="strictest")] = None
    """Only `continuous` or only `thresholded` metrics."""
    domain: Annotated[Globs, WIDER] = ("*",)
    """Domain tags of tasks, as `[domains]` of the catalogue gives them."""
    stage: Annotated[Globs, WIDER] = ("*",)
    """Stages that a run is in or asks to enter; a run of which nobody recorded a stage counts as in each."""

    def applies(self, family: str, run: str, stages: Collection[str]) -> bool:
        """Whether a run of this name, of which these stages are spoken, is looked at."""
        staged = not stages or any(matches(stage, self.stage) for stage in stages)
        return staged and matches(family, self.family) and matches(run, self.run)

    def asks(self, task: str, domains: Collection[str]) -> bool:
        """Whether a task with these domain tags is looked at."""
        tagged = self.domain == ("*",) or any(matches(domain, self.domain) for domain in domains)
        return tagged and matches(task, self.task)

    def takes(self, task: str, metric: str, kind: Kind | None, domains: Collection[str]) -> bool:
        """Whether this metric of this task is looked at; a metric of unknown kind counts as the kind asked for."""
        right_kind = self.kind is None or kind is None or kind == self.kind
        return right_kind and self.asks(task, domains) and matches(metric, self.metric)


Papers = Literal["assessments of the family", "assessments of the run", "attestations"]


class RuleTerms(Terms):
    """The keys that every `[[rules]]` table has; each kind of rule adds its own."""

    composite: ClassVar[bool] = False
    """Whether rules of this kind are made of rules, in a key `rules`."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$")]
    """Name of the rule in decisions, alerts and waivers: lower-case letters, digits, `-`, `_`, `.`."""
    kind: str
    """Kind of rule."""
    level: Annotated[Level, ordered(*Level)]
    """`shadow` (recorded only), `advisory` (at most WARN), `soft` (released by people), `hard` (by a policy change)."""
    select: Select = Select()
    """What the rule looks at."""
    cite: Annotated[str, NEUTRAL] = ""
    """Where the rule or its numbers come from."""

    @property
    def parts(self) -> tuple[RuleTerms, ...]:
        """The rules that this one is made of: itself, or those inside it."""
        return (self,)

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages and patterns of stages that the rule speaks of."""
        return self.select.stage

    @property
    def papers(self) -> frozenset[Papers]:
        """What people stated that the rule reads; only that is evidence of a run under its policy."""
        return frozenset()

    @property
    def refers_to(self) -> tuple[str, ...]:
        """Ids of other rules whose findings this one reads."""
        return ()

    def applies(self, case: Case) -> bool:
        """Whether the rule looks at the run of this case."""
        return self.select.applies(case.family, case.run, case.concerned)

    def takes(self, task: str, metric: str, kind: Kind | None, domains: Collection[str]) -> bool:
        """Whether the rule looks at this metric of a task with these domain tags (in the runs it applies to)."""
        return self.select.takes(task, metric, kind, domains)

    def takes_verdict(self, verdict: Verdict, case: Case) -> bool:
        """Whether the rule looks at the metric of this verdict."""
        return self.takes(verdict.task, verdict.metric.name, verdict.metric.kind, case.domains_of(verdict.task))


Severity = Literal["warn", "hold", "pause"]
"""The answer of an alert, as routes spell it."""
Label = Literal["family", "run", "rule", "kind", "severity", "domain", "alert"]
"""What alerts can be alike in."""


class Match(Terms):
    """Which alerts are meant; keys left out take everything."""

    severity: Annotated[tuple[Severity, ...], BeforeValidator(several)] = ("warn", "hold", "pause")
    """`warn`, `hold`, `pause`: what the alert answers."""
    family: Globs = ("*",)
    """Families of runs."""
    run: Globs = ("*",)
    """Runs."""
    rule: Globs = ("*",)
    """Rules, by their ids; alerts about files and about holdpoint itself: `quarantine`, `conflict`, `fault`, ..."""
    kind: Globs = ("*",)
    """Kinds of rule."""
    domain: Globs = ("*",)
    """Domains of the tasks it speaks of; anything but `*` needs a task that has one."""


class Quiet(Terms):
    """Hours in which messages wait; a pause never does."""

    between: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]
    """Local times of the clock, `22:00-07:00`; over midnight when the second is the earlier one."""
    days: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], BeforeValidator(several)] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
    )
    """Days on which they begin."""
    zone: Text = "UTC"
    """IANA time zone, `Europe/Berlin`."""

    @model_validator(mode="after")
    def _a_zone_and_hours(self) -> Self:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"zone {self.zone!r} is no IANA time zone; write it as Europe/Berlin, or UTC") from error
        begin, end = self.between.split("-")
        if begin == end:
            raise ValueError(f"between = {self.between!r} begins where it ends; write two different times")
        return self


class Inhibit(Terms):
    """Consequences that nobody is told of while their root is open. The gate does not know of it."""

    root: Match
    """The alert that says more, while it is open."""
    consequence: Match
    """Alerts that wait meanwhile, where none of them is worse than the root."""
    same: Annotated[tuple[Label, ...], BeforeValidator(several)] = ("family", "run")
    """What root and consequence must have in common."""


class Route(Terms):
    """Who is told of which alerts, and how often; a key left out is as in the route around it."""

    name: Text | None = None
    """Name of the route in messages and in `holdpoint route test`."""
    match: Match = Match()
    """Which alerts; of the routes beside each other the first that matches is taken."""
    receivers: Several | None = None
    """Who is told, by the names they have in the settings. One that can never be reached is replaced by the next."""
    group_by: Annotated[tuple[Label, ...], BeforeValidator(several)] | None = None
    """Alerts alike in these are told in one message; `family` and `rule` where no route says otherwise."""
    group_wait: Duration | None = None
    """How long the first alert of a group waits for others."""
    group_interval: Duration | None = None
    """How long a group that was told waits before it is told again; what is worse than what was told does not wait."""
    repeat: Duration | None = None
    """A group still firing, and not acknowledged, is told again this often."""
    quiet: tuple[Quiet, ...] | None = None
    """Hours in which messages wait."""
    escalate_after: Duration | None = None
    """An alert that nobody acknowledges for this long is told to `escalate_to` as well."""
    escalate_to: Several | None = None
    """Who is told then."""
    on_match: Literal["stop", "continue"] = "stop"
    """`continue` looks at the routes after this one too."""
    routes: tuple[Route, ...] = ()
    """Routes inside this one."""

    @model_validator(mode="after")
    def _nobody(self) -> Self:
        for key in ("receivers", "escalate_to"):
            if getattr(self, key) == ():
                raise ValueError(f"{key} is empty; name a receiver, or leave the key out to keep those around it")
        return self


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
    def _keys_of_their_own(self) -> Self:
        keys: dict[str, str] = {}
        for name, key in ((name, key) for name, many in self.principals.items() for key in many):
            if not is_public_key(key):
                raise ValueError(
                    f"principals.{name}: {key!r} is no public key; write ed25519: and 64 hexadecimal digits"
                )
            if keys.setdefault(key, name) != name:
                raise ValueError(f"principals: {keys[key]!r} and {name!r} have the same key; a key is one person's")
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
