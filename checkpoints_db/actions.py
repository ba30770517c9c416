"""Actions: gates, alerts with their history, and what people decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from checkpoints_db.ledger import Ledger
from checkpoints_db.records import Acknowledgement, Alert, Approval, GateState, Instant, Latch, Record, Waiver
from checkpoints_db.records.base import stamp
from checkpoints_db.tables import Tables

Review = Acknowledgement | Waiver | Approval


class AlertEvent(Record):
    """One change of an alert: what, when, by whom. Rows are only added."""

    alert: str
    event: str
    at: Instant
    by: str
    sentence: str


class Actions:
    """What we do about it. Every writing method wants a transaction around it."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

    # -- gates --------------------------------------------------------------------------------------------------------

    def gate(self, family: str, run: str) -> GateState | None:
        """What the gate of a run said when it was last settled, or None."""
        for row in self._tables.rows("gates", "gate = ?", [f"{family}/{run}"]):
            return GateState.model_validate_json(row["body"])
        return None

    def gates(self) -> list[GateState]:
        """Every gate, by name."""
        return [GateState.model_validate_json(row["body"]) for row in self._tables.rows("gates", order_by="gate")]

    def latch(self, family: str, run: str) -> Latch | None:
        """The pause of a run that nobody has released, or None."""
        for row in self._tables.rows("gates", "gate = ? and latch <> ''", [f"{family}/{run}"]):
            return Latch.model_validate_json(row["latch"])
        return None

    def put_gate(self, state: GateState, latch: Latch | None) -> None:
        """Set what the gate of a run says; a change of answer, reason or latch goes into the ledger."""
        old, old_latch = self.gate(state.family, state.run), self.latch(state.family, state.run)
        told = (state.answer, state.reason, state.decision, latch)
        if old is None or (old.answer, old.reason, old.decision, old_latch) != told:
            body = {"state": state.body(), "latch": latch.body() if latch else None}
            self._ledger.append("gate", f"{state.family}/{state.run}", body, self._ledger.not_before(state.at))
        self._tables.upsert("gates", gate_row(state, latch))

    # -- alerts -------------------------------------------------------------------------------------------------------

    def alert(self, name: str) -> Alert | None:
        """The alert whose id or fingerprint starts with `name`; None when there is none or several."""
        found = self._tables.rows("alerts", "fingerprint like ?", [name + "%"], limit=2)
        return Alert.model_validate_json(found[0]["body"]) if len(found) == 1 and name else None

    def alerts(self, family: str | None = None, run: str | None = None, *, still_open: bool = False) -> list[Alert]:
        """Alerts, oldest first; all, or those that are not closed."""
        tests = {c: v for c, v in (("family", family), ("run", run)) if v is not None}
        where = " and ".join([*(f"{c} = ?" for c in tests), *(["state <> 'closed'"] if still_open else [])]) or None
        found = self._tables.rows("alerts", where, list(tests.values()), order_by="opened_at, fingerprint")
        return [Alert.model_validate_json(row["body"]) for row in found]

    def put_alert(self, alert: Alert, event: str, by: str, at: datetime) -> None:
        """Set the present state of an alert and add the change to its history and the ledger."""
        self._tables.upsert("alerts", alert_row(alert))
        seq = self._ledger.append("alert", alert.id, {"event": event, "by": by, "alert": alert.body()}, at)
        told = {"alert": alert.id, "event": event, "at": stamp(at), "by": by, "sentence": alert.sentence, "seq": seq}
        self._tables.insert("alert_events", {"id": None, **told})

    def history(self, alert: str) -> list[AlertEvent]:
        """Every change of an alert, oldest first."""
        found = self._tables.rows("alert_events", "alert = ?", [alert], order_by="id")
        return [AlertEvent.model_validate({k: row[k] for k in AlertEvent.model_fields}) for row in found]

    # -- what people decided ------------------------------------------------------------------------------------------

    def put_review(self, review: Review, name: str, family: str, run: str) -> None:
        """Keep what a person decided; a row of its own that nothing overwrites."""
        kind = type(review).__name__.lower()
        told = {"kind": kind, "about": {"family": family, "run": run}, **review.body()}
        seq = self._ledger.append("review", name, told, review.at)
        self._tables.insert("reviews", review_row(review, name, family, run, review.at, seq))

    def waivers(self, family: str | None = None, run: str | None = None) -> list[Waiver]:
        """Every waiver ever granted, expired ones too, oldest first."""
        return [Waiver.model_validate_json(body) for body in self._reviews("waiver", family, run)]

    def approvals(self, family: str | None = None, run: str | None = None) -> list[Approval]:
        """Every approval and veto ever given, oldest first."""
        return [Approval.model_validate_json(body) for body in self._reviews("approval", family, run)]

    def acknowledgements(self, alert: str | None = None) -> list[Acknowledgement]:
        """Every acknowledgement, oldest first."""
        found = [Acknowledgement.model_validate_json(body) for body in self._reviews("acknowledgement", None, None)]
        return [a for a in found if alert is None or a.alert == alert]

    def _reviews(self, kind: str, family: str | None, run: str | None) -> list[str]:
        tests = {c: v for c, v in (("kind", kind), ("family", family), ("run", run)) if v is not None}
        where = " and ".join(f"{c} = ?" for c in tests)
        return [row["body"] for row in self._tables.rows("reviews", where, list(tests.values()), order_by="seq")]


def gate_row(state: GateState, latch: Latch | None) -> dict[str, Any]:
    """What a gate says as its table has it."""
    return {
        "gate": f"{state.family}/{state.run}",
        "family": state.family,
        "run": state.run,
        "answer": str(state.answer),
        "at": stamp(state.at),
        "latch": latch.as_text() if latch else "",
        "body": state.as_text(),
    }


def alert_row(alert: Alert) -> dict[str, Any]:
    """The present state of an alert as its table has it."""
    return {
        "fingerprint": alert.fingerprint,
        "id": alert.id,
        "family": alert.family,
        "run": alert.run,
        "rule": alert.rule,
        "answer": str(alert.answer),
        "state": alert.state,
        "opened_at": stamp(alert.opened_at),
        "changed_at": stamp(alert.changed_at),
        "body": alert.as_text(),
    }


def review_row(review: Review, name: str, family: str, run: str, at: datetime, seq: int) -> dict[str, Any]:
    """What a person decided as its table has it; `seq`: its row of the ledger."""
    return {
        "id": name,
        "kind": type(review).__name__.lower(),
        "family": family,
        "run": run,
        "by": review.by,
        "at": stamp(at),
        "seq": seq,
        "body": review.as_text(),
    }
