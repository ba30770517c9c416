"""A gate on paper for random histories, and a second opinion on it from the words of policies/README.md alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

from checkpoints_db.records import (
    Answer,
    Approval,
    Attestation,
    BreakGlass,
    Case,
    Decision,
    Finding,
    Latch,
    Level,
    Metric,
    Missing,
    Reason,
    Waiver,
)
from policies import examine
from policies.loader import from_body
from policies.schema import Policy
from policies.several import InForce, Ruling, asked_of, each_decides, latched, softened, worst_of

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
PEOPLE = ("ann", "bea", "cem", "Bea ", "owen", "erin")
"""`owen` owns the run, `erin` wrote the policies, and `Bea ` is `bea`."""
EXCLUDED = ("owen", "erin")
LIKELIHOOD = Metric(name="log_likelihood", kind="continuous", upper=0.0)
MATCH = Metric(name="exact_match", kind="thresholded", lower=0.0, upper=1.0)
METRICS = {metric.name: metric for metric in (LIKELIHOOD, MATCH)}
TASKS = ("a", "b", "cyber")
RESULTS = tuple((task, metric) for task in TASKS for metric in METRICS)
CALM = ["expected"] * 24 + ["above"]
OUTCOMES = [*["expected"] * 4, "above", "below", "inconclusive", "inconclusive", "unforeseen"]
WORSE = ["above", "below", "inconclusive", "unforeseen"]
STRAY_WAIVERS = [*[""] * 8, "rule", "run", "subject", "answer", "up_to", "saw", "policy", "future"]


def stops(decision: Decision) -> bool:
    """Whether a run may not go on."""
    return decision.answer.rank >= Answer.HOLD.rank


def spelled(policy: Policy) -> str:
    """For messages of failing tests."""
    return json.dumps(policy.body()["rules"])


def loose(
    policy: Policy, case: Case, waivers: Sequence[Waiver], votes: Sequence[Approval]
) -> tuple[Policy, Case, list[Waiver], list[Approval]]:
    """The same as somebody else reads them from their JSON."""
    return (
        from_body(json.loads(json.dumps(policy.body()))),
        Case.model_validate_json(case.model_dump_json()),
        [Waiver.model_validate_json(w.model_dump_json()) for w in waivers],
        [Approval.model_validate_json(v.model_dump_json()) for v in votes],
    )


def verdict(place: tuple[str, str], outcome: str, tail: float) -> dict[str, Any]:
    task, metric = place
    why = {"inconclusive": "blind", "unforeseen": "unsealed"}.get(outcome, "ok")
    at = -1.0 if METRICS[metric].kind == "continuous" else 0.5
    return {
        "family": "f",
        "run": "r",
        "checkpoint": "f/r",
        "task": task,
        "metric": METRICS[metric],
        "series": f"{task}-{metric}",
        "result": f"{task}-{metric}-{outcome}-{tail}",
        "forecast": None,
        "outcome": outcome,
        "why": why,
        "observed": at,
        "median": at,
        "stderr": 0.01,
        "n": 500,
        "level": 0.98,
        "tail_above": tail if outcome == "above" else 0.5,
        "tail_below": tail if outcome == "below" else 0.5,
        "blindness": 0.01,
        "rungs": 9,
        "sentence": f"{task} {metric}: {outcome}",
        "judgement_version": 1,
    }


READ = {"expected": "on_trend", "above": "genuine_break", "below": "regression"}
SEVERITY = ("above", "below", "unforeseen", "inconclusive", "expected")


def diagnosis(task: str, verdicts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The metrics of a task read together: as bad as the worst of them."""
    worst = min((v["outcome"] for v in verdicts.values()), key=SEVERITY.index)
    why = next(v["why"] for v in verdicts.values() if v["outcome"] == worst)
    body = {"question": task, "name": READ.get(worst, "inconclusive"), "why": why}
    speakers = {"continuous": verdicts.get(LIKELIHOOD.name), "thresholded": verdicts.get(MATCH.name)}
    common = {"family": "f", "run": "r", "checkpoint": "f/r", "sentence": f"{task}: {worst}", "judgement_version": 1}
    return {**common, **body, **speakers}


