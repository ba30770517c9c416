from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.science.view import DENSE, MOST_RUNGS, Ladder, View, link_of, local_noise, view

X = np.exp(np.array([0.0, 0.8, 1.5, 2.2, 3.0, 3.6]))
Y = np.array([0.21, 0.24, 0.33, 0.31, 0.46, 0.52])
BOUNDS = {"log": (0.0, None, True), "score": (0.0, 1.0, False), "free": (None, None, False)}
each_link = pytest.mark.parametrize("link", BOUNDS)


def ladder(link: str, y: np.ndarray = Y, x: np.ndarray = X, se2: float = 1e-4) -> Ladder:
    lower, upper, falls = BOUNDS[link]
    return Ladder(x[:, None], x, y, np.full(y.size, se2), lower, upper, falls)


def two_axes(link: str) -> Ladder:
    lower, upper, falls = BOUNDS[link]
    scale = np.array([[n, d] for n in (1e7, 1e8, 1e9) for d in (1e9, 4e9)])
    return Ladder(scale, 6 * scale.prod(axis=1), Y, np.full(6, 1e-4), lower, upper, falls)


def same(a: View, b: View, rtol: float = 1e-9) -> None:
    assert (a.category, a.known) == (b.category, b.known)
    for name in ("u", "c", "z", "variance", "count"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=1e-9, err_msg=name)


def test_replicates_are_averaged() -> None:
    x, y = np.array([10.0, 1.0, 10.0]), np.array([3.0, 0.0, 1.0])
    seen = view(Ladder(x[:, None], x, y, np.array([0.4, 0.1, 0.2])))
    np.testing.assert_allclose(seen.back(seen.z), [0.0, 2.0], atol=1e-15)
    np.testing.assert_allclose(seen.variance * seen.unit**2, [0.1, 0.15])
    np.testing.assert_array_equal(seen.count, [1, 2])
    np.testing.assert_allclose(seen.u[:, 0], [-np.log(10.0), 0.0])


def test_replicates_of_a_loss_are_averaged_in_its_logarithm() -> None:
    x, y = np.array([1.0, 10.0, 10.0]), np.array([4.0, 1.0, 4.0])
    seen = view(Ladder(x[:, None], x, y, np.full(3, np.nan), 0.0, None, True))
    np.testing.assert_allclose(seen.z, np.log([4.0, 2.0]))


def test_two_axes_keep_their_replicates_apart() -> None:
    own = two_axes("score")
    twice = own.only(np.array([0, 1, 2, 3, 4, 5, 5]))
    assert view(twice).z.size == 7


@each_link
@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(7)))
def test_order_of_arrival_does_not_matter(link: str, order: list[int]) -> None:
    """Ties in scale too: the last two rungs are two results of one."""
    for six in (ladder(link), two_axes(link)):
        own = replace(six.only(np.array([0, 1, 2, 3, 4, 5, 5])), value=np.append(six.value, 0.4))
        same(view(own), view(own.only(np.array(order))))


@each_link
@settings(max_examples=15, deadline=None)
@given(factor=st.floats(1e-12, 1e12))
def test_units_of_scale_and_cost_do_not_matter(link: str, factor: float) -> None:
    for own in (ladder(link), two_axes(link)):
        same(view(own), view(replace(own, scale=factor * own.scale, cost=factor**2 * own.cost)))


@settings(max_examples=30, deadline=None)
@given(a=st.floats(1e-6, 1e6), shift=st.floats(-10.0, 10.0))
def test_a_score_may_be_shifted_and_scaled_with_its_bounds(a: float, shift: float) -> None:
    own = ladder("score")
    b = a * shift
    other = replace(own, value=a * Y + b, noise=a**2 * own.noise, lower=b, upper=a + b)
    same(view(own), view(other))
    np.testing.assert_allclose(view(other).back(view(other).z), other.value, rtol=1e-9, atol=1e-9 * a)
    assert view(other).noise_at(a**2 * 0.01) == pytest.approx(view(own).noise_at(0.01))


def test_a_score_may_end_at_nought() -> None:
    """An upper bound of 0 is a bound."""
    own = ladder("score")
    other = replace(own, value=Y - 1, lower=-1.0, upper=0.0)
    same(view(own), view(other))
    np.testing.assert_allclose(view(other).back(view(other).z), Y - 1)
    assert view(other).noise_at(0.01) == pytest.approx(0.01)


