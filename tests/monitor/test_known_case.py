"""A gate asked from the case it was settled on answers as one computed anew, and only while nothing has changed."""

from __future__ import annotations

import cProfile
import pstats
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import get_args

import pytest
from lab import Lab, rung
from lives import changed

from checkpoints_db import Store
from checkpoints_db.actions import Review
from checkpoints_db.case_table import STATED
from checkpoints_db.errors import LedgerBroken
from checkpoints_db.records import Answer, Case, Reason, Record, digest_of
from monitor import cases, gate
from monitor.assessing import Clerk


@pytest.fixture
def going(ladder: Lab) -> Lab:
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    return ladder


def both(lab: Lab, run: str = "s6") -> tuple[Case, Case]:
    """The case that is known, and the one computed anew."""
    rules = lab.rules()
    with lab.store() as store:
        place = (rules.catalogue, rules.policy, "lab", run)
        return cases.known_case(store, *place), cases.case_of(store, *place)


def kept(lab: Lab) -> bool:
    """Whether the case of s6 would be read, not computed."""
    rules = lab.rules()
    with lab.store() as store:
        key = cases.case_key(store, rules.catalogue, rules.policy, "lab")
        return store.cases.get("lab", "s6", rules.policy.digest, key) is not None


def test_it_is_the_case_that_is_computed_anew_to_the_byte(going: Lab) -> None:
    known, anew = both(going)
    assert kept(going)
    assert (known.as_text(), known.evidence, known.digest) == (anew.as_text(), anew.evidence, anew.digest)


def test_a_paused_run_has_its_latch_and_the_evidence_is_the_same(ladder: Lab) -> None:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    known, anew = both(ladder)
    assert kept(ladder)
    assert known.latch is not None
    assert (known.as_text(), known.evidence) == (anew.as_text(), anew.evidence)


def a_result(lab: Lab) -> None:
    lab.arrive(rung(6, loss=1.0, run="s7", flop=5e22), "s7.csv")
    lab.cycle("scan")


def a_policy(lab: Lab) -> None:
    """One that only tightens: it decides at once."""
    lab.policy.write_text(lab.policy.read_text().replace("quorum = 2 ", "quorum = 3 "))


def a_catalogue(lab: Lab) -> None:
    path = lab.root / "catalogue.toml"
    path.write_text(path.read_text() + '[[together]]\ntasks = ["{task}", "{task}_ll"]\n')


def a_rung_of_history(lab: Lab) -> None:
    lab.baseline(rung(7), "more.csv")


def clerk(lab: Lab, store: Store) -> Clerk:
    rules = lab.rules()
    return Clerk(store, rules.catalogue, rules.policy, lab.clock.now())


def a_stage(lab: Lab) -> None:
    """Stated of another run: nothing settles this one."""
    lab.arrive(rung(5, run="s5b"), "s5b.csv")
    lab.cycle()
    assert kept(lab)
    with lab.store() as store:
        clerk(lab, store).enter("lab", "s5b", "rl", by="ann")


def a_safeguard(lab: Lab) -> None:
    with lab.store() as store:
        clerk(lab, store).attest("weights", by="ann")


def a_safeguard_withdrawn(lab: Lab) -> None:
    a_safeguard(lab)
    lab.cycle("overdue")
    assert kept(lab)
    with lab.store() as store:
        (paper,) = store.actions.attestations()
        clerk(lab, store).withdraw(paper.id, by="bob", note="a mistake")


@pytest.mark.parametrize(
    "change", [a_result, a_policy, a_catalogue, a_rung_of_history, a_stage, a_safeguard, a_safeguard_withdrawn]
)
def test_whatever_it_is_made_of_makes_it_unknown_until_it_is_settled(going: Lab, change: Callable[[Lab], None]) -> None:
    change(going)
    assert not kept(going)
    known, anew = both(going)
    assert known.as_text() == anew.as_text()
    going.cycle("overdue")
    assert kept(going)


def kinds(review: type[Record]) -> Iterator[str]:
    """The kinds of reviews that a class stands for, of those that a store keeps."""
    below = [each for each in review.__subclasses__() if each.__module__.startswith("checkpoints_db.records")]
    yield from (kind for each in below for kind in kinds(each))
    if not below:
        yield review.__name__.lower()


def test_of_every_review_somebody_knows_whether_a_case_is_made_of_it() -> None:
    elsewhere = {"acknowledgement", "transition", "comment", "assignment", "attachment"}  # of alerts
    elsewhere |= {"waiver", "approval", "changeapproval"}  # asked when a case is decided, and when a policy changes
    assert {kind for each in get_args(Review) for kind in kinds(each)} == elsewhere | set(STATED)


