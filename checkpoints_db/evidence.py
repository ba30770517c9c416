"""Evidence: files seen, results, readings without a place, and the series they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from checkpoints_db.drills import NO_DRILL
from checkpoints_db.evidence_rows import (
    TICK,
    File,
    FileStatus,
    Held,
    Kept,
    Recorded,
    Seen,
    SeriesHead,
    Sighting,
    UnplacedReading,
    became_of,
    file_of,
    file_row,
    restated,
    result_row,
    seen_of,
    unplaced_row,
)
from checkpoints_db.ledger import Ledger
from checkpoints_db.records import Axis, Checkpoint, Reading, Result, Series
from checkpoints_db.records.base import digest_of, stamp
from checkpoints_db.series import make_series
from checkpoints_db.tables import Tables


class Evidence:
    """What was observed. Every writing method wants a transaction around it."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

    # -- files --------------------------------------------------------------------------------------------------------

    def sighting(self, path: str) -> Sighting | None:
        """How `path` looked last time, or None."""
        for row in self._tables.rows("sightings", "path = ?", [path]):
            return Sighting.model_validate(row)
        return None

    def looks(self) -> dict[str, tuple[int, int]]:
        """Size and time, by path, of everything whose content is known: one query for a whole scan."""
        rows = self._tables.rows("sightings", "sha256 <> ''")
        return {row["path"]: (row["size"], row["mtime_ns"]) for row in rows}

    def origins(self, sha256: str) -> list[str]:
        """Paths and URLs that had this content when they were last looked at."""
        return [row["path"] for row in self._tables.rows("sightings", "sha256 = ?", [sha256], order_by="path")]

    def sight(self, path: str, size: int, mtime_ns: int, at: datetime, sha256: str = "") -> Sighting:
        """Remember that `path` was seen, keeping the moment it was first seen with its present content or growth."""
        return self.sight_all({path: (size, mtime_ns, sha256)}, at)[path]

    def sight_all(self, seen: Mapping[str, tuple[int, int, str]], at: datetime) -> dict[str, Sighting]:
        """`sight` for many paths, each with its size, time and digest, at the price of a few queries."""
        old = {row["path"]: row for row in self._tables.rows_among("sightings", "path", list(seen))}
        now = {"seen_at": stamp(at), "seen_after": self._ledger.head[0]}
        rows = []
        for path, (size, mtime_ns, sha256) in seen.items():
            before = old.get(path)
            growing = before is not None and not before["sha256"]
            first = {name: before[name] for name in now} if before and growing else now
            rows.append({"path": path, "size": size, "mtime_ns": mtime_ns, **first, "sha256": sha256})
        self._tables.upsert_all("sightings", rows)
        return {row["path"]: Sighting.model_validate(row) for row in rows}

    def file(self, sha256: str) -> File | None:
        """The file with this content, or None."""
        for row in self._tables.rows("files", "sha256 = ?", [sha256]):
            return file_of(row)
        return None

    def with_bytes(self, sha256: str) -> list[File]:
        """Every file of these bytes, oldest first; more than one only where their contexts differ."""
        first = self.file(sha256)
        rows = self._tables.rows("files", "content = ?", [sha256], order_by="seen_at, path") if first else []
        return [*([first] if first else []), *map(file_of, rows)]

    def files(self, *statuses: FileStatus) -> list[File]:
        """Files in the order they were first seen; those of some statuses, where any is named."""
        where = f"status in ({', '.join('?' * len(statuses))})" if statuses else None
        return [file_of(row) for row in self._tables.rows("files", where, statuses, order_by="seen_at, path")]

    def unknown(self, digests: Sequence[str]) -> set[str]:
        """Those of the contents that no file has yet."""
        return set(digests) - {row["sha256"] for row in self._tables.rows_among("files", "sha256", digests)}

    def put_file(self, file: File, at: datetime) -> None:
        """Write down a file's state; the change goes into the ledger."""
        self.put_files([file], at)

    def put_files(self, files: Sequence[File], at: datetime) -> None:
        """Write down the states of files; the changes go into the ledger, in this order."""
        changed = [file.model_copy(update={"changed_at": at}) for file in files]
        self._tables.upsert_all("files", [file_row(file) for file in changed])
        self._ledger.append_all("file", [(file.sha256, file.body()) for file in changed], at)

    # -- results ------------------------------------------------------------------------------------------------------

    def record(
        self, results: Sequence[Result], *, baseline: bool, seen_at: datetime, seen_after: int, at: datetime
    ) -> Recorded:
        """Keep `results`: new ones, known ones (nothing happens), and conflicting ones (kept beside the first).

        A remark (a limit, a cancelled or invalidated evaluation) gives way: a whole result takes the place of a
        remarked one, and a remarked one beside a whole one is kept aside and contradicts nothing. Known numbers of a
        checkpoint that is said to stand elsewhere are kept with a remark, and contradict.
        """
        new: list[Result] = []
        aside: list[Result] = []
        conflicting: list[tuple[Result, Result]] = []
        same = 0
        for told in results:
            result, known = told, self.kept(told.identity)
            if known is not None:
                other = restated(known.result, told)
                if other is None or self.kept(other.identity) is not None:
                    same += 1
                    continue
                result = other
            first = self.counting(result.key)
            became = "conflicting" if known else became_of(None if first is None else first.result, result)
            counts = became == "new"
            if counts and first is not None:
                self._set_aside(first.result.identity)
            instead = first.result.identity if counts and first is not None else ""
            kept = Kept(counts=counts, baseline=baseline, seen_at=seen_at, seen_after=seen_after, instead=instead)
            seq = self._ledger.append("result", result.checkpoint.id, {"result": result.body(), **kept.body()}, at)
            self._tables.insert("results", result_row(result, kept, seq))
            if first is None or counts:
                new.append(result)
            elif became == "aside":
                aside.append(result)
            else:
                conflicting.append((first.result, result))
        return Recorded(new=tuple(new), same=same, aside=tuple(aside), conflicting=tuple(conflicting))

    def _set_aside(self, identity: str) -> None:
        """Let a remarked result count no longer; what the ledger says of its arrival stays."""
        for row in self._tables.rows("results", "identity = ?", [identity]):
            self._tables.upsert("results", {**row, "counts": 0})

    def counting(self, key: str) -> Seen | None:
        """The result that counts for a key, or None."""
        for row in self._tables.rows("results", "key = ? and counts = 1", [key]):
            return seen_of(row)
        return None

    def kept(self, identity: str) -> Seen | None:
        """The result that says exactly this, counting or not, or None."""
        for row in self._tables.rows("results", "identity = ?", [identity]):
            return seen_of(row)
        return None

    def sources(self, identities: Sequence[str]) -> dict[str, str]:
        """Identity of a result -> the file it is from."""
        return {row["identity"]: row["source"] for row in self._tables.rows_among("results", "identity", identities)}

    def results(
        self,
        *,
        family: str | None = None,
        run: str | None = None,
        series: str | None = None,
        checkpoint: str | None = None,
        stage: str | None = None,
    ) -> list[Seen]:
        """Every result kept, counting or not, oldest first."""
        named = {"family": family, "run": run, "series": series, "checkpoint": checkpoint, "stage": stage}
        tests = {column: value for column, value in named.items() if value is not None}
        where = " and ".join(f"{column} = ?" for column in tests) or None
        return [seen_of(row) for row in self._tables.rows("results", where, list(tests.values()), order_by="seq")]

    def walked(self, family: str | None, tick: Callable[[int, int], object]) -> Iterator[Seen]:
        """What `results` gives, one after the other; `tick` is told how many were read, and of how many."""
        where, args = ("family = ?", [family]) if family is not None else (None, [])
        rows = self._tables.rows("results", where, args, order_by="seq")
        for done, row in enumerate(rows, 1):
            yield seen_of(row)
            if done % TICK == 0 or done == len(rows):
                tick(done, len(rows))

    def named(self, name: str) -> list[tuple[str, str]]:
        """The runs that `name` may mean: those called so in any family, and those it names as `family/run`."""
        parts = name.split("/")
        pairs = [("/".join(parts[:i]), "/".join(parts[i:])) for i in range(1, len(parts))]
        whole = [
            pair for pair in pairs if self._tables.rows("results", "family = ? and run = ?", pair, limit=1, select="1")
        ]
        found, last = [], ""
        # One family at a time, by the index: however many results there are, this looks at one of each family.
        while page := self._tables.rows(
            "results", "run = ? and family > ?", [name, last], order_by="family", limit=1, select="family"
        ):
            last = page[0]["family"]
            found.append((last, name))
        return list(dict.fromkeys([*whole, *found]))

    def noticed(self, family: str, run: str, checkpoint: str) -> int | None:
        """Head of the ledger when the first news of a checkpoint was noticed; None where there is none."""
        where = "family = ? and run = ? and checkpoint = ? and baseline = 0"
        place = [family, run, checkpoint]
        for row in self._tables.rows("results", where, place, order_by="seen_after", limit=1, select="seen_after"):
            return int(row["seen_after"])
        return None

    def first_seen(self, family: str, run: str | None = None) -> datetime | None:
        """When the first result of a family, or of one run of it, arrived; None where none has."""
        where, args = ("family = ?", [family]) if run is None else ("family = ? and run = ?", [family, run])
        for row in self._tables.rows("results", where, args, order_by="seen_at", limit=1, select="seen_at"):
            return datetime.fromisoformat(row["seen_at"])
        return None

    def runs(self) -> list[tuple[str, str]]:
        """Every (family, run) that has a result, in order of first arrival."""
        return self._runs_where("1 = 1")

    def runs_with_news(self) -> list[tuple[str, str]]:
        """Every (family, run) that has a result which is no baseline, in order of the first of these."""
        return self._runs_where("baseline = 0")

    def _runs_where(self, where: str) -> list[tuple[str, str]]:
        group, columns = f"{where} group by run, family", "family, run, min(seq) as first"
        found = self._tables.rows("results", group, order_by="first", select=columns)
        return [(row["family"], row["run"]) for row in found]

    @property
    def last(self) -> int:
        """The ledger row of the newest result; 0 before the first."""
        return int(self._tables.last("results", "seq") or 0)

    def families_since(self, seq: int) -> list[str]:
        """Families of which a result arrived after ledger row `seq`, by name."""
        rows = self._tables.rows("results", "seq > ? group by family", [seq], order_by="family", select="family")
        return [row["family"] for row in rows]

    def logs(self, family: str) -> list[str]:
        """Digests of the files that the results of a family are from."""
        rows = self._tables.rows("results", "family = ? group by source", [family], order_by="source", select="source")
        return [row["source"] for row in rows]

    def run_counts(self) -> dict[tuple[str, str], int]:
        """(family, run) -> how many results it has, by name; from the index alone."""
        group = "1 = 1 group by family, run"
        rows = self._tables.rows("results", group, order_by="family, run", select="family, run, count(*) as n")
        return {(row["family"], row["run"]): int(row["n"]) for row in rows}

    def rungs(self, family: str) -> list[tuple[Checkpoint, int, int]]:
        """Every checkpoint of a family with how many results it has, and how many of them came as news."""
        columns = "min(seq) as first, count(*) as n, sum(baseline = 0) as news"
        rows = self._tables.rows("results", "family = ? group by checkpoint", [family], select=columns)
        bodies = {r["seq"]: r["body"] for r in self._tables.rows_among("results", "seq", [r["first"] for r in rows])}
        return [
            (Result.model_validate_json(bodies[row["first"]]).checkpoint, int(row["n"]), int(row["news"]))
            for row in rows
        ]

    def series_heads(self, family: str) -> list[SeriesHead]:
        """Every series of a family, by task and metric, without its results."""
        columns = "series, task, metric, kind, stage, count(*) as results"
        group = "family = ? group by series"
        rows = self._tables.rows("results", group, [family], order_by="task, kind, metric, series", select=columns)
        return [SeriesHead.model_validate({**row, "family": family}) for row in rows]

    def news(self) -> dict[str, int]:
        """Family -> how many of its results arrived as news, in order of first arrival; without fire drills."""
        found = self._tables.rows("results", NO_DRILL, order_by="seq", select="family, baseline")
        counts = dict.fromkeys((row["family"] for row in found), 0)
        for row in found:
            counts[row["family"]] += not row["baseline"]
        return counts

    def series_ids(self, family: str | None = None) -> list[str]:
        """Ids of the series, in order of first arrival."""
        where, args = ("family = ?", [family]) if family is not None else (None, [])
        found = self._tables.rows("results", where, args, order_by="seq", select="series")
        return list(dict.fromkeys(row["series"] for row in found))

    def series(self, series: str, axis: Axis | None = None) -> Series:
        """The series `series` from the results that count and carry no remark, along `axis` or the best axis known."""
        return make_series([seen.result for seen in self.results(series=series) if seen.counts], axis)

    def changed(self, series: str) -> int:
        """Ledger row of the newest result of a series; 0 where there is none."""
        rows = self._tables.rows("results", "series = ?", [series], order_by="seq desc", limit=1, select="seq")
        return int(rows[0]["seq"]) if rows else 0

    def ladders(self, family: str, stage: str, axis: Axis | None = None) -> dict[str, Series]:
        """Series id -> series, of every series of a family at a stage, in order of first arrival."""
        found: dict[str, list[Result]] = {}
        for seen in self.results(family=family, stage=stage):
            counting = found.setdefault(seen.result.series, [])
            if seen.counts:
                counting.append(seen.result)
        return {name: make_series(results, axis) for name, results in found.items()}

    def arrivals(self, family: str, wanted: Callable[[str], bool] = lambda _: True) -> list[tuple[int, Seen]]:
        """Row of the ledger and result, of every result of a family as it was when it arrived, oldest first.

        Of the tasks that are `wanted`, every one unless told.
        """
        found = []
        for row in self._tables.rows("results", "family = ?", [family], order_by="seq"):
            if not wanted(row["task"]):
                continue
            seq, seen = int(row["seq"]), seen_of(row)
            # A remarked result may have been set aside since; the ledger says what it was at first.
            if seen.result.remarks and not seen.counts and self._ledger.entry(seq).value()["counts"]:
                seen = seen.model_copy(update={"counts": True})
            found.append((seq, seen))
        return found

    # -- readings without a place -------------------------------------------------------------------------------------

    def hold(
        self,
        readings: Iterable[tuple[Reading, str]],
        *,
        source: str,
        baseline: bool,
        seen_at: datetime,
        seen_after: int,
        at: datetime,
    ) -> None:
        """Keep readings that could not be placed, each once, with its reason."""
        for reading, reason in readings:
            name = digest_of(reading.body())
            if self._tables.count("unplaced", "id = ?", [name]):
                continue
            held = Held(reason=reason, source=source, baseline=baseline, seen_at=seen_at, seen_after=seen_after)
            self._ledger.append("unplaced", reading.model, {"reading": reading.body(), **held.body()}, at)
            self._tables.insert("unplaced", unplaced_row(name, reading, held))

    def unplaced(self) -> list[UnplacedReading]:
        """Readings that still have no place."""
        return [
            UnplacedReading(
                id=row["id"],
                reading=Reading.model_validate_json(row["body"]),
                reason=row["reason"],
                source=row["source"],
                baseline=bool(row["baseline"]),
                seen_at=row["seen_at"],
                seen_after=row["seen_after"],
            )
            for row in self._tables.rows("unplaced", "placed_at = ''", order_by="seen_at, id")
        ]

    def placed(self, name: str, at: datetime) -> None:
        """Mark an unplaced reading as placed; its row stays."""
        for row in self._tables.rows("unplaced", "id = ?", [name]):
            self._tables.upsert("unplaced", {**row, "placed_at": stamp(at)})
            self._ledger.append("placed", row["model"], {"id": name}, at)
