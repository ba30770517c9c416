"""Evidence: new, same and conflicting results; files by content; series in order of scale."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from checkpoints_db import Store
from checkpoints_db.errors import Incomparable
from checkpoints_db.records import Checkpoint, Metric, Result
from checkpoints_db.series import make_series

AT = datetime(2026, 11, 23, tzinfo=UTC)
ACC = Metric(name="acc", kind="thresholded", lower=0, upper=1)


def result(run: str, flop: float | None, value: float, **more: object) -> Result:
    checkpoint = Checkpoint(family="lab", run=run, model=run, flop=flop, params=1e6)
    return Result.model_validate({"checkpoint": checkpoint, "task": "sums", "metric": ACC, "value": value, **more})


def record(store: Store, *results: Result) -> tuple[int, int, int]:
    with store.transaction():
        done = store.evidence.record(results, baseline=False, seen_at=AT, seen_after=0, at=AT)
    return len(done.new), done.same, len(done.conflicting)


def test_the_same_result_twice_is_one_result(store: Store) -> None:
    assert record(store, result("a", 1e18, 0.5, source="x")) == (1, 0, 0)
    assert record(store, result("a", 1e18, 0.5, source="another file")) == (0, 1, 0)
    assert len(store.evidence.results()) == 1


def test_a_conflicting_result_is_kept_and_does_not_count(store: Store) -> None:
    record(store, result("a", 1e18, 0.5))
    assert record(store, result("a", 1e18, 0.6)) == (0, 0, 1)
    assert record(store, result("a", 1e18, 0.6)) == (0, 1, 0)
    assert [(seen.result.value, seen.counts) for seen in store.evidence.results()] == [(0.5, True), (0.6, False)]
    assert [p.value for p in store.evidence.series(result("a", 1e18, 0.5).series).points] == [0.5]


def test_results_under_other_conditions_are_another_series(store: Store) -> None:
    one, other = result("a", 1e18, 0.5, conditions="5-shot"), result("a", 1e18, 0.6, conditions="0-shot")
    assert record(store, one, other) == (2, 0, 0)
    assert one.series != other.series
    with pytest.raises(Incomparable):
        make_series([one, other])


def test_a_series_is_in_order_of_scale_and_leaves_out_what_is_remarked() -> None:
    points = make_series(
        [result("c", 4e18, 0.7), result("a", 1e18, 0.5), result("b", 2e18, 0.9, remarks=("limit",))]
    ).points
    assert [p.run for p in points] == ["a", "c"]


def test_a_series_falls_back_to_the_axis_that_all_rungs_have() -> None:
    assert make_series([result("a", 1e18, 0.5), result("b", None, 0.6)]).axis == "params"
    assert make_series([result("a", 1e18, 0.5), result("b", 2e18, 0.6)]).axis == "flop"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.5, -0.1])
def test_a_value_that_cannot_be_is_no_result(value: float) -> None:
    with pytest.raises(ValueError, match=r"finite|range"):
        result("a", 1e18, value)


def test_a_file_that_grows_keeps_the_moment_it_was_first_seen(store: Store) -> None:
    with store.transaction():
        first = store.evidence.sight("f", 10, 1, AT)
        store.ledger.append("seal", "s", {}, AT)
        grown = store.evidence.sight("f", 20, 2, AT, "digest")
        rewritten = store.evidence.sight("f", 30, 3, AT)
    assert (first.seen_after, grown.seen_after) == (0, 0)
    assert rewritten.seen_after == 1


def test_a_whole_result_takes_the_place_of_a_remarked_one_and_is_not_contradicted_by_another(store: Store) -> None:
    """A cancelled evaluation and its clean repeat are not two opinions."""
    assert record(store, result("a", 1e18, 0.9, remarks=("cancelled",))) == (1, 0, 0)
    assert record(store, result("a", 1e18, 0.5)) == (1, 0, 0)
    with store.transaction():
        limited = result("a", 1e18, 0.7, remarks=("limit",))
        done = store.evidence.record([limited], baseline=False, seen_at=AT, seen_after=0, at=AT)
    assert (done.aside, done.new, done.same, done.conflicting) == ((limited,), (), 0, ())
    assert record(store, limited) == (0, 1, 0)
    assert [(s.result.value, s.counts) for s in store.evidence.results()] == [(0.9, False), (0.5, True), (0.7, False)]
    assert record(store, result("a", 1e18, 0.6)) == (0, 0, 1)
