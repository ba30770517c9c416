"""A ladder of results as the dictionary sees it: coordinates in nats, values through the link of their kind."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from monitor.science.dictionary import Category, Link
from monitor.science.transforms import spread

Array = npt.NDArray[np.float64]

DENSE = 12
"""More rungs than this on one axis are a learning curve: its own local noise can be read off it."""

MOST_RUNGS = 40
"""Longer curves are averaged in bins of log scale: neighbours of one run are not independent anyway."""


NOISIEST = 4.0
"""Sampling variance in link space is cut here: such a result says nothing anyway."""

SMALLEST = 1e-30
"""No metric is smaller without being 0."""


@dataclass(frozen=True)
class Ladder:
    """One series: `scale` (n, axes) > 0, `cost` (n,) > 0 orders the rungs, `value` (n,) in metric units.

    `noise` (n,) has squared standard errors, NaN where unknown. `falls`: smaller values are better.
    """

    scale: Array
    cost: Array
    value: Array
    noise: Array
    lower: float | None = None
    upper: float | None = None
    falls: bool = False
    counts: Array | None = None
    """How many results each rung averages; None: one."""

    @property
    def n(self) -> int:
        """Number of rungs."""
        return int(self.value.size)

    def only(self, rungs: npt.NDArray[np.intp]) -> Ladder:
        """The ladder of some of its rungs."""
        counts = None if self.counts is None else self.counts[rungs]
        return replace(
            self,
            scale=self.scale[rungs],
            cost=self.cost[rungs],
            value=self.value[rungs],
            noise=self.noise[rungs],
            counts=counts,
        )


@dataclass(frozen=True)
class View:
    """A ladder in link space. z = (link of the value) / unit; `variance` is its sampling variance, `count` >= 1."""

    category: Category
    u: Array
    """(n, axes): log(scale / largest), each axis by itself."""
    c: Array
    """(n,): log(cost / largest), ascending."""
    z: Array
    variance: Array
    known: bool
    """Whether any standard error is known; where none is, all of the spread is wander."""
    count: Array
    unit: float
    lower: float | None
    upper: float | None
    falls: bool

    def forward(self, y: Array) -> Array:
        """z of metric values; values on the bound of a log link give -inf."""
        with np.errstate(divide="ignore"):
            return _link(y, self.category.link, self.lower, self.upper) / self.unit

    def back(self, z: Array) -> Array:
        """Metric values of `z`, moved into the range of the metric."""
        x = z * self.unit
        if self.category.link == "log":
            y = (self.lower or 0.0) + np.exp(np.clip(x, -700.0, 700.0))
        elif self.category.link == "score":
            y = (self.lower or 0.0) + x * _width(self.lower, self.upper)
        else:
            y = x
        low = -np.inf if self.lower is None else self.lower
        high = np.inf if self.upper is None else self.upper
        return np.asarray(np.clip(y, low, high), dtype=float)

    @property
    def better(self) -> float:
        """Sign of a slope that means improvement, in z."""
        return -1.0 if self.falls else 1.0

    @property
    def log_slope(self) -> float:
        """Sum over the rungs of log |dz / dy|: turns a density of z into one of metric values."""
        if self.category.link == "log":
            return -float(self.z.sum())
        return -self.z.size * float(np.log(self._metric_step()))

    def noise_at(self, variance: float) -> float:
        """Sampling variance in z of a result with squared standard error `variance`, near the last rung."""
        return variance / self._metric_step() ** 2

    def _metric_step(self) -> float:
        # Metric units per unit of z at the last rung.
        if self.category.link == "log":
            return float(np.exp(self.z[-1]))
        return _width(self.lower, self.upper) if self.category.link == "score" else self.unit


def _link(y: Array, link: Link, lower: float | None, upper: float | None) -> Array:
    if link == "log":
        return np.asarray(np.log(y - (lower or 0.0)), dtype=float)
    if link == "score":
        return np.asarray((y - (lower or 0.0)) / _width(lower, upper), dtype=float)
    return np.asarray(y, dtype=float)


def _width(lower: float | None, upper: float | None) -> float:
    return (1.0 if upper is None else upper) - (0.0 if lower is None else lower)


def link_of(ladder: Ladder) -> Link:
    """log for what falls towards a bound that it never touches, score between two bounds, else free."""
    if ladder.falls and ladder.lower is not None and bool((ladder.value > ladder.lower).all()):
        return "log"
    return "score" if ladder.lower is not None and ladder.upper is not None else "free"


def views(ladder: Ladder) -> list[View]:
    """The ladder through every link that may be right: a short ladder of losses through the log and as it is.

    A loss that falls like a power of scale is straight in logs; the loss of a fact that is being learnt by heart falls
    to 0 like a line, and its log without end. Which it is, the rungs have to say.
    """
    first = view(ladder)
    if first.category != Category("log", 1, dense=False):
        return [first]
    return [first, view(ladder, "free")]


def view(ladder: Ladder, link: Link | None = None) -> View:
    """The ladder through its link: sorted by cost, rungs of equal scale averaged, long curves binned.

    Raises ValueError, naming the field, for a ladder that is empty or holds what is no number.
    """
    _check(ladder)
    ladder = _binned(ladder) if ladder.scale.shape[1] == 1 else _sorted(ladder)
    link = link or link_of(ladder)
    z = _link(ladder.value, link, ladder.lower, ladder.upper)
    known = bool(np.isfinite(ladder.noise).any())
    noise = np.where(np.isfinite(ladder.noise), ladder.noise, np.nanmean(ladder.noise) if known else 0.0)
    # A ladder that never moved has no spread; its level then stands for one.
    unit = (spread(z) or max(abs(float(z[-1])), SMALLEST)) if link == "free" else 1.0
    step = (
        np.exp(z) if link == "log" else np.full(z.size, _width(ladder.lower, ladder.upper) if link == "score" else 1.0)
    )
    u = np.log(ladder.scale)
    return View(
        category=Category(link, ladder.scale.shape[1], ladder.scale.shape[1] == 1 and ladder.n > DENSE),
        u=u - u.max(axis=0),
        c=np.log(ladder.cost) - np.log(ladder.cost.max()),
        z=z / unit,
        variance=np.minimum(noise / (step * unit) ** 2, NOISIEST),
        known=known,
        count=np.ones(ladder.n) if ladder.counts is None else ladder.counts,
        unit=unit,
        lower=ladder.lower,
        upper=ladder.upper,
        falls=ladder.falls,
    )


def _check(ladder: Ladder) -> None:
    if not ladder.n:
        raise ValueError("a ladder with no rungs")
    for name in ("scale", "cost", "value"):
        numbers = getattr(ladder, name)
        if not np.isfinite(numbers).all() or (name != "value" and not (numbers > 0).all()):
            raise ValueError(f"{name} of a ladder must be finite{'' if name == 'value' else ' and above 0'}: {numbers}")
    if np.isinf(ladder.noise).any() or (ladder.noise < 0).any():
        raise ValueError(f"noise of a ladder must be finite and at least 0, or NaN where unknown: {ladder.noise}")


def _sorted(ladder: Ladder) -> Ladder:
    return ladder.only(np.lexsort((ladder.value, *ladder.scale.T[::-1], ladder.cost)))


def _binned(ladder: Ladder) -> Ladder:
    ladder = _sorted(ladder)
    x = np.log(ladder.scale[:, 0])
    gap = 1e-6 if ladder.n <= MOST_RUNGS else (x[-1] - x[0]) / MOST_RUNGS
    label = np.zeros(ladder.n, dtype=int)
    start = x[0]
    for i in range(1, ladder.n):
        fresh = x[i] - start > gap
        start = x[i] if fresh else start
        label[i] = label[i - 1] + int(fresh)
    if label[-1] == ladder.n - 1:
        return ladder
    size = np.bincount(label).astype(float)

    def mean(values: Array) -> Array:
        return np.asarray(np.bincount(label, values) / size, dtype=float)

    base = ladder.lower or 0.0
    logged = link_of(ladder) == "log"
    value = np.exp(mean(np.log(ladder.value - base))) + base if logged else mean(ladder.value)
    return replace(
        ladder,
        scale=np.exp(mean(x))[:, None],
        cost=np.exp(mean(np.log(ladder.cost))),
        value=value,
        noise=mean(ladder.noise) / size,
        counts=size,
    )


def local_noise(v: View) -> float:
    """Standard deviation of one result of a dense curve about its neighbours, from second differences (in z).

    1.4826 times the median of |z_i - (z_{i-1} + z_{i+1}) / 2|, each over its own spread, on the later half.
    """
    step = np.diff(v.c)
    w = step[1:] / np.maximum(step[1:] + step[:-1], 1e-12)
    residual = v.z[1:-1] - w * v.z[:-2] - (1 - w) * v.z[2:]
    spread = 1 / v.count[1:-1] + w**2 / v.count[:-2] + (1 - w) ** 2 / v.count[2:]
    shown = np.abs(residual) / np.sqrt(spread)
    late = shown[-max(DENSE, shown.size // 2) :]
    return max(1.4826 * float(np.median(late)), 1e-5)
