"""Zip files, read entry by entry in bounded memory. Nothing is ever written to disk, and nothing is believed.

The size an entry declares is checked before it is opened, and the bytes it really gives are counted while it is read:
either may lie. Methods: stored, deflate, and zstd (93), which the standard library of Python below 3.14 cannot read.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self, cast

import zstandard

from checkpoints_db.errors import IncompleteResult, UnreadableFile

MIB = 1024 * 1024
MAX_ENTRIES = 65_534
MAX_DIRECTORY = 16 * MIB
MAX_NAME = 1024
MAX_ENTRY = 256 * MIB
"""What one entry may hold."""
MAX_TOTAL = 4096 * MIB
"""What all entries may hold together."""
MAX_RATIO = 1000
"""How far an entry may have been compressed, once it holds more than a MiB; logs of harnesses reach a few dozen."""

_STEP = 64 * 1024
_WINDOW = 32 * MIB  # zstd may ask for a window of 2 GiB; its levels up to 19 need 8 MiB
_END, _LOCATOR, _LOCAL = b"PK\x05\x06", b"PK\x06\x07", b"PK\x03\x04"
_END_SIZE, _LOCATOR_SIZE, _LOCAL_SIZE = 22, 20, 30
_COMMENT = 65_535
_STORED, _DEFLATE, _ZSTD = 0, 8, 93
_ENCRYPTED = 0x1 | 0x40
_UTF8 = 0x800


class DamagedEntry(UnreadableFile):
    """The bytes of one entry do not give what its checksum promises; the others may be whole."""


class _Slice:
    """The compressed bytes of one entry, as a file."""

    def __init__(self, file: IO[bytes], left: int) -> None:
        self.file, self.left = file, left

    def read(self, size: int = -1) -> bytes:
        wanted = min(self.left, _STEP if size < 0 else size)
        raw = self.file.read(wanted)
        self.left -= len(raw)
        return raw


class Archive:
    """The entries of a zip file that `wanted` knows; a context manager. `ignored` counts the others."""

    def __init__(self, path: Path, file: IO[bytes], entries: dict[str, zipfile.ZipInfo], ignored: int) -> None:
        self.path, self.entries, self.ignored = path, entries, ignored
        self._file = file
        self._zstd = zstandard.ZstdDecompressor(max_window_size=_WINDOW)

    @classmethod
    def open(cls, path: Path, wanted: Callable[[str], bool]) -> Self:
        """Read the directory of `path`.

        Raises IncompleteResult when there is none yet; UnreadableFile when it is damaged or over a limit, or a wanted
        entry is doubled, encrypted, compressed in an unknown way, or declares more than it may.
        """
        try:
            file = path.open("rb")
        except OSError as error:
            raise UnreadableFile(str(path), "", f"cannot be opened: {error.strerror or error}") from error
        try:
            found = _directory(path, file)
            ours = [info for info in found if wanted(info.filename)]
            return cls(path, file, _checked(path, ours), len(found) - len(ours))
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def read(self, name: str, limit: int = MAX_ENTRY) -> bytes:
        """A whole entry of at most `limit` bytes. Raises UnreadableFile; DamagedEntry when its bytes are not whole."""
        declared = self.entries[name].file_size
        if declared > limit:
            why = f"{declared} bytes are more than the limit of {limit}"
            raise UnreadableFile(str(self.path), named(name), why)
        return b"".join(self._chunks(name))

    def check(self, name: str) -> None:
        """Read an entry through without keeping it. Raises as `read` does."""
        for _ in self._chunks(name):
            pass

    def _chunks(self, name: str) -> Iterator[bytes]:
        info = self.entries[name]
        sum_of, produced = 0, 0
        try:
            for chunk in _opened(info, self._compressed(info), self._zstd):
                produced += len(chunk)
                if produced > info.file_size:
                    why = f"it declares {info.file_size} bytes and gives more; refused as a decompression bomb"
                    raise UnreadableFile(str(self.path), named(name), why)
                sum_of = zlib.crc32(chunk, sum_of)
                yield chunk
        except (zlib.error, zstandard.ZstdError, OSError) as error:
            raise self._damaged(name, f"cannot be decompressed ({error})") from error
        if produced != info.file_size:
            raise self._damaged(name, f"{produced} bytes where {info.file_size} are declared")
        if sum_of != info.CRC:
            raise self._damaged(name, "its checksum does not hold")

    def _compressed(self, info: zipfile.ZipInfo) -> _Slice:
        self._file.seek(info.header_offset)
        head = self._file.read(_LOCAL_SIZE)
        if len(head) < _LOCAL_SIZE or head[:4] != _LOCAL:
            raise self._damaged(info.filename, "the directory points to no entry")
        flags, method = struct.unpack_from("<HH", head, 6)
        name_size, extra_size = struct.unpack_from("<HH", head, 26)
        name = self._file.read(name_size).decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        if name != info.orig_filename or method != info.compress_type:
            raise self._damaged(info.filename, "the directory and the entry contradict each other")
        self._file.seek(extra_size, 1)
        return _Slice(self._file, info.compress_size)

    def _damaged(self, name: str, why: str) -> DamagedEntry:
        return DamagedEntry(str(self.path), named(name), f"{why}; copy the file again")


def named(name: str) -> str:
    """The name of an entry as a message may show it."""
    return name[:200] if name.isprintable() else ascii(name[:200])


def _opened(info: zipfile.ZipInfo, source: _Slice, zstd: zstandard.ZstdDecompressor) -> Iterator[bytes]:
    """Decompressed bytes in small steps, so that a bomb is noticed before it has gone off."""
    if info.compress_type == _DEFLATE:
        yield from _inflated(source)
        return
    if info.compress_type == _ZSTD:
        with zstd.stream_reader(
            cast("IO[bytes]", source), read_size=_STEP, read_across_frames=True, closefd=False
        ) as reader:
            while chunk := reader.read(_STEP):
                yield chunk
        return
    while chunk := source.read(_STEP):
        yield chunk


def _inflated(source: _Slice) -> Iterator[bytes]:
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    while not engine.eof:
        raw = engine.unconsumed_tail or source.read(_STEP)
        chunk = engine.decompress(raw, _STEP)
        if chunk:
            yield chunk
        elif not raw:
            return


class _End(NamedTuple):
    entries: int
    size: int
    large: bool


def _end_of(path: Path, file: IO[bytes]) -> _End:
    """The record that ends every zip file, found as the standard library finds it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_SIZE - _COMMENT - _LOCATOR_SIZE))
    tail = file.read()
    at = len(tail) - _END_SIZE
    if at < 0 or tail[at : at + 4] != _END or not tail.endswith(b"\0\0"):
        at = tail.rfind(_END)
    if at < 0 or at + _END_SIZE > len(tail):
        raise IncompleteResult(str(path), "the zip file ends too early, its directory is missing")
    entries, directory = struct.unpack_from("<HI", tail, at + 10)
    return _End(entries, directory, tail[max(0, at - _LOCATOR_SIZE) :][:4] == _LOCATOR and at >= _LOCATOR_SIZE)


