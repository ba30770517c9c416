"""How a drill ends: its alerts closed, its pause lifted without a GO, the outcome in the ledger; nothing is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from checkpoints_db import Store
from checkpoints_db.records import Answer, DrillStep, FireDrill, Reason
from monitor import alerts, gate
from monitor.settings import Settings

ABOUT = "the fire drill"
"""What the alert about a drill that failed is about."""


def end(
    store: Store, settings: Settings, drill: FireDrill, steps: Sequence[DrillStep], at: datetime, *, alarm: bool = True
) -> FireDrill:
    """Close what the drill opened, keep what it came to, and raise an alert where something did not happen in time.

    `alarm` is false where whoever holds it is told already. The gate ends at HOLD and never at GO. One transaction; a
    drill that is over stays as it is.
    """
    with store.transaction():
        known = store.drills.of(drill.family)
        if known is not None and known.ended_at is not None:
            return known
        passed = bool(steps) and all(step.ok for step in steps)
        state = "passed" if passed else "failed"
        ended = drill.model_copy(update={"state": state, "ended_at": at, "steps": tuple(steps)})
        everybody = tuple(settings.receivers)
        for alert in store.actions.alerts(drill.family, still_open=True):
            alerts.moved(store, alert, "closed", drill.by, everybody, at)
        for alert in store.actions.alerts(drill.family):
            _give_up(store, drill, alert.id, at)
        old = store.actions.gate(drill.family, drill.family)
        if old is not None:
            over = {"answer": Answer.HOLD, "reason": Reason.unregistered, "sentence": gate.over(ended), "at": at}
            store.actions.put_gate(old.model_copy(update=over), None)
        store.drills.put(ended, at)
        if passed:
            alerts.settle_about(store, "fault", ABOUT, everybody, at)
        elif alarm:
            alerts.raise_about(store, "fault", ABOUT, failure(ended), everybody, at)
    return ended


def _give_up(store: Store, drill: FireDrill, alert: str, at: datetime) -> None:
    """Send nothing more of what did not arrive in time: nobody is to be woken by it days later."""
    for owed in store.outbox.about(alert):
        if owed.state == "owed":
            why = f"fire drill {drill.id} was over; {owed.error or 'not tried'}"
            store.outbox.failed(owed.message.id, why, at, again=None)


def failure(drill: FireDrill) -> str:
    """What did not happen in a drill, and what to do about it."""
    if not drill.steps:
        return f"fire drill {drill.id} of {drill.by} was left in the middle; hold it again: `holdpoint drill`"
    wrong = [
        f"{step.what}{f' to {step.to}' if step.to else ''} "
        + (f"took {step.seconds:.1f} s" if step.seconds is not None else f"did not happen ({step.said})")
        + f", within {step.within:g} s was asked for"
        + (f"; {step.do}" if step.do else "")
        for step in drill.steps
        if not step.ok
    ]
    told = ". ".join(wrong)
    return f"fire drill {drill.id} failed: {told}. A real pause would fare no better; mend that, and hold it again"


def sweep(store: Store, settings: Settings, at: datetime) -> None:
    """End drills that whoever held them left in the middle: they have failed."""
    for drill in store.drills.open():
        if at > drill.until:
            end(store, settings, drill, (), at)
