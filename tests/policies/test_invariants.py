"""What must hold for every case, as hypothesis draws them: doubt never becomes GO, worse is never better."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints_db.records import (
    Answer,
    Approval,
    BreakGlass,
    Case,
    Diagnosis,
    Latch,
    Metric,
    Missing,
    Reason,
    Verdict,
    Waiver,
)
from policies import decide, shelf
from policies.change import compare
from policies.loader import from_body
from policies.schema import Policy
from policies.several import InForce, Ruling, asked_of, decide_all

FAST = settings(max_examples=60, deadline=None, derandomize=True)

finite = st.floats(allow_nan=False, allow_infinity=False)
share = st.none() | st.floats(0, 1)
tasks = st.sampled_from(["a", "b", "cyber"])
SPAN = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001  hypothesis adds the zone
moments = st.datetimes(*SPAN, timezones=st.just(UTC))
METRICS = [
    Metric(name="log_likelihood", kind="continuous", upper=0.0),
    Metric(name="exact_match", kind="thresholded", lower=0.0, upper=1.0),
    Metric(name="loss", kind="continuous", direction="lower"),
]
OUTCOMES = ["expected", "above", "below", "inconclusive", "unforeseen"]
WHYS = ["ok", "blind", "plateau", "too_few", "unsealed", "smaller", "remarked", "no_scale"]
NAMES = [
    "on_trend",
    "metric_artefact",
    "unexplained_jump",
    "genuine_break",
    "latent_break",
    "regression",
    "unresolved_jump",
    "inconclusive",
]


@st.composite
def verdicts(draw: st.DrawFn, task: str | None = None) -> Verdict:
    """Any verdict at all, consistent or not."""
    body: dict[str, Any] = {
        "family": "f",
        "run": "r",
        "checkpoint": "f/r",
        "task": task or draw(tasks),
        "metric": draw(st.sampled_from(METRICS)),
        "series": "s",
        "result": "r",
        "forecast": None,
        "outcome": draw(st.sampled_from(OUTCOMES)),
        "why": draw(st.sampled_from(WHYS)),
        "observed": draw(finite),
        "stderr": draw(st.none() | st.floats(0, 1e300)),
        "n": draw(st.none() | st.integers(1, 10**9)),
        "median": draw(st.none() | finite),
        "lower": draw(st.none() | finite),
        "upper": draw(st.none() | finite),
        "level": draw(st.floats(0, 1)),
        "tail_above": draw(share),
        "tail_below": draw(share),
        "blindness": draw(st.none() | st.floats(0, 1e6)),
        "rungs": draw(st.integers(0, 9)),
        "sentence": "sentence",
        "judgement_version": 1,
    }
    return Verdict.model_validate(body)


@st.composite
def diagnoses(draw: st.DrawFn) -> Diagnosis:
    """Any diagnosis at all, whether or not its verdicts bear it out."""
    question = draw(tasks)
    body = {
        "family": "f",
        "run": "r",
        "checkpoint": "f/r",
        "question": question,
        "name": draw(st.sampled_from(NAMES)),
        "why": draw(st.sampled_from(WHYS)),
        "continuous": draw(st.none() | verdicts(question)),
        "thresholded": draw(st.none() | verdicts(question)),
        "sentence": "sentence",
        "judgement_version": 1,
    }
    return Diagnosis.model_validate(body)


@st.composite
def calm(draw: st.DrawFn) -> Case:
    """A run where little or nothing is wrong, so that a gate has something to lose."""
    found: list[Verdict] = []
    read: list[Diagnosis] = []
    at = datetime(2026, 11, 2, 9, tzinfo=UTC)
    for task in draw(st.sampled_from([["a"], ["a", "b"], ["a", "b", "cyber"]])):
        outcome = draw(st.sampled_from(["expected"] * 6 + OUTCOMES))
        body = {
            "family": "f",
            "run": "r",
            "checkpoint": "f/r",
            "task": task,
            "metric": METRICS[0],
            "series": "s",
            "result": "r",
            "forecast": None,
            "outcome": outcome,
            "observed": -1.0,
            "median": -1.0,
            "level": 0.98,
            "why": {"inconclusive": "blind", "unforeseen": "unsealed"}.get(outcome, "ok"),
            "rungs": 6,
            "stderr": 0.01,
            "tail_above": 1e-4 if outcome == "above" else 0.5,
            "tail_below": 1e-4 if outcome == "below" else 0.5,
            "blindness": 0.05,
            "sentence": "sentence",
            "judgement_version": 1,
        }
        verdict = Verdict.model_validate(body)
        named = {"expected": "on_trend", "above": "latent_break", "below": "regression"}.get(outcome, "inconclusive")
        found.append(verdict)
        read.append(
            Diagnosis.model_validate(
                {
                    "family": "f",
                    "run": "r",
                    "checkpoint": "f/r",
                    "question": task,
                    "name": named,
                    "why": verdict.why,
                    "continuous": verdict,
                    "thresholded": None,
                    "sentence": "sentence",
                    "judgement_version": 1,
                }
            )
        )
    latch = Latch(decision="d", at=at, sentence="broke", hard=draw(st.booleans()))
    missing = (Missing(task="b", metric="exact_match"),)
    return Case(
        family="f",
        run="r",
        judged=draw(st.sampled_from([True] * 5 + [False])),
        verdicts=tuple(found),
        diagnoses=tuple(read),
        missing=draw(st.sampled_from([(), (), (), missing])),
        first_at=at,
        last_at=at,
        latch=draw(st.sampled_from([None, None, None, latch])),
    )


wild = st.builds(
    Case,
    family=st.just("f"),
    run=st.just("r"),
    judged=st.booleans(),
    verdicts=st.lists(verdicts(), max_size=4).map(tuple),
    diagnoses=st.lists(diagnoses(), max_size=3).map(tuple),
    missing=st.lists(st.builds(Missing, task=tasks, metric=st.just("exact_match")), max_size=2).map(tuple),
    first_at=st.none() | moments,
    last_at=st.none() | moments,
    conflicts=st.lists(st.just("differs"), max_size=1).map(tuple),
    incomparable=st.lists(st.just("other prompt"), max_size=1).map(tuple),
    latch=st.none() | st.builds(Latch, decision=st.just("d"), at=moments, sentence=st.just("b"), hard=st.booleans()),
)
cases = calm() | wild
NEAR = datetime(2026, 11, 2), datetime(2026, 12, 9)  # noqa: DTZ001  hypothesis adds the zone
times = st.datetimes(*NEAR, timezones=st.just(UTC)) | moments

levels = st.sampled_from(["shadow", "advisory", "soft", "hard"])
selections = st.sampled_from([{}, {"task": "a"}, {"task": ["a", "cyber"]}, {"run": "other"}])


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """A policy of one to four rules of any kind and level."""
    rules = []
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["break", "diagnosis", "level", "evidence"]))
        table: dict[str, Any] = {"id": f"r{number}", "kind": kind, "level": draw(levels), "select": draw(selections)}
        if kind == "break":
            table |= {"side": draw(st.sampled_from(["above", "below", "either"])), "tail": draw(st.floats(1e-6, 0.2))}
            table |= {"on_inconclusive": draw(st.sampled_from(["hold", "warn"])), "min_effect": draw(st.floats(0, 1e9))}
        elif kind == "diagnosis":
            table["answers"] = {"inconclusive": draw(st.sampled_from(["hold", "warn"]))}
        elif kind == "level":
            table |= {"metric": "*", "ceiling": draw(finite), "assume_exact": draw(st.booleans())}
        else:
            more = [{}, {"require": "ladder"}, {"tasks": "a"}, {"max_age": "30d", "within": "2d"}]
            table |= draw(st.sampled_from(more))
        rules.append(table)
    return from_body({"name": "any", "rules": rules, "release": {"quorum": draw(st.integers(1, 3))}})


def votes(case: Case, policy: Policy, at: datetime, people: int) -> tuple[Approval, ...]:
    return tuple(
        Approval(
            id=str(n), family="f", run="r", by=f"p{n}", reason="r", at=at, evidence=case.evidence, policy=policy.digest
        )
        for n in range(people)
    )


def stops(answer: Answer) -> bool:
    return answer.rank >= Answer.HOLD.rank


@FAST
@given(policies(), cases, times, st.integers(0, 3))
def test_total_and_pure(policy: Policy, case: Case, at: datetime, people: int) -> None:
    approvals = votes(case, policy, at, people)
    decision = decide(policy, case, (), approvals, at)
    assert decide(policy, case, (), approvals, at) == decision
    assert decision.answer is Answer.worst([f.effect for f in decision.findings])
    assert all(finding.reason is not Reason.fault or "failed" not in finding.sentence for finding in decision.findings)
    ranks = [f.effect.rank for f in decision.findings]
    assert ranks == sorted(ranks, reverse=True)


@FAST
@given(policies(), cases, times, st.integers(0, 3))
def test_no_policy_and_no_people_reach_go_without_judged_evidence(
    policy: Policy, case: Case, at: datetime, people: int
) -> None:
    decision = decide(policy, case, (), votes(case, policy, at, people), at)
    if not stops(decision.answer):
        assert case.judged
        assert case.verdicts
    binding = any(rule.level.value in ("soft", "hard") for rule in policy.rules)
    if binding and not stops(decision.answer) and not decision.released:
        assert any(v.outcome in ("expected", "above", "below") for v in case.verdicts)
        assert not case.conflicts
        assert not case.incomparable


@FAST
@given(policies(), cases, times, st.integers(1, 3))
def test_fewer_approvals_never_help(policy: Policy, case: Case, at: datetime, people: int) -> None:
    approvals = votes(case, policy, at, people)
    more, less = (decide(policy, case, (), some, at).answer.rank for some in (approvals, approvals[1:]))
    assert less >= more


@FAST
@given(cases, verdicts(), st.sampled_from(OUTCOMES[3:]), times, st.sampled_from(["default", "strict", "shadow"]))
def test_one_more_doubt_never_helps(case: Case, extra: Verdict, outcome: str, at: datetime, name: str) -> None:
    policy = shelf(name)
    if not case.verdicts:  # a first verdict is evidence; then only the house's own floor may give way to doubt
        return
    doubt = extra.model_copy(update={"outcome": outcome})
    more = case.model_copy(update={"verdicts": (*case.verdicts, doubt)})
    assert decide(policy, more, (), (), at).answer.rank >= decide(policy, case, (), (), at).answer.rank


@FAST
@given(cases, times, st.data())
def test_a_deleted_result_never_helps(case: Case, at: datetime, data: st.DataObject) -> None:
    """With the missing entry that a store writes for it, and its task's diagnosis gone, a deletion opens nothing."""
    alone = from_body({"name": "p", "rules": [{"id": "b", "kind": "break", "level": "soft"}]})
    for policy in (shelf("default"), alone):
        if not case.verdicts:
            return
        gone = data.draw(st.sampled_from(case.verdicts))
        less = case.model_copy(
            update={
                "verdicts": tuple(v for v in case.verdicts if (v.task, v.metric) != (gone.task, gone.metric)),
                "diagnoses": tuple(d for d in case.diagnoses if d.question != gone.task),
                "missing": (*case.missing, Missing(task=gone.task, metric=gone.metric.name)),
            }
        )
        assert stops(decide(policy, less, (), (), at).answer)