def effect(finding: Finding) -> Answer:
    """What a finding may count for, from the table of levels in the README."""
    if finding.waived_by or finding.released_by or finding.level is Level.shadow:
        return Answer.GO
    warns = finding.level is Level.advisory or bool(finding.broken_by)
    return Answer.WARN if warns and finding.answer is not Answer.GO else finding.answer


def judging(policy: Policy) -> list[Any]:
    """Rules that can stop a run and judge results, those inside others too."""
    binding = [rule for rule in policy.rules if rule.level in (Level.soft, Level.hard)]
    return [part for rule in binding for part in rule.parts if part.kind in ("break", "diagnosis", "level")]


def complete(policy: Policy, case: Case, bare: Decision) -> None:
    """I1: nobody having waived or released anything, an open gate rests on complete, comparable evidence."""
    if stops(bare):
        return
    assert case.judged
    assert case.verdicts
    if not any(rule.level in (Level.soft, Level.hard) for rule in policy.rules):
        return
    assert case.latch is None
    assert not case.conflicts
    assert any(v.outcome in ("expected", "above", "below") for v in case.verdicts)
    judges = judging(policy)
    read = {v.task for v in case.verdicts if any(_reads(part, v.task, v.metric.name) for part in judges)}
    for v in case.verdicts:
        assert v.task in read or v.outcome in ("expected", "above", "below"), "a doubt that nobody reads"
    for m in case.missing:
        assert m.task in read, "what nobody reads is missing"
        assert not any(_reads(part, m.task, m.metric) for part in judges), "what a rule would have judged is missing"
    for part in judges:
        if part.kind == "break" and policy.budget.method == "none" and part in policy.rules:
            told = [v for v in case.verdicts if _reads(part, v.task, v.metric.name)]
            assert not any(v.outcome == "above" for v in told), "a break that a rule reads"


def _reads(part: Any, task: str, metric: str) -> bool:
    return bool(part.takes(task, metric, None, ()))


