"""Replay: history comes out again as it was, and another policy's walk over it is the daemon's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from histories import Event, changing, events, happen
from hypothesis import HealthCheck, given, settings
from lab import Lab, rung

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import StoreError, StoreUnreadable
from checkpoints_db.past import Past, recorded
from checkpoints_db.records import Answer, Decision, canonical
from monitor import cases
from monitor.replay import Asked, StoreSource, Timetable, Walk, differ, likeness, over, replay
from monitor.replay.expecting import chance_of
from monitor.replay.source import Catalogues, Told
from policies.loader import from_body, shelf
from policies.schema import Policy


def source_of(lab: Lab) -> StoreSource:
    return StoreSource(lab.root / "holdpoint.db", lab.catalogue)


def decided(lab: Lab) -> list[Decision]:
    with lab.store() as store:
        return store.judgements.decisions()


def changed(policy: Policy, **update: object) -> Policy:
    return from_body({**policy.body(), **update})


@given(history=events)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_history_comes_out_again_byte_for_byte(
    built: Lab, tmp_path_factory: pytest.TempPathFactory, history: list[Event]
) -> None:
    lab = built.copy(tmp_path_factory.mktemp("history") / "lab")
    happen(lab, history)
    source, policy = source_of(lab), lab.rules().policy
    with source.told("lab") as told, source.opened() as store:
        walk = Walk(told, policy, Timetable(None))
        again = [(step.seq, canonical(step.decision.body())) for step in walk.run()]
        assert again == [(m.seq, store.ledger.entry(m.seq).text) for m in told.moments]
        # The past at its end is the store as it is.
        walk.past.move(store.ledger.head[0])
        for family, run in store.evidence.runs():
            there = cases.case_of(store, lab.catalogue, policy, family, run)
            assert cases.case_of(walk.past, lab.catalogue, policy, family, run) == there
    every = likeness(source, "lab")
    assert (every.same, every.unlike) == (len(told.moments), ())


@given(history=changing)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_history_under_changing_policies_comes_out_again(
    built: Lab, tmp_path_factory: pytest.TempPathFactory, history: list[Event]
) -> None:
    lab = built.copy(tmp_path_factory.mktemp("changing") / "lab")
    happen(lab, history)
    found = likeness(source_of(lab), "lab")
    assert (found.same, found.unlike, found.passed_over) == (found.decisions, (), {})


def test_what_does_not_come_out_again_is_told_once_and_by_name(built: Lab, tmp_path: Path) -> None:
    """A store whose catalogue was not written down, and is another one now: the question has another name."""
    lab = built.copy(tmp_path / "lab")
    lab.arrive(rung(6, loss=1.0), "s6.csv")
    lab.cycle()
    told = source_of(lab)
    grouped = lab.root / "other.toml"
    grouped.write_text((lab.root / "catalogue.toml").read_text() + '[[together]]\ntasks = ["other", "sums"]\n')
    assert likeness(told, "lab").unlike == ()

    class Forgetful(StoreSource):
        """A source of before catalogues were written down."""

        @contextmanager
        def told(self, family: str) -> Iterator[Told]:
            with super().told(family) as known:
                yield known._replace(catalogues=Catalogues((), Catalogue.from_toml(grouped)))

    found = likeness(Forgetful(told.path, told.catalogue), "lab")
    (unlike,) = found.unlike
    assert (found.decisions, found.same) == (1, 0)
    assert unlike.run == "s6"
    assert "it rests on other evidence" in unlike.why
    assert "catalogue" in unlike.why


@pytest.fixture(scope="module")
def lived(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab in which s6 broke, was released after a day, and s7 came in on trend forty days later."""
    lab = built.copy(tmp_path_factory.mktemp("lived") / "lab")
    lab.arrive(rung(6, loss=1.0), "s6.csv")
    lab.cycle()
    lab.clock.sleep(86400)
    for name in ("ann", "bea"):
        with lab.store() as store:
            evidence = store.judgements.decisions()[-1].evidence
            lab.desk(store).release("lab", "s6", by=name, reason="looked at it", evidence=evidence)
        lab.clock.sleep(60)
    lab.clock.sleep(40 * 86400)
    lab.arrive(rung(7), "s7.csv")
    lab.cycle()
    return lab


