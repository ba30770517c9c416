"""Samples files of lm-eval with many rows, and what reading them comes to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from checkpoints_db.errors import EvidenceError
from checkpoints_db.readers import read

DATA = Path(__file__).parent / "data" / "readers" / "lm_eval_0_4_13"
TIME = "2026-01-01T00-00-00.000000"
MANY = 60


def many(folder: Path, task: str) -> Path:
    """A samples file of many documents, and its results file."""
    shutil.copytree(DATA, folder)
    path = folder / f"samples_{task}_{TIME}.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    documents = 1 + max(row["doc_id"] for row in rows)
    copies = [{**row, "doc_id": row["doc_id"] + i * documents} for i in range(MANY) for row in rows]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in copies), "utf-8")
    results = folder / f"results_{TIME}.json"
    body = json.loads(results.read_text("utf-8"))
    body["n-samples"][task] = {"original": documents * MANY, "effective": documents * MANY}
    results.write_text(json.dumps(body), "utf-8")
    return path


def outcome(path: Path) -> tuple[Any, ...]:
    try:
        out = read(path)
    except EvidenceError as error:
        return type(error).__name__, str(error)
    return out.readings, out.notes, out.items
