"""The rows of a samples file of lm-eval: which documents they are, under which filters, and which of them count.

A file of lines is gone through in stretches (`lm_eval_stretch`), a large one with a second process beside this one
(`lm_eval_twin`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.json_lines import line_at
from checkpoints_db.readers.lm_eval_rows import Row, row_of
from checkpoints_db.readers.lm_eval_stretch import Measure, Places, Stretch
from checkpoints_db.readers.lm_eval_twin import taken_by_two
from checkpoints_db.readers.strict import json_of, opened, text_of


class Rows:
    """Number, place and filter of every row of one file."""

    def __init__(self, path: Path, chosen: str, make: Callable[[], Measure], job: dict[str, Any]) -> None:
        """Go through `path`: rows of the filter `chosen` are measured, the others counted.

        `make` makes the measure, and `job` tells a second process what it needs to make the same. Raises
        IncompleteResult and UnreadableFile as `line_of` and `row_of` do.
        """
        self.path, self.chosen, self.measure = path, chosen, make()
        self._listed: list[Any] = []

        def stretch() -> Stretch:
            return Stretch(path, chosen, make())

        if _is_list(path):
            self._listed = json_of(text_of(path), path)
            whole = stretch()
            whole.through_list(self._listed)
            taken = [whole.taken()]
        else:
            taken = taken_by_two(path, stretch, {**job, "chosen": chosen})
        self._join(taken)

    def _join(self, taken: list[dict[str, Any]]) -> None:
        self.measure.join([each.pop("measure") for each in taken])
        named: dict[str, int] = {}
        lines = 0
        for each in taken:
            codes = np.array([named.setdefault(name, len(named)) for name in each["names"]], dtype=np.uint32)
            each["filters"] = codes[each["filters"]] if codes.size else each["filters"]
            each["numbers"] = each["numbers"] + np.uint32(lines)
            lines += each["lines"]
        self.doc_ids, self.filters, self._numbers, self._offsets, self._documents, self._texts = (
            _joined([each.pop(name) for each in taken])
            for name in ("doc_ids", "filters", "numbers", "offsets", "documents", "texts")
        )
        self.names = list(named)
        self.unnamed = any(each["unnamed"] for each in taken)
        """Whether a row does not name its filter (0.4.2)."""

    def __len__(self) -> int:
        return int(self.doc_ids.size)

    def again(self, place: int) -> Row:
        """One row, read again and strictly."""
        if self._listed:
            return row_of(f"row {place + 1}", self._listed[place], self.path)
        line = line_at(self.path, int(self._numbers[place]), int(self._offsets[place]))
        return row_of(line.where, line.body, self.path)

    # -- what counts --------------------------------------------------------------------------------------------------

    def once(self, notes: list[str]) -> Places:
        """The rows that count, in order of document: each (document, filter) once.

        The harness appends to an existing file: rows that repeat are dropped with a note. Raises UnreadableFile naming
        the line when two rows of one document differ.
        """
        order = np.lexsort((self.filters, self.doc_ids))  # of equal rows the first one first
        same = np.append(False, _as_before(self.doc_ids[order]) & _as_before(self.filters[order]))
        repeats = np.flatnonzero(same[: len(self)])
        if not repeats.size:
            del order  # as large as all the rest
            return np.argsort(self.doc_ids, kind="stable")
        firsts = np.maximum.accumulate(np.where(same, 0, np.arange(order.size)))
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
        found = np.bincount(self.filters[kept], minlength=len(self.names)).tolist()
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

    def identified(self, kept: Places) -> dict[str, NDArray[Any]]:
        """Number, identity and text of the documents that `measured` gives, in the same order.

        Identities are gone afterwards, so that they are not in memory twice.
        """
        mine = kept[self.is_chosen[kept]]
        found = {"doc_id": self.doc_ids[mine], "document": self._documents[mine], "text": self._texts[mine]}
        self._documents = self._texts = np.empty(0, dtype=np.uint64)
        return found

    def place_of(self, measured: int) -> int:
        """Which row of the file the measured row number `measured` is."""
        return int(np.flatnonzero(self.is_chosen)[measured])

    @property
    def is_chosen(self) -> NDArray[np.bool_]:
        """Of every row, whether it was measured."""
        wanted = self.names.index(self.chosen) if self.chosen in self.names else -1
        return np.asarray(self.filters == wanted)


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)  # one part is not in memory twice


def first_of(filters: Iterable[str]) -> str:
    """The filter to measure: `none`, else the first by name.

    >>> first_of({"strict-match", "flexible-extract"})
    'flexible-extract'
    """
    return min(filters, key=lambda name: (name != "none", name))


def _as_before(values: NDArray[Any]) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = values[1:] == values[:-1]
    return same


def _is_list(path: Path) -> bool:
    with opened(path) as file:
        while raw := file.read(4096):
            text = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
            if text:
                return text.startswith(b"[")
    return False
