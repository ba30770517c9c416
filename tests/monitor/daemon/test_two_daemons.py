"""Two daemons on one store: leadership taken away at any moment leaves one history, and each result judged once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest
from lab import Lab, rung

from checkpoints_db import Store
from checkpoints_db.errors import LeadershipLost
from checkpoints_db.records import Answer
from monitor.clock import Clock
from monitor.daemon.jobs import Jobs
from monitor.settings import Settings


class Robbed(Jobs):
    """Jobs that are interrupted before some of their transactions: by whatever `theft` does."""

    def __init__(self, settings: Settings, clock: Clock, holder: str, theft: Callable[[int], None]) -> None:
        super().__init__(settings, clock, holder)
        self.transactions, self.theft = 0, theft

    def _open(self) -> Store:
        store = super()._open()
        begin = store._tables.transaction

        @contextmanager
        def interrupted() -> Iterator[None]:
            self.theft(self.transactions)
            self.transactions += 1
            with begin():
                yield

        store._tables.transaction = interrupted  # type: ignore[method-assign]
        return store


def history(lab: Lab) -> dict[str, Any]:
    """What must come out once, whoever wrote it."""
    with lab.store() as store:
        store.ledger.verify()
        kinds = [entry.kind for entry in store.ledger.entries()]
        told = [(e.subject, e.text) for e in store.ledger.entries() if e.kind in ("result", "verdict", "decision")]
        assert len(told) == len(set(told)), "something was written twice"
        return {
            "results": kinds.count("result"),
            "verdicts": kinds.count("verdict"),
            "decisions": [(d.run, d.answer) for d in store.judgements.decisions()],
            "alerts": [(a.rule, a.state, a.episode) for a in store.actions.alerts()],
            "messages": len(store.outbox.all()),
            "gates": [(g.run, g.answer) for g in store.actions.gates()],
        }


def run(jobs: Jobs) -> bool:
    """One cycle; whether it came to its end as the leader."""
    with contextlib.suppress(LeadershipLost):
        for name, _, body in jobs.timetable():
            jobs.run(name, body)
        return True
    return False


def taken_over(lab: Lab, at: int, after: list[tuple[int, str]], n: int) -> None:
    """Before transaction `at` a second daemon does the whole cycle; `after`: where the ledger ends then."""
    if n == at:
        lab.clock.sleep(61)  # the time of the first one ran out while it was busy
        assert run(Jobs(lab.settings, lab.clock, "second:2"))
        with lab.store() as store:
            after.append(store.ledger.head)


def test_whoever_is_replaced_in_the_middle_of_a_cycle_writes_nothing_more(ladder: Lab, make_lab: Any) -> None:
    """Before each transaction of the first daemon, once, a second one takes over and does the whole cycle."""
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    whole = ladder.copy(ladder.root.with_name("whole"))
    whole.cycle()
    expected, nth = history(whole), 0
    while True:
        lab = ladder.copy(ladder.root.with_name(f"robbed-{nth}"))

        after: list[tuple[int, str]] = []
        finished = run(Robbed(lab.settings, lab.clock, "first:1", partial(taken_over, lab, nth, after)))
        if finished and not after:
            break
        with lab.store() as store:
            assert store.ledger.head == after[0], f"the first daemon wrote after it was replaced ({nth})"
        assert not finished
        assert history(lab) == expected
        nth += 1
    assert nth > 5


@pytest.mark.parametrize("seed", range(3))
def test_leadership_taken_away_at_random_leaves_every_result_judged_once(lab: Lab, seed: int) -> None:
    """Hours of two daemons in virtual time, while runs arrive; leadership changes hands inside transactions' gaps."""
    rng = np.random.default_rng(seed)
    lab.baseline([row for i in range(6) for row in rung(i)])
    daemons: dict[str, Jobs] = {}
    depth = [0]

    def theft(_: int) -> None:
        if depth[0] or rng.random() > 0.15:
            return
        depth[0] = 1
        try:
            with lab.store() as store:
                leader = store.leader()
                if leader is not None and rng.random() < 0.5:
                    store.resign(leader[0])  # somebody decided that it is dead
                else:
                    lab.clock.sleep(61)
            run(daemons[str(rng.choice(["a:1", "b:2"]))])
        finally:
            depth[0] = 0

    daemons |= {name: Robbed(lab.settings, lab.clock, name, theft) for name in ("a:1", "b:2")}
    lost = 0
    for i in range(8):
        lab.arrive(
            rung(6, loss=1.0 if i % 3 == 0 else None, run=f"n{i}", flop=1e18 * 4.0 ** (6 + 0.01 * i)), f"n{i}.csv"
        )
        lost += not run(daemons[str(rng.choice(["a:1", "b:2"]))])
        lab.clock.sleep(61)
    for name in ("a:1", "b:2"):
        depth[0] = 1  # nobody is robbed any more
        run(daemons[name])
        lab.clock.sleep(61)
    found = history(lab)
    assert lost > 0, "nobody lost leadership: the test tests nothing"
    assert found["results"] == 12 + 16
    assert [run for run, _ in found["gates"]] == [f"n{i}" for i in range(8)]
    with lab.store() as store:
        judged = [v.result for _, v in store.judgements.verdicts()]
        assert len(judged) == len(set(judged)) == 16
        assert all(owed.sent_at for owed in store.outbox.all())
    assert lab.ask("n0").answer == Answer.PAUSE


def test_terms_are_counted_and_a_renewal_is_none(store: Store, lab: Lab) -> None:
    at, minute = lab.clock.now(), timedelta(minutes=1)
    store.lead("a:1", at, at + minute)
    store.lead("a:1", at, at + 2 * minute)
    assert store.fact("term") == ("1", at)
    store.lead("b:2", at + 2 * minute, at + 3 * minute)
    assert store.fact("term") == ("2", at + 2 * minute)


def test_a_term_that_was_given_back_and_taken_anew_is_another_one(store: Store, lab: Lab) -> None:
    """The same name, and yet somebody else may have acted in between."""
    at, minute = lab.clock.now(), timedelta(minutes=1)
    with Store.open(store.path) as mine:
        mine.lead("a:1", at, at + minute)
        with mine.transaction():
            mine.note("fine", "yes", at)
        store.resign("a:1")
        store.lead("b:2", at, at + minute)
        store.resign("b:2")
        store.lead("a:1", at, at + minute)
        with pytest.raises(LeadershipLost, match="was replaced"), mine.transaction():
            pytest.fail("a lost term acts")
    with store.transaction():
        store.note("fine", "too", at)
