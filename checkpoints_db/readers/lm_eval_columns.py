"""Columns of numbers, one row a document, that grow block by block; and what likelihoods and sizes of answers give."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from checkpoints_db import samples
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.likelihood_metrics import METRICS, Found
from checkpoints_db.readers.lm_eval_file import Rows
from checkpoints_db.readers.lm_eval_stretch import Places

_TWO_BYTES, _THREE_BYTES, _FOUR_BYTES = 0x80, 0x800, 0x10000
"""The first characters that take so many in UTF-8."""
_HALF, _HALF_MASK = 0xD800, 0xFFFFF800
"""What halves of surrogate pairs have in common."""
NO_TEXT = -1
"""In place of the bytes of a text that holds half of a surrogate pair."""


class Wrong(IntEnum):
    """Why a row cannot be used; it is read again for the words."""

    ROW = 1
    """Its fields do not add up."""
    ACC = 2
    """Its acc is not what its log-likelihoods give."""


class Columns:
    """Named columns."""

    def __init__(self, *names: str) -> None:
        self._blocks: dict[str, list[NDArray[Any]]] = {name: [] for name in names}

    def add(self, **block: ArrayLike) -> None:
        """Append to every column."""
        for name, values in block.items():
            self._blocks[name].append(np.asarray(values))

    def taken(self) -> dict[str, NDArray[Any]]:
        """Every column that has rows."""
        return {name: self.of(name) for name, blocks in self._blocks.items() if blocks}

    def at(self, places: Places) -> dict[str, NDArray[Any]]:
        """These rows, in this order; the columns are gone afterwards, so that they are not in memory twice."""
        found = {}
        for name in list(self._blocks):
            found[name] = self.of(name)[places]
            del self._blocks[name]
        return found

    def of(self, name: str) -> NDArray[Any]:
        """One whole column."""
        blocks = self._blocks[name]
        if len(blocks) != 1:
            self._blocks[name] = blocks = [np.concatenate(blocks)] if blocks else [np.empty(0)]
        return blocks[0]


def size_of(text: str) -> int:
    """UTF-8 bytes; NO_TEXT where it cannot be written as UTF-8."""
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return NO_TEXT


def sizes_of(texts: Sequence[str], delimiter: str) -> tuple[Places, Places]:
    """Characters and UTF-8 bytes of each text without the delimiter before it; NO_TEXT bytes as `size_of` has them.

    >>> [each.tolist() for each in sizes_of([" é", "ab", ""], " ")]
    [[1, 2, 0], [2, 2, 0]]
    """
    codes, mark = _codes("".join(texts)), _codes(delimiter)
    lengths = np.fromiter(map(len, texts), dtype=np.intp, count=len(texts))
    ends = np.cumsum(lengths)
    starts = ends - lengths
    marked = lengths >= mark.size
    for place, code in enumerate(mark):
        marked[marked] = codes[starts[marked] + place] == code
    starts = starts + mark.size * marked
    characters: Places = ends - starts
    if not codes.size or codes.max() < _TWO_BYTES:
        return characters, characters
    weights = 1 + (codes >= _TWO_BYTES).astype(np.intp) + (codes >= _THREE_BYTES) + (codes >= _FOUR_BYTES)
    sizes: Places = _sums(weights, starts, ends)
    return characters, np.where(_sums((codes & _HALF_MASK) == _HALF, starts, ends) > 0, NO_TEXT, sizes)


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _sums(values: NDArray[Any], starts: Places, ends: Places) -> Places:
    total = np.concatenate(([0], np.cumsum(values))).astype(np.intp)
    found: Places = total[ends] - total[starts]
    return found


def likelihood_columns(table: dict[str, NDArray[Any]], rows: Rows, mine: Places, notes: list[str]) -> Found:
    """Log-likelihood per byte and per character, and bits per byte, from the columns of those names."""
    lls, sizes = table["log_likelihood"], table["bytes"]
    if (bad := np.flatnonzero(sizes == NO_TEXT)).size:
        where = rows.again(rows.place_of(mine[bad[0]])).where
        raise UnreadableFile(str(rows.path), f"{where}, arguments", "half of a surrogate pair is not text")
    if not sizes.sum():
        notes.append("the answers are empty texts; no log-likelihood per byte or character, no bits_per_byte")
        return []
    return [
        (METRICS["log_likelihood_per_byte"], samples.ratio(lls, sizes)),
        (METRICS["log_likelihood_per_character"], samples.log_likelihood_per_character(lls, table["characters"])),
        (METRICS["bits_per_byte"], samples.bits_per_byte(lls, sizes)),
    ]
