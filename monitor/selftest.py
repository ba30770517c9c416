"""The known-answer self-test: fixed cases and a fixed ladder whose decisions and verdicts are known beforehand.

It runs when a daemon starts and before each heartbeat and lease, its quick half before each answer of a gate. What a
library, a build or a disk did to the code that decides shows here first, and then no gate says GO.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from checkpoints_db.errors import HoldpointError, SelfTestFailed
from checkpoints_db.records import (
    Answer,
    Approval,
    Case,
    Checkpoint,
    Compute,
    Latch,
    Metric,
    Missing,
    Point,
    Reason,
    Result,
    Sealed,
    Series,
    Verdict,
    Waiver,
)
from monitor.forecasting import forecast
from monitor.prior import shipped
from monitor.verdicts import judge
from policies.engine import decide
from policies.loader import from_body
from policies.schema import Policy

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
METRIC = Metric(name="loss", kind="continuous", direction="lower", lower=0.0)
NOISE = (0.004, -0.006, 0.002, 0.005, -0.004, -0.001)
DIGITS = 1e-6
"""Largest relative error of a number: another processor may round otherwise, another formula is far off."""

_WARN = Answer.WARN, Reason.broken
_PAUSE = Answer.PAUSE, Reason.broken
_NO_DATA = Answer.HOLD, Reason.no_data


class Known(NamedTuple):
    """A case and what must be decided on it."""

    name: str
    case: Case
    answer: Answer
    reason: Reason
    waivers: tuple[Waiver, ...] = ()
    approvals: tuple[Approval, ...] = ()


@cache
def policy() -> Policy:
    """The policy of the self-test: presence and age, breaks of every level, a figure of compute for one run."""
    return from_body(
        {
            "name": "selftest",
            "budget": {"method": "none"},
            "release": {"quorum": 2},
            "owners": {"selftest/*": ["owner"]},
            "rules": [
                {"id": "evidence", "kind": "evidence", "level": "soft", "require": "ladder", "max_age": "14d"},
                {"id": "break", "kind": "break", "level": "soft", "select": {"task": ["t*"]}},
                {"id": "hard", "kind": "break", "level": "hard", "select": {"task": ["hard*"]}},
                {"id": "advice", "kind": "break", "level": "advisory", "select": {"task": ["advice*"]}},
                {"id": "figure", "kind": "scale_step", "level": "soft", "at": 1e24, "select": {"run": ["m8"]}},
                {"id": "shadow", "kind": "break", "level": "shadow", "select": {"task": ["*"]}},
            ],
        }
    )


def _verdict(outcome: str, task: str = "t", **more: Any) -> Verdict:
    tails = {"above": (0.001, 0.999), "below": (0.999, 0.001)}.get(outcome, (0.4, 0.6))
    told = {"tail_above": tails[0], "tail_below": tails[1], "why": "ok", "blindness": 0.1}
    if outcome == "unforeseen":
        told = {"why": "unsealed"}
    place = {"family": "selftest", "run": "m6", "checkpoint": "selftest/m6", "task": task, "metric": METRIC}
    said = {"series": "s", "result": "r", "forecast": None, "outcome": outcome, "observed": 1.0, "median": 1.0}
    more = {"level": 0.98, "rungs": 6, "sentence": outcome, "judgement_version": 1, **told, **more}
    return Verdict.model_validate({**place, **said, **more})


def _case(*verdicts: Verdict, **more: Any) -> Case:
    told = {"family": "selftest", "run": "m6", "judged": True, "first_at": AT, "last_at": AT, "verdicts": verdicts}
    return Case.model_validate({**told, **more})


def _far(flop: float) -> Case:
    return _case(_verdict("expected")).model_copy(update={"run": "m8", "compute": Compute(flop=flop)})


def _vote(case: Case, by: str, **more: Any) -> Approval:
    bound = {"evidence": case.evidence, "policy": policy().digest}
    told = {"id": by, "family": "selftest", "run": "m6", "by": by, "reason": "known", "at": AT, **bound}
    return Approval.model_validate({**told, **more})


@cache
def quick_cases() -> tuple[Known, ...]:
    """One case of each answer that matters to a job: on trend, a break that nobody released, and doubt."""
    return (
        Known("on trend", _case(_verdict("expected")), Answer.GO, Reason.ok),
        Known("a break", _case(_verdict("above")), Answer.PAUSE, Reason.broken),
        Known("unforeseen", _case(_verdict("unforeseen")), Answer.HOLD, Reason.unregistered),
    )


@cache
def cases() -> tuple[Known, ...]:
    """Every answer and every reason, and what waivers and approvals may and may not do."""
    good, bad, hard = _case(_verdict("expected")), _case(_verdict("above")), _case(_verdict("above", "hard"))
    week = timedelta(days=7)
    waiver = Waiver.model_validate(
        {
            "id": "w",
            "rule": "break",
            "family": "selftest",
            "run": "m6",
            "subject": "t · loss",
            "up_to": 10.0,
            "answer": Answer.PAUSE,
            "by": "safety",
            "reason": "known",
            "at": AT,
            "expires": AT + week,
            "policy": policy().digest,
        }
    )
    expired = waiver.model_copy(update={"at": AT - week, "expires": AT})
    two = (_vote(bad, "ada"), _vote(bad, "bob"))
    latch = Latch(decision="d", at=AT - week, sentence="an earlier pause")
    doubtful = {why: _case(_verdict("inconclusive", why=why, blindness=0.9)) for why in ("blind", "forms_disagree")}
    return (
        *quick_cases(),
        Known("nothing judged", _case(judged=False), Answer.HOLD, Reason.unregistered),
        Known("a break of an advisory rule", _case(_verdict("expected"), _verdict("above", "advice")), *_WARN),
        Known("a break of a hard rule", hard, *_PAUSE),
        Known("a missing metric", good.model_copy(update={"missing": (Missing(task="t", metric="acc"),)}), *_NO_DATA),
        Known("an old result", good.model_copy(update={"last_at": AT - 3 * week}), Answer.HOLD, Reason.stale),
        Known("a result from the future", good.model_copy(update={"last_at": AT + week}), Answer.HOLD, Reason.fault),
        Known("a contradiction", good.model_copy(update={"conflicts": ("two",)}), Answer.HOLD, Reason.incomparable),
        Known("no sight", doubtful["blind"], Answer.HOLD, Reason.blind),
        Known("forms that disagree", doubtful["forms_disagree"], Answer.HOLD, Reason.forms_disagree),
        Known("compute below the figure", _far(9.99e23), Answer.GO, Reason.ok),
        Known("an assessment that is due", _far(1e24), Answer.HOLD, Reason.assessment_due),
        Known("an earlier pause", good.model_copy(update={"latch": latch}), Answer.PAUSE, Reason.latched),
        Known("a waived break", bad, Answer.GO, Reason.ok, (waiver,)),
        Known("a waiver that ran out", bad, *_PAUSE, (expired,)),
        Known("a waiver of less", bad, *_PAUSE, (waiver.model_copy(update={"up_to": 0.0}),)),
        Known("a waiver of another run", bad, *_PAUSE, (waiver.model_copy(update={"run": "m7"}),)),
        Known("a released break", bad, Answer.GO, Reason.ok, (), two),
        Known("one approval", bad, *_PAUSE, (), two[:1]),
        Known("one person twice", bad, *_PAUSE, (), (two[0], _vote(bad, "ADA "))),
        Known("the owner's approval", bad, *_PAUSE, (), (two[0], _vote(bad, "owner"))),
        Known("approvals of other evidence", bad, *_PAUSE, (), tuple(_vote(good, by) for by in ("ada", "bob"))),
        Known("a veto", bad, *_PAUSE, (), (*two, _vote(bad, "eve", veto=True))),
        Known("a released break of a hard rule", hard, *_PAUSE, (), tuple(_vote(hard, by) for by in ("ada", "bob"))),
    )


def _wrong(known: Sequence[Known]) -> Iterator[str]:
    for one in known:
        got = decide(policy(), one.case, one.waivers, one.approvals, AT)
        if (got.answer, got.reason) != (one.answer, one.reason):
            yield f"{one.name}: decided {got.answer} ({got.reason}), known is {one.answer} ({one.reason})"


@cache
def ladder() -> Series:
    """Six rungs of a power law with an offset and a little noise."""
    points = tuple(
        Point(
            run=f"m{i}",
            checkpoint=f"selftest/m{i}",
            x=1e18 * 4.0**i,
            value=1.2 + 1.5 * 4.0 ** (-0.12 * i) + NOISE[i],
            stderr=0.005,
            n=2000,
            result=f"r{i}",
        )
        for i in range(len(NOISE))
    )
    result = next(_results())
    told = {"id": result.series, "family": "selftest", "task": "t", "metric": METRIC, "stage": "", "axis": "flop"}
    return Series.model_validate({**told, "conditions": "c", "points": points})


def _results() -> Iterator[Result]:
    """The next rung: as the trend has it, then far below."""
    place = Checkpoint(family="selftest", run="m6", model="m6", flop=1e18 * 4.0**6)
    for value in (1.2 + 1.5 * 4.0**-0.72, 1.2):
        told = {"task": "t", "metric": METRIC, "value": value, "stderr": 0.005, "n": 2000, "harness": "selftest"}
        yield Result.model_validate({**told, "conditions": "c", "checkpoint": place})


VERDICTS = (
    ("expected", "ok", 1.7955901430467869, 0.27580726806973116),
    ("above", "ok", 1.7955901430467869, 1.6454761436494096e-05),
)
"""Of each result: outcome, why, median of the forecast, tail above."""


def _misjudged() -> Iterator[str]:
    sealed = Sealed(forecast=forecast(ladder(), shipped()), at=AT, seq=1)
    for result, (outcome, why, median, tail) in zip(_results(), VERDICTS, strict=True):
        got = judge(sealed, result, policy().judging)
        if (got.outcome, got.why) != (outcome, why):
            yield f"a loss of {result.value:.4g}: judged {got.outcome} ({got.why}), known is {outcome} ({why})"
        for name, number, known in (("median", got.median, median), ("tail", got.tail_above, tail)):
            if number is None or not math.isclose(number, known, rel_tol=DIGITS):
                yield f"{name} of a loss of {result.value:.4g}: {number!r}, known is {known!r}"


def check(*, quick: bool = False) -> None:
    """Decide and judge what is known; `quick` decides three cases only.

    Raises SelfTestFailed naming everything that came out otherwise, or what was raised instead.
    """
    try:
        wrong = [*_wrong(quick_cases())] if quick else [*_wrong(cases()), *_misjudged()]
    except (HoldpointError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        wrong = [f"{type(error).__name__}: {error}"]
    if wrong:
        raise SelfTestFailed(wrong)
