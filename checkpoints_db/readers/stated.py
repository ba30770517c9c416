"""What a log states beside its numbers, read alike for every harness: names, lists, moments, conditions, neighbours."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.strict import json_of, number_of, printable, text_of
from checkpoints_db.records import digest_of

ROUNDING = 1e-6
"""How far a number recomputed from single answers may lie from the log's own."""

LARGEST = 1e15
"""No single answer is worth more; squares of such numbers still add up."""


def list_of(body: Any, path: Path, field: str) -> list[Any]:
    """`body` as a JSON list. Raises UnreadableFile naming `field`."""
    if not isinstance(body, list):
        raise UnreadableFile(str(path), field, f"a list is expected, found {type(body).__name__}")
    return body


def name_of(body: Any, path: Path, field: str) -> str:
    """`body` as a name that can be shown. Raises UnreadableFile naming `field`."""
    if not isinstance(body, str) or not body.strip():
        raise UnreadableFile(str(path), field, "missing; a name is expected")
    return printable(body, path, field)


def measured_of(body: Any, path: Path, field: str) -> float:
    """What one answer measured. Raises UnreadableFile naming `field` for what is no number, or too large to be real."""
    number = number_of(body, path, field)
    if abs(number) > LARGEST:
        raise UnreadableFile(str(path), field, f"{number:g} is too large to be real")
    return number


def agrees(one: float, other: float) -> bool:
    """Whether two statements of one number are the same to rounding.

    >>> agrees(0.1 + 0.2, 0.3), agrees(0.5, 0.51)
    (True, False)
    """
    return abs(one - other) <= ROUNDING * max(1.0, abs(one), abs(other))


def conditions_of(body: Any, path: Path, field: str) -> str:
    """Digest of all that must agree for two results to be compared. Raises UnreadableFile when it nests endlessly."""
    try:
        return digest_of(body)
    except RecursionError as error:
        raise UnreadableFile(str(path), field, "nested deeper than any configuration") from error


def second_of(body: Any, path: Path, field: str) -> datetime:
    """A moment given in seconds since 1970. Raises UnreadableFile naming `field`."""
    seconds = number_of(body, path, field)
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableFile(str(path), field, f"{seconds:g} is no time in seconds since 1970") from error


def moment_of(body: Any, path: Path, field: str) -> datetime | None:
    """A moment written as text; without a zone it is UTC, as both harnesses that leave it out write it. None if absent.

    Raises UnreadableFile naming `field`.
    """
    if body is None or body == "":
        return None
    if not isinstance(body, str):
        raise UnreadableFile(str(path), field, "no date; it is written as 2026-11-23 09:00:00")
    try:
        moment = datetime.fromisoformat(body.removesuffix(" UTC").strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        why = f"{body[:40]!r} is no date; it is written as 2026-11-23 09:00:00"
        raise UnreadableFile(str(path), field, why) from error


def neighbour_of(path: Path, name: str, why: str) -> Any:
    """The JSON of the file called `name` beside `path`.

    While it is missing or damaged, `path` waits for it rather than being damaged itself: IncompleteResult. `why`
    completes the sentence "NAME beside it ...".
    """
    other = path.parent / name
    if not other.is_file():
        raise IncompleteResult(str(path), f"{name} beside it {why} and is not there", waits_for=name)
    try:
        return json_of(text_of(other), other)
    except (IncompleteResult, UnreadableFile) as error:
        why = f"{name} beside it {why} and cannot be read ({error})"
        raise IncompleteResult(str(path), why, waits_for=f"a whole {name}") from error
