"""The TOML files that policies are written in: read with their limits, and kept with the lines things stand at."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from checkpoints_db.errors import BadPolicy
from policies.lines import Lines, Place

SHELF = Path(__file__).parent / "shelf"
MAX_BYTES = 1 << 20
"""A policy that people read is far smaller than this."""


@dataclass(frozen=True)
class PolicyFile:
    """One file as it was read."""

    path: str
    """As messages name it."""
    text: str
    body: dict[str, Any]
    lines: Lines

    def at(self, place: Place) -> str:
        """The file and the line that a key stands at, as `mine.toml:12`."""
        line = self.lines.of(place)
        return self.path if line is None else f"{self.path}:{line}"

    def wrong(self, place: Place, why: str) -> BadPolicy:
        """The error that something is wrong with this key."""
        return BadPolicy(self.path, why, self.lines.of(place))


def read_file(path: Path) -> PolicyFile:
    """The TOML file at `path`. Raises BadPolicy for one that cannot be read, is too large, or is no TOML."""
    return parsed(str(path), text_of(path))


def text_of(path: Path) -> str:
    """What is written in a policy file. Raises BadPolicy for one that cannot be read or is too large."""
    name = str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise BadPolicy(name, f"is larger than a policy may be; it has at most {MAX_BYTES} bytes")
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        why = f"cannot be read: {error.strerror}; shipped policies are {', '.join(shelf_names())}"
        raise BadPolicy(name, why) from error
    except UnicodeDecodeError as error:
        raise BadPolicy(name, "is not UTF-8 text", data[: error.start].count(b"\n") + 1) from error


def parsed(name: str, text: str) -> PolicyFile:
    """The TOML of a policy file. Raises BadPolicy, by its `name`, where it is none."""
    try:
        return PolicyFile(name, text, tomllib.loads(text), Lines(text))
    except tomllib.TOMLDecodeError as error:
        hint = next((right for wrong, right in _RIGHT.items() if wrong in str(error)), "")
        raise BadPolicy(name, f"is no valid TOML: {error}{hint}", _line_of_syntax(str(error), text)) from error
    except (RecursionError, ValueError) as error:
        raise BadPolicy(name, f"is no valid TOML: {error}") from error


def in_memory(body: dict[str, Any], name: str) -> PolicyFile:
    """A body that never was a file; nothing of it has a line."""
    return PolicyFile(name, "", body, Lines(""))


def shelf_names() -> list[str]:
    """Names of the policies that are shipped."""
    return sorted(path.stem for path in SHELF.glob("*.toml"))


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name that `name` may be a slip of, if there is one; of several, the one that begins like it.

    >>> nearest("tial", ["tail", "resolve"]), nearest("judgment", ["budget", "judging"])
    ('tail', 'judging')
    """

    def begins_alike(other: str) -> int:
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, other, strict=False)))

    return max(difflib.get_close_matches(name, known), key=begins_alike, default=None)


_RIGHT = {
    "Cannot overwrite": "; a key may stand once in its table: take one of the two out",
    "Invalid value": '; text stands in quotes: key = "text"',
}
"""What would be right, where the reader of TOML only says what is wrong."""


def _line_of_syntax(message: str, text: str) -> int | None:
    match = re.search(r"at line (\d+)", message)
    return int(match[1]) if match else text.count("\n") + 1
