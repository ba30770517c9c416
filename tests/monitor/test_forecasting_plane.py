"""Forecasts on two axes: parameters and tokens."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ladders import AT
from planes import ACC, LOSS, SIZES, TOKENS, loss, results

from checkpoints_db.errors import TooFewPoints
from checkpoints_db.records import PLANE, Forecast, Metric, Point, Sealed, Series, cost_of
from checkpoints_db.series import make_series
from monitor.forecasting import forecast, ladder_of, law_at
from monitor.verdicts import judge
from policies.terms import Judging

P = np.array([0.01, 0.1, 0.5, 0.9, 0.99])
BEYOND = (SIZES[3], TOKENS[4])


def plane(places: list[tuple[float, float]], values: list[float], metric: Metric = LOSS) -> Series:
    made = make_series(results(metric, 1), PLANE)
    points = [
        Point(run=f"r{i}", checkpoint=f"lab/r{i}", x=cost_of(p), plane=p, value=v, stderr=0.005, n=2000, result=str(i))
        for i, (p, v) in enumerate(zip(places, values, strict=True))
    ]
    return made.model_copy(update={"points": tuple(sorted(points, key=lambda p: p.x))})


def test_the_law_knows_where_in_the_plane_a_model_stands() -> None:
    made = forecast(make_series(results()))
    assert made.axis == PLANE
    law = law_at(made, BEYOND)
    assert float(law.quantile(0.01)) < loss(3, 4) < float(law.quantile(0.99))
    assert abs(law.median - loss(3, 4)) < 0.25 * abs(made.last_value - loss(3, 4))  # persistence is four times as far
    # The same FLOP in another shape is another forecast: a tiny model with endless data is worse than a balanced one.
    lean, wide = law_at(made, (SIZES[0], BEYOND[0] * BEYOND[1] / SIZES[0])), law_at(made, BEYOND)
    assert lean.median > wide.median + 0.1


def test_the_law_survives_the_ledger_unchanged() -> None:
    for metric in (LOSS, ACC):
        made = forecast(make_series(results(metric)))
        read = Forecast.model_validate_json(made.model_dump_json())
        assert read.digest == made.digest
        np.testing.assert_array_equal(law_at(read, BEYOND).quantile(P), law_at(made, BEYOND).quantile(P))


def test_beyond_is_where_no_rung_is_as_large_on_both_axes() -> None:
    made = forecast(make_series(results()))
    most = TOKENS[-1]
    for n, d in ((SIZES[2], most), (SIZES[0], most), (SIZES[2], 1.0), (SIZES[1] * 1.5, most * 0.99)):
        with pytest.raises(ValueError, match="not beyond"):
            law_at(made, (n, d))
    # An early checkpoint of a larger model took less FLOP than the last rung; a small one trained on took more tokens.
    for n, d in ((SIZES[2] * 1.001, TOKENS[0]), (SIZES[0], most * 1.001), (SIZES[3], most)):
        assert np.isfinite(law_at(made, (n, d)).median)
    with pytest.raises(ValueError, match="no place on params,tokens"):
        law_at(made, 1e22)
    with pytest.raises(ValueError, match="no place on flop"):
        law_at(made.model_copy(update={"axis": "flop"}), BEYOND)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([LOSS, ACC]), st.floats(-25, 25), st.floats(-25, 25), st.integers(0, 10_000))
def test_units_and_order_do_not_matter(metric: Metric, params: float, tokens: float, seed: int) -> None:
    n, d = math.exp(params), math.exp(tokens)
    shuffled = results(metric, params=n, tokens=d)
    shuffled = [shuffled[i] for i in np.random.default_rng(seed).permutation(len(shuffled))]
    one, other = forecast(make_series(results(metric))), forecast(make_series(shuffled))
    p = law_at(one, BEYOND).quantile(P)
    np.testing.assert_allclose(law_at(other, (BEYOND[0] * n, BEYOND[1] * d)).quantile(P), p, rtol=1e-6)
    assert (other.room, other.track.forecasts) == (one.room, one.track.forecasts)


def test_persistence_is_the_value_at_the_largest_flop() -> None:
    # The largest model has seen little: the costliest rung is another one.
    places = [(1e7, 1e9), (1e7, 1e10), (1e8, 1e9), (1e8, 1e10), (1e9, 1e8)]
    made = forecast(plane(places, [4.0, 3.5, 3.4, 2.8, 3.9]))
    assert made.last_value == 2.8
    assert made.x_last == cost_of((1e8, 1e10))
    assert made.rungs[-1] == "r3"


def test_too_few_places_are_refused() -> None:
    places = [(1e7, 1e9), (1e7, 1e10), (1e8, 1e9)]
    with pytest.raises(TooFewPoints, match="3 rungs"):
        forecast(plane([*places, places[0]], [4.0, 3.5, 3.4, 4.0]))
    assert len(forecast(plane([*places, (1e8, 1e10)], [4.0, 3.5, 3.4, 2.8])).ladder) == 4


def test_a_plateau_in_the_plane_says_nothing_about_a_take_off() -> None:
    places = [(n, d) for n in SIZES[:3] for d in TOKENS]
    flat = forecast(plane(places, [0.0] * 14 + [0.2], ACC))
    assert flat.plateau
    risen = forecast(plane(places, [0.1 + 0.02 * i for i in range(15)], ACC))
    assert not risen.plateau
    # Five rungs have left the floor: what is below them trains nothing, and there is enough left.
    made = forecast(plane(places, [0.0] * 10 + [0.1, 0.2, 0.3, 0.4, 0.5], ACC))
    assert not made.plateau
    assert {rung.scale[0] for rung in made.ladder} == {SIZES[2]}


def test_verdicts_say_where_a_result_stands() -> None:
    sealed = Sealed(forecast=forecast(make_series(results())), at=AT, seq=1)
    found = {(r.checkpoint.run, r.checkpoint.step): r for r in results(sizes=4)}
    late, early = found["s3", 4], found["s3", 2]
    verdict = judge(sealed, late, Judging())
    assert verdict.outcome == "expected"
    assert verdict.distance == pytest.approx(math.log(4))
    # 4 times the parameters, a quarter of the tokens: as many FLOP as the last rung, and a place of its own.
    assert judge(sealed, early, Judging()).outcome == "expected"
    within = early.checkpoint.model_copy(update={"params": SIZES[1]})
    assert judge(sealed, early.model_copy(update={"checkpoint": within}), Judging()).why == "smaller"
    broken = late.model_copy(update={"value": 1.8})
    assert judge(sealed, broken, Judging()).outcome == "above"
    lost = late.checkpoint.model_copy(update={"tokens": None})
    nowhere = judge(sealed, late.model_copy(update={"checkpoint": lost}), Judging())
    assert nowhere.why == "no_scale"
    assert "params,tokens" in nowhere.sentence


def test_a_thousand_checkpoints_stay_quick_and_small() -> None:
    places = [(n, 1e7 * (j + 1)) for n in SIZES for j in range(300)]
    values = [1.7 + 400 * n**-0.34 + 410 * d**-0.28 for n, d in places]
    start = time.process_time()
    made = forecast(plane(places, values))
    assert time.process_time() - start < 1  # measured 0.03
    assert len(made.ladder) <= 96
    assert ladder_of(plane(places, values)).scale.shape == (len(made.ladder), 2)
