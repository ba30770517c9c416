"""Alerts: the same trouble is one alert, with a history that nothing overwrites."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from checkpoints_db import Store
from checkpoints_db.records import (
    EVERYBODY,
    Alert,
    AlertState,
    Answer,
    BreakGlass,
    Decision,
    Finding,
    GlassReview,
    Latch,
    Message,
    digest_of,
)
from checkpoints_db.records.base import stamp
from monitor.adoption import Force
from policies.lifecycle import episode, may

DAEMON = "holdpoint"
"""Who acted, where no person did."""

DRILL = "DRILL"
"""How what is said of a fire drill begins."""

Ending = Literal["closed", "waived", "withdrawn", "superseded"]
Event = AlertState | Literal["opened", "changed", "reopened", "receded", "assigned", "unassigned"]
TOLD_AS: Mapping[str, str] = {"waived": "closed", "superseded": "closed"}
"""How events are called in messages, where it is not by their names: what is over is closed to who waits for that."""


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
    *,
    window: timedelta | None = None,
) -> list[Alert]:
    """Open, change, re-open or end the alerts of one run so that they say what `decision` says.

    One alert for each rule that has something to say, with the domains that the catalogue (`domains_of`) gives its
    tasks; a new one that is no pause is told of when it has lasted for `window`. An alert of a pause stays until the
    pause is released, even when its finding has receded. Returns the alerts that changed. Wants a transaction.
    """
    speaking: dict[str, list[Finding]] = {}
    for finding in decision.findings:
        if finding.effect.rank >= Answer.WARN.rank:
            speaking.setdefault(finding.rule, []).append(finding)
    there = store.actions.alerts(decision.family, decision.run)
    latch = store.actions.latch(decision.family, decision.run)
    if any(_says_more(alert, latch) for alert in there):
        speaking.pop("latch", None)
    changed = [
        alert
        for rule, findings in speaking.items()
        for alert in _raise_rule(store, decision, rule, findings, receivers, at, domains_of, window)
    ]
    for alert in there:
        about_evidence = alert.rule in EVIDENCE_RULES and not decision.released
        watched = not alert.over or alert.state == "waived" or alert.settled_by
        if watched and alert.rule not in speaking and not about_evidence:
            changed += _silent(store, decision, alert, receivers, at)
    return changed


def _says_more(alert: Alert, latch: Latch | None) -> bool:
    """Whether the alert of the pause itself is there, or a person has closed it since: the latch says nothing new."""
    if alert.answer != Answer.PAUSE or alert.rule == "latch":
        return False
    return not alert.over or (alert.settled_by != "" and latch is not None and alert.changed_at >= latch.at)


def _silent(store: Store, decision: Decision, alert: Alert, receivers: Sequence[str], at: datetime) -> list[Alert]:
    """What becomes of an alert whose rule has nothing to say now."""
    to, why = _after(store, decision, alert)
    latched = decision.answer == Answer.PAUSE and alert.answer == Answer.PAUSE
    if alert.settled_by or latched or not (to == alert.state or may(alert.state, to, person=False)):
        return [] if alert.receded else [_recede(store, alert, at)]
    if to == alert.state:
        return []
    gone = {"state": to, "changed_at": at, "sentence": f"{alert.sentence} ({why})"}
    told = alert.state not in ("pending", "waived")  # of the others nobody has heard, or that they are over
    return [_write(store, alert.model_copy(update=gone), to, receivers, at, DAEMON, tell=told)]


def _recede(store: Store, alert: Alert, at: datetime) -> Alert:
    """Note that the trouble is gone, of an alert that is not the daemon's to close."""
    receded = alert.model_copy(update={"receded": True, "changed_at": at})
    return _write(store, receded, "receded", (), at, DAEMON, tell=False)


