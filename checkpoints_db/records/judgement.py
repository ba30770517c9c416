"""What we expect and how it compares: forecasts, verdicts, diagnoses."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Annotated, Literal, Self

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
    crps: Annotated[float, Field(ge=0)] | None = None
    """Mean continuous ranked probability score, in units of the metric; smaller is better."""
    pit: tuple[Share, ...] = ()
    """Where each result fell in its law, as the probability below it; even on [0, 1] where widths are honest."""


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

    def places(self) -> tuple[float, ...]:
        """Probability, under each forecast of its own history, of a result at most as capable as the one that came."""
        return tuple(p if self.metric.sign > 0 else 1 - p for p in self.track.pit)

    def beyond(self, place: Place) -> bool:
        """Whether no rung it learnt from is as large on every axis: of other places a forecast says nothing."""
        return not any(all(r >= p * (1 - 1e-9) for r, p in zip(rung.scale, place, strict=True)) for rung in self.ladder)


class Sealed(Record):
    """A forecast as the ledger has it."""

    forecast: Forecast
    at: Instant
    seq: Annotated[int, Field(ge=1)]

    @classmethod
    def read(cls, text: str, at: Instant, seq: int) -> Self:
        """From the canonical JSON of the forecast; raises ValueError where it is none."""
        made = cls(forecast=Forecast.model_validate_json(text), at=at, seq=seq)
        # What is known of the text need not be worked out from the record again.
        made.__dict__["name"] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return made

    @cached_property
    def name(self) -> str:
        """Digest of the forecast; of the very text that was sealed, where it was read from one."""
        return self.forecast.digest


Outcome = Literal["expected", "above", "below", "inconclusive", "unforeseen"]
"""above and below are meant in the direction of capability: a loss lower than forecast is `above`."""

Why = Literal[
    "ok",  # the outcome rests on a sealed forecast that could see
    "blind",  # inside the interval, but a break of the size the policy cares about would have been inside too
    "plateau",  # inside the interval of a history that has not left its floor, or just now
    "saturated",  # inside the interval of a history that has reached the best possible value
    "trend_unstable",  # inside the interval, but the forecast of the last rung missed it
    "forms_disagree",  # inside an interval that is mostly the disagreement of the forms
    "too_far",  # inside the interval, farther beyond the ladder than one step can be trusted
    "degenerate",  # every rung and the result have the very same value: the score measures nothing
    "too_few",  # not enough rungs for any forecast
    "unsealed",  # no forecast of this series was sealed before the result arrived
    "smaller",  # the checkpoint is not larger than the rungs the forecast learnt from
    "remarked",  # the result carries a remark (limit, invalidated, ...) and is not comparable with the ladder
    "no_scale",  # the checkpoint has no position on the axis of the series
    "no_parts",  # a part of a declared composition has no score on this checkpoint that could be read with it
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
    pit: Share | None = None
    """Probability under the sealed forecast of a smaller value: what its track record is made of."""
    crps: Annotated[float, Field(ge=0)] | None = None
    """Continuous ranked probability score of the sealed forecast, in units of the metric."""
    persistence: float | None = None
    """What repeating the value of the largest rung would have said."""
    room: Positive | None = None
    """The room that `blindness` is a share of, in units of the metric."""
    sentence: str
    judgement_version: int

    @property
    def broke(self) -> bool:
        """Whether the result lies outside of what was forecast."""
        return self.outcome in ("above", "below")


class Linked(Record):
    """What the continuous metric says the thresholded one should have been."""

    method: Literal["items", "item_product", "mean_product", "choice", "pass_at_k", "fitted"]
    predicted: float
    """Median of its law."""
    lower: float
    upper: float
    """Ends of its 98 % band, counting of items included."""
    law: tuple[tuple[Share, float], ...] = ()
    """(level, quantile) of the law of the result, in units of the metric."""
    tail_above: Share | None = None
    """Probability, under the link, of a score at least this much in the direction of capability."""
    tail_below: Share | None = None


ShapeName = Literal["rising", "sudden", "flat", "inverse", "u_shaped", "peaked", "dip", "unsteady", "degenerate"]


class Shape(Record):
    """How one metric of a task runs over all its rungs, this one included, in the direction of capability."""

    task: Name
    metric: Name
    name: ShapeName
    rungs: int
    sentence: str
    """The evidence: which rungs, how far, in how many standard errors."""


class Span(Record):
    """A share with the ends of its interval."""

    value: Share
    lower: Share
    upper: Share


class Composed(Record):
    """A composite task beside the parts that the catalogue declares for it; everything in shares above chance."""

    formula: str
    observed: Span
    """The composite, with its sampling interval at the level of the verdicts."""
    parts: dict[Name, Span] = Field(default_factory=dict)
    """The parts on the same checkpoint, likewise."""
    least: Share | None = None
    """Frechet's lower bound: what the parts give at the least, whatever their dependence."""
    independent: Share | None = None
    most: Share | None = None
    """Frechet's upper bound: that of the weakest part."""
    foreseen: Span | None = None
    """The composite of independent parts as their sealed forecasts had it, with the parts' errors taken together."""
    over_most: Share | None = None
    """Tail probability of a composite this far above the upper bound, by sampling alone."""
    over_independent: Share | None = None
    """The same of one this far above independence and `allowed`."""
    allowed: Share = 0.0
    """What the policy lets dependence add to independence."""
    detectable: float | None = None
    """Smallest excess over the upper bound that would have been seen; None where the noise is unknown."""
    step: Span | None = None
    """Success of one step, where steps are declared and the composite is read as their product."""


FaultName = Literal[
    "changed_conditions",  # the ladder was evaluated under another version, hash or other term of the task
    "changed_documents",  # the documents asked are not those of the ladder
    "repeated_documents",  # the same question was asked more than once
    "likelihood_jumps",  # few items became far likelier, more than ever on this ladder
    "order_effect",  # the likelihoods moved with the place in the file
    "unlikely_rise",  # the items that became right were the unlikelier ones
]


class Fault(Record):
    """Something about how a task was measured on a checkpoint, found in its items or its conditions."""

    family: Name
    run: Name
    checkpoint: Name
    task: Name
    name: FaultName
    stance: Literal["incomparable", "hint", "note"]
    """`incomparable`: the results cannot be compared with the ladder; `hint`: of contamination, the policy decides;
    `note`: worth knowing."""
    sentence: str
    documents: tuple[str, ...] = ()
    """Numbers of the documents behind it, the strongest first, at most twenty."""
    numbers: dict[str, float] = Field(default_factory=dict)
    by_chance: Share | None = None
    """How often such a finding is made by chance, for one checkpoint; None where chance has no part in it."""


DiagnosisName = Literal[
    "on_trend",
    "metric_artefact",
    "unexplained_jump",
    "genuine_break",
    "latent_break",
    "regression",
    "unresolved_jump",
    "inverse_scaling",
    "dip",
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
    composed: Composed | None = None
    """Of a question that the parts of a task put to it; nothing of it loosens what the task's own metrics say."""
    weights: tuple[tuple[DiagnosisName, Share], ...] = ()
    """Posterior weight of every reading that has a hundredth or more, heaviest first; empty where no law spoke."""
    surprises: tuple[tuple[Literal["continuous", "thresholded", "linked"], float], ...] = ()
    """How far each metric is above its own forecast, and the score above what the link says, in standard deviations."""
    shapes: tuple[Shape, ...] = ()
    """Of the continuous and of the thresholded metric, over the smaller rungs and this one."""
    sentence: str
    judgement_version: int
