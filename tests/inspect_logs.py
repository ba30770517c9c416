"""Small logs of Inspect, written by hand: one task, four samples in two epochs, three scorers; and a zip writer that
can lie.

match is right in C C, C I, I I, C I; the targets have -1, -2, -3, -2 nats in 2, 2, 4, 8 tokens.
"""

from __future__ import annotations

import copy
import json
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

Json = dict[str, Any]
GRADES = (("C", "C"), ("C", "I"), ("I", "I"), ("C", "I"))
TARGETS = ((-1.0, 2), (-2.0, 2), (-3.0, 4), (-2.0, 8))
SOFT = (0.9, 0.6, 0.1, 0.4)
STORED, DEFLATE, ZSTD = 0, 8, 93


def sample(number: int, epoch: int) -> Json:
    total, tokens = TARGETS[number]
    return {
        "id": f"sum {number}",
        "epoch": epoch,
        "input": "What is 1+1?",
        "target": "2",
        "metadata": {"topic": "carry" if number < 2 else "plain"},
        "scores": {
            "match": {"value": GRADES[number][epoch - 1], "answer": "2"},
            "soft": {"value": {"p_correct": SOFT[number]}},
            "target_perplexity": {"value": -total / tokens, "metadata": {"num_tokens": tokens, "sum_log_probs": total}},
        },
    }


def score(name: str, metrics: dict[str, float], scorer: str = "", reducer: str = "mean") -> Json:
    return {
        "name": name,
        "scorer": scorer or name,
        "reducer": reducer,
        "scored_samples": 4,
        "unscored_samples": 0,
        "params": {},
        "metrics": {key: {"name": key, "value": value, "params": {}} for key, value in metrics.items()},
    }


_LOG: Json = {
    "version": 2,
    "status": "success",
    "eval": {
        "eval_id": "toyeval",
        "created": "2026-01-01T10:00:00+01:00",
        "task": "sums",
        "task_id": "toytask",
        "task_version": 1,
        "task_args": {},
        "dataset": {"name": "sums", "samples": 4, "sample_ids": [f"sum {n}" for n in range(4)], "shuffled": False},
        "model": "toy/m1",
        "model_generate_config": {"temperature": 0.0},
        "model_args": {},
        "config": {"epochs": 2, "epochs_reducer": ["mean", "pass_at_2"]},
        "packages": {"inspect_ai": "0.3.285"},
        "metadata": {"params": 1000, "tokens": 2e6, "step": 50, "suite": "toy"},
    },
    "plan": {"name": "plan", "steps": [{"solver": "generate", "params": {}}], "config": {"max_tokens": 8}},
    "results": {
        "total_samples": 8,
        "completed_samples": 8,
        "scores": [
            score("match", {"accuracy": 0.5, "stderr": 0.20412414523193154}),
            score("match", {"accuracy": 0.75, "stderr": 0.25}, reducer="pass_at_2"),
            score("p_correct", {"mean": 0.5, "std": 0.33665016461206926}, scorer="soft"),
            score("target_perplexity", {"perplexity_per_token": math.exp(0.5), "perplexity_per_seq": math.exp(0.625)}),
        ],
    },
    "invalidated": False,
    "samples": [sample(number, epoch) for epoch in (1, 2) for number in range(4)],
}


def log() -> Json:
    """A whole log of a successful run; change it as a test needs."""
    return copy.deepcopy(_LOG)


def as_json(folder: Path, body: Json, name: str = "log.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(body), "utf-8")
    return path


@dataclass
class Entry:
    """One entry of a zip file; what is None is told truly."""

    name: str
    data: bytes
    method: int = ZSTD
    size: int | None = None
    crc: int | None = None
    flags: int = 0x800
    packed: bytes | None = None


def entries(body: Json, method: int = ZSTD) -> list[Entry]:
    """The entries Inspect writes of `body`, in its order."""
    head = {key: value for key, value in body.items() if key != "samples"}
    parts = {"_journal/start.json": {key: head.get(key) for key in ("version", "eval", "plan")}}
    samples = body.get("samples") or []
    parts.update({f"samples/{s['id']}_epoch_{s['epoch']}.json": {**s, "messages": ["x" * 300]} for s in samples})
    parts.update({"summaries.json": samples, "header.json": head})
    return [Entry(name, json.dumps(part).encode(), method) for name, part in parts.items()]


def _packed(entry: Entry) -> bytes:
    if entry.packed is not None:
        return entry.packed
    if entry.method == ZSTD:
        return zstandard.ZstdCompressor().compress(entry.data)
    if entry.method == DEFLATE:
        engine = zlib.compressobj(wbits=-15)
        return engine.compress(entry.data) + engine.flush()
    return entry.data


def as_eval(folder: Path, found: list[Entry], name: str = "log.eval") -> Path:
    """A zip file of these entries, whatever they claim."""
    body, directory = bytearray(), bytearray()
    for entry in found:
        packed, named, start = _packed(entry), entry.name.encode(), len(body)
        size = len(entry.data) if entry.size is None else entry.size
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        told = struct.pack("<HHHHIII", entry.flags, entry.method, 0, 33, crc, len(packed), size)
        body += struct.pack("<IH", 0x04034B50, 20) + told + struct.pack("<HH", len(named), 0) + named + packed
        directory += struct.pack("<IHH", 0x02014B50, 20, 20) + told
        directory += struct.pack("<HHHHHII", len(named), 0, 0, 0, 0, 0, start) + named
    count = min(len(found), 65_535)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), len(body), 0)
    path = folder / name
    path.write_bytes(body + directory + end)
    return path
