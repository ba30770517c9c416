"""Everything a series may do: shapes, slopes, noises and arrivals, each with its share of belief.

A dictionary belongs to one category of series; its weights are the prior, and `monitor.science.learn` learns them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np
import numpy.typing as npt

from monitor.science.discrepancy import Noise
from monitor.science.forms import BY_NAME, FORMS

Array = npt.NDArray[np.float64]

SLOPES = tuple(product((0.0, 0.0015, 0.005, 0.015, 0.05, 0.15, 0.5), (0.0, 1.0)))
"""(size, lean): the slope is normal about lean * size with standard deviation size (half of it where it leans)."""

ARRIVALS = (0.0, 0.35, 0.7, 1.0, 1.4, 2.0)
"""Which part of a predicted change arrives; 0 is persistence. Misses grow with the change and seldom turn it round."""

TEMPER = 1.0
"""Power of the evidence before anything is learnt."""

SHARES = (0.2, 0.45, 1.0)


Link = Literal["log", "score", "free"]
LINKS: tuple[Link, ...] = ("log", "score", "free")


@dataclass(frozen=True, order=True)
class Category:
    """Which series share a dictionary: `link` log, score or free; 1 or 2 `axes`; `dense` for learning curves."""

    link: Link
    axes: int
    dense: bool

    @property
    def name(self) -> str:
        """As files call it."""
        return f"{self.link}-{self.axes}{'-dense' if self.dense else ''}"

    @classmethod
    def named(cls, name: str) -> Category:
        """The category of a `name`; raises ValueError for one that no category has."""
        for each in CATEGORIES:
            if each.name == name:
                return each
        raise ValueError(f"{name!r} is no category of series; there are {', '.join(c.name for c in CATEGORIES)}")


CATEGORIES = tuple(Category(link, axes, dense) for link in LINKS for axes, dense in ((1, False), (1, True), (2, False)))


@dataclass(frozen=True)
class Dictionary:
    """Atoms are all combinations (shape, slope, noise, arrival); the weights of each part sum to 1."""

    category: Category
    shapes: tuple[tuple[str, tuple[float, ...]], ...]
    """(form, its parameters)."""
    slopes: tuple[tuple[float, float], ...]
    noises: tuple[Noise, ...]
    arrivals: tuple[float, ...]
    shape_weights: tuple[float, ...]
    slope_weights: tuple[float, ...]
    noise_weights: tuple[float, ...]
    arrival_weights: tuple[float, ...]
    temper: float = TEMPER
    """Power of the evidence: below 1, history counts less than it says it should, because no shape is exactly true."""
    widening: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    """(distance in nats from which it holds, factor >= 1 on every scale), learnt from past misses."""

    def basis(self, u: Array, ladder: Array) -> Array:
        """All shapes at `u` (n, axes), as their forms have them -> (shapes, n)."""
        parts = []
        for name, grid in self._by_form():
            parts.append(BY_NAME[name].basis(u, grid, ladder))
        return np.concatenate(parts)

    def _by_form(self) -> list[tuple[str, Array]]:
        # Shapes of one form stand together, so that each form is asked once.
        names = list(dict.fromkeys(name for name, _ in self.shapes))
        return [(name, np.array([p for n, p in self.shapes if n == name])) for name in names]

    def factor(self, distance: Array) -> Array:
        """The widening at `distance` nats beyond the ladder."""
        starts = np.array([d for d, _ in self.widening])
        factors = np.array([f for _, f in self.widening])
        return np.asarray(factors[np.maximum(np.searchsorted(starts, distance, side="right") - 1, 0)], dtype=float)

    def sparse(self, least: float) -> Dictionary:
        """Without what has less than `least` of the weight of its part; the rest keeps its proportions."""
        kept = {part: _kept(getattr(self, f"{part}_weights"), least) for part in ("shape", "slope", "noise", "arrival")}
        changes: dict[str, object] = {}
        for part, index in kept.items():
            weights = np.array(getattr(self, f"{part}_weights"))[index]
            changes[f"{part}_weights"] = tuple(float(w) for w in weights / weights.sum())
            changes[f"{part}s"] = tuple(getattr(self, f"{part}s")[i] for i in index)
        return replace(self, **changes)  # type: ignore[arg-type]


def _kept(weights: tuple[float, ...], least: float) -> list[int]:
    return [i for i, w in enumerate(weights) if w >= least * max(weights)]


def wanders(category: Category) -> tuple[Noise, ...]:
    """The noises a dictionary of `category` starts with."""
    if category.dense:
        # In units of the local noise of the series itself, which a dense curve shows.
        pairs = [(0.0, 1.0), *product((0.7, 2.2, 7.0, 22.0), (0.7, 1.5, 4.0))]
        return tuple(Noise(w, ratio, length, 1.0) for w in (0.6, 1.0, 1.7) for ratio, length in pairs)
    if category.axes == 2:
        sizes, pairs = (0.002, 0.006, 0.02, 0.06), [(0.0, 1.0), *product((2.0, 8.0), (1.0, 3.0))]
    else:
        # A perplexity of few prompts may be off by an eighth from rung to rung; through the log, nothing else says so.
        rough = (0.13,) if category.link == "log" else ()
        sizes, pairs = (0.003, 0.01, 0.03, 0.08, *rough), [(0.0, 1.0), (2.0, 1.5), (2.0, 4.0)]
    unit = 5.0 if category.link == "free" else 1.0
    return tuple(Noise(unit * w, ratio, length, s) for w in sizes for ratio, length in pairs for s in SHARES)


def full(category: Category) -> Dictionary:
    """The dictionary of `category` before anything is learnt: forms share belief equally, shapes within them too."""
    forms = [f for f in FORMS if f.axes == category.axes and category.link in f.links]
    shapes = tuple((f.name, p) for f in forms for p in f.grid)
    weights = tuple(1 / len(forms) / len(f.grid) for f in forms for _ in f.grid)
    noises = wanders(category)
    return Dictionary(
        category=category,
        shapes=shapes,
        slopes=SLOPES,
        noises=noises,
        arrivals=ARRIVALS,
        shape_weights=weights,
        slope_weights=_even(len(SLOPES)),
        noise_weights=_even(len(noises)),
        arrival_weights=_even(len(ARRIVALS)),
        temper=0.1 if category.dense else 0.3 if category.axes == 2 else TEMPER,
    )


def _even(n: int) -> tuple[float, ...]:
    return (1 / n,) * n


Prior = Mapping[Category, Dictionary]
"""One dictionary a category; a category it lacks starts from `full`."""
