"""The inbox: which files of the sources are new, settled and readable; known by content, not by name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from checkpoints_db import File, Store
from checkpoints_db.readers.context import context_of
from checkpoints_db.records import digest_of
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
            for name, (_, look) in fresh.items():
                store.evidence.sight(name, *look, clock.now())
        clock.sleep(settle.total_seconds())
        taken = {name: place.keep(name, look) for name, (place, look) in _steady(fresh).items()}
        kept = {name: one for name, one in taken.items() if one is not None}
        whole = _steady({name: fresh[name] for name in kept})
        with store.transaction():
            for name, (_, look) in whole.items():
                _note(store, name, look, kept[name], clock.now(), baseline=baseline)
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


def _note(store: Store, name: str, look: Look, kept: Kept, at: datetime, *, baseline: bool) -> None:
    sha256, context = _identity(store, kept)
    sighting = store.evidence.sight(name, *look, at, sha256)
    known = store.evidence.file(sha256)
    if known is None:
        file = File(
            sha256=sha256,
            path=str(kept.path),
            size=look.size,
            status="arrived",
            baseline=baseline,
            seen_at=sighting.seen_at,
            seen_after=sighting.seen_after,
            changed_at=at,
            content="" if sha256 == kept.sha256 else kept.sha256,
            context=context,
        )
        store.evidence.put_file(file, at)
    elif _moved(known):
        store.evidence.put_file(known.model_copy(update={"path": str(kept.path), "status": "arrived"}), at)


def _identity(store: Store, kept: Kept) -> tuple[str, str]:
    """What the content is known by: its digest; or that of content and context, where both together are new.

    Samples with equal bytes may be those of two models: only what lies beside them says so.
    """
    known = store.evidence.with_bytes(kept.sha256)
    context = context_of(kept.path) if known else ""
    if not context:
        return kept.sha256, ""
    for file in known:
        unread = file.status in ("arrived", "waiting")
        if _moved(file) or context == (context_of(Path(file.path)) if unread else file.context):
            return file.sha256, context
    return digest_of([kept.sha256, context]), context


def _moved(file: File) -> bool:
    """Whether it went elsewhere before it could be read."""
    return file.status in ("arrived", "waiting") and not Path(file.path).is_file()
