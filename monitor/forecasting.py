"""Series -> Forecast: translates records to arrays, asks `monitor.science`, and writes the answer down to be sealed."""

from __future__ import annotations

import math
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from checkpoints_db.errors import FitFailed, TooFewPoints
from checkpoints_db.records import Fit, Forecast, Metric, Point, Series, TrackRecord, digest_of
from monitor.science.backtest import Fitted, learn
from monitor.science.fit import Ladder, ladder
from monitor.science.predict import Component, Mixture, predict
from monitor.science.scores import inside, skill
from monitor.science.transforms import binomial_variance, unstated_noise

JUDGEMENT_VERSION = 1
"""Raised by any change after which the same data and policy could give another decision."""

CODE_VERSION = version("holdpoint")
"""Of the code that forecasts; part of every seal."""

MIN_RUNGS = 4
"""Two rungs decide a line; the third and fourth are the least that can contradict it."""

MIN_NATS = 1.0
"""Smallest span of the ladder, log(x_last / x_first): below a factor of e, noise and trend cannot be told apart."""

KAPPA_THRESHOLDED = 0.3
KAPPA_LOSS = 0.2
"""Expected relative error of a predicted change (leave-out-sizes fits on public ladders: scores .3-1, losses .1-.2)."""

LARGEST = 1e100
"""No metric is larger; squares of what is would overflow."""

SMALLEST = 1e-30
"""No metric is smaller without being 0."""

EXPLORED = 6.0
LEAST_ROOM = 0.25
"""Room of a metric with two bounds: the range; on a ladder that has moved little of it, so many times what it has
moved,
but at least this share of the range. A break of thirty points means something else on a ladder that rose from 0 to
0.004
(where all of it would be a take-off) than on one that rose from 0.04 to 0.42."""

NEAR = 3.0
"""Room of a metric with one bound: from the worst rung to it, at most so many times what the last rung has left."""

RESOLVED = 0.01
"""Share of the range taken as two standard errors where a result states neither standard error nor item count."""

Array = npt.NDArray[np.float64]
Law = Mixture
"""The predictive law: quantile, cdf (P(Y <= y)), sf (P(Y >= y)) and median, in units of the metric."""


def data_digest(series: Series) -> str:
    """Digest of the points a forecast of `series` learns from: equal digests under one version mean equal forecasts."""
    return digest_of([p.body() for p in sorted(series.points, key=lambda p: p.x)])


def forecast(series: Series) -> Forecast:
    """The predictive distribution of the next result of `series` at any scale beyond its last rung; deterministic.

    Raises TooFewPoints where there are fewer than MIN_RUNGS distinct scales or they span less than MIN_NATS, FitFailed
    where no form gives finite numbers.
    """
    points = sorted(series.points, key=lambda p: p.x)
    if any(max(abs(p.value), p.stderr or 0.0) > LARGEST for p in points):
        raise FitFailed(series.id, f"a value or standard error beyond {LARGEST:g}; look for a broken evaluation")
    rungs = _ladder(points, series.metric)
    span = -float(rungs.u[0]) if rungs.n else 0.0
    if rungs.n < MIN_RUNGS or span < MIN_NATS:
        raise TooFewPoints(series.id, rungs.n, MIN_RUNGS, span, MIN_NATS)
    try:
        with np.errstate(over="raise", invalid="raise"):
            fitted = learn(rungs, KAPPA_THRESHOLDED if _bounded(series.metric) else KAPPA_LOSS)
    except (np.linalg.LinAlgError, FloatingPointError) as broken:
        raise FitFailed(series.id, str(broken)) from broken
    if not _finite(fitted):
        raise FitFailed(series.id, "the fits are not finite; look for absurd values or standard errors on the ladder")
    last = float(rungs.y[-1])
    noise = float(np.median(rungs.noise))
    return Forecast(
        series=series.id,
        family=series.family,
        task=series.task,
        metric=series.metric,
        stage=series.stage,
        conditions=series.conditions,
        axis=series.axis,
        rungs=tuple(p.run for p in points),
        x_first=points[0].x,
        x_last=points[-1].x,
        last_value=last,
        room=_room(series.metric, rungs, noise),
        fits=tuple(_fit(c) for c in fitted.components),
        target_variance=noise,
        calibration=fitted.calibration,
        plateau=on_floor(points, series.metric),
        track=_track(fitted),
        data_digest=data_digest(series),
        code_version=CODE_VERSION,
        judgement_version=JUDGEMENT_VERSION,
    )


