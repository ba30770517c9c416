"""A policy: what we agreed to do, as frozen records; unknown keys are refused and units are mandatory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, SerializeAsAny, model_validator

from checkpoints_db.records import BudgetMethod, Kind, Level, Record, Verdict, digest_of
from checkpoints_db.records.duration import parse_duration, spell_duration

LONGEST = timedelta(days=3660)
"""No term of a policy is longer than ten years."""


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


def _several(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Duration = Annotated[
    timedelta, BeforeValidator(duration, json_schema_input_type=str), PlainSerializer(spell_duration, return_type=str)
]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Several = Annotated[tuple[Text, ...], BeforeValidator(_several)]
"""One name or a list of names."""
Globs = Annotated[tuple[Text, ...], BeforeValidator(_several), Field(min_length=1)]
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
    resolve: Annotated[float, Field(gt=0, le=1)] = 0.35
    """A forecast that would miss a break of this share of the metric's room is `blind`."""
    min_rungs: Annotated[int, Field(ge=3)] = 4
    """A forecast made from fewer rungs is inconclusive."""
    excess: Annotated[float, Field(ge=0, le=1)] = 0.2
    """A composite task further above what its parts give when they are independent is an `unexplained_jump`."""


class BudgetTerms(Terms):
    """How often a suite on trend may be paused for nothing; what its size explains warns and does not pause."""

    method: BudgetMethod = "none"
    """How tests share it: `harmonic` (mean of 1 / p), `holm`, `by` (Benjamini-Yekutieli), `e_average`, `e_process`."""
    share: Annotated[float, Field(gt=0, le=0.5)] = 0.05
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

    quorum: Annotated[int, Field(ge=1, le=20)] = 2
    """Number of different people who must approve."""
    exclude_owner: bool = True
    """Whether the owners of the run may not approve."""
    require_roles: Several = ()
    """Each role named here must be held by at least one of the approvers."""
    approval_ttl: Duration = timedelta(hours=72)
    """An approval waits this long for the others; a release once given lasts while evidence, policy and findings do."""


class WaiverTerms(Terms):
    """How long one person may let one finding pass."""

    max: Duration = timedelta(days=14)
    """Longest waiver that may be granted."""


class AcknowledgeTerms(Terms):
    """How long an alert may be called seen."""

    max: Duration = timedelta(hours=8)
    """Longest acknowledgement; then the alert fires again."""


class Select(Terms):
    """What a rule looks at; keys left out take everything."""

    family: Globs = ("*",)
    """Families of runs."""
    run: Globs = ("*",)
    """Runs."""
    task: Globs = ("*",)
    """Tasks."""
    metric: Globs = ("*",)
    """Metrics, by name."""
    kind: Kind | None = None
    """Only `continuous` or only `thresholded` metrics."""

    def applies(self, family: str, run: str) -> bool:
        """Whether runs of this name are looked at."""
        return matches(family, self.family) and matches(run, self.run)

    def takes(self, task: str, metric: str, kind: Kind | None) -> bool:
        """Whether this metric of this task is looked at; a metric of unknown kind counts as the kind asked for."""
        right_kind = self.kind is None or kind is None or kind == self.kind
        return right_kind and matches(task, self.task) and matches(metric, self.metric)


class RuleTerms(Terms):
    """The keys that every `[[rules]]` table has; each kind of rule adds its own."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$")]
    """Name of the rule in decisions, alerts and waivers: lower-case letters, digits, `-`, `_`, `.`."""
    kind: str
    """Kind of rule."""
    level: Level
    """`shadow` (recorded only), `advisory` (at most WARN), `soft` (released by people), `hard` (by a policy change)."""
    select: Select = Select()
    """What the rule looks at."""
    cite: str = ""
    """Where the rule or its numbers come from."""

    def takes(self, task: str, metric: str, kind: Kind | None) -> bool:
        """Whether the rule looks at this metric of this task (in the runs it applies to)."""
        return self.select.takes(task, metric, kind)

    def takes_verdict(self, verdict: Verdict) -> bool:
        """Whether the rule looks at the metric of this verdict."""
        return self.takes(verdict.task, verdict.metric.name, verdict.metric.kind)


Severity = Literal["warn", "hold", "pause"]
"""The answer of an alert, as routes spell it."""
Label = Literal["family", "run", "rule", "kind", "severity", "domain", "alert"]
"""What alerts can be alike in."""


class Match(Terms):
    """Which alerts are meant; keys left out take everything."""

    severity: Annotated[tuple[Severity, ...], BeforeValidator(_several)] = ("warn", "hold", "pause")
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
    days: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], BeforeValidator(_several)] = (
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
    same: Annotated[tuple[Label, ...], BeforeValidator(_several)] = ("family", "run")
    """What root and consequence must have in common."""


class Route(Terms):
    """Who is told of which alerts, and how often; a key left out is as in the route around it."""

    name: Text | None = None
    """Name of the route in messages and in `holdpoint route test`."""
    match: Match = Match()
    """Which alerts; of the routes beside each other the first that matches is taken."""
    receivers: Several | None = None
    """Who is told, by the names they have in the settings. One that can never be reached is replaced by the next."""
    group_by: Annotated[tuple[Label, ...], BeforeValidator(_several)] | None = None
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
    name: Text
    """Name of the policy in decisions."""
    version: Text = "1"
    """Version of the policy, for people; machines know it by its digest."""
    description: str = ""
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
    owners: dict[str, Several] = Field(default_factory=dict)
    """Pattern of `family/run` to the names of its owners."""
    roles: dict[str, Several] = Field(default_factory=dict)
    """Name of a role to the names of the people who hold it."""
    notify: Several = ("log", "file")
    """Receivers of alerts that no route takes, by the names they have in the settings."""
    routes: tuple[Route, ...] = ()
    """Who is told of which alerts; see the keys of `[[routes]]`."""
    inhibit: tuple[Inhibit, ...] = (
        Inhibit(root=Match(kind=("evidence", "conflict")), consequence=Match(severity=("warn", "hold"))),
    )
    """Which alerts nobody is told of while another one, which caused them, is open."""


class Policy(Preamble):
    """A versioned set of rules, thresholds, roles and routes; known by its digest."""

    rules: tuple[SerializeAsAny[RuleTerms], ...]
    """The rules; the worst finding of all of them decides."""

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if not self.rules:
            raise ValueError("a policy needs at least one [[rules]] table; a gate without rules would never close")
        ids = [rule.id for rule in self.rules]
        for name in ids:
            if ids.count(name) > 1:
                raise ValueError(f"two rules have the id {name!r}; give each its own")
            if name in RESERVED:
                raise ValueError(f"the rule id {name!r} is taken by the house; choose another")
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