def _after(store: Store, decision: Decision, alert: Alert) -> tuple[Ending, str]:
    """Where an alert goes whose rule is silent, and why."""
    waived = [finding.waived_by for finding in decision.findings if finding.rule == alert.rule and finding.waived_by]
    if decision.released:
        return "closed", f"released by {' and '.join(decision.approvals)}"
    if waived:
        return "waived", f"waived by {' and '.join(dict.fromkeys(waived))}"
    if alert.state == "pending":
        return "withdrawn", "it did not last"
    before, now = (store.judgements.checkpoint_of(digest) for digest in (alert.decision, decision.digest))
    if before and now and before != now:
        return "superseded", f"no longer found at {now}"
    return "closed", "no longer found"


def _raise_rule(
    store: Store,
    decision: Decision,
    rule: str,
    findings: list[Finding],
    receivers: Sequence[str],
    at: datetime,
    domains_of: Callable[[str], Sequence[str]],
    window: timedelta | None,
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
        evidence=decision.evidence,
        window=window,
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
    if alert is not None and (not alert.over or alert.settled_by):
        close(store, alert, f"{alert.sentence} (settled)", receivers, at)


def about_change(store: Store, force: Force, at: datetime) -> None:
    """Keep the alert about a change of policy that waits; close those about others. Wants a transaction."""
    waiting = force.waiting.id if force.waiting else ""
    if waiting:
        raise_about(store, "policy_change", waiting, force.sentence, force.told, at)
    for alert in store.actions.alerts("", ""):
        mine = alert.fingerprint == fingerprint("", "", "policy_change", waiting)
        if alert.rule == "policy_change" and not alert.over and not mine:
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
        if alert is not None and not alert.over:
            sentence = f"{alert.sentence} (reviewed by {review.by}: {review.reason})"
            close(store, alert, sentence, tuple(dict.fromkeys(receivers)), at, by=review.by)


def close(store: Store, alert: Alert, sentence: str, receivers: Sequence[str], at: datetime, by: str = DAEMON) -> Alert:
    """Close an alert whose trouble is over, and owe the message; one that somebody reviews is theirs to close.

    Wants a transaction.
    """
    if not may(alert.state, "closed", person=False):
        return alert if alert.receded else _recede(store, alert, at)
    shut = alert.model_copy(update={"state": "closed", "changed_at": at, "sentence": sentence})
    return _write(store, shut, "closed", receivers, at, by)


def refire(store: Store, alert: Alert, receivers: Sequence[str], at: datetime) -> Alert:
    """Bring back an alert whose acknowledgement expired. Wants a transaction."""
    back = alert.model_copy(update={"state": "firing", "changed_at": at})
    return _write(store, back, "reopened", receivers, at, DAEMON)


def fire(store: Store, alert: Alert, receivers: Sequence[str], at: datetime) -> Alert:
    """Tell of an alert that has lasted. Wants a transaction."""
    lasted = alert.model_copy(update={"state": "firing", "changed_at": at})
    return _write(store, lasted, "opened", receivers, at, DAEMON)


def moved(
    store: Store, alert: Alert, to: AlertState, by: str, receivers: Sequence[str], at: datetime, *, tell: bool = True
) -> Alert:
    """Put an alert where a person put it. Wants a transaction."""
    update = {"state": to, "changed_at": at, "settled_by": by if to == "closed" else ""}
    return _write(store, alert.model_copy(update=update), to, receivers, at, by, tell=tell)


def assigned(store: Store, alert: Alert, to: str, by: str, at: datetime) -> Alert:
    """Make an alert somebody's, or nobody's; nobody else is told. Wants a transaction."""
    theirs = alert.model_copy(update={"assigned": to, "changed_at": at})
    return _write(store, theirs, "assigned" if to else "unassigned", (), at, by, tell=False)


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
    evidence: str = "",
    window: timedelta | None = None,
) -> list[Alert]:
    print_, drill = fingerprint(family, run, rule, subject), store.drills.of(family)
    sentence = f"{DRILL}: {sentence}" if drill else sentence
    old = store.actions.alert(print_)
    waits = window is not None and answer != Answer.PAUSE and rule not in EVIDENCE_RULES
    fresh = Alert(
        id=print_[:12],
        fingerprint=print_,
        family=family,
        run=run,
        rule=rule,
        answer=answer,
        state="pending" if waits else "firing",
        opened_at=at,
        changed_at=at,
        sentence=sentence,
        findings=findings,
        decision=decision,
        domains=domains,
        evidence=evidence or digest_of([rule, subject, sentence]),
        drill=drill.id if drill else "",
    )
    if old is None:
        return [_write(store, fresh, "pending" if waits else "opened", receivers, at, DAEMON, tell=not waits)]
    if old.over:
        return [] if _settled(store, old, fresh) else [_again(store, old, fresh, receivers, at)]
    # A finding that recedes under a latched pause does not soften its alert; one that grows ends an acknowledgement.
    grown = _grown(old, fresh)
    lasts = waits and window is not None and old.state == "pending" and at < old.opened_at + window
    firing = old.state == "pending" if not grown else True
    update = {
        "opened_at": old.opened_at,
        "episode": old.episode,
        "assigned": old.assigned,
        "answer": max(answer, old.answer, key=lambda a: a.rank),
        "receded": answer.rank < old.answer.rank,
        "state": "firing" if firing and not lasts else old.state,
    }
    shown = fresh.model_copy(update=update)
    same = {"changed_at": old.changed_at, "decision": old.decision, "domains": old.domains, "evidence": old.evidence}
    if shown.model_copy(update=same) == old:
        return []
    event: Event = "opened" if old.state == "pending" and shown.state == "firing" else "changed"
    return [
        _write(
            store, shown, event, receivers, at, DAEMON, tell=shown.state == "firing" and (grown or event == "opened")
        )
    ]


