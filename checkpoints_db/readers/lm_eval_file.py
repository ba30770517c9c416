"""A samples file of lm-eval, gone through in blocks: what each row gives is kept as numbers, its text is not.

Rows of the shape of their file are decoded fast (`lm_eval_shape`), all others strictly (`lm_eval_rows`); both give the
same. What a row does wrong is only noted as a number: once every row has been counted, the first bad one that counts is
read again, and says itself what is wrong with it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.json_lines import Block, RawLine, blocks_of, line_at, line_of
from checkpoints_db.readers.likelihood_metrics import Found
from checkpoints_db.readers.lm_eval_rows import LARGEST_ID, Row, row_of
from checkpoints_db.readers.lm_eval_shape import Shapes
from checkpoints_db.readers.strict import json_of, opened, text_of

TOGETHER = 16
"""Rows that are decoded at a time where a whole block cannot be."""
ENOUGH = 4096
"""Rows that are computed with at a time, at least."""
Places = NDArray[np.intp]
"""Which of the rows of a file, in the order of the file."""


_ID = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]


class Measure(Protocol):
    """What is computed from the rows of one output type, row after row, in bounded memory."""

    @property
    def typed(self) -> Mapping[str, Any]:
        """Fields that are used, and the types under which they are decoded fast; `doc_id` and `filter` are added."""

    def block(self, rows: list[Any], mine: list[Any]) -> bool:
        """Take whole `rows` of one shape at once, of which `mine` are measured; False, and nothing taken, otherwise."""

    def fast(self, row: Any) -> bool:
        """Take a row of the usual shape; False, and nothing taken, where it has to be read strictly."""

    def strict(self, row: Row) -> None:
        """Take a row in all generality. A row that is wrong is noted; `Rows.again` and the same checks tell later."""

    def passed(self, row: Any) -> None:
        """Note a row of another filter, decoded either way."""

    def settle(self) -> None:
        """Compute what one block of rows gives, and forget their texts."""

    def found(self, rows: Rows, kept: Places, notes: list[str]) -> Found:
        """The metrics over the rows that count. Raises UnreadableFile naming the first row that is wrong."""


class Rows:
    """Number, place and filter of every row of one file."""

    def __init__(self, path: Path, chosen: str, measure: Measure) -> None:
        """Go through `path`: rows of the filter `chosen` are measured, the others counted.

        Raises IncompleteResult and UnreadableFile as `line_of` and `row_of` do.
        """
        self.path, self.chosen = path, chosen
        self.unnamed = False
        """Whether a row does not name its filter (0.4.2)."""
        self._doc_ids, self._filters = array("q"), array("q")
        self._numbers, self._offsets = array("q"), array("q")
        self._named: dict[str, int] = {}
        self._listed: list[Any] = []
        if _is_list(path):
            self._through_list(measure)
        else:
            self._through_lines(measure)
        self.doc_ids = np.frombuffer(self._doc_ids, dtype=np.int64)
        self.filters = np.frombuffer(self._filters, dtype=np.int64)
        self.names = list(self._named)

    def __len__(self) -> int:
        return len(self._doc_ids)

    def again(self, place: int) -> Row:
        """One row, read again and strictly."""
        if self._listed:
            return row_of(f"row {place + 1}", self._listed[place], self.path)
        line = line_at(self.path, self._numbers[place], self._offsets[place])
        return row_of(line.where, line.body, self.path)

    def _through_list(self, measure: Measure) -> None:
        """0.4.2 wrote one JSON array; it is read whole."""
        self._listed = json_of(text_of(self.path), self.path)
        for i, body in enumerate(self._listed, start=1):
            self._strictly(row_of(f"row {i}", body, self.path), measure, i, 0)
        measure.settle()

    def _through_lines(self, measure: Measure) -> None:
        shapes = Shapes({**measure.typed, "doc_id": _ID, "filter": str})
        settled = 0
        for block in blocks_of(self.path):
            if not self._at_once(block, shapes, measure):
                for piece in block.pieces(TOGETHER):
                    if not self._at_once(piece, shapes, measure):
                        self._one_by_one(piece, shapes, measure)
            if len(self) - settled >= ENOUGH:
                measure.settle()
                settled = len(self)
        measure.settle()

    def _at_once(self, block: Block, shapes: Shapes, measure: Measure) -> bool:
        """Take lines whose rows are all of the usual shape; False, and nothing taken, where one is not."""
        starts = block.starts()
        rows = shapes.decoded(block.raw, starts.size - 1) if block.is_objects(starts) else []
        if not rows:
            return False
        filters = ["none"] * len(rows) if rows[0].filter is None else [row.filter for row in rows]
        names = dict.fromkeys(filters)
        mine = rows
        if names.keys() != {self.chosen}:
            mine = [row for row, name in zip(rows, filters, strict=True) if name == self.chosen]
        if not measure.block(rows, mine):
            return False
        for name in names:
            self._named.setdefault(name, len(self._named))
        self._doc_ids.extend([row.doc_id for row in rows])
        self._filters.extend([self._named[name] for name in filters])
        self._numbers.extend(range(block.number, block.number + len(rows)))
        self._offsets.frombytes((starts[:-1] + block.offset).astype(np.int64).tobytes())
        self.unnamed = self.unnamed or rows[0].filter is None
        return True

    def _one_by_one(self, block: Block, shapes: Shapes, measure: Measure) -> None:
        for line in block.lines():
            rows = shapes.decoded(line.raw, 1)
            if rows and self._fast(rows[0], measure, line):
                continue
            body = line_of(line, self.path).body
            if not rows:
                shapes.learn(body, line.raw)
            self._strictly(row_of(f"line {line.number}", body, self.path), measure, line.number, line.offset)

    def _fast(self, row: Any, measure: Measure, line: RawLine) -> bool:
        chosen = "none" if row.filter is None else row.filter
        if chosen == self.chosen and not measure.fast(row):
            return False
        if chosen != self.chosen:
            measure.passed(row)
        self._note(row.doc_id, chosen, line.number, line.offset, named=row.filter is not None)
        return True

    def _strictly(self, row: Row, measure: Measure, number: int, offset: int) -> None:
        (measure.strict if row.filter == self.chosen else measure.passed)(row)
        self._note(row.doc_id, row.filter, number, offset, named="filter" in row.body)

    def _note(self, doc_id: int, chosen: str, number: int, offset: int, *, named: bool) -> None:
        self._doc_ids.append(doc_id)
        self._filters.append(self._named.setdefault(chosen, len(self._named)))
        self._numbers.append(number)
        self._offsets.append(offset)
        self.unnamed = self.unnamed or not named

    # -- what counts --------------------------------------------------------------------------------------------------

    def once(self, notes: list[str]) -> Places:
        """The rows that count, in order of document: each (document, filter) once.

        The harness appends to an existing file: rows that repeat are dropped with a note. Raises UnreadableFile naming
        the line when two rows of one document differ.
        """
        order = np.lexsort((np.arange(len(self)), self.filters, self.doc_ids))
        same = (np.diff(self.doc_ids[order]) == 0) & (np.diff(self.filters[order]) == 0)
        repeats = np.flatnonzero(np.append(False, same)) if len(self) else np.empty(0, dtype=np.intp)
        if repeats.size:
            firsts = np.maximum.accumulate(np.where(np.append(False, same), 0, np.arange(order.size)))
            for later, first in sorted(zip(order[repeats].tolist(), order[firsts[repeats]].tolist(), strict=True)):
                self._agree(first, later)
            notes.append(f"{repeats.size} repeated rows counted once (the harness appends to an existing file)")
        kept = np.sort(np.delete(order, repeats))
        by_document: Places = kept[np.argsort(self.doc_ids[kept], kind="stable")]
        return by_document

    def _agree(self, first: int, later: int) -> None:
        one, other = self.again(first), self.again(later)
        if any(one.body.get(key) != other.body.get(key) for key in ("filtered_resps", "target")):
            why = f"document {one.doc_id} was already answered otherwise on {one.where}; two runs share this file"
            raise UnreadableFile(str(self.path), other.where, why)

    def counted(self, kept: Places, effective: int | None, filters: set[str]) -> str:
        """The filter to measure, after each has been counted against what the results file says.

        `effective`: documents asked, None where that is unknown; `filters`: those the task has results under.
        Likelihoods are the same under every filter. Raises IncompleteResult when documents are missing, UnreadableFile
        when there are more than were asked.
        """
        found = Counter(self.filters[kept].tolist())
        counts = {name: found[place] for place, name in enumerate(self.names) if found[place]}
        for name, count in sorted(counts.items()):
            if effective is not None and count < effective:
                raise IncompleteResult(str(self.path), f"{count} of {effective} documents under filter {name!r}")
            if effective is not None and count > effective:
                why = f"{count} documents where the results file says {effective}"
                raise UnreadableFile(str(self.path), f"filter {name}", why)
        if not counts:
            raise IncompleteResult(str(self.path), "no rows")
        missing = filters - counts.keys()
        if missing and not self.unnamed:
            raise IncompleteResult(str(self.path), f"no rows under filter {min(missing)!r}")
        return first_of(counts)

    def measured(self, kept: Places) -> Places:
        """Of the rows that count those of the chosen filter: which of the measured ones they are, and where they lie.

        The measured rows are numbered in the order of the file.
        """
        number = np.cumsum(self.is_chosen) - 1
        found: Places = number[kept[self.is_chosen[kept]]]
        return found

    def place_of(self, measured: int) -> int:
        """Which row of the file the measured row number `measured` is."""
        return int(np.flatnonzero(self.is_chosen)[measured])

    @property
    def is_chosen(self) -> NDArray[np.bool_]:
        """Of every row, whether it was measured."""
        wanted = self._named.get(self.chosen, -1)
        return np.asarray(self.filters == wanted)


def first_of(filters: Iterable[str]) -> str:
    """The filter to measure: `none`, else the first by name.

    >>> first_of({"strict-match", "flexible-extract"})
    'flexible-extract'
    """
    return min(filters, key=lambda name: (name != "none", name))


def _is_list(path: Path) -> bool:
    with opened(path) as file:
        while raw := file.read(4096):
            text = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
            if text:
                return text.startswith(b"[")
    return False
