"""What every baseline is told: the smaller rungs and the scales to forecast, nothing of what came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.backtesting import Trial
from monitor.science.levels import LEVELS

Array = npt.NDArray[np.float64]

MOST = 64
"""Longer curves are thinned to this many rungs, evenly in the order of scale: neighbours say the same."""


@dataclass(frozen=True)
class Asked:
    """Rungs (n,) in order of cost, and targets (m,); scales are (n, axes) and (m, axes)."""

    scale: Array
    cost: Array
    value: Array
    to_scale: Array
    to_cost: Array
    lower: float | None
    upper: float | None
    falls: bool
    logged: bool
    """Whether it is a loss, which lives on a log scale."""

    @property
    def axes(self) -> int:
        """1, or 2 for parameters and tokens."""
        return int(self.scale.shape[1])

    @property
    def z(self) -> Array:
        """Values on the scale that straight lines are drawn on."""
        return np.log(self.value) if self.logged else self.value

    def back(self, z: Array) -> Array:
        """Sorted quantiles in units of the metric from those of `z`, moved into the range."""
        return self.inside(np.exp(np.clip(z, -700, 700)) if self.logged else z)

    def inside(self, y: Array) -> Array:
        """`y` in order and within the range of the metric."""
        low = -np.inf if self.lower is None else self.lower
        high = np.inf if self.upper is None else self.upper
        return np.asarray(np.clip(np.sort(y, axis=1), low, high), dtype=float)

    @property
    def errors(self) -> Array:
        """Values turned so that they fall: distance from the upper bound of a share, the negative of what has none."""
        return self.turned(self.value)

    def turned(self, y: Array) -> Array:
        """Between values and errors, either way."""
        if self.falls:
            return y
        return (0.0 if self.upper is None else self.upper) - y

    def flat(self) -> Array:
        """What is said where nothing can be fitted: the last value with the spread of all of them, normal."""
        spread = float(np.std(self.z)) or 0.1 * abs(float(self.z[-1])) or 0.1
        z = np.array(LEVELS)
        return self.back(np.tile(self.z[-1] + spread * np.log(z / (1 - z)) / 1.7, (len(self.to_cost), 1)))


def asked(trial: Trial) -> Asked | None:
    """The question of a trial; None where there is no history or no axis."""
    question = trial.question
    if question is None:
        return None
    ladder = question.ladder
    order = np.argsort(ladder.cost, kind="stable")
    if order.size > MOST:
        order = order[np.linspace(0, order.size - 1, MOST).round().astype(int)]
    return Asked(
        scale=ladder.scale[order],
        cost=ladder.cost[order],
        value=ladder.value[order],
        to_scale=question.scale,
        to_cost=question.cost,
        lower=ladder.lower,
        upper=ladder.upper,
        falls=ladder.falls,
        logged=trial.metric.kind == "continuous" and ladder.falls and bool((ladder.value > 0).all()),
    )
