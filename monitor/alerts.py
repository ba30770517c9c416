"""Alerts: the same trouble is one alert, with a history that nothing overwrites."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from checkpoints_db import Store
from checkpoints_db.records import (
    EVERYBODY,
    Alert,
    Answer,
    BreakGlass,
    Decision,
    Finding,
    GlassReview,
    Message,
    digest_of,
)
from checkpoints_db.records.base import stamp
from monitor.adoption import Force

DAEMON = "holdpoint"
"""Who acted, where no person did."""

Event = Literal["opened", "changed", "acknowledged", "closed", "reopened"]


def fingerprint(family: str, run: str, rule: str, subject: str = "") -> str:
    """What makes two alerts the same trouble: the run and the rule, or the rule and its subject."""
    return digest_of([family, run, rule, subject])


def no_domains(_: str) -> Sequence[str]:
    """No task has a domain."""
    return ()


def raise_for(
    store: Store,
    decision: Decision,
    receivers: Sequence[str],
    at: datetime,
    domains_of: Callable[[str], Sequence[str]] = no_domains,
) -> list[Alert]:
    """Open, change, re-open or close the alerts of one run so that they say what `decision` says.

    One alert for each rule that has something to say, with the domains that the catalogue (`domains_of`) gives its
    tasks. An alert of a pause stays open until the pause is released, even when its finding has receded. Returns the
    alerts that changed. Wants a transaction around it.
    """
    speaking: dict[str, list[Finding]] = {}
    for finding in decision.findings:
        if finding.effect.rank >= Answer.WARN.rank:
            speaking.setdefault(finding.rule, []).append(finding)
    paused = decision.answer == Answer.PAUSE
    there = store.actions.alerts(decision.family, decision.run)
    if any(a.state != "closed" and a.answer == Answer.PAUSE and a.rule != "latch" for a in there):
        speaking.pop("latch", None)  # the alert of the pause itself is still open and says more
    changed = [
        alert
        for rule, findings in speaking.items()
        for alert in _raise_rule(store, decision, rule, findings, receivers, at, domains_of)
    ]
    for alert in there:
        latched = paused and alert.answer == Answer.PAUSE
        about_evidence = alert.rule in EVIDENCE_RULES and not decision.released
        if alert.rule in speaking or alert.state == "closed" or about_evidence or latched:
            continue
        why = f"released by {' and '.join(decision.approvals)}" if decision.released else "no longer found"
        changed.append(close(store, alert, f"{alert.sentence} ({why})", receivers, at))
    return changed


def _raise_rule(
    store: Store,
    decision: Decision,
    rule: str,
    findings: list[Finding],
    receivers: Sequence[str],
    at: datetime,
    domains_of: Callable[[str], Sequence[str]],
) -> list[Alert]:
    tasks = dict.fromkeys(finding.subject.partition(" · ")[0] for finding in findings if finding.subject)
    worst = max(findings, key=lambda finding: (finding.effect.rank, finding.magnitude))
    others = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return _tell(
        store,
        family=decision.family,
        run=decision.run,
        rule=rule,
        subject="",
        answer=worst.effect,
        sentence=worst.sentence + others,
        findings=tuple(findings),
        decision=decision.digest,
        receivers=receivers,
        at=at,
        domains=tuple(sorted({domain for task in tasks for domain in domains_of(task)})),
    )


LOUD = ("break_glass", "review_overdue")
"""Alerts that nobody can acknowledge away."""

EVIDENCE_RULES = ("quarantine", "unplaced", "conflict", "waiting", "fault", "policy_change", *LOUD)
"""Alerts that are not about a policy's rule but about files, about ourselves, and about what people did."""


def raise_about(
    store: Store,
    rule: str,
    subject: str,
    sentence: str,
    receivers: Sequence[str],
    at: datetime,
    *,
    family: str = "",
    run: str = "",
) -> list[Alert]:
    """Open the alert about one file, model or result (`rule` is one of EVIDENCE_RULES). Wants a transaction."""
    return _tell(
        store,
        family=family,
        run=run,
        rule=rule,
        subject=subject,
        answer=Answer.HOLD,
        sentence=sentence,
        findings=(),
        decision="",
        receivers=receivers,
        at=at,
    )


def settle_about(store: Store, rule: str, subject: str, receivers: Sequence[str], at: datetime) -> None:
    """Close the alert about one file, model or result, if it is open. Wants a transaction."""
    alert = store.actions.alert(fingerprint("", "", rule, subject))
    if alert is not None and alert.state != "closed":
        close(store, alert, f"{alert.sentence} (settled)", receivers, at)


def about_change(store: Store, force: Force, at: datetime) -> None:
    """Keep the alert about a change of policy that waits; close those about others. Wants a transaction."""
    waiting = force.waiting.id if force.waiting else ""
    if waiting:
        raise_about(store, "policy_change", waiting, force.sentence, force.told, at)
    for alert in store.actions.alerts("", ""):
        mine = alert.fingerprint == fingerprint("", "", "policy_change", waiting)
        if alert.rule == "policy_change" and alert.state != "closed" and not mine:
            close(store, alert, f"{alert.sentence} (in force, or withdrawn)", force.told, at)


