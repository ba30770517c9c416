"""The probability of reaching a level anywhere on a path, against many drawn paths."""

from __future__ import annotations

import numpy as np
import pytest
from ladders import EXACT, GPT3_SMOOTH, GPT3_X, LIKELIHOOD, seal, series
from scipy.stats import t as student_t

from checkpoints_db.records import Forecast
from monitor.forecasting import laws_at
from monitor.science.blend import Blend
from monitor.science.reach import crossing


def path(forecast: Forecast, far: float = 4.0) -> list[Blend]:
    return laws_at(forecast, [(forecast.x_last * s,) for s in np.geomspace(1.001, far, 17)])


@pytest.fixture(scope="module")
def score() -> Forecast:
    made: Forecast = seal(series(EXACT, GPT3_X[:7], GPT3_SMOOTH["HellaSwag few-shot"][:7], n=10_000)).forecast
    return made


@pytest.mark.parametrize("level", [0.6, 0.72, 0.75, 0.8, 0.9, 1.0])
def test_it_is_what_drawn_paths_do(score: Forecast, level: float) -> None:
    """One component for a whole path, and one quantile of it: how often is the level reached somewhere?"""
    laws = path(score)
    rng = np.random.default_rng(0)
    reached = []
    for i, (share, first) in enumerate(laws[0].parts):
        k = rng.choice(first.weight.size, size=40_000, p=first.weight / first.weight.sum())
        draw = student_t.rvs(first.dof, size=k.size, random_state=rng)
        drawn = [law.parts[i][1] for law in laws]
        values = np.stack([law.seen.back(law.mean[k] + law.scale[k] * draw) for law in drawn])
        reached.append(share * (values.max(axis=0) >= level).mean())
    assert crossing(laws, level, above=True).anywhere == pytest.approx(sum(reached), abs=0.01)


def test_it_is_never_less_than_at_any_single_scale_and_grows_with_the_path(score: Forecast) -> None:
    last = 0.0
    for far in (1.5, 2.0, 4.0, 8.0):
        found = crossing(path(score, far), 0.78, above=True)
        assert 0 <= found.somewhere <= found.anywhere <= 1
        assert found.anywhere >= last - 1e-9
        last = found.anywhere
    near, far_level = (crossing(path(score), level, above=True).anywhere for level in (0.75, 0.85))
    assert near > far_level


def test_below_and_mirrored() -> None:
    """A log-likelihood is read as the loss that it is; its level is still one of the log-likelihood."""
    y = (-2.0, -1.6, -1.3, -1.05, -0.85)
    made: Forecast = seal(series(LIKELIHOOD, GPT3_X[:5], y, stderr=[0.01] * 5)).forecast
    laws = path(made)
    found = crossing(laws, -0.7, above=True)
    assert found.somewhere == pytest.approx(max(float(law.sf(-0.7)) for law in laws))
    assert crossing(laws, 0.0, above=True).anywhere < 0.01
    assert crossing(laws, -5.0, above=True).anywhere == pytest.approx(1.0, abs=1e-6)
    assert crossing(laws, -5.0, above=False).anywhere < 0.01
