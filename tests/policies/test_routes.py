"""Routes of a policy: which one takes an alert, what it inherits, when it is quiet, and what waits for its root."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telling import an_alert

from checkpoints_db.errors import BadPolicy
from checkpoints_db.records import Alert, Answer
from policies.loader import load
from policies.route_terms import Quiet
from policies.routes import Roots, named_receivers, quiet_until, route
from policies.schema import Policy

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
RULE = '\n[[rules]]\nid = "break"\nkind = "break"\nlevel = "soft"\n'


@pytest.fixture
def policy(tmp_path: Path) -> object:
    def make(text: str) -> Policy:
        path = tmp_path / "policy.toml"
        path.write_text('name = "p"\nnotify = ["log", "file"]\n' + text + RULE)
        return load(path)

    return make


TREE = """
[[routes]]
name = "loud"
match = { severity = "pause" }
receivers = ["oncall", "log"]
repeat = "1h"
[[routes.routes]]
match = { family = "bio*" }
receivers = "safety"
[[routes]]
name = "everything"
match = { rule = "break" }
receivers = ["archive", "log"]
on_match = "continue"
[[routes]]
match = { domain = "cyber" }
receivers = "cyber"
"""


@pytest.mark.parametrize(
    ("alert", "told"),
    [
        (an_alert(Answer.PAUSE), ("oncall", "log")),
        (an_alert(Answer.PAUSE, family="bio-2"), ("safety",)),
        (an_alert(Answer.HOLD, family="bio-2"), ("archive", "log")),
        (an_alert(Answer.HOLD, domains=("cyber", "code")), ("archive", "log", "cyber")),
        (an_alert(Answer.HOLD, rule="level", domains=("cyber",)), ("cyber",)),
        (an_alert(Answer.HOLD, rule="level", domains=("code",)), ("log", "file")),
        (an_alert(Answer.HOLD, rule="level"), ("log", "file")),
    ],
)
def test_the_first_route_that_matches_is_taken(policy: object, alert: Alert, told: tuple[str, ...]) -> None:
    assert route(policy(TREE), alert, AT).receivers == told  # type: ignore[operator]


def test_a_route_inherits_what_it_leaves_out(policy: object) -> None:
    (branch,) = route(policy(TREE), an_alert(Answer.PAUSE, family="bio-2"), AT).branches  # type: ignore[operator]
    assert (branch.name, branch.repeat, branch.path) == ("routes[0].routes[0]", timedelta(hours=1), (0, 0))


def test_a_receiver_is_told_once_however_many_routes_name_it(policy: object) -> None:
    text = '[[routes]]\nreceivers = ["log", "a"]\non_match = "continue"\n[[routes]]\nreceivers = ["a", "b"]\n'
    branches = route(policy(text), an_alert(), AT).branches  # type: ignore[operator]
    assert [branch.receivers for branch in branches] == [("log", "a"), ("b",)]


def test_without_routes_notify_is_told_as_ever(policy: object) -> None:
    routed = route(policy(""), an_alert(), AT)  # type: ignore[operator]
    assert routed.receivers == ("log", "file")
    assert routed.why == ("`notify` of the policy",)
    assert routed.branches[0].group_interval == timedelta(0)


def test_every_receiver_named_is_known_with_its_key(policy: object) -> None:
    text = '[[routes]]\nescalate_to = "boss"\nescalate_after = "5m"\n[[routes.routes]]\nreceivers = "a"\n'
    assert named_receivers(policy(text)) == {  # type: ignore[operator]
        "log": "notify",
        "file": "notify",
        "boss": "routes[0].escalate_to",
        "a": "routes[0].routes[0].receivers",
    }


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('[[routes]]\nrecievers = "a"\n', 4, "unknown key 'routes.0.recievers'; did you mean 'receivers'?"),
        ('[[routes]]\nmatch = { sevrity = "hold" }\n', 4, "did you mean 'severity'?"),
        ('[[routes]]\nmatch = { severity = "halt" }\n', 4, "Input should be 'warn', 'hold' or 'pause', not 'halt'"),
        ("[[routes]]\nreceivers = []\n", 3, "receivers is empty"),
        ('[[routes]]\nrepeat = "1"\n', 4, "not a length of time"),
        ('[[routes]]\nquiet = [{ between = "22:00-07:00", zone = "Mars/Phobos" }]\n', 4, "no IANA time zone"),
        ('[[routes]]\nquiet = [{ between = "22-7" }]\n', 4, "between"),
        ('[[routes]]\nquiet = [{ between = "07:00-07:00" }]\n', 4, "begins where it ends"),
        ("[[routes]]\n[[routes.routes]]\nescalate_to = []\n", 4, "escalate_to is empty"),
        ('[[inhibit]]\nroot = { rule = "a" }\n', 3, "'inhibit.0.consequence' is missing"),
    ],
)
def test_mistakes_are_named_with_their_line(policy: object, text: str, line: int, says: str) -> None:
    with pytest.raises(BadPolicy) as refused:
        policy(text)  # type: ignore[operator]
    assert says in str(refused.value)
    assert f"policy.toml:{line}:" in str(refused.value)


NIGHT = Quiet(between="22:00-07:00", zone="Europe/Berlin", days=("mon", "tue", "wed", "thu", "fri"))


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-11-23T21:59:59+01:00", None),  # Monday
        ("2026-11-23T22:00:00+01:00", "2026-11-24T07:00:00+01:00"),
        ("2026-11-24T06:59:59+01:00", "2026-11-24T07:00:00+01:00"),
        ("2026-11-24T07:00:00+01:00", None),
        ("2026-11-28T02:00:00+01:00", "2026-11-28T07:00:00+01:00"),  # Saturday, begun on Friday
        ("2026-11-28T23:00:00+01:00", None),  # Saturday itself is no such day
    ],
)
def test_quiet_hours_end_and_begin_by_the_clock_on_the_wall(at: str, end: str | None) -> None:
    found = quiet_until([NIGHT], an_alert(), datetime.fromisoformat(at))
    assert found == (datetime.fromisoformat(end) if end else None)


def test_a_night_in_which_clocks_are_put_forward_is_an_hour_shorter() -> None:
    hours = Quiet(between="22:00-07:00", zone="Europe/Berlin")
    begin = datetime(2026, 3, 28, 21, tzinfo=UTC)  # 22:00 in Berlin
    assert quiet_until([hours], an_alert(), begin) == begin + timedelta(hours=8)
    assert quiet_until([hours], an_alert(), begin - timedelta(seconds=1)) is None


def test_hours_that_follow_each_other_are_one() -> None:
    hours = [Quiet(between="00:00-12:00"), Quiet(between="12:00-18:00")]
    assert quiet_until(hours, an_alert(), AT - timedelta(hours=6)) == AT + timedelta(hours=6)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - as it asks
def test_a_pause_is_never_muted_and_a_quiet_hour_always_ends(at: datetime) -> None:
    hours = [NIGHT, Quiet(between="06:30-22:30", zone="America/New_York"), Quiet(between="00:00-23:59")]
    assert quiet_until(hours, an_alert(Answer.PAUSE), at) is None
    assert quiet_until(hours, an_alert(rule="break_glass"), at) is None
    end = quiet_until(hours[:2], an_alert(), at)
    assert end is None or end > at


def test_a_consequence_waits_for_its_root_and_a_worse_one_does_not(policy: object) -> None:
    made = policy("")  # type: ignore[operator]
    root = an_alert(Answer.HOLD, rule="complete", kind="evidence")
    roots = Roots(made, [root])
    assert roots.of(an_alert(Answer.HOLD)) == root
    assert roots.of(an_alert(Answer.WARN)) == root
    assert roots.of(an_alert(Answer.PAUSE)) is None
    assert roots.of(an_alert(Answer.HOLD, run="s7")) is None
    assert roots.of(root) is None
    assert roots.of(an_alert(rule="break_glass")) is None
    assert Roots(made, [root.model_copy(update={"answer": Answer.WARN})]).of(an_alert(Answer.HOLD)) is None
    assert Roots(made, [root.model_copy(update={"state": "closed"})]).of(an_alert(Answer.HOLD)) is None
    assert Roots(policy("inhibit = []\n"), [root]).of(an_alert(Answer.HOLD)) is None  # type: ignore[operator]


def test_two_that_are_each_others_root_are_both_told(policy: object) -> None:
    made = policy('[[inhibit]]\nroot = { rule = "*" }\nconsequence = { rule = "*" }\n')  # type: ignore[operator]
    one, two = an_alert(rule="a"), an_alert(rule="b")
    assert Roots(made, [one, two]).of(one) is None
    assert Roots(made, [one, two]).of(two) is None


def test_what_is_about_no_run_has_nothing_in_common(policy: object) -> None:
    made = policy("")  # type: ignore[operator]
    root = an_alert(rule="conflict", family="", run="", findings=())
    assert Roots(made, [root]).of(an_alert(rule="quarantine", family="", run="", findings=())) is None
