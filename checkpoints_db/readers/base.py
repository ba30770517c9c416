"""What a reader is, and what it hands back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from checkpoints_db.items import ItemLog
from checkpoints_db.records import Reading, Record

HEAD_BYTES = 64 * 1024
"""How much of a file a reader sees when it is asked whether it recognises it."""

MAX_BYTES = 4 * 1024 * 1024 * 1024
"""Larger files are refused, whoever reads them."""

MAX_TEXT = 128 * 1024 * 1024
"""Larger files are refused where a reader needs them whole: the daemon must not run out of memory."""


class Readout(Record):
    """What one file says."""

    reader: str
    readings: tuple[Reading, ...]
    notes: tuple[str, ...] = ()
    """What the log could not give, said instead of made up."""
    items: tuple[ItemLog, ...] = ()
    """What each document came to, for each task whose samples the file holds."""


@runtime_checkable
class Reader(Protocol):
    """Reads the files of one harness. One file, one line in `readers/__init__.py`, no configuration.

    One that opens other files beside the one it is asked to read is `Leaning`: it names them in `beside`.
    """

    name: str

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether `head`, the first 64 KiB of the file, looks like ours; the name of the file only breaks ties."""

    def read(self, path: Path) -> Readout:
        """The whole file or nothing.

        Raises UnreadableFile naming the field, or IncompleteResult when the file is cut off or waits for its partner.
        """


@runtime_checkable
class Leaning(Protocol):
    """A reader whose files do not all speak for themselves. Without this, equal bytes in two folders are one file."""

    name: str

    def recognises(self, path: Path, head: bytes) -> bool:
        """As every reader."""

    def beside(self, path: Path) -> Sequence[Path]:
        """The other files that the readings of `path` depend on, there or not; none where it speaks for itself."""
