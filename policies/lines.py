"""Where things stand in a TOML text: the standard library's reader keeps no line numbers.

`Lines` walks a text that the reader has accepted, so it checks nothing; it only notes at which line every table, key
and element begins and ends.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple

Place = tuple[str | int, ...]
"""The way to a key: names of tables and keys, and numbers of the elements of an array."""


class Excerpt(NamedTuple):
    """Some whole lines of a text; `first` and `last` count from 1, and both belong to it."""

    first: int
    last: int
    text: str


class Lines:
    """Where the tables, keys and elements of a TOML text stand. Raises RecursionError for one nested too deep."""

    _BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
    _PART = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[\w-]+)[ \t]*""")
    _STRING = re.compile(
        r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'""", re.DOTALL
    )
    _BARE = re.compile(r"[^,\]}\n#]*")

    def __init__(self, text: str) -> None:
        self._text, self._at_char = text, 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._spans: dict[Place, tuple[int, int]] = {}
        self._counts: dict[Place, int] = {}
        table: Place = ()
        while self._skip() < len(text):
            if text[self._at_char] == "[":
                table = self._header()
            else:
                self._pair(table)

    def of(self, place: Place) -> int | None:
        """Line of a key, or of the nearest table or key around it; None where nothing is known."""
        while place and place not in self._spans:
            place = place[:-1]
        return self._spans[place][0] if place else None

    def table(self, place: Place) -> Excerpt | None:
        """The lines of a key or table with the tables inside it, and nothing of what stands around them.

        >>> Lines("[[rules]]\\nid = 'a'\\n\\n# next\\n[[rules]]\\nid = 'b'\\n").table(("rules", 0))
        Excerpt(first=1, last=2, text="[[rules]]\\nid = 'a'")
        """
        if place not in self._spans:
            return None
        first = self._spans[place][0]
        last = max(end for inner, (_, end) in self._spans.items() if inner[: len(place)] == place)
        return Excerpt(first, last, "\n".join(self._text.split("\n")[first - 1 : last]))

    def _line(self) -> int:
        return bisect_left(self._ends, self._at_char) + 1

    def _skip(self) -> int:
        """Past white space and comments."""
        found = self._BLANK.match(self._text, self._at_char)
        self._at_char = found.end() if found else self._at_char
        return self._at_char

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at_char)
        if found is None:
            self._at_char = len(self._text)  # not TOML after all; what stands here is found by its surroundings
            return ""
        self._at_char = found.end()
        return found[0]

    def _dotted(self) -> list[str]:
        parts = []
        while part := self._take(self._PART).strip():
            parts.append(part[1:-1] if part[0] in "\"'" else part)
            if self._text[self._at_char : self._at_char + 1] != ".":
                break
            self._at_char += 1
        return parts

    def _header(self) -> Place:
        first = self._line()
        doubled = self._text.startswith("[[", self._at_char)
        self._at_char += 2 if doubled else 1
        parts = self._dotted()
        self._at_char += 2 if doubled else 1
        place = self._resolve(parts, doubled=doubled)
        self._spans.setdefault(place, (first, first))
        # An unknown array of tables is refused by its bare name, before its elements are looked at.
        self._spans.setdefault(tuple(parts), (first, first))
        return place

    def _resolve(self, parts: list[str], *, doubled: bool) -> Place:
        """The place of a table: the last element of every array of tables on the way, a new one for `[[...]]`."""
        place: Place = ()
        for depth, part in enumerate(parts, start=1):
            place = (*place, part)
            if doubled and depth == len(parts):
                self._counts[place] = self._counts.get(place, -1) + 1
            if place in self._counts:
                place = (*place, self._counts[place])
        return place

    def _pair(self, table: Place) -> None:
        first, place = self._line(), table
        for part in self._dotted():
            place = (*place, part)
            self._spans.setdefault(place, (first, first))
        self._at_char += 1
        self._skip()
        self._value(place)
        self._spans[place] = (self._spans.get(place, (first, first))[0], self._line())

    def _value(self, place: Place) -> None:
        opener = self._text[self._at_char : self._at_char + 1]
        if opener in ("'", '"') and opener:
            self._take(self._STRING)
        elif opener in ("[", "{") and opener:
            self._inside(place, closer="]" if opener == "[" else "}")
        else:
            self._take(self._BARE)

    def _inside(self, place: Place, *, closer: str) -> None:
        """The elements of an array, or the pairs of an inline table."""
        self._at_char += 1
        number = 0
        while self._skip() < len(self._text) and self._text[self._at_char] != closer:
            if self._text[self._at_char] == ",":
                self._at_char += 1
            elif closer == "}":
                self._pair(place)
            else:
                first = self._line()
                self._value((*place, number))
                self._spans[(*place, number)] = (first, self._line())
                number += 1
        self._at_char += 1
