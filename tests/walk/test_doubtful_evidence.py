"""Evidence stated otherwise, contradicted, marked or put in no order: none of it may open a gate in silence."""

from __future__ import annotations

from typing import Any

import pytest
from lab import Lab, Row, rung

from checkpoints_db import Store
from checkpoints_db.rebuild import rebuild
from checkpoints_db.records import Answer, Reason
from monitor import cases


def said(lab: Lab, rows: list[Row], name: str = "s6.csv") -> tuple[Answer, Reason, str]:
    """What the gate of s6 says once these rows have landed."""
    lab.arrive(rows, name)
    lab.cycle()
    state = lab.ask("s6")
    return state.answer, state.reason, state.sentence


def stated(rows: list[Row], metric: str, **cells: Any) -> list[Row]:
    return [{**row, **cells} if row["metric"] == metric else row for row in rows]


def per_cent(rows: list[Row]) -> list[Row]:
    return stated(rows, "acc", upper=100, value=100 * rows[1]["value"])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (stated(rung(6, loss=1.2), "nll", kind="thresholded"), "kind is thresholded, was continuous"),
        (stated(rung(6, loss=2.6), "acc", kind="continuous"), "kind is continuous, was thresholded"),
        (stated(rung(6), "acc", upper=""), "upper is not stated, was 1"),
        (per_cent(rung(6)), "upper is 100, was 1"),
    ],
    ids=["a loss called a score breaks", "a score called a likelihood hides a fall", "no range", "per cent"],
)
def test_a_metric_stated_otherwise_than_on_the_ladder_holds_and_says_so(
    ladder: Lab, rows: list[Row], words: str
) -> None:
    answer, reason, sentence = said(ladder, rows)
    assert (answer, reason) == (Answer.HOLD, Reason.incomparable)
    assert f"is stated otherwise than on 6 smaller rungs: {words}" in sentence


def test_a_rung_stated_otherwise_trains_nothing_and_stops_no_cycle(lab: Lab) -> None:
    lab.baseline([row for i in range(4) for row in rung(i)])
    lab.baseline([row for i in (4, 5) for row in per_cent(rung(i))], "later.csv")
    with lab.store() as store:
        known = {s.forecast.metric.name: s.forecast.rungs for s in store.judgements.all_sealed()}
    assert known == {"nll": ("s0", "s1", "s2", "s3", "s4", "s5"), "acc": ("s0", "s1", "s2", "s3")}
    assert said(lab, rung(6))[0] is Answer.GO


def test_history_that_contradicts_what_was_judged_holds(ladder: Lab) -> None:
    assert said(ladder, rung(6))[0] is Answer.GO
    ladder.baseline(rung(6, acc=0.95)[1:], "late.csv")
    state = ladder.ask("s6")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.incomparable)
    assert "sums · acc was 0.573, and is 0.95 in a later file" in state.sentence


def test_a_contradiction_names_the_number_that_differs(ladder: Lab) -> None:
    said(ladder, rung(6))
    _, _, sentence = said(ladder, stated(rung(6), "nll", stderr=0.00500000001), "again.csv")
    assert "sums · nll standard error was 0.005, and is 0.00500000001 in a later file" in sentence


@pytest.mark.parametrize("first", ["history", "news"])
def test_a_remark_beside_history_does_not_stand_for_a_result_that_was_judged(ladder: Lab, first: str) -> None:
    """Half an evaluation as news, the whole one as history: neither was compared with a forecast."""
    rows = rung(6)
    said(ladder, rows[:1])

    def remarked() -> None:
        with ladder.store() as store:
            _mark(ladder, store)

    if first == "news":
        remarked()
    ladder.baseline(rows[1:], "whole.csv")
    if first == "history":
        remarked()
    ladder.cycle()
    state = ladder.ask("s6")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.no_data)
    assert "sums · acc is missing" in state.sentence


def _mark(lab: Lab, store: Store) -> None:
    """The accuracy of s6, as news, as a harness marks it that was told to stop after some documents."""
    known = next(seen.result for seen in store.evidence.results(run="s6"))
    other = next(seen.result for seen in store.evidence.results(run="s5") if seen.result.metric.name == "acc")
    result = other.model_copy(update={"checkpoint": known.checkpoint, "value": 0.2, "remarks": ("limit",)})
    at, head = lab.clock.now(), store.ledger.head[0]
    with store.transaction():
        store.evidence.record([result], baseline=False, seen_at=at, seen_after=head, at=at)


