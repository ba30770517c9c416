"""Many ladders at once: learn what they have in common, forecast each, and say which forecasts are of use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from monitor.science.calibrate import widening
from monitor.science.dictionary import Category, Dictionary, Prior, full
from monitor.science.fit import group
from monitor.science.law import Law
from monitor.science.learn import learn
from monitor.science.predict import Targets, mixtures
from monitor.science.view import Ladder, View, view

Array = npt.NDArray[np.float64]

FEWEST = 2
"""Rungs below which there is no law at all; with two the level is known, and what slopes of such series are like."""

MOST_TAUGHT = 60
"""Ladders of a suite that teach; more say the same again."""


@dataclass(frozen=True)
class Question:
    """One ladder and the scales to forecast: `scale` (m, axes), `cost` (m,).

    `noise` (m,): squared standard errors of the results to come, NaN where unknown.
    """

    ladder: Ladder
    scale: Array
    cost: Array
    noise: Array


def ask(question: Question) -> tuple[View, Targets] | None:
    """The ladder as it is seen and the targets relative to it; None where there are fewer than FEWEST rungs."""
    ladder = question.ladder
    if len(np.unique(ladder.cost)) < FEWEST:
        return None
    seen = view(ladder)
    noise = np.where(np.isfinite(question.noise), question.noise, np.nan)
    typical = float(seen.variance[-1]) if seen.known else 0.0
    variance = np.array([typical if not np.isfinite(v) else seen.noise_at(float(v)) for v in noise])
    u = np.log(question.scale) - np.log(ladder.scale.max(axis=0))
    return seen, Targets(u, np.log(question.cost) - np.log(ladder.cost.max()), variance[None, :])


def taught(
    views: Sequence[View],
    prior: Prior,
    strength: float,
    progress: Callable[[int, int], None] | None = None,
    tempers: Sequence[float] = (1.0,),
) -> dict[Category, Dictionary]:
    """A dictionary for every category among `views`: the prior, moved by what the suite's own history says.

    `tempers`: multiples of the prior's own that are tried; the one that forecasts left-out rungs best stays.
    """
    by_category: dict[Category, list[View]] = defaultdict(list)
    for v in views:
        by_category[v.category].append(v)
    done, out = 0, {}
    total = sum(min(len(own), MOST_TAUGHT) for own in by_category.values())
    for category, own in sorted(by_category.items()):
        start = prior.get(category) or full(category)
        before = done

        def told(i: int, _of: int, before: int = before) -> None:
            if progress is not None:
                progress(before + i, total)

        learnt = learn(teachers(own), start, strength, [start.temper * t for t in tempers], told)
        out[category] = replace(learnt, widening=widening(teachers(own), learnt))
        done += min(len(own), MOST_TAUGHT)
    return out


def teachers(own: Sequence[View]) -> list[View]:
    """Those of the views of one category that teach: all, or MOST_TAUGHT evenly among them."""
    return [own[i] for i in np.linspace(0, len(own) - 1, min(len(own), MOST_TAUGHT)).round().astype(int)]


def laws(seen: View, dictionary: Dictionary, targets: Targets) -> list[Law]:
    """The law of `seen` at each target."""
    mixed = mixtures(group([seen], dictionary), seen.better, targets)
    return [Law(seen, mixed.weight[0, j], mixed.mean[0, j], mixed.scale[0, j]) for j in range(targets.u.shape[0])]