@FAST
@given(st.floats(1e-300, 1), st.floats(1e-300, 1), st.sampled_from(["default", "strict"]))
def test_a_worse_tail_never_helps(first: float, second: float, name: str) -> None:
    policy = shelf(name)
    base = {
        "family": "f",
        "run": "r",
        "checkpoint": "f/r",
        "task": "a",
        "metric": METRICS[0],
        "series": "s",
        "result": "r",
        "forecast": None,
        "observed": -1.0,
        "median": -1.0,
        "level": 0.98,
        "why": "ok",
        "tail_below": 0.9,
        "rungs": 9,
        "blindness": 0.01,
        "sentence": "s",
        "judgement_version": 1,
    }

    def rank(tail: float) -> int:
        outcome = "above" if tail < policy.judging.tail else "expected"
        verdict = Verdict.model_validate({**base, "tail_above": tail, "outcome": outcome})
        read = Diagnosis(
            family="f",
            run="r",
            checkpoint="f/r",
            question="a",
            why="ok",
            continuous=verdict,
            thresholded=None,
            name="latent_break" if outcome == "above" else "on_trend",
            sentence="s",
            judgement_version=1,
        )
        at = datetime.fromisoformat("2026-11-02T09:00:00+00:00")
        case = Case(family="f", run="r", judged=True, verdicts=(verdict,), diagnoses=(read,), first_at=at, last_at=at)
        return decide(policy, case, (), (), at).answer.rank

    worse, better = sorted((first, second))
    assert rank(worse) >= rank(better)


