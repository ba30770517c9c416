"""Two metrics of one task read together: posterior weights of what may have happened, from laws and a prior.

Every number that is believed beforehand stands here, and nowhere else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtr, stdtrit

Array = npt.NDArray[np.float64]

BREAK = 0.02
"""Share of tasks whose ability breaks upwards from one size to the next. About 5 % of BIG-bench tasks break through
somewhere on their ladder (Srivastava et al. 2022, figure 7)."""

REGRESSION = 0.02
"""The same downwards: a broken evaluation, a training fault, sandbagging."""

UNEXPLAINED = 0.01
"""Share of scores that rise without their likelihood: contamination, a changed scorer, a format learnt."""

BENT = 0.1
"""Share of scores that leave their own trend upwards though likelihood and link stay on theirs: the metric bends."""

UNLINKED = 0.005
"""Share of scores that keep to their own trend and not to a link that seemed to hold."""

SIZES = (0.02, 1.0)
"""Smallest and largest size of a break in parts of the metric's room, evenly believed between: of what is seen once on
a ladder nobody knows a typical size."""

DOF = 8
"""Degrees of freedom of a surprise, as in the forecasts' laws of losses; thinner tails would make breaks of misfits."""

LEAST_TAIL = 1e-12
NAMES = (
    "on_trend",
    "metric_artefact",
    "unexplained_jump",
    "genuine_break",
    "latent_break",
    "regression",
    "unresolved_jump",
)
"""In the order of the columns of `weights`."""


class Reading(NamedTuple):
    """What one law says of one result, in the direction of capability; a batch has arrays of shape (N,)."""

    surprise: npt.ArrayLike
    """Student-t score of the result under the law: 0 in its middle, above 0 on the capable side. NaN: no law."""
    room: npt.ArrayLike
    """Room of the metric over the scale of the law near the result."""
    scale: npt.ArrayLike = 1.0
    """Scale of the law in units of the metric: the two laws of one score are compared through it."""


def surprise(above: npt.ArrayLike, below: npt.ArrayLike) -> Array:
    """Student-t score of a result from P(Y at least as far up) and P(Y at least as far down), arrays alike.

    A point mass counts half on either side: t^-1((below + 1 - above) / 2).

    >>> surprise(np.array([0.5, 0.01, 1.0]), np.array([0.5, 0.99, 0.3])).round(2)
    array([ 0.  ,  2.9 , -1.11])
    """
    up, down = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    upper = np.clip(0.5 * (up + 1 - down), LEAST_TAIL, 1.0)
    lower = np.clip(0.5 * (down + 1 - up), LEAST_TAIL, 1.0)
    score = np.where(upper < lower, -stdtrit(DOF, np.minimum(upper, 0.5)), stdtrit(DOF, np.minimum(lower, 0.5)))
    return np.asarray(score, dtype=float)


