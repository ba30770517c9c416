"""The life of an alert on paper: what the one table of it must say, whatever is written in it."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoints_db.errors import PolicyError
from checkpoints_db.records import FOUND, OVER, AlertState
from policies.lifecycle import COMMANDS, EVENTS, NEW_EPISODE, PEOPLE, episode, may, must

STATES: tuple[AlertState, ...] = get_args(AlertState)
BY_ITSELF = ("pending", "firing", "waived", "superseded", "withdrawn")


def test_every_state_has_its_rows_and_people_reach_only_what_they_have_commands_for() -> None:
    assert set(PEOPLE) == set(EVENTS) == set(STATES)
    reached = {to for targets in PEOPLE.values() for to in targets}
    assert reached == set(COMMANDS)
    assert not reached & set(BY_ITSELF)
    assert {to for targets in EVENTS.values() for to in targets} == {*BY_ITSELF, "closed"}


def test_what_was_found_is_found_in_a_review_and_nowhere_else() -> None:
    for found in FOUND:
        assert [state for state in STATES if may(state, found, person=True)] == ["under_review"]
        assert not [state for state in STATES if may(state, found, person=False)]


def test_no_event_ends_a_review_but_worse_news() -> None:
    assert EVENTS["under_review"] == ("firing",)


def test_nothing_that_fires_is_closed_by_people_without_a_review() -> None:
    assert {state for state in STATES if may(state, "closed", person=True)} == set(FOUND)


def test_whatever_is_over_may_come_back_and_only_a_waiver_keeps_its_episode() -> None:
    for state in OVER:
        assert may(state, "firing", person=False)
        assert episode(state, 3) == (3 if state == "waived" else 4)
    assert set(NEW_EPISODE) == set(OVER) - {"waived"}
    assert {state for state in STATES if episode(state, 1) == 1} == set(STATES) - set(NEW_EPISODE)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(STATES)), max_size=30))
def test_from_wherever_one_gets_people_can_end_it(turns: list[tuple[bool, AlertState]]) -> None:
    here: AlertState = "firing"
    for person, to in turns:
        here = to if may(here, to, person=person) else here
    for to in ("under_review", "confirmed", "closed"):
        if here != "closed" or to == "under_review":
            must("x", here, to)
            here = to
    assert here == "closed"


@pytest.mark.parametrize("here", STATES)
@pytest.mark.parametrize("to", sorted(COMMANDS))
def test_a_refusal_names_every_way_out(here: AlertState, to: AlertState) -> None:
    if may(here, to, person=True):
        must("abc", here, to)
        return
    with pytest.raises(PolicyError) as refused:
        must("abc", here, to)
    assert f"is {here} and cannot become {to}" in str(refused.value)
    for allowed in PEOPLE[here]:
        assert f"holdpoint alert {COMMANDS[allowed]} abc" in str(refused.value)
