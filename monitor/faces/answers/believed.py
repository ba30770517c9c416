"""Shapes of what `power` and `prior` answer."""

from __future__ import annotations

from pydantic import Field

from checkpoints_db.records import Record


class Attempts(Record):
    """How many attempts see one success of a rate with probability 0.95."""

    rate: float
    attempts: int


class Rare(Record):
    """What the last rung says of a rate that has hardly been seen."""

    run: str
    successes: int
    items: int
    at_most: float
    attempts: list[Attempts]


class PowerAsked(Record):
    """What was asked for one metric."""

    family: str
    task: str
    metric: str
    series: str
    rungs: int
    at: list[float]
    size: float
    share_of_room: float
    tail: float
    rare: Rare | None


class PowerRefused(PowerAsked):
    """Why it cannot be said."""

    refused: str


class PowerTold(PowerAsked):
    """How small a break is seen, and what would let one of the wanted size be seen."""

    median: float
    lower: float
    upper: float
    sees: float
    visible: bool
    at_best: bool
    against: list[str]
    items_now: int | None
    items: int | None
    items_known: bool
    rung: float | None
    rung_sees: float | None
    sentence: str


class Powered(Record):
    """What would make a break visible, for every metric of a task."""

    task: str
    metrics: list[PowerTold | PowerRefused]


class Belief(Record):
    """One part of a prior: how many entries, and the heaviest."""

    entries: int
    heaviest: str
    weight: float


class CategoryBelieved(Record):
    """What a prior says of one category of metrics."""

    category: str
    temper: float
    shape: Belief
    slope: Belief
    noise: Belief
    arrival: Belief


class PriorShown(Record):
    """A prior."""

    sha256: str = Field(serialization_alias="digest")
    made_of: str
    categories: list[CategoryBelieved]


class CategoryMoved(Record):
    """How one category moved: the heaviest form before and after, the share of belief that moved, and what it gains."""

    category: str
    ladders: int
    few: bool
    temper: float
    form_before: str
    share_before: float
    form_after: str
    share_after: float
    moved: dict[str, float]
    gain: float | None


class PriorLearnt(Record):
    """A prior that was moved by the ladders of the store."""

    file: str
    sha256: str = Field(serialization_alias="digest")
    before: str = Field(serialization_alias="from")
    ladders: int
    categories: list[CategoryMoved]
