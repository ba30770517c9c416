"""The closed forms against the same answers by brute force: one large normal law a ladder and atom."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import kv
from scipy.stats import multivariate_normal

from monitor.science.dictionary import CATEGORIES, Category, Dictionary, full
from monitor.science.discrepancy import correlation, matern
from monitor.science.fit import (
    LEVEL,
    SMOOTH,
    STEEPEST,
    Moments,
    arrived,
    evidence,
    group,
    heaviest,
    log_prior,
    moments,
    posterior,
    shapes,
    slope_prior,
)
from monitor.science.view import Ladder, View, local_noise, view

BOUNDS = {"log": (0.0, None, True), "score": (0.0, 1.0, False), "free": (None, None, False)}
AHEAD = {1: np.array([[0.4], [1.3]]), 2: np.array([[0.5, 0.5], [-1.0, 2.0]])}
each_category = pytest.mark.parametrize("category", CATEGORIES, ids=lambda c: c.name)


def thin(category: Category, most: int = 6) -> Dictionary:
    """Every so manieth entry of each part of the whole dictionary."""
    d = full(category)
    picked = {}
    for name in ("shapes", "slopes", "noises"):
        entries = getattr(d, name)
        picked[name] = tuple(entries[i] for i in np.unique(np.linspace(0, len(entries) - 1, most).round().astype(int)))
    even = {f"{name[:-1]}_weights": (1 / len(p),) * len(p) for name, p in picked.items()}
    return replace(d, **picked, **even)


def ladder(category: Category, seed: int, n: int | None = None) -> Ladder:
    """Noisy results that improve with scale; two results share a scale."""
    rng = np.random.default_rng(seed)
    n = n or (17 if category.dense else 8 if category.axes == 2 else 6)
    scale = np.exp(np.cumsum(rng.uniform(0.2, 0.9, (n, category.axes)), axis=0))
    scale[1] = scale[0]
    cost = scale.prod(axis=1)
    y = 0.3 + 0.4 * np.log(cost) / np.log(cost[-1]) + 0.05 * rng.standard_normal(n)
    lower, upper, falls = BOUNDS[category.link]
    y = 1.0 - y if falls else y
    return Ladder(scale, cost, y, rng.uniform(1e-4, 1e-3, n), lower, upper, falls)


class Brute:
    """z and the results at targets as one normal vector, under one atom; nothing is integrated by hand."""

    def __init__(self, seen: View, d: Dictionary, U: np.ndarray, h: int, k: int, t: int) -> None:
        noise, n = d.noises[h], seen.z.size
        both = np.concatenate([seen.u, U])
        raw = d.basis(both, seen.u)[k]
        span = max(np.ptp(seen.c), 1.0)
        self.phi = (raw - raw[:n].max()) * span / np.ptp(raw[:n])
        size, lean = d.slopes[t]
        sd = max(0.5 * size if lean else size, 1e-9)
        w2 = (noise.wander * (local_noise(seen) if d.category.dense else 1.0)) ** 2
        own = np.concatenate([noise.share * seen.variance + w2 / seen.count, np.full(len(U), w2)])
        s0 = LEVEL * (seen.z.std() + 0.1)
        self.mean = seen.z.mean() + seen.better * lean * size * self.phi
        self.cov = s0**2 + sd**2 * np.outer(self.phi, self.phi) + np.diag(own)
        if noise.ratio:
            self.cov = self.cov + noise.ratio**2 * w2 * correlation(both, both, noise.length)
        self.n, self.z, self.s0 = n, seen.z, s0

    def evidence(self) -> float:
        n = self.n
        return float(multivariate_normal(self.mean[:n], self.cov[:n, :n]).logpdf(self.z))

    def ahead(self) -> tuple[np.ndarray, np.ndarray]:
        n = self.n
        gain = np.linalg.solve(self.cov[:n, :n], self.cov[:n, n:]).T
        return self.mean[n:] + gain @ (self.z - self.mean[:n]), np.diag(self.cov[n:, n:] - gain @ self.cov[:n, n:])


@each_category
@pytest.mark.parametrize("seed", [1, 2])
def test_evidence_is_that_of_the_whole_normal_law(category: Category, seed: int) -> None:
    seen, d = view(ladder(category, seed)), thin(category)
    U = AHEAD[category.axes]
    p = posterior(group([seen], d), U)
    found = evidence(p, seen.better)[0]
    # The constant that it leaves out: the same for all atoms of a series.
    constant = 0.5 * np.log(p.level_precision[0]) - 0.5 * seen.z.size * np.log(2 * np.pi)
    checked = 0
    for h, k, t in product(*map(range, found.shape)):
        if p.good[k]:
            assert found[h, k, t] + constant == pytest.approx(Brute(seen, d, U, h, k, t).evidence(), rel=1e-9, abs=1e-9)
            checked += 1
        else:
            assert found[h, k, t] == -np.inf
    assert checked >= 36


@each_category
def test_moments_are_those_of_gaussian_conditioning(category: Category) -> None:
    seen, d = view(ladder(category, 3)), thin(category)
    U = AHEAD[category.axes]
    p = posterior(group([seen], d), U)
    atoms = [a for a in product(*(range(len(x)) for x in (d.noises, d.shapes, d.slopes))) if p.good[a[1]]]
    h, k, t = (np.array(x)[None] for x in zip(*atoms, strict=True))
    found = moments(p, h, k, t, seen.better)
    near = ((U[:, None] - seen.u[None]) ** 2).sum(axis=2).argmin(axis=1)
    for i, atom in enumerate(atoms):
        brute = Brute(seen, d, U, *atom)
        mean, variance = brute.ahead()
        np.testing.assert_allclose(found.mean[0, i], mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.variance[0, i], variance, rtol=1e-7, atol=1e-12)
        assert found.share[0, i] == d.noises[atom[0]].share
        # The change is the slope times the shape's rise from the rung nearest to the target.
        rise = brute.phi[brute.n :] - brute.phi[near]
        np.testing.assert_allclose(found.change[0, i], slope_of(brute, seen, d, atom) * rise, rtol=1e-7, atol=1e-10)


def slope_of(brute: Brute, seen: View, d: Dictionary, atom: tuple[int, int, int]) -> float:
    """E[slope | ladder] from its covariance with z, sd^2 phi."""
    size, lean = d.slopes[atom[2]]
    sd = max(0.5 * size if lean else size, 1e-9)
    n = brute.n
    gain = np.linalg.solve(brute.cov[:n, :n], brute.z - brute.mean[:n])
    return float(seen.better * lean * size + sd**2 * brute.phi[:n] @ gain)


def test_one_rung_is_what_the_priors_say() -> None:
    """The ladder has no span: no shape can be scaled, none is sane, and nothing is made of it."""
    category = Category("score", 1, False)
    seen, d = view(ladder(category, 1, 3).only(np.array([2]))), thin(category)
    p = posterior(group([seen], d), AHEAD[1])
    assert not p.good.any()
    assert (evidence(p, 1.0) == -np.inf).all()


def test_two_rungs_leave_every_atom_finite() -> None:
    category = Category("score", 1, False)
    seen, d = view(ladder(category, 1, 3).only(np.array([0, 2]))), thin(category)
    p = posterior(group([seen], d), AHEAD[1])
    assert np.isfinite(evidence(p, 1.0)[:, :, p.good]).all()


def alike(B: int) -> list[View]:
    """One grid, one noise, other results."""
    own = view(ladder(Category("score", 1, False), 5))
    rng = np.random.default_rng(2)
    return [replace(own, z=rng.uniform(0.1, 0.9, own.z.size)) for _ in range(B)]


@pytest.mark.parametrize("noises", ["one noise", "own noises"])
def test_many_series_at_once_are_each_series_by_itself(noises: str) -> None:
    views = alike(4)
    if noises == "own noises":
        views = [replace(v, variance=v.variance * (1 + i)) for i, v in enumerate(views)]
    d = thin(views[0].category)
    h, k, t = (np.array(x)[None] for x in zip(*product(range(3), range(3), range(3)), strict=True))
    together = posterior(group(views, d), AHEAD[1])
    e = evidence(together, 1.0)
    rows = [np.repeat(i, 4, axis=0) for i in (h, k, t)]
    m = moments(together, *rows, 1.0)
    for i, v in enumerate(views):
        alone = posterior(group([v], d), AHEAD[1])
        np.testing.assert_allclose(e[i], evidence(alone, 1.0)[0], rtol=1e-10, atol=1e-10)
        own = moments(alone, h, k, t, 1.0)
        for name in ("mean", "variance", "change"):
            np.testing.assert_allclose(getattr(m, name)[i], getattr(own, name)[0], rtol=1e-9, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-1e3, 1e3), seed=st.integers(0, 50))
def test_the_level_of_a_series_says_nothing(shift: float, seed: int) -> None:
    seen = view(ladder(Category("free", 1, False), seed))
    d = thin(seen.category)
    moved = replace(seen, z=seen.z + shift)
    a, b = (posterior(group([v], d), AHEAD[1]) for v in (seen, moved))
    np.testing.assert_allclose(evidence(b, 1.0), evidence(a, 1.0), rtol=1e-7, atol=1e-7)
    h, k, t = (np.array([[0, 1]]) for _ in range(3))
    moved_by = moments(b, h, k, t, 1.0).mean - moments(a, h, k, t, 1.0).mean
    np.testing.assert_allclose(moved_by, shift, rtol=1e-9, atol=1e-8)


@each_category
def test_turning_a_metric_and_its_better_side_changes_no_weight(category: Category) -> None:
    seen, d = view(ladder(category, 4)), thin(category)
    turned = replace(seen, z=-seen.z)
    a, b = (posterior(group([v], d), AHEAD[category.axes]) for v in (seen, turned))
    np.testing.assert_allclose(evidence(b, -seen.better), evidence(a, seen.better), rtol=1e-10, atol=1e-8)


def test_merged_replicates_predict_as_if_they_stood_apart() -> None:
    """Two results of one scale, averaged with half the noise, are as good as both: the mean is sufficient."""
    x = np.exp(np.array([0.0, 1.0, 2.0, 2.0, 3.0]))
    y, se2 = np.array([0.2, 0.3, 0.35, 0.45, 0.5]), np.full(5, 4e-4)
    merged = view(Ladder(x[:, None], x, y, se2, 0.0, 1.0))
    order = np.log(x) - 3.0
    apart = replace(merged, u=order[:, None], c=order, z=y, variance=se2, count=np.ones(5))
    d = thin(merged.category)
    h, k, t = (np.array(i)[None] for i in zip(*product(range(6), range(6), range(6)), strict=True))
    a, b = (moments(posterior(group([v], d), AHEAD[1]), h, k, t, 1.0) for v in (merged, apart))
    # The prior of the level is centred elsewhere: all that its spread of ten standard deviations lets through.
    np.testing.assert_allclose(a.mean, b.mean, atol=2e-4)
    np.testing.assert_allclose(a.variance, b.variance, rtol=2e-3)


@each_category
@pytest.mark.parametrize("size", [0.0, 1e-12, 1e-3, 1e3, 1e12])
def test_no_size_of_change_breaks_the_sums(category: Category, size: float) -> None:
    """Flat ladders, ties and absurd jumps alike, with and without noise."""
    own = ladder(category, 6)
    step = np.where(np.arange(own.n) % 2 == 0, 0.0, size)
    if category.link == "score" and size > 1:
        own = replace(own, upper=2 * size)
    for se2 in (0.0, 1e-4, np.nan):
        seen = view(replace(own, value=0.5 + step, noise=np.full(own.n, se2)))
        p = posterior(group([seen], thin(category)), AHEAD[category.axes])
        e = evidence(p, seen.better)
        h, k, t, weight = heaviest(e, 20)
        m = moments(p, h, k, t, seen.better)
        assert not np.isnan(e).any()
        assert weight.sum() == pytest.approx(1.0)
        assert np.isfinite(m.mean).all()
        assert (m.variance > 0).all()


@each_category
def test_shapes_rise_by_one_a_nat_and_end_at_nought(category: Category) -> None:
    g = group([view(ladder(category, 7))], full(category))
    phi, far, good = shapes(g, AHEAD[category.axes][:1])
    assert good.mean() > 0.3
    np.testing.assert_allclose(phi[good].max(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(phi[good].min(axis=1), -g.span, rtol=1e-12)
    assert (far[good] >= -1e-9).all()  # beyond the ladder on every axis
    assert (far[good] <= STEEPEST).all()
    assert (phi[~good] == 0).all()


def test_arrivals_end_between_persistence_and_twice_the_change() -> None:
    at = Moments(np.array([[[0.7]]]), np.array([[[0.01]]]), np.array([[[0.2]]]), np.array([[0.45]]))
    mean, spread = arrived(at, np.array([[[0.002]]]), np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(mean[0, 0, :, 0], [0.5, 0.7, 0.9])
    np.testing.assert_allclose(spread, 0.01 + 0.45 * 0.002 + (SMOOTH * 0.2) ** 2)


@settings(max_examples=30, deadline=None)
@given(most=st.integers(1, 30), seed=st.integers(0, 1000), ties=st.booleans())
def test_the_heaviest_are_the_heaviest(most: int, seed: int, ties: bool) -> None:
    """Of equals the first, so that the answer does not depend on the machine."""
    lw = np.random.default_rng(seed).normal(size=(2, 2, 3, 4)).round(0 if ties else 9)
    h, k, t, weight = heaviest(lw, most)
    for b in range(2):
        order = np.sort(lw[b].ravel())[::-1][: h.shape[1]]
        np.testing.assert_array_equal(lw[b][h[b], k[b], t[b]], order)
        np.testing.assert_allclose(weight[b], np.exp(order) / np.exp(order).sum())
        first = np.argsort(-lw[b].ravel(), kind="stable")[:most]
        np.testing.assert_array_equal(np.ravel_multi_index((h[b], k[b], t[b]), (2, 3, 4)), first)


def test_a_prior_of_nought_forbids() -> None:
    d = thin(Category("score", 1, False))
    d = replace(d, noise_weights=(0.0, 1.0, *(0.0,) * 4))
    table = log_prior(d)
    assert table.shape == (6, 6, 6)
    np.testing.assert_allclose(np.exp(table).sum(axis=(1, 2)), d.noise_weights, atol=1e-15)


def test_a_leaning_slope_leans_to_the_better_side() -> None:
    d = thin(Category("score", 1, False))
    d = replace(d, slopes=((0.2, 0.0), (0.2, 1.0), (0.0, 1.0)))
    for better in (1.0, -1.0):
        mean, precision = slope_prior(d, better)
        np.testing.assert_allclose(mean, [0.0, 0.2 * better, 0.0], atol=1e-15)
        np.testing.assert_allclose(precision[:2], [25.0, 100.0])
        assert np.isfinite(precision).all()


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("length", [0.7, 4.0])
def test_a_correlation_is_one(axes: int, length: float) -> None:
    u = np.random.default_rng(1).uniform(-5, 3, (12, axes))
    K = correlation(u, u, length)
    np.testing.assert_allclose(np.diag(K), 1.0)
    np.testing.assert_allclose(K, K.T)
    assert np.linalg.eigvalsh(K).min() > 0


@pytest.mark.parametrize("length", [0.7, 4.0])
def test_matern_is_the_bessel_form(length: float) -> None:
    """sqrt(2 / pi) q^(3/2) K_(3/2)(q) with q = sqrt(3) d / length: Rasmussen & Williams 2006, eq. 4.14 at nu = 3/2."""
    d = np.array([0.01, 0.5, 1.0, 6.0])
    q = np.sqrt(3) * d / length
    np.testing.assert_allclose(matern(d, length), np.sqrt(2 / np.pi) * q**1.5 * kv(1.5, q), rtol=1e-12)
