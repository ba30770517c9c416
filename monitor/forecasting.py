"""Series -> Forecast: translates records to arrays, asks `monitor.science`, and writes the answer down to be sealed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from checkpoints_db.errors import FitFailed, TooFewPoints
from checkpoints_db.records import (
    Atom,
    Forecast,
    Lens,
    Metric,
    Place,
    Point,
    Rung,
    Series,
    Standing,
    TrackRecord,
    cost_of,
    digest_of,
)
from monitor.prior import Prior, shipped
from monitor.rungs import extent, floor_of, on_ceiling, on_floor, sampling_variance, telling, thinned
from monitor.science import refusal
from monitor.science.backtest import Record, backtest, blended, calibration
from monitor.science.blend import Blend
from monitor.science.dictionary import Category, Dictionary
from monitor.science.discrepancy import Noise
from monitor.science.law import Law
from monitor.science.predict import Chosen, Targets, chosen, law_of, shares
from monitor.science.scores import inside, skill
from monitor.science.signs import last_miss
from monitor.science.view import Ladder, View, view, views
from monitor.standing import sealed

JUDGEMENT_VERSION = 5
"""Raised by any change after which the same data and policy could give another decision."""

CODE_VERSION = version("holdpoint")
"""Of the code that forecasts; part of every seal."""

MIN_RUNGS = 4
"""Two rungs decide a line; the third and fourth are the least that can contradict it."""

MIN_NATS = 1.0
"""Smallest span of the ladder, log(x_last / x_first): below a factor of e, noise and trend cannot be told apart."""

LARGEST = 1e100
"""No metric is larger; squares of what is would overflow."""

SMALLEST = 1e-30
"""No metric is smaller without being 0."""

EXPLORED = 6.0
LEAST_ROOM = 0.25
"""Room of a metric with two bounds: the range; on a ladder that has moved little of it, so many times what it has
moved, but at least this share of the range. A break of thirty points means something else on a ladder that rose from 0
to 0.004 (where all of it would be a take-off) than on one that rose from 0.04 to 0.42."""

NEAR = 3.0
"""Room of a metric with one bound: from the worst rung to it, at most so many times what the last rung has left."""

Array = npt.NDArray[np.float64]


def data_digest(series: Series) -> str:
    """Digest of the points a forecast of `series` learns from: equal digests under one version mean equal forecasts."""
    return digest_of([p.body() for p in sorted(series.points, key=lambda p: p.x)])


def ladder_of(series: Series) -> Ladder:
    """The rungs of `series` that say how it grows: none at chance below a take-off, none saturated.

    Raises TooFewPoints where fewer than MIN_RUNGS distinct scales are left or they span less than MIN_NATS, FitFailed
    where a value is absurd.
    """
    telling = _telling(_sound(series), series.metric)
    if not _enough(telling):
        raise _too_few(series, telling)
    return _ladder(telling, series.metric)


def foreseeable(series: Series) -> bool:
    """Whether `series` has what a forecast needs: enough distinct scales, far enough apart, and no absurd value."""
    try:
        return _enough(_sound(series))
    except FitFailed:
        return False


def forecast(series: Series, prior: Prior | None = None) -> Forecast:
    """The predictive distribution of the next result of `series` at any scale beyond its last rung; deterministic.

    `prior` is what is believed of any series (the shipped one by default). Raises TooFewPoints where there are fewer
    than MIN_RUNGS distinct scales or they span less than MIN_NATS, FitFailed where no form gives finite numbers.
    """
    prior = shipped() if prior is None else prior
    ladder = _sound(series)
    if not _enough(ladder):
        raise _too_few(series, ladder)
    telling = _telling(ladder, series.metric)
    # What is left of a ladder below its take-off is too little to train on; the whole of it then has a law, which may
    # see a break but never calls a result expected.
    points = telling if _enough(telling) else ladder
    try:
        with np.errstate(over="raise", invalid="raise"):
            seen = views(_ladder(points, series.metric))
            dictionaries = [prior.of(v.category) for v in seen]
            kept = [chosen(v, d) for v, d in zip(seen, dictionaries, strict=True)]
            believed = shares(kept, dictionaries)
            history = blended([backtest(v, d) for v, d in zip(seen, dictionaries, strict=True)], believed)
            missed = last_miss(seen[int(believed.argmax())], dictionaries[int(believed.argmax())])
    except (np.linalg.LinAlgError, FloatingPointError) as broken:
        raise FitFailed(series.id, str(broken)) from broken
    if not np.isfinite(believed).all():
        raise FitFailed(series.id, "the fits are not finite; look for absurd values or standard errors on the ladder")
    variance = [sampling_variance(series.metric, p.value, p.stderr, p.n) for p in points]
    known = [v for v in variance if v is not None]
    noise = float(np.median(known)) if known else 0.0
    names = series.names()
    made = Forecast(
        series=series.id,
        family=series.family,
        task=series.task,
        metric=series.metric,
        stage=series.stage,
        conditions=series.conditions,
        axis=series.axis,
        rungs=tuple(names[p.checkpoint] for p in points),
        x_first=points[0].x,
        x_last=points[-1].x,
        last_value=_last(points),
        room=_room(series.metric, np.array([p.value for p in points]), noise),
        ladder=tuple(
            Rung(scale=p.place, cost=p.x, value=_plain(p.value), variance=v)
            for p, v in zip(points, variance, strict=True)
        ),
        lenses=tuple(
            Lens(
                link=d.category.link,
                share=float(f"{w:.12g}"),
                atoms=_atoms(d, own),
                arrivals=tuple(zip(d.arrivals, d.arrival_weights, strict=True)),
                widening=d.widening,
            )
            for d, w, own in zip(dictionaries, believed, kept, strict=True)
        ),
        prior=prior.digest,
        target_variance=noise,
        calibration=calibration(history),
        plateau=_before_take_off(points, series.metric),
        track=_track(history, mirrored=_mirror(series.metric) is not None),
        data_digest=data_digest(series),
        code_version=CODE_VERSION,
        judgement_version=JUDGEMENT_VERSION,
    )
    laws = _next_rung(seen, dictionaries, kept, made.calibration)
    law = Blend(tuple(zip(believed.tolist(), laws, strict=True)), _mirror(series.metric))
    return made.model_copy(update={"standing": _standing(made, ladder, law, missed)})


def _next_rung(seen: list[View], dictionaries: list[Dictionary], kept: list[Chosen], widening: float) -> list[Law]:
    # One average step beyond the ladder, as far in each axis.
    c, axes = seen[0].c, seen[0].u.shape[1]
    step = float(np.ptp(c)) / max(np.unique(c.round(6)).size - 1, 1)
    at = [Targets(np.full((1, axes), step / axes), np.array([step]), np.array([[v.variance[-1]]])) for v in seen]
    return [law_of(*each, widening)[0] for each in zip(seen, dictionaries, kept, at, strict=True)]


def _standing(made: Forecast, ladder: list[Point], next_rung: Blend, missed: float | None) -> Standing:
    metric, floor, chance = made.metric, None, floor_of(made.metric)
    if made.plateau and chance is not None:
        noise = math.sqrt(made.target_variance)
        off = metric.sign * (ladder[-1].value - chance) / noise if noise > 0 else 0.0
        floor = refusal.plateau(len(ladder), chance, off, sum(not on_floor([p], metric) for p in ladder))
    best = metric.upper if metric.sign > 0 else metric.lower
    full = all(on_ceiling(p, metric) for p in ladder[-2:])
    return sealed(np.array([rung.value for rung in made.ladder]), next_rung, floor, best if full else None, missed)


def law_at(forecast: Forecast, at: float | Place, variance: float | None = None) -> Blend:
    """The predictive law of the next result at scale `at`, on the axis of the forecast: (parameters, tokens) on two.

    `variance` is the squared standard error of that result in units of the metric squared; None takes the ladder's
    typical one. Raises ValueError where `at` is not beyond the ladder, has other axes, or either is no number.
    """
    return laws_at(forecast, [at], variance)[0]


def laws_at(forecast: Forecast, every: Sequence[float | Place], variance: float | None = None) -> list[Blend]:
    """`law_at` for several scales or places at little more than the price of one."""
    places = [at if isinstance(at, tuple) else (at,) for at in every]
    for place in places:
        if len(place) != len(forecast.axis.split(",")):
            raise ValueError(f"series {forecast.series}: {place} is no place on {forecast.axis}")
        x = cost_of(place)
        if not (x < math.inf and forecast.beyond(place)):
            raise ValueError(f"series {forecast.series}: {x:g} is not beyond the last rung {forecast.x_last:g}")
    noise = forecast.target_variance if variance is None else variance
    if not 0 <= noise < math.inf:
        raise ValueError(f"series {forecast.series}: a variance of {noise:g}; it must be finite and at least 0")
    ladder = _sealed_ladder(forecast)
    u = np.log(np.array(places) / ladder.scale.max(axis=0))
    c = np.log(np.array([cost_of(place) for place in places]) / forecast.x_last)
    parts = []
    for lens in forecast.lenses:
        seen = view(ladder, lens.link)
        targets = Targets(u, c, np.full((1, c.size), seen.noise_at(noise)))
        parts.append(law_of(seen, *_sealed_atoms(lens, seen.category), targets, forecast.calibration))
    shared, mirror = [lens.share for lens in forecast.lenses], _mirror(forecast.metric)
    return [Blend(tuple(zip(shared, laws, strict=True)), mirror) for laws in zip(*parts, strict=True)]


def _sound(series: Series) -> list[Point]:
    # In order of scale; refused where a number is none that an evaluation gives.
    ladder = thinned(sorted(series.points, key=lambda p: p.x))
    if any(max(abs(p.value), p.stderr or 0.0) > LARGEST for p in ladder):
        raise FitFailed(series.id, f"a value or standard error beyond {LARGEST:g}; look for a broken evaluation")
    return ladder


def _too_few(series: Series, points: list[Point]) -> TooFewPoints:
    rungs, span = extent(points)
    return TooFewPoints(series.id, rungs, MIN_RUNGS, span, MIN_NATS)


def _last(points: list[Point]) -> float:
    # Replicates of the largest scale are one rung.
    return float(np.mean([p.value for p in points if p.x >= points[-1].x * (1 - 1e-6)]))


def _mirror(metric: Metric) -> float | None:
    """The bound that a metric rises to, where that is its only one: its distance from there is a loss."""
    return metric.upper if metric.sign > 0 and metric.lower is None else None


def _enough(points: list[Point]) -> bool:
    rungs, span = extent(points)
    return rungs >= MIN_RUNGS and span >= MIN_NATS


def _telling(points: list[Point], metric: Metric) -> list[Point]:
    """Without the smallest rungs that are still at chance and the largest that are saturated: they train nothing."""
    return telling(points, [on_floor([p], metric) for p in points], [on_ceiling(p, metric) for p in points])


def _before_take_off(points: list[Point], metric: Metric) -> bool:
    # Too few rungs have left the floor to say where the trend goes from there.
    risen = _telling(points, metric)
    return on_floor(points[:1], metric) and len(risen) < len(points) and not _enough(risen)


def _plain(value: float) -> float:
    # Nobody measures 1e-200; a logarithm would take it for a trend.
    return 0.0 if abs(value) < SMALLEST else value


def _atoms(dictionary: Dictionary, kept: Chosen) -> tuple[Atom, ...]:
    weights: dict[tuple[int, int, int], float] = {}
    for h, k, t, weight in zip(kept.h.tolist(), kept.k.tolist(), kept.t.tolist(), kept.weight.tolist(), strict=True):
        weights[h, k, t] = weights.get((h, k, t), 0.0) + weight
    out = []
    for (h, k, t), weight in sorted(weights.items(), key=lambda each: (-each[1], each[0])):
        noise, (form, parameters) = dictionary.noises[h], dictionary.shapes[k]
        out.append(
            Atom(
                form=form,
                parameters=parameters,
                slope=dictionary.slopes[t],
                wander=noise.wander,
                ratio=noise.ratio,
                length=noise.length,
                share=noise.share,
                # Twelve digits: the last ones depend on the machine, and digests must not.
                weight=float(f"{weight:.12g}"),
            )
        )
    return tuple(out)


def _sealed_ladder(forecast: Forecast) -> Ladder:
    return _arrays(
        [r.scale for r in forecast.ladder],
        [r.value for r in forecast.ladder],
        [r.variance for r in forecast.ladder],
        forecast.metric,
    )


def _sealed_atoms(lens: Lens, category: Category) -> tuple[Dictionary, Chosen]:
    drawn = [(a.wander, a.ratio, a.length, a.share) for a in lens.atoms]
    noises = {noise: i for i, noise in enumerate(dict.fromkeys(drawn))}
    # Shapes of one form stand together in a dictionary.
    shapes = {shape: i for i, shape in enumerate(sorted({(a.form, a.parameters) for a in lens.atoms}))}
    slopes = {slope: i for i, slope in enumerate(sorted({a.slope for a in lens.atoms}))}
    one = (1.0,)
    dictionary = Dictionary(
        category=category,
        shapes=tuple(shapes),
        slopes=tuple(slopes),
        noises=tuple(Noise(*noise) for noise in noises),
        arrivals=tuple(e for e, _ in lens.arrivals),
        shape_weights=one * len(shapes),
        slope_weights=one * len(slopes),
        noise_weights=one * len(noises),
        arrival_weights=tuple(w for _, w in lens.arrivals),
        widening=lens.widening,
    )
    return dictionary, Chosen(
        np.array([noises[noise] for noise in drawn]),
        np.array([shapes[a.form, a.parameters] for a in lens.atoms]),
        np.array([slopes[a.slope] for a in lens.atoms]),
        np.array([a.weight for a in lens.atoms]),
    )


def _ladder(points: list[Point], metric: Metric) -> Ladder:
    return _arrays(
        [p.place for p in points],
        [_plain(p.value) for p in points],
        [sampling_variance(metric, p.value, p.stderr, p.n) for p in points],
        metric,
    )


def _arrays(places: list[Place], y: list[float], variance: list[float | None], metric: Metric) -> Ladder:
    value, mirror = np.array(y), _mirror(metric)
    return Ladder(
        scale=np.array(places),
        cost=np.array([cost_of(place) for place in places]),
        value=value if mirror is None else mirror - value,
        noise=np.array([np.nan if v is None else v for v in variance]),
        lower=metric.lower if mirror is None else 0.0,
        upper=metric.upper if mirror is None else None,
        falls=metric.sign < 0 or mirror is not None,
    )


def _room(metric: Metric, y: Array, noise: float) -> float:
    least = max(2 * math.sqrt(noise), 1e-9 * (1 + float(np.abs(y).max())))
    span = float(np.ptp(y))
    if metric.lower is not None and metric.upper is not None:
        width = metric.upper - metric.lower
        return min(max(EXPLORED * span, LEAST_ROOM * width), width)
    best = metric.upper if metric.sign > 0 else metric.lower
    if best is None:
        return max(span, least)
    # Half-bounded metrics have no full range. From the worst rung to the best possible value is what stands for it,
    # but a perplexity that began at 165 and is 3 now has not 162 left to gain.
    gap = np.abs(best - y)
    return max(min(float(gap.max()), NEAR * float(gap[-1])), least)


def _track(record: Record, *, mirrored: bool) -> TrackRecord:
    if not record.pit.size:
        return TrackRecord(forecasts=0)
    return TrackRecord(
        forecasts=int(record.pit.size),
        inside_80=inside(record.pit, 0.8),
        inside_95=inside(record.pit, 0.95),
        skill=skill(record.miss, record.miss_persistence),
        # Nine digits: the last ones depend on the machine, and digests must not.
        crps=float(f"{record.crps.mean():.9g}"),
        pit=tuple(float(f"{1 - p if mirrored else p:.9g}") for p in record.pit.clip(0.0, 1.0)),
    )
