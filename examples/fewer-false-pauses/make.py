"""A made history: six recipes of models, eight losses each, evaluated as they grew. Writes the tables beside it.

Nothing here was measured. A loss falls with compute as a power law, and each of its values is off by normal noise. So
it is known, as it never is of a lab, that one checkpoint broke its trend (`BROKEN`) and that no other did. The two that
are still to arrive were chosen among six because they pause a hasty policy; they are drawn as all others are.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SEED = 1
FAMILIES = ("alder", "birch", "cedar", "hazel", "maple", "rowan")
TASKS = ("arithmetic", "biology", "chemistry", "code", "dialogue", "law", "planning", "summaries")
SMALL, SIZES = 5, 9
"""Sizes that were there in 2023; sizes in all."""
LAWS = ((0.8, 1.2), (1.5, 2.0), (0.15, 0.25))
"""Ranges of the floor (nats), of what falls (nats) and of the power of compute, from which each loss is drawn."""
NOISE = 0.07
"""Standard deviation of a loss, in nats per token."""
BROKEN = ("rowan", 7, ("code", "planning"), 0.6)
"""Family, size and tasks that break, toward capability, and by how many nats; larger sizes stay there."""
ARRIVING = ("alder", "hazel")
"""Families whose last size is still to arrive."""
COLUMNS = ("family", "run", "flop", "date", "task", "metric", "kind", "direction", "lower", "value", "stderr")
Row = dict[str, object]


def rows() -> Iterator[Row]:
    """Every loss, in order of size; the families take turns, one checkpoint every 40 days from 2024 on."""
    rng = np.random.default_rng(SEED)
    floor, drop, power = (rng.uniform(low, high, (len(FAMILIES), len(TASKS))) for low, high in LAWS)
    noise = NOISE * rng.standard_normal((SIZES, len(FAMILIES), len(TASKS)))
    family, size, tasks, by = BROKEN
    for s in range(SIZES):
        for f, name in enumerate(FAMILIES):
            loss = floor[f] + drop[f] * 4.0 ** (-power[f] * s) + noise[s, f]
            if name == family and s >= size:
                loss = loss - by * np.isin(TASKS, tasks)
            for t, task in enumerate(TASKS):
                yield _row(name, s, f, task, float(loss[t]))


def _row(family: str, size: int, turn: int, task: str, loss: float) -> Row:
    since = (size - SMALL) * len(FAMILIES) + turn
    day = date(2023, 1, 15) + timedelta(days=60 * size) if size < SMALL else date(2024, 1, 15) + timedelta(40 * since)
    measured = {"task": task, "metric": "nll", "kind": "continuous", "direction": "lower", "lower": 0}
    where = {"family": family, "run": f"s{size}", "flop": f"{1e19 * 4.0**size:.4g}", "date": day.isoformat()}
    return {**where, **measured, "value": f"{loss:.4f}", "stderr": NOISE}


def write(folder: Path) -> None:
    """The tables: what was there in 2023, each checkpoint that came since, and two that are still to arrive."""
    tables: dict[Path, list[Row]] = {}
    for row in rows():
        family, run = str(row["family"]), str(row["run"])
        last = run == f"s{SIZES - 1}"
        if last and family not in ARRIVING:
            continue
        name = "2023" if int(run[1:]) < SMALL else f"{row['date']}-{family}-{run}"
        tables.setdefault(folder / ("arriving" if last else "history") / f"{name}.csv", []).append(row)
    for path, own in tables.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(own)


if __name__ == "__main__":
    write(HERE)
