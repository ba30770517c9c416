from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import t as student

from monitor.science.blend import Blend
from monitor.science.law import DOF, FARTHEST, WIDEST, Law, quantiles, t_cdf, t_density, tame
from monitor.science.view import Ladder, View, view

BOUNDS = {"log": (0.0, None, True), "score": (0.0, 1.0, False), "free": (None, None, False)}
X = np.exp(np.array([0.0, 1.0, 2.0, 3.0]))
T8, T16 = student(DOF["log"]), student(DOF["score"])


def seen(link: str) -> View:
    lower, upper, falls = BOUNDS[link]
    return view(Ladder(X[:, None], X, np.array([0.2, 0.3, 0.4, 0.5]), np.full(4, 1e-4), lower, upper, falls))


def law(link: str, *parts: tuple[float, float, float]) -> Law:
    weight, mean, scale = np.array(parts).T
    return Law(seen(link), weight, mean, scale)


weights = st.floats(1e-6, 1.0)
means = st.floats(-3.0, 3.0)
scales = st.floats(1e-3, 2.0)
mixtures = st.lists(st.tuples(weights, means, scales), min_size=1, max_size=12)


def of(link: str, parts: list[tuple[float, float, float]]) -> Law:
    total = sum(w for w, _, _ in parts)
    return law(link, *((w / total, m, s) for w, m, s in parts))


