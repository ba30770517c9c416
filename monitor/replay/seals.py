"""Forecasts of series as they grew, each made when it is asked for: what the daemon would have sealed by then."""

from __future__ import annotations

from checkpoints_db.errors import ForecastError
from checkpoints_db.past import Past
from checkpoints_db.records import Axis, Sealed
from monitor.forecasting import forecast, foreseeable
from monitor.prior import Prior


class MadeSeals:
    """The seals of a history that has none of its own. `past` is for looking at series, and is never moved."""

    def __init__(self, past: Past, axis: Axis | None, prior: Prior) -> None:
        self._past, self._axis, self._prior = past, axis, prior
        self._whose: dict[int, str] = {}

    def at(self, series: str, up_to: int) -> int | None:
        """Row of the newest result up to row `up_to` with which the series has a forecast; None where it has none."""
        seq = self._past.evidence.changed_at(series, up_to)
        while seq and not foreseeable(self._past.evidence.series_at(series, seq, self._axis)):
            seq = self._past.evidence.changed_at(series, seq - 1)
        self._whose[seq] = series
        return seq or None

    def read(self, seq: int) -> Sealed:
        """The forecast that was sealed when row `seq` had come.

        Where no fit was possible then the one before it stood. Raises FitFailed where there was none.
        """
        series = self._whose[seq]
        at = self._past.evidence.arrived(series, seq)
        try:
            made = forecast(self._past.evidence.series_at(series, seq, self._axis), self._prior)
        except ForecastError:
            before = self.at(series, seq - 1)
            if before is None:
                raise
            return self.read(before)
        return Sealed(forecast=made, at=at, seq=seq)
