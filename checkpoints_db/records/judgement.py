"""What we expect and how it compares: forecasts, verdicts, diagnoses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records.base import Instant, Record
from checkpoints_db.records.evidence import Axis, Metric, Name, Place, Positive

Share = Annotated[float, Field(ge=0, le=1)]

Link = Literal["log", "score", "free"]
"""How a metric is seen: the log of its distance from a bound, the share of its range, or the value in units of its
ladder's spread."""


class Rung(Record):
    """One result a forecast learnt from, in units of its axes and of its metric."""

    scale: Place
    """On one axis, or parameters and tokens."""
    cost: Positive
    """What orders the rungs: the scale on one axis, 6 * parameters * tokens on two."""
    value: float
    variance: Annotated[float, Field(ge=0)] | None = None
    """Squared standard error; None where unknown."""


class Atom(Record):
    """One shape with one slope prior and one noise, and the weight that history gives it.

    `monitor.science.fit` has the formulas; with the rungs an atom is all that is needed for its law at any larger
    scale.
    """

    form: Name
    parameters: tuple[float, ...]
    slope: tuple[float, float]
    """Size and lean of the prior of the slope, in the unit of the link per nat."""
    wander: Annotated[float, Field(gt=0)]
    ratio: Annotated[float, Field(ge=0)]
    length: Annotated[float, Field(gt=0)]
    share: Share
    weight: Share


class Lens(Record):
    """What the rungs say through one link."""

    link: Link
    share: Share
    """How far this link is believed."""
    atoms: tuple[Atom, ...]
    """Heaviest first; weights sum to 1."""
    arrivals: tuple[tuple[float, float], ...]
    """(part of a predicted change that arrives, its weight)."""
    widening: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    """(nats beyond the ladder from which it holds, factor on every scale), learnt from past misses of many series."""


class TrackRecord(Record):
    """How forecasts of this series did on its own history (rolling origin: hide the largest rungs, forecast, score)."""

    forecasts: Annotated[int, Field(ge=0)]
    inside_80: Share | None = None
    inside_95: Share | None = None
    skill: float | None = None
    """1 - mean absolute error / that of persistence; above 0 is better than repeating the last value."""
    places: tuple[Share, ...] = ()
    """Probability, under each of them, of a result at most as capable as the one that came; the last rung's is last."""


class Doubt(Record):
    """One ground for not trusting a forecast."""

    name: Name
    """As `monitor.science.refusal` names it: plateau, saturated, trend_unstable, too_uncertain."""
    sentence: str
    settles: str
    """What would settle it."""


class Standing(Record):
    """What a forecast is worth one rung beyond its ladder; what depends on a farther target its verdict says."""

    status: Literal["forecast", "refused"] = "forecast"
    doubts: tuple[Doubt, ...] = ()
    """Every ground there is; the first is the reason of a refusal."""

    @property
    def reason(self) -> str | None:
        """Name and sentence of the first ground."""
        return f"{self.doubts[0].name}: {self.doubts[0].sentence}" if self.doubts else None

    @property
    def settles(self) -> str | None:
        """What would settle the first ground."""
        return self.doubts[0].settles if self.doubts else None


class Forecast(Record):
    """The predictive distribution of the next result as a function of scale, valid beyond `x_last`.

    On two axes `x_first` and `x_last` are FLOP: what costs more than every rung is beyond them.
    """

    series: str
    """Id of the series."""
    family: Name
    task: Name
    metric: Metric
    stage: str
    conditions: str
    axis: Axis
    rungs: tuple[str, ...]
    """Runs it learnt from, in order of scale; where two axes make several rungs of a run, `run@step`."""
    x_first: Positive
    x_last: Positive
    last_value: float
    """Value at the largest rung: what persistence would answer."""
    room: Positive
    """The full range of the metric, or its room for improvement: what a break is measured against."""
    ladder: tuple[Rung, ...]
    lenses: tuple[Lens, ...]
    """One a link; their shares sum to 1."""
    prior: str
    """Digest of the dictionary before this series was seen."""
    target_variance: Annotated[float, Field(ge=0)] = 0.0
    """Typical squared standard error of one result, in units of the metric squared; 0 where unknown."""
    calibration: Annotated[float, Field(ge=1)] = 1.0
    """Factor on every scale, learnt from past misses; only ever widening."""
    plateau: bool = False
    """Whether no rung has left the floor or chance: a flat history says nothing about a take-off."""
    standing: Standing = Standing()
    """Whether it is a forecast at all, and what would make it one."""
    track: TrackRecord
    data_digest: str
    """Digest of the points it learnt from."""
    seed: int = 0
    """Seed of any random draw; the engine of this version draws none."""
    code_version: str
    judgement_version: int

    def beyond(self, place: Place) -> bool:
        """Whether no rung it learnt from is as large on every axis: of other places a forecast says nothing."""
        return not any(all(r >= p * (1 - 1e-9) for r, p in zip(rung.scale, place, strict=True)) for rung in self.ladder)


