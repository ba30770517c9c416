"""The law at a target: what must not move it, what must, and how far its tails may reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from monitor.prior import shipped
from monitor.science.dictionary import CATEGORIES, Category, Dictionary, full
from monitor.science.discrepancy import correlation
from monitor.science.fit import evidence, group, log_prior, posterior, shapes
from monitor.science.law import Law, quantiles
from monitor.science.levels import held
from monitor.science.predict import MOST_ATOMS, Mixtures, Targets, chosen, law_of, mixtures
from monitor.science.scores import crps
from monitor.science.view import Ladder, View, view

BOUNDS = {"log": (0.0, None, True), "score": (0.0, 1.0, False), "free": (None, None, False)}
ALL = 10**6
each_category = pytest.mark.parametrize("category", CATEGORIES, ids=lambda c: c.name)
each_ladder = pytest.mark.parametrize("category", [c for c in CATEGORIES if not c.dense], ids=lambda c: c.name)


def thin(category: Category, most: int = 9) -> Dictionary:
    """Every so manieth entry of each part of the whole dictionary, with uneven weights."""
    d, picked = full(category), {}
    for name in ("shapes", "slopes", "noises"):
        entries = getattr(d, name)
        kept = tuple(entries[i] for i in np.unique(np.linspace(0, len(entries) - 1, most).round().astype(int)))
        weight = np.arange(1.0, len(kept) + 1)
        picked |= {name: kept, f"{name[:-1]}_weights": tuple(weight / weight.sum())}
    return replace(d, **picked)


def ladder(category: Category, seed: int = 1) -> Ladder:
    rng = np.random.default_rng(seed)
    n = 17 if category.dense else 8 if category.axes == 2 else 6
    scale = 1e6 * np.exp(np.cumsum(rng.uniform(0.2, 0.9, (n, category.axes)), axis=0))
    cost = scale.prod(axis=1)
    rise = np.log(cost / cost[0]) / np.log(cost[-1] / cost[0])
    y = 0.3 + 0.3 * rise + 0.02 * rng.standard_normal(n)
    lower, upper, falls = BOUNDS[category.link]
    return Ladder(scale, cost, 1.0 - y if falls else y, np.full(n, 1e-4), lower, upper, falls)


def law(own: Ladder, d: Dictionary, ahead: float = 0.7, se2: float = 1e-4) -> Law:
    """The law `ahead` nats beyond the largest scale of a ladder, with all atoms kept."""
    seen = view(own)
    at = Targets(np.full((1, own.scale.shape[1]), ahead), np.array([ahead]), np.array([[seen.noise_at(se2)]]))
    return law_of(seen, d, chosen(seen, d, ALL), at)[0]


def the_same(a: Law, b: Law, back) -> None:  # type: ignore[no-untyped-def]
    """`b` gives mapped values the probabilities that `a` gives them unmapped."""
    z = np.linspace(float(a.mean.min()), float(a.mean.max()), 9)
    y = a.seen.back(z)
    inside = np.ones(9, dtype=bool)
    for bound in (a.seen.lower, a.seen.upper):
        inside &= y != bound
    np.testing.assert_allclose(b.cdf(back(y[inside])), a.cdf(y[inside]), rtol=1e-6, atol=1e-7)
    p = np.array([0.025, 0.5, 0.975])
    np.testing.assert_allclose(b.quantile(p), back(a.quantile(p)), rtol=1e-6, atol=1e-6 * float(np.ptp(back(y))))


@each_category
@settings(max_examples=4, deadline=None)
@given(factor=st.floats(1e-9, 1e9))
def test_units_of_scale_and_cost_do_not_matter(category: Category, factor: float) -> None:
    own, d = ladder(category), thin(category)
    moved = replace(own, scale=factor * own.scale, cost=factor**2 * own.cost)
    the_same(law(own, d), law(moved, d), lambda y: y)


@each_category
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_order_of_arrival_does_not_matter(category: Category, data: st.DataObject) -> None:
    own, d = ladder(category), thin(category)
    order = np.array(data.draw(st.permutations(range(own.n))))
    the_same(law(own, d), law(own.only(order), d), lambda y: y)


@pytest.mark.parametrize("category", [c for c in CATEGORIES if c.link == "score"], ids=lambda c: c.name)
@settings(max_examples=6, deadline=None)
@given(a=st.floats(1e-6, 1e6), shift=st.floats(-10.0, 10.0))
def test_a_score_moves_with_its_bounds(category: Category, a: float, shift: float) -> None:
    own, d = ladder(category), thin(category)
    moved = replace(own, value=a * (own.value + shift), noise=a**2 * own.noise, lower=a * shift, upper=a * (1 + shift))
    the_same(law(own, d), law(moved, d, se2=a**2 * 1e-4), lambda y: a * (y + shift))


@pytest.mark.parametrize("category", [c for c in CATEGORIES if c.link == "free"], ids=lambda c: c.name)
@settings(max_examples=6, deadline=None)
@given(a=st.floats(1e-6, 1e6), shift=st.floats(-10.0, 10.0))
def test_a_free_metric_moves_with_any_line(category: Category, a: float, shift: float) -> None:
    own, d = ladder(category), thin(category)
    moved = replace(own, value=a * (own.value + shift), noise=a**2 * own.noise)
    the_same(law(own, d), law(moved, d, se2=a**2 * 1e-4), lambda y: a * (y + shift))


@pytest.mark.parametrize("category", [c for c in CATEGORIES if c.link == "free"], ids=lambda c: c.name)
def test_a_turned_metric_is_turned(category: Category) -> None:
    own, d = ladder(category), thin(category)
    up, down = law(own, d), law(replace(own, value=-own.value, falls=True), d)
    p = np.array([0.01, 0.5, 0.99])
    # The lower of two middles stands for the median of a mixture that is held: up to that it is a mirror.
    np.testing.assert_allclose(-down.quantile(1 - p), up.quantile(p), rtol=1e-3)


@pytest.mark.parametrize("category", [c for c in CATEGORIES if c.link == "log"], ids=lambda c: c.name)
@settings(max_examples=6, deadline=None)
@given(a=st.floats(1e-15, 1e15), base=st.floats(-3.0, 3.0))
def test_a_loss_moves_with_its_unit_and_its_bound(category: Category, a: float, base: float) -> None:
    own, d = ladder(category), thin(category)
    moved = replace(own, value=a * own.value, noise=a**2 * own.noise)
    the_same(law(own, d), law(moved, d, se2=a**2 * 1e-4), lambda y: a * y)
    moved = replace(own, value=own.value + base, lower=base)
    the_same(law(own, d), law(moved, d), lambda y: y + base)


@each_category
def test_results_of_a_scale_seen_twice_count_twice(category: Category) -> None:
    """The same results once more make nothing less sure; nor do they move its middle by more than the old width."""
    # Few noises leave gaps between their sizes, over which the answer jumps; short ladders have time for all of them.
    own, d = ladder(category), thin(category) if category.dense else full(category)
    twice = own.only(np.repeat(np.arange(own.n), 2))
    once, again = law(own, d), law(twice, d)
    width = [float(np.ptp(x.quantile(np.array([0.1, 0.9])))) for x in (once, again)]
    assert width[1] < 1.1 * width[0]
    assert abs(again.median - once.median) < 0.5 * width[0]


@each_category
def test_farther_noisier_and_wilder_is_wider(category: Category) -> None:
    own, d = ladder(category), thin(category)

    def width(x: Law) -> float:
        return float(np.ptp(x.seen.forward(x.quantile(np.array([0.1, 0.9])))))

    base = width(law(own, d, 0.3))
    assert width(law(own, d, 1.2)) > base
    assert width(law(own, d, 0.3, se2=1e-2)) > 1.5 * base
    rough = replace(own, value=own.value + 0.1 * (-1.0) ** np.arange(own.n))
    assert width(law(rough, d, 0.3)) > (1.0 if category.link == "free" else 1.5) * base


@each_category
def test_widening_multiplies_every_scale(category: Category) -> None:
    own, d = ladder(category), thin(category)
    seen = view(own)
    at = Targets(np.full((2, category.axes), 0.5), np.array([0.2, 0.9]), np.full((1, 2), 1e-4))
    atoms = chosen(seen, d)
    plain, wide = law_of(seen, d, atoms, at), law_of(seen, d, atoms, at, 1.7)
    for a, b in zip(plain, wide, strict=True):
        np.testing.assert_allclose(b.scale, 1.7 * a.scale)
        np.testing.assert_array_equal(b.mean, a.mean)
    stepped = law_of(seen, replace(d, widening=((0.0, 1.0), (0.5, 2.0))), atoms, at)
    np.testing.assert_allclose(stepped[0].scale, plain[0].scale)
    assert stepped[1].scale.min() == pytest.approx(2.0 * plain[1].scale.min())


@each_category
def test_one_series_in_a_group_is_the_series_alone(category: Category) -> None:
    d = thin(category)
    views = [view(replace(ladder(category), value=ladder(category).value + 0.1 * i)) for i in range(3)]
    at = Targets(np.full((1, category.axes), 0.5), np.array([0.5]), np.full((3, 1), 1e-4))
    together = mixtures(group(views, d), views[0].better, at)
    for i, v in enumerate(views):
        alone = mixtures(group([v], d), v.better, replace(at, variance=at.variance[:1]))
        p = np.array([0.01, 0.5, 0.99])
        a, b = (quantiles(x.weight, x.mean, x.scale, p) for x in (row(together, i), row(alone, 0)))
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def row(m: Mixtures, i: int) -> Mixtures:
    return Mixtures(m.weight[i], m.mean[i], m.scale[i])


def test_atoms_weigh_what_prior_and_tempered_evidence_say() -> None:
    seen, d = view(ladder(Category("score", 1, False))), thin(Category("score", 1, False))
    believed = log_prior(d) + d.temper * evidence(posterior(group([seen], d), np.zeros((0, 1))), 1.0)[0]
    expected = np.exp(believed - logsumexp(believed))
    few, many = chosen(seen, d), chosen(seen, d, ALL)
    assert many.weight.size == expected.size
    np.testing.assert_allclose(many.weight, expected[many.h, many.k, many.t], rtol=1e-9, atol=1e-15)
    assert few.weight.size <= MOST_ATOMS
    assert few.weight.sum() == pytest.approx(1.0)
    assert (expected[few.h, few.k, few.t] > 0).all()


SMOOTH = [
    ("score", lambda x: 1 / (1 + np.exp(2 - 0.5 * np.log(x)))),
    ("score", lambda x: 0.2 + 0.08 * np.log(x)),
    ("log", lambda x: 2 + 3 * x**-0.35),
    ("log", lambda x: 3 * x**-0.2),
    ("free", lambda x: -3 + 0.4 * np.log(x)),
    ("free", lambda x: 1e6 * np.sqrt(np.log(x) + 2)),
]


@pytest.mark.parametrize(("link", "true"), SMOOTH, ids=lambda v: v if isinstance(v, str) else "")
def test_smooth_laws_are_recovered(link: str, true) -> None:  # type: ignore[no-untyped-def]
    lower, upper, falls = BOUNDS[link]
    x = np.exp(np.linspace(0, 5, 7))
    own = Ladder(x[:, None], x, true(x), np.full(7, 1e-8 * float(np.ptp(true(x))) ** 2), lower, upper, falls)
    found = law(own, full(view(own).category), 0.8, 0.0)
    at = float(true(x[-1] * np.exp(0.8)))
    assert abs(found.median - at) < 0.35 * abs(at - own.value[-1])
    assert float(found.quantile(0.01)) < at < float(found.quantile(0.99))


def test_crps_is_that_of_its_draws() -> None:
    """E|Y - y| - E|Y - Y'| / 2 (Gneiting & Raftery 2007, eq. 21)."""
    found = law(ladder(Category("score", 1, False)), thin(Category("score", 1, False)))
    draws = np.sort(found.sample(np.random.default_rng(5), 40_000))
    n = draws.size
    within = float(2 * (np.arange(1, n + 1) * draws).sum() / n**2 - (n + 1) / n * draws.mean())
    for y in (found.median, float(found.quantile(0.95)), 0.9):
        expected = float(np.abs(draws - y).mean()) - within
        assert crps(found, y) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("link", BOUNDS)
