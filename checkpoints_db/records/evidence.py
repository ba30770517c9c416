"""What was observed: metrics, readings, checkpoints, results, series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from checkpoints_db.records.base import Instant, Record, digest_of

Kind = Literal["continuous", "thresholded"]
Direction = Literal["higher", "lower"]
Axis = Literal["flop", "params", "tokens", "effective_compute", "params,tokens"]
Positive = Annotated[float, Field(gt=0)]
PLANE: Axis = "params,tokens"
"""The axis of two: a checkpoint is a point of the plane of parameters and tokens, in this order."""
Name = Annotated[str, Field(min_length=1, max_length=500)]
Place = tuple[Positive, ...]
"""One scale, or parameters and tokens."""
Term = bool | int | float | Annotated[str, Field(max_length=500)] | None
"""One part of the conditions of an evaluation, as the log has it."""

SCALES: tuple[Literal["params", "tokens", "flop"], ...] = ("params", "tokens", "flop")
SAME_SCALE = 0.15
"""How far two statements of one scale of a checkpoint may be apart: conventions and rounding make less of it."""


def cost_of(place: tuple[float, ...]) -> float:
    """What orders places: the scale itself; on two axes 6 * parameters * tokens, training FLOP (Kaplan et al. 2020).

    Of the place alone, never the FLOP that somebody stated: a scale nobody has trained at yet has its cost too, and
    two conventions cannot mix.

    >>> cost_of((7e9, 2e12))
    8.4e+22
    """
    return place[0] if len(place) == 1 else 6 * place[0] * place[1]


class Metric(Record):
    """A named measure of the answers, with direction, range and chance level."""

    name: Name
    kind: Kind
    direction: Direction = "higher"
    lower: float | None = None
    """Smallest possible value, where there is one."""
    upper: float | None = None
    """Largest possible value, where there is one."""
    chance: float | None = None
    """Value that guessing reaches, where it is known."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"metric {self.name}: lower {self.lower} is not below upper {self.upper}")
        if self.chance is not None and not self.holds(self.chance):
            raise ValueError(f"metric {self.name}: chance {self.chance} lies outside the range")
        return self

    @property
    def sign(self) -> int:
        """+1 where a larger value means more capability, -1 where a smaller one does."""
        return 1 if self.direction == "higher" else -1

    def holds(self, value: float) -> bool:
        """Whether `value` lies in the range of the metric (to rounding, 1e-9)."""
        above = self.lower is None or value >= self.lower - 1e-9
        return above and (self.upper is None or value <= self.upper + 1e-9)

    def differs(self, other: Metric) -> tuple[str, ...]:
        """What two statements of one metric say differently, in words; numbers under both cannot be compared.

        >>> Metric(name="nll", kind="continuous").differs(Metric(name="nll", kind="thresholded", upper=100))
        ('kind is continuous, was thresholded', 'upper is not stated, was 100')
        """
        named = ((name, getattr(self, name), getattr(other, name)) for name in ("kind", "direction", "lower", "upper"))
        return tuple(f"{name} is {_stated(now)}, was {_stated(was)}" for name, now, was in named if now != was)


def _stated(part: str | float | None) -> str:
    return "not stated" if part is None else part if isinstance(part, str) else f"{part:g}"


class Measured(Record):
    """What a reading and a result have in common: one metric of one task, with its noise."""

    task: Name
    metric: Metric
    value: float
    stderr: Annotated[float, Field(ge=0)] | None = None
    n: Annotated[int, Field(gt=0)] | None = None
    """Number of items behind the value."""
    date: Instant | None = None
    """When the evaluation ran, as the log says."""
    harness: str = ""
    """Program that evaluated, and its version: `lm_eval 0.4.13`."""
    conditions: str = ""
    """Digest of what must agree for two results to be compared; empty where the source says nothing."""
    terms: dict[Name, Term] = Field(default_factory=dict)
    """The parts behind `conditions`, so that it can be said in words what differs; empty where nobody kept them."""
    remarks: tuple[str, ...] = ()
    """Reasons to keep this value out of forecasts (`limit`, `invalidated`, ...); empty for a plain result."""

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        if not self.metric.holds(self.value):
            low, high = self.metric.lower, self.metric.upper
            raise ValueError(
                f"task {self.task}, metric {self.metric.name}: value {self.value} outside its range [{low}, {high}]"
            )
        return self


class Reading(Measured):
    """One metric of one task as a log states it, before the catalogue has placed it.

    Fields of scale are filled only where the source itself names them (the plain table does).
    """

    model: Name
    """Name of the model as the log has it; what the patterns of the catalogue are matched against."""
    family: str | None = None
    run: str | None = None
    step: Annotated[int, Field(ge=0)] | None = None
    params: Positive | None = None
    tokens: Positive | None = None
    flop: Positive | None = None
    role: Literal["train", "target"] | None = None
    """Only used by backtests: `train` rows are smaller rungs, `target` rows what is to be forecast."""


