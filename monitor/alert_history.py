"""Everything that happened to one alert, in order, and what the reviews of all of them found."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from checkpoints_db import Store
from checkpoints_db.actions import AlertEvent, Reviewed
from checkpoints_db.records import FOUND, Instant, Record, Transition

Period = Literal["week", "month", "year"]
FORMATS: dict[Period, str] = {"week": "%G-W%V", "month": "%Y-%m", "year": "%Y"}


class Happened(Record):
    """One line of the history of an alert."""

    seq: int
    """Its row of the ledger; the last of them where a person spoke and the alert moved. 0 of a message."""
    at: Instant
    alert: str
    episode: int
    """0 where an old version did not say."""
    what: str
    """An event of the alert, `comment`, `attachment`, or `told`: a message."""
    by: str
    """A person, or holdpoint."""
    state: str
    """In which state it left the alert; empty where it did not touch it."""
    text: str
    """What the person said, or the alert said then."""
    to: str = ""
    """The reviewer, who got the alert, or who was told of it."""
    cause: str = ""
    url: str = ""
    evidence: str = ""
    """Digest of the evidence that the person saw."""


def history(store: Store, alert: str, *, told: bool = True) -> list[Happened]:
    """The history of the alert of this id, oldest first, in all its episodes; `told`: with the messages about it."""
    said = {review.seq: review for review in store.actions.reviewed_of(alert)}
    lines = [_line(event, said.pop(event.seq - 1, None)) for event in store.actions.history(alert)]
    lines += [_review(review) for review in said.values()]
    if told:
        lines += [_message(alert, event, receiver, at) for event, receiver, at in store.outbox.told_of(alert)]
    return sorted(lines, key=lambda line: (line.at, line.seq or float("inf"), line.to))


def _line(event: AlertEvent, review: Reviewed | None) -> Happened:
    here = {"seq": event.seq, "at": event.at, "alert": event.alert, "episode": event.episode, "what": event.event}
    line = Happened.model_validate({**here, "by": event.by, "state": event.state, "text": event.sentence})
    return line if review is None else line.model_copy(update=_words(review))


def _review(review: Reviewed) -> Happened:
    body = review.said()
    here = {"seq": review.seq, "at": review.at, "alert": body["alert"], "episode": body.get("episode", 0)}
    line = Happened.model_validate({**here, "what": review.kind, "by": review.by, "state": "", "text": ""})
    return line.model_copy(update=_words(review))


def _words(review: Reviewed) -> dict[str, str]:
    """What a person said, by the names of a line."""
    body = review.said()
    text = body.get("text") or body.get("comment") or body.get("title") or ""
    if "expires" in body:
        text = f"until {body['expires'][:19]}Z{': ' if text else ''}{text}"
    more = {"url": body.get("url"), "cause": body.get("cause"), "evidence": body.get("evidence")}
    to = body.get("reviewer") or (body.get("to") if review.kind == "assignment" else "")
    return {"text": text, "to": to or "", **{name: value or "" for name, value in more.items()}}


def _message(alert: str, event: str, receiver: str, at: Instant) -> Happened:
    here = {"seq": 0, "at": at, "alert": alert, "episode": 0, "what": "told", "by": "holdpoint", "state": ""}
    return Happened.model_validate({**here, "text": event, "to": receiver})


class Found(Record):
    """How often reviews found one thing in one span of time."""

    period: str
    rule: str
    """Empty where all rules are counted together."""
    found: str
    """`confirmed`, `false_alarm` or `evidence_invalid`."""
    cause: str
    """Of a false alarm."""
    count: int


def causes(store: Store, per: Period = "month", *, by_rule: bool = False) -> list[Found]:
    """What reviews found, by the time of the review; of each episode of an alert what was found last."""
    last: dict[tuple[str, int], Transition] = {}
    for turn in store.actions.transitions():
        if turn.to in FOUND:
            last[turn.alert, turn.episode] = turn
    rules = store.actions.rules_of_alerts() if by_rule else {}
    counted = Counter(
        (turn.at.strftime(FORMATS[per]), rules.get(turn.alert, ""), str(turn.to), turn.cause or "")
        for turn in last.values()
    )
    return [
        Found(period=period, rule=rule, found=found, cause=cause, count=count)
        for (period, rule, found, cause), count in sorted(counted.items())
    ]