@pytest.mark.parametrize(("value", "answer"), [(None, Answer.HOLD), (0.4, Answer.GO)], ids=["this one", "another one"])
def test_an_evaluation_that_is_taken_back_after_it_was_judged_holds(
    ladder: Lab, value: float | None, answer: Answer
) -> None:
    said(ladder, rung(6))
    with ladder.store() as store, store.transaction():
        acc = next(s.result for s in store.evidence.results(run="s6") if s.result.metric.name == "acc")
        taken = acc.model_copy(update={"remarks": ("invalidated",), "value": value or acc.value})
        at, head = ladder.clock.now(), store.ledger.head[0]
        assert store.evidence.record([taken], baseline=False, seen_at=at, seen_after=head, at=at).aside == (taken,)
    ladder.cycle()
    state = ladder.ask("s6")
    assert state.answer is answer
    assert ("sums · acc is the one that a later file marks as invalidated" in state.sentence) == (value is None)


def at_step(rows: list[Row], step: int | str, **more: float) -> list[Row]:
    return [{**row, "step": step, **more} for row in rows]


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {}), ({"tokens": 1e9}, {"tokens": 2e9}), ({"flop": 4e21}, {"flop": 5e21})],
    ids=["nothing tells", "tokens tell", "flop tell"],
)
def test_final_weights_without_a_step_are_what_the_gate_speaks_of(
    ladder: Lab, before: dict[str, float], after: dict[str, float]
) -> None:
    assert said(ladder, at_step(rung(6), 1000, **before))[0] is Answer.GO
    assert said(ladder, at_step(rung(6, loss=2.6), "", **after), "final.csv")[0] is Answer.HOLD
    assert said(ladder, at_step(rung(6), 500, **before), "back.csv")[0] is Answer.HOLD


def test_where_a_step_arrives_behind_final_weights_nothing_says_which_is_further(ladder: Lab) -> None:
    """Final weights that broke off in doubt are not forgotten for a step that is on trend."""
    assert said(ladder, rung(6, loss=2.6), "final.csv")[0] is Answer.HOLD
    answer, reason, sentence = said(ladder, at_step(rung(6), 1000))
    assert (answer, reason) == (Answer.HOLD, Reason.incomparable)
    assert "nothing says whether lab/s6, which states no step, was trained further" in sentence


def test_what_is_kept_aside_evaluates_nothing_anew(ladder: Lab) -> None:
    said(ladder, rung(6))
    rules = ladder.rules()
    with ladder.store() as store:
        before = cases.case_of(store, rules.catalogue, rules.policy, "lab", "s6")
        first = store.evidence.results(family="lab", run="s6")[0].result
        again, at = first.model_copy(update={"remarks": ("limit",)}), ladder.later(days=40)
        with store.transaction():
            store.evidence.record([again], baseline=False, seen_at=at, seen_after=store.ledger.head[0], at=at)
        after = cases.case_of(store, rules.catalogue, rules.policy, "lab", "s6")
    assert after.last_at == before.last_at
    assert after.last_at is not None


def test_history_that_says_the_same_changes_nothing(ladder: Lab) -> None:
    said(ladder, rung(6))
    ladder.baseline(rung(6), "late.csv")
    assert ladder.ask("s6").answer is Answer.GO


def test_a_task_that_the_run_was_asked_before_and_is_asked_no_more_is_missing(ladder: Lab) -> None:
    """There it would hold, as no smaller model was asked it: to ask it no more must not open the gate."""
    new = [{**row, "task": "new"} for row in at_step(rung(6), 1000)]
    assert said(ladder, [*at_step(rung(6), 1000), *new])[:2] == (Answer.HOLD, Reason.unregistered)
    answer, reason, sentence = said(ladder, at_step(rung(6), 2000, flop=5e21), "without.csv")
    assert (answer, reason, "new · acc is missing" in sentence) == (Answer.HOLD, Reason.no_data, True)


