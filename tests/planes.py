"""A lab ladder on two axes, made by formula: four sizes, each evaluated at five points of its training."""

from __future__ import annotations

import math
from typing import Any

from checkpoints_db.records import Checkpoint, Metric, Result

SIZES = (1e7, 4e7, 1.6e8, 6.4e8)
TOKENS = tuple(1e9 * 2**j for j in range(5))
LOSS = Metric(name="nll", kind="continuous", direction="lower", lower=0)
ACC = Metric(name="acc", kind="thresholded", lower=0, upper=1, chance=0)
FAMILY = '[[family]]\nname = "lab"\naxis = "params,tokens"\n'

Row = dict[str, Any]


def wobble(i: int, j: int) -> float:
    """Fixed noise, about one standard error of half a per cent."""
    return 0.005 * math.sin(37 * i + 11 * j + 1)


def loss(i: int, j: int) -> float:
    """L = E + A N^-a + B D^-b with the exponents of Hoffmann et al. 2022, and noise."""
    return 1.7 + 400 * SIZES[i] ** -0.34 + 410 * TOKENS[j] ** -0.28 + wobble(i, j)


def acc(i: int, j: int) -> float:
    """A share that follows from the loss."""
    return 1 / (1 + math.exp(1.5 * (loss(i, j) - 3.2))) + wobble(j, i)


def rung(i: int, j: int, **more: Any) -> list[Row]:
    """Size `i` at its point `j` of training as rows of the plain table: its loss and its accuracy."""
    base = {"family": "lab", "run": f"s{i}", "params": SIZES[i], "tokens": TOKENS[j], "step": 1000 * 2**j}
    shared = {"task": "sums", "n": 2000}
    nll = {"metric": "nll", "kind": "continuous", "direction": "lower", "lower": 0, "stderr": 0.005}
    share = {"metric": "acc", "kind": "thresholded", "direction": "higher", "lower": 0, "upper": 1, "chance": 0}
    rows = [{**base, **shared, **nll, "value": loss(i, j)}, {**base, **shared, **share, "value": acc(i, j)}]
    return [{**row, **more} for row in rows]


def ladder(sizes: int = 3) -> list[Row]:
    """All points of the smaller sizes."""
    return [row for i in range(sizes) for j in range(len(TOKENS)) for row in rung(i, j)]


def results(metric: Metric = LOSS, sizes: int = 3, *, params: float = 1.0, tokens: float = 1.0) -> list[Result]:
    """The same as results, with scales in other units where factors are given."""
    value = loss if metric is LOSS else acc
    return [
        Result(
            checkpoint=Checkpoint(
                family="lab", run=f"s{i}", model=f"s{i}", step=j, params=SIZES[i] * params, tokens=TOKENS[j] * tokens
            ),
            task="sums",
            metric=metric,
            value=value(i, j),
            stderr=0.005 if metric is LOSS else None,
            n=2000,
        )
        for i in range(sizes)
        for j in range(len(TOKENS))
    ]
