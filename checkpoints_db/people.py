"""People: accounts and tokens, told in the ledger; what proves them, and sessions, which are not."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from checkpoints_db.ledger import Ledger
from checkpoints_db.records.access import Account, AccountEvent, Session, Token
from checkpoints_db.records.base import stamp
from checkpoints_db.tables import Tables


class People:
    """Who may come in. Every writing method wants a transaction around it."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

    # -- accounts -----------------------------------------------------------------------------------------------------

    def account(self, name: str) -> Account | None:
        """The account with this id, or None."""
        return next((_account(row) for row in self._tables.rows("people", "id = ?", [name])), None)

    def accounts(self) -> list[Account]:
        """Every account, by id, disabled ones too."""
        return [_account(row) for row in self._tables.rows("people", order_by="id")]

    def put(self, account: Account, event: AccountEvent, by: str) -> None:
        """Set what is known of a person; the ledger tells what changed and who changed it."""
        told = {"event": event, "by": by, "account": account.body()}
        seq = self._ledger.append("person", account.id, told, account.at)
        self._tables.upsert("people", account_row(account, seq))

    # -- tokens -------------------------------------------------------------------------------------------------------

    def token(self, name: str) -> Token | None:
        """The token with this id, or None."""
        return next((_token(row) for row in self._tables.rows("tokens", "id = ?", [name])), None)

    def tokens(self, person: str | None = None) -> list[Token]:
        """Every token ever made, oldest first; of one account, or all."""
        where, args = (None, []) if person is None else ("person = ?", [person])
        return [_token(row) for row in self._tables.rows("tokens", where, args, order_by="seq")]

    def put_token(self, token: Token, event: str, by: str, at: datetime) -> None:
        """Keep a token, or that it was revoked."""
        seq = self._ledger.append("token", token.id, {"event": event, "by": by, "token": token.body()}, at)
        self._tables.upsert("tokens", token_row(token, seq))

    # -- what proves them: hashes only, and in no ledger --------------------------------------------------------------

    def proof(self, name: str) -> str | None:
        """The hash that a password (`person:ID`) or a token (`token:ID`) is checked against, or None."""
        return next((str(row["hash"]) for row in self._tables.rows("proofs", "name = ?", [name])), None)

    def prove(self, name: str, hashed: str, at: datetime) -> None:
        """Set the hash of a password or a token."""
        self._tables.upsert("proofs", {"name": name, "hash": hashed, "at": stamp(at)})

    # -- sessions: rights that end by themselves ----------------------------------------------------------------------

    def session(self, name: str) -> Session | None:
        """The session with this id, ended or not; None where there is none."""
        return next((Session.model_validate(row) for row in self._tables.rows("sessions", "id = ?", [name])), None)

    def put_session(self, session: Session) -> None:
        """Begin a session, or remember that it was used."""
        self._tables.upsert("sessions", session_row(session))

    def end_sessions(self, at: datetime, *, name: str | None = None, person: str | None = None) -> None:
        """End one session, or all of a person, now; those that ended before are gone."""
        self._tables.remove("sessions", "ends_at <= ? or id = ? or person = ?", [stamp(at), name or "", person or ""])


def account_row(account: Account, seq: int) -> dict[str, Any]:
    """An account as its table has it, told in ledger row `seq`."""
    told = {"roles": json.dumps(list(account.roles)), "active": int(account.active), "at": stamp(account.at)}
    return {"id": account.id, "name": account.name, **told, "seq": seq}


def token_row(token: Token, seq: int) -> dict[str, Any]:
    """A token as its table has it, told in ledger row `seq`."""
    lists = {"roles": json.dumps(list(token.roles)), "actions": json.dumps(list(token.actions))}
    times = {"at": stamp(token.at), "expires": stamp(token.expires)}
    return {**token.body(), **lists, **times, "revoked": int(token.revoked), "seq": seq}


def session_row(session: Session) -> dict[str, Any]:
    """A session as its table has it."""
    times = {name: stamp(getattr(session, name)) for name in ("at", "seen_at", "ends_at")}
    return {**session.body(), **times}


def _account(row: dict[str, Any]) -> Account:
    told = {"roles": json.loads(row["roles"]), "active": bool(row["active"])}
    return Account.model_validate({**{name: row[name] for name in Account.model_fields}, **told})


def _token(row: dict[str, Any]) -> Token:
    lists = {name: json.loads(row[name]) for name in ("roles", "actions")}
    kept = {name: row[name] for name in Token.model_fields}
    return Token.model_validate({**kept, **lists, "revoked": bool(row["revoked"])})
