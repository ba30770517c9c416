"""A folder of this machine as a place where files land."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from checkpoints_db.errors import Unreachable
from monitor.daemon.inbox.place import CHUNK, Kept, Look, matcher, passed_over


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content; empty where there is no file. Raises OSError where it cannot be opened."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                found.update(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return found.hexdigest()


class Folder:
    """A folder; hidden and temporary names, and links that lead outside, are passed over."""

    def __init__(self, root: Path, pattern: str) -> None:
        self.root, self.pattern = root.resolve(), pattern

    def looks(self, names: Collection[str] | None = None) -> dict[str, Look]:
        """Regular files, sorted by path. One directory entry is asked once: a scan of many must stay cheap.

        What is gone between two looks is not there, and will be new if it comes back.
        """
        if names is not None:
            return {name: look for name in names if (look := _stat(name)) is not None}
        wanted = None if self.pattern == "**/*" else matcher(self.pattern)
        cut = len(str(self.root).rstrip("/")) + 1
        found = [
            (entry.path, look)
            for entry in self._entries(str(self.root), self._levels())
            if (wanted is None or wanted.match(entry.path[cut:])) and (look := self._look(entry)) is not None
        ]
        return dict(sorted(found))

    def _levels(self) -> list[str] | None:
        """What each folder on the way is called, where the pattern says so; None where it goes through all."""
        parts = self.pattern.split("/")
        return None if "**" in parts else parts[:-1]

    def _entries(self, folder: str, levels: list[str] | None) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as scanned:
                entries = list(scanned)
        except (FileNotFoundError, NotADirectoryError):  # gone between two looks, or not made yet
            return
        except OSError as error:
            raise Unreachable(folder, error.strerror or str(error)) from error
        for entry in entries:
            linked = entry.is_symlink()
            if not (Path(entry.path).is_dir() if linked else entry.is_dir()):
                if not passed_over([entry.name]):
                    yield entry
            elif entry.name.startswith("."):
                continue
            elif levels is None:
                if not linked:  # a link to a folder could lead round in a ring
                    yield from self._entries(entry.path, None)
            elif levels and fnmatchcase(entry.name, levels[0]) and (not linked or self._inside(entry.path)):
                yield from self._entries(entry.path, levels[1:])

    def _look(self, entry: os.DirEntry[str]) -> Look | None:
        if entry.is_symlink():
            linked = Path(entry.path)
            return _stat(entry.path) if linked.is_file() and self._inside(entry.path) else None
        try:
            stat = entry.stat(follow_symlinks=False) if entry.is_file() else None
        except OSError:
            return None
        return Look(stat.st_size, stat.st_mtime_ns) if stat else None

    def _inside(self, path: str) -> bool:
        return Path(path).resolve().is_relative_to(self.root)

    def keep(self, name: str, look: Look) -> Kept | None:
        """The digest of a file, which is read where it lies."""
        del look
        try:
            digest = sha256_of(Path(name))
        except OSError as error:
            raise Unreachable(name, error.strerror or str(error)) from error
        return Kept(digest, Path(name)) if digest else None

    def path(self, name: str) -> Path:
        """The file itself."""
        return Path(name)


def _stat(name: str) -> Look | None:
    try:
        stat = Path(name).stat()
    except OSError:
        return None
    return Look(stat.st_size, stat.st_mtime_ns)
