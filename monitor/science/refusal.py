"""Which forecasts are of use: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from monitor.science.scores import Law
from monitor.science.view import View

Array = npt.NDArray[np.float64]
Status = Literal["forecast", "insufficient_evidence", "refused"]

FEWEST = 4
"""Two rungs decide a line; the third and fourth are the least that can contradict it."""

LEAST_NATS = 1.0
"""Smallest span of a ladder: below a factor of e, noise and trend cannot be told apart."""

WIDEST = 0.5
"""Share of the range that a 95 % interval of a score may fill."""

AT_CHANCE = 2.0
"""Standard errors from chance within which a rung has shown nothing."""


class Standing(NamedTuple):
    """What a forecast is worth: its status, why it is not a forecast (one sentence), and flags for every law."""

    status: Status
    reason: str | None
    flags: list[tuple[str, ...]]


def too_few(rungs: int, nats: float) -> str | None:
    """Why a ladder is too short to extrapolate, or None.

    >>> too_few(2, 3.0)
    '2 distinct rungs over 3.00 nats of scale; a forecast needs 4 over 1'
    """
    if rungs >= FEWEST and nats >= LEAST_NATS:
        return None
    return f"{rungs} distinct rungs over {nats:.2f} nats of scale; a forecast needs {FEWEST} over {LEAST_NATS:g}"


def standing(seen: View, laws: Sequence[Law], chance: float | None) -> Standing:
    """Whether the `laws` of a ladder are a forecast; `chance` is the value of guessing, in units of the metric."""
    shares = _shares(seen, laws)
    wide = shares > WIDEST
    flags: list[tuple[str, ...]] = [("wide",) if w else () for w in wide]
    short = too_few(np.unique(seen.c).size, float(np.ptp(seen.c)))
    if short is not None:
        return Standing("insufficient_evidence", short, flags)
    if chance is not None and seen.known and _at_chance(seen, chance):
        why = f"plateau at chance: all {seen.z.size} rungs lie within {AT_CHANCE:g} standard errors of {chance:g}"
        return Standing("refused", why, flags)
    if wide.sum() * 2 > wide.size:
        why = (
            f"too uncertain to be of use: the 95 % interval is wider than {WIDEST:.0%} of the range at {wide.sum()} of "
            f"{wide.size} targets (median {np.median(shares):.0%})"
        )
        return Standing("refused", why, flags)
    return Standing("forecast", None, flags)


def _shares(seen: View, laws: Sequence[Law]) -> Array:
    # Width of each 95 % interval in ranges of the metric; 0 where the metric has no two bounds.
    if seen.lower is None or seen.upper is None:
        return np.zeros(len(laws))
    ends = np.array([law.quantile([0.025, 0.975]) for law in laws]).reshape(-1, 2)
    return np.asarray((ends[:, 1] - ends[:, 0]) / (seen.upper - seen.lower), dtype=float)


def _at_chance(seen: View, chance: float) -> bool:
    off = np.abs(seen.z - seen.forward(np.array(chance)))
    return bool((off <= AT_CHANCE * np.sqrt(seen.variance)).all())
