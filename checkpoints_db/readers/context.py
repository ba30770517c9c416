"""What the readings of a file depend on besides its bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from checkpoints_db.errors import EvidenceError
from checkpoints_db.readers import READERS
from checkpoints_db.readers.base import HEAD_BYTES, Leaning, Reader
from checkpoints_db.readers.strict import head_of
from checkpoints_db.records import digest_of


def context_of(path: Path, readers: Sequence[Reader] = ()) -> str:
    """Digest of the name of `path` and of the files beside it that it is read with; empty where it speaks for itself.

    Names go as far up as the folder that holds all of them, so one that was moved or copied whole keeps its contexts.
    While a file beside is not there, the context is that of this folder alone: nobody knows yet what will come.
    `readers` are those that settings add.
    """
    try:
        head = head_of(path, HEAD_BYTES)
        asked = (reader for reader in (*readers, *READERS) if isinstance(reader, Leaning))
        beside = [other for reader in asked if reader.recognises(path, head) for other in reader.beside(path)]
    except EvidenceError:  # gone, or not ours to open: nothing can be said of it
        return ""
    if not beside:
        return ""
    folder = os.path.commonpath([each.parent for each in (path, *beside)])
    named = [[os.path.relpath(other, folder), _content(other)] for other in beside]
    return digest_of([os.path.relpath(path, folder), named])


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return f"not in {path.parent}"
