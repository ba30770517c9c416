"""MLflow's file store: `EXPERIMENT/RUN/metrics/KEY` holds lines of `milliseconds value step`, and nothing else.

Which run they are of, its parameters and tags, and the standard errors, lie in the folders beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.exports import Cells, Row, Sheet
from checkpoints_db.readers.strict import text_of

_LINE = re.compile(r"(\d{1,17}) (\S+)(?: (-?\d{1,17})(?: .*)?)?")
_ABOUT = ("params", "tags")
"""Folders of a run that say what it is."""
_LISTED = 10_000
"""Files of one kind in the folder of a run that are looked at."""


def is_metric(path: Path, head: bytes) -> bool:
    """Whether this is a file of the store: its place says so, and its first line."""
    first = head.partition(b"\n")[0].decode("utf-8", "replace").strip()
    return "metrics" in path.parts[2:-1] and _LINE.fullmatch(first) is not None


def store_sheet(path: Path) -> tuple[Sheet, str]:
    """The metric in this file with all that lies beside it, and the name of its column."""
    folder, own = _placed(path)
    about = [f"{kind}.{name}" for kind in _ABOUT for name in _names(folder / kind)]
    beside = [f"metrics.{name}" for name in _names(folder / "metrics")]
    names = list(dict.fromkeys(["run_id", "experiment_id", "timestamp", "step", own, *about, *beside]))
    return Sheet(names, lambda wanted: _rows(folder, own, path, wanted)), own


def column_of(path: Path) -> str:
    """The name of the column of this metric."""
    return _placed(path)[1]


def files_beside(path: Path, columns: Iterable[str]) -> list[Path]:
    """The files that hold `columns` of its run; and the description of its experiment, from where the run is named."""
    folder, own = _placed(path)
    parted = (name.partition(".") for name in columns if name != own)
    found = dict.fromkeys(folder / kind / key for kind, _, key in parted if kind in (*_ABOUT, "metrics") and key)
    return [*found, folder.parent / "meta.yaml"]


def _placed(path: Path) -> tuple[Path, str]:
    """The folder of its run, and the name of its column."""
    places = [i for i, part in enumerate(path.parts[:-1]) if part == "metrics" and i > 1]
    known = (i for i in places if (Path(*path.parts[:i]) / "meta.yaml").is_file())
    at = next(known, places[-1])  # a key may hold a "metrics/" of its own
    return Path(*path.parts[:at]), "metrics." + "/".join(path.parts[at + 1 :])


def _rows(folder: Path, own: str, path: Path, wanted: Sequence[str]) -> Iterator[Row]:
    about: Cells = {"run_id": folder.name, "experiment_id": folder.parent.name}
    beside: dict[str, dict[str, str]] = {}
    for name in wanted:
        kind, dot, key = name.partition(".")
        if dot and kind in _ABOUT:
            about[name] = text_of(folder / kind / key).strip()
        elif kind == "metrics" and name != own:
            lines = _lines(folder / kind / key)
            beside[name] = {step: value for _, _, value, step in lines}
    for where, stamp, value, step in _lines(path):
        found = {name: values[step] for name, values in beside.items() if step in values}
        yield Row(where, {**about, "timestamp": stamp, "step": step, own: value, **found})


def _lines(path: Path) -> Iterator[tuple[str, str, str, str]]:
    text = text_of(path)
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise UnreadableFile(str(path), f"line {number}", f"{line[:60]!a} is not `milliseconds value step`")
        yield f"line {number}", found[1], found[2], found[3] or "0"
    if not text.endswith("\n"):
        raise IncompleteResult(str(path), "its last line has no end")


def _names(folder: Path) -> list[str]:
    """Names of the files below a folder, as MLflow has them: with slashes."""
    try:
        found = sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())
    except OSError as error:
        raise UnreadableFile(str(folder), "", f"cannot be listed: {error.strerror or error}") from error
    return found[:_LISTED]
