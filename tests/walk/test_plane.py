"""A lab ladder on two axes walks from file to gate."""

from __future__ import annotations

import pytest
from lab import Lab
from planes import FAMILY, SIZES, TOKENS, acc, ladder, loss, rung

from checkpoints_db.records import PLANE, Answer, Reason, Verdict


@pytest.fixture
def plane(lab: Lab) -> Lab:
    """Three sizes with five checkpoints each are history; the fourth size is still to come."""
    (lab.root / "catalogue.toml").write_text(FAMILY)
    lab.baseline(ladder())
    return lab


def verdicts(lab: Lab, run: str = "s3") -> dict[str, Verdict]:
    with lab.store() as store:
        return {v.metric.name: v for _, v in store.judgements.verdicts("lab", run)}


def test_all_checkpoints_are_rungs_of_one_series_and_are_sealed(plane: Lab) -> None:
    with plane.store() as store:
        sealed = [one.forecast for one in store.judgements.all_sealed()]
    assert sorted(f.metric.name for f in sealed) == ["acc", "nll"]
    for made in sealed:
        assert (made.axis, made.stage, len(made.rungs)) == (PLANE, "", 15)
        assert made.rungs[0] == "s0@1000"
        assert {rung.scale for rung in made.ladder} == {(n, d) for n in SIZES[:3] for d in TOKENS}
        assert made.x_last == made.ladder[-1].cost == 6 * SIZES[2] * TOKENS[4]
        assert made.last_value == pytest.approx((loss if made.metric.name == "nll" else acc)(2, 4))
        assert made.track.forecasts == 1, "one whole size was hidden, not its checkpoints one by one"


def test_the_next_size_on_its_trend_is_expected_and_goes_on(plane: Lab) -> None:
    plane.cycle()
    plane.arrive(rung(3, 4), "s3.csv")
    assert plane.cycle()
    said = verdicts(plane)
    assert {name: (v.outcome, v.why) for name, v in said.items()} == {
        "nll": ("expected", "ok"),
        "acc": ("expected", "ok"),
    }
    assert said["nll"].distance == pytest.approx(1.386294)  # four times the FLOP
    assert plane.ask("s3").answer == Answer.GO


def test_a_break_at_the_largest_size_is_caught(plane: Lab) -> None:
    plane.cycle()
    plane.arrive(rung(3, 4, value=1.75)[:1] + rung(3, 4)[1:], "s3.csv")
    assert plane.cycle()
    assert {name: v.outcome for name, v in verdicts(plane).items()} == {"nll": "above", "acc": "expected"}
    assert plane.ask("s3").answer == Answer.PAUSE


def test_an_early_checkpoint_of_a_larger_model_is_judged(plane: Lab) -> None:
    plane.cycle()
    plane.arrive(rung(3, 0), "s3-early.csv")
    assert plane.cycle()
    assert verdicts(plane)["nll"].outcome == "expected"
    assert plane.ask("s3").answer == Answer.GO
    # What came is a rung from now on, and the run goes on.
    plane.arrive(rung(3, 4), "s3-late.csv")
    assert plane.cycle()
    late = verdicts(plane)["nll"]
    assert (late.checkpoint, late.outcome, late.rungs) == ("lab/s3@16000", "expected", 16)
    assert plane.ask("s3").answer == Answer.GO


def test_what_lies_inside_the_ladder_is_not_judged(plane: Lab) -> None:
    plane.cycle()
    plane.arrive(rung(1, 2, run="again", params=SIZES[1] * 0.9), "again.csv")
    assert plane.cycle()
    said = verdicts(plane, "again")["nll"]
    assert (said.outcome, said.why) == ("inconclusive", "smaller")
    assert "6 * params * tokens 8.64e+17, largest rung 1.54e+19" in said.sentence
    assert plane.ask("again").answer == Answer.HOLD


def test_an_axis_is_chosen_where_both_vary_and_declared_ones_stay(lab: Lab) -> None:
    (lab.root / "catalogue.toml").write_text('[[family]]\nname = "lab"\ncompare_at = "any"\n')
    lab.baseline(ladder())
    with lab.store() as store:
        assert {one.forecast.axis for one in store.judgements.all_sealed()} == {PLANE}
    (lab.root / "catalogue.toml").write_text('[[family]]\nname = "lab"\ncompare_at = "any"\naxis = "tokens"\n')
    lab.cycle()
    with lab.store() as store:
        assert {one.forecast.axis for one in store.judgements.all_sealed()} == {"tokens"}


def test_a_model_without_tokens_has_no_place_in_the_plane(plane: Lab) -> None:
    plane.cycle()
    plane.arrive(rung(3, 4, tokens=""), "s3.csv")
    plane.cycle()
    with plane.store() as store:
        (reason,) = {held.reason for held in store.evidence.unplaced()}
    assert "its tokens are unknown; give tokens or tokens_per_step" in reason
    assert (plane.ask("s3").answer, plane.ask("s3").reason) == (Answer.HOLD, Reason.no_data)


def test_too_few_rungs_of_the_plane_are_counted_as_checkpoints(lab: Lab) -> None:
    (lab.root / "catalogue.toml").write_text(FAMILY)
    lab.baseline([row for j in range(3) for row in rung(0, j)])
    lab.cycle()
    lab.arrive(rung(3, 4), "s3.csv")
    lab.cycle()
    said = verdicts(lab)["nll"]
    assert (said.outcome, said.why) == ("unforeseen", "too_few")
    assert "3 smaller checkpoints were evaluated on it, a forecast needs 4" in said.sentence