def scale_near(shift: npt.ArrayLike, score: npt.ArrayLike, half: npt.ArrayLike, tail: npt.ArrayLike) -> Array:
    """Scale of a law between its middle and the result, so that a break of `shift` puts the result in the middle.

    `shift`: result minus median, `score`: its surprise, `half`: half width of the central interval that leaves `tail`
    on either side. |shift / score| where the result is off the middle, else half over the t quantile.

    >>> float(scale_near(3.0, 1.5, 1.0, 0.01)), round(float(scale_near(0.0, 0.0, 2.896, 0.01)), 3)
    (2.0, 1.0)
    """
    d, u = np.asarray(shift, dtype=float), np.asarray(score, dtype=float)
    flat = np.asarray(half, dtype=float) / -stdtrit(DOF, np.asarray(tail, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(d * u > 0.25 * np.abs(u) * flat, np.abs(d / u), flat), dtype=float)


def in_deviations(score: npt.ArrayLike) -> Array:
    """A Student-t score as standard deviations of a normal law with the same tail, for people to read.

    >>> in_deviations([2.896, -2.896, 0.0]).round(2)
    array([ 2.33, -2.33,  0.  ])
    """
    t = np.asarray(score, dtype=float)
    tail = _t_tail(np.abs(t))
    return np.asarray(-np.sign(t) * ndtri(np.maximum(tail, 1e-300)) + 0.0, dtype=float)


def weights(continuous: Reading | None, own: Reading | None, linked: Reading | None) -> Array:
    """Posterior weights (N, 7) of NAMES, given the continuous metric, the score under its own law and under the link.

    With c the likelihood's surprise, o and l those of the score under its own law and under the link given the
    likelihood, f the Student-t density, up(f) its mean over breaks between SIZES upwards:

        on trend        (1 - ...) f(c) (UNLINKED f(o) + (1 - UNLINKED) f(l) s), s = (1 - BENT) f(o) over itself and
                        BENT up(f)(o): how far the score is on its own trend too
        artefact        (1 - ...) f(c) (1 - UNLINKED) f(l) (1 - s)
        unexplained     UNEXPLAINED f(c) up(f)(l)
        genuine         BREAK / 2 up(f)(c) f(l)           latent     BREAK / 2 up(f)(c) f(o)
        regression      REGRESSION (down(f)(c) f(o) + f(c) down(f)(o)) / 2, or down(f)(l) where there is a link

    Without a link a score that jumps with its likelihood, or without it, is up(f)(o) in its place, and there is no
    artefact; without a likelihood a jump is unresolved. A law that is missing says nothing.

    >>> quiet = Reading(0.3, 20.0)
    >>> weights(quiet, quiet, None).round(2)[0, :3]
    array([1., 0., 0.])
    >>> jumped = Reading(9.0, 20.0, 0.05)
    >>> NAMES[int(weights(quiet, jumped, Reading(0.2, 10.0, 0.1)).argmax())]  # the link had said so
    'metric_artefact'
    >>> NAMES[int(weights(jumped, jumped, None).argmax())]
    'genuine_break'
    """
    c, o, k = (_densities(r) for r in (continuous, own, linked))
    still = 1 - BREAK - REGRESSION - UNEXPLAINED
    either = 0.5 * REGRESSION * (c.down * o.flat + c.flat * (o.down if linked is None else k.down))
    none = np.zeros_like(c.flat * o.flat)
    if continuous is None:
        rows = [(still + UNEXPLAINED) * o.flat, none, none, none, none, REGRESSION * o.down, BREAK * o.up]
    elif own is None and linked is None:
        rows = [(still + UNEXPLAINED) * c.flat, none, none, BREAK * c.up, none, REGRESSION * c.down, none]
    else:
        jump, follows = (o.up, o.up) if linked is None else (k.up, k.flat)
        quiet, bent = o.flat, none
        if linked is not None:
            too = (1 - BENT) * o.flat / ((1 - BENT) * o.flat + BENT * o.up)
            quiet = UNLINKED * o.flat + (1 - UNLINKED) * k.flat * too
            bent = (1 - UNLINKED) * k.flat * (1 - too)
        rows = [
            still * c.flat * quiet,
            still * c.flat * bent,
            UNEXPLAINED * c.flat * jump,
            0.5 * BREAK * c.up * follows,
            0.5 * BREAK * c.up * o.flat,
            either,
            none,
        ]
    table = np.stack(np.broadcast_arrays(*rows), axis=-1)
    return np.asarray(table / table.sum(axis=-1, keepdims=True), dtype=float).reshape(-1, len(NAMES))


class _Densities(NamedTuple):
    flat: Array
    up: Array
    down: Array


def _densities(r: Reading | None) -> _Densities:
    if r is None:
        one = np.ones(1)
        return _Densities(one, one, one)
    u, room, scale = (np.atleast_1d(np.asarray(a, dtype=float)) for a in r)
    known = np.isfinite(u)
    size = np.clip(np.where(np.isfinite(room), room, 1.0), 1e-3, 1e6)
    t, unit = np.where(known, u, 0.0), np.maximum(np.where(np.isfinite(scale), scale, 1.0), 1e-12)
    flat, up, down = _density(t), _broken(t, size), _broken(-t, size)
    return _Densities(*(np.where(known, density / unit, 1.0) for density in (flat, up, down)))


def _broken(t: Array, room: Array) -> Array:
    """Mean density of t - b over breaks b between SIZES of the room, in closed form."""
    low, high = (size * room for size in SIZES)
    # Both tails on the side where they are small: far out a difference of two ones would be nothing.
    between = np.where(t > high, _t_tail(t - high) - _t_tail(t - low), _t_tail(low - t) - _t_tail(high - t))
    return np.asarray(np.maximum(between, 1e-300) / (high - low), dtype=float)


def _density(t: Array) -> Array:
    return np.asarray(0.3866990209613931 * (1 + t * t / DOF) ** (-(DOF + 1) / 2), dtype=float)


def _t_tail(t: Array) -> Array:
    return np.asarray(stdtr(DOF, -t), dtype=float)
