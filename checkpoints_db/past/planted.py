"""A past in which some results came out otherwise: a break is planted, and everything else stays as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from checkpoints_db.ledger import Ledger
from checkpoints_db.past import Past
from checkpoints_db.past.evidence import PastEvidence
from checkpoints_db.past.history import Absent, History, Seals
from checkpoints_db.past.judgements import PastJudgements
from checkpoints_db.records import Result
from checkpoints_db.store import Store


class Break(NamedTuple):
    """A shift of some series that begins at a row of the ledger and stays."""

    since: int
    """Row of the first result that it moves."""
    shifts: Mapping[str, float]
    """Series to what is added to its results, in units of the metric; what leaves its range stays on the end of it."""

    def moved(self, seq: int, result: Result) -> Result:
        """A result that arrived as row `seq`, as it would have come out."""
        shift = self.shifts.get(result.series) if seq >= self.since else None
        if shift is None:
            return result
        metric, value = result.metric, result.value + shift
        value = value if metric.upper is None else min(value, metric.upper)
        return result.model_copy(update={"value": value if metric.lower is None else max(value, metric.lower)})


class Planted(Past):
    """The store as it would have been with a break; it moves with the `past` that it is planted in.

    `evidence`: that of the past with some results moved; `seals`: where its forecasts come from.
    """

    def __init__(self, past: Past, evidence: PastEvidence, seals: Seals) -> None:
        nothing = Absent(past.path)
        Store.__init__(self, nothing)
        self.at, self.family, self._facts = past.at, past.family, {}
        self.evidence: PastEvidence = evidence
        history = History(past.family, (), seals)
        self.judgements: PastJudgements = PastJudgements(nothing, Ledger(nothing), history, past.at)
        self.actions, self.items = past.actions, past.items
