"""What a person may state of a run: it was assessed, a safeguard is in place, it entered a stage. Each is a record of
its own, bound to what had been seen by then, and the gate is settled in the same transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from checkpoints_db import Seen, Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import BadStatement
from checkpoints_db.records import (
    EVERY,
    Assessment,
    Attestation,
    Checkpoint,
    Compute,
    Paper,
    StageEntry,
    Withdrawal,
    digest_of,
)
from monitor import adoption, alerts, gate
from monitor.looks import furthest
from policies.schema import Policy

P = TypeVar("P", bound=Paper)

ROUNDING = 1e-9
"""A stated figure may be this much above what was seen, as a share of it."""


class Clerk:
    """Where people state things: one store, the catalogue and policy in force, one moment."""

    def __init__(self, store: Store, catalogue: Catalogue, policy: Policy, at: datetime) -> None:
        self.store, self.catalogue, self.policy, self.at = store, catalogue, policy, at

    def assess(
        self,
        family: str,
        run: str,
        name: str,
        *,
        by: str,
        at: datetime | None = None,
        checkpoint: str = "",
        flop: float | None = None,
        document: str = "",
        note: str = "",
    ) -> Assessment:
        """Keep that a checkpoint of a run was assessed at `at`; without one named, the furthest that was there by then.

        `flop`: what the report states, where that is less than the checkpoint has. Raises BadStatement for a nameless
        person, a moment to come, a checkpoint that nobody had seen by then, and more FLOP than were seen.
        """
        when = self._moment(at)
        found = self._checkpoint(family, run, checkpoint, when)
        compute = self._compute(found, flop)
        told = {
            "family": family,
            "run": run,
            "name": name.strip(),
            "checkpoint": found.id,
            "document": document.strip(),
        }
        return self._keep(Assessment, {**told, "compute": compute}, by, when, note, family, run)

    def attest(
        self,
        safeguard: str,
        *,
        by: str,
        family: str = EVERY,
        run: str = EVERY,
        at: datetime | None = None,
        expires: datetime | None = None,
        document: str = "",
        note: str = "",
    ) -> Attestation:
        """Keep that a safeguard is in place, for one run, a family, or everything.

        Raises BadStatement for a nameless person, a moment to come, and an attestation that is over already.
        """
        when = self._moment(at)
        if expires is not None and expires <= self.at:
            raise BadStatement(f"safeguard {safeguard!r}: it would be over since {expires:%Y-%m-%d}; give a later end")
        if run != EVERY and family == EVERY:
            raise BadStatement(f"safeguard {safeguard!r}: name the family of run {run!r} too")
        told = {"safeguard": safeguard.strip(), "family": family, "run": run, "expires": expires}
        return self._keep(Attestation, {**told, "document": document.strip()}, by, when, note, family, run)

    def enter(
        self, family: str, run: str, stage: str, *, by: str, at: datetime | None = None, note: str = ""
    ) -> StageEntry:
        """Keep that a run entered a stage at `at`.

        Raises BadStatement for a nameless person, a moment to come, a stage that the policy does not know, one that the
        run is in, and a moment before it entered the stage that it is in.
        """
        when, known = self._moment(at), self.store.actions.stages(family, run)
        if stage not in self.policy.stages:
            names = ", ".join(self.policy.stages)
            raise BadStatement(f"{family}/{run}: {stage!r} is no stage that the policy knows; known are {names}")
        if known and (known[-1].stage == stage or when < known[-1].at):
            there = f"{known[-1].stage!r} since {known[-1].at:%Y-%m-%d %H:%M} UTC"
            raise BadStatement(f"{family}/{run}: it is in {there}; withdraw that entry ({known[-1].id}) if it is wrong")
        return self._keep(StageEntry, {"family": family, "run": run, "stage": stage}, by, when, note, family, run)

    def withdraw(self, name: str, *, by: str, note: str) -> Withdrawal:
        """Keep that an assessment, attestation or stage entry does not count any more; nothing is deleted.

        Raises BadStatement where there is none of this id, or no reason.
        """
        gone = {withdrawal.of for withdrawal in self.store.actions.withdrawals()}
        live = [p for p in self._papers() if p.id not in gone and not isinstance(p, Withdrawal)]
        found = [paper for paper in live if name and paper.id.startswith(name)]
        if len(found) != 1:
            raise BadStatement(f"nothing that counts has the id {name!r}, or several have; see the list command")
        if not note.strip():
            raise BadStatement(f"withdrawing {found[0].id} needs its reason; give one with --reason")
        family, run = getattr(found[0], "family", EVERY), getattr(found[0], "run", EVERY)
        return self._keep(Withdrawal, {"of": found[0].id}, by, self.at, note, family, run)

    def _moment(self, at: datetime | None) -> datetime:
        if at is not None and at > self.at:
            raise BadStatement(f"{at:%Y-%m-%d %H:%M} is still to come; what is stated must have happened")
        return self.at if at is None else at

    def _keep(
        self, kind: type[P], told: dict[str, Any], by: str, when: datetime, note: str, family: str, run: str
    ) -> P:
        if not by.strip():
            raise BadStatement("what is stated needs the name of the person who states it; give --by")
        body = {**told, "by": by.strip(), "at": when, "note": note.strip()}
        paper = kind.model_validate({**body, "id": "-", "recorded_at": self.at})
        said = {key: value for key, value in paper.body().items() if key not in ("id", "recorded_at")}
        paper = paper.model_copy(update={"id": digest_of([kind.__name__, said])[:12]})
        with self.store.transaction():
            for row in self._papers():
                if isinstance(row, kind) and row.id == paper.id:
                    return self._same(row)
            self.store.actions.put_review(paper, paper.id, family, run)
            if any(not seen.baseline for seen in self.store.evidence.results(family=family, run=run)):
                decision = gate.settle(self.store, self.catalogue, self.policy, family, run, self.at)
                force, domains_of = adoption.force(self.store, self.policy, self.at), self.catalogue.domains_of
                window = force.policy.confirm.window
                alerts.raise_for(self.store, decision, force.told, self.at, domains_of, window=window)
        return paper

    def _same(self, row: P) -> P:
        """What was stated before in the same words; refused where that was withdrawn."""
        if row.id in {withdrawal.of for withdrawal in self.store.actions.withdrawals()}:
            raise BadStatement(f"{row.id} says the same and was withdrawn; say with --note what is different now")
        return row

    def _papers(self) -> list[Paper]:
        """Everything that was ever stated."""
        actions = self.store.actions
        stated = (actions.assessments(withdrawn=True), actions.attestations(withdrawn=True))
        return [*stated[0], *stated[1], *actions.stages(withdrawn=True), *actions.withdrawals()]

    def _checkpoint(self, family: str, run: str, name: str, when: datetime) -> Checkpoint:
        results = self.store.evidence.results(family=family, run=run)
        there = {seen.result.checkpoint.id: seen.result.checkpoint for seen in results if seen_by(seen, when)}
        if name and name in there:
            return there[name]
        if not there or name:
            known = ", ".join(sorted({seen.result.checkpoint.id for seen in results})) or "none"
            what = f"checkpoint {name!r}" if name else "any checkpoint of it"
            raise BadStatement(
                f"{family}/{run}: nothing says that {what} had been evaluated by {when:%Y-%m-%d %H:%M} UTC; "
                f"known now: {known}"
            )
        return furthest(there.values())

    def _compute(self, checkpoint: Checkpoint, flop: float | None) -> Compute | None:
        compute = self.catalogue.compute(checkpoint)
        if flop is None:
            return compute
        if compute is None:
            raise BadStatement(f"{checkpoint.id}: nothing says how many FLOP it has; give them in the catalogue")
        if not 0 < flop <= compute.flop * (1 + ROUNDING):
            raise BadStatement(
                f"{checkpoint.id}: {flop:g} FLOP were never seen, it has {compute.flop:g}; "
                "an assessment covers no more than there was"
            )
        share = flop / compute.flop
        effective = None if compute.effective is None else share * compute.effective
        return compute.model_copy(update={"flop": flop, "also": None, "effective": effective})


def seen_by(seen: Seen, when: datetime) -> bool:
    """Whether a result was there at `when`: it had arrived, its log says so, or it is history from before our time."""
    dated = seen.result.date is not None and seen.result.date <= when
    return seen.baseline or dated or seen.seen_at <= when