@FAST
@given(policies(), cases, times, st.sampled_from(["break", "diagnosis", "evidence"]))
def test_a_shadow_rule_changes_no_answer(policy: Policy, case: Case, at: datetime, kind: str) -> None:
    extra = {"id": "extra", "kind": kind, "level": "shadow"}
    body = policy.body()
    if all(rule["level"] == "shadow" for rule in body["rules"]):
        return
    wider = from_body({**body, "rules": [*body["rules"], extra]})
    assert decide(wider, case, (), (), at).answer is decide(policy, case, (), (), at).answer


@FAST
@given(policies(), cases, times, st.sampled_from(["rule", "run", "family", "subject", "expired", "unborn", "policy"]))
def test_a_waiver_of_something_else_changes_nothing(policy: Policy, case: Case, at: datetime, what: str) -> None:
    plain = decide(policy, case, (), (), at)
    late = at > datetime(2, 1, 1, tzinfo=at.tzinfo) and at < datetime(9998, 1, 1, tzinfo=at.tzinfo)
    if not plain.findings or not late:
        return
    day = timedelta(days=1)
    other: dict[str, Any] = {
        "rule": {"rule": "no-such-rule"},
        "run": {"run": "r2"},
        "family": {"family": "f2"},
        "subject": {"subject": "z"},
        "expired": {"at": at - day, "expires": at},
        "unborn": {"at": at + day, "expires": at + 2 * day},
        "policy": {"policy": "x"},
    }[what]
    waivers = [
        Waiver.model_validate(
            {
                "id": "w",
                "rule": f.rule,
                "family": "f",
                "run": "r",
                "subject": f.subject,
                "up_to": 1e308,
                "answer": "PAUSE",
                "by": "carol",
                "reason": "r",
                "at": at,
                "expires": at + day,
                "policy": policy.digest,
                **other,
            }
        )
        for f in plain.findings
    ]
    assert decide(policy, case, waivers, (), at) == plain


