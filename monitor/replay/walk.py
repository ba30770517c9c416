"""The walk of one policy over one family's history, in order of arrival, with seals, people and time as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from checkpoints_db.judgements import Known, Moment
from checkpoints_db.past import Past
from checkpoints_db.records import Case, Decision
from monitor import gate, ruling
from monitor.adoption import Force
from monitor.replay.records import Step
from monitor.replay.source import Told
from policies.schema import Policy
from policies.several import InForce, Ruling, decide_all

Tell = Callable[[Step, Case], None]


class Timetable(NamedTuple):
    """When time alone is looked at: every so often, from the first moment of history until `until`."""

    every: timedelta | None = timedelta(days=1)
    """None: never; then a policy is asked at the moments history has, and at no others."""
    until: datetime | None = None

    def ticks(self, after: datetime, before: datetime) -> list[datetime]:
        """The moments of the timetable strictly between two: whole multiples of `every` since 1970, in UTC."""
        if self.every is None or before <= after:
            return []
        epoch = datetime(1970, 1, 1, tzinfo=after.tzinfo)
        first = epoch + ((after - epoch) // self.every + 1) * self.every
        count = max(0, -((first - before) // self.every))
        return [first + i * self.every for i in range(count)]


DAILY = Timetable()
"""Once a day, while history lasts."""


class _Stood(NamedTuple):
    ruled: Sequence[Ruling]
    decision: Decision
    at: datetime
    checkpoint: str


class Walk:
    """One policy over one history. `run` may be asked once."""

    def __init__(self, told: Told, policy: Policy, timetable: Timetable = DAILY, known: Known | None = None) -> None:
        self.past = Past(told.history)
        self.past.judgements.known = Known() if known is None else known
        self._moments, self._catalogues, self._policy = told.moments, told.catalogues, policy
        # As if it had been the first and only one.
        self._force = Force((InForce(policy, 0),), None)
        self._timetable = timetable
        self._stood: dict[str, _Stood] = {}

    def run(self, tell: Tell = lambda *_: None) -> Iterator[Step]:
        """Every moment of history, and the changes that time alone brings; not in order of time across runs.

        `tell` is called with each step and the case it was decided on, before the step is given.
        """
        for moment in self._moments:
            for step, case in (*self._waited(moment.run, moment.at), self._decided(moment)):
                tell(step, case)
                yield step
        if self._timetable.until is not None:
            for run in list(self._stood):
                for step, case in self._waited(run, self._timetable.until):
                    tell(step, case)
                    yield step

    def _decided(self, moment: Moment) -> tuple[Step, Case]:
        """What is decided at a moment that history has, from what was there just before the decision it has."""
        self.past.move(moment.seq - 1)
        named = moment.checkpoint or None
        catalogue = self._catalogues.at(moment.seq)
        ruled = gate.rulings(self.past, catalogue, self._force, moment.family, moment.run, named)
        return self._concluded(ruled, moment.at, moment.checkpoint, moment.seq), ruled[0].case

    def _concluded(self, ruled: Sequence[Ruling], at: datetime, checkpoint: str, seq: int) -> Step:
        case = ruled[0].case
        before = self._stood.get(case.run)
        decision = gate.conclude(self.past, ruled, at, checkpoint=checkpoint or None)
        self._stood[case.run] = _Stood(ruled, decision, at, checkpoint)
        return Step(
            at=at,
            family=case.family,
            run=case.run,
            checkpoint=checkpoint,
            cause="evidence" if seq else "time",
            changed=before is None or before.decision != decision,
            decision=decision,
            seq=seq,
        )

    def _waited(self, run: str, until: datetime) -> Iterator[tuple[Step, Case]]:
        """What time alone changes before `until`, at the moments of the timetable.

        Between two moments of history everything that time does goes one way: evaluations grow old, waivers and
        approvals run out. So where the last moment of the timetable says what the first one did, none between says
        anything else; where it does not, the first that differs is found by halving.
        """
        stood = self._stood.get(run)
        ticks = [] if stood is None else self._timetable.ticks(stood.at, until)
        while stood is not None and ticks and self._differs(stood, ticks[-1]):
            low, high = 0, len(ticks) - 1
            while low < high:
                middle = (low + high) // 2
                low, high = (low, middle) if self._differs(stood, ticks[middle]) else (middle + 1, high)
            ruled = self._with_latch(stood)
            yield self._concluded(ruled, ticks[low], stood.checkpoint, 0), ruled[0].case
            stood, ticks = self._stood[run], ticks[low + 1 :]

    def _with_latch(self, stood: _Stood) -> list[Ruling]:
        """The rulings as they are after their own decision: what it paused is latched."""
        case = stood.ruled[0].case
        latch = self.past.actions.latch(case.family, case.run)
        return ruling.with_latch(
            [one._replace(case=one.case.model_copy(update={"latch": latch})) for one in stood.ruled]
        )

    def _differs(self, stood: _Stood, at: datetime) -> bool:
        case = stood.ruled[0].case
        waivers = self.past.actions.waivers(case.family, case.run)
        approvals = self.past.actions.approvals(case.family, case.run)
        decision = decide_all(self._with_latch(stood), waivers, approvals, at)
        return decision != stood.decision.model_copy(update={"at": at})
