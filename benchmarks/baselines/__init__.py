"""Published and customary ways to forecast a ladder, each written from its formula: to add one, name it below."""

from __future__ import annotations

from collections.abc import Callable

from baselines import bnsl, gaussian_process, log_linear, m1, m2, m3, m4, persistence, power_law, sigmoid
from baselines.asked import Array, Asked

ALL: dict[str, Callable[[Asked], Array]] = {
    "persistence": persistence.quantiles,
    "log-linear": log_linear.quantiles,
    "curve_fit": power_law.quantiles,
    "sigmoid": sigmoid.quantiles,
    "M1": m1.quantiles,
    "M2": m2.quantiles,
    "M3": m3.quantiles,
    "M4": m4.quantiles,
    "BNSL": bnsl.quantiles,
    "GP": gaussian_process.quantiles,
}
"""Each gives quantiles (targets, levels) in units of the metric."""

__all__ = ["ALL", "Array", "Asked"]