def test_known_numbers_of_a_checkpoint_that_is_said_to_stand_elsewhere_hold(ladder: Lab) -> None:
    """A scale that was mistyped and is put right: what was expected at the one is a break at the other."""
    flop = rung(6)[0]["flop"]
    assert said(ladder, rung(6))[0] is Answer.GO
    assert said(ladder, rung(6, flop=flop * 1.1), "rounded.csv")[0] is Answer.GO
    answer, reason, sentence = said(ladder, rung(6, flop=flop / 8), "corrected.csv")
    assert (answer, reason) == (Answer.HOLD, Reason.incomparable)
    assert "flop 4.096e+21, now 5.12e+20" in sentence
    with ladder.store() as store:
        kept, told = store.evidence.results(family="lab", run="s6"), store.actions.alerts(still_open=True)
    assert [seen.counts for seen in kept] == [True, True, False, False]
    assert any("the checkpoint is now said to stand elsewhere" in alert.sentence for alert in told)
    said(ladder, [*rung(6, flop=flop / 8), *rung(6)], "again.csv")
    with ladder.store() as store:
        assert len(store.evidence.results(family="lab", run="s6")) == len(kept), "the same again changes nothing"
        assert rebuild(store, ladder.root / "rebuilt.db") == []


def test_metrics_of_one_checkpoint_that_stand_apart_hold(ladder: Lab) -> None:
    nll, acc = rung(6)
    assert said(ladder, [nll], "nll.csv")[1] is Reason.no_data
    answer, reason, sentence = said(ladder, [{**acc, "flop": acc["flop"] * 3}], "acc.csv")
    assert (answer, reason) == (Answer.HOLD, Reason.incomparable)
    assert "do not agree where it stands" in sentence


def test_a_step_counter_that_began_anew_leaves_the_order_in_doubt(ladder: Lab) -> None:
    assert said(ladder, at_step(rung(6), 2000, tokens=2e9))[0] is Answer.GO
    answer, reason, sentence = said(ladder, at_step(rung(6, loss=2.6), 100, tokens=3e9), "resumed.csv")
    assert (answer, reason) == (Answer.HOLD, Reason.incomparable)
    assert "lab/s6@100 has seen more tokens (3e+09, not 2e+09)" in sentence


@pytest.mark.parametrize(
    ("n", "stderr", "answer"), [(10, "", Answer.HOLD), (1001, "", Answer.GO), (10, 0.005, Answer.GO)]
)
def test_a_few_items_without_a_standard_error_hold(ladder: Lab, n: int, stderr: float | str, answer: Answer) -> None:
    found, _, sentence = said(ladder, stated(rung(6), "nll", n=n, stderr=stderr))
    assert found is answer
    assert ("asked of 10 items, of 2000 or more on smaller rungs" in sentence) == (answer is Answer.HOLD)


def test_a_scale_that_is_mended_after_the_judgement_holds_until_it_is_released(ladder: Lab) -> None:
    book = ladder.root / "catalogue.toml"
    entry = book.read_text() + '[[run]]\nfamily = "lab"\nmatch = "six"\nrun = "s6"\nflop = '
    book.write_text(f"{entry}3e22\n")
    named = [{key: row[key] for key in row if key not in ("family", "run", "params", "flop")} for row in rung(6)]
    assert said(ladder, [{**row, "model": "six"} for row in stated(named, "nll", value=1.635)])[0] is Answer.GO
    book.write_text(f"{entry}4.1e21\n")
    ladder.cycle()
    state = ladder.ask("s6")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.incomparable)
    assert "was judged at flop 3e+22, and the catalogue now says 4.1e+21" in state.sentence
    with ladder.store() as store:
        for who in ("ada", "grace"):
            ladder.desk(store).release("lab", "s6", by=who, reason="on trend there too", evidence=state.evidence)
    assert ladder.ask("s6").answer is Answer.GO


def test_who_waives_one_contradiction_waives_no_other(ladder: Lab) -> None:
    ladder.baseline([{**row, "task": "other"} for i in range(6) for row in rung(i)], "other.csv")
    rows = [*rung(6), *({**row, "task": "other"} for row in rung(6))]
    said(ladder, rows)
    said(ladder, stated(rung(6)[:1], "nll", stderr=0.0051), "rounded.csv")
    with ladder.store() as store:
        subject = store.judgements.decisions("lab", "s6")[-1].findings[0].subject
        ladder.desk(store).waive(
            "lab", "s6", "evidence", subject, by="ann", reason="rounded", until=ladder.later(days=7)
        )
    ladder.cycle()
    assert ladder.ask("s6").answer is Answer.GO
    again = stated(rows[2:], "acc", value=0.99)[1:]
    answer, reason, sentence = said(ladder, again, "other-file.csv")
    assert (answer, reason, "other · acc was 0.573" in sentence) == (Answer.HOLD, Reason.incomparable, True)
