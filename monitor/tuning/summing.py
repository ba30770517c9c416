"""Counts for each setting -> rates with their limits, the Pareto front, and the setting of least cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitor.science.cheapest import contenders, poisson_limits, resampled, share_limits
from monitor.science.pareto import front
from monitor.tuning.looking import HELD, PAUSED
from monitor.tuning.outcome import Outcome
from monitor.tuning.records import Limits, Recommended, Setting

Array = npt.NDArray[np.float64]

LEVEL = 0.9
"""Of every interval that is printed."""

DRAWS = 2000
"""Resampled histories."""

FEWEST_RUNS = 5
"""Of fewer independent runs no spread can be told; then every setting stays in question."""


class Tried(NamedTuple):
    """One setting that was tried, before it is known what it did."""

    values: tuple[float | None, ...]
    spelled: tuple[str, ...]
    policy: str
    current: bool


class Price(NamedTuple):
    """What a setting costs, in false pauses: years of history, cost of a missed break, real breaks a year."""

    years: float
    ratio: float
    breaks: float


def summed(
    tried: Sequence[Tried], found: Outcome, price: Price, rng: np.random.Generator
) -> tuple[tuple[Setting, ...], Recommended]:
    """What each setting did, and which one to take; `rng` draws the resampled histories."""
    counts = found.counts()
    chances = float(counts.chances.sum())
    per_year = chances / price.years
    false, missed = (np.nan_to_num(rate) for rate in counts.rates())
    drawn_false, drawn_missed = (np.nan_to_num(rate) for rate in resampled(rng, counts, DRAWS))
    cost = _cost(false * per_year, missed, price)
    drawn = _cost(drawn_false * per_year, drawn_missed, price)
    planted = float(counts.planted.sum())
    grain = float(np.hypot(1 / price.years, price.ratio * price.breaks / max(planted, 1.0)))
    enough = len(found.runs) >= FEWEST_RUNS
    kept = contenders(cost, drawn, grain, LEVEL) if enough else np.ones(cost.size, dtype=bool)
    delay = found.let_through().mean(axis=0) if planted else np.zeros(cost.size)
    best = front(np.column_stack([false, missed, delay]))
    settings = tuple(
        _setting(tried[i], found, i, price).model_copy(
            update={
                "a_year": float(false[i] * per_year),
                "a_year_limits": _yearly(float(false[i] * chances), price.years, drawn_false[:, i] * per_year),
                "missed": float(missed[i]),
                "missed_limits": _missed(float(missed[i] * planted), planted, drawn_missed[:, i]),
                "delay": float(delay[i]),
                "cost": float(cost[i]),
                "front": bool(best[i]),
                "contender": bool(kept[i]),
            }
        )
        for i in range(cost.size)
    )
    return settings, _recommended(settings, enough=enough, runs=len(found.runs), price=price)


def _cost(a_year: Array, missed: Array, price: Price) -> Array:
    return np.asarray(a_year + price.ratio * price.breaks * missed)


def _setting(tried: Tried, found: Outcome, i: int, price: Price) -> Setting:
    codes, on_trend = found.codes[:, i], ~found.confirmed
    paused = (codes & PAUSED) > 0
    stopped = found.stopped_at[:, i] >= 0
    labels = np.array(found.labels)
    real = found.confirmed & ((codes & (PAUSED | HELD)) == 0)
    nothing = Limits(lower=0, upper=0)
    return Setting(
        values=tried.values,
        spelled=tried.spelled,
        policy=tried.policy,
        current=tried.current,
        false_pauses=int((paused & on_trend).sum()),
        false_holds=int((~paused & ((codes & HELD) > 0) & on_trend).sum()),
        a_year=0,
        a_year_limits=nothing,
        missed=0,
        missed_limits=nothing,
        delay=0,
        days=float(found.days[stopped, i].mean()) if stopped.any() else None,
        by_size={label: float((~stopped[labels == label]).mean()) for label in dict.fromkeys(found.labels)},
        confirmed_missed=int(real.sum()),
        cost=0,
    )


def _yearly(events: float, years: float, drawn: Array) -> Limits:
    # The wider of what the count itself leaves open and what runs that hang together do.
    low, high = (limit / years for limit in poisson_limits(events, LEVEL))
    return _wider(low, high, drawn)


def _missed(hits: float, of: float, drawn: Array) -> Limits:
    return _wider(*share_limits(hits, of, LEVEL), drawn)


def _wider(low: float, high: float, drawn: Array) -> Limits:
    spread = np.quantile(drawn, [0.5 * (1 - LEVEL), 0.5 * (1 + LEVEL)])
    return Limits(lower=min(low, float(spread[0])), upper=max(high, float(spread[1])))


def _recommended(settings: Sequence[Setting], *, enough: bool, runs: int, price: Price) -> Recommended:
    now = next((s for s in settings if s.current), settings[0])
    # Of equal costs the one that misses less, then the one nearest to what there is.
    order = sorted(
        range(len(settings)), key=lambda i: (settings[i].cost, settings[i].missed, _far(settings[i], now), i)
    )
    best, kept = order[0], [s for s in settings if s.contender]
    lower, upper, ends = _span(settings, kept)
    better = not now.contender
    decided = len(kept) < len(settings)
    return Recommended(
        setting=best,
        lower=lower,
        upper=upper,
        level=LEVEL,
        open_ended=ends,
        decided=decided,
        better=better,
        sentences=tuple(_said(settings[best], now, price, decided=decided, better=better, enough=enough, runs=runs)),
    )


def _far(one: Setting, other: Setting) -> float:
    pairs = [(a, b) for a, b in zip(one.values, other.values, strict=True) if a is not None and b is not None]
    return float(sum(abs(a - b) for a, b in pairs))


def _span(settings: Sequence[Setting], kept: Sequence[Setting]) -> tuple[tuple[float, ...], tuple[float, ...], bool]:
    """From the last value that is out below the contenders to the first one that is out above them.

    Between two values that were tried nothing was: the best one may lie anywhere up to the next that is out.
    """
    lower, upper, ends = [], [], False
    for k in range(len(settings[0].values)):
        grid = sorted({v for s in settings if (v := s.values[k]) is not None})
        own = [v for s in kept if (v := s.values[k]) is not None] or grid
        lower.append(max((v for v in grid if v < min(own)), default=grid[0]))
        upper.append(min((v for v in grid if v > max(own)), default=grid[-1]))
        ends |= min(own) == grid[0] or max(own) == grid[-1]
    return tuple(lower), tuple(upper), ends


def _said(
    best: Setting, now: Setting, price: Price, *, decided: bool, better: bool, enough: bool, runs: int
) -> Iterator[str]:
    yield (
        f"a missed break costs {price.ratio:g} false pauses and {price.breaks:g} a year are expected: "
        f"{', '.join(best.spelled)} costs least, {best.cost:.3g} false pauses a year in all "
        f"({best.a_year:.2g} false ones, {best.missed:.0%} of breaks missed)"
    )
    if not enough:
        yield f"history is too short to tell the settings apart: {runs} runs, and {FEWEST_RUNS} are the least"
    elif not decided:
        yield "history is too short to tell the settings apart: any of them may be the one that costs least"
    if best.current:
        yield "that is what the policy has now"
    elif better:
        yield f"what the policy has now ({', '.join(now.spelled)}) costs {now.cost:.3g}, more than chance explains"
    else:
        yield (
            f"what the policy has now ({', '.join(now.spelled)}) costs {now.cost:.3g}; this history does not tell the "
            "two apart, and is no ground to loosen it"
        )
