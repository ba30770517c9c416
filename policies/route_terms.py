"""Who is told of which alerts: routes, quiet hours, and what waits while its cause is open."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, model_validator

from policies.spelling import Duration, Globs, Several, Text, several
from policies.terms import Terms

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
