"""I2 over every policy a file can spell: what is taken away opens nothing, whoever reads it and whoever does not."""

from __future__ import annotations

import drawing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkpoints_db.records import Answer, Case, Missing, Verdict
from policies import decide
from policies.schema import Policy

SLOW = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A run whose metrics each have an outcome of their own, whatever their diagnosis says."""
    case = draw(drawing.cases())
    alone = [drawing._verdict(v.task, v.metric, draw(st.sampled_from(drawing.OUTCOMES))) for v in case.verdicts]
    return case.model_copy(update={"verdicts": tuple(Verdict.model_validate(body) for body in alone)})


def without(case: Case, gone: list[Verdict]) -> Case:
    """The case as a store has it where these results are not there, and smaller models have them."""
    lost = {(v.task, v.metric.name) for v in gone}
    left = tuple(v for v in case.verdicts if (v.task, v.metric.name) not in lost)
    return case.model_copy(
        update={
            "verdicts": left,
            "diagnoses": tuple(d for d in case.diagnoses if d.question in {v.task for v in left}),
            "missing": (*case.missing, *(Missing(task=task, metric=metric) for task, metric in sorted(lost))),
            "reaches": tuple(r for r in case.reaches if (r.task, r.metric.name) not in lost),
            "rates": tuple(r for r in case.rates if (r.task, r.metric.name) not in lost),
            "skills": tuple(s for s in case.skills if s.series in {v.series for v in left}),
        }
    )


@SLOW
@given(drawing.policies(), cases(), st.data())
def test_deleted_results_open_nothing(policy: Policy, case: Case, data: st.DataObject) -> None:
    gone = data.draw(st.lists(st.sampled_from(case.verdicts), min_size=1, unique_by=lambda v: (v.task, v.metric.name)))
    before = decide(policy, case, (), (), drawing.AT)
    if before.answer.rank >= Answer.HOLD.rank:
        after = decide(policy, without(case, gone), (), (), drawing.AT)
        assert after.answer.rank >= Answer.HOLD.rank, f"{before.sentence}; and without it: {after.sentence}"
