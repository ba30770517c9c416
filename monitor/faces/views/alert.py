"""One alert: what happened, what was expected, how sure that is, what now; and everything behind it."""

from __future__ import annotations

from collections.abc import Iterator

from checkpoints_db import Seen, Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import BadLease
from checkpoints_db.records import (
    Alert,
    AlertState,
    Answer,
    Approval,
    Decision,
    Diagnosis,
    Finding,
    GateState,
    Record,
    Sealed,
    Tally,
    Verdict,
    Waiver,
)
from monitor import adoption, cases
from monitor.alert_history import Happened, history
from monitor.alerts import LOUD
from monitor.faces.views import words
from monitor.items import Moved, moved
from monitor.lease import next_trigger
from policies.lifecycle import PEOPLE
from policies.loader import LoadedPolicy, rule_lines
from policies.schema import Policy

ITEMS = 10
"""Documents that are shown."""
QUESTIONS = 12
"""Questions whose verdicts are read in whole; the findings name all."""


class Compared(Record):
    """One condition of an evaluation, here and on the largest smaller rung."""

    term: str
    here: str
    before: str

    @property
    def differs(self) -> bool:
        """Whether both say something, and not the same."""
        return self.here != self.before


class Reading(Record):
    """One metric as it was judged, with its record and what it is compared with."""

    verdict: Verdict
    certainty: str
    sealed: Sealed | None
    live: Tally | None
    """How sealed forecasts of its series did on what came."""
    trigger: float | None
    """Training FLOP at which the next assessment is due."""
    ceiling: float | None
    """A level that a rule of the policy forbids to reach."""
    before: str
    """The largest smaller rung."""
    compared: tuple[Compared, ...]


class ItemRows(Record):
    """The documents of a task that moved most."""

    task: str
    against: str
    """The rung they are compared with; empty where no smaller one has items under the same conditions."""
    documents: int
    rows: tuple[Moved, ...]


class RuleText(Record):
    """The lines of the policy that did it."""

    path: str
    first: int
    last: int
    text: str


class AlertSheet(Record):
    """Everything that the page of an alert says."""

    alert: Alert
    gate: GateState | None
    decision: Decision | None
    """The decision that the gate rests on now, or the one behind the alert."""
    diagnosis: Diagnosis | None
    """Of the worst finding."""
    questions: tuple[Diagnosis, ...]
    """Of every finding, the worst first."""
    readings: tuple[Reading, ...]
    """Of the worst finding: the continuous metric first."""
    rule: RuleText | None
    """None for the house's own rules, and where the text of the policy was not kept."""
    items: ItemRows | None
    history: tuple[Happened, ...]
    signed: bool
    """Whether votes have to be signed, which no page can do."""
    votes: tuple[Approval, ...]
    """Votes on the evidence that the gate rests on now."""
    waivers: tuple[Waiver, ...]
    """Waivers of this rule on this run, expired ones too."""

    @property
    def headline(self) -> str:
        """What happened."""
        if self.diagnosis is None:
            return self.alert.sentence
        return f"{self.diagnosis.question}: {words.happened(self.diagnosis)}"

    @property
    def worst(self) -> Finding | None:
        """The finding that the alert is about."""
        return max(self.alert.findings, key=lambda f: (f.effect.rank, f.magnitude), default=None)

    @property
    def turns(self) -> tuple[AlertState, ...]:
        """The states that a person may move the alert to."""
        return () if self.alert.rule in LOUD else PEOPLE[self.alert.state]

    @property
    def step(self) -> str:
        """What to do first."""
        return "" if self.diagnosis is None else words.NEXT[self.diagnosis.name]

    @property
    def stopped(self) -> bool:
        """Whether the run may not go on now."""
        return self.gate is not None and self.gate.answer.rank >= Answer.HOLD.rank


def alert_sheet(store: Store, catalogue: Catalogue, configured: LoadedPolicy | None, name: str) -> AlertSheet | None:
    """The page of one alert; None where there is none of this name. Reads only."""
    alert = store.actions.alert(name)
    if alert is None:
        return None
    state = store.actions.gate(alert.family, alert.run) if alert.run else None
    questions = tuple(_questions(store, alert))
    diagnosis = questions[0] if questions else None
    decision = _decision(store, state, alert)
    policy = None if decision is None else adoption.known(store, decision.policy)
    waivers = store.actions.waivers(alert.family, alert.run) if alert.run else []
    return AlertSheet(
        alert=alert,
        gate=state,
        decision=decision,
        diagnosis=diagnosis,
        questions=questions,
        readings=tuple(_readings(store, alert, diagnosis, policy)),
        rule=_rule(store, configured, alert),
        items=_items(store, catalogue, diagnosis),
        history=tuple(history(store, alert.id)),
        signed=policy is not None and policy.release.require_signed,
        votes=tuple(_votes(store, decision)),
        waivers=tuple(waiver for waiver in waivers if waiver.rule == alert.rule),
    )


