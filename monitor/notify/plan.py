"""From what is owed to everybody to a message for each receiver: groups, quiet hours, roots, repeats, escalations.

Everything is worked out of the store's state at one moment: a plan that comes late makes the same messages late, and
one that comes twice makes none twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from checkpoints_db import Store
from checkpoints_db.outbox import TOLD, Mention, Notice, Topic
from checkpoints_db.records import FOUND, Alert, Message, MessageEvent, Told, digest_of
from checkpoints_db.records.base import stamp
from policies.routes import NEVER_QUIET, Branch, Roots, route
from policies.schema import Policy

OTHERS = 20
"""Further alerts that a message names."""
HELD = timedelta(minutes=1)
"""How often is looked whether the root of a consequence is still open."""
OURSELVES = "fault"
"""Rule of alerts about holdpoint itself; those about a receiver are never sent to it alone."""
TAKEN = ("acknowledged", "under_review", *FOUND, "closed")
"""Events that who was escalated to hears of as well."""
LOOK = "outbox looked at"
"""Name of the fact that says when repeats and escalations are due next."""


class Routable(NamedTuple):
    """One notice on one branch."""

    notice: Notice
    branch: Branch

    @property
    def alert(self) -> Alert:
        return self.notice.message.alert


def plan(store: Store, policy: Policy | None, at: datetime) -> int:
    """Make the messages that are due at `at`; returns how many. One transaction, nothing is sent.

    Without a policy (it does not load) each notice goes to whoever it names itself: a broken policy silences nobody.
    """
    notices = store.outbox.notices(at)
    if not notices and not _must_look(store, policy, at):
        return 0
    with store.transaction():
        planning = _Planning(store, policy, at)
        planning.route(notices)
        if policy is not None and policy.routes:
            store.note(LOOK, policy.digest, planning.remind())
    return planning.made


def _must_look(store: Store, policy: Policy | None, at: datetime) -> bool:
    if policy is None or not policy.routes:
        return False
    fact = store.fact(LOOK)
    return fact is None or fact[1] <= at or fact[0] != policy.digest


class _Planning:
    """One plan: the open alerts, what groups were told, and what was made of it."""

    def __init__(self, store: Store, policy: Policy | None, at: datetime) -> None:
        self.store, self.policy, self.at = store, policy, at
        self.there = {alert.fingerprint: alert for alert in store.actions.alerts(still_open=True)}
        real = [alert for alert in self.there.values() if not alert.drill]
        self.roots = Roots(policy, real) if policy is not None else None
        self.made = 0

    # -- notices ------------------------------------------------------------------------------------------------------

    def route(self, notices: Sequence[Notice]) -> None:
        """Tell every group that is due of its notices; the others look again later."""
        mentions = self._mentions(notice.message.alert for notice in notices)
        held: dict[str, int] = {}
        after: dict[str, Notice] = {}
        groups: dict[str, list[Routable]] = {}
        for notice in self._worth_telling(notices, mentions, after):
            root = self._root(notice.message.alert)
            if root is not None:
                held[root.fingerprint] = held.get(root.fingerprint, 0) + 1
                why = f"held back while alert {root.id} is open"
                after[notice.message.id] = _later(_done(notice), self.at + HELD, held=why)
                continue
            for branch in self._branches(notice.message):
                topic = _topic(branch, notice.message.alert)
                if topic not in notice.routed_to:
                    groups.setdefault(topic, []).append(Routable(notice, branch))
            after[notice.message.id] = _done(notice)
        self._tell(groups, held, mentions, after)
        self.store.outbox.settle(list(after.values()), self.at)

    def _worth_telling(
        self, notices: Sequence[Notice], mentions: dict[str, list[Mention]], after: dict[str, Notice]
    ) -> Iterator[Notice]:
        """Notices but those of alerts that were over before anybody was told, which are done with."""
        opening: set[str] = set()
        for notice in notices:
            alert = notice.message.alert
            if alert.state == "firing" and not notice.held:
                opening.add(alert.fingerprint)
            still = alert.state == "firing" and alert.fingerprint in self.there
            known = any(mention.at >= alert.opened_at for mention in mentions.get(alert.id, ()))
            if still or known or alert.fingerprint in opening:
                yield notice
            else:
                after[notice.message.id] = _done(notice, notice.held or "over before anybody was told of it")

    def _tell(
        self,
        groups: dict[str, list[Routable]],
        held: dict[str, int],
        mentions: dict[str, list[Mention]],
        after: dict[str, Notice],
    ) -> None:
        topics = self.store.outbox.topics(list(groups))
        for topic, members in groups.items():
            told = topics.get(topic)
            now, later = _parted(members, told, self.at)
            for one, when in later:
                after[one.notice.message.id] = _later(after[one.notice.message.id], when)
            if not now:
                continue
            latest = {one.alert.fingerprint: one for one in now}
            alerts = [self._as_it_is(one.alert) for one in latest.values()]
            lead = min(alerts, key=_worst_first)
            event = "closed" if lead.over else latest[lead.fingerprint].notice.message.event
            bundle = digest_of([topic, *(one.notice.message.id for one in now)])
            branch = now[0].branch
            escalated = _escalated(alerts, mentions) and event in TAKEN
            receivers = (*branch.receivers, *(branch.escalate_to if escalated else ()))
            count = sum(held.get(alert.fingerprint, 0) for alert in alerts)
            self._put(topic, branch, event, alerts, bundle, receivers, held_back=count)
            rank = max((alert.answer.rank for alert in alerts if not alert.over), default=0)
            before = told.escalated_at if told else None
            self.store.outbox.put_topics([Topic(topic=topic, told_at=self.at, rank=rank, escalated_at=before)])
            for one in now:
                notice = after[one.notice.message.id]
                routed = {"routed_to": (*notice.routed_to, topic)}
                after[one.notice.message.id] = notice.model_copy(update=routed)

    # -- reminders ----------------------------------------------------------------------------------------------------

    def remind(self) -> datetime:
        """Repeat and escalate what is due; returns when to look again."""
        firing = [a for a in self.there.values() if a.state == "firing" and not (a.drill or self._root(a))]
        groups: dict[str, tuple[Branch, list[Alert]]] = {}
        for alert in firing:
            for branch in self._branches_of(alert):
                if branch.repeat or (branch.escalate_after and branch.escalate_to):
                    groups.setdefault(branch.topic(alert), (branch, []))[1].append(alert)
        topics = self.store.outbox.topics(list(groups))
        told = {name: topics[name] for name in groups if name in topics}  # the others wait for their first message
        mentions = self._mentions(alert for name in told for alert in groups[name][1])
        nexts = [self.at + timedelta(days=1)]
        for name, topic in told.items():
            branch, alerts = groups[name]
            nexts += [self._repeat(topic, branch, alerts), self._escalate(topic, branch, alerts, mentions)]
        return min(nexts)

    def _repeat(self, topic: Topic, branch: Branch, alerts: Sequence[Alert]) -> datetime:
        if branch.repeat is None:
            return self.at + timedelta(days=1)
        if topic.told_at + branch.repeat > self.at:
            return topic.told_at + branch.repeat
        if branch.quiet_until is not None:
            return branch.quiet_until
        bundle = digest_of([topic.topic, "repeated", stamp(topic.told_at)])
        self._put(topic.topic, branch, "repeated", alerts, bundle, branch.receivers)
        self._touch(topic, told_at=self.at)
        return self.at + branch.repeat

    def _escalate(
        self, topic: Topic, branch: Branch, alerts: Sequence[Alert], mentions: dict[str, list[Mention]]
    ) -> datetime:
        if branch.escalate_after is None or not branch.escalate_to:
            return self.at + timedelta(days=1)
        late, nexts = [], [self.at + timedelta(days=1)]
        for alert in alerts:
            before = [m.at for m in mentions.get(alert.id, ()) if m.event == "escalated"]
            since = alert.opened_at
            if before or alert.opened_at + branch.escalate_after <= self.at:  # only then is its history worth a look
                since = self._firing_since(alert)
            if any(moment >= since for moment in before):
                continue
            if since + branch.escalate_after <= self.at:
                late.append(alert)
            else:
                nexts.append(since + branch.escalate_after)
        if not late:
            return min(nexts)
        again = topic.escalated_at + branch.group_interval if topic.escalated_at else self.at
        if again > self.at or branch.quiet_until is not None:
            return min([*nexts, max(again, branch.quiet_until or again)])
        bundle = digest_of([topic.topic, "escalated", stamp(self.at)])
        self._put(topic.topic, branch, "escalated", late, bundle, branch.escalate_to)
        self._touch(topic, escalated_at=self.at)
        return min(nexts)

    def _touch(self, topic: Topic, **update: datetime) -> None:
        now = self.store.outbox.topics([topic.topic])[topic.topic]
        self.store.outbox.put_topics([now.model_copy(update=update)])

    def _firing_since(self, alert: Alert) -> datetime:
        """Since when the alert fires without anybody having it: its opening, or the last time it began to fire."""
        since, fired = alert.opened_at, True
        for event in self.store.actions.history(alert.id):
            fires = event.state == "firing" if event.state else event.event != "acknowledged"
            if fires and not fired and event.at >= alert.opened_at:
                since = event.at
            fired = fires
        return since

    # -- both ---------------------------------------------------------------------------------------------------------

    def _root(self, alert: Alert) -> Alert | None:
        """What an alert waits for; a fire drill waits for nothing real, and nothing real for it."""
        return self.roots.of(alert) if self.roots is not None and not alert.drill else None

    def _branches(self, notice: Message) -> Iterable[Branch]:
        """The ways of a notice; of a fire drill, to those only that it is to reach, and of its end to whom it did."""
        drill = self.store.drills.of(notice.alert.family) if notice.alert.drill else None
        meant = drill.receivers if drill is not None else None
        if drill is not None and notice.alert.over:
            meant = tuple(o.message.receiver for o in self.store.outbox.about(notice.alert.id) if o.sent_at)
        for branch in self._ways(notice):
            if meant is None:
                yield branch
                continue
            receivers, others = (
                tuple(name for name in names if name in meant) for names in (branch.receivers, branch.escalate_to)
            )
            if receivers:
                yield branch._replace(receivers=receivers, escalate_to=others)

    def _ways(self, notice: Message) -> Iterable[Branch]:
        """The ways of a notice; of an alert about ourselves, to those only that it names."""
        alert, named = notice.alert, notice.then
        if self.policy is None:
            return (Branch(receivers=named),)
        branches = route(self.policy, alert, self.at).branches
        if alert.rule in NEVER_QUIET:
            first = branches[0]
            return (first._replace(receivers=tuple(dict.fromkeys((*first.receivers, *named)))), *branches[1:])
        if alert.rule == OURSELVES:
            able = [b._replace(receivers=tuple(r for r in b.receivers if r in named)) for b in branches if b.path]
            return [branch for branch in able if branch.receivers] or (Branch(receivers=named),)
        return branches

    def _branches_of(self, alert: Alert) -> Iterable[Branch]:
        return () if self.policy is None else route(self.policy, alert, self.at).branches

    def _as_it_is(self, alert: Alert) -> Alert:
        """What the alert says by now: a notice may have waited for hours."""
        return self.there.get(alert.fingerprint) or self.store.actions.alert(alert.fingerprint) or alert

    def _mentions(self, alerts: Iterable[Alert]) -> dict[str, list[Mention]]:
        found: dict[str, list[Mention]] = {}
        for mention in self.store.outbox.mentions(list(dict.fromkeys(alert.id for alert in alerts))):
            found.setdefault(mention.alert, []).append(mention)
        return found

    def _put(
        self,
        topic: str,
        branch: Branch,
        event: MessageEvent,
        alerts: Sequence[Alert],
        bundle: str,
        receivers: Iterable[str],
        *,
        held_back: int = 0,
    ) -> None:
        lead, *others = sorted(alerts, key=_worst_first)
        notify = self.policy.notify if self.policy and not lead.drill else ()  # a drill tells nobody that it need not
        spare = dict.fromkeys((*branch.then, *notify))
        for receiver in dict.fromkeys(receivers):
            message = Message(
                id=digest_of([bundle, receiver]),
                receiver=receiver,
                event=event,
                alert=lead,
                at=self.at,
                then=tuple(name for name in spare if name != receiver),
                route=branch.name,
                group=branch.group(lead),
                topic=topic,
                alerts=tuple(alert.id for alert in (lead, *others)),
                others=tuple(_short(alert) for alert in others[:OTHERS]),
                held_back=held_back,
                bundle=bundle,
            )
            self.made += self.store.outbox.put(message)


def _topic(branch: Branch, alert: Alert) -> str:
    """Digest of the route and the group; a fire drill shares its messages with nothing else."""
    topic = branch.topic(alert)
    return digest_of([topic, alert.drill]) if alert.drill else topic


def _parted(
    members: Sequence[Routable], told: Topic | None, at: datetime
) -> tuple[list[Routable], list[tuple[Routable, datetime]]]:
    """The notices a group is told of now, and the others with when to look again."""
    loud = [one for one in members if one.branch.quiet_until is None]
    later = [(one, one.branch.quiet_until) for one in members if one.branch.quiet_until is not None]
    if not loud:
        return [], later
    branch = loud[0].branch
    due = min(one.notice.message.at for one in loud) + branch.group_wait
    worst = max((one.alert.answer.rank for one in loud if not one.alert.over), default=0)
    if told is not None and worst <= told.rank:
        due = max(due, told.told_at + branch.group_interval)
    if due > at:
        return [], [*later, *((one, due) for one in loud)]
    return loud, later


def _done(notice: Notice, why: str = TOLD) -> Notice:
    return notice.model_copy(update={"done": why})


def _later(notice: Notice, when: datetime, *, held: str = "") -> Notice:
    """The notice, to be looked at again; of several moments, at the first."""
    next_at = stamp(when) if notice.done else min(notice.next_at, stamp(when))
    return notice.model_copy(update={"next_at": next_at, "done": "", "held": held})


def _escalated(alerts: Sequence[Alert], mentions: dict[str, list[Mention]]) -> bool:
    return any(
        m.event == "escalated" and m.at >= alert.opened_at for alert in alerts for m in mentions.get(alert.id, ())
    )


def _worst_first(alert: Alert) -> tuple[bool, int, datetime, str]:
    return alert.over, -alert.answer.rank, alert.opened_at, alert.id


def _short(alert: Alert) -> Told:
    return Told(
        alert=alert.id,
        family=alert.family,
        run=alert.run,
        rule=alert.rule,
        answer=alert.answer,
        state=alert.state,
        sentence=alert.sentence,
    )
