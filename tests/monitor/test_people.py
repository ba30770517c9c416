"""Accounts, passwords, tokens and sessions: who is let in, who no longer, and that no hash is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints_db import Store
from checkpoints_db.errors import BadPerson, BadToken, StoreUnreadable
from checkpoints_db.records.access import Role
from monitor import people, roles
from monitor.people import Life, Person

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
LATER = AT + timedelta(days=1)
PASSWORD = "correct horse battery"  # noqa: S105
LIFE = Life(idle=timedelta(hours=1), longest=timedelta(hours=3))


@pytest.fixture(scope="module")
def manned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "store.db"
    with Store.open(path, create=True) as store:
        people.make(store, " Ada Lovelace ", [Role.admin, Role.safety], PASSWORD, by="root", at=AT)
        people.make(store, "bob", [Role.viewer], None, by="ada", at=AT)
    return path


@pytest.fixture(scope="module")
def crowd(manned: Path) -> Path:
    """A store for whoever comes."""
    path = manned.with_name("crowd.db")
    path.write_bytes(manned.read_bytes())
    return path


@pytest.fixture
def house(manned: Path, tmp_path: Path) -> Store:
    path = tmp_path / "store.db"
    path.write_bytes(manned.read_bytes())
    return Store.open(path)


# -- the role table, cell by cell -------------------------------------------------------------------------------------

V, R, S, A, O, U, D = Role  # noqa: E741
TABLE = {
    "read": {V, R, S, A, O, U, D},
    "audit": {S, U, D},
    "acknowledge": {R, S, A, O},
    "comment": {R, S, A, O, U},
    "assign": {R, S, A},
    "examine": {R, S},
    "false_alarm": {R, S},
    "waive": {S},
    "release": {S, A},
    "reject": {R, S, A, U},
    "break_glass": {S, A},
    "review_glass": {S, A, U},
    "adopt": {S, A},
    "assess": {S, O},
    "lease": {S, A},
    "repair": {O, D},
    "push": {O, D},
    "drill": {S, D},
    "people": {D},
}
"""A second opinion on who may do what, written by hand."""


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", TABLE)
def test_each_cell_of_the_role_table(action: str, role: Role) -> None:
    one = Person(name="x", roles=frozenset({role}), came="session")
    assert one.may(action) is roles.allowed([role], action) is (role in TABLE[action])


def test_the_table_has_these_actions_and_no_other() -> None:
    assert set(roles.ACTIONS) == set(TABLE)
    assert not Person(name="x", roles=frozenset(Role), came="session").may("everything")


def test_several_roles_may_what_each_may_and_nobody_without_a_role() -> None:
    for action, may in TABLE.items():
        assert roles.allowed({V, A}, action) is bool(may & {V, A})
        assert not roles.allowed((), action)


def test_an_admin_decides_nothing() -> None:
    """Who says who may decide cannot decide with it: two people are two people."""
    deciding = {"acknowledge", "examine", "false_alarm", "waive", "release", "reject", "break_glass", "adopt", "lease"}
    assert not [action for action in deciding if roles.allowed([D], action)]


def test_the_readme_has_the_table() -> None:
    page = (Path(roles.__file__).parent / "README.md").read_text(encoding="utf-8")
    assert roles.table() in page, "write roles.table() between the markers of monitor/README.md"


# -- accounts ---------------------------------------------------------------------------------------------------------


def test_a_person_is_one_person_however_the_name_is_spelled(house: Store) -> None:
    assert people.found(house, "ADA  lovelace").name == "Ada Lovelace"
    with pytest.raises(BadPerson, match="there is such a person already"):
        people.make(house, "ada lovelace", [Role.viewer], None, by="root", at=AT)


@pytest.mark.parametrize(
    "name", ["", " ", "-", "a\nb", "a\r\nSet-Cookie: x=1", "a:b", "x" * 81, "<b>", "a\0b", "../a", "*", "a\u202eb"]
)
def test_a_name_that_is_none_is_refused(house: Store, name: str) -> None:
    with pytest.raises(BadPerson, match="a name is 1 to 80"):
        people.make(house, name, [Role.viewer], None, by="root", at=AT)
    assert len(house.people.accounts()) == 2


@settings(deadline=None, max_examples=50)
@given(name=st.text(max_size=90))
def test_no_name_holds_what_ends_a_line(crowd: Path, name: str) -> None:
    with Store.open(crowd) as store:
        try:
            people.make(store, name, [Role.viewer], None, by="root", at=AT)
        except BadPerson:
            return
        kept = people.found(store, name).name
    assert kept.isprintable()
    assert not set(kept) & set(':;,<>&"\\/')


@pytest.mark.parametrize(
    ("password", "told"), [("short", "12 to 1024"), ("x" * 1025, "12 to 1024"), ("", "12 to 1024")]
)
def test_a_password_too_short_makes_nobody(house: Store, password: str, told: str) -> None:
    before = house.ledger.head
    with pytest.raises(BadPerson, match="12 to 1024"):
        people.make(house, "eve", [Role.viewer], password, by="root", at=AT)
    assert (house.people.account("eve"), house.ledger.head) == (None, before)


def test_whoever_does_it_is_named(house: Store) -> None:
    with pytest.raises(BadPerson, match="say who does this"):
        people.make(house, "eve", [Role.viewer], None, by="  ", at=AT)
    with pytest.raises(BadPerson, match="without a role"):
        people.change(house, "bob", "roles", by="ada", at=AT)
    with pytest.raises(BadPerson, match="nobody of this name"):
        people.change(house, "mallory", "disabled", by="ada", at=AT)


def test_only_the_right_password_of_somebody_active_opens(house: Store) -> None:
    account = people.checked(house, "ada lovelace", PASSWORD)
    assert account is not None
    assert account.roles == (Role.safety, Role.admin)
    for name, password in [
        ("ada lovelace", PASSWORD + " "),
        ("bob", ""),
        ("bob", "nobody has this password"),
        ("eve", ""),
    ]:
        assert people.checked(house, name, password) is None
    people.change(house, "Ada Lovelace", "disabled", by="root", at=AT)
    assert people.checked(house, "ada lovelace", PASSWORD) is None
    people.change(house, "Ada Lovelace", "enabled", by="root", at=AT)
    people.set_password(house, "ada lovelace", "another long one", by="ada", at=AT)
    assert people.checked(house, "ada lovelace", PASSWORD) is None
    assert people.checked(house, "ada lovelace", "another long one") is not None


def test_the_ledger_names_who_did_what_and_tells_no_hash(house: Store) -> None:
    token, text = people.make_token(house, "bob", by="Ada", at=AT, until=LATER, roles=[Role.viewer], label="grafana")
    people.set_password(house, "bob", PASSWORD, by="Ada", at=AT)
    people.change(house, "bob", "roles", roles=[Role.auditor], by="Ada", at=AT)
    people.change(house, "bob", "disabled", by="Ada", at=AT)
    people.revoke_token(house, token.id, by="Ada", at=AT)
    session = people.begin(house, people.found(house, "ada lovelace"), "password", AT, LIFE)
    told = [(entry.kind, entry.value()["event"], entry.value()["by"]) for entry in house.ledger.entries()]
    assert told == [
        ("person", "made", "root"),
        ("person", "made", "ada"),
        ("token", "made", "Ada"),
        ("person", "password", "Ada"),
        ("person", "roles", "Ada"),
        ("person", "disabled", "Ada"),
        ("token", "revoked", "Ada"),
    ]
    proofs = {row[column] for row in house._tables.rows("proofs") for column in ("name", "hash")}
    secrets = {text, session, PASSWORD, "argon2", *(each for each in proofs if ":" in each or "$" in each)}
    secrets |= {each.removeprefix("token:") for each in proofs if each.startswith("token:")} - {"ada", "bob"}
    whole = "".join(entry.text for entry in house.ledger.entries())
    assert not [secret for secret in secrets if secret in whole]
    everything = "".join(str(house._tables.rows(table)) for table in house._tables.names())
    assert not [secret for secret in (text, session, PASSWORD) if secret in everything]


def test_rows_of_people_never_go(house: Store) -> None:
    with pytest.raises(StoreUnreadable, match="never deleted"), house.transaction():
        house._tables.remove("people", "id = ?", ["bob"])


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_is_good_from_its_making_to_its_end(house: Store) -> None:
    token, text = people.make_token(house, "bob", by="ada", at=AT, until=LATER, roles=[Role.viewer])
    assert len(text) >= len(people.PREFIX) + 43  # 256 bits
    person = people.shows_token(house, text, AT)
    assert person is not None
    assert (person.name, person.roles, person.secret) == ("bob", {Role.viewer}, "")
    moments = [AT - timedelta(seconds=1), LATER - timedelta(seconds=1), LATER]
    assert [people.shows_token(house, text, at) is not None for at in moments] == [False, True, False]
    for other in (text[:-1], text + "x", token.id, "", people.PREFIX, "%", "\ud800"):
        assert people.shows_token(house, other, AT) is None
    people.revoke_token(house, token.id, by="ada", at=AT)
    assert people.shows_token(house, text, AT) is None


def test_a_token_carries_no_more_than_its_person_has_now(house: Store) -> None:
    given = {"by": "ada", "at": AT, "until": LATER}
    _, wide = people.make_token(house, "ada lovelace", roles=[Role.safety, Role.admin], **given)  # type: ignore[arg-type]
    _, narrow = people.make_token(house, "ada lovelace", actions=["release", "read"], **given)  # type: ignore[arg-type]
    one, other = people.shows_token(house, wide, AT), people.shows_token(house, narrow, AT)
    assert one is not None
    assert other is not None
    assert (one.may("waive"), other.may("waive"), other.may("release")) == (True, False, True)
    people.change(house, "ada lovelace", "roles", roles=[Role.admin], by="root", at=AT)
    one, other = people.shows_token(house, wide, AT), people.shows_token(house, narrow, AT)
    assert one is not None
    assert other is not None
    assert (one.roles, one.may("waive"), other.may("release"), other.may("read")) == ({Role.admin}, False, False, True)
    people.change(house, "ada lovelace", "disabled", by="root", at=AT)
    assert people.shows_token(house, wide, AT) is None


@pytest.mark.parametrize(
    ("name", "terms", "told"),
    [
        ("bob", {"roles": [Role.admin]}, "may not hand out admin"),
        ("bob", {"actions": ["release"]}, "may not hand out release"),
        ("bob", {"actions": ["rule the world"]}, "actions are read, audit"),
        ("bob", {}, "roles, or actions"),
        ("bob", {"roles": [Role.viewer], "actions": ["read"]}, "roles, or actions"),
        ("bob", {"roles": [Role.viewer], "until": AT}, "366 days"),
        ("bob", {"roles": [Role.viewer], "until": AT + timedelta(days=367)}, "366 days"),
        ("bob", {"roles": [Role.viewer], "label": "a\nb"}, "in one line"),
    ],
)
def test_a_token_that_is_too_wide_is_not_made(house: Store, name: str, terms: dict[str, object], told: str) -> None:
    with pytest.raises(BadToken, match=told):
        people.make_token(house, name, **{"by": "ada", "at": AT, "until": LATER, **terms})  # type: ignore[arg-type]
    assert house.people.tokens() == []


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_a_session_ends_when_idle_and_in_the_end(house: Store) -> None:
    text = people.begin(house, people.found(house, "bob"), "password", AT, LIFE)

    def there(minutes: int) -> bool:
        return people.shows_session(house, text, AT + timedelta(minutes=minutes), LIFE) is not None

    assert [there(minutes) for minutes in (0, 59, 118, 177, 179, 180)] == [True, True, True, True, True, False]
    idle = people.begin(house, people.found(house, "bob"), "password", AT, LIFE)
    assert people.shows_session(house, idle, AT + timedelta(minutes=60), LIFE) is None


def test_a_session_is_of_its_person_alone_and_follows_their_roles(house: Store) -> None:
    text = people.begin(house, people.found(house, "bob"), "password", AT, LIFE)
    other = people.begin(house, people.found(house, "bob"), "password", AT, LIFE)
    first, second = (people.shows_session(house, each, AT, LIFE) for each in (text, other))
    assert first is not None
    assert second is not None
    assert first.secret != second.secret
    assert text not in first.secret
    people.change(house, "bob", "roles", roles=[Role.approver], by="ada", at=AT)
    first = people.shows_session(house, text, AT, LIFE)
    assert first is not None
    assert first.may("release")
    people.end(house, text, AT)
    assert people.shows_session(house, text, AT, LIFE) is None
    assert people.shows_session(house, other, AT, LIFE) is not None
    people.set_password(house, "bob", PASSWORD, by="bob", at=AT)
    assert people.shows_session(house, other, AT, LIFE) is None
