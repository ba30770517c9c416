"""JSON lines: one object a line, where only the last line can have been cut off. Read in blocks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.strict import json_of, object_of, opened

BLOCK = 1 << 18
"""Bytes that are looked at together."""
MAX_LINE = 16 * 1024 * 1024
"""Longer lines are refused: no harness writes that much about one document."""
_BOM = b"\xef\xbb\xbf"
_END, _RETURN, _OPEN, _CLOSE = b"\n\r{}"
_BLANK = b" \t\r\n\v\f"


class Line(NamedTuple):
    """One line: where it stands, and what it says."""

    where: str
    body: dict[str, Any]


class RawLine(NamedTuple):
    """One line as bytes, without its end: its number from 1, and where in the file it begins."""

    number: int
    offset: int
    raw: bytes


class Block(NamedTuple):
    """Some lines as bytes: the first of them has this `number`, and begins at `offset` of the file."""

    raw: bytes
    number: int
    offset: int

    def starts(self) -> NDArray[np.intp]:
        """Where in `raw` each line begins, empty ones too, and where one behind the last would."""
        ends = np.flatnonzero(np.frombuffer(self.raw, dtype=np.uint8) == _END)
        whole = [] if self.raw.endswith(b"\n") else [len(self.raw)]
        return np.concatenate(([-1], ends, whole)).astype(np.intp) + 1

    def is_objects(self, starts: NDArray[np.intp]) -> bool:
        """Whether every line begins with `{` and ends with `}`: then no JSON value goes on from one to the next."""
        text = np.frombuffer(self.raw, dtype=np.uint8)
        last = starts[1:] - 2
        last = last - (text[last] == _RETURN)
        return bool(np.all(text[starts[:-1]] == _OPEN) and np.all(text[last] == _CLOSE))

    def pieces(self, count: int) -> Iterator[Block]:
        """The same lines in blocks of at most so many."""
        starts = self.starts().tolist()
        for first in range(0, len(starts) - 1, count):
            begin, end = starts[first], starts[min(first + count, len(starts) - 1)]
            yield Block(self.raw[begin:end], self.number + first, self.offset + begin)

    def lines(self) -> list[RawLine]:
        """The lines that are not empty."""
        found, number, offset = [], self.number, self.offset
        for text in self.raw.split(b"\n"):  # only there: a model may write U+2028 inside a string
            if text and not text.isspace():
                found.append(RawLine(number, offset, text))
            number, offset = number + 1, offset + len(text) + 1
        return found


def blocks_of(path: Path, start: int = 0, end: int | None = None) -> Iterator[Block]:
    """The lines of the file in blocks, in bounded memory. Raises UnreadableFile for a line above MAX_LINE.

    `start` and `end`: where lines begin, when only those between are wanted; they are numbered from 1 all the same.
    """
    with opened(path) as file:
        file.seek(start)
        number, offset, rest = 1, start, b"" if start else file.read(len(_BOM))
        if rest == _BOM:
            offset, rest = len(_BOM), b""
        while True:
            chunk = file.read(BLOCK if end is None else max(min(BLOCK, end - file.tell()), 0))
            cut = chunk.rfind(b"\n") + 1
            if chunk and not cut:
                rest += chunk
                if len(rest) > MAX_LINE:
                    why = f"longer than the limit of {MAX_LINE} bytes; is this JSON lines?"
                    raise UnreadableFile(str(path), f"line {number}", why)
                continue
            whole, rest = (rest + chunk[:cut], chunk[cut:]) if chunk else (rest, b"")
            if whole:
                yield Block(whole, number, offset)
            ends = np.count_nonzero(np.frombuffer(whole, dtype=np.uint8) == _END)  # faster than bytes.count
            number, offset = number + int(ends), offset + len(whole)
            if not chunk:
                return


def line_at(path: Path, number: int, offset: int) -> Line:
    """The line that begins at `offset`, read again."""
    with opened(path) as file:
        file.seek(offset)
        return line_of(RawLine(number, offset, file.readline(MAX_LINE).rstrip(b"\n")), path)


def line_of(line: RawLine, path: Path, *, gaps: bool = False) -> Line:
    """What a line says, strictly; `gaps` lets NaN and Infinity pass as floats.

    Raises IncompleteResult when it is the last one and cut off, UnreadableFile naming the line otherwise.
    """
    where = f"line {line.number}"
    if b"\0" in line.raw:
        raise UnreadableFile(str(path), where, "a zero byte; this is not text")
    try:
        body = json_of(_text(line, path), path, where, gaps=gaps)
    except IncompleteResult as error:
        if _followed(line, path):
            raise UnreadableFile(str(path), where, "not JSON: the line ends too early") from error
        raise
    return Line(where, object_of(body, path, where))


def _text(line: RawLine, path: Path) -> str:
    try:
        return line.raw.decode("utf-8")
    except UnicodeDecodeError as error:
        with opened(path) as file:
            file.seek(line.offset + len(line.raw))
            last = not file.read(1)
        if error.reason == "unexpected end of data" and last:
            raise IncompleteResult(str(path), "it ends inside a character") from error
        at = line.offset + error.start
        why = f"byte 0x{line.raw[error.start]:02x} at offset {at} is not UTF-8; write the file as UTF-8"
        raise UnreadableFile(str(path), f"line {line.number}", why) from error


def _followed(line: RawLine, path: Path) -> bool:
    """Whether anything but white space comes behind a line."""
    with opened(path) as file:
        file.seek(line.offset + len(line.raw))
        return any(chunk.strip(_BLANK) for chunk in _chunks(file))


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(BLOCK):
        yield chunk


def lines_of(path: Path, *, gaps: bool = False) -> Iterator[Line]:
    """Every line of the file that is not empty, one after the other; `gaps` as in `line_of`.

    Raises IncompleteResult when the last one is cut off, UnreadableFile naming the line otherwise.
    """
    for block in blocks_of(path):
        for line in block.lines():
            yield line_of(line, path, gaps=gaps)