def test_what_people_do_with_alerts_of_others_leaves_a_case_as_it_is(going: Lab) -> None:
    going.arrive(rung(6, loss=1.0, run="s7", flop=5e22), "s7.csv")
    going.cycle()
    assert kept(going)
    with going.store() as store:
        alert = store.actions.alerts(still_open=True)[0]
        desk = going.desk(store)
        desk.acknowledge(alert.id, by="ann", comment="seen", until=going.later(hours=1))
        desk.comment(alert.id, by="ann", text="looks real")
    assert kept(going)
    known, anew = both(going)
    assert known.as_text() == anew.as_text()


def test_time_is_asked_anew_each_time(going: Lab) -> None:
    """The case is kept, the decision is not."""
    text = going.policy.read_text()
    going.policy.write_text(text.replace('require = "ladder"', 'require = "ladder"\nmax_age = "2h"'))
    going.cycle()
    assert (kept(going), going.ask("s6").answer) == (True, Answer.GO)
    going.clock.sleep(2.1 * 3600)
    assert (kept(going), going.ask("s6").reason) == (True, Reason.stale)


@pytest.mark.parametrize(
    "sql",
    [
        """UPDATE cases SET body = replace(body, '"outcome":"above"', '"outcome":"expected"') || ' '""",
        "UPDATE cases SET seq = 1",
        "UPDATE cases SET seq = 99999",
        "UPDATE ledger SET body = replace(body, 'sha256', 'sha255') WHERE kind = 'case'",
        "UPDATE ledger SET body = replace(body, '\"last_value\":', '\"last_value\":1') WHERE kind = 'seal'",
        "DELETE FROM forecasts",
    ],
)
def test_one_that_was_touched_holds(going: Lab, sql: str) -> None:
    assert going.ask("s6").answer == Answer.GO
    changed(going.root / "holdpoint.db", (sql, ()))
    state = going.ask("s6")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.fault), state.sentence
    rules = going.rules()
    with going.store() as store, pytest.raises(LedgerBroken):
        cases.known_case(store, rules.catalogue, rules.policy, "lab", "s6")


def computed(lab: Lab) -> Counter[str]:
    """Which of the functions that judge ran while every gate was settled again, and how often."""
    profile = cProfile.Profile()
    assert profile.runcall(lab.cycle, "overdue")
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    called = {name: calls for (_, _, name), (calls, *_) in stats.items()}
    return Counter({name: called[name] for name in ("settle_all", "case_of", "judge_under") if name in called})


def test_what_is_settled_again_is_decided_anew_and_judged_only_where_something_changed(going: Lab) -> None:
    assert computed(going) == {"settle_all": 1}
    with going.store() as store:
        head = store.ledger.head
    assert computed(going) == {"settle_all": 1}
    with going.store() as store:
        assert store.ledger.head == head
    a_catalogue(going)
    assert computed(going)["case_of"] >= 1
    assert kept(going)
    assert computed(going) == {"settle_all": 1}


def test_settling_again_computes_a_case_that_was_touched(going: Lab) -> None:
    changed(
        going.root / "holdpoint.db",
        ("UPDATE cases SET body = replace(body, '\"judged\":true', '\"judged\":false')", ()),
    )
    assert going.ask("s6").answer == Answer.HOLD
    assert going.cycle("overdue")
    known, anew = both(going)
    assert known.as_text() == anew.as_text()
    assert going.ask("s6").answer == Answer.GO


def test_a_case_that_is_gone_is_computed(going: Lab) -> None:
    with closing(sqlite3.connect(going.root / "holdpoint.db")) as connection:
        connection.execute("DELETE FROM cases")
        connection.commit()
    assert not kept(going)
    assert going.ask("s6").answer == Answer.GO


def test_the_evidence_of_a_copy_is_its_own(going: Lab) -> None:
    case, _ = both(going)
    other = case.model_copy(update={"conflicts": ("two",)})
    assert other.evidence != case.evidence
    assert other.model_copy(update={"latch": None}).evidence == other.evidence
    rules = going.rules()
    stricter = rules.policy.model_copy(update={"name": "other"})
    assert stricter.digest == digest_of(stricter.body())
    assert stricter.digest != rules.policy.digest


@pytest.mark.parametrize("name", ["s6", "lab/s6", "s99", "", "lab/", "/s6", "other/s6", "lab/s6/x"])
def test_runs_are_found_by_either_name(going: Lab, name: str) -> None:
    with going.store() as store:
        known = store.evidence.runs()
        found = gate.find_run(store, name)
    matching = [place for place in known if name in ("/".join(place), place[1])]
    assert found == (matching[0] if len(matching) == 1 else None)
