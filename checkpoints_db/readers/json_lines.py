"""JSON lines: one object a line, where only the last line can have been cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.strict import json_of, object_of, text_of


class Line(NamedTuple):
    """One line: where it stands, and what it says."""

    where: str
    body: dict[str, Any]


def lines_of(path: Path, *, gaps: bool = False) -> list[Line]:
    """Every line of the file that is not empty; `gaps` lets NaN and Infinity pass as floats.

    Raises IncompleteResult when the last one is cut off, UnreadableFile naming the line otherwise.
    """
    texts = text_of(path).split("\n")  # not splitlines: a model may write U+2028 inside a string
    last = max((number for number, text in enumerate(texts, start=1) if text.strip()), default=0)
    found = []
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        where = f"line {number}"
        try:
            body = json_of(text, path, where, gaps=gaps)
        except IncompleteResult as error:
            if number < last:
                raise UnreadableFile(str(path), where, "not JSON: the line ends too early") from error
            raise
        found.append(Line(where, object_of(body, path, where)))
    return found
