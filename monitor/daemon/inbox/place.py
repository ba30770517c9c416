"""What a source is to the inbox: names, how each looks, and its content where a reader can open it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple, Protocol

from fsspec.utils import glob_translate

CHUNK = 1 << 20
GROWING = (".tmp", ".part", "~")


class Look(NamedTuple):
    """How something looks from outside: while this stays, its content is taken to stay."""

    size: int
    stamp: int
    """Time of the last change in nanoseconds, or a number made of etag and times."""


class Kept(NamedTuple):
    """Content that was taken in: its digest, and the file a reader opens."""

    sha256: str
    path: Path


class Place(Protocol):
    """Somewhere files land: a folder, or a prefix of an object store."""

    def looks(self, names: Collection[str] | None = None) -> dict[str, Look]:
        """Everything there that a harness may have finished, by name, in order; or how these names look now.

        Raises Unreachable.
        """
        ...

    def keep(self, name: str, look: Look) -> Kept | None:
        """Its content, whole; None where it is gone or has grown. Look again afterwards: only then it is known."""
        ...

    def path(self, name: str) -> Path:
        """The file a reader opens for it."""
        ...


def passed_over(parts: tuple[str, ...] | list[str]) -> bool:
    """Whether a path below its source is hidden or has a temporary name.

    >>> passed_over(["run", ".cache", "a.json"]), passed_over(["a.json.part"]), passed_over(["run", "a.json"])
    (True, True, False)
    """
    return any(part.startswith(".") for part in parts) or parts[-1].endswith(GROWING)


def matcher(pattern: str) -> re.Pattern[str]:
    """A glob over the path below the source: `*` and `?` stay in one folder, `**` goes through any number.

    >>> [bool(matcher("**/*.json").match(name)) for name in ("a.json", "x/y/a.json", "a.csv")]
    [True, True, False]
    """
    return re.compile(glob_translate(pattern))
