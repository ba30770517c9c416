"""What would let a forecast see a break that it cannot see: items, or a rung before the target. The engine is asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from checkpoints_db.errors import FitFailed
from checkpoints_db.records import Forecast, Metric
from monitor.prior import Prior
from monitor.science.blend import Blend
from monitor.science.power import TAIL, extra_rung, items_needed
from monitor.science.predict import Targets
from monitor.verdicts import detectable

Array = npt.NDArray[np.float64]


class Settles(NamedTuple):
    """What would let a break of `size` be seen, and how small a break is seen today."""

    size: float
    seen: float
    items: int | None
    """Of every rung and of the target; None where no number would do."""
    counted: bool
    """Whether the noise of one item is known, and so the number of them."""
    rung: float
    """Scale of an extra rung, as a multiple of the cost of the last one."""
    then: float
    """The smallest break with that rung, on average over what it may come to."""

    def __str__(self) -> str:
        """One sentence."""
        items = ""
        if self.counted:
            items = (
                "no number of items would do, " if self.items is None else f"{self.items:,} items on every rung, or "
            )
        head = f"to see a break of {self.size:.2g} (now {self.seen:.2g}): {items}"
        if self.then >= self.seen:
            return f"{head}no rung before it would help"
        enough = "would do" if self.then <= self.size else "would do most"
        return f"{head}a rung at {self.rung:.2g} times the last one {enough} ({self.then:.2g})"


def settles(
    forecast: Forecast,
    law_for: Callable[[float | None], Blend],
    u: Array,
    ahead: float,
    size: float,
    prior: Prior,
    *,
    per_item: float | None = None,
    tail: float = TAIL,
) -> Settles:
    """What would let a break of `size` (units of the metric) be seen at a target, `u` (axes,) nats of each axis and
    `ahead` nats of cost beyond the ladder.

    `law_for`: the law of the target for a sampling variance of its result (None: the ladder's own). `prior`: what the
    ladder with a further rung would be read by. `per_item`: variance of one item, of metrics that do not tell it
    themselves; `tail`: of the policy. Raises FitFailed where the ladder cannot be fitted.
    """
    law = law_for(None)
    # As `judge` has it, and of all links; the rung is asked of the link that is believed most.
    _, own = max(law.parts, key=lambda part: part[0])
    seen = own.seen
    variance = np.array([[seen.noise_at(forecast.target_variance)]])
    try:
        rung = extra_rung(seen, prior.of(seen.category), Targets(u[None], np.array([ahead]), variance), size, tail)
    except np.linalg.LinAlgError as broken:
        raise FitFailed(forecast.series, str(broken)) from broken
    now = _smallest(forecast, law, tail)
    each = _per_item(forecast.metric, law) if per_item is None else per_item
    return Settles(
        size=size,
        seen=now,
        items=None if each is None else _items(forecast, each, law_for, size, tail),
        counted=each is not None,
        rung=math.exp(rung.way * ahead),
        then=now * rung.then / rung.now if rung.now > 0 else now,
    )


def _smallest(forecast: Forecast, law: Blend, tail: float) -> float:
    lower, median, upper = (float(q) for q in law.quantile(np.array([tail, 0.5, 1 - tail])))
    return detectable(forecast.metric, lower, median, upper)


def _per_item(metric: Metric, law: Blend) -> float | None:
    # Of a share of items it is known; of anything else somebody has to say it.
    if metric.kind != "thresholded" or metric.lower is None or metric.upper is None:
        return None
    width = metric.upper - metric.lower
    share = min(max((law.median - metric.lower) / width, 0.01), 0.99)
    return share * (1 - share) * width**2


def _items(
    forecast: Forecast, per_item: float, law_for: Callable[[float | None], Blend], size: float, tail: float
) -> int | None:
    def smallest(variances: Array) -> Array:
        return np.array([_smallest(forecast, law_for(float(v)), tail) for v in variances])

    return items_needed(size, per_item, smallest)
