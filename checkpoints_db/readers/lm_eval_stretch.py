"""One stretch of a samples file of lm-eval, gone through in blocks: what each row gives is kept as numbers.

Rows of the shape of their file are decoded fast (`lm_eval_shape`), all others strictly (`lm_eval_rows`); both give the
same. What a row does wrong is only noted as a number: once every row has been counted, the first bad one that counts is
read again, and says itself what is wrong with it.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from checkpoints_db.items import Items
from checkpoints_db.readers.json_lines import Block, RawLine, blocks_of, line_of
from checkpoints_db.readers.likelihood_metrics import Found
from checkpoints_db.readers.lm_eval_identity import TYPED, identities_of, identity_of_row
from checkpoints_db.readers.lm_eval_rows import LARGEST_ID, Row, row_of
from checkpoints_db.readers.lm_eval_shape import Shapes

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

    def taken(self) -> dict[str, Any]:
        """What was kept of the rows so far, in arrays and plain values."""

    def join(self, taken: list[dict[str, Any]]) -> None:
        """Put what was kept of the stretches of a file, in their order, together."""

    @property
    def items(self) -> Items | None:
        """What each document came to, once `found` was asked; None where the rows do not say."""

    def found(self, rows: Any, kept: Places, notes: list[str]) -> Found:
        """The metrics over the rows that count. Raises UnreadableFile naming the first row that is wrong."""


class Stretch:
    """Document, filter and place of every row of one stretch of a file."""

    def __init__(self, path: Path, chosen: str, measure: Measure) -> None:
        """Rows of the filter `chosen` are measured, the others counted."""
        self.path, self.chosen, self.measure = path, chosen, measure
        self.unnamed = False
        """Whether a row does not name its filter (0.4.2)."""
        self.names: dict[str, int] = {}
        self._doc_ids, self._filters, self._numbers, self._offsets = array("q"), array("I"), array("I"), array("q")
        self._documents, self._texts = array("Q"), array("Q")
        self._lines = 0

    def taken(self) -> dict[str, Any]:
        """What was kept, in arrays and plain values."""
        return {
            "doc_ids": np.frombuffer(self._doc_ids, dtype=np.int64),
            "filters": np.frombuffer(self._filters, dtype=np.uint32),
            "numbers": np.frombuffer(self._numbers, dtype=np.uint32),
            "offsets": np.frombuffer(self._offsets, dtype=np.int64),
            "documents": np.frombuffer(self._documents, dtype=np.uint64),
            "texts": np.frombuffer(self._texts, dtype=np.uint64),
            "names": list(self.names),
            "unnamed": self.unnamed,
            "lines": self._lines,
            "measure": self.measure.taken(),
        }

    def through_list(self, listed: list[Any]) -> None:
        """Take the rows of a JSON array."""
        for i, body in enumerate(listed, start=1):
            self._strictly(row_of(f"row {i}", body, self.path), i, 0)
        self.measure.settle()

    def through_lines(self, start: int = 0, end: int | None = None) -> None:
        """Take the rows on the lines between two places in the file, where lines begin.

        Raises IncompleteResult and UnreadableFile as `line_of` and `row_of` do, with numbers of lines from `start` on.
        """
        shapes = Shapes({"target": Any, **TYPED, **self.measure.typed, "doc_id": _ID, "filter": str})
        settled = 0
        for block in blocks_of(self.path, start, end):
            if not self._at_once(block, shapes):
                for piece in block.pieces(TOGETHER):
                    if not self._at_once(piece, shapes):
                        self._one_by_one(piece, shapes)
            self._lines = block.number + block.raw.count(b"\n") - 1
            if len(self._doc_ids) - settled >= ENOUGH:
                self.measure.settle()
                settled = len(self._doc_ids)
        self.measure.settle()

    def _at_once(self, block: Block, shapes: Shapes) -> bool:
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
        if not self.measure.block(rows, mine):
            return False
        for name in names:
            self.names.setdefault(name, len(self.names))
        self._doc_ids.extend([row.doc_id for row in rows])
        documents, texts = identities_of(rows)
        self._documents.frombytes(documents.tobytes())
        self._texts.frombytes(texts.tobytes())
        self._filters.extend([self.names[name] for name in filters])
        self._numbers.frombytes(np.arange(block.number, block.number + len(rows), dtype=np.uint32).tobytes())
        self._offsets.frombytes((starts[:-1] + block.offset).astype(np.int64).tobytes())
        self.unnamed = self.unnamed or rows[0].filter is None
        return True

    def _one_by_one(self, block: Block, shapes: Shapes) -> None:
        for line in block.lines():
            rows = shapes.decoded(line.raw, 1)
            if rows and self._fast(rows[0], line):
                continue
            body = line_of(line, self.path).body
            if not rows:
                shapes.learn(body, line.raw)
            self._strictly(row_of(f"line {line.number}", body, self.path), line.number, line.offset)

    def _fast(self, row: Any, line: RawLine) -> bool:
        chosen = "none" if row.filter is None else row.filter
        if chosen == self.chosen and not self.measure.fast(row):
            return False
        if chosen != self.chosen:
            self.measure.passed(row)
        self._note(row.doc_id, chosen, line.number, line.offset, named=row.filter is not None)
        documents, texts = identities_of([row])
        self._documents.append(int(documents[0]))
        self._texts.append(int(texts[0]))
        return True

    def _strictly(self, row: Row, number: int, offset: int) -> None:
        (self.measure.strict if row.filter == self.chosen else self.measure.passed)(row)
        self._note(row.doc_id, row.filter, number, offset, named="filter" in row.body)
        document, text = identity_of_row(row)
        self._documents.append(document)
        self._texts.append(text)

    def _note(self, doc_id: int, chosen: str, number: int, offset: int, *, named: bool) -> None:
        self._doc_ids.append(doc_id)
        self._filters.append(self.names.setdefault(chosen, len(self.names)))
        self._numbers.append(number)
        self._offsets.append(offset)
        self.unnamed = self.unnamed or not named