class Checkpoint(Record):
    """Saved weights of a run at one step: the thing evaluated."""

    family: Name
    run: Name
    model: Name
    step: Annotated[int, Field(ge=0)] | None = None
    stage: str = ""
    """Point of training at which the rungs of the family are compared (`step 3000`); empty when there is one."""
    params: Positive | None = None
    tokens: Positive | None = None
    flop: Positive | None = None
    effective_compute: Positive | None = None
    """Training FLOP times the factor the catalogue declares for data and algorithm; None where it declares none."""
    estimator: Annotated[str, Field(max_length=200)] = ""
    """Where that factor comes from, in the catalogue's words; two estimators are never of one series."""

    @property
    def id(self) -> str:
        """`family/run@step`; without a step `family/run@3e+11tok`, or `family/run` where tokens are unknown too."""
        at = self.step if self.tokens is None or self.step is not None else f"{self.tokens:g}tok"
        return f"{self.family}/{self.run}" + ("" if at is None else f"@{at}")

    def place(self, axis: Axis) -> tuple[float, ...] | None:
        """Where it stands on `axis`: one scale, or parameters and tokens; None where one of them is not known."""
        scales = {"flop": self.flop, "params": self.params, "tokens": self.tokens}
        scales["effective_compute"] = self.effective_compute
        found = [scale for name in axis.split(",") if (scale := scales[name]) is not None]
        return tuple(found) if len(found) == len(axis.split(",")) else None

    def moved(self, other: Checkpoint) -> tuple[str, ...]:
        """Scales that both state and that are not the same, to `SAME_SCALE`: `flop 4e+21, now 5e+20`."""
        both = [(name, getattr(self, name), getattr(other, name)) for name in SCALES]
        apart = [(n, a, b) for n, a, b in both if a and b and max(a, b) > min(a, b) * (1 + SAME_SCALE)]
        return tuple(f"{name} {mine:.4g}, now {its:.4g}" for name, mine, its in apart)

    def scale(self, axis: Axis) -> float | None:
        """What it is ordered by on `axis`: `cost_of` its place, or None where that is not known."""
        place = self.place(axis)
        return None if place is None else cost_of(place)


class Result(Measured):
    """One metric of one task on one checkpoint."""

    checkpoint: Checkpoint
    source: str = ""
    """SHA-256 of the file it was read from."""

    @property
    def key(self) -> str:
        """What the result is of: same checkpoint, task, metric and conditions have the same key."""
        return digest_of([self.checkpoint.id, self.task, self.metric.name, self.conditions])

    @property
    def identity(self) -> str:
        """What the result says: its key and its numbers, whatever file carried it."""
        return digest_of([self.key, self.value, self.stderr, self.n, list(self.remarks)])

    def against(self, first: Result) -> str:
        """In which number it differs from the result of the same key that came first, in words."""
        numbers = (("", first.value, self.value), ("standard error ", first.stderr, self.stderr))
        for what, was, now in (*numbers, ("number of items ", first.n, self.n)):
            if was != now:
                told = [_stated(was), _stated(now)]
                if told[0] == told[1]:  # they differ in a digit that is not shown
                    told = [str(was), str(now)]
                return f"{what}was {told[0]}, and is {told[1]}"
        return f"was {_stated(first.value)}, and is that with other remarks"

    @property
    def series(self) -> str:
        """Id of the series this result belongs to, twelve hexadecimal characters."""
        place = [self.checkpoint.family, self.checkpoint.stage]
        place += [self.checkpoint.estimator] if self.checkpoint.estimator else []
        return digest_of([*place, self.task, self.metric.name, self.conditions])[:12]


class Point(Record):
    """One rung of a series: a result and where it stands on the axis."""

    run: Name
    checkpoint: Name
    x: Positive
    """Scale: parameters, tokens or training FLOP, as the axis of the series says; on two axes `cost_of` them."""
    plane: tuple[Positive, Positive] | None = None
    """Parameters and tokens, where the series has two axes."""
    value: float
    stderr: float | None = None
    n: int | None = None
    result: str
    """Identity of the result."""

    @property
    def place(self) -> tuple[float, ...]:
        """Its scale on every axis of the series."""
        return (self.x,) if self.plane is None else self.plane


class Series(Record):
    """The results of one metric of one task in one family along its axis, in order of scale."""

    id: str
    family: Name
    task: Name
    metric: Metric
    stage: str
    conditions: str
    axis: Axis
    points: tuple[Point, ...]

    def names(self) -> dict[str, str]:
        """Checkpoint -> what its rung is called: its run, or `run@step` where two axes make several rungs of a run."""
        rungs = Counter(point.run for point in self.points)
        several = {run for run, n in rungs.items() if n > 1 and self.axis == PLANE}
        prefix = f"{self.family}/"
        return {p.checkpoint: p.checkpoint.removeprefix(prefix) if p.run in several else p.run for p in self.points}

    def without(self, results: Collection[str]) -> Series:
        """The series without the rungs that some results are, named by their identities."""
        kept = tuple(p for p in self.points if p.result not in results) if results else self.points
        return self if len(kept) == len(self.points) else self.model_copy(update={"points": kept})

    def below(self, x: float) -> Series:
        """The part of the series at scales strictly smaller than `x`."""
        return self.model_copy(update={"points": tuple(p for p in self.points if p.x < x * (1 - 1e-9))})