class House:
    """What is known of one run: results, people's records, policies in force, and the time."""

    def __init__(self) -> None:
        self.now, self.first = START, START
        self.row = 0
        self.seen_after = 0
        self.results: dict[tuple[str, str], tuple[str, float]] = {}
        self.history: list[InForce] = []
        self.conflict = False
        self.attestations: list[Attestation] = []
        self.waivers: list[Waiver] = []
        self.votes: list[Approval] = []
        self.latch: Latch | None = None
        self.glass: BreakGlass | None = None

    # -- what happens -----------------------------------------------------------------------------------------------

    def adopt(self, policy: Policy) -> None:
        self.row += 1
        self.history.append(InForce(policy, self.row))

    def arrive(self, place: tuple[str, str], outcome: str, tail: float = 1e-5) -> None:
        self.results = {**self.results, place: (outcome, tail)}
        self.first = self.now

    def lose(self, gone: Sequence[tuple[str, str]]) -> None:
        self.results = self.less(gone)

    def checkpoint(self) -> None:
        self.row += 1
        self.results, self.conflict, self.seen_after = {}, False, self.row

    def contradict(self, conflict: bool) -> None:
        self.conflict = conflict

    def wait(self, length: timedelta) -> None:
        self.now += length

    def attest(self, name: str, days: int) -> None:
        body = {"id": f"s{len(self.attestations)}", "by": "ann", "at": self.now, "recorded_at": self.now}
        self.attestations.append(Attestation(**body, safeguard=name, expires=self.now + days * DAY))

    def vote(self, by: str, veto: bool, stray: str) -> None:
        """A vote on all that stops the run, as a store may hold it: also one that binds nothing here."""
        other = {"future": {"at": self.now + DAY}, "run": {"run": "r2"}, "": {}}
        other["signature"] = {"key": "0" * 16, "signature": "0" * 128}
        for decision in self.each():
            if stops(decision):
                body: dict[str, Any] = {"id": f"v{len(self.votes)}", "family": "f", "run": "r", "by": by}
                body |= {"reason": "read it", "at": self.now, "veto": veto}
                body |= {"evidence": decision.evidence, "policy": decision.policy}
                self.votes.append(Approval.model_validate({**body, **other.get(stray, {stray: "x"})}))

    def waive(self, which: int, days: int, stray: str) -> None:
        """A waiver of one of the things that stand open, under each policy, as a store may hold it."""
        for decision in self.each():
            open_ = [f for f in decision.findings if not (f.waived_by or f.released_by)]
            for f in open_[which % len(open_) :][:2] if open_ else ():
                self.waivers.append(self._waiver(decision, f, days, stray))

    def _waiver(self, decision: Decision, f: Finding, days: int, stray: str) -> Waiver:
        body: dict[str, Any] = {"id": f"w{len(self.waivers)}", "rule": f.rule, "family": "f", "run": "r"}
        body |= {"subject": f.subject, "up_to": f.magnitude, "answer": f.answer, "saw": f.reason, "by": "dan"}
        body |= {"reason": "seen", "at": self.now, "expires": self.now + days * DAY, "policy": decision.policy}
        other: dict[str, dict[str, Any]] = {
            "": {},
            "answer": {"answer": Answer.WARN},
            "up_to": {"up_to": f.magnitude * 0.9},
            "saw": {"saw": Reason.stale},
            "future": {"at": self.now + DAY, "expires": self.now + 2 * DAY},
            "rule": {"rule": "r9"},
            "run": {"run": "r2"},
        }
        return Waiver.model_validate({**body, **other.get(stray, {stray: "x"})})

    def break_glass(self, hours: int, stray: str) -> None:
        decision = self.ask()
        if not stops(decision):
            return
        evidence = {p.digest: "x" if stray == "evidence" else decision.evidence for p in self.asked}
        evidence = {"x": decision.evidence} if stray == "policy" else evidence
        body: dict[str, Any] = {"id": "g", "family": "f", "run": "r", "by": "dan", "reason": "night", "at": self.now}
        body |= {"expires": self.now + timedelta(hours=hours), "max_flop": 1e20, "evidence": evidence}
        self.glass = BreakGlass.model_validate(body)

    def review(self) -> None:
        self.glass = None

    # -- what the gate is asked -------------------------------------------------------------------------------------

    def less(self, gone: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, float]]:
        return {place: of for place, of in self.results.items() if place not in gone}

    def case(self, results: dict[tuple[str, str], tuple[str, float]] | None = None) -> Case:
        """The run as a store would tell of it; the ladder has every metric of every task."""
        results = self.results if results is None else results
        told = {place: verdict(place, *of) for place, of in sorted(results.items())}
        tasks = {task: {m: v for (t, m), v in told.items() if t == task} for task in TASKS}
        body = {
            "family": "f",
            "run": "r",
            "judged": bool(told),
            "verdicts": list(told.values()),
            "diagnoses": [diagnosis(task, own) for task, own in tasks.items() if own],
            "missing": [Missing(task=task, metric=metric) for task, metric in RESULTS if (task, metric) not in told],
            "first_at": self.first,
            "last_at": self.first,
            "conflicts": ["a was 1, and is 2 in a later file"] if self.conflict else [],
            "attestations": self.attestations,
            "latch": self.latch,
            "glass": self.glass,
        }
        return Case.model_validate(body)

    def case_for(self, policy: Policy, results: dict[tuple[str, str], tuple[str, float]] | None = None) -> Case:
        case = self.case(results)
        return case.model_copy(update={"latch": softened(self.latch, self.asked)})

    @property
    def asked(self) -> tuple[Policy, ...]:
        return asked_of(self.history, self.seen_after)

    def since_seen(self) -> Iterator[Policy]:
        """Every policy that was in force at any moment since the evidence of the checkpoint was seen."""
        for i, one in enumerate(self.history):
            ended = self.history[i + 1].since if i + 1 < len(self.history) else self.row + 1
            if ended > self.seen_after:
                yield one.policy

    def rulings(self, results: dict[tuple[str, str], tuple[str, float]] | None = None) -> list[Ruling]:
        return [Ruling(policy, self.case_for(policy, results)) for policy in self.asked]

    def each(self, results: dict[tuple[str, str], tuple[str, float]] | None = None) -> list[Decision]:
        return each_decides(self.rulings(results), self.waivers, self.votes, self.now)

    def ask(self, results: dict[tuple[str, str], tuple[str, float]] | None = None) -> Decision:
        rulings = self.rulings(results)
        return worst_of(rulings, each_decides(rulings, self.waivers, self.votes, self.now))

    def latch_after(self, worst: Decision, each: Sequence[Decision]) -> None:
        self.latch = latched(self.latch, worst, each)

    # -- the second opinion -----------------------------------------------------------------------------------------

    def lasts(self, attestation: Attestation) -> bool:
        return attestation.expires is None or self.now < attestation.expires

    def waived(self, policy: Policy, f: Finding, at: datetime | None = None) -> bool:
        """Whether somebody waived this finding: rule, subject, run, as bad, same reason, same policy, not over."""
        at = at or self.now
        beyond = f.level is Level.hard or f.rule in ("latch", "house") or f.reason in (Reason.fault, Reason.latched)
        if beyond or f.answer is Answer.GO:
            return False
        mine = [w for w in self.waivers if w.policy == policy.digest and w.family == "f" and w.run == "r"]
        same = [w for w in mine if w.rule == f.rule and w.subject == f.subject]
        ordered = sorted(same, key=lambda w: (w.at, w.id))[: 1 + policy.waivers.renewals]
        return any(
            w.at <= at < w.expires
            and w.expires - w.at <= 14 * DAY
            and w.answer.rank >= f.answer.rank
            and w.up_to >= f.magnitude
            and w.saw == f.reason
            for w in ordered
        )

    def releasable(self, f: Finding) -> bool:
        return f.level is Level.soft and f.answer is not Answer.GO and f.reason is not Reason.fault and not f.waived_by

    def open_at(self, policy: Policy, case: Case, at: datetime, f: Finding) -> bool:
        """Whether somebody who looked at that moment saw this finding, no better than it is now."""
        then = case
        if case.latch is not None and case.latch.at > at:
            then = case.model_copy(update={"latch": None})
        seen = examine(policy, then, self.waivers, (), at).findings
        alike = [g for g in seen if (g.rule, g.subject, g.reason) == (f.rule, f.subject, f.reason)]
        return any(self.releasable(g) and g.answer.rank >= f.answer.rank for g in alike)

    def released(self, policy: Policy, case: Case, f: Finding) -> bool:
        """Whether a quorum that saw the finding approved in time, of this evidence and policy, without a veto."""
        if not self.releasable(f):
            return False
        about = [v for v in self.votes if v.run == "r" and v.evidence == case.evidence and v.at <= self.now]
        if any(v.veto for v in about):
            return False
        good = [v for v in about if v.policy == policy.digest and v.by not in EXCLUDED and not v.signature]
        knew = [v for v in good if self.open_at(policy, case, v.at, f)]
        quorum, roles = policy.release.quorum, policy.release.require_roles
        for size in range(1, 4):  # a quorum of two and one who holds the role are three at most
            for some in combinations(knew, size):
                names = {v.by.strip().lower() for v in some}
                together = max(v.at for v in some) - min(v.at for v in some) < 3 * DAY
                if len(names) >= quorum and together and (not roles or "cem" in names):
                    return True
        return False

    def broken(self, policy: Policy, case: Case, f: Finding) -> bool:
        """Whether the glass was broken over this finding, of this evidence and policy, and it is not over."""
        g = self.glass
        if g is None or f.released_by or not self.releasable(f):
            return False
        live = g.at <= self.now < g.expires and g.expires - g.at <= DAY
        mine = g.evidence.get(policy.digest) == case.evidence
        return live and mine and self.open_at(policy, case, g.at, f)
