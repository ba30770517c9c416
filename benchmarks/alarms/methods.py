"""One number a suite, the larger the more alarming: ours from tail probabilities, common practice from the ladders."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from alarms.simulated import STEP, Made
from monitor.science.drift import strongest
from policies.evalues import harmonic_limit

Array = npt.NDArray[np.float64]

SHARE = 0.05


def evidence(p: Array) -> Array:
    """`policies.evalues.calibrated` of an array."""
    x = np.maximum(-np.log(np.clip(p, 1e-300, 1.0)), 1e-4)
    return np.asarray((np.expm1(x) - x) / x**2, dtype=float)


def smallest(p: Array) -> Array:
    """Per-test tail, Bonferroni and Holm: whether anything alarms is a limit on the smallest tail, (S, m) -> (S,)."""
    return np.asarray(-np.log(p.min(axis=1)), dtype=float)


def yekutieli(p: Array) -> Array:
    """Benjamini & Yekutieli: a limit on the smallest of p_(k) / k."""
    return np.asarray(-np.log((np.sort(p, axis=1) / np.arange(1, p.shape[1] + 1)).min(axis=1)), dtype=float)


def harmonic(p: Array) -> Array:
    """The mean of 1 / p."""
    return np.asarray(np.log((1 / p).mean(axis=1)), dtype=float)


def average(p: Array) -> Array:
    """The mean e-value."""
    return np.asarray(np.log(evidence(p).mean(axis=1)), dtype=float)


def summed(p: Array) -> Array:
    """The sum of signed surprises, in units of its spread without dependence: a limit is set on real suites anyway."""
    return np.asarray(-strongest(p).sum(axis=1) / np.sqrt(p.shape[1]), dtype=float)


OURS: dict[str, Callable[[Array], Array]] = {
    "per-test tail, Bonferroni, Holm": smallest,
    "Benjamini-Yekutieli": yekutieli,
    "harmonic": harmonic,
    "e-average": average,
    "sum of surprises": summed,
}


def nominal(p: Array) -> dict[str, Array]:
    """Which suites (S, m) each method alarms on at its own nominal level: 1 % a test, 5 % a suite."""
    m = p.shape[1]
    harmonic = float((1 / np.arange(1, m + 1)).sum())
    ordered = np.sort(p, axis=1)
    return {
        "per-test tail 1 %": ordered[:, 0] < 0.01,
        "Holm (Bonferroni)": ordered[:, 0] <= SHARE / m,
        "Benjamini-Yekutieli": (ordered * m * harmonic <= SHARE * np.arange(1, m + 1)).any(axis=1),
        "harmonic": (1 / np.clip(p, 1e-300, 1)).mean(axis=1) >= harmonic_limit(m, SHARE),
        "e-average": evidence(p).mean(axis=1) >= 1 / SHARE,
    }


def _capability(suite: Made, seen: int) -> tuple[Array, Array]:
    """Rungs (S, m, seen) and what came (S, m), larger is better: minus the log of losses, scores as they are."""
    half = suite.losses
    y = np.concatenate([-np.log(suite.value[:, :half]), suite.value[:, half:]], axis=1)
    return y[..., :seen], y[..., seen]


def _line(y: Array, came: Array) -> tuple[Array, Array, float]:
    """Miss of the next rung from a straight line in log scale, the scatter about it, and the leverage of the next."""
    n = y.shape[-1]
    x = STEP * np.arange(n)
    centred = x - x.mean()
    slope = (y * centred).sum(-1) / (centred**2).sum()
    miss = y - y.mean(-1, keepdims=True) - slope[..., None] * centred
    spread = np.sqrt((miss**2).sum(-1) / (n - 2)) + 1e-9
    off = STEP * n - x.mean()
    return came - y.mean(-1) - slope * off, spread, float(1 / n + off**2 / (centred**2).sum())


def residual(suite: Made, seen: int) -> tuple[Array, float]:
    """Residual z-score on a straight line; nominal 2.33."""
    miss, spread, _ = _line(*_capability(suite, seen))
    return (miss / spread).max(axis=1), 2.326


def band(suite: Made, seen: int) -> tuple[Array, float]:
    """Outside the 98 % confidence band of the line, taken for a forecast."""
    miss, spread, leverage = _line(*_capability(suite, seen))
    return (miss / (spread * np.sqrt(leverage))).max(axis=1), float(stdtrit(seen - 2, 0.99))


def jump(suite: Made, seen: int) -> tuple[Array, float]:
    """Raw jump over the last rung; nominal 10 points of a score, 10 % of a loss."""
    y, came = _capability(suite, seen)
    return (came - y[..., -1]).max(axis=1), 0.10


def slope_ratio(suite: Made, seen: int) -> tuple[Array, float]:
    """Slope after the best breakpoint over the slope before it; nominal 2."""
    y, came = _capability(suite, seen)
    y = np.concatenate([y, came[..., None]], axis=-1)
    n = y.shape[-1]
    best, ratio = np.full(y.shape[:2], np.inf), np.ones(y.shape[:2])
    for cut in range(2, n - 1):
        left, right = _piece(y[..., : cut + 1]), _piece(y[..., cut:])
        better = left[1] + right[1] < best
        best = np.where(better, left[1] + right[1], best)
        ratio = np.where(better, right[0] / np.maximum(np.abs(left[0]), 1e-4), ratio)
    return ratio.max(axis=1), 2.0


def _piece(y: Array) -> tuple[Array, Array]:
    x = STEP * (np.arange(y.shape[-1]) - 0.5 * (y.shape[-1] - 1))
    slope = (y * x).sum(-1) / (x**2).sum()
    miss = y - y.mean(-1, keepdims=True) - slope[..., None] * x
    return slope, (miss**2).sum(-1)


PRACTICE: dict[str, Callable[[Made, int], tuple[Array, float]]] = {
    "residual z-score on a line": residual,
    "confidence band of the line": band,
    "raw jump": jump,
    "slope ratio at best break": slope_ratio,
}


def limit(stat: Array, share: float = SHARE) -> float:
    """The value that a share of suites on trend exceeds."""
    return float(np.quantile(stat, 1 - share))


def normal(p: Array) -> Array:
    """Signed surprises of tails toward capability: positive is better than forecast."""
    return np.asarray(-ndtri(np.clip(p, 1e-12, 1 - 1e-12)), dtype=float)