def test_the_atoms_a_law_leaves_out_hardly_matter(link: str) -> None:
    """Its 99 % interval is as wide, within a tenth, as that of all the atoms of the shipped prior."""
    ratios = []
    for seed in range(12):
        own = ladder(Category(link, 1, False), seed)  # type: ignore[arg-type]
        seen = view(own)
        d = shipped().of(seen.category)
        at = Targets(np.array([[0.8]]), np.array([0.8]), np.array([[seen.noise_at(1e-4)]]))
        kept, all_of_them = (law_of(seen, d, a, at)[0] for a in (chosen(seen, d), chosen(seen, d, ALL)))
        ratios.append(np.divide(*(np.ptp(x.quantile(np.array([0.005, 0.995]))) for x in (kept, all_of_them))))
    assert float(np.mean(ratios)) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("link", BOUNDS)
def test_any_draw_of_the_dictionary_is_covered(link: str) -> None:
    """Ladders made by the weightier atoms of the shipped prior fall where all of them together say, as often.

    Under what they assume: the evidence in full, every predicted change arrives, no shape that leaves all bounds.
    """
    N, ahead = 250, 0.8
    u = np.array([-3.6, -2.8, -2.1, -1.4, -0.6, 0.0, ahead])[:, None]
    category = Category(link, 1, False)  # type: ignore[arg-type]
    none = np.zeros(6)
    seen = View(category, u[:6], u[:6, 0], none, none, False, none + 1, 1.0, None, None, False)
    d = replace(shipped().of(category).sparse(0.3), arrivals=(1.0,), arrival_weights=(1.0,), temper=1.0)
    sane = shapes(group([seen], d), u[6:])[2]
    d = replace(d, shape_weights=tuple(np.array(d.shape_weights) * sane))
    z = drawn(d, u, N, np.random.default_rng(20260101))
    at = Targets(u[6:], u[6:, 0], np.zeros((N, 1)))
    mixed = mixtures(group([replace(seen, z=row[:6]) for row in z], d), 1.0, at, ALL)
    for share in (0.5, 0.8, 0.95):
        half = (1 - share) / 2
        q = quantiles(mixed.weight[:, 0], mixed.mean[:, 0], mixed.scale[:, 0], np.array([half, 1 - half]))
        inside = float(np.mean((z[:, 6] >= q[:, 0]) & (z[:, 6] <= q[:, 1])))
        # Student's tails and the spread of arrivals only widen, by up to a tenth; three standard errors besides.
        error = 3 * np.sqrt(share * (1 - share) / N)
        assert share - error <= inside <= share + 0.1 + error