@FAST
@given(policies(), cases, times)
def test_a_loosened_policy_finds_no_approvals(policy: Policy, case: Case, at: datetime) -> None:
    judging = policy.judging.model_copy(update={"tail": 0.001, "resolve": 1.0})
    loosened = policy.model_copy(update={"judging": judging})
    approvals = votes(case, policy, at, 3)
    assert decide(loosened, case, (), approvals, at) == decide(loosened, case, (), (), at)


def test_the_strategies_reach_every_answer(made: SimpleNamespace) -> None:
    """The properties above would hold of an engine that always holds; this one does not."""
    seen = {
        decide(shelf("default"), case, (), (), made.T0).answer
        for case in (
            made.case(),
            made.case(diagnoses=(made.diagnosis("metric_artefact"),)),
            made.case(()),
            made.case((made.verdict(outcome="above"),)),
        )
    }
    assert seen == set(Answer)


EDITS: list[dict[str, Any]] = [
    {"judging": {"resolve": 0.1}},
    {"judging": {"min_rungs": 6}},
    {"judging": {"tail": 0.04, "resolve": 0.1}},
    {"release": {"quorum": 3}},
    {"waivers": {"max": "1d"}},
]
NEW = [
    {"id": "new", "kind": "break", "level": "hard"},
    {"id": "new", "kind": "break", "level": "soft", "on_inconclusive": "warn", "select": {"task": "a"}},
    {"id": "new", "kind": "level", "level": "soft", "metric": "*", "ceiling": 0.3, "assume_exact": True},
    {"id": "new", "kind": "diagnosis", "level": "soft", "answers": {"inconclusive": "warn"}},
    {"id": "new", "kind": "evidence", "level": "advisory", "require": "ladder"},
    {"id": "new", "kind": "evidence", "level": "soft", "select": {"run": "other"}},
]


