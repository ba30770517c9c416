"""The inbox: which files of the sources are new, settled and readable; known by content, not by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from checkpoints_db import File, Store
from checkpoints_db.records.duration import Duration
from monitor.clock import Clock
from monitor.settings import Source

CHUNK = 1 << 20


def paths_of(sources: Iterable[Source], base: Path) -> Iterator[Path]:
    """Regular files of the sources, sorted; hidden and temporary names and links that lead outside are passed over."""
    for source in sources:
        root = (source.path if source.path.is_absolute() else base / source.path).resolve()
        for path in sorted(root.glob(source.pattern)):
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if hidden or path.name.endswith((".tmp", ".part", "~")) or not path.is_file():
                continue
            if path.resolve().is_relative_to(root):
                yield path


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def arrivals(
    store: Store, sources: Iterable[Source], base: Path, clock: Clock, settle: Duration, *, baseline: bool = False
) -> list[File]:
    """Note every new settled file of the sources as `arrived` and return all files that wait to be read.

    A file is settled when its size and time did not change over `settle`. All arrivals are written down, in one
    transaction, before any of them is read: a forecast sealed from the first one can then never judge the second.
    """
    fresh = _fresh(store, paths_of(sources, base))
    if fresh:
        with store.transaction():
            for path, (size, mtime) in fresh.items():
                store.evidence.sight(str(path), size, mtime, clock.now())
        clock.sleep(settle.total_seconds())
        steady = {path: look for path, look in fresh.items() if _look(path) == look}
        digests = {path: sha256_of(path) for path in steady if path.is_file()}
        with store.transaction():
            for path, digest in digests.items():
                if _look(path) == fresh[path]:
                    _note(store, path, fresh[path], digest, clock.now(), baseline=baseline)
    return [f for f in store.evidence.files() if f.status in ("arrived", "waiting")]


def _fresh(store: Store, paths: Iterator[Path]) -> dict[Path, tuple[int, int]]:
    fresh = {}
    for path in paths:
        look = _look(path)
        known = store.evidence.sighting(str(path))
        if look and not (known and known.sha256 and (known.size, known.mtime_ns) == look):
            fresh[path] = look
    return fresh


def _look(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:  # gone between two looks: it is not there, and will be new if it comes back
        return None
    return stat.st_size, stat.st_mtime_ns


def _note(store: Store, path: Path, look: tuple[int, int], digest: str, at: datetime, *, baseline: bool) -> None:
    sighting = store.evidence.sight(str(path), *look, at, digest)
    if store.evidence.file(digest) is None:
        store.evidence.put_file(
            File(
                sha256=digest,
                path=str(path),
                size=look[0],
                status="arrived",
                baseline=baseline,
                seen_at=sighting.seen_at,
                seen_after=sighting.seen_after,
                changed_at=at,
            ),
            at,
        )
