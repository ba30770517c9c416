"""Making decisions again from the rows of a bundle alone: by the walk that replay takes, and the one `decide()`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import BundleError, LedgerBroken
from checkpoints_db.judgements import Known, Moment
from checkpoints_db.past import Past, recorded
from checkpoints_db.records import Case, Decision, Diagnosis, GateState, Latch, Verdict, digest_of
from monitor import gate
from monitor.replay.likeness import force_then, named
from monitor.replay.source import catalogues
from policies.several import Ruling, decide_all


class GateRow(NamedTuple):
    """What the gate of the run said from a row of the ledger on."""

    seq: int
    state: GateState
    latch: Latch | None


class Remade(NamedTuple):
    """A decision made again, and what it came from."""

    ruled: Sequence[Ruling]
    decision: Decision
    state: GateState
    latch: Latch | None
    """That of the gate after it."""

    @property
    def case(self) -> Case:
        """The case of the policy that decided."""
        return next(one.case for one in self.ruled if one.policy.digest == self.decision.policy)


class Remaking:
    """One run's decisions, made again in the order they were made.

    Raises LedgerBroken for a catalogue that has not the digest it goes by.
    """

    def __init__(self, store: Store, family: str, run: str) -> None:
        self._store = store
        self._past = Past(recorded(store, family))
        self._past.judgements.known = Known()
        for row in store.ledger.entries("catalogue"):
            if digest_of(row.value())[:12] != row.subject:
                raise LedgerBroken(row.seq, f"its catalogue is not {row.subject}, which it goes by")
        self._catalogues = catalogues(store, Catalogue())
        self.gates = [
            GateRow(entry.seq, GateState.model_validate(said["state"]), _latch(said["latch"]))
            for entry in store.ledger.entries("gate", f"{family}/{run}")
            for said in [entry.value()]
        ]

    def gate_after(self, seq: int) -> GateRow | None:
        """What the gate said after a decision; None where no row tells."""
        return next((row for row in self.gates if row.seq > seq), None)

    def again(self, moment: Moment) -> Remade:
        """The decision of a moment, from what was there just before it. Moments come in order.

        Raises BadPolicy where a policy of the time does not load here, BundleError where the catalogue is not told.
        """
        if not any(seq <= moment.seq for seq, _ in self._catalogues.recorded):
            raise BundleError("the catalogue that the case was read by had not been written down then")
        past = self._past
        past.move(moment.seq - 1)
        force = force_then(past, moment)
        catalogue = self._catalogues.at(moment.seq)
        ruled = gate.rulings(past, catalogue, force, moment.family, moment.run, named(moment))
        place = (moment.family, moment.run)
        decision = decide_all(
            ruled, past.actions.waivers(*place), past.actions.approvals(*place), moment.at, force.pending
        )
        gate.conclude(past, ruled, moment.at, force.pending, checkpoint=named(moment))
        return Remade(ruled, decision, gate.state_of(decision), past.actions.latch(*place))

    def go_on(self, was: Decision, moment: Moment) -> None:
        """Go on from what was recorded, where a decision was not made again: one difference is told once."""
        judgements, place = self._past.judgements, (moment.family, moment.run)
        for verdict in self._store.judgements.told(Verdict, *place, moment.seq):
            judgements.put_verdict(verdict, moment.at)
        for diagnosis in self._store.judgements.told(Diagnosis, *place, moment.seq):
            judgements.put_diagnosis(diagnosis, moment.at)
        judgements.put_decision(was, moment.checkpoint, moment.at)
        after = self.gate_after(moment.seq)
        self._past.actions.put_gate(gate.state_of(was), after.latch if after else None)


def _latch(said: object) -> Latch | None:
    return None if said is None else Latch.model_validate(said)