def _directory(path: Path, file: IO[bytes]) -> list[zipfile.ZipInfo]:
    end = _end_of(path, file)
    if end.large or end.entries > MAX_ENTRIES:
        raise UnreadableFile(str(path), "directory", f"more than the limit of {MAX_ENTRIES} entries")
    if end.size > MAX_DIRECTORY:
        why = f"{end.size} bytes are more than the limit of {MAX_DIRECTORY}"
        raise UnreadableFile(str(path), "directory", why)
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as zipped:
            found = zipped.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error, OSError) as error:
        raise UnreadableFile(str(path), "directory", f"not a zip directory: {error}") from error
    if len(found) > MAX_ENTRIES:
        raise UnreadableFile(str(path), "directory", f"more than the limit of {MAX_ENTRIES} entries")
    return found


def _checked(path: Path, found: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in found:
        why = _refusal(info)
        if info.filename in entries:
            why = "two entries have this name; which one is meant?"
        if why:
            raise UnreadableFile(str(path), named(info.filename), why)
        entries[info.filename] = info
    total = sum(info.file_size for info in found)
    if total > MAX_TOTAL:
        raise UnreadableFile(str(path), "", f"its entries declare {total} bytes, the limit is {MAX_TOTAL}")
    if sum(info.compress_size for info in found) > path.stat().st_size:
        raise UnreadableFile(str(path), "directory", "its entries lie on top of each other")
    return entries


def _refusal(info: zipfile.ZipInfo) -> str:
    """Why an entry must not be opened; empty where it may."""
    if len(info.filename) > MAX_NAME:
        return f"a name of {len(info.filename)} characters, the limit is {MAX_NAME}"
    if info.flag_bits & _ENCRYPTED:
        return "encrypted; write the log without a password"
    if info.compress_type not in (_STORED, _DEFLATE, _ZSTD):
        return f"compression method {info.compress_type} is not known; known are stored, deflate and zstd"
    if info.compress_type == _STORED and info.compress_size != info.file_size:
        return "stored, and yet of two sizes"
    if info.file_size > MAX_ENTRY:
        return f"it declares {info.file_size} bytes, the limit is {MAX_ENTRY}; refused as a decompression bomb"
    if info.file_size > MIB and info.file_size > MAX_RATIO * info.compress_size:
        return f"compressed more than {MAX_RATIO} times; refused as a decompression bomb"
    return ""
