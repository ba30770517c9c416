"""What tuning says: what each setting would have cost, which ones nobody would leave for another, which one to take."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from checkpoints_db.records import Instant, Record
from checkpoints_db.records.evidence import Name

Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Limits(Record):
    """The ends of an interval."""

    lower: Rate
    upper: Rate


class Setting(Record):
    """One value of each parameter and what it would have done."""

    values: tuple[float | None, ...]
    """In the order of the parameters; None where the policy leaves a key out."""
    spelled: tuple[str, ...]
    """As the policy file has them."""
    policy: str
    """Digest of the policy with these values."""
    current: bool = False
    """Whether they are those of the policy as it is."""
    false_pauses: Count
    """Checkpoints taken as on trend on which it pauses."""
    false_holds: Count
    """Others on which it holds over a fall."""
    a_year: Rate
    """False pauses a year of history."""
    a_year_limits: Limits
    missed: Share
    """Share of planted breaks that it never stopped."""
    missed_limits: Limits
    delay: Rate
    """Checkpoints let through before it stops, on average over all planted breaks; all there were of one never stopped.
    """
    days: Rate | None
    """Days from the first result of a break to the stop, on average over those it stopped; None where it stopped none.
    """
    by_size: dict[str, Share]
    """Share missed of each size of break."""
    confirmed_missed: Count
    """Checkpoints whose break people confirmed, and which it does not stop."""
    cost: Rate
    """False pauses a year, and missed breaks a year at what each costs, in false pauses."""
    front: bool = False
    """Whether no other setting has as few false pauses, misses and delays, and fewer of one."""
    contender: bool = False
    """Whether this history leaves it open that it is the one of least cost."""


class Recommended(Record):
    """The setting of least cost, and how sure that is."""

    setting: Count
    """Which of the settings."""
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    """Between these the setting of least cost lies, for each parameter, with probability `level` at least."""
    level: Share
    open_ended: bool
    """Whether an end of the sweep is among them: what lies beyond was not tried."""
    decided: bool
    """Whether history tells the settings apart at all."""
    better: bool
    """Whether it tells the recommended setting from the current one."""
    sentences: tuple[str, ...]


class Tuning(Record):
    """A sweep of one or two parameters of a policy over a history, as it was and with breaks planted."""

    policy: str
    policy_name: Name
    source: str
    params: tuple[str, ...]
    units: tuple[str, ...]
    logarithmic: tuple[bool, ...]
    begins: Instant
    ends: Instant
    years: Annotated[float, Field(gt=0)]
    """Years of history, or what its checkpoints are taken for."""
    runs: Count
    checkpoints: Count
    """Checkpoints taken as on trend."""
    confirmed: Count
    """Checkpoints whose break people confirmed; they are neither false pauses nor planted into."""
    planted: Count
    sizes: tuple[str, ...]
    horizon: Count
    """Checkpoints at which a planted break could be stopped."""
    cost_ratio: Rate
    """Cost of a missed break in false pauses."""
    breaks_a_year: Rate
    seed: Count
    draws: Count
    settings: tuple[Setting, ...]
    recommended: Recommended
    notes: tuple[str, ...] = ()
