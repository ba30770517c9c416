"""The spool: whole copies of what does not lie in a folder of this machine, under names that readers can work with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from checkpoints_db.errors import UnreadableFile

PUSHED = "pushed"
"""Folder of what came through standard input as news; every scan of the daemon looks there too."""
HISTORY = "history"
"""Folder of what came through standard input as baseline; no scan looks there, or history would be judged as news."""
LONGEST = 200
"""Longer names, in bytes, are replaced by their digest."""


class Spool:
    """A folder of ours. A file in it is whole: it is written under a hidden name, then renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, folder: str, name: str) -> Path:
        """Where an object of a remote `folder` lies: files of one folder stay together, for readers that want both.

        Neither folder nor name can lead out of the spool, and no two objects share a place.
        """
        safe = name
        if name in ("", ".", "..") or not name.isprintable() or {"/", "\\"} & set(name) or len(_bytes(name)) > LONGEST:
            safe = hashlib.sha256(_bytes(name)).hexdigest()
        return self.root / hashlib.sha256(_bytes(folder)).hexdigest()[:16] / safe

    def write(self, path: Path, chunks: Iterable[bytes], limit: int, named: str) -> str:
        """Write `chunks` to `path`, whole or not at all, and return their SHA-256.

        Raises UnreadableFile, about `named`, for more than `limit` bytes.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        found, size = hashlib.sha256(), 0
        growing = path.with_name(f".{hashlib.sha256(_bytes(path.name)).hexdigest()[:16]}-{os.getpid()}.part")
        try:
            with growing.open("wb") as stream:
                for chunk in chunks:
                    size += len(chunk)
                    if size > limit:
                        raise UnreadableFile(named, "size", f"more than the limit of {limit} bytes; split it")
                    stream.write(chunk)
                    found.update(chunk)
                stream.flush()
                os.fsync(stream.fileno())
            growing.replace(path)
        finally:
            growing.unlink(missing_ok=True)
        return found.hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
