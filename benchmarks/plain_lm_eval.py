"""The loop one would write: `json.loads` a line, a few formulas with `math`, means and errors with numpy at the end.

The same figures as the reader for the two sorts of task that are measured, and none of its checks.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

Figures = dict[str, tuple[float, float]]
"""Value and standard error by the name of the metric."""


def figures_of(path: Path, output_type: str) -> Figures:
    """What a samples file says."""
    return choices_of(path) if output_type == "multiple_choice" else distances_of(path)


def choices_of(path: Path) -> Figures:
    """A multiple-choice task with one right answer, given by its index."""
    columns: dict[str, list[float]] = defaultdict(list)
    seen = set()
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if row["doc_id"] in seen:
                continue
            seen.add(row["doc_id"])
            for name, value in choice_of(row).items():
                columns[name].append(value)
    table = {name: np.array(values) for name, values in columns.items()}
    lls, sizes, characters = table.pop("log_likelihood"), table.pop("bytes"), table.pop("characters")
    found = {name: mean_of(table[name]) for name in ("prob_choice", "log_prob_choice", "margin", "brier")}
    found["log_likelihood"], found["prob_answer"] = mean_of(lls), mean_of(np.exp(lls))
    found["log_likelihood_per_byte"] = ratio_of(lls, sizes)
    found["log_likelihood_per_character"] = ratio_of(lls, characters)
    found["bits_per_byte"] = ratio_of(-lls / math.log(2), sizes)
    sure, hit = table["sure"], table["hit"]
    place = np.clip(np.ceil(sure * 10).astype(int) - 1, 0, 9)
    sign = np.sign(np.bincount(place, weights=sure - hit, minlength=10))
    found["expected_calibration_error"] = mean_of(sign[place] * (sure - hit))
    return found


def choice_of(row: dict[str, Any]) -> dict[str, float]:
    """The numbers of one document."""
    lls = [float(pair[0]) for pair in row["filtered_resps"]]
    texts = [asked["arg_1"].removeprefix(" ") for asked in row["arguments"].values()]
    right = int(row["target"])
    top = max(lls)
    odds = [math.exp(ll - top) for ll in lls]
    total = sum(odds)
    each = [ll / len(text) for ll, text in zip(lls, texts, strict=True)]
    chosen = lls.index(top)
    return {
        "log_likelihood": lls[right],
        "prob_choice": odds[right] / total,
        "log_prob_choice": lls[right] - top - math.log(total),
        "margin": each[right] - max(one for i, one in enumerate(each) if i != right),
        "brier": sum((odd / total - (i == right)) ** 2 for i, odd in enumerate(odds)),
        "sure": odds[chosen] / total,
        "hit": float(chosen == right),
        "bytes": len(texts[right].encode()),
        "characters": len(texts[right]),
    }


def distances_of(path: Path) -> Figures:
    """A generation task: the distance of each answer to its target, under the first of the filters."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            answer, target = (text.strip().rstrip(".").rstrip() for text in (row["resps"][0][0], row["target"]))
            found[row["filter"]][row["doc_id"]] = Levenshtein.distance(answer, target)
    return {"edit_distance_characters": mean_of(np.array(list(found[min(found)].values()), dtype=float))}


def mean_of(values: Any) -> tuple[float, float]:
    """Mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size))


def ratio_of(totals: Any, sizes: Any) -> tuple[float, float]:
    """Ratio of sums, and its standard error by the delta method."""
    value, n = totals.sum() / sizes.sum(), totals.size
    error = math.sqrt(n / (n - 1) * float(((totals - value * sizes) ** 2).sum())) / sizes.sum()
    return float(value), float(error)
