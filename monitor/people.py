"""People at the door: how they are made, and how a password, a token or a session says who somebody is.

Passwords are kept as argon2id hashes, tokens and sessions (256 random bits each) as SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import ValidationError

from checkpoints_db import Store
from checkpoints_db.errors import BadPerson, BadToken
from checkpoints_db.records import Record
from checkpoints_db.records.access import Account, AccountEvent, Role, Session, Token
from monitor.roles import ACTIONS, allowed
from policies.people import person

SHORTEST, LONGEST = 12, 1024
"""Characters of a password."""
LONGEST_TOKEN = timedelta(days=366)
"""How long a token may last."""
TOUCH = timedelta(minutes=1)
"""How exactly the last use of a session is remembered: not every page writes to the store."""
PREFIX = "hp_"
"""What tokens begin with, so that scanners find those that were committed somewhere."""

_HASHER = PasswordHasher()


@cache
def nobody() -> str:
    """A hash to check a password by where nobody has that name: it takes as long. Made once, before anybody comes."""
    return _HASHER.hash("nobody has this password")


class Person(Record):
    """Somebody who came in: under which name, with which roles, and how."""

    name: str
    roles: frozenset[Role]
    came: Literal["session", "token", "proxy"]
    actions: frozenset[str] | None = None
    """Where a token carries actions only: those."""
    secret: str = ""
    """What forms of this person must carry; empty where no browser sends anything by itself."""

    def may(self, action: str) -> bool:
        """Whether the role table lets them, and their token where they came by one."""
        return allowed(self.roles, action) and (self.actions is None or action in self.actions)


class Life(Record):
    """How long sessions last."""

    idle: timedelta
    longest: timedelta


# -- people -----------------------------------------------------------------------------------------------------------


def make(store: Store, name: str, roles: Sequence[Role], password: str | None, *, by: str, at: datetime) -> Account:
    """A new account; without a password its person comes in otherwise. Raises BadPerson."""
    with store.transaction():
        _named(by)
        if store.people.account(person(name)) is not None:
            raise BadPerson(f"{name}: there is such a person already; `holdpoint people role` changes their roles")
        try:
            account = Account(id=person(name), name=name.strip(), roles=_known(roles, name), at=at)
        except ValidationError as error:
            why = "a name is 1 to 80 letters, digits or . @ + ' - and spaces, and begins with a letter or digit"
            raise BadPerson(f"{name[:90]!r}: {why}") from error
        store.people.put(account, "made", by.strip())
        if password is not None:
            _set(store, account, password, at)
        return account


def change(
    store: Store, name: str, event: AccountEvent, *, by: str, at: datetime, roles: Sequence[Role] = ()
) -> Account:
    """Give other roles to a person, or let them in no longer, or again. Raises BadPerson.

    Where somebody is disabled, their sessions end at once and their tokens with them.
    """
    with store.transaction():
        _named(by)
        account = found(store, name)
        told = {"roles": _known(roles, name)} if event == "roles" else {"active": event != "disabled"}
        account = account.model_copy(update={**told, "at": at})
        store.people.put(account, event, by.strip())
        if event == "disabled":
            store.people.end_sessions(at, person=account.id)
        return account


def set_password(store: Store, name: str, password: str, *, by: str, at: datetime) -> Account:
    """Set the password of a person; their sessions end. Raises BadPerson."""
    with store.transaction():
        _named(by)
        account = found(store, name).model_copy(update={"at": at})
        _set(store, account, password, at)
        store.people.put(account, "password", by.strip())
        store.people.end_sessions(at, person=account.id)
        return account


def found(store: Store, name: str) -> Account:
    """The account of this name. Raises BadPerson."""
    account = store.people.account(person(name))
    if account is None:
        raise BadPerson(f"{name[:90]}: nobody of this name; see `holdpoint people list`")
    return account


def _known(roles: Sequence[Role], name: str) -> tuple[Role, ...]:
    if not roles:
        raise BadPerson(f"{name[:90]}: without a role nobody may do anything; give one of {', '.join(Role)}")
    return tuple(role for role in Role if role in roles)


def _named(by: str) -> None:
    if not person(by):
        raise BadPerson("say who does this; the ledger names them")


def _set(store: Store, account: Account, password: str, at: datetime) -> None:
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadPerson(
            f"{account.name}: a password has {SHORTEST} to {LONGEST} characters; nothing else is asked of it"
        )
    store.people.prove(f"person:{account.id}", _HASHER.hash(_bytes(password)), at)


def checked(store: Store, name: str, password: str) -> Account | None:
    """The account whose password this is; None otherwise, after as much work for people that are not there."""
    account = store.people.account(person(name))
    kept = None if account is None or not account.active else store.people.proof(f"person:{account.id}")
    try:
        _HASHER.verify(kept or nobody(), _bytes(password[: LONGEST + 1]))
    except (VerificationError, InvalidHashError):
        return None
    return account if kept is not None else None


# -- tokens -----------------------------------------------------------------------------------------------------------


def make_token(
    store: Store,
    name: str,
    *,
    by: str,
    at: datetime,
    until: datetime,
    roles: Sequence[Role] = (),
    actions: Sequence[str] = (),
    label: str = "",
) -> tuple[Token, str]:
    """A token of a person and the text that is shown once. Raises BadPerson or BadToken."""
    with store.transaction():
        _named(by)
        account = found(store, name)
        if not account.active:
            raise BadToken(f"{account.name} is disabled; a token of theirs would open nothing")
        if bool(roles) == bool(actions):
            raise BadToken("a token carries roles, or actions, and not both; name what it is for")
        wide: list[str] = [role for role in roles if role not in account.roles]
        wide += [action for action in actions if not allowed(account.roles, action)]
        if wide:
            known = f"; actions are {', '.join(ACTIONS)}" if set(wide) - set(ACTIONS) - set(Role) else ""
            raise BadToken(f"{account.name} may not hand out {', '.join(map(str, wide))[:200]}{known}")
        if not at < until <= at + LONGEST_TOKEN:
            raise BadToken(f"a token ends, {LONGEST_TOKEN.days} days from now at the latest; make another one then")
        text, short = PREFIX + secrets.token_urlsafe(32), label.strip()
        if len(short) > 80 or not (short.isprintable() or not short):
            raise BadToken("a label is at most 80 characters in one line")
        carried = tuple(role for role in Role if role in roles)
        token = Token(
            id=secrets.token_hex(6),
            person=account.id,
            label=short,
            roles=carried,
            actions=tuple(dict.fromkeys(actions)),
            at=at,
            expires=until,
        )
        store.people.put_token(token, "made", by.strip(), at)
        store.people.prove(f"token:{_digest(text)}", token.id, at)
        return token, text


def revoke_token(store: Store, name: str, *, by: str, at: datetime) -> Token:
    """Take a token back. Raises BadToken where there is none of this id."""
    with store.transaction():
        _named(by)
        token = store.people.token(name)
        if token is None:
            raise BadToken(f"no token {name[:40]!r}; see `holdpoint token list`")
        if not token.revoked:
            token = token.model_copy(update={"revoked": True})
            store.people.put_token(token, "revoked", by.strip(), at)
        return token


def shows_token(store: Store, text: str, at: datetime) -> Person | None:
    """Who shows this token; None where it is none, is over or taken back, or its person may not come in."""
    # Found by its digest: how long that takes tells nothing of 256 random bits.
    name = store.people.proof(f"token:{_digest(text)}")
    token = None if name is None else store.people.token(name)
    account = None if token is None else store.people.account(token.person)
    if token is None or account is None or token.revoked or not account.active or not token.at <= at < token.expires:
        return None
    if token.actions:
        return Person(name=account.name, roles=frozenset(account.roles), came="token", actions=frozenset(token.actions))
    return Person(name=account.name, roles=frozenset(account.roles) & frozenset(token.roles), came="token")


# -- sessions ---------------------------------------------------------------------------------------------------------


def begin(store: Store, account: Account, came: Literal["password", "oidc"], at: datetime, life: Life) -> str:
    """Begin a session with an id that nobody had before; returns what the cookie is to hold."""
    text = secrets.token_urlsafe(32)
    with store.transaction():
        store.people.end_sessions(at)
        session = Session(id=_digest(text), person=account.id, came=came, at=at, seen_at=at, ends_at=at + life.longest)
        store.people.put_session(session)
    return text


def shows_session(store: Store, text: str, at: datetime, life: Life) -> Person | None:
    """Whose session this is; None where it is none, has ended or was left idle, or its person may not come in."""
    session = store.people.session(_digest(text))
    account = None if session is None else store.people.account(session.person)
    if session is None or account is None or not account.active:
        return None
    if not session.at <= at < session.ends_at or at - session.seen_at >= life.idle:
        return None
    if at - session.seen_at >= TOUCH:
        with store.transaction():
            store.people.put_session(session.model_copy(update={"seen_at": at}))
    return Person(name=account.name, roles=frozenset(account.roles), came="session", secret=bound_to(text))


def end(store: Store, text: str, at: datetime) -> None:
    """End a session."""
    with store.transaction():
        store.people.end_sessions(at, name=_digest(text))


def by_proxy(store: Store, name: str, key: str) -> Person | None:
    """Whom a trusted proxy names; None where nobody of that name may come in."""
    account = store.people.account(person(name))
    if account is None or not account.active:
        return None
    return Person(name=account.name, roles=frozenset(account.roles), came="proxy", secret=bound_to(key + account.id))


def fresh() -> str:
    """256 bits that nobody can guess."""
    return secrets.token_urlsafe(32)


def bound_to(text: str) -> str:
    """What a form must carry that belongs to a session, or to a cookie: made of it, and telling nothing of it."""
    return hmac.new(_bytes(text), b"holdpoint form", hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, in constant time."""
    return hmac.compare_digest(_bytes(one), _bytes(other))


def _digest(text: str) -> str:
    return hashlib.sha256(_bytes(text)).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
