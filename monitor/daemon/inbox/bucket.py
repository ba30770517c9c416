"""A prefix of an object store as a place where files land: listed and fetched by fsspec, read from the spool."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs

from checkpoints_db.errors import Unreachable, UnreadableFile
from checkpoints_db.readers import MAX_BYTES
from monitor.daemon.inbox.place import CHUNK, Kept, Look, matcher, passed_over
from monitor.daemon.spool import Spool

TELLING = (
    "ETag",
    "etag",
    "md5Hash",
    "generation",
    "VersionId",
    "version_id",
    "LastModified",
    "last_modified",
    "mtime",
    "updated",
    "created",
)
"""What stores say of an object that changes when its content does."""
LIMIT = MAX_BYTES
"""Larger objects are not fetched, in bytes."""


class Bucket:
    """What lies under a URL. Names are whole URLs."""

    def __init__(self, url: str, pattern: str, spool: Spool, limit: int = LIMIT) -> None:
        self.url, self.spool, self.limit, self._wanted = url.rstrip("/"), spool, limit, matcher(pattern)
        with self._asked():
            self._fs, root = url_to_fs(url, use_listings_cache=False)
            self._root = str(root).rstrip("/")

    def looks(self, names: Collection[str] | None = None) -> dict[str, Look]:
        """Objects below the URL, sorted. Every look is a listing: of a single object stores tell other things."""
        with self._asked():
            self._fs.invalidate_cache()
            listed: dict[str, dict[str, Any]] = self._fs.find(self._root, detail=True)
        found = {}
        for key, info in sorted(listed.items()):
            if key == self._root and info.get("type") == "file":
                raise Unreachable(self.url, "it is one object; give the URL of its folder, and its name as the pattern")
            below = key.removeprefix(f"{self._root}/")
            name = f"{self.url}/{below}"
            # Some stores list `run2/x` under `run`, and folders as objects of no size.
            if below == key or info.get("type") != "file" or below.endswith("/") or passed_over(below.split("/")):
                continue
            if self._wanted.match(below) and (names is None or name in names):
                found[name] = self._look(name, info)
        return found

    @staticmethod
    def _look(name: str, info: dict[str, Any]) -> Look:
        if info.get("size") is None:
            raise Unreachable(name, "the store does not say how large it is")
        told = [[key, str(info[key])] for key in TELLING if info.get(key) is not None]
        size = int(info["size"])
        made = hashlib.sha256(json.dumps([size, told]).encode()).digest()
        return Look(size, int.from_bytes(made[:8], "big") >> 1)  # SQLite counts to 2**63 - 1

    def keep(self, name: str, look: Look) -> Kept | None:
        """Fetch an object whole into the spool. One that is too large is known by its name, and the walk refuses it."""
        path = self.path(name)
        if look.size > self.limit:
            return Kept(hashlib.sha256(json.dumps([name, *look]).encode()).hexdigest(), path)
        with self._asked(name):
            try:
                digest = self.spool.write(path, self._chunks(name), look.size, name)
            except (FileNotFoundError, UnreadableFile):  # gone, or grown since
                return None
        return Kept(digest, path) if path.stat().st_size == look.size else None

    def _chunks(self, name: str) -> Iterator[bytes]:
        with self._fs.open(self._root + name.removeprefix(self.url), "rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk

    def path(self, name: str) -> Path:
        """Its copy in the spool."""
        folder, _, last = name.rpartition("/")
        return self.spool.place(folder, last)

    @contextmanager
    def _asked(self, name: str = "") -> Iterator[None]:
        try:
            yield
        except (OSError, ImportError, ValueError) as error:  # no network, no access, no driver, no such protocol
            raise Unreachable(name or self.url, f"{type(error).__name__}: {error}") from error
