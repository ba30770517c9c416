"""Who is told of an alert, when, and why: the routes of a policy, its quiet hours, and what waits for its root.

Nothing here reaches the gate: a route, a quiet hour or an inhibition changes who hears of a decision, and when; never
the decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from checkpoints_db.records import Alert, Answer, digest_of
from policies.route_terms import Inhibit, Label, Match, Quiet, Route
from policies.schema import Policy
from policies.spelling import matches

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NEVER_QUIET = ("break_glass", "review_overdue")
"""Rules whose alerts no quiet hour and no root holds back, whatever they answer."""
INTERVAL = timedelta(minutes=5)
"""`group_interval` of a route that says nothing of it. Who is in `notify` only is told of every change at once."""

INHERITED = (
    "receivers",
    "group_by",
    "group_wait",
    "group_interval",
    "repeat",
    "quiet",
    "escalate_after",
    "escalate_to",
)
"""Keys that a route takes from the one around it."""


class Branch(NamedTuple):
    """One way an alert takes through the tree, with every term it inherits."""

    path: tuple[int, ...] = ()
    """Place among the routes, outermost first; empty for `notify`."""
    name: str = "notify"
    receivers: tuple[str, ...] = ()
    group_by: tuple[Label, ...] = ("family", "rule")
    group_wait: timedelta = timedelta(0)
    group_interval: timedelta = timedelta(0)
    repeat: timedelta | None = None
    quiet: tuple[Quiet, ...] = ()
    escalate_after: timedelta | None = None
    escalate_to: tuple[str, ...] = ()
    quiet_until: datetime | None = None
    """End of the quiet hours that hold this alert now; None where it is told at once."""

    def group(self, alert: Alert) -> dict[str, str]:
        """What the alerts of one message are alike in."""
        return {label: label_of(alert, label) for label in self.group_by}

    def topic(self, alert: Alert) -> str:
        """Digest of the route and the group: alerts of one topic share their messages."""
        return digest_of([self.path, self.name, self.receivers, self.group(alert)])

    @property
    def then(self) -> tuple[str, ...]:
        """Everybody this route can reach, in the order in which one stands in for another."""
        return tuple(dict.fromkeys((*self.receivers, *self.escalate_to)))


class Routed(NamedTuple):
    """Who is told of one alert at one moment, and why."""

    branches: tuple[Branch, ...]
    why: tuple[str, ...]
    """One sentence for each branch."""

    @property
    def receivers(self) -> tuple[str, ...]:
        """Everyone who is told, once each, in the order of the routes."""
        return tuple(dict.fromkeys(name for branch in self.branches for name in branch.receivers))


def route(policy: Policy, alert: Alert, at: datetime) -> Routed:
    """Who is told of `alert` under `policy`, and by which route; total and pure.

    Of routes beside each other the first that matches is taken, and those after it only where it says
    `on_match = "continue"`; inside it, its own routes likewise. What no route matches goes to `notify`. A receiver
    that two branches name is told by the first one only.
    """
    root = Branch(receivers=policy.notify)
    taken = list(_taken(policy.routes, root._replace(group_interval=INTERVAL), alert)) or [root]
    branches, why, told = [], [], set[str]()
    for branch in taken:
        receivers = tuple(name for name in branch.receivers if name not in told)
        told.update(receivers)
        if receivers or branch is taken[0]:
            until = quiet_until(branch.quiet, alert, at)
            branches.append(branch._replace(receivers=receivers, quiet_until=until))
            why.append(_why(branches[-1], policy))
    return Routed(tuple(branches), tuple(why))


def takes(match: Match, alert: Alert) -> bool:
    """Whether the alert is meant."""
    return (
        label_of(alert, "severity") in match.severity
        and matches(alert.family, match.family)
        and matches(alert.run, match.run)
        and matches(alert.rule, match.rule)
        and any(matches(kind, match.kind) for kind in kinds_of(alert))
        and ("*" in match.domain or any(matches(domain, match.domain) for domain in alert.domains))
    )


def kinds_of(alert: Alert) -> tuple[str, ...]:
    """Kinds of rule behind an alert; of one about files or about ourselves, its name."""
    return tuple(dict.fromkeys(finding.kind for finding in alert.findings)) or (alert.rule,)


def label_of(alert: Alert, label: Label) -> str:
    """What an alert says under a label of `group_by` or `same`."""
    told = {
        "family": alert.family,
        "run": alert.run,
        "rule": alert.rule,
        "kind": kinds_of(alert)[0],
        "severity": alert.answer.value.lower(),
        "domain": ", ".join(sorted(alert.domains)),
        "alert": alert.id,
    }
    return told[label]


class Roots:
    """The open alerts that others may be mere consequences of."""

    def __init__(self, policy: Policy, there: Iterable[Alert]) -> None:
        self._found: list[tuple[Inhibit, dict[tuple[str, ...], list[Alert]]]] = [(i, {}) for i in policy.inhibit]
        for alert in there:
            for inhibit, roots in self._found:
                alike = _alike(inhibit, alert)
                if not alert.over and alert.state != "false_alarm" and all(alike) and takes(inhibit.root, alert):
                    roots.setdefault(alike, []).append(alert)

    def of(self, alert: Alert) -> Alert | None:
        """The root that `alert` waits for, or None where it is to be told.

        A root is never milder than its consequence: an alert that answers PAUSE waits for nothing but a pause. Of two
        alerts that are each other's root neither waits: somebody must be told.
        """
        if alert.rule in NEVER_QUIET:
            return None
        for inhibit, roots in self._found:
            if takes(inhibit.consequence, alert) and not takes(inhibit.root, alert):
                for root in roots.get(_alike(inhibit, alert), ()):
                    if root.answer.rank >= alert.answer.rank and root.fingerprint != alert.fingerprint:
                        return root
        return None


def _alike(inhibit: Inhibit, alert: Alert) -> tuple[str, ...]:
    """What root and consequence share; what one of them has not, nobody shares with it."""
    return tuple(label_of(alert, label) for label in inhibit.same)


def quiet_until(hours: Iterable[Quiet], alert: Alert, at: datetime) -> datetime | None:
    """The end of the quiet hours in which `at` lies; None outside of them, and always for a pause that stands.

    Hours are those of the clock on the wall in their zone: a night in which it is put forward or back is shorter or
    longer. Hours that end as others begin are one.
    """
    if (alert.answer is Answer.PAUSE and not alert.over) or alert.rule in NEVER_QUIET:
        return None
    hours, end = tuple(hours), at
    for _ in range(len(hours) * 8):
        later = max((until for quiet in hours if (until := _end(quiet, end)) is not None), default=None)
        if later is None:
            break
        end = later
    return end if end > at else None


def _end(quiet: Quiet, at: datetime) -> datetime | None:
    zone = ZoneInfo(quiet.zone)
    here = at.astimezone(zone)
    begin, end = (time.fromisoformat(text) for text in quiet.between.split("-"))
    for day in (here.date(), here.date() - timedelta(days=1)):
        if DAYS[day.weekday()] not in quiet.days:
            continue
        first = datetime.combine(day, begin, zone)
        last = datetime.combine(day + timedelta(days=1) if end < begin else day, end, zone)
        # Compared as moments: two local times in the night of a change of clocks do not tell how long it is.
        if first.timestamp() <= at.timestamp() < last.timestamp():
            return last.astimezone(at.tzinfo)
    return None


def _taken(routes: Sequence[Route], around: Branch, alert: Alert) -> Iterator[Branch]:
    for number, each in enumerate(routes):
        if not takes(each.match, alert):
            continue
        here = _inherited(each, around, number)
        inner = list(_taken(each.routes, here, alert))
        yield from inner or [here]
        if each.on_match == "stop":
            return


def _inherited(terms: Route, around: Branch, number: int) -> Branch:
    path = (*around.path, number)
    own = {key: value for key in INHERITED if (value := getattr(terms, key)) is not None}
    return around._replace(**own, path=path, name=terms.name or key_of(path))


def key_of(path: Sequence[int]) -> str:
    """How a route is spelled as a key of the policy.

    >>> key_of((0, 2))
    'routes[0].routes[2]'
    """
    return ".".join(f"routes[{number}]" for number in path) or "notify"


def _why(branch: Branch, policy: Policy) -> str:
    if not branch.path:
        return "no route matches; `notify` of the policy" if policy.routes else "`notify` of the policy"
    waits = f", waits for the end of quiet hours at {branch.quiet_until.isoformat()}" if branch.quiet_until else ""
    key = key_of(branch.path)
    return f"route {branch.name}{'' if branch.name == key else f' ({key})'} is the first that matches{waits}"


def named_receivers(policy: Policy) -> dict[str, str]:
    """Every receiver the policy names, and the key that names it first."""

    def walk(routes: Sequence[Route], path: tuple[int, ...]) -> Iterator[tuple[str, str]]:
        for number, each in enumerate(routes):
            here = (*path, number)
            for key in ("receivers", "escalate_to"):
                yield from ((name, f"{key_of(here)}.{key}") for name in getattr(each, key) or ())
            yield from walk(each.routes, here)

    found: dict[str, str] = {}
    for name, key in [*((name, "notify") for name in policy.notify), *walk(policy.routes, ())]:
        found.setdefault(name, key)
    return found
