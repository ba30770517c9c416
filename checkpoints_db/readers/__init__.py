"""FRONT DOOR: one file per harness. Readers sniff; only exports of trackers are declared (`columns.py`).

A reader of another distribution is asked only where the settings name it: nothing runs in a safety gate that no
reviewed file mentions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from checkpoints_db.errors import IncompleteResult, PolicyError, UnknownFormat, UnreadableFile
from checkpoints_db.readers.base import HEAD_BYTES, MAX_BYTES, Reader, Readout
from checkpoints_db.readers.bigbench import BigBench
from checkpoints_db.readers.helm import Helm
from checkpoints_db.readers.inspect_log import InspectLog
from checkpoints_db.readers.lm_eval import LmEval
from checkpoints_db.readers.mapped import Mapped
from checkpoints_db.readers.olmes import Olmes
from checkpoints_db.readers.openai_evals import OpenaiEvals
from checkpoints_db.readers.strict import head_of
from checkpoints_db.readers.table import Table
from checkpoints_db.registry import Registry

READERS: Registry[Reader] = Registry(
    "reader", (LmEval(), InspectLog(), Helm(), OpenaiEvals(), BigBench(), Olmes(), Table()), lambda reader: reader.name
)

__all__ = ["HEAD_BYTES", "MAX_BYTES", "READERS", "Reader", "Readout", "read", "readers_from"]


def readers_from(names: Iterable[str]) -> tuple[Reader, ...]:
    """The readers of other distributions that are named; a built-in one may be, and is asked anyhow.

    Raises UnknownName where no installed distribution offers one, PolicyError where what it offers cannot be loaded or
    is no reader.
    """
    built_in = READERS.names()
    named = {name: _outside(name) for name in names}
    return tuple(reader for name, reader in named.items() if name not in built_in)


def _outside(name: str) -> Reader:
    try:
        found = READERS.get(name)
    except (ImportError, AttributeError, SyntaxError) as error:
        why = f"{type(error).__name__}: {error}"
        raise PolicyError(f"reader {name!r} is installed and cannot be imported ({why}); repair its package") from error
    reader = found() if isinstance(found, type) else found
    if not isinstance(reader, Reader) or reader.name != name:
        raise PolicyError(
            f"what is installed as reader {name!r} is none: it needs `name = {name!r}`, `recognises` and `read`; "
            "checkpoints_db/README.md shows one"
        )
    return reader


def read(path: Path, readers: Sequence[Reader] = ()) -> Readout:
    """Everything one result file says, by the reader that recognises it: one of ours, or of those that settings add.

    The plain table gives way to declared columns; nobody else does.

    Raises UnknownFormat when no reader or more than one does, UnreadableFile when the file is damaged (the message
    names the field), IncompleteResult when it is cut off or waits for another file. Nothing is half-read.
    """
    head = head_of(path, HEAD_BYTES)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise UnreadableFile(str(path), "size", f"{size} bytes are more than the limit of {MAX_BYTES}; split the file")
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n"):
        raise IncompleteResult(str(path), "the file is empty")
    ours: list[Reader] = [reader for reader in (*readers, *READERS) if reader.recognises(path, head)]
    if any(isinstance(reader, Mapped) for reader in ours):
        ours = [reader for reader in ours if not isinstance(reader, Table)]
    if len(ours) > 1:
        names = " and ".join(reader.name for reader in ours)
        raise UnknownFormat(str(path), f"{names} both recognise its content")
    if ours:
        return ours[0].read(path)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile(str(path), "encoding", "UTF-16; write the file as UTF-8")
    if b"\0" in head or head.startswith(b"PK\x03\x04"):
        raise UnreadableFile(str(path), "", "binary content; known are UTF-8 text (JSON, JSON lines, CSV) and `.eval`")
    raise UnknownFormat(str(path))
