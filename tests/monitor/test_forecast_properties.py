"""What a sealed forecast must not depend on, and what its law keeps to whatever the ladder."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ladders import GPT3_SMOOTH, GPT3_X, series
from pydantic import ValidationError
from tables import PRIOR, Row, rows, written

from checkpoints_db.errors import TooFewPoints
from checkpoints_db.records import Metric, Point, Series
from monitor.backtesting import backtest
from monitor.forecasting import forecast, law_at
from monitor.science.blend import Blend

KINDS = {
    "share": {"kind": "thresholded", "lower": 0.0, "upper": 1.0},
    "probability": {"kind": "continuous", "lower": 0.0, "upper": 1.0},
    "loss": {"kind": "continuous", "direction": "lower", "lower": 0.0},
    "likelihood": {"kind": "continuous", "upper": 0.0},
    "free": {"kind": "continuous"},
}
SHIFT = {"loss": lambda y: 1.5 - y, "likelihood": lambda y: y - 1.0}
FAR = np.array([1e-12, 1e-9, 1e-6, 0.005, 0.025, 0.25, 0.5, 0.75, 0.975, 0.995])
each_kind = pytest.mark.parametrize("kind", KINDS)

values = st.one_of(
    st.lists(st.floats(0.01, 0.98), min_size=4, max_size=7),
    st.lists(st.sampled_from([0.1, 0.3, 0.4, 0.7]), min_size=4, max_size=7),  # ties
    st.tuples(st.sampled_from([0.1, 0.4, 0.7]), st.integers(4, 7)).map(lambda of: [of[0]] * of[1]),  # never moved
)
"""Shares; numbers whose mean, taken of equal ones, is not always theirs are among them."""


def ladder(
    kind: str, y: Sequence[float], *, metric: float = 1.0, scale: float = 1.0, se: float | None = None
) -> Series:
    """`y` as results of `kind`, in units of metric and scale that are `metric` and `scale` times as large."""
    own = {k: v * metric if k in ("lower", "upper") else v for k, v in KINDS[kind].items()}  # type: ignore[operator]
    z = [metric * float(SHIFT.get(kind, float)(v)) for v in y]
    x = [scale * 1e18 * math.exp(0.9 * i + 0.1 * math.sin(i)) for i in range(len(y))]
    stderr = None if se is None else [metric * se] * len(y)
    return series(Metric.model_validate({"name": "m", **own}), x, z, stderr=stderr)


def law(of: Series, ahead: float = 1.1) -> Blend:
    made = forecast(of)
    return law_at(made, made.x_last * math.exp(ahead))


@each_kind
@settings(max_examples=6, deadline=None)
@given(y=values, power=st.floats(-6.0, 6.0), se=st.sampled_from([None, 0.01]), of=st.sampled_from(["metric", "scale"]))
def test_units_say_nothing(kind: str, y: list[float], power: float, se: float | None, of: str) -> None:
    unit = 10.0**power
    plain = law(ladder(kind, y, se=se)).quantile(FAR)
    moved = law(ladder(kind, y, se=se, **{of: unit})).quantile(FAR)  # type: ignore[arg-type]
    size = np.maximum(np.abs(plain), np.ptp(plain))
    assert (np.abs(moved / (unit if of == "metric" else 1.0) - plain) <= 1e-9 * size).all()


@each_kind
@settings(max_examples=4, deadline=None)
@given(data=st.data(), y=values)
def test_the_order_of_results_leaves_the_same_bytes(kind: str, data: st.DataObject, y: list[float]) -> None:
    """Ties of value among them, and the first result twice."""
    own = ladder(kind, y, se=0.01)
    own = own.model_copy(update={"points": (*own.points, own.points[0].model_copy(update={"run": "again"}))})
    order = data.draw(st.permutations(own.points))
    turned = own.model_copy(update={"points": tuple(order)})
    one, other = forecast(own).model_dump(), forecast(turned).model_dump()
    # Replicates of a scale stand in the order they came in; nothing else may tell.
    for each in (one, other):
        each.pop("rungs"), each.pop("data_digest")
    assert json.dumps(one, default=str) == json.dumps(other, default=str)


@each_kind
@settings(max_examples=6, deadline=None)
@given(y=values, se=st.sampled_from([None, 1e-6, 0.05]), ahead=st.floats(0.01, 8.0))
def test_any_law_is_one(kind: str, y: list[float], se: float | None, ahead: float) -> None:
    own = law(ladder(kind, y, se=se), ahead)
    q = own.quantile(FAR)
    assert np.isfinite(q).all()
    assert (np.diff(q) >= 0).all()
    # A quantile has p below it; beyond p only what lies on a bound.
    assert (own.cdf(q) >= FAR * (1 - 1e-6)).all()
    bounds = [KINDS[kind][bound] for bound in ("lower", "upper") if bound in KINDS[kind]]
    inside = np.abs(q[:, None] - np.array(bounds, dtype=float)).min(axis=1, initial=1.0) > 1e-12
    np.testing.assert_allclose(own.cdf(q[inside]), FAR[inside], rtol=1e-6)
    np.testing.assert_allclose(own.cdf(q[inside]) + own.sf(q[inside]), 1.0, rtol=1e-12)


@each_kind
@pytest.mark.parametrize("size", [1e-25, 1e-12, 1e12, 1e90])
def test_huge_and_tiny_numbers_have_the_same_law(kind: str, size: float) -> None:
    y = (0.2, 0.25, 0.33, 0.36, 0.44)
    plain, moved = law(ladder(kind, y)).quantile(FAR), law(ladder(kind, y, metric=size)).quantile(FAR)
    np.testing.assert_allclose(moved / size, plain, rtol=1e-9, atol=1e-9 * float(np.ptp(plain)))


@each_kind
@pytest.mark.parametrize("level", [0.1, 0.3, 0.7])
def test_a_ladder_that_never_moved_is_not_infinitely_sure(kind: str, level: float) -> None:
    """The mean of five times 0.1 is not 0.1: what rounding leaves of a spread is none."""
    for rungs in range(4, 9):
        low, middle, high = law(ladder(kind, [level] * rungs)).quantile(np.array([0.1, 0.5, 0.9]))
        assert middle == pytest.approx(float(SHIFT.get(kind, float)(level)), abs=0.02)
        assert high - low > 1e-5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_never_becomes_a_point(bad: float) -> None:
    good = {"run": "r", "checkpoint": "c", "x": 1.0, "value": 0.5, "stderr": 0.1, "result": "r"}
    for field in ("x", "value", "stderr"):
        with pytest.raises(ValidationError, match=field):
            Point.model_validate({**good, field: bad})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_there_is_no_law_at_what_is_no_scale(bad: float) -> None:
    made = forecast(ladder("share", (0.2, 0.25, 0.33, 0.36, 0.44)))
    with pytest.raises(ValueError, match="not beyond"):
        law_at(made, bad)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1e-9])
def test_there_is_no_law_of_a_result_whose_noise_is_no_number(bad: float) -> None:
    made = forecast(ladder("share", (0.2, 0.25, 0.33, 0.36, 0.44)))
    with pytest.raises(ValueError, match="variance"):
        law_at(made, 2 * made.x_last, bad)


@each_kind
@pytest.mark.parametrize("rungs", [1, 2, 3])
def test_too_short_is_too_short(kind: str, rungs: int) -> None:
    with pytest.raises(TooFewPoints, match=f"{rungs} rungs"):
        forecast(ladder(kind, (0.2, 0.3, 0.4)[:rungs]))


ALONE = """
import sys
import numpy as np
from ladders import GPT3_SMOOTH, GPT3_X, series
from checkpoints_db.records import Metric
from monitor.forecasting import forecast, law_at
for metric in (Metric(name="m", kind="thresholded", lower=0, upper=1), Metric(name="l", kind="continuous", upper=1)):
    for y in list(GPT3_SMOOTH.values())[:3]:
        made = forecast(series(metric, GPT3_X[:7], y[:7]))
        print(made.model_dump_json())
        q = law_at(made, GPT3_X[7]).quantile(np.array([0.005, 0.025, 0.5, 0.975, 0.995]))
        print(" ".join(map(float.hex, q.tolist())))
