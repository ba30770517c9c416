"""FRONT DOOR: one file per harness. Readers sniff; they are not configured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from checkpoints_db.errors import IncompleteResult, UnknownFormat, UnreadableFile
from checkpoints_db.readers.base import HEAD_BYTES, MAX_BYTES, Reader, Readout
from checkpoints_db.readers.bigbench import BigBench
from checkpoints_db.readers.helm import Helm
from checkpoints_db.readers.inspect_log import InspectLog
from checkpoints_db.readers.lm_eval import LmEval
from checkpoints_db.readers.olmes import Olmes
from checkpoints_db.readers.openai_evals import OpenaiEvals
from checkpoints_db.readers.strict import head_of
from checkpoints_db.readers.table import Table
from checkpoints_db.registry import Registry

READERS: Registry[Reader] = Registry(
    "reader", (LmEval(), InspectLog(), Helm(), OpenaiEvals(), BigBench(), Olmes(), Table()), lambda reader: reader.name
)

__all__ = ["HEAD_BYTES", "MAX_BYTES", "READERS", "Reader", "Readout", "read"]


def read(path: Path, declared: Sequence[Reader] = ()) -> Readout:
    """Everything one result file says, by the reader that recognises it: one of ours, or one that settings declare.

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
    ours = [reader for reader in declared if reader.recognises(path, head)]
    ours += [reader for reader in READERS if reader.recognises(path, head) and not (ours and reader.name == "table")]
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
