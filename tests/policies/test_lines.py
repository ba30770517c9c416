"""Every key of a TOML text is found at its line, however the text is laid out."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from policies.files import SHELF
from policies.lines import Lines, Place

TEXT = '''\
# [not] = a table
name = "mine # not a comment"
include = [
  "a.toml",   # first
  "b = [c].toml",
]
long = """
[judging]
tail = 9 \\""" still
"""
raw = \'\'\'
x = 1\'\'\'\'
"quoted.key".'inner' = { a = 1, b = [1, { c = 2 }] }

[judging]
tail = 0.01

[owners]
"tiny/*" = "olga"

[[rules]]
id = "one"
select = { task = ["a",
  "b"], kind = "continuous" }
[rules.answers]
inconclusive = "warn"
# of the next

[[rules]]
id = "two"
'''

FOUND: list[tuple[Place, int | None]] = [
    (("name",), 2),
    (("include", 0), 4),
    (("include", 1), 5),
    (("long",), 7),
    (("raw",), 11),
    (("quoted.key", "inner", "b", 1, "c"), 13),
    (("judging",), 15),
    (("judging", "tail"), 16),
    (("judging", "unknown"), 15),
    (("owners", "tiny/*"), 19),
    (("rules",), 21),
    (("rules", 0), 21),
    (("rules", 0, "select", "task", 1), 24),
    (("rules", 0, "select", "kind"), 24),
    (("rules", 0, "answers", "inconclusive"), 26),
    (("rules", 1, "id"), 30),
    (("nowhere",), None),
]


@pytest.mark.parametrize(("place", "line"), FOUND)
def test_lines(place: Place, line: int | None) -> None:
    tomllib.loads(TEXT)
    assert Lines(TEXT).of(place) == line


def test_the_lines_of_a_table() -> None:
    lines = Lines(TEXT)
    found = [lines.table(("rules", number)) for number in (0, 1)]
    assert [(part.first, part.last) for part in found if part] == [(21, 26), (29, 30)]
    assert found[1] is not None
    assert found[1].text == '[[rules]]\nid = "two"'
    assert lines.table(("rules", 2)) is None


def test_rules_in_an_inline_array_are_found_too() -> None:
    lines = Lines('rules = [\n  { id = "a" },\n  { id = "b" },\n]\n')
    assert lines.of(("rules", 1, "id")) == 3


def leaves(value: Any, place: Place = ()) -> list[Place]:
    if isinstance(value, dict):
        return [place, *(leaf for key, inner in value.items() for leaf in leaves(inner, (*place, key)))]
    if isinstance(value, list):
        return [place, *(leaf for key, inner in enumerate(value) for leaf in leaves(inner, (*place, key)))]
    return [place]


@pytest.mark.parametrize("path", sorted(SHELF.glob("*.toml")), ids=lambda path: path.stem)
def test_every_key_of_the_shelf_stands_where_it_is_written(path: Any) -> None:
    text = path.read_text(encoding="utf-8")
    lines, rows = Lines(text), text.split("\n")
    for place in leaves(tomllib.loads(text)):
        if place and isinstance(place[-1], str) and place != ("rules",):
            at = lines.of(place)
            assert at is not None
            assert place[-1] in rows[at - 1]


@pytest.mark.parametrize("cut", range(0, len(TEXT), 7))
def test_a_text_that_is_cut_off_ends(cut: int) -> None:
    Lines(TEXT[:cut])
