"""Bundles as somebody with our code would forge them: any row, any field, with every digest computed anew."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import Lab

from checkpoints_db.chain import GENESIS, link
from checkpoints_db.records import canonical, digest_of
from monitor.bundle import about, make, packing

RawRow = dict[str, Any]
"""A row of the ledger; its `body` as JSON values."""
COLUMNS = ("seq", "at", "kind", "subject", "body", "previous")


def bundled(lab: Lab, name: str, path: Path, **more: Any) -> Path:
    """The bundle of an alert or a run of a lab."""
    with lab.store() as store:
        make(store, about(store, name), path, **more)
    return path


def rows_of(path: Path) -> list[RawRow]:
    """The rows of a bundle."""
    lines = zipfile.ZipFile(path).read(packing.LEDGER).splitlines()
    told = [dict(zip(COLUMNS, json.loads(line), strict=True)) for line in lines]
    return [{**row, "body": json.loads(row["body"])} for row in told]


def manifest_of(path: Path) -> dict[str, Any]:
    """What a bundle says of itself."""
    return dict(json.loads(zipfile.ZipFile(path).read(packing.MANIFEST)))


def forged(
    path: Path,
    out: Path,
    change: Callable[[list[RawRow]], object] = lambda rows: None,
    *,
    chart: bytes | None = None,
    **manifest: Any,
) -> Path:
    """The bundle with rows changed, its chain and every digest of the file computed anew; `manifest`: other fields."""
    rows, said = rows_of(path), manifest_of(path)
    change(rows)
    previous, lines = GENESIS, []
    for seq, row in enumerate(rows, 1):
        text = canonical(row["body"])
        lines.append(canonical([seq, row["at"], row["kind"], row["subject"], text, previous]).encode())
        previous = link(seq, row["at"], row["kind"], row["subject"], text, previous)
        if row["seq"] == said["seq"] and row["kind"] == "decision":
            said |= {"seq": seq, "decision": digest_of(row["body"])}
    said |= {"head": {**said["head"], "seq": len(rows), "sha256": previous}, **manifest}
    return repacked(path, out, said, lines, chart=chart)


def repacked(path: Path, out: Path, said: dict[str, Any], lines: list[bytes], *, chart: bytes | None = None) -> Path:
    """A bundle of these lines and this manifest, with the items of another, sealed."""
    archive = zipfile.ZipFile(path)
    items = [
        (n.removeprefix(packing.ITEMS), archive.read(n)) for n in archive.namelist() if n.startswith(packing.ITEMS)
    ]
    drawn = archive.read(packing.CHART) if packing.CHART in archive.namelist() else None
    packing.write(out, canonical(said), lines, items, drawn if chart is None else chart)
    return out


def zipped(out: Path, entries: list[tuple[str, bytes]]) -> Path:
    """Any zip, sealed as bundles are."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in entries:
            archive.writestr(name, body)
        archive.comment = packing.SEAL + b"0" * 64
    packing._sealed(out)
    return out


def row_of(rows: list[RawRow], of: str, /, **body: Any) -> RawRow:
    """The last row of a kind whose body says this."""
    return next(
        row for row in reversed(rows) if row["kind"] == of and all(row["body"].get(k) == v for k, v in body.items())
    )
