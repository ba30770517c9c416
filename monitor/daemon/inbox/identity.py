"""Which file of the store some bytes are: equal bytes may be two files, where a reader also reads what lies beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from checkpoints_db import File, Store
from checkpoints_db.readers import Reader
from checkpoints_db.readers.context import context_of
from checkpoints_db.records import digest_of
from monitor.daemon.inbox.place import Kept


def identified(store: Store, kept: Kept, readers: Sequence[Reader] = ()) -> tuple[str, str]:
    """What the content is known by, and its context: its digest; or that of both, where both together are new.

    Samples with equal bytes may be those of two models: only what lies beside them says so.
    """
    known = store.evidence.with_bytes(kept.sha256)
    context = context_of(kept.path, readers) if known else ""
    if not context:
        return kept.sha256, ""
    for file in known:
        unread = file.status in ("arrived", "waiting")
        if is_moved(file) or context == (context_of(Path(file.path), readers) if unread else file.context):
            return file.sha256, context
    return digest_of([kept.sha256, context]), context


def is_moved(file: File) -> bool:
    """Whether it went elsewhere before it could be read."""
    return file.status in ("arrived", "waiting") and not Path(file.path).is_file()
