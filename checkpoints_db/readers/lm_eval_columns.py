"""Columns of numbers, one row a document, that grow block by block; and what likelihoods and sizes of answers give."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from checkpoints_db import samples
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.likelihood_metrics import METRICS, Found
from checkpoints_db.readers.lm_eval_file import Places, Rows

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
