"""The inbox: which files of the sources are new, settled and readable; known by content, not by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from checkpoints_db import File, Sighting, Store
from checkpoints_db.readers import Reader
from checkpoints_db.records.duration import Duration
from monitor.clock import Clock
from monitor.daemon.inbox.bucket import Bucket
from monitor.daemon.inbox.folder import Folder, sha256_of
from monitor.daemon.inbox.identity import identified, is_moved
from monitor.daemon.inbox.place import Kept, Look, Place
from monitor.daemon.spool import PUSHED, Spool
from monitor.settings import Settings, Source

__all__ = ["Bucket", "Folder", "Look", "Place", "arrivals", "identified", "names_of", "sha256_of", "sources_of"]

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
    readers: Sequence[Reader] = (),
    baseline: bool = False,
) -> list[File]:
    """Note every new settled file of the sources as `arrived` and return all files that wait to be read.

    A file is settled when its size and time (or etag) did not change over `settle`. All arrivals are written down, in
    one transaction, before any of them is read: a forecast sealed from the first one can then never judge the second.
    `readers` are those that settings add: what they read beside a file belongs to it, too. Raises Unreachable where
    a source cannot be looked through.
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
            looks = {name: look for name, (_, look) in whole.items()}
            _note(store, looks, kept, clock.now(), readers, baseline=baseline)
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


def _note(
    store: Store,
    looks: dict[str, Look],
    kept: dict[str, Kept],
    at: datetime,
    readers: Sequence[Reader],
    *,
    baseline: bool,
) -> None:
    """Write down what settled: how it looked and, for each content that is new, a file that has arrived.

    The first file of each content goes in with all others: a first look may see very many. Whether another one of
    the same bytes is the same file is then asked for each.
    """
    fresh = store.evidence.unknown([kept[name].sha256 for name in looks])
    firsts = {kept[name].sha256: name for name in reversed(looks) if kept[name].sha256 in fresh}
    first = [name for name in looks if firsts.get(kept[name].sha256) == name]
    seen = store.evidence.sight_all({name: (*looks[name], kept[name].sha256) for name in first}, at)
    files = [_arrived(seen[name], kept[name], at, baseline=baseline) for name in first]
    store.evidence.put_files(files, at)
    for name, look in looks.items():
        if name not in seen:
            _note_again(store, name, look, kept[name], at, readers, baseline=baseline)


def _note_again(
    store: Store, name: str, look: Look, kept: Kept, at: datetime, readers: Sequence[Reader], *, baseline: bool
) -> None:
    """Write down one whose bytes are known: the same file, another one with them, or one that moved."""
    sha256, context = identified(store, kept, readers)
    sighting = store.evidence.sight(name, *look, at, sha256)
    known = store.evidence.file(sha256)
    if known is None:
        store.evidence.put_file(_arrived(sighting, kept, at, baseline=baseline, context=context), at)
    elif is_moved(known):
        store.evidence.put_file(known.model_copy(update={"path": str(kept.path), "status": "arrived"}), at)


def _arrived(sighting: Sighting, kept: Kept, at: datetime, *, baseline: bool, context: str = "") -> File:
    return File(
        sha256=sighting.sha256,
        path=str(kept.path),
        size=sighting.size,
        status="arrived",
        baseline=baseline,
        seen_at=sighting.seen_at,
        seen_after=sighting.seen_after,
        changed_at=at,
        content="" if sighting.sha256 == kept.sha256 else kept.sha256,
        context=context,
    )
