"""Actions: gates, alerts with their history, and what people decided."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, TypeVar

from checkpoints_db.alert_page import EVERY_ALERT, NOT_OVER, RANK, WORST_FIRST, AlertFilter, AlertPage, mark_of, marked
from checkpoints_db.drills import NO_DRILL
from checkpoints_db.ledger import Ledger
from checkpoints_db.records import (
    EVERY,
    Acknowledgement,
    Alert,
    AlertReview,
    Approval,
    Assessment,
    Attachment,
    Attestation,
    BreakGlass,
    ChangeApproval,
    Comment,
    GateState,
    GlassReview,
    Instant,
    Latch,
    Paper,
    Record,
    StageEntry,
    Transition,
    Waiver,
    Withdrawal,
)
from checkpoints_db.records.base import stamp
from checkpoints_db.tables import Tables

Review = Acknowledgement | AlertReview | Waiver | Approval | ChangeApproval | BreakGlass | GlassReview | Paper
P = TypeVar("P", bound=Paper)
REVIEWED = "seq, id, kind, family, run, by, at, body as text"


class AlertEvent(Record):
    """One change of an alert: what, when, by whom. Rows are only added."""

    alert: str
    event: str
    at: Instant
    by: str
    sentence: str
    seq: int = 0
    """Its row of the ledger."""
    state: str = ""
    """In which state it left the alert; empty where an old version did not say."""
    episode: int = 0
    """Of which episode; 0 where an old version did not say."""


class Reviewed(Record):
    """One thing that a person decided, as the store keeps it."""

    seq: int
    id: str
    kind: str
    family: str
    run: str
    by: str
    at: Instant
    text: str
    """The record as JSON."""

    def said(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return dict(json.loads(self.text))


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
        """Every gate but those of fire drills, by name."""
        rows = self._tables.rows("gates", NO_DRILL, order_by="gate")
        return [GateState.model_validate_json(row["body"]) for row in rows]

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
        between = [name.lower(), f"{name.lower()}\U0010ffff"]
        found = self._tables.rows("alerts", "fingerprint >= ? and fingerprint < ?", between, limit=2)
        return Alert.model_validate_json(found[0]["body"]) if len(found) == 1 and name else None

    def alerts(self, family: str | None = None, run: str | None = None, *, still_open: bool = False) -> list[Alert]:
        """Alerts, oldest first; all, or those that are not over."""
        tests = {c: v for c, v in (("family", family), ("run", run)) if v is not None}
        where = " and ".join([*(f"{c} = ?" for c in tests), *([NOT_OVER] if still_open else [])]) or None
        found = self._tables.rows("alerts", where, list(tests.values()), order_by="opened_at, fingerprint")
        return [Alert.model_validate_json(row["body"]) for row in found]

    def count_open(self) -> int:
        """How many alerts are not over."""
        return self._tables.count("alerts", NOT_OVER)

    def rules_of_alerts(self) -> dict[str, str]:
        """Id of every alert to its rule."""
        return {str(row["id"]): str(row["rule"]) for row in self._tables.rows("alerts", select="id, rule")}

    def put_alert(self, alert: Alert, event: str, by: str, at: datetime) -> None:
        """Set the present state of an alert and add the change to its history and the ledger."""
        self._tables.upsert("alerts", alert_row(alert))
        seq = self._ledger.append("alert", alert.id, {"event": event, "by": by, "alert": alert.body()}, at)
        told = {"alert": alert.id, "event": event, "at": stamp(at), "by": by, "sentence": alert.sentence, "seq": seq}
        now = {"state": alert.state, "episode": alert.episode}
        self._tables.insert("alert_events", {"id": None, **told, **now})

    def alerts_page(self, found: AlertFilter = EVERY_ALERT, after: str = "", limit: int = 50) -> AlertPage:
        """Some alerts, worst first and the oldest of those first, and how many there are; the next after `after`.

        Raises PolicyError where `after` is no mark of an earlier page.
        """
        where, args = found.test()
        total = self._tables.count("alerts", where, args)
        behind, place = (f" and ({WORST_FIRST}) > (?, ?, ?)", marked(after)) if after else ("", [])
        columns, most = f"{RANK} as rank, opened_at, fingerprint, body", limit + 1
        rows = self._tables.rows(
            "alerts", where + behind, args + place, order_by=WORST_FIRST, limit=most, select=columns
        )
        last = rows[limit - 1] if len(rows) > limit else None
        following = "" if last is None else mark_of(last)
        return AlertPage(tuple(Alert.model_validate_json(row["body"]) for row in rows[:limit]), total, following)

    def alert_counts(self, found: AlertFilter = EVERY_ALERT) -> dict[str, int]:
        """How many alerts are in each state, whatever states the filter names."""
        where, args = found._replace(states=()).test()
        states = self._tables.rows("alerts", f"{where} group by state", args, select="state, count(*) as n")
        return {str(row["state"]): int(row["n"]) for row in states}

    def history(self, alert: str) -> list[AlertEvent]:
        """Every change of an alert, oldest first."""
        found = self._tables.rows("alert_events", "alert = ?", [alert], order_by="id")
        return [AlertEvent.model_validate({k: row[k] for k in AlertEvent.model_fields}) for row in found]

    # -- what people decided ------------------------------------------------------------------------------------------

    def put_review(self, review: Review, name: str, family: str, run: str) -> None:
        """Keep what a person decided; a row of its own that nothing overwrites."""
        kind = type(review).__name__.lower()
        at = review.recorded_at if isinstance(review, Paper) else review.at
        told = {"kind": kind, "about": {"family": family, "run": run}, **review.body()}
        seq = self._ledger.append("review", name, told, at)
        self._tables.insert("reviews", review_row(review, name, family, run, at, seq))

    def reviewed(self) -> list[Reviewed]:
        """Everything that people decided, of whatever kind, oldest first."""
        return [Reviewed.model_validate(row) for row in self._tables.rows("reviews", order_by="seq", select=REVIEWED)]

    def reviewed_of(self, alert: str) -> list[Reviewed]:
        """Everything that people said about one alert, oldest first; in all its episodes."""
        found = self._tables.rows("reviews", "alert = ?", [alert], order_by="seq", select=REVIEWED)
        return [Reviewed.model_validate(row) for row in found]

    def is_reviewed(self, name: str) -> bool:
        """Whether a review of this id is there."""
        return self._tables.count("reviews", "id = ?", [name]) > 0

    def waivers(self, family: str | None = None, run: str | None = None) -> list[Waiver]:
        """Every waiver ever granted, expired ones too, oldest first."""
        return [Waiver.model_validate_json(body) for body in self._reviews("waiver", family, run)]

    def approvals(self, family: str | None = None, run: str | None = None) -> list[Approval]:
        """Every approval and veto ever given, oldest first."""
        return [Approval.model_validate_json(body) for body in self._reviews("approval", family, run)]

    def change_approvals(self, change: str | None = None) -> list[ChangeApproval]:
        """Every vote on a change of policy, oldest first; on one change, where it is named."""
        found = [ChangeApproval.model_validate_json(body) for body in self._reviews("changeapproval", None, None)]
        return [a for a in found if change in (None, a.change)]

    def glasses(self, family: str | None = None, run: str | None = None) -> list[BreakGlass]:
        """Every break-glass, oldest first."""
        return [BreakGlass.model_validate_json(body) for body in self._reviews("breakglass", family, run)]

    def glass_reviews(self, family: str | None = None, run: str | None = None) -> list[GlassReview]:
        """Every review of a break-glass, oldest first."""
        return [GlassReview.model_validate_json(body) for body in self._reviews("glassreview", family, run)]

    def open_glass(self, family: str, run: str) -> BreakGlass | None:
        """The break-glass of a run that nobody has reviewed, live or ended; the oldest, and there is one at most."""
        reviewed = {review.glass for review in self.glass_reviews(family, run)}
        return next((glass for glass in self.glasses(family, run) if glass.id not in reviewed), None)

    def acknowledgements(self, alert: str | None = None) -> list[Acknowledgement]:
        """Every acknowledgement, oldest first."""
        return [Acknowledgement.model_validate_json(body) for body in self._said("acknowledgement", alert)]

    def transitions(self, alert: str | None = None) -> list[Transition]:
        """Every time a person moved an alert to another state, oldest first."""
        return [Transition.model_validate_json(body) for body in self._said("transition", alert)]

    def comments(self, alert: str | None = None) -> list[Comment]:
        """Every comment, oldest first."""
        return [Comment.model_validate_json(body) for body in self._said("comment", alert)]

    def attachments(self, alert: str | None = None) -> list[Attachment]:
        """Every link, oldest first."""
        return [Attachment.model_validate_json(body) for body in self._said("attachment", alert)]

    # -- what people stated -------------------------------------------------------------------------------------------

    def assessments(
        self, family: str | None = None, run: str | None = None, *, withdrawn: bool = False
    ) -> list[Assessment]:
        """Assessments in order of when they were made; those that were withdrawn only where asked for."""
        return self._papers(Assessment, family, run, withdrawn=withdrawn)

    def attestations(
        self, family: str | None = None, run: str | None = None, *, withdrawn: bool = False
    ) -> list[Attestation]:
        """Attestations, those that are over too; those of `EVERY` run speak of each."""
        every = self._papers(Attestation, None, None, withdrawn=withdrawn)
        near = [each for each in every if family in (None, each.family) or each.family == EVERY]
        return [each for each in near if run in (None, each.run) or each.run == EVERY]

    def stages(self, family: str | None = None, run: str | None = None, *, withdrawn: bool = False) -> list[StageEntry]:
        """Entries into stages, in order of time."""
        return self._papers(StageEntry, family, run, withdrawn=withdrawn)

    def withdrawals(self) -> list[Withdrawal]:
        """Every withdrawal, oldest first."""
        return [Withdrawal.model_validate_json(body) for body in self._reviews("withdrawal", None, None)]

    def _papers(self, paper: type[P], family: str | None, run: str | None, *, withdrawn: bool) -> list[P]:
        gone = set() if withdrawn else {withdrawal.of for withdrawal in self.withdrawals()}
        every = [paper.model_validate_json(body) for body in self._reviews(paper.__name__.lower(), family, run)]
        return sorted((each for each in every if each.id not in gone), key=lambda each: each.at)

    def _said(self, kind: str, alert: str | None) -> list[str]:
        if alert is None:
            return self._reviews(kind, None, None)
        found = self._tables.rows("reviews", "alert = ? and kind = ?", [alert, kind], order_by="seq", select="body")
        return [row["body"] for row in found]

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
        "assigned": alert.assigned,
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
        "alert": getattr(review, "alert", ""),
    }
