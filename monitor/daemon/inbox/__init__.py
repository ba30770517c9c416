"""The inbox: which files of the sources are new, settled and readable; known by content, not by name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from checkpoints_db import File, Store
from checkpoints_db.records.duration import Duration
from monitor.clock import Clock
from monitor.daemon.inbox.bucket import Bucket
from monitor.daemon.inbox.folder import Folder, sha256_of
from monitor.daemon.inbox.place import Kept, Look, Place
from monitor.daemon.spool import PUSHED, Spool
from monitor.settings import Settings, Source

__all__ = ["Bucket", "Folder", "Look", "Place", "arrivals", "names_of", "sha256_of", "sources_of"]

Fresh = dict[str, tuple[Place, Look]]


def sources_of(settings: Settings) -> tuple[Source, ...]:
    """The sources of the settings, and what was pushed while the daemon was leading."""
    return (*settings.source, Source(path=settings.at(settings.spool) / PUSHED))


def _places(sources: Iterable[Source], base: Path, spool: Path | None) -> list[Place]:
    copies = Spool(spool or base / "spool")
    return [
        Folder(base / source.path, source.pattern) if source.path else Bucket(source.url, source.pattern, copies)
        for source in sources
    ]


def names_of(sources: Iterable[Source], base: Path, spool: Path | None = None) -> set[str]:
    """The files that readers open for what lies in the sources now."""
    return {str(place.path(name)) for place in _places(sources, base, spool) for name in place.looks()}


def arrivals(
    store: Store,
    sources: Iterable[Source],
    base: Path,
    clock: Clock,
    settle: Duration,
    *,
    spool: Path | None = None,
    baseline: bool = False,
) -> list[File]:
    """Note every new settled file of the sources as `arrived` and return all files that wait to be read.

    A file is settled when its size and time (or etag) did not change over `settle`. All arrivals are written down, in
    one transaction, before any of them is read: a forecast sealed from the first one can then never judge the second.
    Raises Unreachable where a source cannot be looked through.
    """
    fresh = _fresh(store, _places(sources, base, spool))
    if fresh:
        with store.transaction():
            store.evidence.sight_all({name: (*look, "") for name, (_, look) in fresh.items()}, clock.now())
        clock.sleep(settle.total_seconds())
        taken = {name: place.keep(name, look) for name, (place, look) in _steady(fresh).items()}
        kept = {name: one for name, one in taken.items() if one is not None}
        whole = _steady({name: fresh[name] for name in kept})
        with store.transaction():
            _note(store, {name: look for name, (_, look) in whole.items()}, kept, clock.now(), baseline=baseline)
    return store.evidence.files("arrived", "waiting")


def _fresh(store: Store, places: Iterable[Place]) -> Fresh:
    """What looks otherwise than when its content was taken; each name once, in the order of the sources."""
    known = store.evidence.looks()
    fresh: Fresh = {}
    for place in places:
        for name, look in place.looks().items():
            if known.get(name) != look:
                fresh.setdefault(name, (place, look))
    return fresh


def _steady(fresh: Fresh) -> Fresh:
    """What still looks as it did."""
    asked: dict[Place, set[str]] = {}
    for name, (place, _) in fresh.items():
        asked.setdefault(place, set()).add(name)
    now = {place: place.looks(names) for place, names in asked.items()}
    return {name: (place, look) for name, (place, look) in fresh.items() if now[place].get(name) == look}


def _note(store: Store, whole: dict[str, Look], kept: dict[str, Kept], at: datetime, *, baseline: bool) -> None:
    """Write down what settled: how it looked and, once for each content that is new, a file that has arrived."""
    seen = store.evidence.sight_all({name: (*look, kept[name].sha256) for name, look in whole.items()}, at)
    new = store.evidence.unknown([sighting.sha256 for sighting in seen.values()])
    files: dict[str, File] = {}
    for name, sighting in seen.items():
        if sighting.sha256 in new and sighting.sha256 not in files:
            files[sighting.sha256] = File(
                sha256=sighting.sha256,
                path=str(kept[name].path),
                size=sighting.size,
                status="arrived",
                baseline=baseline,
                seen_at=sighting.seen_at,
                seen_after=sighting.seen_after,
                changed_at=at,
            )
    store.evidence.put_files(list(files.values()), at)
