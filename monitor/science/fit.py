"""A ladder of results -> components of the predictive law, fitted in closed form.

This is the first, simple engine. Its place is `backtest.learn(ladder) -> Fitted`; a better one replaces this file and
`backtest.py`, and everything above keeps reading components and a calibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.science.forms import FORMS, Form
from monitor.science.predict import Component
from monitor.science.transforms import Transform, transforms

Array = npt.NDArray[np.float64]

MOST_RUNGS = 40
"""More points than this are averaged in bins of log scale; neighbours of one run are not independent anyway."""

WANDER = 0.05
"""Expected size of what sampling noise does not explain (seed, recipe, misfit), as a share of the ladder's span in
z."""

MEMORY = 2.0
"""Nats over which a form holds: the unexplained spread of a rung d nats before the last one is 1 + (d / MEMORY)^2
larger."""

NOISE_DOF = 4.0
"""Weight of that expectation, in observations."""

REACH = 2.5
"""A forecast may change at most this many times as fast, per nat of scale, as the ladder did on average (in z)."""

KEEP = 1e-4
"""Components are dropped, smallest first, up to this total weight."""


@dataclass(frozen=True)
class Ladder:
    """Rungs as arrays of shape (n,): u = log(x / x_last) ascending to 0, values y, squared standard errors."""

    u: Array
    y: Array
    noise: Array
    lower: float | None = None
    upper: float | None = None

    @property
    def n(self) -> int:
        """Number of rungs."""
        return int(self.u.size)


@dataclass(frozen=True)
class View:
    """A ladder seen through one link: z and its sampling variance, both of shape (n,)."""

    link: Transform
    u: Array
    z: Array
    sampling: Array
    """Sampling variance of z, as far as it is known."""
    wander: float
    """Expected variance of z beyond sampling, for a rung close to the last one."""
    reach: float
    """Largest credible change of z per nat of scale."""

    def variance(self, k: int) -> Array:
        """Expected variance of the first `k` rungs about a form fitted at rung k, shape (k,)."""
        back = (self.u[:k] - self.u[k - 1]) / MEMORY
        return np.asarray(self.sampling[:k] + self.wander * (1 + back**2), dtype=float)


@dataclass(frozen=True)
class Batch:
    """All exponents of one form under one view, fitted to the first k rungs; g exponents, p linear parameters."""

    form: Form
    view: View
    k: int
    coefficients: Array
    """Shape (g, p); level at rung k first."""
    covariance: Array
    """Shape (g, p, p), already times the noise variance."""
    variance: Array
    """Shape (g,): spread of one result beyond its sampling noise."""
    dof: float
    drift: float

    def moments(self, j: npt.NDArray[np.intp]) -> tuple[Array, Array, Array]:
        """Mean, variance without sampling noise and kappa, and change since rung k, at rungs `j`; each (g, len(j))."""
        rows = _basis(self.form, self.view.u, self.k)[:, j, :]
        change = np.einsum("gjp,gp->gj", rows, self.coefficients[:, 1:])
        ahead = self.view.u[j] - self.view.u[self.k - 1]
        change = np.clip(change, -self.view.reach * ahead, self.view.reach * ahead)
        q = np.concatenate([np.ones((*rows.shape[:2], 1)), rows], axis=2)
        spread = np.einsum("gjp,gpq,gjq->gj", q, self.covariance, q) + self.drift * ahead
        spread = np.minimum(spread, self.covariance[:, :1, 0] + (0.5 * self.view.reach * ahead) ** 2)
        return self.coefficients[:, :1] + change, spread + self.variance[:, None], change


def ladder(x: Array, y: Array, noise: Array, lower: float | None = None, upper: float | None = None) -> Ladder:
    """Sort, average replicates at one scale, and bin very long series.

    `x` scales > 0, `y` values in units of the metric, `noise` squared standard errors, all of shape (n,).
    """
    order = np.argsort(x, kind="stable")
    u, y, noise = np.log(x[order]), y[order], noise[order]
    gap = 1e-6 if u.size <= MOST_RUNGS else (u[-1] - u[0]) / MOST_RUNGS
    label = np.zeros(u.size, dtype=int)
    start = u[0]
    for i in range(1, u.size):
        fresh = u[i] - start > gap
        start = u[i] if fresh else start
        label[i] = label[i - 1] + int(fresh)
    count = np.bincount(label)
    u, y = np.bincount(label, u) / count, np.bincount(label, y) / count
    return Ladder(u - u[-1], y, np.bincount(label, noise) / count**2, lower, upper)


def views(rungs: Ladder) -> list[View]:
    """The ladder through every link its bounds allow."""
    return [_view(rungs, link) for link in transforms(rungs.lower, rungs.upper)]


def _view(rungs: Ladder, link: Transform) -> View:
    # Half a standard error: at 0 or n of n right that is the half item of the empirical logit.
    floor = np.maximum(0.5 * np.sqrt(rungs.noise), 1e-9 * (float(np.ptp(rungs.y)) + 1e-30))
    z = link.forward(rungs.y, floor)
    sampling = np.minimum(rungs.noise * link.slope(rungs.y, floor) ** 2, 4.0)
    span = float(np.ptp(z))
    wander = (WANDER * span) ** 2 + (1e-6 * (1 + abs(float(z[-1])))) ** 2
    reach = REACH * max(span, float(np.sqrt(wander))) / -float(rungs.u[0])
    return View(link, rungs.u, z, sampling, wander, reach)


def _basis(form: Form, u: Array, k: int) -> Array:
    return form.basis(u - u[k - 1], np.array(form.exponents))


def fit_form(form: Form, view: View, k: int) -> Batch:
    """One form, all its exponents, by weighted least squares on the first `k` rungs.

    The noise variance is sigma^2 v with sigma^2 ~ inverse gamma (NOISE_DOF / 2, NOISE_DOF / 2), integrated out.
    """
    if form.walk:
        return _fit_walk(form, view, k)
    z, v = view.z[:k], view.variance(k)
    rows = _basis(form, view.u[:k], k)
    g, p = rows.shape[0], rows.shape[2] + 1
    X = np.concatenate([np.ones((g, k, 1)), rows], axis=2) / np.sqrt(v)[None, :, None]
    size = np.sqrt(np.einsum("gkp,gkp->gp", X, X))
    X = X / size[:, None, :]
    inverse = np.linalg.inv(np.einsum("gkp,gkq->gpq", X, X) + 1e-12 * np.eye(p))
    target = z / np.sqrt(v)
    beta = np.einsum("gpq,gkq,k->gp", inverse, X, target)
    rss = ((target[None, :] - np.einsum("gkp,gp->gk", X, beta)) ** 2).sum(axis=1)
    dof = NOISE_DOF + max(k - p, 0)
    sigma2 = (NOISE_DOF + rss) / dof
    covariance = inverse * sigma2[:, None, None] / (size[:, :, None] * size[:, None, :])
    return Batch(form, view, k, beta / size, covariance, _beyond(view, k, sigma2, v, dof), dof, 0.0)


def _fit_walk(form: Form, view: View, k: int) -> Batch:
    z, u, noise = view.z[:k], view.u[:k], view.sampling[:k]
    # Persistence says that the trend stops here; what is left to wander is what its steps did beside the trend.
    apart = np.diff(z) - np.diff(u) * (z[-1] - z[0]) / (u[-1] - u[0])
    step2 = np.maximum(apart**2 - noise[1:] - noise[:-1], 0.0)
    typical = float(np.mean(np.diff(view.u)))
    drift = (float(step2.sum()) + 2 * view.wander) / (float(np.diff(u).sum()) + 2 * typical)
    level = np.full((1, 1, 1), float(noise[-1]) + view.wander)
    return Batch(form, view, k, z[-1:].reshape(1, 1), level, np.array([view.wander]), NOISE_DOF + k - 1, drift)


def _beyond(view: View, k: int, sigma2: Array, v: Array, dof: float) -> Array:
    # What the residuals show beyond sampling noise; an expectation of it remains, and fades as observations come in.
    near = np.exp(-((view.u[:k] - view.u[k - 1]) ** 2))
    shown = sigma2 * float(np.average(v, weights=near)) - float(np.average(view.sampling[:k], weights=near))
    return np.maximum(shown, 0.5 * view.wander * NOISE_DOF / dof)


def batches(seen: Sequence[View], k: int) -> list[Batch]:
    """Every form under every view, fitted to the first `k` rungs."""
    return [fit_form(form, view, k) for view in seen for form in FORMS]


def priors(seen: Sequence[View]) -> Array:
    """Log prior weight of every atom (view, form, exponent), in the order of `batches`."""
    parts = [np.full(len(f.exponents), f.prior / len(f.exponents) / len(seen)) for _ in seen for f in FORMS]
    return np.asarray(np.log(np.concatenate(parts)), dtype=float)


def components(fitted: Sequence[Batch], weights: Array, kappa: float) -> list[Component]:
    """Batches fitted to the whole ladder and their weights -> the components worth keeping, weights summing to 1."""
    found = [(b, i) for b in fitted for i in range(len(b.form.exponents))]
    order = np.argsort(weights, kind="stable")
    cut = set(order[np.cumsum(weights[order]) < KEEP].tolist())
    total = float(sum(w for a, w in enumerate(weights) if a not in cut))
    return [
        Component(
            form=b.form.name,
            link=b.view.link.name,
            weight=float(weights[a]) / total,
            exponent=b.form.exponents[i],
            coefficients=tuple(float(c) for c in b.coefficients[i]),
            covariance=tuple(tuple(float(c) for c in row) for row in b.covariance[i]),
            variance=float(b.variance[i]),
            dof=b.dof,
            kappa=0.0 if b.form.walk else kappa,
            drift=b.drift,
            reach=b.view.reach,
        )
        for a, (b, i) in enumerate(found)
        if a not in cut
    ]