def _decision(store: Store, state: GateState | None, alert: Alert) -> Decision | None:
    digest = state.decision if state is not None and state.decision else alert.decision
    return store.judgements.decision(digest) if digest else None


def _questions(store: Store, alert: Alert) -> Iterator[Diagnosis]:
    """The diagnoses that the findings of an alert speak of, those of the worst finding first."""
    if not alert.run:
        return
    here = [d for _, d in store.judgements.diagnoses(alert.family, alert.run)]
    told: set[str] = set()
    for finding in sorted(alert.findings, key=lambda f: (-f.effect.rank, -f.magnitude)):
        task = finding.subject.partition(" · ")[0]
        for d in here:
            if task in (d.question, *(v.task for v in _both(d))) and d.question not in told and len(told) < QUESTIONS:
                told.add(d.question)
                yield d


def _both(diagnosis: Diagnosis) -> list[Verdict]:
    return [v for v in (diagnosis.continuous, diagnosis.thresholded) if v is not None]


def verdicts_of(store: Store, alert: Alert) -> list[Verdict]:
    """The metrics that the charts of an alert show, the continuous one first."""
    first = next(_questions(store, alert), None)
    return [] if first is None else _both(first)


def _readings(store: Store, alert: Alert, diagnosis: Diagnosis | None, policy: Policy | None) -> Iterator[Reading]:
    if diagnosis is None:
        return
    live = {tally.series: tally for tally in store.judgements.tallies("series", family=alert.family)}
    for verdict in _both(diagnosis):
        here = store.evidence.kept(verdict.result)
        below = _below(store, verdict, here)
        yield Reading(
            verdict=verdict,
            certainty=words.certainty(verdict),
            sealed=store.judgements.forecast(verdict.forecast) if verdict.forecast else None,
            live=live.get(verdict.series),
            trigger=trigger_of(here, policy),
            ceiling=ceiling_of(alert, verdict),
            before="" if below is None else below.result.checkpoint.id,
            compared=tuple(_compared(here, below)) if here is not None else (),
        )


def _below(store: Store, verdict: Verdict, here: Seen | None) -> Seen | None:
    """The result of the largest smaller rung of the series."""
    series = store.evidence.series(verdict.series)
    x = None if here is None else here.result.checkpoint.scale(series.axis)
    points = series.points if x is None else series.below(x).points
    return store.evidence.kept(points[-1].result) if points else None


def trigger_of(here: Seen | None, policy: Policy | None) -> float | None:
    """Training FLOP at which the next assessment is due by the policy; None where either is not known."""
    if here is None or policy is None:
        return None
    try:
        return next_trigger(here.result.checkpoint, policy.lease)
    except BadLease:  # its compute is not known
        return None


def ceiling_of(alert: Alert, verdict: Verdict) -> float | None:
    """The level that a finding of the alert says this metric must not reach."""
    subject = f"{verdict.task} · {verdict.metric.name}"
    found = (f.numbers.get("ceiling") for f in alert.findings if f.subject == subject)
    return next((ceiling for ceiling in found if ceiling is not None), None)


def _compared(here: Seen, before: Seen | None) -> Iterator[Compared]:
    mine, theirs = _conditions(here), {} if before is None else _conditions(before)
    for term in dict.fromkeys((*mine, *theirs)):
        yield Compared(term=term, here=mine.get(term, "–"), before=theirs.get(term, "–"))


def _conditions(seen: Seen) -> dict[str, str]:
    result = seen.result
    told = {
        "harness": result.harness or "–",
        "conditions": result.conditions[:12] or "–",
        "questions": str(result.n or "–"),
        "remarks": ", ".join(result.remarks) or "none",
    }
    return {**told, **{name: str(value) for name, value in sorted(result.terms.items())}}


def _rule(store: Store, configured: LoadedPolicy | None, alert: Alert) -> RuleText | None:
    made = store.judgements.decision(alert.decision) if alert.decision else None
    if made is None:
        return None
    same = configured is not None and configured.policy.digest == made.policy
    text = configured.text if configured is not None and same else store.policy_texts.of(made.policy)
    at = None if text is None else rule_lines(text, alert.rule)
    return None if at is None else RuleText(path=at[0], first=at[1].first, last=at[1].last, text=at[1].text)


def _items(store: Store, catalogue: Catalogue, diagnosis: Diagnosis | None) -> ItemRows | None:
    for verdict in _both(diagnosis) if diagnosis is not None else ():
        here = store.evidence.kept(verdict.result)
        ladder = None if here is None else cases.items_of(store, catalogue, here.result.checkpoint, verdict.task)
        if ladder is not None:
            against = ladder.rungs[-1][0] if ladder.rungs else ""
            rows = moved(ladder, ITEMS) if ladder.rungs else []
            return ItemRows(task=ladder.task, against=against, documents=len(ladder.own), rows=tuple(rows))
    return None


def _votes(store: Store, decision: Decision | None) -> list[Approval]:
    if decision is None:
        return []
    given = store.actions.approvals(decision.family, decision.run)
    return [vote for vote in given if (vote.evidence, vote.policy) == (decision.evidence, decision.policy)]
