"""What a person may do with an alert: take it, ask and answer a question about it, close it, say and link something.

Each is a record of its own, bound to the evidence the person saw; none of it changes what a gate says.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import ValidationError

from checkpoints_db import Store
from checkpoints_db.errors import PolicyError
from checkpoints_db.records import (
    Acknowledgement,
    Alert,
    AlertReview,
    AlertState,
    Answer,
    Assignment,
    Attachment,
    Cause,
    Comment,
    Transition,
    digest_of,
)
from checkpoints_db.records.duration import spell_duration
from monitor import adoption, alerts
from policies.lifecycle import must
from policies.people import person
from policies.schema import Policy

R = TypeVar("R", bound=AlertReview)


class AlertDesk:
    """The part of a reviewer's desk where the alerts lie.

    `evidence`, wherever a method takes it, is the digest (or its first characters, eight at least) of what the person
    saw: where the alert rests on something else by now, nothing happens. Every method raises PolicyError, and says why.
    """

    store: Store
    policy: Policy
    at: datetime

    def acknowledge(self, name: str, *, by: str, comment: str, until: datetime, evidence: str = "") -> Alert:
        """Say that `by` has seen an alert; it fires again at `until`. Changes nothing else.

        Refused when the alert is unknown, over or not to be silenced, nobody is named, or `until` is too far away.
        """
        with self.store.transaction():
            alert = self._seen(name, by, evidence)
            if alert.over:
                raise PolicyError(f"alert {alert.id} is {alert.state}; there is nothing to acknowledge")
            self._moves(alert, "acknowledged")
            longest = self._force().policy.acknowledge.max
            if not self.at < until <= self.at + longest:
                raise PolicyError(f"an acknowledgement lasts at most {spell_duration(longest)} under this policy")
            said = {"alert": alert.id, "by": by.strip(), "comment": comment.strip(), "at": self.at, "expires": until}
            ack = Acknowledgement.model_validate({**said, "episode": alert.episode, "evidence": alert.evidence})
            self.store.actions.put_review(ack, digest_of(ack.body())[:12], alert.family, alert.run)
            return alerts.moved(self.store, alert, "acknowledged", ack.by, self._force().told, self.at)

    def ask(self, name: str, *, by: str, question: str, reviewer: str = "", evidence: str = "") -> Alert:
        """Open a review: `reviewer` (whoever asks, where nobody is named) is to answer `question`."""
        return self._turn(name, "under_review", by, question, evidence, reviewer=(reviewer or by).strip())

    def confirm(self, name: str, *, by: str, mitigation: str, evidence: str = "") -> Alert:
        """What the alert says is so; `mitigation` says what is done about it. Releases nothing."""
        return self._turn(name, "confirmed", by, mitigation, evidence)

    def false_alarm(self, name: str, *, by: str, cause: Cause, reason: str, evidence: str = "") -> Alert:
        """What the alert says is not so, for a reason of this class. Releases nothing."""
        return self._turn(name, "false_alarm", by, reason, evidence, cause=cause)

    def invalid(self, name: str, *, by: str, rerun: str, evidence: str = "") -> Alert:
        """The evidence is no good; `rerun` says what has to be run again. Releases nothing."""
        return self._turn(name, "evidence_invalid", by, rerun, evidence)

    def close(self, name: str, *, by: str, reason: str, evidence: str = "") -> Alert:
        """Be done with an alert that a review has answered; worse or other evidence opens its next episode.

        One whose evidence is invalid is closed when there is other evidence.
        """
        return self._turn(name, "closed", by, reason, evidence)

    def comment(self, name: str, *, by: str, text: str) -> Comment:
        """Say something about an alert, whatever its state."""
        with self.store.transaction():
            alert = self._seen(name, by, "")
            return self._kept(alert, self._said(Comment, alert, by, text=text))

    def assign(self, name: str, *, by: str, to: str, text: str = "") -> Alert:
        """Make an alert somebody's; with an empty `to`, nobody's. Tells nobody and silences nothing."""
        with self.store.transaction():
            alert = self._seen(name, by, "")
            if person(alert.assigned) == person(to):
                whose = f"{alert.assigned}'s" if alert.assigned else "nobody's"
                raise PolicyError(f"alert {alert.id} is {whose} already")
            self._kept(alert, self._said(Assignment, alert, by, to=to.strip(), text=text.strip()))
            return alerts.assigned(self.store, alert, to.strip(), by.strip(), self.at)

    def attach(self, name: str, *, by: str, url: str, title: str) -> Attachment:
        """Put a link (http or https) to an alert; nothing is fetched."""
        with self.store.transaction():
            alert = self._seen(name, by, "")
            return self._kept(alert, self._said(Attachment, alert, by, url=url, title=title))

    def _turn(self, name: str, to: AlertState, by: str, text: str, evidence: str, **more: str) -> Alert:
        with self.store.transaction():
            alert = self._seen(name, by, evidence)
            self._moves(alert, to)
            if to == "closed" and alert.state == "evidence_invalid":
                self._must_be_run_again(alert)
            self._kept(alert, self._said(Transition, alert, by, to=to, text=text, **more))
            quiet = (
                alert.over or alert.state == "pending"
            )  # of what nobody heard of, or that it is over, nobody is told
            return alerts.moved(self.store, alert, to, by.strip(), self._force().told, self.at, tell=not quiet)

    def _seen(self, name: str, by: str, evidence: str) -> Alert:
        """The alert as it stands, where it is the one that was seen and somebody is named."""
        alert = self.store.actions.alert(name)
        if alert is None:
            raise PolicyError(f"no alert {name!r}, or several; see `holdpoint alert list`")
        if not person(by):
            raise PolicyError(f"alert {alert.id}: what is done with it needs the name of the person who does it")
        if evidence and (len(evidence) < 8 or not alert.evidence.startswith(evidence)):
            raise PolicyError(
                f"alert {alert.id} rests on evidence {alert.evidence[:12] or '(unknown)'}, not on {evidence!r}; look "
                f"again at `holdpoint alert show {alert.id}` and name the evidence you saw"
            )
        return alert

    def _moves(self, alert: Alert, to: AlertState) -> None:
        if alert.rule in alerts.LOUD:
            raise PolicyError(f"alert {alert.id} is about a break-glass and cannot be silenced; its review closes it")
        must(alert.id, alert.state, to)

    def _must_be_run_again(self, alert: Alert) -> None:
        turned = [turn for turn in self.store.actions.transitions(alert.id) if turn.to == "evidence_invalid"]
        gate = self.store.actions.gate(alert.family, alert.run) if alert.run else None
        now = gate.evidence if gate else alert.evidence
        if turned and now == turned[-1].evidence:
            raise PolicyError(
                f"alert {alert.id}: its evidence is invalid and nothing came since; run again what {turned[-1].by} "
                f"named ({turned[-1].text}), or take it up again with `holdpoint alert review {alert.id}`"
            )

    def _said(self, kind: type[R], alert: Alert, by: str, **more: Any) -> R:
        body = {"alert": alert.id, "episode": alert.episode, "by": by.strip(), "at": self.at, **more}
        body["evidence"] = alert.evidence
        try:
            said = kind.model_validate({**body, "id": "none"})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or kind.__name__.lower()
            raise PolicyError(f"alert {alert.id}: {where}: {_plain(where, first['msg'])}") from error
        told = {key: value for key, value in said.body().items() if key != "id"}
        return said.model_copy(update={"id": digest_of([kind.__name__, told])[:12]})

    def _kept(self, alert: Alert, said: R) -> R:
        if not self.store.actions.is_reviewed(said.id):  # the same words at the same moment are said once
            self.store.actions.put_review(said, said.id, alert.family, alert.run)
        return said

    def _force(self) -> adoption.Force:
        return adoption.force(self.store, self.policy, self.at)


PLAIN = {
    "text": "say it in words; it is kept for whoever comes after you",
    "title": "say in a few words what the link leads to",
    "url": "write a whole address that begins with http:// or https://",
}


def _plain(where: str, said: str) -> str:
    return PLAIN.get(where, said)


def unchanged(store: Store, alert: Alert) -> str:
    """What the gate of an alert says, whatever people found, and the command that would change it."""
    gate = store.actions.gate(alert.family, alert.run) if alert.run else None
    if gate is None:
        return "no gate rests on it"
    name = f"{alert.family}/{alert.run}"
    if gate.answer.rank < Answer.HOLD.rank:
        return f"the gate of {name} is unchanged and says {gate.answer}"
    release = f"holdpoint gate release {name} --by NAME --reason WHY --evidence {gate.evidence[:12]}"
    return f"the gate of {name} is unchanged and says {gate.answer}; people release it with `{release}`"


def expired(store: Store, alert: Alert, window: timedelta | None, at: datetime) -> str:
    """What is up by now: `acknowledged` of an acknowledgement that expired, `pending` of a wait; else empty."""
    if alert.state == "acknowledged":
        acks = store.actions.acknowledgements(alert.id)
        return alert.state if all(ack.expires <= at for ack in acks) else ""
    return "pending" if alert.state == "pending" and alert.opened_at + (window or timedelta(0)) <= at else ""
