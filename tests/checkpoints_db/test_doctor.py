"""What the doctor says of ladders: what split them, and which rungs tell nothing."""

from __future__ import annotations

from typing import Any

import pytest

from checkpoints_db import doctor
from checkpoints_db.records import Checkpoint, Metric, Result, digest_of
from checkpoints_db.records.evidence import Term

ACC = Metric(name="acc,none", kind="thresholded", lower=0, upper=1, chance=0.25)
LL = Metric(name="log_likelihood", kind="continuous", upper=0)


def result(i: int, value: float = 0.5, *, terms: dict[str, Term] | None = None, **fields: Any) -> Result:
    """Rung `i`; conditions are the digest of its terms, as readers make them."""
    fields = {"metric": ACC, "task": "arc", "stderr": 0.01, "conditions": digest_of(terms or {}), **fields}
    place = Checkpoint(family="f", run=f"m{i}", model=f"f/m{i}", params=1e6 * 4**i, stage=fields.pop("stage", ""))
    return Result(checkpoint=place, value=value, terms=terms or {}, **fields)


def shots(n: int) -> dict[str, Term]:
    return {"task": "arc", "n_shot": n, "limit": None}


def test_a_split_names_the_term_and_the_runs_on_each_side():
    (split,) = doctor.splits([*(result(i, terms=shots(0)) for i in (2, 0, 1)), result(3, terms=shots(5))])
    assert split.differing == ("n_shot",)
    assert [side.runs for side in split.sides] == [("m0", "m1", "m2"), ("m3",)], "most runs first, smallest run first"
    assert [side.terms for side in split.sides] == [{"n_shot": 0}, {"n_shot": 5}]
    assert split.sentence == (
        "f: arc · acc,none is 2 series that differ in number of shown examples: "
        "m0, m1, m2: number of shown examples 0; m3: number of shown examples 5 (not 0). "
        "To join them evaluate m3 as m0, m1, m2 were."
    )


def test_one_series_other_stages_and_other_tasks_are_no_split():
    same = [result(i, terms=shots(0)) for i in range(3)]
    assert doctor.splits(same) == ()
    others = [result(3, terms=shots(5), stage="step 5"), result(3, terms=shots(5), task="piqa")]
    assert doctor.splits([*same, *others]) == ()


def test_every_metric_and_stage_is_listed():
    found = [
        result(i, -0.5, terms=shots(i % 2), stage=stage, metric=metric)
        for i in range(4)
        for stage in ("step 1", "step 2")
        for metric in (LL, LL.model_copy(update={"name": "margin", "upper": None}))
    ]
    named = [(split.metric, split.stage) for split in doctor.splits(found)]
    assert sorted(named) == [(m, s) for m in ("log_likelihood", "margin") for s in ("step 1", "step 2")]


def test_several_terms_and_a_side_that_is_limited():
    whole, part = {"limit": None, "samples_effective": 900}, {"limit": 10, "samples_effective": 10}
    (split,) = doctor.splits([result(0, terms=whole), result(1, terms=part, remarks=("limit",))])
    assert split.why == "--limit, documents asked"
    assert split.words(split.sides[1]) == ("m1: --limit 10 (not none), documents asked 10 (not 900) [limit]")


def test_the_text_of_prompts_is_named_only_where_nothing_else_differs():
    shown, texts = {"n_shot": 5, "task_hash": "b" * 64}, {"n_shot": 0, "task_hash": "c" * 64}
    main = {"n_shot": 0, "task_hash": "a" * 64}
    found = [*(result(i, terms=main) for i in range(3)), result(3, terms=shown), result(4, terms=texts)]
    (split,) = doctor.splits(found)
    words = {side.runs[0]: split.words(side) for side in split.sides}
    assert words["m3"] == "m3: number of shown examples 5 (not 0)"
    assert words["m4"] == "m4: text of documents or prompts cccccccccccc (not aaaaaaaaaaaa)"


def test_true_is_not_1_and_a_missing_term_is_not_none():
    (split,) = doctor.splits([result(0, terms={"a": True, "b": None}), result(1, terms={"a": 1})])
    assert split.differing == ("a", "b")


def test_results_stored_before_terms_were_kept():
    old = result(0, conditions="old").model_dump(mode="json")
    del old["terms"]
    loaded = Result.model_validate(old)
    assert loaded.terms == {}
    (split,) = doctor.splits([loaded, result(1, terms=shots(0))])
    assert split.differing == ()
    assert split.why == "conditions, but what they were was not kept"
    assert "m0: conditions not kept" in split.sentence
    joined = result(2, conditions="old", terms=shots(5))
    (split,) = doctor.splits([loaded, joined, result(1, terms=shots(0))])
    assert split.differing == ("n_shot",), "a newer result of the same series knows its terms"


def test_identity_and_series_do_not_know_of_terms():
    """The same result read again by a version that keeps terms is the same result."""
    bare = result(0, conditions="c")
    told = bare.model_copy(update={"terms": shots(0)})
    assert (told.identity, told.key, told.series) == (bare.identity, bare.key, bare.series)


