"""Which forecasts are of use: the one place where that is decided.

Every limit was chosen on rolling origins inside the training rows of public tables (`benchmarks/refusal.py`, which
prints the figures quoted here): the largest rungs of each ladder are hidden, forecast by the engine as it is, and those
that a limit flags are compared with the others. nCRPS is the CRPS over the standard deviation of the series.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from monitor.science import levels
from monitor.science.dictionary import Category
from monitor.science.signs import Apart, Signs, mean_difference
from monitor.science.view import View

Array = npt.NDArray[np.float64]
Status = Literal["forecast", "insufficient_evidence", "refused"]
Name = Literal[
    "too_few",  # rungs
    "too_short",  # a range
    "plateau",  # at chance
    "saturated",
    "trend_unstable",
    "too_uncertain",
    "forms_disagree",
    "too_far",
]

FEWEST = 4
"""Two rungs decide a line; the third and fourth are the least that can contradict it."""

LEAST_NATS = 1.0
"""Smallest span of a ladder: below a factor of e, noise and trend cannot be told apart."""

WIDEST = 0.5
"""Share of the range that a 95 % interval of a score may fill before it is flagged `wide`. No ground for refusal: of a
ladder that has moved over half of its range such an interval says more than its past, and what was that wide did no
worse (nCRPS .64, others .65)."""

VAGUE = 0.6
"""CRPS that a law may expect of itself, in standard deviations of the rungs and its median together; a law that knew
nothing but the spread of the ladder's own values would expect .56. Mean nCRPS of accepted over refused series: GPT-3
.30, Pythia .30 to .48, two axes .31 to .59, BIG-G .56 and .67. At .7: .30, .28 to .62, .31 to .66, .65 and .77; at .5
up to ten more of every hundred series are refused, and most of the ratios stay."""

MISSED = 2.33
"""Standard deviations by which the forecast of the last rung may have missed: 1 % in each tail, as verdicts have it. Of
losses that missed by more 33 % were then off by more than twice what their law expected, of the others 6 %; scores came
to an nCRPS of .89, the others to .65. It holds for 2 % of the scores and 4 % of the losses."""

APART = 0.5
"""Share of the spread of a score's law that may be the forms' disagreement: beyond it results were 5.9 times as far off
as the law expected (nCRPS 1.09), below it 1.8 times (.65). Six of 1155 origins: rare, and the evidence is thin. Losses
showed the opposite, so it is not asked of them."""

FARTHEST = 0.75
"""Spans of its ladder that a score on one axis may be forecast ahead, in one step. Beyond it 27 % of results were more
than twice as far off as the law expected, nearer 12 %. On two axes distance did no harm, up to the .75 tried."""

AT_CHANCE = 2.0
"""Standard errors from chance, or from the best possible value, within which a rung has shown nothing."""

CLOSE = 0.01
"""Share of the range that stands for two standard errors where none is known."""

MOST_ITEMS = 100.0
"""Times as many items as now: nobody evaluates more."""


class Doubt(NamedTuple):
    """One ground for not trusting a forecast."""

    name: Name
    sentence: str
    settles: str
    """What would settle it."""

    def __str__(self) -> str:
        """As a reason: name, sentence, and what would settle it."""
        return f"{self.name}: {self.sentence}; to settle it: {self.settles}"


class Standing(NamedTuple):
    """What a forecast is worth: its status, why it is not a forecast, and flags for every target."""

    status: Status
    reason: str | None
    """Of the first ground: name, one sentence, what would settle it."""
    flags: list[tuple[str, ...]]
    doubts: tuple[Doubt, ...] = ()
    """Every ground that holds for the series, the one it is refused for first."""


def too_few(rungs: int, nats: float) -> Doubt | None:
    """Why a ladder is too short to extrapolate, or None.

    >>> too_few(2, 3.0).sentence
    '2 distinct rungs over 3.00 nats of scale, and a forecast needs 4 over 1'
    """
    told = f"{rungs} distinct rungs over {nats:.2f} nats of scale, and a forecast needs {FEWEST} over {LEAST_NATS:g}"
    if rungs < FEWEST:
        more = FEWEST - rungs
        return Doubt("too_few", told, f"{more} more rung{'s' if more > 1 else ''}")
    if nats < LEAST_NATS:
        factor = float(np.exp(LEAST_NATS - nats))
        return Doubt("too_short", told, f"a rung {factor:.2g} times smaller than the smallest, or larger than the last")
    return None


def plateau(rungs: int, chance: float, off: float, risen: int = 0) -> Doubt:
    """All rungs lie at chance but `risen` of them; `off`: how far the last one is above it, in standard errors.

    >>> plateau(5, 0.25, 0.5).settles
    "a continuous metric of the task, such as the likelihood; or 16 times the items, if the last rung's rise is real"
    >>> plateau(8, 0.0, 40.0, risen=2).settles
    'a continuous metric of the task, such as the likelihood; or further rungs that have left chance'
    """
    settles = "a continuous metric of the task, such as the likelihood"
    # Twice the items are sqrt(2) times the standard errors; chance has to be left by AT_CHANCE of them.
    # A rise that rounding made would ask for more than a number holds.
    times = (AT_CHANCE / off) ** 2 if off > AT_CHANCE / MOST_ITEMS else np.inf
    if risen and off > AT_CHANCE:
        settles += "; or further rungs that have left chance"
    elif times <= MOST_ITEMS:
        settles += f"; or {max(times, 1.1):.2g} times the items, if the last rung's rise is real"
    else:
        settles += "; no number of items would do"
    some = f"all but {risen} of {rungs} rungs" if risen else f"all {rungs} rungs"
    return Doubt("plateau", f"{some} lie within {AT_CHANCE:g} standard errors of chance, {chance:g}", settles)


def saturated(best: float) -> Doubt:
    """The last rungs lie at the best possible value."""
    told = f"the two largest rungs lie within {AT_CHANCE:g} standard errors of the best possible value, {best:g}"
    return Doubt(
        "saturated", f"{told}; a further gain could not be seen", "a harder task, or a continuous metric of it"
    )


def unstable(missed: float) -> Doubt:
    """The forecast of the last rung, made without it, missed by `missed` standard deviations."""
    told = f"the forecast made without the last rung missed it by {missed:.1f} standard deviations, {MISSED:g} at most"
    return Doubt("trend_unstable", told, "the last rung evaluated again, or one more rung beside it")


def vague(expected: float) -> Doubt:
    """The law expects to miss by `expected` standard deviations of the ladder."""
    told = (
        f"the law expects to miss by {expected:.2f} standard deviations of the ladder's own values, {VAGUE:g} at most "
        "(one that knew only their spread: 0.56)"
    )
    return Doubt("too_uncertain", told, "a nearer target, more items on every rung, or a rung before the target")


def disagreeing(apart: Apart) -> Doubt:
    """So much of the spread of a law is between its forms."""
    (low, least), (high, most) = apart.low, apart.high
    told = (
        f"{low} says {least:.3g} and {high} {most:.3g}: their disagreement is {apart.share:.0%} of the spread of the "
        f"forecast, {APART:.0%} at most"
    )
    return Doubt("forms_disagree", told, "a rung between the last one and the target")


def far(ahead: float, span: float) -> Doubt:
    """A target `ahead` nats beyond a ladder of `span` nats.

    >>> far(4.0, 4.0).settles
    'a target at most 20 times the last rung, or a new rung 1.8 times the last one'
    """
    told = (
        f"the target lies {ahead:.2f} nats beyond a ladder of {span:.2f}; a score is forecast "
        f"{FARTHEST:g} spans ahead at most"
    )
    rung = float(np.exp((ahead - FARTHEST * span) / (1 + FARTHEST)))
    nearer = float(np.exp(FARTHEST * span))
    settles = f"a target at most {nearer:.2g} times the last rung, or a new rung {rung:.2g} times the last one"
    return Doubt("too_far", told, settles)


def standing(seen: View, quantiles: Array, chance: float | None, asked: Signs) -> Standing:
    """Whether the laws of a ladder are a forecast.

    `quantiles` (m, 11 or more): of each target at `levels.LEVELS`, in units of the metric; `chance`: the value of
    guessing, in the same units; `asked`: what the engine says of itself (`monitor.science.signs`).
    """
    m, span = quantiles.shape[0], float(np.ptp(seen.c))
    short = too_few(np.unique(seen.c).size, span)
    wide = _shares(seen, quantiles) > WIDEST
    own = of_ladder(seen, chance, asked.missed)
    each = [
        of_target(seen.category, float(a), span, asked.apart[i] if asked.apart else None)
        for i, a in enumerate(asked.ahead)
    ]
    expected = expected_miss(seen.back(seen.z), quantiles)
    if short is not None:
        own.insert(0, short)
    if expected > VAGUE:
        own.append(vague(expected))
    grounds = own + _of_most(each)
    flags = [(*(d.name for d in own), *(d.name for d in each[i]), *(("wide",) if wide[i] else ())) for i in range(m)]
    if not grounds:
        return Standing("forecast", None, flags)
    return Standing("refused" if short is None else "insufficient_evidence", str(grounds[0]), flags, tuple(grounds))


def of_ladder(seen: View, chance: float | None, missed: float | None) -> list[Doubt]:
    """Grounds that hold for a series whatever the target."""
    out = []
    if chance is not None and seen.known and _at_chance(seen, chance):
        off = seen.better * float(seen.z[-1] - seen.forward(np.array(chance)))
        out.append(plateau(seen.z.size, chance, off / float(np.sqrt(max(seen.variance[-1], 1e-300)))))
    best = seen.lower if seen.falls else seen.upper
    if best is not None and seen.category.link == "score" and not out and _saturated(seen, best):
        out.append(saturated(best))
    if missed is not None and missed > MISSED:
        out.append(unstable(missed))
    return out


def of_target(category: Category, ahead: float, span: float, apart: Apart | None) -> list[Doubt]:
    """Grounds against one target, `ahead` nats beyond a ladder of `span` nats; only ladders of scores have any."""
    if category.link != "score" or category.dense:
        return []
    out = []
    if apart is not None and apart.share > APART:
        out.append(disagreeing(apart))
    if category.axes == 1 and ahead > FARTHEST * span:
        out.append(far(ahead, span))
    return out


def expected_miss(values: Array, quantiles: Array) -> float:
    """CRPS that laws (m, 11 or more quantiles) expect of themselves, over the standard deviation of the rungs' `values`
    and the laws' medians together; infinite where nothing has moved.

    >>> normal = 0.5 + 0.1 * np.array([[-2.576, -1.96, -1.645, -1.282, -0.674, 0, 0.674, 1.282, 1.645, 1.96, 2.576]])
    >>> round(expected_miss(np.array([0.1, 0.2, 0.3, 0.4]), normal), 2)  # 0.1 / sqrt(pi) over 0.1414
    0.4
    """
    if not quantiles.shape[0]:
        return 0.0
    sd = float(np.std(np.concatenate([values, quantiles[:, levels.LEVELS.index(0.5)]])))
    miss = float(mean_difference(quantiles).mean())
    return miss / sd if sd > 0 else np.inf if miss > 0 else 0.0


def _of_most(each: Sequence[Sequence[Doubt]]) -> list[Doubt]:
    # What holds for most targets, in the words of the last of them.
    names = dict.fromkeys(d.name for doubts in each for d in doubts)
    own = {name: [d for doubts in each for d in doubts if d.name == name] for name in names}
    return [doubts[-1] for doubts in own.values() if 2 * len(doubts) > len(each)]


def _shares(seen: View, quantiles: Array) -> Array:
    # Width of each 95 % interval in ranges of the metric; 0 where the metric has no two bounds.
    if seen.lower is None or seen.upper is None:
        return np.zeros(quantiles.shape[0])
    low, high = (quantiles[:, levels.LEVELS.index(p)] for p in (0.025, 0.975))
    return np.asarray((high - low) / (seen.upper - seen.lower), dtype=float)


def _at_chance(seen: View, chance: float) -> bool:
    off = np.abs(seen.z - seen.forward(np.array(chance)))
    return bool((off <= AT_CHANCE * np.sqrt(seen.variance)).all())


def _saturated(seen: View, best: float) -> bool:
    margin = AT_CHANCE * np.sqrt(seen.variance) if seen.known else np.full(seen.z.size, CLOSE)
    off = np.abs(seen.z - seen.forward(np.array(best)))
    largest = np.argsort(seen.c)[-2:]
    return bool((off <= margin)[largest].all())
