"""Shapes of answers about evidence and forecasts, where an answer is more than one record."""

from __future__ import annotations

from pydantic import Field

from checkpoints_db.catalogue.placement import Placement
from checkpoints_db.doctor import Short, Split
from checkpoints_db.records import Checkpoint, Diagnosis, Fault, Forecast, Record, Series, Verdict
from checkpoints_db.records.track import Tally
from monitor.emergence import Emergence
from monitor.planning import Prospect


class Verdicts(Record):
    """Verdicts, and the diagnoses that read them together."""

    verdicts: list[Verdict]
    diagnoses: list[Diagnosis]


class TaskVerdicts(Verdicts):
    """Verdicts on one task, with figures of the literature and faults of the measurement."""

    emergence: list[Emergence]
    faults: list[Fault]


class ForecastListed(Forecast):
    """A sealed forecast: when, in which row of the ledger, and what really came of such forecasts."""

    at: str
    seq: int
    sha256: str = Field(serialization_alias="digest")
    live: Tally


class Against(Record):
    """What speaks against a forecast at one place."""

    name: str
    sentence: str
    settles: str


class Said(Record):
    """What a forecast says at one place on its axis; `params` and `tokens` only on two axes."""

    x: float
    median: float
    lower_80: float
    upper_80: float
    lower_98: float
    upper_98: float
    detectable: float
    doubts: list[Against]


class SaidOnPlane(Said):
    """The same on two axes."""

    params: float
    tokens: float


class ForecastShown(Record):
    """One sealed forecast and what it says."""

    at: str
    seq: int
    sha256: str = Field(serialization_alias="digest")
    forecast: Forecast
    live: Tally
    says: list[SaidOnPlane | Said]


class Planned(Record):
    """What every series could see at checkpoints to come."""

    policy: str
    resolve: float
    counts: dict[str, int]
    without_series: list[str]
    prospects: list[Prospect]


class SeriesListed(Series):
    """A series, and the digest of its newest sealed forecast."""

    sealed: str | None


class SeriesShown(Series):
    """A series, with figures of the literature."""

    emergence: Emergence | None


class SplitTold(Split):
    """A metric that lies in several series, in words."""

    told: str = Field(serialization_alias="sentence")


class ShortTold(Short):
    """A series whose rungs are too few, in words."""

    remark: str = Field(serialization_alias="mark")
    told: str = Field(serialization_alias="sentence")


class SeriesExamined(Record):
    """Why ladders are short."""

    split: list[SplitTold]
    short: list[ShortTold]


class CheckpointListed(Checkpoint):
    """A checkpoint: how many results it has, and whether it came as history."""

    name: str = Field(serialization_alias="id")
    results: int
    baseline: bool


class Homeless(Record):
    """A result without a place."""

    model: str
    task: str
    reason: str


class Checkpoints(Record):
    """Every checkpoint, and what has no place yet."""

    checkpoints: list[CheckpointListed]
    unplaced: list[Homeless]


class CheckpointPlaced(Record):
    """Where a model belongs, and the entry of the catalogue that says so."""

    model: str
    checkpoint: str
    family: str
    by: str
    entry: str
    file: str
    line: int | None
    where: str
    ratio: float | None
    warnings: list[str]


class FamilyCounted(Record):
    """How the FLOP of a family are counted."""

    family: str
    flop_counts: str
    usual_ratio: float | None
    estimators: list[str]


class CatalogueChecked(Record):
    """Every model, where it belongs, and what is wrong with that."""

    checkpoints: list[CheckpointPlaced]
    families: list[FamilyCounted]
    unplaced: list[Placement]
    warnings: list[str]


class Quarantined(Record):
    """A file that no reader could read."""

    sha256: str
    path: str
    seen_as: list[str]
    size: int
    seen: str
    reason: str
    field: str
    readers_now: str
    begins: str
    kept: str = Field(serialization_alias="copy")
    next: str


class MovedTold(Record):
    """One question: its likelihood on the rung before and now, right or wrong."""

    document: int
    before: float | None
    now: float | None
    moved: float | None
    was: str | None
    right: str | None = Field(serialization_alias="is")


class ItemsMoved(Record):
    """The questions of a task that moved most."""

    task: str
    documents: int
    asked: int
    against: str | None
    moved: list[MovedTold]
    faults: list[Fault]
