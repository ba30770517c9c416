"""What broke its forecast trains nothing until its run is let go on: a break seen twice is no trend."""

from __future__ import annotations

from lab import WOBBLE, Lab, Row, rung

from checkpoints_db.rebuild import rebuild
from checkpoints_db.records import Answer

AGAIN = ("n1", "n2", "n3", "n4", "n5")


def like(run: str, i: int, **more: float) -> list[Row]:
    """A run that is a little larger than the one before it, `i` of them beyond the ladder."""
    flop = 1e18 * 4.0 ** (6 + 1e-4 * i)
    trend = 1.2 + 1.5 * (flop / 1e18) ** -0.12 + WOBBLE[i % len(WOBBLE)]
    return rung(6, **{"loss": trend, **more}, run=run, flop=flop)


def answers(lab: Lab, runs: tuple[str, ...] = AGAIN) -> list[Answer]:
    return [lab.ask(f"lab/{run}").answer for run in runs]


def rungs(lab: Lab) -> list[set[str]]:
    """What the newest forecast of each series learnt from."""
    with lab.store() as store:
        newest = store.judgements.newest("lab").values()
        return [set(store.judgements.sealed_at(seq).forecast.rungs) for seq in newest]


def repeated(lab: Lab, **more: float) -> None:
    for i, run in enumerate(AGAIN):
        lab.arrive(like(run, i, **more), f"{run}.csv")
        lab.cycle()


def test_a_break_that_repeats_pauses_every_time(ladder: Lab) -> None:
    repeated(ladder, loss=1.0)
    assert answers(ladder) == [Answer.PAUSE] * len(AGAIN)


def test_a_fall_that_repeats_holds_every_time(ladder: Lab) -> None:
    repeated(ladder, loss=2.9)
    assert answers(ladder) == [Answer.HOLD] * len(AGAIN)
    assert any(not known & set(AGAIN) for known in rungs(ladder)), "the fallen loss is no rung while it holds"


def test_what_a_person_released_is_learnt_and_what_nobody_released_is_not(ladder: Lab) -> None:
    for i, run in enumerate(("n1", "n2")):
        ladder.arrive(like(run, i, loss=1.0), f"{run}.csv")
        ladder.cycle()
    with ladder.store() as store:
        before = store.judgements.outliers("lab")
        desk = ladder.desk(store)
        for who in ("ada", "grace"):
            decision = store.actions.gate("lab", "n1")
            assert decision is not None
            desk.release("lab", "n1", by=who, reason="looked at it", evidence=decision.evidence)
    ladder.cycle()
    assert answers(ladder, ("n1", "n2")) == [Answer.GO, Answer.PAUSE]
    with ladder.store() as store:
        after = store.judgements.outliers("lab")
        results = {seen.result.identity: seen.result for seen in store.evidence.results(family="lab")}
    assert {results[name].checkpoint.run for name in before} == {"n1", "n2"}
    assert {results[name].checkpoint.run for name in after} == {"n2"}
    assert all("n1" in known for known in rungs(ladder))
    assert not all("n2" in known for known in rungs(ladder))


def test_breaks_that_nobody_accepted_excuse_no_fall_before_them(ladder: Lab) -> None:
    """Two larger runs back above the trend would make a dip of it; these two are paused themselves."""
    for run, rows in {
        "fallen": rung(6, loss=2.6, acc=0.2, run="fallen"),
        "n1": rung(7, loss=1.0, acc=0.95, run="n1"),
        "n2": rung(7, loss=0.9, acc=0.97, run="n2", flop=6e22),
    }.items():
        ladder.arrive(rows, f"{run}.csv")
        ladder.cycle()
    assert answers(ladder, ("fallen", "n1", "n2")) == [Answer.HOLD, Answer.PAUSE, Answer.PAUSE]


def test_broken_glass_lets_a_run_go_on_and_accepts_nothing(ladder: Lab) -> None:
    ladder.arrive(like("n1", 0, loss=1.0), "n1.csv")
    ladder.cycle()
    with ladder.store() as store:
        before, hour = store.judgements.outliers("lab"), ladder.later(hours=1)
        ladder.desk(store).break_glass("lab", "n1", by="ann", reason="a night alone", until=hour, max_flop=5e21)
    ladder.cycle()
    assert answers(ladder, ("n1",)) == [Answer.WARN]
    with ladder.store() as store:
        assert store.judgements.outliers("lab") == before != frozenset()
        assert rebuild(store, ladder.root / "rebuilt.db") == []
    ladder.arrive(like("n2", 1, loss=1.0), "n2.csv")
    ladder.cycle()
    assert answers(ladder, ("n2",)) == [Answer.PAUSE]


def test_what_goes_on_is_learnt_however_far_off_it_lies(ladder: Lab) -> None:
    ladder.arrive(like("n1", 0), "n1.csv")
    ladder.cycle()
    assert answers(ladder, ("n1",)) == [Answer.GO]
    assert all("n1" in known for known in rungs(ladder))


def test_the_ledger_says_which_are_out(ladder: Lab) -> None:
    repeated(ladder, loss=1.0)
    with ladder.store() as store:
        assert store.judgements.outliers("lab")
        assert rebuild(store, ladder.root / "rebuilt.db") == []


def test_what_nobody_accepted_says_nothing_about_the_next_run(ladder: Lab) -> None:
    """With an unreleased break before it, or without one: the same findings, sentences, numbers."""
    alone = ladder.copy(ladder.root.parent / "alone")
    for lab, runs in ((ladder, ("n1", "n2")), (alone, ("n2",))):
        for i, run in enumerate(("n1", "n2")):
            if run in runs:
                lab.arrive(like(run, i, loss=1.0, acc=0.93), f"{run}.csv")
            lab.cycle()
    said = []
    for lab in (ladder, alone):
        with lab.store() as store:
            decision = store.judgements.decisions("lab", "n2")[0]
            said.append([(f.rule, f.sentence, f.numbers) for f in decision.findings])
    assert said[0] == said[1]
    assert answers(ladder, ("n2",)) == [Answer.PAUSE]
