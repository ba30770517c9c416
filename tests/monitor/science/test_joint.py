from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import t as student

from monitor.science import joint
from monitor.science.joint import NAMES, Reading, weights


def named(*readings: Reading | None) -> str:
    return NAMES[int(weights(*readings).argmax())]


def test_weights_sum_to_one_and_a_batch_is_its_rows() -> None:
    u = np.linspace(-5, 12, 40)
    batch = weights(Reading(u, 20.0), Reading(u[::-1], 10.0, 0.1), Reading(0.5 * u, 8.0, 0.2))
    assert batch.shape == (40, 7)
    assert batch.sum(axis=1) == pytest.approx(1.0)
    for i in (0, 17, 39):
        one = weights(Reading(u[i], 20.0), Reading(u[::-1][i], 10.0, 0.1), Reading(0.5 * u[i], 8.0, 0.2))
        assert one[0] == pytest.approx(batch[i])


def test_the_density_under_a_break_is_the_integral_over_its_sizes() -> None:
    for score, room in ((0.0, 5.0), (3.0, 5.0), (40.0, 100.0), (-3.0, 30.0)):
        w = weights(Reading(score, room), None, None)[0]
        low, high = (size * room for size in joint.SIZES)
        up = quad(lambda b, score=score: student.pdf(score - b, joint.DOF), low, high, limit=200)[0] / (high - low)
        down = quad(lambda b, score=score: student.pdf(score + b, joint.DOF), low, high, limit=200)[0] / (high - low)
        rest = (1 - joint.BREAK - joint.REGRESSION) * student.pdf(score, joint.DOF)
        total = rest + joint.BREAK * up + joint.REGRESSION * down
        assert w[NAMES.index("genuine_break")] == pytest.approx(joint.BREAK * up / total, rel=1e-6)


def test_a_jump_that_the_link_foresaw_is_the_metrics() -> None:
    quiet, jumped = Reading(0.3, 20.0), Reading(9.0, 20.0, 0.05)
    assert named(quiet, jumped, Reading(0.2, 10.0, 0.1)) == "metric_artefact"
    assert named(quiet, jumped, Reading(7.0, 10.0, 0.1)) == "unexplained_jump"
    assert named(Reading(9.0, 20.0), jumped, Reading(0.2, 10.0, 0.1)) == "genuine_break"
    assert named(Reading(9.0, 20.0), Reading(0.1, 20.0, 0.05), None) == "latent_break"
    assert named(Reading(-9.0, 20.0), Reading(0.1, 20.0, 0.05), None) == "regression"
    # Inside a wide law of its own, and far below what the likelihood says.
    assert named(quiet, Reading(0.1, 2.0, 0.5), Reading(-8.0, 20.0, 0.05)) == "regression"
    assert named(None, jumped, None) == "unresolved_jump"


def test_two_scores_just_past_their_thresholds_decide_little() -> None:
    """A tail of one per cent in a wide law: a break of the ability has not even odds."""
    edge = float(joint.surprise(0.009, 0.991))
    w = weights(Reading(edge, 8.0), Reading(0.0, 8.0, 0.1), None)[0]
    assert w[NAMES.index("latent_break")] + w[NAMES.index("genuine_break")] < 0.5
    far = weights(Reading(3 * edge, 8.0), Reading(0.0, 8.0, 0.1), None)[0]
    assert far[NAMES.index("latent_break")] > 0.5


def test_a_blind_law_leaves_the_prior_as_it_was() -> None:
    blind = weights(Reading(0.0, 0.05), Reading(0.0, 0.05, 1.0), None)[0]
    assert blind[NAMES.index("genuine_break")] + blind[NAMES.index("latent_break")] == pytest.approx(0.02, abs=0.003)


def test_scores_and_deviations_keep_the_tail() -> None:
    assert float(joint.in_deviations(joint.surprise(0.00134989803, 1 - 0.00134989803))) == pytest.approx(3.0, abs=1e-6)
    assert np.isfinite(joint.in_deviations(joint.surprise(0.0, 1.0)))
    assert float(joint.surprise(1.0, 1.0)) == pytest.approx(0.0, abs=1e-9)  # a law that is one point, and it was hit