@st.composite
def edits(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """A policy and one that differs from it in a thing or two."""
    old = draw(policies())
    body = old.body()
    if draw(st.booleans()):
        body = {**body, **draw(st.sampled_from(EDITS))}
    rules = body["rules"]
    if draw(st.booleans()):
        rules = [*rules, draw(st.sampled_from(NEW))]
    if draw(st.booleans()):
        rules = [{**rules[0], "level": draw(st.sampled_from(["advisory", "soft", "hard"]))}, *rules[1:]]
    if draw(st.booleans()):
        rules = [{**rules[0], "select": draw(st.sampled_from([{}, {"task": "a"}, {"run": "r"}]))}, *rules[1:]]
    return old, from_body({**body, "rules": rules})


@FAST
@given(edits(), cases, times)
def test_what_is_called_a_tightening_never_helps(pair: tuple[Policy, Policy], case: Case, at: datetime) -> None:
    old, new = pair
    if not compare(old, new).loosens:
        assert decide(new, case, (), (), at).answer.rank >= decide(old, case, (), (), at).answer.rank


@FAST
@given(st.lists(policies(), min_size=1, max_size=4), st.lists(st.integers(1, 12), min_size=4, max_size=4), cases, times)
def test_loosening_never_applies_to_evidence_already_seen(
    drawn: list[Policy], rows: list[int], case: Case, at: datetime
) -> None:
    """I8: whatever policies come later, no answer is better than that of the one in force when the evidence came."""
    history = [InForce(policy, row) for policy, row in zip(drawn, sorted(rows), strict=False)]
    for i, then in enumerate(history):
        ends = history[i + 1].since if i + 1 < len(history) else then.since + 1
        own = decide(then.policy, case, (), (), at).answer.rank
        for seen_after in range(then.since, ends):
            for known in range(i + 1, len(history) + 1):
                rulings = [Ruling(policy, case) for policy in asked_of(history[:known], seen_after)]
                assert decide_all(rulings, (), (), at).answer.rank >= own
                assert rulings[-1].policy == history[known - 1].policy


DAY = timedelta(days=1)


def glass_of(case: Case, policy: Policy, moment: datetime, **more: Any) -> BreakGlass:
    body = {
        "id": "g",
        "family": "f",
        "run": "r",
        "by": "carol",
        "reason": "r",
        "at": moment,
        "expires": moment + DAY,
        "max_flop": 1e20,
        "evidence": {policy.digest: case.evidence},
    }
    return BreakGlass.model_validate({**body, **more})


near = st.datetimes(*NEAR, timezones=st.just(UTC))


@FAST
@given(policies(), cases, near)
def test_a_broken_glass_reaches_only_what_a_quorum_could(policy: Policy, case: Case, at: datetime) -> None:
    glass = case.model_copy(update={"glass": glass_of(case, policy, at)})
    plain, broken = decide(policy, case, (), (), at), decide(policy, glass, (), (), at)
    released = decide(policy, case, (), votes(case, policy, at, 3), at)
    assert broken.answer.rank <= plain.answer.rank
    assert stops(broken.answer) == stops(released.answer)
    assert (broken.break_glass == "g") == any(f.broken_by for f in broken.findings)
    assert broken.evidence == plain.evidence
    if broken.break_glass:
        assert broken.answer is not Answer.GO
        assert not broken.released


@FAST
@given(policies(), cases, near, st.sampled_from(["ended", "unborn", "evidence", "policy", "overlong"]))
def test_a_broken_glass_of_something_else_opens_nothing(policy: Policy, case: Case, at: datetime, what: str) -> None:
    """I4 and I5: outside its time, its evidence, its policy and its length it is absent; ended, it holds."""
    other: dict[str, Any] = {
        "ended": {"at": at - DAY, "expires": at},
        "unborn": {"at": at + DAY, "expires": at + 2 * DAY},
        "evidence": {"evidence": {policy.digest: "x"}},
        "policy": {"evidence": {"x": case.evidence}},
        "overlong": {"expires": at + 2 * DAY},
    }[what]
    glass = case.model_copy(update={"glass": glass_of(case, policy, at, **other)})
    plain, with_it = decide(policy, case, (), (), at), decide(policy, glass, (), (), at)
    if what == "ended":
        assert with_it.answer.rank == max(plain.answer.rank, Answer.HOLD.rank)
        told = [[f for f in each.findings if f.rule != "house"] for each in (with_it, plain)]
        assert told[0] == told[1]
    else:
        assert with_it == plain


@FAST
@given(policies(), cases, near, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20)), max_size=6), st.data())
def test_expired_is_absent(
    policy: Policy, case: Case, at: datetime, spans: list[tuple[int, int]], data: st.DataObject
) -> None:
    """I5: whatever waivers a history holds, those that ended change nothing; nor do approvals that waited too long."""
    found = decide(policy, case, (), (), at).findings
    waivers = [
        Waiver(
            id=str(n),
            rule=f.rule,
            family="f",
            run="r",
            subject=f.subject,
            up_to=1e308,
            answer=Answer.PAUSE,
            by="carol",
            reason="r",
            at=at - ago * DAY,
            expires=at + (length - ago) * DAY,
            policy=policy.digest,
        )
        for n, (ago, length) in enumerate(spans)
        if found and (f := data.draw(st.sampled_from(found)))
    ]
    count = dict.fromkeys(((w.rule, w.subject) for w in waivers), 0)
    standing = []
    for waiver in sorted(waivers, key=lambda w: (w.at, w.id)):
        count[waiver.rule, waiver.subject] += 1
        if waiver.expires > at and count[waiver.rule, waiver.subject] <= 3:
            standing.append(waiver)
    assert decide(policy, case, waivers, (), at) == decide(policy, case, standing, (), at)
    late = votes(case, policy, at - policy.release.approval_ttl, policy.release.quorum - 1)
    assert decide(policy, case, waivers, late, at) == decide(policy, case, waivers, (), at)
