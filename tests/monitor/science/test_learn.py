"""What a suite of ladders teaches a dictionary, and what it must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from monitor.science.dictionary import Category, Dictionary, full
from monitor.science.discrepancy import Noise
from monitor.science.learn import MOST_LEFT_OUT, MOST_SPLITS, gain, learn, part, splits
from monitor.science.view import Ladder, View, view

CATEGORY = Category("score", 1, False)
C = np.array([-3.6, -2.8, -2.1, -1.4, -0.6, 0.0])


def small() -> Dictionary:
    """A line, a plateau and a take-off, equally believed."""
    return replace(
        full(CATEGORY),
        shapes=(("power", (1e-6,)), ("power", (0.75,)), ("take_off", (-0.33,))),
        shape_weights=(1 / 3,) * 3,
        noises=(Noise(0.003, 0.0, 1.0, 1.0), Noise(0.03, 0.0, 1.0, 1.0)),
        noise_weights=(0.5, 0.5),
        slopes=((0.0, 0.0), (0.02, 1.0), (0.06, 1.0), (0.1, 0.0)),
        slope_weights=(0.25,) * 4,
        arrivals=(0.0, 1.0),
        arrival_weights=(0.5, 0.5),
    )


def taught(views: Sequence[View], start: Dictionary | None = None, strength: float = 1.0) -> Dictionary:
    """One temper only: the evidence of these ladders is what it says it is."""
    return learn(views, start or small(), strength, (1.0,))


def of_shape(k: int, count: int, seed: int = 1, sd: float = 0.004) -> list[View]:
    """Ladders whose shape is entry `k` of `small`, risen by 0.1 to 0.4 in all."""
    rng = np.random.default_rng(seed)
    d, u = small(), C[:, None]
    raw = d.basis(u, u)[k]
    phi = (raw - raw.min()) / np.ptp(raw)
    out = []
    for _ in range(count):
        y = 0.2 + rng.uniform(0.1, 0.4) * phi + sd * rng.standard_normal(C.size)
        out.append(view(Ladder(np.exp(u), np.exp(C), y, np.full(C.size, sd**2), 0.0, 1.0)))
    return out


@pytest.mark.parametrize("k", range(3), ids=["line", "plateau", "take-off"])
def test_a_shape_that_forecasts_well_gains(k: int) -> None:
    weights = taught(of_shape(k, 12)).shape_weights
    assert int(np.argmax(weights)) == k
    assert weights[k] > 0.5


def test_wild_ladders_teach_wide_noise_and_calm_ones_narrow() -> None:
    """Where nothing is stated, all of the spread is wander."""
    quiet, loud = (
        taught([replace(v, variance=0 * v.variance, known=False) for v in of_shape(0, 12, sd=sd)])
        for sd in (0.002, 0.05)
    )
    assert quiet.noise_weights[0] > 0.7
    assert loud.noise_weights[1] > 0.7


def test_ladders_that_stay_where_they_are_teach_persistence() -> None:
    rng = np.random.default_rng(4)
    flat = [replace(v, z=0.4 + 0.003 * rng.standard_normal(C.size)) for v in of_shape(0, 12)]
    still, rising = taught(flat), taught(of_shape(0, 12))
    assert still.slope_weights[0] > rising.slope_weights[0] + 0.2


def test_every_part_stays_a_distribution_and_the_rest_as_it_was() -> None:
    start = small()
    learnt = taught(of_shape(1, 4), start)
    for name in ("shape", "slope", "noise", "arrival"):
        weights = np.array(getattr(learnt, f"{name}_weights"))
        assert weights.sum() == pytest.approx(1.0, abs=1e-9)
        assert (weights >= 0).all()
        assert getattr(learnt, f"{name}s") == getattr(start, f"{name}s")
    assert learnt.widening == start.widening
    assert learnt.category == start.category


def test_what_was_learnt_gains_most_on_its_like() -> None:
    learnt = taught(of_shape(1, 12))
    like, other = (gain(of_shape(k, 8, seed=9), small(), learnt) for k in (1, 2))
    assert like is not None
    assert other is not None
    assert like > other + 0.1
    assert gain(of_shape(1, 2), learnt, small()) < 0 == gain(of_shape(1, 2), learnt, learnt)
    assert gain([], small(), learnt) is None


def test_it_is_deterministic_and_the_order_of_ladders_does_not_matter() -> None:
    views = of_shape(2, 5)
    a, b, turned = (learn(v, small(), 1.0, (0.5, 1.0)) for v in (views, views, views[::-1]))
    assert a == b
    np.testing.assert_allclose(turned.shape_weights, a.shape_weights, atol=1e-6)
    assert turned.temper == a.temper


def test_progress_is_told_after_every_ladder() -> None:
    told: list[tuple[int, int]] = []
    learn(of_shape(0, 5), small(), 1.0, (1.0,), progress=lambda i, of: told.append((i, of)))
    assert told == [(i, 5) for i in range(1, 6)]


def test_a_strong_start_is_left_where_it_was() -> None:
    start = replace(small(), shape_weights=(0.2, 0.5, 0.3))
    weak, strong = (taught(of_shape(0, 12), start, s) for s in (1.0, 1e6))
    assert weak.shape_weights[0] > 0.4
    for name in ("shape", "slope", "noise", "arrival"):
        np.testing.assert_allclose(
            getattr(strong, f"{name}_weights"), getattr(start, f"{name}_weights"), atol=1e-3, err_msg=name
        )


def test_one_freak_among_forty_moves_little() -> None:
    views = of_shape(0, 40)
    freak = replace(views[0], z=np.array([0.2, 0.9, 0.1, 0.95, 0.05, 0.9]))
    clean, dirty = taught(views), taught([freak, *views[1:]])
    for name in ("shape", "slope", "noise", "arrival"):
        moved = np.abs(np.subtract(getattr(dirty, f"{name}_weights"), getattr(clean, f"{name}_weights"))).sum() / 2
        assert moved < 0.15, f"{name}: {moved:.3f} of the belief moved"


def test_without_a_ladder_that_can_be_split_the_start_comes_back() -> None:
    start = small()
    assert learn([], start) is start
    short = replace(of_shape(0, 1)[0], u=C[:2, None], c=C[:2], z=np.zeros(2), variance=np.zeros(2), count=np.ones(2))
    assert learn([short], start) is start


def test_what_is_left_out_is_not_seen() -> None:
    """A split of the smaller rungs is the same whatever the larger ones are."""
    for own in (of_shape(2, 1)[0], curve(), two_axes()):
        last = int(np.argmax(own.c))
        other = replace(own, z=np.where(np.arange(own.z.size) == last, 0.9, own.z))
        for a, b in zip(splits(own), splits(other), strict=True):
            np.testing.assert_array_equal(a.seen.z, b.seen.z)
            np.testing.assert_array_equal(a.u, b.u)


def curve() -> View:
    x = np.exp(np.linspace(0, 4, 30))
    return view(Ladder(x[:, None], x, 0.2 + 0.1 * np.log(x), np.full(30, 1e-4), 0.0, 1.0))


def two_axes() -> View:
    scale = np.array([[n, d] for n in (1e7, 1e8, 1e9, 1e10) for d in (1e9, 4e9, 2e10)])
    y = 0.1 + 0.02 * np.log(scale.prod(axis=1) / 1e16)
    return view(Ladder(scale, scale.prod(axis=1), y, np.full(12, 1e-4), 0.0, 1.0))


@pytest.mark.parametrize("own", [of_shape(0, 1)[0], curve(), two_axes()], ids=["ladder", "curve", "two axes"])
def test_splits_hide_the_larger_rungs_and_measure_from_the_largest_seen(own: View) -> None:
    found = splits(own)
    assert 1 <= len(found) <= MOST_SPLITS
    for s in found:
        assert s.seen.u.max() == 0
        assert s.seen.c.max() == 0
        assert 1 <= s.z.size <= MOST_LEFT_OUT
        assert (s.u.max(axis=1) >= 0).all()
        assert (s.c > 0).any()
        assert s.seen.z.size + s.z.size <= own.z.size
        assert set(s.seen.z) | set(s.z) <= set(own.z)


def test_four_rungs_show_two_then_three_and_five_show_three_first() -> None:
    four, five = (replace(of_shape(0, 1)[0], **rungs(n)) for n in (4, 5))
    assert [s.seen.z.size for s in splits(four)] == [2, 3]
    assert [s.seen.z.size for s in splits(five)] == [3, 4]


def rungs(n: int) -> dict[str, np.ndarray]:
    return {
        "u": C[:n, None] - C[n - 1],
        "c": C[:n] - C[n - 1],
        "z": C[:n],
        "variance": np.zeros(n),
        "count": np.ones(n),
    }


def test_a_part_of_a_free_ladder_is_measured_in_its_own_spread() -> None:
    x = np.exp(C)
    own = view(Ladder(x[:, None], x, 100 + 5.0 * np.arange(6), np.full(6, 1.0)))
    s = part(own, np.arange(4), np.arange(4, 6))
    assert np.std(s.seen.z) == pytest.approx(1.0)
    np.testing.assert_allclose(s.seen.back(s.seen.z), 100 + 5.0 * np.arange(4))
    np.testing.assert_allclose(s.seen.back(s.z), [120.0, 125.0])
    np.testing.assert_allclose(s.seen.variance * s.seen.unit**2, 1.0)