@settings(max_examples=30, deadline=None)
@given(a=st.floats(1e-6, 1e6), shift=st.floats(-10.0, 10.0), turned=st.booleans())
def test_a_free_metric_may_be_mapped_by_any_line(a: float, shift: float, turned: bool) -> None:
    """All that is left of the unit is where the values lie among each other; a turned metric turns its better side."""
    own = ladder("free")
    a = -a if turned else a
    other = replace(own, value=a * (Y + shift), noise=a**2 * own.noise, falls=turned)
    seen, moved = view(own), view(other)
    sign = -1 if turned else 1
    np.testing.assert_allclose(moved.z - moved.z[0], sign * (seen.z - seen.z[0]), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moved.variance, seen.variance, rtol=1e-9)
    assert moved.better == sign * seen.better
    np.testing.assert_allclose(moved.back(moved.z), other.value, rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(a=st.floats(1e-20, 1e20), base=st.floats(-5.0, 5.0))
def test_a_loss_may_have_any_unit_above_its_bound(a: float, base: float) -> None:
    own = ladder("log")
    seen = view(own)
    moved = view(replace(own, value=a * Y, noise=a**2 * own.noise))
    np.testing.assert_allclose(moved.z - np.log(a), seen.z, atol=1e-9)
    np.testing.assert_allclose(moved.variance, seen.variance, rtol=1e-9)
    same(seen, view(replace(own, value=Y + base, lower=base)))


@each_link
def test_back_undoes_forward_and_stays_in_range(link: str) -> None:
    seen = view(ladder(link))
    y = np.array([1e-6, 0.3, 0.5, 1 - 1e-6])
    np.testing.assert_allclose(seen.back(seen.forward(y)), y, rtol=1e-12)
    far = seen.back(np.array([-1e300, -50.0, 50.0, 1e300]))
    assert (far >= (-np.inf if seen.lower is None else seen.lower)).all()
    assert (far <= (np.inf if seen.upper is None else seen.upper)).all()
    assert (np.diff(far) >= 0).all()


@each_link
def test_noise_is_carried_by_the_slope_of_the_link(link: str) -> None:
    seen, step = view(ladder(link)), 1e-6
    slope = float(seen.forward(Y[-1:] + step)[0] - seen.forward(Y[-1:] - step)[0]) / (2 * step)
    assert seen.noise_at(1e-4) == pytest.approx(1e-4 * slope**2, rel=1e-6)
    assert seen.variance[-1] == pytest.approx(1e-4 * slope**2, rel=1e-6)


@pytest.mark.parametrize(
    ("lower", "upper", "falls", "y", "link"),
    [
        (0.0, None, True, [2.0, 1.0], "log"),
        (0.0, 1.0, True, [0.3, 0.2], "log"),  # a Brier score
        (0.0, None, True, [1.0, 0.0], "free"),  # on its bound: no logarithm
        (0.0, 1.0, True, [0.1, 0.0], "score"),
        (0.0, 1.0, False, [0.1, 0.2], "score"),
        (None, 0.0, False, [-2.0, -1.0], "free"),  # a log-likelihood
        (0.0, None, False, [1.0, 2.0], "free"),
        (None, None, True, [1.0, -1.0], "free"),
    ],
)
def test_the_link_follows_from_bounds_and_direction(lower, upper, falls, y, link) -> None:  # type: ignore[no-untyped-def]
    x = np.array([1.0, 9.0])
    own = Ladder(x[:, None], x, np.array(y), np.full(2, np.nan), lower, upper, falls)
    assert link_of(own) == link
    seen = view(own)
    np.testing.assert_allclose(seen.back(seen.z), y, atol=1e-12)


@each_link
def test_values_on_and_beyond_a_bound_have_a_finite_view(link: str) -> None:
    own = ladder(link, np.array([0.0, 0.0, 0.2, 0.4, 0.9, 1.0]))
    seen = view(own)
    assert np.isfinite(seen.z).all()
    assert np.isfinite(seen.variance).all()


@each_link
@pytest.mark.parametrize("level", [1e-25, 1e-9, 1.0, 1e90])
def test_a_ladder_that_never_moved_is_flat(link: str, level: float) -> None:
    seen = view(ladder(link, np.full(6, level), se2=0.0))
    assert np.ptp(seen.z) == 0
    assert np.isfinite(seen.z).all()
    assert seen.unit > 0


def test_a_free_ladder_of_noughts_has_a_unit() -> None:
    seen = view(ladder("free", np.zeros(6), se2=0.0))
    assert (seen.z == 0).all()
    assert seen.unit > 0


@pytest.mark.parametrize("n", [1, 2])
@each_link
def test_one_or_two_rungs_are_a_view(link: str, n: int) -> None:
    """Whether they are enough to forecast is for others to say."""
    seen = view(ladder(link, Y[:n], X[:n]))
    assert seen.z.size == n
    assert seen.u[-1, 0] == 0


@pytest.mark.parametrize("n", [MOST_RUNGS + 1, 500, 5000])
def test_long_curves_are_binned(n: int) -> None:
    x = np.exp(np.linspace(0, 3, n))
    seen = view(Ladder(x[:, None], x, np.log(x), np.full(n, 1.0)))
    assert seen.z.size <= MOST_RUNGS + 1
    assert seen.count.sum() == n
    assert seen.c[-1] <= 0
    assert (np.diff(seen.c) > 0).all()
    # The mean of a line over a bin is the line at the bin's mean.
    np.testing.assert_allclose(seen.back(seen.z) - seen.back(seen.z)[-1], seen.u[:, 0], atol=1e-9)
    np.testing.assert_allclose(seen.variance * seen.unit**2, 1 / seen.count)


def test_dense_means_more_rungs_than_a_ladder_has() -> None:
    for n, dense in ((DENSE, False), (DENSE + 1, True)):
        x = np.exp(np.linspace(0, 3, n))
        assert view(Ladder(x[:, None], x, np.log(x), np.full(n, np.nan))).category.dense is dense
    many = two_axes("score").only(np.arange(30) % 6)
    assert not view(many).category.dense


def test_unknown_noise_is_the_mean_of_what_is_known_or_none() -> None:
    own = ladder("score")
    some = view(replace(own, noise=np.array([1e-4, np.nan, 3e-4, np.nan, np.nan, np.nan])))
    np.testing.assert_allclose(some.variance, [1e-4, 2e-4, 3e-4, 2e-4, 2e-4, 2e-4])
    nothing = view(replace(own, noise=np.full(6, np.nan)))
    assert some.known
    assert not nothing.known
    assert (nothing.variance == 0).all()


def test_an_absurd_standard_error_is_held() -> None:
    assert view(ladder("score", se2=1e100)).variance.max() == 4.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("field", ["scale", "cost", "value"])
def test_what_is_no_number_is_refused(field: str, bad: float) -> None:
    own = ladder("score")
    values = getattr(own, field).copy()
    values.flat[2] = bad
    with pytest.raises(ValueError, match=field):
        view(replace(own, **{field: values}))


@pytest.mark.parametrize("bad", [0.0, -1.0])
@pytest.mark.parametrize("field", ["scale", "cost"])
def test_scales_and_costs_are_positive(field: str, bad: float) -> None:
    own = ladder("score")
    values = getattr(own, field).copy()
    values.flat[0] = bad
    with pytest.raises(ValueError, match=field):
        view(replace(own, **{field: values}))


@pytest.mark.parametrize("bad", [-1e-9, np.inf])
def test_squared_standard_errors_are_finite_or_unknown(bad: float) -> None:
    own = ladder("score")
    with pytest.raises(ValueError, match="noise"):
        view(replace(own, noise=np.array([bad, np.nan, 0.0, 0.0, 0.0, 0.0])))


def test_a_ladder_without_rungs_is_refused() -> None:
    with pytest.raises(ValueError, match="no rungs"):
        view(ladder("score").only(np.arange(0)))


def curve(sd: float, bend: float = 0.0, n: int = 40) -> View:
    x = np.exp(np.linspace(0, 4, n))
    y = 0.4 + bend * np.log(x) + sd * np.random.default_rng(7).standard_normal(n)
    return view(Ladder(x[:, None], x, y, np.full(n, np.nan), 0.0, 1.0))


def test_local_noise_is_the_spread_about_neighbours() -> None:
    assert local_noise(curve(0.01)) == pytest.approx(0.01, rel=0.35)
    assert local_noise(curve(0.03)) == pytest.approx(3 * local_noise(curve(0.01)), rel=1e-9)


def test_local_noise_does_not_see_a_trend() -> None:
    assert local_noise(curve(0.01, bend=0.1)) == pytest.approx(local_noise(curve(0.01)), rel=1e-6)
    assert local_noise(curve(0.0, bend=0.1)) == 1e-5
