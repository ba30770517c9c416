"""One value of an example replaced by something else: whatever it is, a reader reads, or refuses as evidence."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints_db.errors import EvidenceError
from checkpoints_db.readers import READERS, read

DATA = Path(__file__).parents[1] / "data" / "readers"
FOLDERS = ("helm_mc", "helm_lm", "openai_evals", "bigbench", "olmes")
EXAMPLES = [path for folder in FOLDERS for path in sorted((DATA / folder).iterdir())]
DEEP: Any = []
for _ in range(400):
    DEEP = [DEEP]
STRANGE: tuple[Any, ...] = (
    None,
    True,
    "",
    "x",
    "\u202e",
    "\ud800",
    "9" * 600,
    [],
    {},
    [None],
    {"name": None},
    -1,
    0,
    0.5,
    7,
    1e308,
    -1e308,
    10**400,
    DEEP,
)
ROUNDS = 50


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside `body`."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy of `body` with the value at `place` replaced, or dropped where `value` is Ellipsis."""
    copy = json.loads(json.dumps(body))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return copy


def damaged(raw: str, draw: np.random.Generator) -> str:
    """One line (or the one object) of `raw` with one value changed or dropped."""
    lines = raw.splitlines() if raw.count("\n{") else [raw]
    at = draw.integers(len(lines))
    body = json.loads(lines[at])
    found, values = list(places(body)), (..., *STRANGE)
    lines[at] = json.dumps(changed(body, found[draw.integers(len(found))], values[draw.integers(len(values))]))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_any_value_may_be_damaged(path: Path, tmp_path: Path):
    folder = tmp_path / "copy"
    shutil.copytree(path.parent, folder)
    draw = np.random.default_rng(zlib.crc32(path.name.encode()))
    asked = [folder / each.name for each in path.parent.iterdir()]
    refused: list[str] = []
    for _ in range(ROUNDS):
        (folder / path.name).write_text(damaged(path.read_text(encoding="utf-8"), draw), encoding="utf-8")
        for one in asked:
            try:
                out = read(one)
            except EvidenceError as error:
                refused.append(str(error))
            else:
                assert out.reader in READERS.names()
                assert out.readings or out.notes
    assert all(str(folder) in message for message in refused)
    assert refused or path.name == "scenario.json"
