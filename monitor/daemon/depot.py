"""Where backups lie: a folder, or a prefix of an object store, of compressed and checked copies of one store.

A backup is called after the moment it is of and the last row of its ledger: `holdpoint-20261125T034500Z-1234.db.zst`.
What bears such a name is whole: it is uploaded under another one, read back, and then renamed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import zstandard
from fsspec.core import url_to_fs

from checkpoints_db.errors import HoldpointError, StoreError
from checkpoints_db.records import Instant, Record

CHUNK = 1 << 20
LEVEL = 6
_NAME = re.compile(r"holdpoint-(\d{8}T\d{6}Z)-(\d+)\.db\.zst")
_STAMP = "%Y%m%dT%H%M%SZ"


class Kept(Record):
    """One backup that lies there."""

    name: str
    at: Instant
    rows: int
    """Rows of its ledger."""
    size: int


def name_of(at: datetime, rows: int) -> str:
    """What a backup is called.

    >>> name_of(datetime(2026, 11, 25, 3, 45, tzinfo=UTC), 1234)
    'holdpoint-20261125T034500Z-1234.db.zst'
    """
    return f"holdpoint-{at.astimezone(UTC):{_STAMP}}-{rows}.db.zst"


class Depot:
    """The backups below a URL. Raises StoreError, naming the URL, where it does not answer."""

    def __init__(self, url: str, base: Path) -> None:
        """`base`: where a folder that is not absolute begins."""
        self.url = url.rstrip("/") if "://" in url else str(base / url)
        with self._asked():
            self._fs, root = url_to_fs(self.url, use_listings_cache=False)
            self._root = str(root).rstrip("/")

    def all(self) -> list[Kept]:
        """What lies there, oldest first; whatever else is called is not ours and is left alone."""
        with self._asked():
            self._fs.invalidate_cache()
            listed = self._fs.ls(self._root, detail=True) if self._fs.exists(self._root) else []
        found = []
        for each in listed:
            name = str(each["name"]).rpartition("/")[2]
            told = _NAME.fullmatch(name)
            if told is not None and each.get("type") == "file":
                at = datetime.strptime(told[1], _STAMP).replace(tzinfo=UTC)
                found.append(Kept(name=name, at=at, rows=int(told[2]), size=int(each.get("size") or 0)))
        return sorted(found, key=lambda kept: (kept.at, kept.rows))

    def put(self, path: Path, name: str) -> int:
        """Compress a file into the depot, read it back, and only then give it its name; returns its size there."""
        part = f"{self._root}/.{name}.part"
        with self._asked():
            self._fs.makedirs(self._root, exist_ok=True)
            try:
                self._must_read(part, self._packed(path, part))
                self._fs.mv(part, f"{self._root}/{name}")
            except BaseException:
                if self._fs.exists(part):
                    self._fs.rm(part)
                raise
            return int(self._fs.size(f"{self._root}/{name}") or 0)

    def _must_read(self, key: str, digest: bytes) -> None:
        """Raise StoreError where what lies there is not what was in the file."""
        found = hashlib.sha256()
        for chunk in self._chunks(key):
            found.update(chunk)
        if found.digest() != digest:
            raise StoreError(f"{self.url}: a backup reads back otherwise than it was written; nothing was kept")

    def _packed(self, path: Path, key: str) -> bytes:
        """Write a file, compressed, and return the digest of what was in it."""
        digest, packer = hashlib.sha256(), zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        with path.open("rb") as source, self._fs.open(key, "wb") as sink, packer.stream_writer(sink) as packed:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                packed.write(chunk)
        return digest.digest()

    def fetch(self, name: str, target: Path) -> None:
        """Unpack the backup of this name into a file."""
        with self._asked(), target.open("wb") as sink:
            for chunk in self._chunks(f"{self._root}/{name}"):
                sink.write(chunk)

    def prune(self, keep: int, max_age: timedelta | None, at: datetime) -> list[str]:
        """Remove what is beyond the newest `keep`, or older than `max_age`; never the newest one. Returns the names."""
        there = self.all()
        doomed = there[:-keep]
        if max_age is not None:
            doomed += [kept for kept in there[-keep:-1] if at - kept.at > max_age]
        with self._asked():
            for kept in doomed:
                self._fs.rm(f"{self._root}/{kept.name}")
        return [kept.name for kept in doomed]

    def _chunks(self, key: str) -> Iterator[bytes]:
        stream: BinaryIO
        with self._fs.open(key, "rb") as stream, zstandard.ZstdDecompressor().stream_reader(stream) as packed:
            while chunk := packed.read(CHUNK):
                yield chunk

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
        except HoldpointError:
            raise
        except Exception as error:  # the boundary around drivers of object stores: their errors are of no one family
            raise StoreError(
                f"{self.url}: {type(error).__name__}: {error}; check the URL, the network, and the credentials in the "
                "environment (s3:// needs holdpoint[s3], gs:// holdpoint[gcs])"
            ) from error
