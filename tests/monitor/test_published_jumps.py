"""What the published figures must come to: Brown et al. 2020 (tables D.1, H.1) and Caballero et al. 2023."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ladders import GPT3_JUMPS, GPT3_SMOOTH, GPT3_X, result, seal, series

from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import Unplaced
from checkpoints_db.records import Metric, Reading, Verdict
from monitor.forecasting import forecast, law_at
from monitor.verdicts import judge
from policies.terms import Judging

ACC = Metric(name="acc", kind="thresholded", lower=0, upper=1)
LOSS = Metric(name="loss", kind="continuous", direction="lower", lower=0)
JUDGING = Judging()
ITEMS = 2000
"""Questions of each arithmetic task."""


def at_175b(values: tuple[float, ...], task: str) -> Verdict:
    ladder = series(ACC, GPT3_X[:7], values[:7], task=task, n=ITEMS)
    return judge(seal(ladder), result(ACC, GPT3_X[7], values[7], task=task, n=ITEMS), JUDGING)


def test_three_digit_addition_is_no_confident_low_forecast() -> None:
    """E1: from .0015 ... .084 at 13B, 80.4 % at 175B: the forecast cannot see, and says so before anything arrives."""
    values = GPT3_JUMPS["3D+ few-shot"]
    found = at_175b(values, "3D+")
    assert found.upper is not None
    assert found.blindness is not None
    assert found.upper >= 0.804 or found.blindness > JUDGING.resolve
    assert found.outcome in ("above", "inconclusive")
    ladder = series(ACC, GPT3_X[:7], values[:7], task="3D+", n=ITEMS)
    law = law_at(forecast(ladder), GPT3_X[7])
    for inside in law.quantile(np.array([0.05, 0.5, 0.95])):
        low = judge(seal(ladder), result(ACC, GPT3_X[7], float(inside), task="3D+", n=ITEMS), JUDGING)
        assert (low.outcome, low.why) == ("inconclusive", "blind")


def test_smooth_tasks_raise_no_alarm() -> None:
    """E6: at the policy's tail, and so at any correction for how many there are."""
    assert [name for name, values in GPT3_SMOOTH.items() if at_175b(values, name).outcome in ("above", "below")] == []


def test_jumps_are_flagged_or_not_seen_and_never_expected() -> None:
    """E7: recall 6 of 11 at a tail of 1 %; the others are named as not seen."""
    found = {name: at_175b(values, name) for name, values in GPT3_JUMPS.items()}
    assert [name for name, v in found.items() if v.outcome in ("expected", "below")] == []
    assert sum(v.outcome == "above" for v in found.values()) >= 6
    assert {v.why for v in found.values() if v.outcome == "inconclusive"} <= {"blind", "plateau"}


def broken_law(x: np.ndarray) -> np.ndarray:
    """Four-digit addition as the broken neural scaling law of the paper's repository has it: its break is at 613."""
    a, b, c0, c1, d1, f1 = 0.413885, 2.277272, 0.0550773, 5.662904, 612.58362, 0.059193
    return a + b * x**-c0 * (1 + (x / d1) ** (1 / f1)) ** (-c1 * f1)


@pytest.mark.parametrize(
    ("last", "x", "outcome"), [(390, 405, "expected"), (405, 480, "expected"), (405, 560, "above")]
)
def test_a_break_beyond_the_last_point_is_seen_on_arrival_and_not_before(last: float, x: float, outcome: str) -> None:
    """E8: nobody can forecast it from 390, where the curve has bent by 3 parts in 10,000; at 560 it is called."""
    sizes = np.geomspace(60, last, 14)
    ladder = series(LOSS, tuple(sizes), tuple(broken_law(sizes)), stderr=[0.005] * 14, n=ITEMS)
    arrived = result(LOSS, x, float(broken_law(np.array(x))), stderr=0.005, n=ITEMS)
    assert judge(seal(ladder), arrived, JUDGING).outcome == outcome


def test_two_counts_of_the_same_flop_do_not_change_places_silently(tmp_path: Path) -> None:
    """E10: PaLM 8B has 4.29e22 FLOP in its own table and 3.74e22 in another's, a ratio of 1.15."""
    path = tmp_path / "catalogue.toml"
    text = '[[run]]\nfamily = "palm"\nmatch = "palm-{run}"\nflop = 4.29e22\nflop_counts = "as PaLM, table 22"\n'
    path.write_text(text)
    row = Reading(model="palm-8b", task="t", metric=ACC, value=0.5, flop=3.74e22)
    with pytest.raises(Unplaced, match=r"flop is 3.74e\+22 in the source and 4.29e\+22 in the catalogue"):
        Catalogue.from_toml(path).place(row)
    assert Catalogue.from_toml(path).flop_counts("palm") == "as PaLM, table 22"
