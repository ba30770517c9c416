"""Plain long tables of made-up ladders with roles, for backtests, and a dictionary small enough to be quick."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from monitor.science.dictionary import CATEGORIES, Category, Dictionary, full

Row = dict[str, Any]


def small(category: Category) -> Dictionary:
    """A ninth of the dictionary of `category`."""
    d = full(category)
    shapes, noises = d.shapes[::4], d.noises[::4]
    return replace(
        d,
        shapes=shapes,
        noises=noises,
        shape_weights=(1 / len(shapes),) * len(shapes),
        noise_weights=(1 / len(noises),) * len(noises),
    )


PRIOR = {category: small(category) for category in CATEGORIES}


def loss(task: str, seed: int = 0, sizes: int = 8, train: int = 6, **more: Any) -> list[Row]:
    """A power law with an offset and 1 % of noise, one axis (params)."""
    rng = np.random.default_rng(seed)
    params = np.geomspace(1e7, 1e10, sizes)
    value = (1.5 + 2 * (params / 1e7) ** -0.2) * np.exp(0.01 * rng.standard_normal(sizes))
    return rows(task, "loss", params, value, train, kind="continuous", direction="lower", lower=0, **more)


def share(task: str, seed: int = 0, sizes: int = 8, train: int = 6, n: int = 500, **more: Any) -> list[Row]:
    """A share of `n` items that rises along a sigmoid, one axis (params)."""
    rng = np.random.default_rng(seed)
    params = np.geomspace(1e7, 1e10, sizes)
    p = 0.25 + 0.6 / (1 + np.exp(-1.2 * (np.log(params) - np.log(5e8))))
    fixed = {"kind": "thresholded", "direction": "higher", "lower": 0, "upper": 1, "chance": 0.25, "n": n}
    return rows(task, "acc", params, rng.binomial(n, p) / n, train, **{**fixed, **more})


def rows(task: str, metric: str, params: Iterable[float], value: Iterable[float], train: int, **more: Any) -> list[Row]:
    """Rows of one series: the first `train` of them are history."""
    return [
        {
            "family": "f",
            "run": f"r{i}",
            "params": repr(float(x)),
            "task": task,
            "metric": metric,
            "value": repr(float(y)),
            "role": "train" if i < train else "target",
            **more,
        }
        for i, (x, y) in enumerate(zip(params, value, strict=True))
    ]


def written(path: Path, rows: Sequence[Row]) -> Path:
    """The rows as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
        table.writeheader()
        table.writerows(rows)
    return path