@pytest.mark.parametrize("term", [0, 0.5, True, "a", None])
def test_terms_survive_the_store_with_their_type(term: Term):
    again = Result.model_validate_json(result(0, terms={"x": term}).model_dump_json()).terms["x"]
    assert (again, type(again)) == (term, type(term))


def test_terms_are_finite_and_short():
    for term in (float("nan"), float("inf"), "x" * 501, [1]):
        with pytest.raises(ValueError, match="terms"):
            result(0, terms={}, conditions="c").__class__.model_validate(
                {**result(0).model_dump(mode="json"), "terms": {"x": term}}
            )


def test_short_because_of_remarks_chance_and_saturation():
    """Of six rungs one is limited, two are within 2 se of chance (0.25), one within 2 se of 1."""
    found = [
        result(0, 0.26),
        result(1, 0.2301),
        result(2, 0.5),
        result(3, 0.6),
        result(4, 0.9, remarks=("limit",)),
        result(5, 0.981),
    ]
    (short,) = doctor.shorts(found, needed=4)
    assert (short.telling, short.at_chance, short.saturated) == (("m2", "m3"), ("m0", "m1"), ("m5",))
    assert short.remarked == {"m4": ("limit",)}
    assert short.mark == ""
    assert short.sentence == (
        "f: arc · acc,none: 2 of 6 runs tell something, 4 are needed: m4 limit; m0, m1 at chance; m5 saturated"
    )
    assert doctor.shorts(found, needed=2) == (), "as many as are needed do tell something"


def test_a_ladder_that_is_only_small_is_not_ill():
    assert doctor.shorts([result(0), result(1)], needed=4) == ()


@pytest.mark.parametrize(("value", "mark"), [(0.25, "at chance"), (1.0, "saturated")])
def test_a_series_all_at_one_end_is_marked(value: float, mark: str):
    (short,) = doctor.shorts([result(i, value) for i in range(6)], needed=4)
    assert (short.mark, short.telling) == (mark, ())


@pytest.mark.parametrize(
    ("value", "fields", "near"),
    [
        (0.2699, {}, True),
        (0.2701, {}, False),
        (0.2301, {}, True),
        (0.2299, {}, False),
        (0.0, {"metric": ACC.model_copy(update={"chance": None})}, True),  # no chance: guessing reaches the worst
        (0.25, {"metric": ACC.model_copy(update={"chance": None})}, False),
        (0.0, {"metric": LL}, False),  # continuous, no chance: it has no floor
    ],
)
def test_chance_on_neighbouring_numbers(value: float, fields: dict[str, Any], near: bool):
    assert doctor.at_chance(result(0, value, **fields)) is near


@pytest.mark.parametrize(
    ("value", "fields", "near"),
    [
        (0.9801, {}, True),
        (0.9799, {}, False),
        (-0.001, {"metric": LL}, False),  # one end only: noise alone would make it perfect
        (0.5, {"stderr": 0.3}, False),  # as near to chance as to the best
        (1.0, {"metric": Metric(name="bleu", kind="thresholded")}, False),  # no best value
        (0.019, {"metric": Metric(name="loss", kind="continuous", direction="lower", lower=0, upper=9)}, True),
        # Of 24, in a log that says nothing of noise: 21 right, p = 23/28, 2 se = 0.145; 20 right, 2 se = 0.155.
        (21 / 24, {"stderr": None, "n": 24}, True),
        (20 / 24, {"stderr": 0.0, "n": 24}, False),
        (0.99, {"stderr": None}, False),  # neither noise nor count: only the value itself is the value
    ],
)
def test_saturation_on_neighbouring_numbers(value: float, fields: dict[str, Any], near: bool):
    assert doctor.saturated(result(0, value, **fields)) is near


def test_all_right_on_few_documents_is_not_certain():
    sure = doctor.noise(result(0, 1.0, stderr=0.0, n=24))
    assert sure == pytest.approx((26 / 28 * 2 / 28 / 28) ** 0.5)
    assert doctor.noise(result(0, 1.0, stderr=0.0, n=None)) == 0
    assert doctor.noise(result(0, -0.5, metric=LL, stderr=None, n=24)) == 0


def test_a_run_of_several_checkpoints_tells_if_one_does():
    two = [_at(i, v, step) for i in range(4) for step, v in ((1, 0.25), (2, 0.5))]
    assert doctor.shorts(two, needed=4) == ()
    (short,) = doctor.shorts([_at(i, 0.25, step) for i in range(4) for step in (1, 2)], needed=4)
    assert short.runs == ("m0", "m1", "m2", "m3")


def test_a_run_without_scale_is_said_to_have_none():
    lost = result(3)
    lost = lost.model_copy(update={"checkpoint": lost.checkpoint.model_copy(update={"params": None, "flop": 1e9})})
    (short,) = doctor.shorts([*(result(i) for i in range(3)), lost], needed=4)
    assert short.unscaled
    assert "without scale" in short.why


def _at(i: int, value: float, step: int) -> Result:
    made = result(i, value)
    return made.model_copy(update={"checkpoint": made.checkpoint.model_copy(update={"step": step})})
