"""Outcomes -> one row a table and kind: how the forecasts did, beside persistence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from checkpoints_db.records import Kind
from monitor.backtesting.answer import SummaryRow, TargetAnswer
from monitor.backtesting.outcome import Outcome

ALARM = 0.01
KINDS: tuple[Kind, ...] = ("continuous", "thresholded")


def rows(outcomes: Sequence[Outcome]) -> list[SummaryRow]:
    """A row for each kind of metric of each table, in the order of the tables."""
    tables = dict.fromkeys(o.trial.table for o in outcomes)
    by = {(t, k): [o for o in outcomes if o.trial.table == t and o.answer.kind == k] for t in tables for k in KINDS}
    return [_row(table, kind, own) for (table, kind), own in by.items() if own]


def _row(table: str, kind: Kind, own: Sequence[Outcome]) -> SummaryRow:
    def share(status: str) -> float:
        return _short(float(np.mean([o.answer.status == status for o in own])))

    return SummaryRow(
        table=table,
        kind=kind,
        series=len(own),
        targets=sum(len(o.answer.targets) for o in own),
        ncrps=_mean([_ncrps(o, [t.crps for t in o.answer.targets]) for o in own]),
        ncrps_persistence=_mean([_ncrps(o, list(o.crps_persistence)) for o in own]),
        coverage_80=_each(own, lambda t: _inside(t, "0.1", "0.9")),
        coverage_95=_each(own, lambda t: _inside(t, "0.025", "0.975")),
        alarms_above=_each(own, lambda t: t.tail_above is not None and t.tail_above < ALARM),
        alarms_below=_each(own, lambda t: t.tail_below is not None and t.tail_below < ALARM),
        refused=share("refused"),
        insufficient=share("insufficient_evidence"),
    )


def _inside(t: TargetAnswer, low: str, high: str) -> bool:
    return t.quantiles is not None and t.quantiles[low] <= t.observed <= t.quantiles[high]


def _ncrps(o: Outcome, crps: Sequence[float | None]) -> float | None:
    told = [c for c in crps if c is not None]
    sd = float(np.std(np.concatenate([o.trial.value, o.trial.observed])))
    if not told or sd <= 0:
        return None
    with np.errstate(over="ignore"):
        ratio = float(np.mean(told) / sd)
    return ratio if np.isfinite(ratio) else None  # an absurd ladder must not be the mean of its table


def _each(own: Sequence[Outcome], what: Callable[[TargetAnswer], bool]) -> float | None:
    told = [[what(t) for t in o.answer.targets if t.quantiles is not None] for o in own]
    return _mean([float(np.mean(one)) if one else None for one in told])


def _mean(values: Sequence[float | None]) -> float | None:
    told = [v for v in values if v is not None]
    return _short(float(np.mean(told))) if told else None


def _short(number: float) -> float:
    return float(f"{number:.6g}")
