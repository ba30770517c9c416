"""Rules `reach` and `rate`: their figures, and the doubts under which a small one is worth nothing."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.errors import BadPolicy
from checkpoints_db.records import Answer, Decision, Knot, Metric, Rate, Reach, Reason
from policies import decide

REACH: dict[str, Any] = {"kind": "reach", "id": "it", "metric": "exact_match", "ceiling": 0.62, "until": "4x"}
RATE: dict[str, Any] = {"kind": "rate", "id": "it", "metric": "eci", "knots": ["gen-5", "gen-6"], "ratio": "2x"}


def reach(made: SimpleNamespace, **more: Any) -> Reach:
    body = {"rule": "it", "checkpoint": "tiny/m4", "task": "shift", "metric": made.MATCH, "series": "s", "level": 0.62}
    asked = {"observed": 0.5, "rungs": 5, "start": 1e20, "until": 4e20, "probability": 0.01, "seen": 0.0}
    return Reach.model_validate({**body, **asked, "sentence": "asked", "judgement_version": 1, **more})


def told(made: SimpleNamespace, found: Reach | None, table: dict[str, Any] | None = None, **more: Any) -> Decision:
    verdicts = (made.verdict(metric=made.MATCH),)
    case = made.case(verdicts, reaches=() if found is None else (found,), **more)
    return decide(made.policy({**REACH, **(table or {})}), case, (), (), made.T0)


@pytest.mark.parametrize(("probability", "answer"), [(0.0999, Answer.GO), (0.1, Answer.HOLD)])
@pytest.mark.parametrize("which", ["probability", "seen"])
def test_reach_fires_at_its_probability(made: SimpleNamespace, which: str, probability: float, answer: Answer) -> None:
    decision = told(made, reach(made, **{which: probability}))
    assert decision.answer is answer
    if answer is Answer.HOLD:
        assert decision.reason is Reason.assessment_due
        assert "the policy allows 0.1" in decision.sentence
        assert "4x larger" in decision.findings[0].would_pass_if


@pytest.mark.parametrize(("observed", "answer"), [(0.6199, Answer.GO), (0.62, Answer.PAUSE)])
def test_reach_fires_where_the_ceiling_is_reached(made: SimpleNamespace, observed: float, answer: Answer) -> None:
    assert told(made, reach(made, observed=observed, seen=None), {"answer": "pause"}).answer is answer


def test_reach_looks_toward_capability(made: SimpleNamespace) -> None:
    loss = reach(made, metric=made.LOSS, observed=0.7, level=0.62)
    case = made.case((made.verdict(metric=made.LOSS),), reaches=(loss,))
    table = {**REACH, "metric": "loss"}
    assert decide(made.policy(table), case, (), (), made.T0).answer is Answer.GO
    case = made.case((made.verdict(metric=made.LOSS),), reaches=(loss.model_copy(update={"observed": 0.62}),))
    assert decide(made.policy(table), case, (), (), made.T0).answer is Answer.HOLD


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"why": "unsealed", "probability": None}, Reason.unregistered),
        ({"probability": None}, Reason.unregistered),
        ({"why": "plateau"}, Reason.blind),
        ({"why": "forms_disagree"}, Reason.forms_disagree),
        ({"why": "too_far"}, Reason.blind),
        ({"why": "no_scale", "probability": None}, Reason.incomparable),
        ({"rungs": 3}, Reason.unregistered),
        ({"metric": Metric(name="exact_match", kind="thresholded", lower=0, upper=0.6)}, Reason.incomparable),
        ({"until": 1e20, "probability": None}, Reason.assessment_due),
    ],
)
def test_a_small_probability_in_doubt_holds(made: SimpleNamespace, more: dict[str, Any], reason: Reason) -> None:
    held = told(made, reach(made, **more), {"answer": "warn"})
    assert (held.answer, held.reason) == (Answer.HOLD, reason)
    assert held.findings[0].would_pass_if


def test_a_large_probability_fires_whatever_the_doubt(made: SimpleNamespace) -> None:
    assert told(made, reach(made, why="plateau", probability=0.5), {"answer": "pause"}).answer is Answer.PAUSE


def test_what_was_not_asked_holds(made: SimpleNamespace) -> None:
    for table, metric in ((REACH, "exact_match"), (RATE, "eci")):
        judged = made.verdict(metric=made.MATCH.model_copy(update={"name": metric}))
        held = decide(made.policy(table), made.case((judged,)), (), (), made.T0)
        assert (held.answer, held.reason) == (Answer.HOLD, Reason.no_data)
        assert "has no answer" in held.sentence


def test_what_is_not_there_cannot_be_asked(made: SimpleNamespace) -> None:
    gone = made.case((made.verdict(),), missing=(made.missing("shift", "exact_match"),))
    assert decide(made.policy(REACH), gone, (), (), made.T0).reason is Reason.no_data
    due = told(made, reach(made), {"since": "assessment"})
    assert due.reason is Reason.assessment_due
    done = (made.assessment(at=made.T0 - timedelta(days=1)),)
    assert told(made, reach(made), {"since": "assessment"}, assessments=done).answer is Answer.GO


def knot(name: str, ratio: float | None, **more: Any) -> Knot:
    return Knot(
        **{"name": name, "x": 1.0, "earlier": 1.0, "later": 1.0, "ratio": ratio, "before": 5, "after": 3, **more}
    )


def rated(made: SimpleNamespace, *knots: Knot, table: dict[str, Any] | None = None, **more: Any) -> Decision:
    eci = made.MATCH.model_copy(update={"name": "eci"})
    body = {"rule": "it", "checkpoint": "tiny/m4", "task": "shift", "metric": eci, "series": "s", "unit": "years"}
    rate = Rate.model_validate({**body, "knots": knots, "sentence": "grew", "judgement_version": 1, **more})
    case = made.case((made.verdict(metric=eci),), rates=(rate,))
    return decide(made.policy({**RATE, **(table or {})}), case, (), (), made.T0)


@pytest.mark.parametrize(
    ("ratios", "answer"),
    [((2.0, 2.0), Answer.PAUSE), ((1.99, 4.28), Answer.GO), ((4.28, 1.99), Answer.GO), ((1.86, 1.5), Answer.GO)],
)
def test_rate_fires_where_every_registered_knot_agrees(
    made: SimpleNamespace, ratios: tuple[float, float], answer: Answer
) -> None:
    decision = rated(made, knot("gen-5", ratios[0]), knot("gen-6", ratios[1]))
    assert decision.answer is answer
    if answer is Answer.PAUSE:
        assert decision.reason is Reason.broken
        assert decision.findings[0].numbers["ratio_gen-5"] == 2.0


@pytest.mark.parametrize(("after", "answer"), [(3, Answer.PAUSE), (2, Answer.HOLD)])
def test_rate_needs_generations_beyond_its_knots(made: SimpleNamespace, after: int, answer: Answer) -> None:
    knots = (knot("gen-5", 9.0, after=after), knot("gen-6", 9.0, after=after))
    assert rated(made, *knots).answer is answer
    if answer is Answer.HOLD:
        warned = rated(made, *knots, table={"on_few": "warn"})
        assert (warned.answer, warned.reason) == (Answer.WARN, Reason.blind)
        assert "2 rungs beyond it, and 3 are needed" in warned.sentence


def test_rate_at_a_confidence_asks_the_bound(made: SimpleNamespace) -> None:
    table = {"confidence": 0.95, "knots": "gen-5"}
    for low, answer in ((1.99, Answer.GO), (2.0, Answer.PAUSE), (None, Answer.HOLD)):
        assert rated(made, knot("gen-5", 4.0, lower=low), table=table).answer is answer


def test_rate_holds_where_it_cannot_tell(made: SimpleNamespace) -> None:
    unknown = rated(made, knot("gen-5", 1.0), unknown=("gen-6",), table={"on_few": "warn"})
    assert (unknown.answer, unknown.reason) == (Answer.HOLD, Reason.unregistered)
    assert "gen-6" in unknown.sentence
    flat = rated(made, knot("gen-5", 1.0), knot("gen-6", None), table={"on_few": "warn"})
    assert (flat.answer, flat.reason) == (Answer.HOLD, Reason.blind)
    assert rated(made, why="no_scale").reason is Reason.incomparable
    assert rated(made).reason is Reason.blind
    gone = made.case(missing=(made.missing("index", "eci"),))
    assert decide(made.policy(RATE), gone, (), (), made.T0).reason is Reason.no_data


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({**RATE, "knots": []}, "knots"),
        ({**RATE, "ratio": 2.0}, "write a number and an x"),
        ({**REACH, "until": 4}, "write a number and an x"),
        ({**REACH, "probability": 0}, "greater than 0"),
    ],
)
def test_figures_that_are_refused(made: SimpleNamespace, table: dict[str, Any], why: str) -> None:
    with pytest.raises(BadPolicy, match=why):
        made.policy(table)