"""


def alone(**environment: str) -> list[str]:
    roots = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]
    told = {**os.environ, "PYTHONPATH": os.pathsep.join(roots), **environment}
    done = subprocess.run([sys.executable, "-c", ALONE], env=told, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_another_process_seals_the_same_bytes_and_threads_do_not_matter() -> None:
    """Bytes on one thread; with four of them, which add in another order, numbers to 1e-10."""
    one = alone(PYTHONHASHSEED="1", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    assert alone(PYTHONHASHSEED="2", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1") == one
    four = alone(PYTHONHASHSEED="3", OPENBLAS_NUM_THREADS="4", OMP_NUM_THREADS="4")
    assert [json.loads(line)["data_digest"] for line in four[::2]] == [json.loads(x)["data_digest"] for x in one[::2]]
    for a, b in zip(one[1::2], four[1::2], strict=True):
        np.testing.assert_allclose(*([float.fromhex(x) for x in line.split()] for line in (a, b)), rtol=1e-10)
    # And they are those of this process.
    made = forecast(series(Metric(name="m", kind="thresholded", lower=0, upper=1), GPT3_X[:7], first_smooth()[:7]))
    assert made.model_dump_json() == one[0]


def first_smooth() -> Sequence[float]:
    return next(iter(GPT3_SMOOTH.values()))


def wild(rng: np.random.Generator, n: int) -> list[Row]:
    """Ladders of every kind of metric and curve: lines, walks, jumps, plateaus, noise, of any size and direction."""
    out: list[Row] = []
    for i in range(n):
        kind = list(KINDS)[i % len(KINDS)]
        t = np.linspace(0, 1, 8)
        size = math.exp(rng.uniform(math.log(1e-4), math.log(0.45)))
        walk, jump = np.cumsum(rng.standard_normal(8)) / 3, (t > rng.uniform(0.2, 0.9)) * 1.0
        curve = (walk, t, -t, jump, 0 * t, rng.standard_normal(8))[i % 6]
        y = np.clip(0.5 + size * curve + math.exp(rng.uniform(-11, -3)) * rng.standard_normal(8), 0.01, 0.99)
        told = {k: v for k, v in KINDS[kind].items() if v is not None}
        own = [float(SHIFT.get(kind, float)(v)) for v in y]
        out += rows(f"{kind} {i}", "m", np.geomspace(1e7, 1e10, 8), own, 5, **{"direction": "higher", **told})
    return out


def test_no_published_quantile_runs_away(tmp_path: Path) -> None:
    """99.5 % lies at most four times as far from the median as 97.5 %, on either side, for every law of a backtest."""
    answer = backtest([written(tmp_path / "t.csv", wild(np.random.default_rng(20260101), 20))], PRIOR)
    told = [t.quantiles for s in answer.series for t in s.targets if t.quantiles is not None]
    assert len(told) == 60
    for q in told:
        assert q["0.995"] - q["0.5"] <= 4 * (q["0.975"] - q["0.5"]) + 1e-12
        assert q["0.5"] - q["0.005"] <= 4 * (q["0.5"] - q["0.025"]) + 1e-12
