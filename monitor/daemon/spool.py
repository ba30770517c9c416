"""The spool: whole copies of what does not lie in a folder of this machine, under names that readers can work with."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.records import Record, digest_of

PUSHED = "pushed"
"""Folder of what was pushed, over HTTP or through standard input, as news; every scan of the daemon looks there too."""
HISTORY = "history"
"""Folder of what came through standard input as baseline; no scan looks there, or history would be judged as news."""
LONGEST = 200
"""Longer names, in bytes, are replaced by their digest."""


class Held(Record):
    """A file of a push, whole in the spool."""

    name: str
    """What it was called by whoever pushed it."""
    path: str
    sha256: str


class Spool:
    """A folder of ours. A file in it is whole: it is written under a hidden name, then renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.untold: set[Path] = set()
        """Folders of pushes that began to lie here through this spool, until somebody was told what became of them."""

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

    def hold(self, folder: str, files: Iterable[tuple[PurePosixPath, Iterable[bytes]]], limit: int) -> tuple[Held, ...]:
        """Write the files of one push below `folder`: all of them, or none, in a folder that no other push shares.

        That folder is known by its content, so the same push lies there once. Until it is whole it is hidden, and no
        scan reads half of it. Raises UnreadableFile for a file of more than `limit` bytes, OSError for a full disk.
        """
        top = (self.root / folder).resolve()
        top.mkdir(parents=True, exist_ok=True)
        growing = Path(tempfile.mkdtemp(prefix=".", dir=top))
        growing.chmod(0o755)
        try:
            found = {name: self.write(growing / name, chunks, limit, str(name)) for name, chunks in files}
            whole = top / digest_of(sorted((str(name), digest) for name, digest in found.items()))[:16]
            if not whole.exists():
                self.untold.add(whole)  # before anybody can read it
            try:
                growing.rename(whole)
            except OSError:
                if not whole.is_dir():
                    self.untold.discard(whole)
                    raise
                for name, digest in found.items():  # pushed before, perhaps this moment; what is sound is left alone
                    if not _holds(whole / name, digest):
                        (whole / name).parent.mkdir(parents=True, exist_ok=True)
                        (growing / name).replace(whole / name)
            _sync(top)
        finally:
            shutil.rmtree(growing, ignore_errors=True)
        return tuple(Held(name=str(name), path=str(whole / name), sha256=digest) for name, digest in found.items())


def _holds(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == digest
    except OSError:
        return False


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
