"""The link by items: what is certain is certain, the band holds what greedy decoding did, batches change nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from checkpoints_db.items import Items
from checkpoints_db.readers import read
from monitor.science.link_items import Tally, predicted, tally

TINY = Path(__file__).parents[3] / "examples" / "tiny-ladder"


def rungs_of(family: str, task: str) -> list[tuple[Tally, float]]:
    found = []
    for path in sorted((TINY / family).glob(f"*/samples_{task}_2026*.jsonl")):
        items = Items.unpacked(read(path).items[0].data)
        found.append((tally(items.ll[None], items.length[None], items.right[None]), float(items.right.mean())))
    return found


@pytest.mark.parametrize(
    ("family", "task"), [("tiny-facts", "facts_ll"), ("tiny-skills", "add2_ll"), ("tiny-skills", "shift_ll")]
)
def test_greedy_decoding_lies_inside_at_every_rung_that_two_go_before(family: str, task: str) -> None:
    rungs = rungs_of(family, task)
    assert len(rungs) >= 6
    for i in range(2, len(rungs)):
        found = predicted([each for each, _ in rungs[:i]], rungs[i][0])
        assert found.lower[0] <= rungs[i][1] <= found.upper[0], (i, rungs[i][1], found)
    # and it says something: the jump is foreseen by rungs that had hardly anything right
    jump = next(i for i, (_, share) in enumerate(rungs) if share > 0.5)
    assert predicted([each for each, _ in rungs[:jump]], rungs[jump][0]).lower[0] > max(s for _, s in rungs[:jump])


def test_answers_above_one_half_are_right_whatever_the_rungs_say() -> None:
    floor = tally(np.full((1, 200), -12.0), np.full((1, 200), 6), np.zeros((1, 200)))
    own = tally(np.full((1, 50), -0.3), np.full((1, 50), 6), np.zeros((1, 50)))
    found = predicted([floor], own)
    assert (found.share[0], found.upper[0]) == (1.0, 1.0)
    assert found.lower[0] >= 1 - 0.5 / 50 - 1e-12


def test_likelier_items_are_never_right_less_often() -> None:
    rng = np.random.default_rng(0)
    lls = -rng.uniform(0.7, 6, (1, 500))
    backwards = tally(lls, np.full_like(lls, 4), lls < -4)  # right where unlikely: no link learns that
    low = predicted([backwards], tally(np.full((1, 50), -5.0), np.full((1, 50), 4), np.zeros((1, 50))))
    high = predicted([backwards], tally(np.full((1, 50), -1.0), np.full((1, 50), 4), np.zeros((1, 50))))
    assert low.share[0] <= high.share[0] + 1e-12


def test_many_series_at_once_are_what_each_is_alone() -> None:
    rng = np.random.default_rng(1)
    lls = -rng.exponential(2, (3, 5, 80))
    right = rng.random((3, 5, 80)) < np.exp(lls)
    lengths = rng.integers(1, 9, (5, 80))
    together = predicted(
        [tally(lls[r], lengths, right[r]) for r in range(2)], tally(lls[2], lengths, right[2]), right[:2].mean(2)
    )
    for s in range(5):
        one = [tally(lls[r, s], lengths[s], right[r, s]) for r in range(3)]
        alone = predicted(one[:2], one[2], right[:2, s : s + 1].mean(2))
        np.testing.assert_allclose([x[s] for x in together], [x[0] for x in alone], rtol=1e-9)


def test_scores_that_do_not_follow_the_items_widen_the_band() -> None:
    rng = np.random.default_rng(2)
    lls = -rng.exponential(2, (4, 1, 300))
    tallies = [tally(each, np.full((1, 300), 4), rng.random((1, 300)) < np.exp(each)) for each in lls]
    own = tallies.pop()
    plain = predicted(tallies, own)
    odd = predicted(tallies, own, np.array([[0.95], [0.05], [0.9]]))
    assert odd.upper[0] - odd.lower[0] > 1.2 * (plain.upper[0] - plain.lower[0])


def test_without_rungs_there_is_no_link() -> None:
    with pytest.raises(ValueError, match="smaller rung"):
        predicted([], tally([[-1.0]], [[1]], [[1]]))


def test_the_band_holds_what_it_says_on_ladders_made_by_another_law() -> None:
    rng = np.random.default_rng(3)
    series, rungs, n = 400, 5, 200
    slope = rng.uniform(1.0, 5.0, (series, 1))
    tallies, shares = [], []
    for r in range(rungs):
        lls = -np.logaddexp(0, rng.normal(5 - 1.3 * r, 2.0, (series, n)))
        own = rng.normal(0.4, 0.6, (series, 1))  # each rung links a little differently
        p = 1 / (1 + np.exp(-(own + slope * (lls + np.log(2)) / 2)))
        right = (lls > np.log(0.5)) | (rng.random((series, n)) < p)
        tallies.append(tally(lls, np.full((series, n), 4), right))
        shares.append(right.mean(1))
    found = predicted(tallies[:-1], tallies[-1])
    outside = np.mean((shares[-1] < found.lower) | (shares[-1] > found.upper))
    assert outside < 0.02