def test_a_pause_is_told_with_rule_numbers_and_how_long(lived: Lab) -> None:
    found = replay(source_of(lived), lived.rules().policy)
    (pause,) = [s for s in found.stretches if s.answer is Answer.PAUSE]
    assert (pause.run, pause.causes[0].rule, pause.causes[0].checkpoint) == ("s6", "break", "lab/s6")
    assert pause.hours == pytest.approx(24, abs=0.2)
    assert "release by ann, bea" in pause.ended
    assert pause.causes[0].numbers["tail"] < 0.01
    assert found.likeness is not None
    assert found.likeness.same == found.likeness.decisions > 0


def test_a_release_is_of_one_policy_only(lived: Lab) -> None:
    """Under another policy nobody has released anything: the pause lasts until history ends."""
    other = changed(lived.rules().policy, name="other")
    found = replay(source_of(lived), other)
    (pause,) = [s for s in found.stretches if s.answer is Answer.PAUSE]
    assert pause.until is None
    assert "2 people released it" in pause.ended
    assert found.likeness is None


def test_nothing_is_written(lived: Lab) -> None:
    path = lived.root / "holdpoint.db"
    before = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in lived.root.rglob("*") if p.is_file()}
    replay(source_of(lived), shelf("strict"))
    differ(source_of(lived), shelf("default"), shelf("strict"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before[path.name]
    after = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in lived.root.rglob("*") if p.is_file()}
    new = {name for name in after if before.get(name) != after[name]}
    assert new <= {"holdpoint.db-shm", "holdpoint.db-wal"}  # SQLite's own, of a reader; the file itself is untouched


def test_a_store_opened_for_reading_refuses_to_be_written(lived: Lab) -> None:
    with (
        Store.open(lived.root / "holdpoint.db", read_only=True) as store,
        pytest.raises(StoreError),
        store.transaction(),
    ):
        store.note("cycle", "x", lived.clock.now())


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        Store.open(tmp_path / "none.db", read_only=True)
    assert not (tmp_path / "none.db").exists()


def test_an_old_store_is_not_brought_up_to_date_by_a_reader(tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415 - an older file is made by taking a step back

    path = tmp_path / "old.db"
    Store.open(path, create=True).close()
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'm007_items'")
    with pytest.raises(StoreUnreadable, match="older than this holdpoint"):
        Store.open(path, read_only=True)


# -- time ------------------------------------------------------------------------------------------------------------


def aged(policy: Policy, days: str, level: str = "soft") -> Policy:
    rules = [*policy.body()["rules"], {"id": "fresh", "kind": "evidence", "level": level, "max_age": days}]
    return changed(policy, rules=rules, name="aged")


@pytest.mark.parametrize(("days", "held"), [("39d", True), ("41d", False)])
def test_time_alone_is_looked_at_every_day(lived: Lab, days: str, held: bool) -> None:
    """s6 is judged on day 0 and history goes on for 41 days: at 39 days it is old, at 41 days just not."""
    found = replay(source_of(lived), aged(shelf("shadow"), days), until=lived.clock.now() - timedelta(hours=3))
    stale = [s for s in found.stretches if any(c.rule == "fresh" for c in s.causes)]
    assert bool(stale) is held
    if held:
        (stretch,) = stale
        assert timedelta(days=39) <= stretch.since - found.begins <= timedelta(days=40)  # type: ignore[operator]


def test_without_a_timetable_only_the_moments_of_history_are_looked_at(lived: Lab) -> None:
    found = replay(source_of(lived), aged(shelf("shadow"), "5d"), every=None)
    assert not [s for s in found.stretches if any(c.rule == "fresh" for c in s.causes)]
    assert any("time alone was not looked at" in note for note in found.notes)


def test_halving_finds_what_looking_every_day_would(lived: Lab) -> None:
    policy = aged(shelf("shadow"), "9d")
    with source_of(lived).told("lab") as told:
        walk = Walk(told, policy, Timetable(timedelta(days=1), lived.clock.now()))
        steps = [step for step in walk.run() if step.cause == "time" and step.run == "s6"]
        first = min(m.at for m in told.moments)
    every = Timetable(timedelta(days=1)).ticks(first, lived.clock.now())
    old = next(at for at in every if at - first > timedelta(days=9))
    assert steps[0].at == old


# -- several processes -------------------------------------------------------------------------------------------------


def test_processes_give_what_one_gives(lived: Lab) -> None:
    """A single family is judged in parts, side by side; the steps are the same to the last byte."""
    asked = Asked([shelf("default"), shelf("strict")], Timetable(timedelta(days=1), lived.clock.now()))
    alone = over(source_of(lived), asked, workers=1)
    told: list[tuple[str, int, int]] = []
    beside = over(source_of(lived), asked, workers=2, small=0, tell=lambda *each: told.append(each))
    assert [[p.body() for p in own] for own in beside] == [[p.body() for p in own] for own in alone]
    assert told[0][0] == "judging lab"


def test_what_a_past_cannot_answer_it_refuses(lived: Lab) -> None:
    with lived.store() as store:
        past = Past(recorded(store, "lab"))
    with pytest.raises(StoreError, match="no tables"):
        past.outbox.due(lived.clock.now())
    past.move(3)
    with pytest.raises(ValueError, match="does not go back"):
        past.move(2)


# -- two policies ------------------------------------------------------------------------------------------------------


def effect(policy: Policy, least: float) -> Policy:
    rules = [{**r, "min_effect": least} if r["kind"] == "break" else r for r in policy.body()["rules"]]
    rules = [r for r in rules if r["kind"] in ("break", "evidence")]
    return changed(policy, rules=rules, name=f"least {least}")


def test_every_flip_is_told_with_rule_and_numbers(lived: Lab) -> None:
    """The break of s6 is 0.796 nats from its median: a least effect of 0.79 fires, one of 0.80 does not."""
    old, new = effect(shelf("default"), 0.79), effect(shelf("default"), 0.80)
    found = differ(source_of(lived), old, new)
    assert found.change == "loosened"
    assert {(f.run, f.old, f.new, f.rule) for f in found.flips} == {("s6", Answer.PAUSE, Answer.GO, "break")}
    assert all(f.old_cause is not None and f.new_cause is None for f in found.flips)
    back = differ(source_of(lived), new, old)
    assert back.change == "tightened"
    assert len(back.flips) == len(found.flips)
    assert differ(source_of(lived), old, old).change == "none"


def test_one_tightened_and_one_loosened_is_both(lived: Lab) -> None:
    """The break of s6 counts no longer; s7 reaches a ceiling that s6 stays below: the bounds are 0.591 and 0.633."""
    old, new = effect(shelf("default"), 0.79), effect(shelf("default"), 0.80)
    ceiling = {"id": "line", "kind": "level", "level": "soft", "metric": "acc", "ceiling": 0.61}
    found = differ(source_of(lived), old, changed(new, rules=[*new.body()["rules"], ceiling]))
    assert found.change == "both"
    assert {(f.run, f.way, f.rule) for f in found.flips} == {("s6", "loosened", "break"), ("s7", "tightened", "line")}


# -- what to expect ----------------------------------------------------------------------------------------------------


def test_pauses_for_nothing_are_counted_by_budget_and_tail(lived: Lab) -> None:
    policy = shelf("default")
    with lived.store() as store:
        case = cases.case_of(store, lived.catalogue, policy, "lab", "s7")
        (budget,) = [d.budget for d in store.judgements.decisions() if d.run == "s7"][-1:]
    assert budget is not None
    assert chance_of(policy, case, budget).pause == pytest.approx(min(1 - 0.99**budget.tests, policy.budget.share))
    free = changed(policy, budget={"method": "none"})
    assert chance_of(free, case, budget.model_copy(update={"method": "none"})).pause == pytest.approx(
        1 - 0.99**budget.tests
    )
    warns = [{**r, "level": "advisory"} for r in policy.body()["rules"]]
    assert chance_of(changed(policy, rules=warns), case, budget).pause == 0


def test_what_could_not_be_seen_is_told(lived: Lab) -> None:
    found = replay(source_of(lived), lived.rules().policy)
    blind = changed(lived.rules().policy, judging={"resolve": 0.01})
    assert replay(source_of(lived), blind).unseen > found.unseen
    assert {s.task for s in found.sights} == {"sums"}
    assert all(s.seen <= s.results and s.detectable is not None for s in found.sights)
