"""Alerts by page: complete, in order, filtered as a plain reading of all of them would, and fast over ten thousand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints_db import Store
from checkpoints_db.actions import alert_row
from checkpoints_db.alert_page import NOT_OVER, RANK, WORST_FIRST, AlertFilter
from checkpoints_db.errors import PolicyError
from checkpoints_db.records import Alert, AlertState, Answer, Finding, Level, Reason, digest_of

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
STATES: tuple[AlertState, ...] = get_args(AlertState)
ANSWERS = (Answer.WARN, Answer.HOLD, Answer.PAUSE)
TEN_THOUSAND = 10_000


def made(number: int) -> Alert:
    """Alert of this number; all of them differ, in every column and not in step."""
    print_ = digest_of([number])
    broken = Finding(
        rule="break", kind="break", level=Level.soft, answer=Answer.HOLD, reason=Reason.broken, sentence="so " * 30
    )
    return Alert(
        id=print_[:12],
        fingerprint=print_,
        family=f"f{number % 5}",
        run=f"r{number % 97}",
        rule=("break", "diagnosis", "evidence")[number % 3],
        answer=ANSWERS[number * 7 % 11 % 3],
        state=STATES[number % len(STATES)],
        opened_at=START + timedelta(minutes=number * 31 % 1009),
        changed_at=START + timedelta(minutes=number),
        sentence=f"alert {number}",
        findings=(broken,) * 3,
        assigned=("", "ada", "bob")[number % 13 % 3],
    )


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[Alert]]]:
    every = [made(number) for number in range(TEN_THOUSAND)]
    with Store.open(tmp_path_factory.mktemp("full") / "store.db", create=True) as store:
        with store.transaction():
            store._tables.insert_all("alerts", [alert_row(alert) for alert in every])
        yield store, every


def in_order(alerts: list[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda a: (-a.answer.rank, a.opened_at, a.fingerprint))


def test_one_page_of_ten_thousand_takes_less_than_a_third_of_a_second(full: tuple[Store, list[Alert]]) -> None:
    store, _ = full
    mark, worst = "", 0.0
    for _ in range(4):
        begin = time.perf_counter()
        page = store.actions.alerts_page(after=mark)
        counts = store.actions.alert_counts()
        worst = max(worst, time.perf_counter() - begin)
        mark = page.next
    assert (page.total, sum(counts.values()), len(page.alerts)) == (TEN_THOUSAND, TEN_THOUSAND, 50)
    assert worst < 0.3
    one = store.actions.alert(page.alerts[0].id[:10])
    assert one == page.alerts[0]


def test_the_order_is_found_in_an_index(full: tuple[Store, list[Alert]]) -> None:
    store, _ = full
    plan = store._tables._db.execute(
        f"EXPLAIN QUERY PLAN SELECT {RANK}, opened_at, fingerprint, body FROM alerts WHERE {NOT_OVER} "  # noqa: S608
        f"ORDER BY {WORST_FIRST} LIMIT 50"
    ).fetchall()
    said = " ".join(str(row) for row in plan)
    assert "alerts_worst" in said
    assert "TEMP B-TREE" not in said


def test_every_alert_is_on_one_page_and_in_order(full: tuple[Store, list[Alert]]) -> None:
    store, every = full
    asked, found, mark = AlertFilter(states=("firing", "pending"), answers=(Answer.PAUSE, Answer.HOLD)), [], ""
    while True:
        page = store.actions.alerts_page(asked, mark, 100)
        found += page.alerts
        mark = page.next
        if not mark:
            break
    meant = [a for a in every if a.state in asked.states and a.answer in asked.answers]
    assert found == in_order(meant)
    assert page.total == len(meant)


@given(
    states=st.sets(st.sampled_from(STATES), max_size=3),
    answers=st.sets(st.sampled_from(ANSWERS), max_size=2),
    family=st.sampled_from(["", "f1", "nobody"]),
    run=st.sampled_from(["", "", "r3"]),
    rule=st.sampled_from(["", "break"]),
    assigned=st.sampled_from([None, "", "ada", "x' or '1' = '1"]),
    minutes=st.sampled_from([None, 0, 5000, 20_000]),
)
@settings(max_examples=25, deadline=None)
def test_a_filter_takes_what_a_plain_reading_takes(
    full: tuple[Store, list[Alert]],
    states: set[AlertState],
    answers: set[Answer],
    family: str,
    run: str,
    rule: str,
    assigned: str | None,
    minutes: int | None,
) -> None:
    store, every = full
    since = None if minutes is None else START + timedelta(minutes=minutes)
    asked = AlertFilter(tuple(states), tuple(answers), family, run, rule, assigned, since)
    meant = [
        a
        for a in every
        if (not states or a.state in states)
        and (not answers or a.answer in answers)
        and family in ("", a.family)
        and run in ("", a.run)
        and rule in ("", a.rule)
        and assigned in (None, a.assigned)
        and (since is None or a.changed_at >= since)
    ]
    page = store.actions.alerts_page(asked, limit=7)
    assert page.total == len(meant)
    assert list(page.alerts) == in_order(meant)[:7]
    assert bool(page.next) == (len(meant) > 7)


@pytest.mark.parametrize("mark", ["x", "0~", "~~", "9~a", "0~2026", "-1~a~b", "²~a~b", "0 or 1~a~b"])
def test_what_is_no_mark_is_refused(store: Store, mark: str) -> None:
    with pytest.raises(PolicyError, match="no mark of a page"):
        store.actions.alerts_page(after=mark)


@pytest.mark.parametrize("name", ["", "%", "_", "zz", "' or 1 = 1"])
def test_no_pattern_is_an_alert(full: tuple[Store, list[Alert]], name: str) -> None:
    assert full[0].actions.alert(name) is None
