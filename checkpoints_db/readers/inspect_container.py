"""The two containers of an Inspect log: one JSON document, or a zip file (`.eval`) with one entry a sample.

| entry of the zip | content |
|---|---|
| `_journal/...` | what a running log writes as it goes; read by nobody once the run has ended |
| `samples/<id>_epoch_<n>.json`, or a folder of that name with `sample.json` and more | a whole sample |
| `summaries.json` | every sample without its messages: enough for every score |
| `header.json` | the log without samples; written last, so without it the run goes on or was killed |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.archive import MIB, Archive, DamagedEntry
from checkpoints_db.readers.inspect_header import Header, going_on
from checkpoints_db.readers.inspect_samples import Sample, Scored, once, sample_of, scored
from checkpoints_db.readers.strict import head_of, json_of, object_of, text_of

ZIP = b"PK\x03\x04"
MAX_JSON = 128 * MIB
"""What a header, the summaries, or one sample may hold."""
MAX_VALUES = 16_000_000
"""How many values one JSON text may hold; commas and brackets inside of its texts count too."""
_OURS = re.compile(r"(header|summaries|reductions)\.json|_journal/[^\\]+|samples/.+", re.DOTALL)
_SAMPLE = re.compile(r"samples/.+_epoch_\d+(\.json|/sample\.json)", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Container:
    """What one file holds: its header, its samples, and how whole they are."""

    header: Header
    samples: tuple[Sample, ...]
    remarks: tuple[str, ...]
    notes: tuple[str, ...]
    _scored: dict[tuple[str, str], Scored] = field(default_factory=dict, compare=False, repr=False)

    def scored(self, name: str, scorer: str) -> Scored:
        """The scores called `name` that `scorer` gave to all samples; looked for once."""
        key = (name, scorer)
        if key not in self._scored:
            self._scored[key] = scored(self.samples, name, scorer, lambda sample: True)
        return self._scored[key]


def is_ours(name: str) -> bool:
    """Whether a zip entry is one an Inspect log has; names that climb or cannot be shown are nobody's.

    >>> is_ours("samples/add 1/é_epoch_1.json"), is_ours("samples/../x_epoch_1.json"), is_ours("/tmp/header.json")
    (True, False, False)
    """
    climbs = ".." in re.split(r"[/\\]", name)
    return not climbs and name.isprintable() and _OURS.fullmatch(name) is not None


def opened(path: Path) -> Container:
    """Read a log, whatever its name. Raises UnreadableFile, or IncompleteResult where it is cut off or goes on."""
    return _from_zip(path) if head_of(path, len(ZIP)) == ZIP else _from_json(path)


def _from_json(path: Path) -> Container:
    text = text_of(path)
    _few_enough(text, path, "")
    body = object_of(json_of(text, path, gaps=True), path, "")
    header = Header.of({key: value for key, value in body.items() if key != "samples"}, path)
    found = _samples(body.get("samples"), path, "samples")
    return Container(header, found, *_gaps(header, found, stored=len(found), damaged=[]))


def _from_zip(path: Path) -> Container:
    with Archive.open(path, is_ours) as archive:
        stored = [name for name in archive.entries if _SAMPLE.fullmatch(name)]
        if "header.json" not in archive.entries:
            raise going_on(path, f"no header.json beside {len(stored)} samples")
        header = Header.of(_json(archive, "header.json"), path)
        damaged = [name for name in archive.entries if name.startswith("samples/") and not _whole(archive, name)]
        if "summaries.json" in archive.entries:
            found = _samples(_json(archive, "summaries.json"), path, "summaries.json")
        else:
            found = once([_sample(archive, name) for name in stored if name not in damaged], path)
        remarks, notes = _gaps(header, found, stored=len(stored), damaged=damaged)
        if archive.ignored:
            notes = (*notes, f"{archive.ignored} entries have names that no log of Inspect has; they were left alone")
        return Container(header, found, remarks, notes)


def _json(archive: Archive, name: str) -> Any:
    raw = archive.read(name, MAX_JSON)
    try:
        text = raw.decode("utf-8")
        _few_enough(text, archive.path, name)
        return json_of(text, archive.path, name, gaps=True)
    except UnicodeDecodeError as error:
        raise UnreadableFile(str(archive.path), name, "not UTF-8") from error
    except IncompleteResult as error:  # the zip is whole, so it will not grow
        raise UnreadableFile(str(archive.path), name, "the JSON ends too early; copy the file again") from error


def _few_enough(text: str, path: Path, where: str) -> None:
    """Refuse what is small as text and enormous as values: an empty list is two characters and 64 bytes of memory."""
    if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
        why = f"more than the limit of {MAX_VALUES} values; write a log this large as .eval"
        raise UnreadableFile(str(path), where, why)


def _sample(archive: Archive, name: str) -> Sample:
    return sample_of(_json(archive, name), archive.path, name)


def _whole(archive: Archive, name: str) -> bool:
    try:
        archive.check(name)
    except DamagedEntry:
        return False
    return True


def _samples(body: Any, path: Path, where: str) -> tuple[Sample, ...]:
    if body is None:
        return ()
    if not isinstance(body, list):
        raise UnreadableFile(str(path), where, "not a list of samples")
    return once([sample_of(each, path, f"{where}[{index}]") for index, each in enumerate(body)], path)


def _gaps(
    header: Header, found: tuple[Sample, ...], *, stored: int, damaged: list[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Remarks and notes on samples that are missing or broken; a log may also have been written without any."""
    remarks, notes = list(header.remarks()), list(_missing(header, found, stored))
    if notes and "incomplete" not in remarks:
        remarks.append("incomplete")
    if damaged:
        remarks.append("damaged")
        notes.append(f"{len(damaged)} entries of samples are damaged, the first is {damaged[0][:100]}")
    failed = sum(sample.failed for sample in found)
    if failed:
        notes.append(f"{failed} of {len(found)} samples ended in an error and have no score")
    return tuple(remarks), tuple(notes)


def _missing(header: Header, found: tuple[Sample, ...], stored: int) -> Iterator[str]:
    if found and stored < len(found):
        yield f"{stored} samples are in the file where {len(found)} are listed"
    if found and header.completed is not None and len(found) < header.completed:
        yield f"{len(found)} samples are listed where {header.completed} were completed"
    if header.total is not None and header.completed is not None and header.completed < header.total:
        yield f"{header.completed} of {header.total} samples were completed"
