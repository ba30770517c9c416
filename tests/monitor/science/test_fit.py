from __future__ import annotations

import numpy as np
import pytest

from monitor.science.backtest import learn
from monitor.science.fit import MOST_RUNGS, ladder
from monitor.science.predict import predict
from monitor.science.scores import crps, inside, interval_score, pit, skill

X = np.exp(np.linspace(0, 5, 7))


def test_replicates_are_averaged() -> None:
    rungs = ladder(np.array([1.0, 10.0, 10.0]), np.array([0.0, 1.0, 3.0]), np.array([0.1, 0.2, 0.4]))
    np.testing.assert_allclose(rungs.y, [0.0, 2.0])
    np.testing.assert_allclose(rungs.noise, [0.1, 0.15])
    np.testing.assert_allclose(rungs.u, [-np.log(10.0), 0.0])


def test_order_of_arrival_does_not_matter() -> None:
    y, noise = np.linspace(0.2, 0.7, 7), np.full(7, 1e-4)
    shuffled = np.array([3, 0, 6, 1, 5, 2, 4])
    a, b = ladder(X, y, noise), ladder(X[shuffled], y[shuffled], noise)
    np.testing.assert_array_equal(a.y, b.y)


def test_long_series_are_binned() -> None:
    x = np.exp(np.linspace(0, 3, 500))
    rungs = ladder(x, x, np.full(500, 1.0))
    assert rungs.n <= MOST_RUNGS + 1
    assert rungs.u[-1] == 0


@pytest.mark.parametrize(
    ("y", "lower", "upper", "true"),
    [
        (2 + 3 * X**-0.35, 0.0, None, lambda x: 2 + 3 * x**-0.35),
        (1 / (1 + np.exp(2 - 0.5 * np.log(X))), 0.0, 1.0, lambda x: 1 / (1 + np.exp(2 - 0.5 * np.log(x)))),
        (-3 + 0.4 * np.log(X), None, 0.0, lambda x: -3 + 0.4 * np.log(x)),
        (5 + 2 * np.log(X), None, None, lambda x: 5 + 2 * np.log(x)),
    ],
    ids=["power-law loss", "logistic share", "log-linear likelihood", "unbounded line"],
)
def test_smooth_laws_are_recovered(y, lower, upper, true) -> None:  # type: ignore[no-untyped-def]
    fitted = learn(ladder(X, y, np.full(7, 1e-8), lower, upper), 0.2)
    law = predict(fitted.components, 0.8, 1e-8, lower, upper, fitted.calibration)
    at = float(true(X[-1] * np.exp(0.8)))
    change = abs(at - float(y[-1]))
    assert abs(law.median - at) < 0.35 * change
    assert float(law.quantile(0.01)) < at < float(law.quantile(0.99))


def test_a_noisy_history_widens_and_says_so() -> None:
    y = np.array([0.2, 0.6, 0.15, 0.7, 0.2, 0.65, 0.3])
    smooth = np.linspace(0.2, 0.3, 7)
    noise = np.full(7, 1e-5)
    wild, calm = (learn(ladder(X, v, noise, 0.0, 1.0), 0.3) for v in (y, smooth))
    width = [
        float(np.ptp(predict(f.components, 0.8, 1e-5, 0.0, 1.0, f.calibration).quantile(np.array([0.05, 0.95]))))
        for f in (wild, calm)
    ]
    assert width[0] > 5 * width[1]
    assert wild.calibration >= 1
    assert calm.calibration >= 1


def test_weights_sum_to_one_and_the_engine_is_deterministic() -> None:
    rungs = ladder(X, np.linspace(0.2, 0.6, 7), np.full(7, 1e-4), 0.0, 1.0)
    a, b = learn(rungs, 0.3), learn(rungs, 0.3)
    assert a.components == b.components
    assert sum(c.weight for c in a.components) == pytest.approx(1.0)


def test_the_record_hardly_moves_with_the_future() -> None:
    """Weights are those of the time; only the pooled relative error of a change (kappa) and the noise floor look
    back."""
    y = np.array([0.2, 0.25, 0.31, 0.36, 0.4, 0.44, 0.48])
    other = y.copy()
    other[-1] = 0.46
    a, b = (learn(ladder(X, v, np.full(7, 1e-4), 0.0, 1.0), 0.3).record for v in (y, other))
    assert a.pit[0] == pytest.approx(b.pit[0], abs=0.1)
    assert a.miss_persistence[0] == b.miss_persistence[0]
    assert a.pit.size == 4


def test_scores_of_a_normal_law() -> None:
    rungs = ladder(X, np.linspace(0.0, 6.0, 7), np.full(7, 0.01))
    fitted = learn(rungs, 0.2)
    law = predict(fitted.components, 0.8, 0.01)
    assert pit(law, law.median) == pytest.approx(0.5, abs=1e-6)
    assert crps(law, law.median) < crps(law, law.median + 1)
    assert interval_score(0.0, 1.0, -1.0, 0.1) == pytest.approx(21.0)
    assert inside(np.array([0.5, 0.001]), 0.95) == 0.5
    assert skill(np.array([1.0]), np.array([0.0])) is None