def about_glass(store: Store, glass: BreakGlass, receivers: Sequence[str], at: datetime) -> None:
    """Tell everybody that somebody broke the glass. Wants a transaction."""
    sentence = (
        f"BREAK-GLASS: {glass.by} lets {glass.family}/{glass.run} go on until {glass.expires:%Y-%m-%d %H:%M} UTC or "
        f"{glass.max_flop:.4g} FLOP, alone: {glass.reason}. Another person reviews it with "
        f"`holdpoint gate review {glass.family}/{glass.run} --by NAME --reason FOUND`"
    )
    raise_about(store, "break_glass", glass.id, sentence, tuple(dict.fromkeys(receivers)), at)


def about_overdue(store: Store, glass: BreakGlass, receivers: Sequence[str], at: datetime) -> None:
    """Tell everybody again that a break-glass was not reviewed in time. Wants a transaction."""
    sentence = (
        f"the break-glass of {glass.by} over {glass.family}/{glass.run} at {glass.at:%Y-%m-%d %H:%M} UTC was not "
        "reviewed in time; its gate holds until it is"
    )
    raise_about(store, "review_overdue", glass.id, sentence, tuple(dict.fromkeys(receivers)), at)


def settle_glass(store: Store, review: GlassReview, receivers: Sequence[str], at: datetime) -> None:
    """Close what was told of a break-glass, now that it is reviewed. Wants a transaction."""
    for rule in LOUD:
        alert = store.actions.alert(fingerprint("", "", rule, review.glass))
        if alert is not None and alert.state != "closed":
            sentence = f"{alert.sentence} (reviewed by {review.by}: {review.reason})"
            close(store, alert, sentence, tuple(dict.fromkeys(receivers)), at, by=review.by)


def close(store: Store, alert: Alert, sentence: str, receivers: Sequence[str], at: datetime, by: str = DAEMON) -> Alert:
    """Close an alert and owe the message. Wants a transaction."""
    shut = alert.model_copy(update={"state": "closed", "changed_at": at, "sentence": sentence})
    return _write(store, shut, "closed", receivers, at, by)


def refire(store: Store, alert: Alert, receivers: Sequence[str], at: datetime) -> Alert:
    """Bring back an alert whose acknowledgement expired. Wants a transaction."""
    back = alert.model_copy(update={"state": "firing", "changed_at": at})
    return _write(store, back, "reopened", receivers, at, DAEMON)


def acknowledged(store: Store, alert: Alert, by: str, receivers: Sequence[str], at: datetime) -> Alert:
    """Mark an alert as seen by a person. Wants a transaction."""
    seen = alert.model_copy(update={"state": "acknowledged", "changed_at": at})
    return _write(store, seen, "acknowledged", receivers, at, by)


def _tell(
    store: Store,
    *,
    family: str,
    run: str,
    rule: str,
    subject: str,
    answer: Answer,
    sentence: str,
    findings: tuple[Finding, ...],
    decision: str,
    receivers: Sequence[str],
    at: datetime,
    domains: tuple[str, ...] = (),
) -> list[Alert]:
    print_ = fingerprint(family, run, rule, subject)
    old = store.actions.alert(print_)
    fresh = Alert(
        id=print_[:12],
        fingerprint=print_,
        family=family,
        run=run,
        rule=rule,
        answer=answer,
        state="firing",
        opened_at=at,
        changed_at=at,
        sentence=sentence,
        findings=findings,
        decision=decision,
        domains=domains,
    )
    if old is None:
        return [_write(store, fresh, "opened", receivers, at, DAEMON)]
    if old.state == "closed":
        update = {"opened_at": at, "episode": old.episode + 1}
        return [_write(store, fresh.model_copy(update=update), "reopened", receivers, at, DAEMON)]
    if (old.answer, old.sentence, old.findings) == (answer, sentence, findings):
        return []
    # A finding that recedes under a latched pause does not soften its alert; one that grows ends an acknowledgement.
    grown = answer.rank > old.answer.rank or _magnitude(findings) > _magnitude(old.findings)
    update = {
        "opened_at": old.opened_at,
        "episode": old.episode,
        "answer": max(answer, old.answer, key=lambda a: a.rank),
        "state": "firing" if grown else old.state,
    }
    return [_write(store, fresh.model_copy(update=update), "changed", receivers, at, DAEMON, tell=grown)]


def _magnitude(findings: Sequence[Finding]) -> float:
    return max((finding.magnitude for finding in findings), default=0.0)


def _write(
    store: Store, alert: Alert, event: Event, receivers: Sequence[str], at: datetime, by: str, *, tell: bool = True
) -> Alert:
    """Keep the change and owe everybody its message; whom the routes name, and when, is seen when it is delivered."""
    store.actions.put_alert(alert, event, by, at)
    if tell:
        name = digest_of([alert.fingerprint, alert.episode, event, alert.decision, alert.sentence, stamp(at)])
        told = tuple(receivers)
        store.outbox.put(Message(id=name, receiver=EVERYBODY, event=event, alert=alert, at=at, then=told))
    return alert