def law_at(forecast: Forecast, x: float, variance: float | None = None) -> Law:
    """The predictive law of the next result at scale `x` (> x_last, on the axis of the forecast).

    `variance` is the squared standard error of that result in units of the metric squared; None takes the ladder's
    typical one. Raises ValueError where `x` is not beyond the ladder.
    """
    if not x > forecast.x_last:
        raise ValueError(f"series {forecast.series}: {x:g} is not beyond the last rung {forecast.x_last:g}")
    noise = forecast.target_variance if variance is None else variance
    parts = [Component(**fit.model_dump()) for fit in forecast.fits]
    u = math.log(x / forecast.x_last)
    return predict(parts, u, noise, forecast.metric.lower, forecast.metric.upper, forecast.calibration)


def sampling_variance(metric: Metric, value: float, stderr: float | None, n: int | None) -> float | None:
    """Squared standard error of one result, in units of the metric squared; None where nothing is known of it.

    A thresholded metric between two bounds is a share of n items: at 0 of n the harness says 0, the truth is not
    that sure.
    """
    if stderr is not None and stderr > 0:
        return stderr**2
    if n is not None and metric.kind == "thresholded" and metric.lower is not None and metric.upper is not None:
        width = metric.upper - metric.lower
        share = np.array((value - metric.lower) / width)
        return float(binomial_variance(share, np.array(float(n)))) * width**2
    # A standard error of 0 without an item count says that somebody did not know it.
    return None if stderr is None or n is None else stderr**2


def on_floor(points: list[Point], metric: Metric) -> bool:
    """Whether no rung has left chance, or the worst possible value, by more than two standard errors.

    Only asked of metrics whose floor is known: chance, or for thresholded metrics the bound on the incapable side.
    """
    worst = metric.lower if metric.sign > 0 else metric.upper
    floor = metric.chance if metric.chance is not None else worst if metric.kind == "thresholded" else None
    if floor is None:
        return False
    width = 1.0 if metric.lower is None or metric.upper is None else metric.upper - metric.lower
    for p in points:
        variance = sampling_variance(metric, p.value, p.stderr, p.n)
        margin = RESOLVED * width if variance is None else 2 * math.sqrt(variance)
        if metric.sign * (p.value - floor) > margin:
            return False
    return True


def _bounded(metric: Metric) -> bool:
    return metric.lower is not None and metric.upper is not None


def _ladder(points: list[Point], metric: Metric) -> Ladder:
    x = np.array([p.x for p in points])
    y = np.array([p.value for p in points])
    # Nobody measures 1e-200; its square underflows, and a logarithm would take it for a trend.
    y = np.where(np.abs(y) < SMALLEST, 0.0, y)
    known = [sampling_variance(metric, p.value, p.stderr, p.n) for p in points]
    least = unstated_noise(y, metric.lower, metric.upper)
    noise = np.array([least if v is None else v for v in known])
    if not points:
        return Ladder(x, y, noise, metric.lower, metric.upper)
    return ladder(x, y, noise, metric.lower, metric.upper)


def _room(metric: Metric, rungs: Ladder, noise: float) -> float:
    least = max(2 * math.sqrt(noise), 1e-9 * (1 + float(np.abs(rungs.y).max())))
    span = float(np.ptp(rungs.y))
    if metric.lower is not None and metric.upper is not None:
        width = metric.upper - metric.lower
        return min(max(EXPLORED * span, LEAST_ROOM * width), width)
    best = metric.upper if metric.sign > 0 else metric.lower
    if best is None:
        return max(span, least)
    # Half-bounded metrics have no full range. From the worst rung to the best possible value is what stands for it,
    # but a
    # perplexity that began at 165 and is 3 now has not 162 left to gain.
    gap = np.abs(best - rungs.y)
    return max(min(float(gap.max()), NEAR * float(gap[-1])), least)


def _fit(c: Component) -> Fit:
    return Fit(
        form=c.form,
        link=c.link,
        weight=min(c.weight, 1.0),
        exponent=c.exponent,
        coefficients=c.coefficients,
        covariance=c.covariance,
        variance=c.variance,
        dof=c.dof,
        kappa=c.kappa,
        drift=c.drift,
        reach=c.reach,
    )


def _track(fitted: Fitted) -> TrackRecord:
    record = fitted.record
    if not record.pit.size:
        return TrackRecord(forecasts=0)
    return TrackRecord(
        forecasts=int(record.pit.size),
        inside_80=inside(record.pit, 0.8),
        inside_95=inside(record.pit, 0.95),
        skill=skill(record.miss, record.miss_persistence),
    )


def _finite(fitted: Fitted) -> bool:
    numbers = [
        n
        for c in fitted.components
        for n in (*c.coefficients, *(v for row in c.covariance for v in row), c.weight, c.variance, c.drift)
    ]
    return bool(numbers) and bool(np.isfinite([*numbers, fitted.calibration]).all())