def _again(store: Store, old: Alert, fresh: Alert, receivers: Sequence[str], at: datetime) -> Alert:
    """An alert that was over is there again: the next episode of it, or the same one where it was only waived."""
    number = episode(old.state, old.episode)
    same = {"opened_at": old.opened_at, "assigned": old.assigned} if number == old.episode else {}
    back = fresh.model_copy(update={"episode": number, **same})
    return _write(store, back, "reopened", receivers, at, DAEMON, tell=back.state == "firing")


def _settled(store: Store, old: Alert, fresh: Alert) -> bool:
    """Whether a person closed the alert and nothing has come since but what they saw: no worse and no other finding,
    no newer checkpoint, and not the same again after it was gone."""
    back = old.receded and fresh.answer.rank >= old.answer.rank
    if not old.settled_by or back:
        return False
    said = (fresh.sentence, fresh.findings) == (old.sentence, old.findings)
    places = {store.judgements.checkpoint_of(digest) for digest in (old.decision, fresh.decision)}
    return (said and len(places) == 1) or (fresh.evidence == old.evidence and not _grown(old, fresh))


def _grown(old: Alert, fresh: Alert) -> bool:
    return fresh.answer.rank > old.answer.rank or _magnitude(fresh.findings) > _magnitude(old.findings)


def _magnitude(findings: Sequence[Finding]) -> float:
    return max((finding.magnitude for finding in findings), default=0.0)


def _write(
    store: Store, alert: Alert, event: Event, receivers: Sequence[str], at: datetime, by: str, *, tell: bool = True
) -> Alert:
    """Keep the change and owe everybody its message; whom the routes name, and when, is seen when it is delivered."""
    store.actions.put_alert(alert, event, by, at)
    if tell:
        name = digest_of([alert.fingerprint, alert.episode, event, alert.decision, alert.sentence, stamp(at)])
        what, told = TOLD_AS.get(event, event), tuple(receivers)
        message = {"id": name, "receiver": EVERYBODY, "event": what, "alert": alert, "at": at, "then": told}
        store.outbox.put(Message.model_validate(message))
    return alert
