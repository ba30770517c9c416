from __future__ import annotations

import pytest
from ladders import EXACT, GPT3_JUMPS, GPT3_SMOOTH, GPT3_X, series

from checkpoints_db.records import Metric, Point
from monitor.emergence import FLAT, emergence

LOSS = Metric(name="loss", kind="continuous", direction="lower", lower=0)


def test_zero_of_204_is_no_zero() -> None:
    """E5: a score that never left zero, then a jump: no score out of the air, and a bound where nothing was right."""
    flat = emergence(series(EXACT, (1e18, 1e19, 1e20, 1e21), (0.0, 0.0, 0.0, 0.0), n=204))
    assert flat is not None
    assert flat.at_most == pytest.approx(0.0146, abs=1e-4)
    assert flat.undefined == {
        "breakthroughness": FLAT,
        "linearity": "undefined: no gain",
        "last_step": "undefined: no gain",
    }
    assert "none right at r3, so a rate of at most 0.015 (95 %)" in flat.sentence
    jump = emergence(series(EXACT, (1e18, 1e19, 1e20, 1e21), (0.0, 0.0, 0.0, 0.13), n=204))
    assert jump is not None
    assert (jump.breakthroughness, jump.last_step, jump.at_most) == (None, 1.0, None)
    assert "breakthroughness undefined: median step is zero" in jump.sentence


def test_every_figure_stands_with_metric_family_and_sizes() -> None:
    """E14."""
    told = emergence(series(EXACT, GPT3_X, GPT3_SMOOTH["TriviaQA few-shot"], task="TriviaQA"))
    assert told is not None
    assert told.sentence.startswith("TriviaQA · exact_match (thresholded) of f at 8 sizes, r0 to r7: gain 0.642, ")
    assert told.sentence.endswith("not judged by")


def test_published_jumps_have_no_breakthroughness_and_smooth_tasks_have_one() -> None:
    """The score is undefined where more than half of the steps are exactly 0, and larger on smooth tasks."""
    jump = emergence(series(EXACT, GPT3_X, GPT3_JUMPS["5D- zero-shot"]))
    smooth = emergence(series(EXACT, GPT3_X, GPT3_SMOOTH["PIQA few-shot"]))
    assert jump is not None
    assert smooth is not None
    assert jump.breakthroughness is None
    assert smooth.breakthroughness == pytest.approx(0.18 / 0.024, abs=1e-9)
    assert (jump.last_step, smooth.last_step) == (1.0, pytest.approx(0.024 / 0.18))


def test_a_falling_loss_gains() -> None:
    told = emergence(series(LOSS, (1.0, 2.0, 4.0), (3.0, 2.5, 2.0)))
    assert told is not None
    assert (told.gain, told.linearity) == (1.0, 2.0)


def test_of_a_run_the_largest_checkpoint_counts_and_runs_of_one_scale_are_one_size() -> None:
    made = series(EXACT, (1.0, 2.0, 4.0, 4.0, 8.0), (0.1, 0.2, 0.3, 0.5, 0.6))
    early = Point(run="r4", checkpoint="f/r4@1", x=3.0, value=0.9, result="e")
    told = emergence(
        made.model_copy(update={"points": tuple(sorted((*made.points, early), key=lambda p: (p.x, p.run)))})
    )
    assert told is not None
    assert told.sizes == ("r0", "r1", "r2 and r3", "r4")
    assert told.gain == pytest.approx(0.5)
    assert told.last_step == pytest.approx(0.4)
    short = emergence(made, up_to=2.0)
    assert short is not None
    assert short.sizes == ("r0", "r1")
    assert emergence(made, up_to=1.0) is None
