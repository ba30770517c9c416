"""The file of a bundle: a zip archive that any tool opens, sealed by a digest of all its bytes in its comment.

It is read as data, in memory: nothing is unpacked to a path, names are compared with those a bundle may have, and
sizes are bounded before anything is inflated.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

from checkpoints_db.errors import BadBundle
from checkpoints_db.ledger import Entry
from checkpoints_db.ledger_lines import entries_of
from monitor.bundle.records import FORMAT, Manifest

MANIFEST, LEDGER, CHART, ITEMS = "bundle.json", "ledger.jsonl", "chart.svg", "items/"
NAMES = re.compile(r"bundle\.json|ledger\.jsonl|chart\.svg|items/[0-9a-f]{64}")
SEAL = b"holdpoint bundle sha256:"
LARGEST = 4 << 30
"""Bytes of a bundle, and of all it holds when inflated."""
LONGEST = 64 << 20
"""Bytes of one row, of the manifest and of the chart."""
MOST = 100_000
"""Entries of the archive."""
RATIO = 500
"""How much smaller than its content an entry may be; rows full of digests are far from it."""
_CHUNK = 1 << 20
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError, KeyError)


class Bundle:
    """An open bundle. Use as a context manager, or close it."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self.path, self.manifest, self._archive = path, manifest, archive

    @classmethod
    def open(cls, path: Path) -> Self:
        """The bundle at `path`. Raises BadBundle for what is none, was touched, is too large, or is newer than this."""
        _must_be_sealed(path)
        with _reading(path):
            archive = zipfile.ZipFile(path)
        try:
            _must_be_bounded(path, archive)
            return cls(path, archive, _manifest(path, _read(path, archive, MANIFEST)))
        except BaseException:
            archive.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self) -> Iterator[Entry]:
        """The rows of the ledger, linked. Raises LedgerBroken naming a row, BadBundle where they cannot be read."""
        with _reading(self.path), self._archive.open(LEDGER) as stream:
            yield from entries_of(_lines(self.path, stream))

    @property
    def item_names(self) -> set[str]:
        """Ids of the items that it holds."""
        return {name.removeprefix(ITEMS) for name in self._archive.namelist() if name.startswith(ITEMS)}

    def items(self, name: str) -> bytes | None:
        """The items of an id, as they were stored, or None where they are not in the bundle."""
        held = ITEMS + name
        return _read(self.path, self._archive, held) if held in self._archive.NameToInfo else None

    def chart(self) -> bytes | None:
        """The chart, or None."""
        return _read(self.path, self._archive, CHART) if CHART in self._archive.NameToInfo else None


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise BadBundle(str(path), f"cannot be read: {error}; ask for the file again") from error


def _must_be_sealed(path: Path) -> None:
    """Raise BadBundle unless the comment names the digest of everything before it: a cheap end for every slip."""
    tail = len(SEAL) + 64
    whole = hashlib.sha256()
    with _reading(path), path.open("rb") as stream:
        size = stream.seek(0, 2)
        if size > LARGEST:
            raise BadBundle(str(path), f"is larger than {LARGEST >> 30} GiB, which no bundle is")
        if size <= tail:
            raise BadBundle(str(path), "is no evidence bundle; `holdpoint bundle make` writes one")
        stream.seek(0)
        left = size - 64
        while left:
            chunk = stream.read(min(_CHUNK, left))
            whole.update(chunk)
            left -= len(chunk)
            if not chunk:
                raise BadBundle(str(path), "became shorter while it was read")
        digest = stream.read(64)
        stream.seek(size - tail)
        seal = stream.read(len(SEAL))
    if seal != SEAL:
        raise BadBundle(str(path), "is no evidence bundle, or its end is missing; ask for the file again")
    if digest != whole.hexdigest().encode():
        raise BadBundle(str(path), "is not the file that was made: its bytes do not match its seal; ask for it again")


def _must_be_bounded(path: Path, archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    strange = [name for name in names if not NAMES.fullmatch(name)]
    if strange or len(set(names)) != len(names) or not {MANIFEST, LEDGER} <= set(names) or len(names) > MOST:
        why = f"holds {strange[0]!r}" if strange else "holds an entry twice, too many, or not what a bundle needs"
        raise BadBundle(str(path), f"is no evidence bundle: it {why}")
    for entry in entries:
        plain = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not entry.flag_bits & 0x1
        if not plain or entry.file_size > RATIO * (entry.compress_size + 64):
            raise BadBundle(str(path), f"{entry.filename} is packed as no bundle is, or would inflate beyond measure")
    if sum(entry.file_size for entry in entries) > LARGEST:
        raise BadBundle(str(path), f"holds more than {LARGEST >> 30} GiB")


def _read(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    with _reading(path):
        if archive.getinfo(name).file_size > LONGEST:
            raise BadBundle(str(path), f"{name} is larger than {LONGEST >> 20} MiB")
        return archive.read(name)


def _lines(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    while line := stream.readline(LONGEST + 1):
        if len(line) > LONGEST or not line.endswith(b"\n"):
            raise BadBundle(str(path), f"{LEDGER} has a row that is too long, or not whole")
        yield line


def _manifest(path: Path, text: bytes) -> Manifest:
    try:
        said = json.loads(text)
        form = said["format"]
        if isinstance(form, int) and form > FORMAT:
            raise BadBundle(
                str(path),
                f"was made by a newer holdpoint (format {form}, this one reads {FORMAT}); upgrade to verify it",
            )
        manifest = Manifest.model_validate(said)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadBundle(str(path), f"{MANIFEST} does not read: {error}") from error
    if manifest.as_text().encode() != text:
        raise BadBundle(str(path), f"{MANIFEST} is not spelled as a bundle spells it")
    return manifest


def write(
    path: Path, manifest: str, rows: Iterable[bytes], items: Iterable[tuple[str, bytes]], chart: bytes | None
) -> str:
    """Write a bundle, whole or not at all; returns the digest of its seal. The same content is the same file.

    `manifest` as canonical JSON, `rows` as lines without their end, `items` by their ids.

    Raises BadBundle where it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            _put(archive, MANIFEST, [manifest.encode()])
            _put(archive, LEDGER, (line + b"\n" for line in rows))
            for name, body in items:
                _put(archive, ITEMS + name, [body])
            if chart is not None:
                _put(archive, CHART, [chart])
            archive.comment = SEAL + b"0" * 64
        digest = _sealed(part)
        part.replace(path)
    except OSError as error:
        raise BadBundle(str(path), f"cannot be written: {error.strerror or error}; name another file") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return digest


def _put(archive: zipfile.ZipFile, name: str, chunks: Iterable[bytes]) -> None:
    entry = zipfile.ZipInfo(name)  # dated 1980: when it was made says nothing
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=name == LEDGER) as stream:
        for chunk in chunks:
            stream.write(chunk)


def _sealed(part: Path) -> str:
    whole: Any = hashlib.sha256()
    with part.open("r+b") as stream:
        left = stream.seek(0, 2) - 64
        stream.seek(0)
        while left:
            chunk = stream.read(min(_CHUNK, left))
            whole.update(chunk)
            left -= len(chunk)
        stream.write(whole.hexdigest().encode())
    return str(whole.hexdigest())
