"""What a backtest answers: one JSON object, which others can score against the tables it was made from."""

from __future__ import annotations

from typing import Literal

from checkpoints_db.records import Kind
from checkpoints_db.records.base import Record
from monitor.science.refusal import Status


class TargetAnswer(Record):
    """The law of one target row beside what came; numbers are None where the series has no history at all."""

    run: str
    params: float | None
    tokens: float | None
    flop: float | None
    observed: float
    median: float | None = None
    quantiles: dict[str, float] | None = None
    tail_above: float | None = None
    """P(Y >= observed)."""
    tail_below: float | None = None
    """P(Y <= observed)."""
    crps: float | None = None
    """In units of the metric, from the quantiles above."""
    persistence: float | None = None
    """The value at the largest training scale, ties averaged."""
    minimum_detectable_break: float | None = None
    """From the median to the 99 % quantile on the side of improvement."""
    flags: tuple[str, ...] = ()


class SeriesAnswer(Record):
    """One metric of one task in one family: what could be said of its targets."""

    family: str
    task: str
    metric: str
    kind: Kind
    axis: str
    """`tokens`, or `params,tokens` where there are two."""
    status: Status
    reason: str | None
    n_train: int
    seconds: float
    targets: tuple[TargetAnswer, ...]


class SummaryRow(Record):
    """One kind of metric in one table. Means are over series of the mean over that series' targets."""

    table: str
    kind: Kind
    series: int
    targets: int
    ncrps: float | None
    """CRPS over the standard deviation of the series' values, train and target."""
    ncrps_persistence: float | None
    """The same of the law of persistence."""
    coverage_80: float | None
    coverage_95: float | None
    alarms_above: float | None
    """Share of results with P(Y >= observed) below 1 %."""
    alarms_below: float | None
    refused: float
    insufficient: float


class Summary(Record):
    """The table that the command prints."""

    rows: tuple[SummaryRow, ...]
    prior: str
    """Digest of what was believed beforehand; empty where nothing was."""
    seconds: float
    """All of it: reading, teaching, forecasting."""


class Answer(Record):
    """A whole backtest."""

    version: Literal[1] = 1
    tables: tuple[str, ...]
    seed: int
    code_version: str
    series: tuple[SeriesAnswer, ...]
    summary: Summary
