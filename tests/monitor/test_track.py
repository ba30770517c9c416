"""What really came of sealed forecasts: scored once, added up without the ledger, with limits that know the runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from lab import START, Lab, rung
from ladders import AT, EXACT, result, seal, series

from checkpoints_db import Store
from checkpoints_db.records import Sealed, Tally, TrackRecord, Verdict
from checkpoints_db.records.track import together
from monitor.forecasting import law_at
from monitor.science.scores import crps
from monitor.track import in_80, rows
from monitor.verdicts import judge
from policies.terms import Judging

X = (1e18, 1e19, 1e20, 1e21, 1e22)
LADDER = series(EXACT, X, (0.3, 0.37, 0.44, 0.51, 0.58), n=2000)


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    return seal(LADDER)


def verdict(sealed: Sealed, value: float, judging: Judging | None = None, **more: str) -> Verdict:
    return judge(sealed, result(EXACT, 1e23, value, n=2000, **more), judging or Judging())  # type: ignore[arg-type]


def test_a_verdict_carries_what_its_forecast_was_worth(sealed: Sealed) -> None:
    seen = verdict(sealed, 0.64)
    assert seen.pit == pytest.approx(seen.tail_below, abs=1e-12)
    law = law_at(sealed.forecast, 1e23, max(sealed.forecast.target_variance, 0.64 * 0.36 / 2000))
    assert seen.crps == pytest.approx(crps(law, 0.64), rel=0.02)
    assert (seen.persistence, seen.room) == (0.58, sealed.forecast.room)
    assert seen.median is not None
    far = verdict(sealed, 0.95)
    assert far.crps is not None
    assert seen.crps is not None
    assert far.crps > 10 * seen.crps


def test_what_was_not_judged_has_no_score(sealed: Sealed, store: Store) -> None:
    smaller = judge(sealed, result(EXACT, 1e21, 0.6, n=2000), Judging())
    unsealed = judge(None, result(EXACT, 1e23, 0.6, n=2000), Judging())
    with store.transaction():
        for each in (smaller, unsealed):
            assert (each.pit, each.crps, each.persistence) == (None, None, None)
            store.judgements.put_verdict(each, AT)
    assert store.judgements.tallies() == []


def test_a_result_is_counted_once_however_often_it_is_judged(sealed: Sealed, store: Store) -> None:
    loose, strict = verdict(sealed, 0.64), verdict(sealed, 0.64, Judging(resolve=0.01))
    assert loose.digest != strict.digest
    with store.transaction():
        for i, each in enumerate((loose, strict, loose)):
            store.judgements.put_verdict(each, AT + timedelta(minutes=i))
    (tally,) = store.judgements.tallies()
    assert (tally.forecasts, tally.inside_80, tally.inside_95) == (1, 1, 1)
    assert loose.crps is not None
    assert loose.median is not None
    assert tally.crps == pytest.approx(loose.crps / sealed.forecast.room)
    assert tally.skill == pytest.approx(1 - abs(0.64 - loose.median) / abs(0.64 - 0.58))
    assert sum(tally.pit) == 1


def test_what_is_inside_on_neighbouring_numbers(sealed: Sealed, store: Store) -> None:
    law = law_at(sealed.forecast, 1e23)
    for p, inside in ((0.01, (0, 0)), (0.05, (0, 1)), (0.5, (1, 1)), (0.94, (0, 1)), (0.99, (0, 0))):
        each = verdict(sealed, round(float(law.quantile(p)), 6), run=f"at-{p}")
        with store.transaction():
            store.judgements.put_verdict(each, AT)
        (tally,) = (t for t in store.judgements.tallies("run") if t.run == f"at-{p}")
        assert (tally.inside_80, tally.inside_95) == inside
    whole = together(store.judgements.tallies("run"))
    assert (whole.forecasts, whole.inside_80, whole.inside_95) == (5, 1, 3)
    assert store.judgements.tallies(family="another") == []
    assert [t.series for t in store.judgements.tallies("series")] == [LADDER.id]


def test_a_family_is_off_only_where_chance_could_not_have_done_it() -> None:
    def of(run: str, inside: int, n: int = 10) -> Tally:
        pit = (n - inside, inside, *(0,) * 8)
        return Tally(
            family="f", kind="continuous", run=run, forecasts=n, inside_80=inside, inside_95=inside, miss=1, pit=pit
        )

    (one,) = rows([of("a", 10)])
    assert (one.runs, one.inside_80.share, one.inside_80.wrong(0.8)) == (1, 1.0, False)
    (few,) = rows([of("a", 2)])  # ten results of one run, all of which missed for one reason
    assert not few.inside_80.wrong(0.8)
    (many,) = rows([of(str(i), 2) for i in range(12)])
    assert many.inside_80.wrong(0.8)
    assert many.skill is None  # persistence never missed


def test_the_live_record_of_a_lab(ladder: Lab) -> None:
    ladder.arrive(rung(6), "s6.csv")
    assert ladder.cycle()
    with ladder.store() as store:
        tallies = store.judgements.tallies("series", family="lab")
        assert [(t.kind, t.forecasts) for t in tallies] == [("continuous", 1), ("thresholded", 1)]
        for sealed in store.judgements.all_sealed("lab"):
            track = sealed.forecast.track
            assert len(track.pit) == track.forecasts > 0
            assert track.crps is not None
            assert 0 < track.crps < sealed.forecast.room
            inside = sum(0.1 <= p <= 0.9 for p in track.pit) / track.forecasts
            assert track.inside_80 == pytest.approx(inside)
        before = store.ledger.head
    assert ladder.cycle("overdue")  # settled again: nothing is counted twice, and nothing is written
    with ladder.store() as store:
        assert store.judgements.tallies("series", family="lab") == tallies
        assert store.ledger.head == before
    assert ladder.clock.now() > START


def test_both_records_are_told_apart() -> None:
    assert in_80(None, None) == in_80(TrackRecord(forecasts=0), Tally()) == ("–", "–")
    assert in_80(TrackRecord(forecasts=4, inside_80=0.75), Tally(forecasts=3, inside_80=2)) == ("3 of 4", "2 of 3")
