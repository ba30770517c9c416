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
        enough = "would do" if self.then <= self.size else "would do most"
        return (
            f"to see a break of {self.size:.2g} (now {self.seen:.2g}): {items}a rung at {self.rung:.2g} times the "
            f"last one {enough} ({self.then:.2g})"
        )


def settles(
    forecast: Forecast, law_for: Callable[[float | None], Blend], u: Array, ahead: float, size: float, prior: Prior
) -> Settles:
    """What would let a break of `size` (units of the metric) be seen at a target, `u` (axes,) nats of each axis and
    `ahead` nats of cost beyond the ladder.

    `law_for`: the law of the target for a sampling variance of its result (None: the ladder's own). `prior`: what the
    ladder with a further rung would be read by. Raises FitFailed where that cannot be fitted.
    """
    law = law_for(None)
    # As `judge` has it, and of all links; the rung is asked of the link that is believed most.
    _, own = max(law.parts, key=lambda part: part[0])
    seen = own.seen
    variance = np.array([[seen.noise_at(forecast.target_variance)]])
    try:
        rung = extra_rung(seen, prior.of(seen.category), Targets(u[None], np.array([ahead]), variance), size)
    except np.linalg.LinAlgError as broken:
        raise FitFailed(forecast.series, str(broken)) from broken
    now = _smallest(forecast, law)
    return Settles(
        size=size,
        seen=now,
        items=_items(forecast, law, law_for, size),
        counted=_counted(forecast.metric),
        rung=math.exp(rung.way * ahead),
        then=now * rung.then / rung.now if rung.now > 0 else now,
    )


def _counted(metric: Metric) -> bool:
    return metric.kind == "thresholded" and metric.lower is not None and metric.upper is not None


def _smallest(forecast: Forecast, law: Blend) -> float:
    lower, median, upper = (float(q) for q in law.quantile(np.array([TAIL, 0.5, 1 - TAIL])))
    return detectable(forecast.metric, lower, median, upper)


def _items(forecast: Forecast, law: Blend, law_for: Callable[[float | None], Blend], size: float) -> int | None:
    metric = forecast.metric
    if metric.lower is None or metric.upper is None or not _counted(metric):
        return None
    width = metric.upper - metric.lower
    share = min(max((law.median - metric.lower) / width, 0.01), 0.99)

    def smallest(variances: Array) -> Array:
        return np.array([_smallest(forecast, law_for(float(v))) for v in variances])

    return items_needed(size, share * (1 - share) * width**2, smallest)