def share(weights: tuple[float, ...]) -> np.ndarray:
    return np.array(weights) / sum(weights)


def drawn(d: Dictionary, u: np.ndarray, N: int, rng: np.random.Generator) -> np.ndarray:
    """`N` series at `u`, whose last row is the target: an atom by its weight, then its own normal law."""
    own = u[:-1]
    raw = d.basis(u, own)
    rung = raw[:, : len(own)]
    phi = (raw - rung.max(axis=1, keepdims=True)) * np.ptp(own) / np.ptp(rung, axis=1)[:, None]
    out = np.empty((N, len(u)))
    for i in range(N):
        noise = d.noises[rng.choice(len(d.noises), p=share(d.noise_weights))]
        shape = phi[rng.choice(len(d.shapes), p=share(d.shape_weights))]
        size, lean = d.slopes[rng.choice(len(d.slopes), p=share(d.slope_weights))]
        slope = lean * size + (0.5 * size if lean else size) * rng.standard_normal()
        cov = noise.wander**2 * (np.eye(len(u)) + noise.ratio**2 * correlation(u, u, noise.length))
        out[i] = rng.normal(0, 5) + slope * shape + np.linalg.cholesky(cov) @ rng.standard_normal(len(u))
    return out


def wild(category: Category, N: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cost of n rungs and N ladders of shares on them: lines, walks, jumps, plateaus and pure noise, of any size."""
    n = 15 if category.dense else 8 if category.axes == 2 else 5
    c = np.sort(rng.uniform(-4.0, 0.0, n))
    c[-1] = 0.0
    size = np.exp(rng.uniform(np.log(1e-4), np.log(0.45), (N, 1)))
    walk = np.cumsum(rng.standard_normal((N, n)), axis=1) / np.sqrt(n)
    line = rng.choice([-1.0, 1.0], (N, 1)) * (1 + c / 4.0)
    jump = (np.arange(n) >= rng.integers(1, n, (N, 1))) * 1.0
    flat = np.zeros((N, n))
    picked = rng.integers(0, 5, N)
    kinds = np.stack([walk, line, jump, flat, rng.standard_normal((N, n))])[picked, np.arange(N)]
    noise = np.exp(rng.uniform(np.log(1e-5), np.log(0.05), (N, 1))) * rng.standard_normal((N, n))
    return c, np.clip(0.5 + size * kinds + noise, 0.01, 0.99)


@each_category
def test_no_quantile_runs_away(category: Category) -> None:
    """99.5 % lies within four times the distance of 97.5 % from the median, on either side, in units of the metric.

    A shape that a ladder cannot rule out must not put the former a thousand times beyond the latter.
    """
    rng = np.random.default_rng(20260101)
    N = 1000 if category.axes == 1 else 300
    c, y = wild(category, N, rng)
    scale = np.exp(np.stack([c, 0.7 * c + 0.1 * np.sin(9 * c)], axis=1)[:, : category.axes])
    lower, upper, falls = BOUNDS[category.link]
    own = [Ladder(scale, np.exp(c), v, np.full(c.size, np.nan), lower, upper, falls) for v in y]
    views, d = [view(o) for o in own], shipped().of(category)
    ahead = np.array([0.3, 1.0, 2.3])
    at = Targets(np.repeat(ahead[:, None], category.axes, axis=1), ahead, np.full((N, 3), 1e-6))
    mixed = mixtures(group(views, d), views[0].better, at)
    p = np.array([0.005, 0.025, 0.5, 0.975, 0.995])
    z = quantiles(mixed.weight, mixed.mean, mixed.scale, p)
    q = np.stack([v.back(z[i]) for i, v in enumerate(views)])
    # One by one is slow: the laws themselves are asked where the mixtures say that it might matter.
    for i, j in zip(*np.nonzero(reach(q, lower, upper) > 3.5), strict=True):
        q[i, j] = Law(views[i], mixed.weight[i, j], mixed.mean[i, j], mixed.scale[i, j]).quantile(p)
    if category.link == "log":
        # The tails of a log law are those of an exponential; what is published of them is held.
        q = held(q[..., [0, 1, 1, 1, 1, 2, 3, 3, 3, 3, 4]])[..., [0, 1, 5, 9, 10]]
    far = reach(q, lower, upper)
    assert far.max() <= 4 + 1e-6, f"{(far > 4).sum()} of {far.size} beyond four times"


def reach(q: np.ndarray, lower: float | None, upper: float | None) -> np.ndarray:
    """Distance of the outer quantiles from the median in distances of the inner ones, the larger side."""
    tiny = 1e-12 + 1e-9 * np.abs(q[..., 2])
    above = (q[..., 4] - q[..., 2]) / np.maximum(q[..., 3] - q[..., 2], tiny)
    below = (q[..., 2] - q[..., 0]) / np.maximum(q[..., 2] - q[..., 1], tiny)
    free = np.ones(q.shape[:-1], dtype=bool)
    for bound in (lower, upper):
        free &= q[..., 2] != bound  # a median on a bound has no other side
    return np.where(free, np.maximum(above, below), 0.0)
