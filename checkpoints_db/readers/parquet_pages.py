"""How much memory the pages of a Parquet column ask for, read off their headers before anything is decompressed.

The footer of a file says how large its columns are, and so does every page, and they need not agree: a page of two
kilobytes may claim, and fill, two gigabytes. Parquet libraries believe the page. Page headers are Thrift structs in the
compact protocol (apache/parquet-format, `parquet.thrift`, PageHeader); only the first fields matter here.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

HEADER_BYTES = 256 * 1024
"""The longest header of a page that is looked at; statistics in it are a few values."""
_DEPTH = 8
_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(13)


class Page(NamedTuple):
    """One page: the bytes of its header, and of its content as they lie in the file and as they will lie in memory."""

    header: int
    compressed: int
    uncompressed: int


def largest_page(file: BinaryIO, start: int, length: int, limit: int) -> int:
    """Uncompressed bytes of the largest page of the column that lies at `start`.

    Stops at the first page over `limit`. Raises ValueError where the pages are not what the format wants.
    """
    at, end, largest = start, start + length, 0
    while at < end and largest <= limit:
        file.seek(at)
        page = header_of(file.read(min(HEADER_BYTES, end - at)))
        largest = max(largest, page.uncompressed)
        at += page.header + page.compressed
    if largest <= limit and at != end:
        raise ValueError("its pages are longer than its column")
    return largest


def header_of(raw: bytes) -> Page:
    """The header that `raw` begins with. Raises ValueError where there is none."""
    thrift = _Thrift(raw)
    sizes = thrift.struct({2, 3})
    uncompressed, compressed = sizes.get(2, -1), sizes.get(3, -1)
    if uncompressed < 0 or compressed < 0:
        raise ValueError("a page does not say how large it is")
    return Page(thrift.at, compressed, uncompressed)


class _Thrift:
    """Skips through a struct of the compact protocol, and keeps the whole numbers that were asked for."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def struct(self, wanted: set[int], depth: int = 0) -> dict[int, int]:
        found: dict[int, int] = {}
        field = 0
        while (head := self._byte()) != _STOP:
            kind, step = head & 0x0F, head >> 4
            field = field + step if step else self._zigzag()
            if kind in (_I16, _I32, _I64) and field in wanted:
                found[field] = self._zigzag()
            else:
                self._skip(kind, depth)
        return found

    def _skip(self, kind: int, depth: int) -> None:
        if depth > _DEPTH:
            raise ValueError("a page header nests too deeply")
        if kind in (_TRUE, _FALSE):
            return
        if kind in (_I16, _I32, _I64):
            self._varint()
        elif kind in (_BYTE, _DOUBLE):
            self._forward(1 if kind == _BYTE else 8)
        elif kind == _BINARY:
            self._forward(self._varint())
        elif kind == _STRUCT:
            self.struct(set(), depth + 1)
        else:
            raise ValueError("a page header holds what no page header holds")

    def _byte(self) -> int:
        self._forward(1)
        return self.raw[self.at - 1]

    def _forward(self, count: int) -> None:
        if self.at + count > len(self.raw):
            raise ValueError("a page header ends too early")
        self.at += count

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("a page header holds a number without an end")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
