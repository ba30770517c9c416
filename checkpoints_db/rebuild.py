"""The other tables from the ledger alone: a fresh store that must equal the old one, and where it does not.

The ledger is the record; every other table finds, or sums up, what stands in it. Not in it, and taken over from the old
store, are the questions of items (the ledger has their digest, against which they are checked), `facts` and `sightings`
(what was last known of ourselves and of paths; no history). Who leads is left out: nobody leads a fresh store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, get_args

from checkpoints_db.actions import Review, alert_row, gate_row, review_row
from checkpoints_db.drills import drill_row
from checkpoints_db.errors import LedgerBroken, StoreError
from checkpoints_db.evidence_rows import File, Held, Kept, file_row, result_row, unplaced_row
from checkpoints_db.judgements import (
    NOWHERE,
    TABLE_OF,
    Judged,
    forecast_row,
    judged_row,
    lets_go_on,
    outlier_row,
    score_row,
)
from checkpoints_db.leases import Revocation, lease_row, revocation_row
from checkpoints_db.ledger import Entry
from checkpoints_db.outbox import attempt_row, mention_rows, message_row
from checkpoints_db.people import account_row, token_row
from checkpoints_db.policy_history import policy_row
from checkpoints_db.records import (
    Alert,
    AlertReview,
    Decision,
    Diagnosis,
    FireDrill,
    Forecast,
    GateState,
    Latch,
    Message,
    Paper,
    PolicyEntry,
    Reading,
    Record,
    Result,
    SignedLease,
    Verdict,
)
from checkpoints_db.records.access import Account, Token
from checkpoints_db.records.base import digest_of, stamp
from checkpoints_db.store import Store

Row = dict[str, Any]
Packed = Callable[[str], bytes | None]
"""The items of an id as they were stored, or None."""

TAKEN_OVER = ("facts", "sightings", "notices", "topics", "receivers", "proofs")
"""Not history: what was last known of ourselves, of paths, what waits to be told; and hashes, which no ledger tells."""
LEFT_OUT = ("leadership", "cases", "sessions")
"""Rights that end by themselves, and what is computed again when it is asked for."""
BATCH = 1000
"""Ledger rows between two writes."""
JUDGED: dict[str, type[Judged]] = {
    "verdict": Verdict,
    "diagnosis": Diagnosis,
    "decision": Decision,
    "shadow_decision": Decision,
}
REVIEWS: dict[str, type[Review]] = {
    kind.__name__.lower(): kind
    for kind in (*get_args(Review), *Paper.__subclasses__(), *AlertReview.__subclasses__())
    if kind not in (Paper, AlertReview)
}

MEANT: dict[tuple[str, str], type[Record]] = {
    ("alerts", "body"): Alert,
    ("drills", "body"): FireDrill,
    ("gates", "body"): GateState,
    ("gates", "latch"): Latch,
    ("outbox", "body"): Message,
}
"""Columns that keep a record as it was spelled when it was last written: an older version had fewer fields."""


class Difference(Record):
    """One row of a table that is not what the ledger says."""

    table: str
    key: str
    why: str
    seq: int | None = None
    """The row of the ledger it refers to, where it names one."""

    def __str__(self) -> str:
        where = f" (ledger row {self.seq})" if self.seq is not None else ""
        return f"table {self.table}, row {self.key}{where}: {self.why}"


class _Drawer:
    """Rows of the fresh store on their way: changed in memory, written in batches."""

    def __init__(self, fresh: Store) -> None:
        self._tables = fresh._tables
        self._keys = {table: self._tables.key(table) for table in self._tables.names()}
        self._waiting: dict[str, dict[Any, Row]] = {}

    def key(self, table: str) -> str:
        return self._keys[table]

    def put(self, table: str, row: Row) -> None:
        """A row, or the columns of one that is there already."""
        key = row[self._keys[table]]
        self._waiting.setdefault(table, {})[key] = {**(self.get(table, key) or {}), **row}

    def get(self, table: str, key: Any) -> Row | None:
        waiting = self._waiting.get(table, {}).get(key)
        if waiting is not None:
            return waiting
        return next(iter(self._tables.rows(table, f"{self._keys[table]} = ?", [key], limit=1)), None)

    def write(self) -> None:
        """Write what is new or changed: rows are whole, and of none is anything deleted."""
        for table, rows in self._waiting.items():
            self._tables.upsert_all(table, list(rows.values()))
        self._waiting.clear()


class _Replay:
    """What each kind of ledger row means for the tables. A kind without a method here tells of no table."""

    def __init__(self, packed: Packed, rows: _Drawer) -> None:
        self._packed, self._rows = packed, rows
        self._events = 0
        self._bodiless: dict[str, Row] = {}
        """Items whose questions are not there, by their id."""
        self._outliers: dict[tuple[str, str], set[str]] = {}
        """Of each run, what no decision has accepted so far."""

    def apply(self, entry: Entry) -> None:
        """Let one row of the ledger happen again."""
        kind = entry.kind.strip("_")  # a forged row asks for no method but these
        happen: Callable[[Entry, Any], None] | None = getattr(type(self), f"_{kind}", None) and getattr(
            self, f"_{kind}"
        )
        if happen is not None:
            happen(entry, entry.value())

    def _file(self, entry: Entry, said: Row) -> None:
        if "sha256" in said:
            self._rows.put("files", file_row(File.model_validate(said)))
        else:  # as versions before the eighth step of the schema told it; the rest is carried
            self._rows.put("files", {"sha256": entry.subject, **said})

    def _result(self, entry: Entry, said: Row) -> None:
        result = Result.model_validate(said.pop("result"))
        kept = Kept.model_validate({"seen_at": entry.at, "seen_after": 0, **said})
        if kept.instead:
            self._rows.put("results", {"identity": kept.instead, "counts": 0})
        self._rows.put("results", result_row(result, kept, entry.seq))

    def _unplaced(self, entry: Entry, said: Row) -> None:
        name, reading = digest_of(said["reading"]), Reading.model_validate(said.pop("reading"))
        since = {"source": "", "baseline": False, "seen_at": entry.at, "seen_after": 0}
        self._rows.put("unplaced", unplaced_row(name, reading, Held.model_validate({**since, **said})))

    def _placed(self, entry: Entry, said: Row) -> None:
        self._rows.put("unplaced", {"id": said["id"], "placed_at": stamp(entry.at)})

    def _items(self, entry: Entry, said: Row) -> None:
        name = digest_of([said["source"], said["task"], said["conditions"]])
        body = self._packed(name)
        if body is None:  # to be found forgotten further on, or to be missed
            self._bodiless[name] = {"id": name, **said, "seq": entry.seq, "body": None}
        elif hashlib.sha256(body).hexdigest() == said["sha256"]:
            self._rows.put("items", {"id": name, **said, "seq": entry.seq, "body": body, "forgotten": 0})

    def _forgotten(self, entry: Entry, said: Row) -> None:
        row = self._bodiless.pop(said["id"], None)
        self._rows.put("items", {**(row or {"id": said["id"]}), "body": None, "forgotten": entry.seq})

    def _seal(self, entry: Entry, said: Row) -> None:
        forecast, digest = Forecast.model_validate(said), hashlib.sha256(entry.text.encode()).hexdigest()
        self._rows.put("forecasts", forecast_row(forecast, digest, stamp(entry.at), entry.seq))

    def _verdict(self, entry: Entry, said: Row) -> None:
        digest = hashlib.sha256(entry.text.encode("utf-8", "surrogatepass")).hexdigest()
        record = JUDGED[entry.kind].model_validate(said)
        place = "" if entry.subject.endswith(NOWHERE) else entry.subject
        about = {"checkpoint": place} if isinstance(record, Decision) else {}
        self._rows.put(TABLE_OF[entry.kind], {**judged_row(record, digest, stamp(entry.at), entry.seq), **about})
        score = score_row(record, entry.seq) if isinstance(record, Verdict) else None
        if score is not None:
            self._rows.put("scores", score)
        outlier = outlier_row(record, entry.seq) if isinstance(record, Verdict) else None
        if outlier is not None:
            self._rows.put("outliers", outlier)
            self._outliers.setdefault((record.family, record.run), set()).add(outlier["result"])

    _diagnosis = _shadow_decision = _verdict

    def _decision(self, entry: Entry, said: Row) -> None:
        self._verdict(entry, said)
        decision = Decision.model_validate(said)
        if lets_go_on(decision):
            for result in self._outliers.pop((decision.family, decision.run), ()):
                self._rows.put("outliers", {"result": result, "accepted": entry.seq})

    def _policy(self, entry: Entry, said: Row) -> None:
        row = policy_row(PolicyEntry.model_validate(said), stamp(entry.at), entry.seq)
        self._rows.put("policies", row)

    def _gate(self, entry: Entry, said: Row) -> None:
        latch = Latch.model_validate(said["latch"]) if said["latch"] else None
        self._rows.put("gates", gate_row(GateState.model_validate(said["state"]), latch))

    def _alert(self, entry: Entry, said: Row) -> None:
        sentence = said["sentence"] if "sentence" in said else said["alert"]["sentence"]
        if "alert" in said:
            self._rows.put("alerts", alert_row(Alert.model_validate(said["alert"])))
        self._events += 1
        told = {"alert": entry.subject, "event": said["event"], "at": stamp(entry.at), "by": said["by"]}
        alert = said.get("alert", said)  # version 0.1.0 told of an alert's state, and of no episode
        now = {"state": alert.get("state", ""), "episode": alert.get("episode", 0)}
        self._rows.put("alert_events", {"id": self._events, **told, "sentence": sentence, "seq": entry.seq, **now})

    def _review(self, entry: Entry, said: Row) -> None:
        kind, about = said.pop("kind"), said.pop("about", {"family": "", "run": ""})
        review = REVIEWS[kind].model_validate(said)
        place = (about["family"], about["run"], entry.at, entry.seq)
        self._rows.put("reviews", review_row(review, entry.subject, *place))

    def _lease(self, entry: Entry, said: Row) -> None:
        self._rows.put("leases", lease_row(SignedLease.model_validate(said), entry.seq))

    def _revocation(self, entry: Entry, said: Row) -> None:
        self._rows.put("revocations", revocation_row(Revocation.model_validate(said), entry.seq))

    def _fire_drill(self, _: Entry, said: Row) -> None:
        self._rows.put("drills", drill_row(FireDrill.model_validate(said)))

    def _person(self, entry: Entry, said: Row) -> None:
        self._rows.put("people", account_row(Account.model_validate(said["account"]), entry.seq))

    def _token(self, entry: Entry, said: Row) -> None:
        self._rows.put("tokens", token_row(Token.model_validate(said["token"]), entry.seq))

    def _message(self, entry: Entry, said: Row) -> None:
        message = Message.model_validate(said)
        self._rows.put("outbox", message_row(message))
        for row in mention_rows(message):
            self._rows.put("outbox_alerts", row)

    def _routed(self, _: Entry, said: Row) -> None:
        for name in said["notices"]:
            self._rows.put("outbox", {"id": name, "sent_at": said["sent_at"], "error": said["error"]})

    def _delivery(self, entry: Entry, said: Row) -> None:
        if self._rows.get("outbox", entry.subject) is None:
            return  # owed before the ledger told of messages; carried with its state
        change: Row = {
            name: said[name] for name in ("attempts", "error", "sent_at", "next_at", "failed_at") if name in said
        }
        self._rows.put("outbox", {"id": entry.subject, **change})
        if "reason" in said:
            self._rows.put("deliveries", attempt_row(entry.subject, said, entry.at, entry.seq))

    def _carried(self, entry: Entry, said: list[Row]) -> None:
        later = {"assigned": ""} if entry.subject == "alerts" else {}
        for row in said:
            self._rows.put(entry.subject, {**later, **row})


def rebuild(old: Store, path: Path, tick: Callable[[int], object] = lambda seq: None) -> list[Difference]:
    """Replay the ledger of `old` into a fresh store at `path`; returns every row in which the two differ.

    The chain is checked on the way; `tick` is told the number of each row. Raises StoreError where something lies at
    `path` already, and LedgerBroken naming the first row that does not hold.
    """
    if path.exists():
        raise StoreError(f"{path}: something is there already; name a file that is not there yet")
    with Store.open(path, create=True) as fresh:
        with fresh.transaction():
            _replay(old.ledger.chain(), old.items.packed, fresh, tick)
            for table in TAKEN_OVER:
                for page in old._tables.pages(table, old._tables.key(table)):
                    fresh._tables.insert_all(table, page)
        return list(compare(old, fresh))


def restored(entries: Iterable[Entry], packed: Packed, path: Path) -> Store:
    """A fresh store at `path`, open, in which rows of a ledger happened again; `packed`: the items they tell of.

    Raises LedgerBroken naming the first row that does not read.
    """
    fresh = Store.open(path, create=True)
    try:
        with fresh.transaction():
            _replay(entries, packed, fresh, lambda seq: None)
    except BaseException:
        fresh.close()
        raise
    return fresh


def _replay(entries: Iterable[Entry], packed: Packed, fresh: Store, tick: Callable[[int], object]) -> None:
    rows = _Drawer(fresh)
    replay, ledger = _Replay(packed, rows), list[Row]()

    def write() -> None:
        fresh._tables.insert_all("ledger", ledger)
        ledger.clear()
        rows.write()

    for entry in entries:
        try:
            replay.apply(entry)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LedgerBroken(entry.seq, f"its body does not read as a {entry.kind}: {error}") from error
        ledger.append(fresh.ledger.row_of(entry))
        if len(ledger) == BATCH:
            write()
        tick(entry.seq)
    write()


def compare(old: Store, fresh: Store) -> Iterator[Difference]:
    """Every row in which two stores differ, table by table, by their keys."""
    for table in old._tables.names():
        if table not in LEFT_OUT:
            key = old._tables.key(table)
            yield from _compared(table, key, _by_key(old, table, key), _by_key(fresh, table, key))


def _by_key(store: Store, table: str, key: str) -> Iterator[Row]:
    return chain.from_iterable(store._tables.pages(table, key))


def _compared(table: str, key: str, old: Iterator[Row], fresh: Iterator[Row]) -> Iterator[Difference]:
    mine, theirs = next(old, None), next(fresh, None)
    while mine is not None or theirs is not None:
        if theirs is None or (mine is not None and mine[key] < theirs[key]):
            assert mine is not None  # noqa: S101 - one of the two is there
            yield Difference(table=table, key=str(mine[key]), seq=_seq(mine), why="the ledger says nothing of it")
            mine = next(old, None)
        elif mine is None or theirs[key] < mine[key]:
            why = "it is gone from the table; the ledger has it"
            yield Difference(table=table, key=str(theirs[key]), seq=_seq(theirs), why=why)
            theirs = next(fresh, None)
        else:
            changed = [name for name in mine if not _same(mine[name], theirs.get(name), MEANT.get((table, name)))]
            if changed:
                yield Difference(table=table, key=str(mine[key]), seq=_seq(theirs), why=_told(changed, mine, theirs))
            mine, theirs = next(old, None), next(fresh, None)


def _told(changed: list[str], mine: Row, theirs: Row) -> str:
    first = changed[0]
    also = f", and {', '.join(changed[1:])} differ too" if changed[1:] else ""
    return f"{first} is {_short(mine[first])} in the table and {_short(theirs.get(first))} by the ledger{also}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _seq(row: Row) -> int | None:
    return int(row["seq"]) if row.get("seq") is not None else None


def _same(mine: object, theirs: object, record: type[Record] | None = None) -> bool:
    """Equal, or spelled otherwise by another version: keys in another order, or without a field that it did not know.

    What the table lacks is read as its default; where the ledger says anything else, the two are not the same.
    """
    if mine == theirs:
        return True
    if not (isinstance(mine, str) and isinstance(theirs, str) and mine[:1] == theirs[:1] == "{"):
        return False
    try:
        if json.loads(mine) == json.loads(theirs):
            return True
        return record is not None and record.model_validate_json(mine) == record.model_validate_json(theirs)
    except ValueError:
        return False
