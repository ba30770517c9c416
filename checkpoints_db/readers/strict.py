"""Strict text: UTF-8, and JSON without NaN, infinity, doubled keys or bottomless nesting."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

from pydantic import ValidationError

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.base import MAX_TEXT
from checkpoints_db.records import Metric, Reading

_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NEWLINE = b"\n"
_CLOSING = {"{": "}", "[": "]"}


class _NotFiniteError(ValueError):
    pass


class _TwiceError(ValueError):
    pass


def _refuse(text: str) -> NoReturn:
    raise _NotFiniteError(text)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise _TwiceError(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return body


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
_GAPS = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=float, parse_float=_finite)
_LOOSE = json.JSONDecoder()


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file, to be read from its beginning. Raises UnreadableFile when there is none, or it cannot be read."""
    try:
        if not path.is_file():
            raise UnreadableFile(str(path), "", "there is no file here")
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise UnreadableFile(str(path), "", f"cannot be opened: {error.strerror or error}") from error


def head_of(path: Path, size: int) -> bytes:
    """The first `size` bytes of a file. Raises UnreadableFile when there is none, or it cannot be opened."""
    with opened(path) as file:
        return file.read(size)


def text_of(path: Path) -> str:
    """The whole file as text, without BOM. Raises UnreadableFile when it cannot be opened, is too large, no UTF-8."""
    raw = head_of(path, MAX_TEXT + 1)
    if len(raw) > MAX_TEXT:
        why = f"more than the limit of {MAX_TEXT} bytes for a file that is read whole; split the file"
        raise UnreadableFile(str(path), "size", why)
    if b"\0" in raw:
        line = raw.count(NEWLINE, 0, raw.index(0)) + 1
        raise UnreadableFile(str(path), f"line {line}", "a zero byte; this is not text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise IncompleteResult(str(path), "it ends inside a character") from error
        line = raw.count(NEWLINE, 0, error.start) + 1
        why = f"byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8; write the file as UTF-8"
        raise UnreadableFile(str(path), f"line {line}", why) from error


def json_of(text: str, path: Path, where: str = "", *, gaps: bool = False) -> Any:
    """One JSON value. `where` names the line, for files of JSON lines. `gaps` lets NaN and Infinity pass as floats,
    for harnesses that write them on purpose; the reader then has to treat them as missing.

    Raises IncompleteResult when the text ends too early, UnreadableFile for NaN, infinity, a doubled key, a number of
    more than 4300 digits, or nesting that no harness writes.
    """
    text = text.strip()
    try:
        return (_GAPS if gaps else _STRICT).decode(text)
    except json.JSONDecodeError as error:
        place = where or f"line {error.lineno}, column {error.colno}"
        if text and (error.pos >= len(text) or not text.endswith(_CLOSING.get(text[0], text[-1]))):
            raise IncompleteResult(str(path), f"the JSON ends too early ({place})") from error
        raise UnreadableFile(str(path), place, f"not JSON: {error.msg}") from error
    except RecursionError as error:
        raise UnreadableFile(str(path), where, "nested deeper than any result") from error
    except _TwiceError as error:
        raise UnreadableFile(str(path), _at(where, str(error)), "this key occurs twice in one object") from error
    except _NotFiniteError as error:
        raise UnreadableFile(str(path), _at(where, _not_finite(text)), f"{error} is not a finite number") from error
    except ValueError as error:  # Python's limit on the digits of an integer
        raise UnreadableFile(str(path), where, "a number with thousands of digits") from error


def printable(name: str, path: Path, field: str) -> str:
    """A name of a task, metric, model, family or run, when it can be shown as it is.

    Raises UnreadableFile for control characters, line ends, bidirectional overrides and halves of surrogate pairs: they
    let one name pass for another, and a terminal obeys them.
    """
    if not name.isprintable():
        raise UnreadableFile(str(path), field, f"the name {name[:60]!a} holds characters that cannot be shown")
    return name


def _at(where: str, field: str) -> str:
    field = field if field.isprintable() else ascii(field)
    return f"{where}, {field}" if where and field else where or field


def _not_finite(text: str) -> str:
    """Path of the first NaN or infinity, dotted; empty where the rest is broken too."""
    try:
        stack: list[tuple[str, Any]] = [("", _LOOSE.decode(text))]
    except (ValueError, RecursionError):  # broken behind that number as well
        return ""
    while stack:
        path, body = stack.pop()
        if isinstance(body, float) and not math.isfinite(body):
            return path
        inner = list(body.items()) if isinstance(body, dict) else []
        inner = list(enumerate(body)) if isinstance(body, list) else inner
        stack.extend((f"{path}.{key}".lstrip("."), value) for key, value in reversed(inner))
    return ""


def object_of(body: Any, path: Path, field: str) -> dict[str, Any]:
    """`body` as a JSON object. Raises UnreadableFile naming `field` when it is something else."""
    if not isinstance(body, dict):
        raise UnreadableFile(str(path), field, f"{_kind(body)} where an object is expected")
    return body


def number_of(body: Any, path: Path, field: str) -> float:
    """`body` as a finite float; a bool is no number. Raises UnreadableFile naming `field`."""
    if isinstance(body, bool) or not isinstance(body, int | float):
        raise UnreadableFile(str(path), field, f"{_kind(body)} where a number is expected")
    try:
        number = float(body)
    except OverflowError as error:
        raise UnreadableFile(str(path), field, "a number too large to be real") from error
    if not math.isfinite(number):
        raise UnreadableFile(str(path), field, f"{number} is not a finite number")
    return number


def decimal_of(text: str, path: Path, field: str) -> float:
    """A number written with a point. Raises UnreadableFile naming `field` for anything else, NaN included."""
    text = text.strip()
    if not _DECIMAL.fullmatch(text):
        hint = "; write decimals with a point" if "," in text else ""
        raise UnreadableFile(str(path), field, f"{text[:40]!r} is not a number{hint}")
    return number_of(float(text), path, field)


def count_of(body: Any, path: Path, field: str, *, least: int) -> int:
    """`body` as a whole number of at least `least`. Raises UnreadableFile naming `field`."""
    number = number_of(body, path, field)
    if number < least or not number.is_integer():
        raise UnreadableFile(str(path), field, f"{number:g} is not a whole number of at least {least}")
    return int(number)


def in_range(metric: Metric, value: float, path: Path, field: str) -> float:
    """`value`, when the metric can have it. Raises UnreadableFile naming `field` and the range."""
    if not metric.holds(value):
        low = "" if metric.lower is None else f"{metric.lower:g}"
        high = "" if metric.upper is None else f"{metric.upper:g}"
        raise UnreadableFile(str(path), field, f"{value:g} is outside {low}..{high}")
    return value


def reading_of(path: Path, field: str, fields: dict[str, Any]) -> Reading:
    """A Reading; what the record itself refuses (an empty or endless name, a lone surrogate) becomes UnreadableFile."""
    try:
        return Reading(**fields)
    except ValidationError as error:
        raise refused(error, path, field) from error


def refused(error: ValidationError, path: Path, field: str) -> UnreadableFile:
    """What a record says against its values, as an error about the file."""
    first = error.errors()[0]
    what = ".".join(str(part) for part in first["loc"])
    return UnreadableFile(str(path), field, f"{what}: {first['msg']}".lstrip(": "))


def _kind(body: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return names.get(type(body), "a number") + (f" ({body[:40]!r})" if isinstance(body, str) else "")
