"""A flag beside the store, for what cannot be written into it: a full disk, a quota. While it is up, gates hold."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from checkpoints_db.errors import StoreUnreadable

SUFFIX = ".fault"
LEAST = 1 << 20
"""Bytes that must be free where the store lies: with less, the next result may not be written down."""


def up(store: Path, sentence: str) -> None:
    """Raise the flag; where not even that can be written, silence has to do."""
    with suppress(OSError):
        _of(store).write_text(sentence[:2000] + "\n", encoding="utf-8")


def down(store: Path) -> None:
    """Take the flag down."""
    _of(store).unlink(missing_ok=True)


def read(store: Path) -> str:
    """What the flag says; empty where none is up."""
    try:
        return _of(store).read_text(encoding="utf-8", errors="replace").strip() or "a failure that could not be told"
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{_of(store)} cannot be read: {error.strerror or error}"


def must_have_room(store: Path, more: int = 0) -> None:
    """Raise StoreUnreadable where nothing (or not so many bytes more) could be written beside the store.

    A gate would not learn what comes.
    """
    try:
        disk = os.statvfs(store.parent)
    except OSError as error:
        raise StoreUnreadable(str(store), error.strerror or str(error)) from error
    if disk.f_flag & os.ST_RDONLY:
        raise StoreUnreadable(str(store), "the file system is read-only")
    free = disk.f_bavail * disk.f_frsize
    if free < LEAST + more:
        wanted = f", {more} are wanted" if more else ""
        raise StoreUnreadable(str(store), f"the disk is full ({free} bytes are free{wanted})")


def _of(store: Path) -> Path:
    return store.with_name(store.name + SUFFIX)
