"""The best threshold of a history made on paper: laws exactly known, breaks of known size, a closed form for the limit.

On trend a result is z ~ N(0, 1) under its own law; with a break it is z + d. A `break` rule pauses where the tail is
below t, that is where z is above u = ndtri(1 - t). With N checkpoints a year on trend, and breaks that cost R false
pauses each, L a year of them,

    cost(u) = N ndtr(-u) + R L ndtr(u - d),    cost'(u) = 0 at u* = d / 2 + log(N / (R L)) / d,

the likelihood-ratio threshold of Neyman and Pearson: the densities differ by exp(d u - d^2 / 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from checkpoints_db.records import Case, Metric, Verdict
from monitor.science.cheapest import contenders, resampled
from monitor.tuning.looking import PAUSED, code, settled
from monitor.tuning.outcome import Outcome
from monitor.tuning.params import Param, changed
from monitor.tuning.summing import LEVEL, Price, Tried, summed
from policies.loader import from_body
from policies.schema import Policy

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
LOSS = Metric(name="nll", kind="continuous", direction="lower", lower=0)
SHIFT, A_YEAR, RATIO, BREAKS = 3.0, 100.0, 10.0, 1.0
BEST = SHIFT / 2 + math.log(A_YEAR / (RATIO * BREAKS)) / SHIFT
TAIL = float(ndtr(-BEST))
PARAM = Param("break.tail", 0.001, 0.1, "", whole=False, log=True)
RUNS, PLACES, SEEDS = 400, 400, 20


def policy() -> Policy:
    rule = {"id": "break", "kind": "break", "level": "soft", "side": "above", "answer": "pause", "tail": 0.01}
    judging = {"tail": 0.2, "resolve": 1.0}
    return from_body({"name": "paper", "judging": judging, "rules": [rule]})


def case(z: float) -> Case:
    """A checkpoint with one result, `z` standard deviations toward capability under N(0, 1)."""
    verdict = Verdict(
        family="f",
        run="r",
        checkpoint="f/r",
        task="sums",
        metric=LOSS,
        series="s",
        result="x",
        forecast="d",
        outcome="expected",
        why="ok",
        observed=5 - z,
        median=5.0,
        level=0.6,
        tail_above=float(ndtr(-z)),
        tail_below=float(ndtr(z)),
        detectable=1.0,
        blindness=0.1,
        rungs=6,
        sentence="made on paper",
        judgement_version=3,
    )
    return Case(family="f", run="r", judged=True, verdicts=(verdict,), first_at=AT, last_at=AT)


def paused(policies: Sequence[Policy], z: float) -> list[bool]:
    return [bool(code(found) & PAUSED) for found in settled(policies, [case(z)] * len(policies), AT)]


def test_the_rule_decides_as_the_paper_says() -> None:
    """What the many histories below take for granted, asked of `decide` itself on both sides of the limit."""
    policies = [changed(policy(), [PARAM], [tail]) for tail in PARAM.values(5)]
    for i, tail in enumerate(PARAM.values(5)):
        edge = float(ndtri(1 - tail))
        assert paused(policies, edge + 1e-6)[i]
        assert not paused(policies, edge - 1e-6)[i]


def history(rng: np.random.Generator, tails: np.ndarray) -> Outcome:
    """A run a checkpoint: whether each setting pauses it, and whether it stops a break planted there."""
    limit = ndtri(1 - tails)
    on_trend, broken = rng.standard_normal(RUNS), rng.standard_normal(PLACES) + SHIFT
    stopped = np.where(broken[:, None] > limit, 0, -1)
    return Outcome(
        runs=tuple(f"f/r{i}" for i in range(RUNS)),
        run_of=np.arange(RUNS),
        codes=(on_trend[:, None] > limit) * PAUSED,
        confirmed=np.zeros(RUNS, dtype=bool),
        planted_in=np.arange(PLACES),
        stopped_at=stopped,
        looks=np.ones(PLACES, dtype=np.intp),
        days=np.where(stopped == 0, 0.0, np.nan),
        labels=("+3sd",) * PLACES,
        downward=False,
    )


def test_the_best_threshold_is_recovered_within_its_printed_interval() -> None:
    tails = np.array(PARAM.values(25))
    tried = [Tried((float(t),), (f"tail = {t:g}",), "d", i == 0) for i, t in enumerate(tails)]
    price = Price(RUNS / A_YEAR, RATIO, BREAKS)
    inside, widths, regret = 0, [], []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        settings, advice = summed(tried, history(rng, tails), price, rng)
        (low,), (high,) = advice.lower, advice.upper
        inside += low <= TAIL <= high
        widths.append(math.log(high / low))
        u = ndtri(1 - tails[advice.setting])
        regret.append(A_YEAR * ndtr(-u) + RATIO * BREAKS * ndtr(u - SHIFT))
        assert settings[advice.setting].contender
        assert low < tails[advice.setting] < high or advice.open_ended
    least = A_YEAR * ndtr(-BEST) + RATIO * BREAKS * ndtr(BEST - SHIFT)
    # 20 histories at 90 %: fewer than 15 inside has a probability of 1 % at most (binomial).
    assert inside >= 15
    assert np.median(widths) < 0.75 * math.log(tails[-1] / tails[0])
    assert np.mean(regret) < 1.3 * least


def test_the_interval_shrinks_with_history_and_says_when_there_is_too_little() -> None:
    tails = np.array(PARAM.values(13))
    tried = [Tried((float(t),), (f"tail = {t:g}",), "d", i == 0) for i, t in enumerate(tails)]
    rng = np.random.default_rng(5)
    whole = history(rng, tails)
    few = whole._replace(
        runs=whole.runs[:4],
        run_of=np.array([0, 1, 2, 3]),
        codes=whole.codes[:4],
        confirmed=whole.confirmed[:4],
        planted_in=whole.planted_in % 4,
    )
    _, long = summed(tried, whole, Price(RUNS / A_YEAR, RATIO, BREAKS), np.random.default_rng(1))
    _, short = summed(tried, few, Price(4 / A_YEAR, RATIO, BREAKS), np.random.default_rng(1))
    assert long.decided
    assert not short.decided
    assert any("too short to tell" in sentence for sentence in short.sentences)
    assert (short.lower, short.upper) == ((tails[0],), (tails[-1],))


@pytest.mark.parametrize("ratio", [1.0, 10.0, 100.0])
def test_dearer_breaks_take_a_looser_tail(ratio: float) -> None:
    tails = np.array(PARAM.values(25))
    found = history(np.random.default_rng(3), tails)
    false, missed = found.counts().rates()
    cost = A_YEAR * false + ratio * missed
    exact = A_YEAR * ndtr(-ndtri(1 - tails)) + ratio * ndtr(ndtri(1 - tails) - SHIFT)
    draws = resampled(np.random.default_rng(0), found.counts(), 500)
    kept = contenders(cost, A_YEAR * draws[0] + ratio * draws[1], A_YEAR / RUNS, LEVEL)
    assert kept[int(np.argmin(exact))]
    # What costs three times the least, and false pauses by tens, is out.
    assert not kept[exact > 3 * exact.min() + 1].any()