def test_the_closed_form_is_students_law() -> None:
    t = np.concatenate([np.linspace(-40, 40, 801), [-1e6, 1e6, 1e-9]])
    np.testing.assert_allclose(t_cdf(t), T8.cdf(t), rtol=0, atol=1e-14)
    np.testing.assert_allclose(t_density(t), T8.pdf(t), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(t_cdf(t, 16), T16.cdf(t), rtol=0, atol=1e-14)
    np.testing.assert_allclose(t_density(t, 16), T16.pdf(t), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("t", [0.0, 1.0, 5.0, 30.0, 1e3, 1e6])
def test_tails_keep_their_relative_precision(t: float) -> None:
    own = law("free", (0.25, 1.0, 0.5), (0.75, 1.0, 0.5))
    y = own.seen.back(np.array([1.0 - 0.5 * t, 1.0 + 0.5 * t]))
    # What is left of t once it has been added to 1 and written down.
    reached = np.abs(own.seen.forward(y) - 1.0) / 0.5
    assert float(own.cdf(y[0])) == pytest.approx(float(T8.sf(reached[0])), rel=1e-12)
    assert float(own.sf(y[1])) == pytest.approx(float(T8.sf(reached[1])), rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(parts=mixtures, p=st.floats(1e-6, 1 - 1e-6))
def test_scores_quantile_and_cdf_are_inverse(parts: list[tuple[float, float, float]], p: float) -> None:
    own = of("score", parts)
    z = quantiles(own.weight, own.mean, own.scale, np.array([p]), own.dof)
    assert float(T16.cdf((z - own.mean) / own.scale) @ own.weight) == pytest.approx(p, rel=1e-6, abs=1e-11)


@settings(max_examples=60, deadline=None)
@given(parts=mixtures, p=st.floats(1e-6, 1 - 1e-6))
def test_quantile_and_cdf_are_inverse(parts: list[tuple[float, float, float]], p: float) -> None:
    own = of("free", parts)
    assert float(own.cdf(own.quantile(p))) == pytest.approx(p, rel=1e-6, abs=1e-11)
    assert float(own.sf(own.quantile(p))) == pytest.approx(1 - p, rel=1e-6, abs=1e-11)


@settings(max_examples=40, deadline=None)
@given(parts=mixtures, at=st.floats(0.0, 1.0), link=st.sampled_from(["log", "score", "free"]))
def test_the_quantile_of_a_value_is_the_value(parts: list[tuple[float, float, float]], at: float, link: str) -> None:
    """Between the ends of a mixture, where its density leaves no gap."""
    low, high = min(m for _, m, _ in parts), max(m for _, m, _ in parts)
    own = of(link, [(w, m, max(s, 0.2)) for w, m, s in parts])
    y = float(own.seen.back(np.array([low + at * (high - low)]))[0])
    if (own.seen.lower is None or y > own.seen.lower) and (own.seen.upper is None or y < own.seen.upper):
        assert float(own.quantile(float(own.cdf(y)))) == pytest.approx(y, rel=1e-8, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(parts=mixtures)
def test_quantiles_asked_together_are_those_asked_alone(parts: list[tuple[float, float, float]]) -> None:
    own, p = of("free", parts), np.array([1e-4, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999])
    together = own.quantile(p)
    assert (np.diff(together) > 0).all()
    alone = [float(own.quantile(float(x))) for x in p]
    # Equal in probability: where the density is next to nothing, many values are as good.
    np.testing.assert_allclose(own.cdf(together), own.cdf(alone), rtol=0, atol=1e-11)


@pytest.mark.parametrize("p", [1e-12, 1e-9, 1e-6, 0.01, 0.5, 0.99, 1 - 1e-9])
def test_quantiles_of_one_component_are_students(p: float) -> None:
    found = quantiles(np.array([1.0]), np.array([3.0]), np.array([2.0]), np.array([p]))[0]
    assert found == pytest.approx(3 + 2 * float(T8.ppf(p)), rel=1e-9)


FAR = [1e-16, 1e-12, 1e-9, 1e-7, 1e-6, 1e-3, 0.2, 0.5]


@settings(max_examples=40, deadline=None)
@given(parts=mixtures)
def test_quantiles_undo_tails_as_far_out_as_anybody_looks(parts: list[tuple[float, float, float]]) -> None:
    """Also where 1 - p has no digits left: `isf` is told the upper tail itself."""
    own, p = of("free", parts), np.array(FAR)
    np.testing.assert_allclose(own.cdf(own.quantile(p)), p, rtol=1e-9)
    np.testing.assert_allclose(own.sf(own.isf(p)), p, rtol=1e-9)
    # What is left of 1 - p once it is written down.
    np.testing.assert_allclose(own.sf(own.quantile(1 - p[2:])), 1 - (1 - p[2:]), rtol=1e-9)


def test_weights_are_shares_even_where_their_sum_is_off_by_rounding() -> None:
    """Files carry weights to six digits: a mixture of weight 1 - 1e-6 still has a 1 - 1e-7 quantile."""
    exact, short = law("free", (0.5, 0.0, 1.0), (0.5, 1.0, 1.0)), law("free", (0.5, 0.0, 1.0), (0.499999, 1.0, 1.0))
    assert float(short.quantile(1 - 1e-7)) == pytest.approx(float(exact.quantile(1 - 1e-7)), rel=1e-3)
    assert float(short.sf(short.median)) == pytest.approx(0.5, abs=1e-11)


@pytest.mark.parametrize("link", BOUNDS)
def test_quantiles_stay_in_the_range_and_the_bound_holds_the_rest(link: str) -> None:
    own = law(link, (1.0, 5.0, 1.0))
    y = own.quantile(np.array([1e-6, 0.5, 1 - 1e-6]))
    assert (np.diff(y) >= 0).all()
    if link == "score":
        assert own.median == 1.0
        assert float(own.cdf(1.0)) == 1.0
        assert float(own.sf(1.0)) == pytest.approx(float(T16.cdf(4.0)), rel=1e-12)  # the point mass on the bound
        assert float(own.sf(1.0 + 1e-9)) == 0.0
        assert float(own.cdf(-1e-9)) == 0.0
        assert float(own.sf(0.0)) == 1.0
    if link == "log":
        assert (y > 0).all()
        assert float(own.cdf(0.0)) == 0.0
        assert float(own.sf(0.0)) == 1.0


def test_a_result_at_the_bound_is_not_infinitely_surprising() -> None:
    """200 of 200 right, where 0.9 was forecast."""
    own = law("score", (1.0, 0.9, 0.05))
    assert float(own.sf(1.0)) == pytest.approx(float(T16.sf(2.0)), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(parts=mixtures, a=st.floats(-0.5, 1.5), b=st.floats(-0.5, 1.5), link=st.sampled_from(["log", "score", "free"]))
def test_tails_are_monotone_and_cover(parts: list[tuple[float, float, float]], a: float, b: float, link: str) -> None:
    own, (low, high) = of(link, parts), sorted((a, b))
    assert float(own.cdf(low)) <= float(own.cdf(high)) + 1e-15
    assert float(own.sf(high)) <= float(own.sf(low)) + 1e-15
    assert float(own.cdf(a)) + float(own.sf(a)) >= 1 - 1e-12
    assert 0 <= float(own.cdf(a)) <= 1


def test_density_is_the_slope_of_the_cdf_and_integrates_to_one() -> None:
    own = law("free", (0.7, -1.0, 0.3), (0.3, 0.5, 0.05))
    total, _ = quad(lambda z: np.exp(own.log_density(z)), -60, 60, points=[-1.0, 0.5], limit=200)
    assert total == pytest.approx(1.0, abs=1e-8)
    y = own.seen.back(np.array([0.4 - 1e-5, 0.4 + 1e-5]))
    assert float(np.diff(own.cdf(y))[0]) / 2e-5 == pytest.approx(np.exp(own.log_density(0.4)), rel=1e-6)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, 1.1, np.nan])
def test_probabilities_must_be_inside(p: float) -> None:
    with pytest.raises(ValueError, match="strictly between"):
        law("free", (1.0, 0.0, 1.0)).quantile(p)


@pytest.mark.parametrize("link", BOUNDS)
def test_draws_follow_the_law(link: str) -> None:
    own = law(link, (0.6, 0.2, 0.1), (0.4, 0.6, 0.3))
    draws = own.sample(np.random.default_rng(3), 20_000)
    for p in (0.05, 0.3, 0.5, 0.7, 0.95):
        # Four standard errors of a binomial share.
        y = float(own.quantile(p))
        if (own.seen.lower is None or y > own.seen.lower) and (own.seen.upper is None or y < own.seen.upper):
            assert np.mean(draws <= y) == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 20_000))


def test_equal_components_are_one() -> None:
    two, one = law("free", (0.25, 0.3, 0.2), (0.75, 0.3, 0.2)), law("free", (1.0, 0.3, 0.2))
    p = np.array([0.01, 0.5, 0.99])
    np.testing.assert_allclose(two.quantile(p), one.quantile(p), rtol=1e-10)
    assert one.median == pytest.approx(float(one.seen.back(np.array([0.3]))[0]), rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.floats(1e-9, 1e9), shift=st.floats(-1e6, 1e6))
def test_an_ordinary_mixture_is_left_alone(seed: int, size: float, shift: float) -> None:
    """Widths within a factor of two of each other, middles within two of them."""
    rng = np.random.default_rng(seed)
    weight = rng.dirichlet(np.ones(20))
    mean, scale = shift + size * rng.uniform(-1, 1, 20), size * rng.uniform(1, 2, 20)
    np.testing.assert_array_equal(tame(weight, mean, scale), (mean, scale))


def test_one_wild_component_is_held() -> None:
    weight = np.array([0.5, 0.49, 0.01])
    mean, scale = tame(weight, np.array([0.0, 0.1, 1e3]), np.array([0.1, 0.1, 1e3]))
    np.testing.assert_array_equal(mean[:2], [0.0, 0.1])
    assert scale[2] <= WIDEST * 0.15
    assert mean[2] <= 0.1 + FARTHEST * 0.15


def test_honest_disagreement_is_no_outlier() -> None:
    """Beliefs that lie apart are all kept, however sure each is of itself."""
    mean, scale = np.array([0.0, 0.5, 1.0]), np.full(3, 1e-3)
    kept, _ = tame(np.array([0.4, 0.2, 0.4]), mean, scale)
    np.testing.assert_array_equal(kept, mean)


@settings(max_examples=60, deadline=None)
@given(parts=mixtures)
def test_what_is_tamed_once_is_tame(parts: list[tuple[float, float, float]]) -> None:
    """Bounds in typical widths of what went in; middles keep their order."""
    weight, mean, scale = np.array(parts).T
    held, narrowed = tame(weight, mean, scale)
    order = np.argsort(mean, kind="stable")
    assert (np.diff(held[order]) >= 0).all()
    assert (narrowed <= scale).all()
    assert (narrowed > 0).all()


def blend(mirror: float | None = None) -> Blend:
    """A loss read through the log and as it is; with a mirror, the score that it is the distance of from there."""
    return Blend(((0.3, law("log", (1.0, -0.7, 0.1))), (0.7, law("free", (1.0, 4.0, 0.5)))), mirror)


def test_a_blend_is_the_weighted_sum_of_its_parts() -> None:
    own, y = blend(), np.array([0.3, 0.45, 0.5, 0.6])
    for tail in ("cdf", "sf"):
        parts = [share * getattr(part, tail)(y) for share, part in own.parts]
        np.testing.assert_allclose(getattr(own, tail)(y), parts[0] + parts[1], rtol=1e-14)


@pytest.mark.parametrize("mirror", [None, 0.0, 2.5])
@pytest.mark.parametrize("p", [0.01, 0.3, 0.5, 0.9, 0.99])
def test_quantiles_of_a_blend_undo_its_tails(mirror: float | None, p: float) -> None:
    own = blend(mirror)
    y = own.quantile(p)
    assert float(own.cdf(y)) == pytest.approx(p, rel=1e-6)
    assert float(own.sf(y)) == pytest.approx(1 - p, rel=1e-6)


@pytest.mark.parametrize("mirror", [None, 2.5])
@pytest.mark.parametrize("p", FAR)
def test_a_blend_is_precise_far_out(mirror: float | None, p: float) -> None:
    """The law of a loss that is read as a score has its far tails as well, on both sides."""
    free, shifted = law("free", (1.0, 4.0, 0.5)), law("free", (0.5, 3.5, 0.2), (0.5, 5.0, 0.3))
    own = Blend(((0.3, free), (0.7, shifted)), mirror)
    assert float(own.cdf(own.quantile(p))) == pytest.approx(p, rel=1e-9)
    if p > 1e-10:
        assert float(own.sf(own.quantile(1 - p))) == pytest.approx(1 - (1 - p), rel=1e-9)


@pytest.mark.parametrize("p", [0.02, 0.1, 0.3, 0.5])
def test_a_part_without_a_bound_may_reach_beyond_that_of_another(p: float) -> None:
    """A sixth of this lies below 0, where the logarithm has nothing to say."""
    own = Blend(((0.5, law("log", (1.0, -0.7, 0.1))), (0.5, law("free", (1.0, 1.0, 2.0)))))
    assert float(own.cdf(own.quantile(p))) == pytest.approx(p, rel=1e-6)


def test_a_mirrored_blend_is_turned() -> None:
    plain, turned, y = blend(), blend(2.5), np.array([0.3, 0.5, 0.6])
    np.testing.assert_allclose(turned.cdf(2.5 - y), plain.sf(y), rtol=1e-12)
    np.testing.assert_allclose(
        turned.quantile(np.array([0.1, 0.9])), 2.5 - plain.quantile(np.array([0.9, 0.1])), rtol=1e-9
    )
    assert turned.median == pytest.approx(2.5 - plain.median, rel=1e-12)


def test_draws_of_a_blend_follow_it() -> None:
    own = blend(1.0)
    draws = own.sample(np.random.default_rng(3), 20_000)
    for p in (0.05, 0.5, 0.95):
        assert np.mean(draws <= float(own.quantile(p))) == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 20_000))


def test_one_link_blended_is_its_law() -> None:
    one = law("score", (1.0, 0.4, 0.1))
    p = np.array([0.01, 0.5, 0.99])
    np.testing.assert_array_equal(Blend(((1.0, one),)).quantile(p), one.quantile(p))