class Sealed(Record):
    """A forecast as the ledger has it."""

    forecast: Forecast
    at: Instant
    seq: Annotated[int, Field(ge=1)]


Outcome = Literal["expected", "above", "below", "inconclusive", "unforeseen"]
"""above and below are meant in the direction of capability: a loss lower than forecast is `above`."""

Why = Literal[
    "ok",  # the outcome rests on a sealed forecast that could see
    "blind",  # inside the interval, but a break of the size the policy cares about would have been inside too
    "plateau",  # inside the interval of a history that never left its floor
    "saturated",  # inside the interval of a history that has reached the best possible value
    "trend_unstable",  # inside the interval, but the forecast of the last rung missed it
    "forms_disagree",  # inside an interval that is mostly the disagreement of the forms
    "too_far",  # inside the interval, farther beyond the ladder than one step can be trusted
    "too_few",  # not enough rungs for any forecast
    "unsealed",  # no forecast of this series was sealed before the result arrived
    "smaller",  # the checkpoint is not larger than the rungs the forecast learnt from
    "remarked",  # the result carries a remark (limit, invalidated, ...) and is not comparable with the ladder
    "no_scale",  # the checkpoint has no position on the axis of the series
]


class Verdict(Record):
    """A statement about one metric on one checkpoint, with no action in it."""

    family: Name
    run: Name
    checkpoint: Name
    task: Name
    metric: Metric
    series: str
    result: str
    """Identity of the result judged."""
    forecast: str | None
    """Digest of the sealed forecast it was judged by."""
    sealed_at: Instant | None = None
    outcome: Outcome
    why: Why
    observed: float
    stderr: float | None = None
    n: int | None = None
    median: float | None = None
    lower: float | None = None
    """Lower end of the central predictive interval at `level`."""
    upper: float | None = None
    level: Share
    """1 - 2 * tail of the policy's judging: the probability inside [lower, upper]."""
    tail_above: Share | None = None
    """Probability of a result at least this much in the direction of capability."""
    tail_below: Share | None = None
    """Probability of a result at least this far against the direction of capability."""
    detectable: Annotated[float, Field(ge=0)] | None = None
    """Minimum detectable break toward capability, in units of the metric; None where nothing can be seen."""
    blindness: Annotated[float, Field(ge=0)] | None = None
    """`detectable` as a share of the metric's room; compared with the policy's `resolve`."""
    rungs: int = 0
    distance: float | None = None
    """log(x / x_last) in nats; of FLOP on two axes."""
    skill: float | None = None
    coverage: Share | None = None
    """Share of past forecasts of the series inside their 80 % interval."""
    sentence: str
    judgement_version: int


class Linked(Record):
    """What the continuous metric says the thresholded one should have been."""

    method: Literal["item_product", "mean_product", "fitted"]
    predicted: float
    lower: float
    upper: float


DiagnosisName = Literal[
    "on_trend",
    "metric_artefact",
    "unexplained_jump",
    "genuine_break",
    "latent_break",
    "regression",
    "unresolved_jump",
    "inconclusive",
]


class Diagnosis(Record):
    """The verdicts of one task under its continuous and thresholded metrics, read together."""

    family: Name
    run: Name
    checkpoint: Name
    question: Name
    """What was asked: a task, or the group of tasks the catalogue reads together."""
    name: DiagnosisName
    why: Why
    """Why it is inconclusive, where it is."""
    continuous: Verdict | None
    thresholded: Verdict | None
    linked: Linked | None = None
    sentence: str
    judgement_version: int
