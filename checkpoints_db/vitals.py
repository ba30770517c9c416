"""Vitals: how the store is, in a few counts that are cheap however many results it holds."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from checkpoints_db.drills import NO_DRILL
from checkpoints_db.ledger import Ledger
from checkpoints_db.records import EVERYBODY, Verdict
from checkpoints_db.tables import Tables

WAITS = "sent_at = '' and failed_at = ''"
LOST = "sent_at = '' and failed_at > ''"
REAL = "alert not in (select id from alerts where family in (select family from drills))"
"""Of messages: not those of a fire drill."""
GATES = 500
"""Gates that are told one by one; where there are more, the closed ones are."""
WORST = "case answer when 'PAUSE' then 0 when 'HOLD' then 1 when 'WARN' then 2 else 3 end, at desc, gate"


class Place(NamedTuple):
    """A gate as it was last settled, and until when the newest lease of its run goes."""

    family: str
    run: str
    answer: str
    lease_expires: datetime | None
    """None where there is no lease, or it was taken back."""


class Owing(NamedTuple):
    """What the outbox owes."""

    owed: int
    lost: int
    oldest: datetime | None


class Judged(NamedTuple):
    """The verdicts on the newest checkpoint that a family had decided."""

    seq: int
    """Ledger row of that decision."""
    run: str
    checkpoint: str


class Vitals:
    """Counts from small tables and indexes; what belongs to a fire drill counts nowhere. Reads only."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

    def gates(self) -> list[Place]:
        """Gates as they were last settled, the closed ones first; at most GATES."""
        found = self._tables.rows("gates", NO_DRILL, order_by=WORST, limit=GATES, select="family, run, answer")
        return [Place(r["family"], r["run"], r["answer"], self._expiry(r["family"], r["run"])) for r in found]

    def _expiry(self, family: str, run: str) -> datetime | None:
        columns, gate = "expires_at, revoked", [f"{family}/{run}"]
        for row in self._tables.rows("leases", "gate = ?", gate, order_by="number desc", limit=1, select=columns):
            return None if row["revoked"] else datetime.fromisoformat(row["expires_at"])
        return None

    def answers(self) -> dict[str, int]:
        """How many gates were last settled to each answer."""
        return {row["answer"]: int(row["number"]) for row in self._count("gates", "answer")}

    def alerts(self) -> dict[tuple[str, str], int]:
        """How many alerts are in each state, by the answer they go with."""
        return {(row["state"], row["answer"]): int(row["number"]) for row in self._count("alerts", "state", "answer")}

    def _count(self, table: str, *by: str) -> list[dict[str, str]]:
        return self._tables.sums(table, by, {"number": "1"}, None, but=NO_DRILL if table != "files" else "")

    def outbox(self) -> Owing:
        """Messages and notices that wait, messages that are lost, and when the oldest that waits was written."""
        oldest = self._tables.rows("outbox", WAITS, order_by="at", limit=1, select="at")
        return Owing(
            self._tables.count("outbox", WAITS),
            self._tables.count("outbox", f"{LOST} and receiver <> ? and {REAL}", [EVERYBODY]),
            datetime.fromisoformat(oldest[0]["at"]) if oldest else None,
        )

    def files(self) -> dict[str, int]:
        """How many files are in each status."""
        return {row["status"]: int(row["number"]) for row in self._count("files", "status")}

    def seen_below(self, place: str) -> int:
        """How many files were ever seen below a folder or a URL."""
        start = place.rstrip("/") + "/"
        return self._tables.count("sightings", "path >= ? and path < ?", [start, start[:-1] + chr(ord("/") + 1)])

    def last_result(self, family: str) -> datetime | None:
        """When the newest result of a family was noticed; None where there is none."""
        for row in self._tables.rows("results", "family = ?", [family], order_by="seq desc", limit=1, select="seen_at"):
            return datetime.fromisoformat(row["seen_at"])
        return None

    def judged(self, family: str) -> Judged | None:
        """The newest decision of a family that was about a checkpoint."""
        where, columns = "family = ? and checkpoint <> ''", "seq, run, checkpoint"
        for row in self._tables.rows("decisions", where, [family], order_by="seq desc", limit=1, select=columns):
            return Judged(int(row["seq"]), row["run"], row["checkpoint"])
        return None

    def verdicts(self, family: str, judged: Judged) -> list[Verdict]:
        """The newest verdict on every result of the checkpoint that was decided about."""
        where, args = "family = ? and run = ? and checkpoint = ?", [family, judged.run, judged.checkpoint]
        rows = self._tables.rows("verdicts", where, args, order_by="seq", select="result, seq")
        newest = {row["result"]: int(row["seq"]) for row in rows}
        return [Verdict.model_validate(self._ledger.entry(seq).value()) for seq in newest.values()]
