"""Whether `policy tune` finds a threshold that is known, and what a sweep costs.

    python benchmarks/tune.py [--histories 200] [--tasks 1,4,16] [--json tune.json]

(a) Histories on paper: on trend z ~ N(0, 1) under its own law, a break adds d = 3; N = 100 checkpoints a year, a missed
break costs R = 10 false pauses, one a year is expected. The limit of least cost is u* = d / 2 + log(N / R) / d, a tail
of 0.0117 (tests/monitor/tuning/test_known_threshold.py derives it). Counted are the histories whose printed 90 %
interval holds it, how much of the sweep the interval spans, and the cost of what was recommended over the least there
is. (b) Stores of five families of six sizes: seconds of processor time for a sweep of 13 values of one rule's tail, and
of `judging.tail`, with up to 60 planted breaks, by number of tasks.

Measured 2026-11-25: (a) the interval held the limit in every one of 200 histories of 50, 100, 400 and 1600 checkpoints,
where 90 % is what it promises, and spanned 1, .92, .58 and .42 of the sweep: it is wider than it has to be. What was
recommended cost 1.22, 1.12, 1.04 and 1.02 of the least. (b) `break.tail` 1.3, 3.7 and 6.7 s with 1, 4 and 16 tasks, of
10 checkpoints; `judging.tail` 1.7, 5.0 and 8.7 s (30 breaks with one task, which makes no groups).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import sweeps  # a store to tune on

from monitor.prior import shipped
from monitor.tuning import Asked, parse, sizes, tune
from monitor.tuning.looking import PAUSED
from monitor.tuning.outcome import Outcome
from monitor.tuning.params import Param
from monitor.tuning.summing import Price, Tried, summed

SHIFT, A_YEAR, RATIO, BREAKS = 3.0, 100.0, 10.0, 1.0
BEST = SHIFT / 2 + math.log(A_YEAR / (RATIO * BREAKS)) / SHIFT
SWEEP = Param("break.tail", 0.001, 0.1, "", whole=False, log=True)


def cost(u: npt.NDArray[np.float64] | float) -> Any:
    """False pauses a year, missed breaks included, of a limit of `u` standard deviations."""
    return A_YEAR * ndtr(-u) + RATIO * BREAKS * ndtr(u - SHIFT)


def history(rng: np.random.Generator, runs: int, tails: npt.NDArray[np.float64]) -> Outcome:
    """As many runs of one checkpoint each, and as many planted breaks."""
    limit = ndtri(1 - tails)
    codes = (rng.standard_normal((runs, 1)) > limit) * PAUSED
    stopped = np.where(rng.standard_normal((runs, 1)) + SHIFT > limit, 0, -1)
    return Outcome(
        tuple(f"f/r{i}" for i in range(runs)),
        np.arange(runs),
        codes,
        np.zeros(runs, dtype=bool),
        np.arange(runs),
        stopped,
        np.ones(runs, dtype=np.intp),
        np.where(stopped == 0, 0.0, np.nan),
        ("+3sd",) * runs,
        downward=False,
    )


def on_paper(histories: int) -> list[dict[str, Any]]:
    """(a)"""
    tails, tail = np.array(SWEEP.values(25)), float(ndtr(-BEST))
    tried = [Tried((float(t),), (f"{t:g}",), "d", i == 0) for i, t in enumerate(tails)]
    rows = []
    for runs in (50, 100, 400, 1600):
        inside, spans, over = [], [], []
        for seed in range(histories):
            rng = np.random.default_rng([runs, seed])
            _, advice = summed(tried, history(rng, runs, tails), Price(runs / A_YEAR, RATIO, BREAKS), rng)
            low, high = advice.lower[0], advice.upper[0]
            inside.append(low <= tail <= high)
            spans.append(math.log(high / low) / math.log(SWEEP.high / SWEEP.low))
            over.append(cost(float(ndtri(1 - tails[advice.setting]))) / cost(BEST))
        row = {"checkpoints": runs, "histories": histories, "held": float(np.mean(inside))}
        rows.append(row | {"span of the sweep": float(np.median(spans)), "cost over the least": float(np.mean(over))})
    return rows


def seconds(tasks: list[int]) -> list[dict[str, Any]]:
    """(b)"""
    rows = []
    for n in tasks:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store.db"
            sweeps.build(path, families=5, sizes=6, tasks=[f"task{i}" for i in range(n)])
            for param in ("break.tail=0.0005..0.1", "judging.tail=0.0005..0.1"):
                policy = sweeps.policy()
                asked = Asked([parse(policy, param)], 13, sizes("+4sd,-4sd,+0.1pt"), places=20)
                begin = time.process_time()
                found = tune(sweeps.source(path), policy, asked, prior=shipped(), rng=np.random.default_rng(0))
                spent = time.process_time() - begin
                row = {"tasks": n, "param": param, "settings": len(found.settings), "breaks": found.planted}
                rows.append(row | {"processor seconds": round(spent, 2)})
    return rows


def shown(title: str, rows: list[dict[str, Any]]) -> None:
    """A table of plain text."""
    print(f"\n{title}")
    columns = list(rows[0])
    cells = [[f"{row[c]:.3g}" if isinstance(row[c], float) else str(row[c]) for c in columns] for row in rows]
    wide = [max(len(c), *(len(line[i]) for line in cells)) for i, c in enumerate(columns)]
    for line in (columns, *cells):
        print("  " + "  ".join(text.rjust(w) for text, w in zip(line, wide, strict=True)))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--histories", type=int, default=200, help="histories on paper, of each length")
    parser.add_argument("--tasks", default="1,4,16", help="numbers of tasks of the stores")
    parser.add_argument("--json", type=Path, help="write every number here")
    chosen = parser.parse_args()
    out = {"paper": on_paper(chosen.histories)}
    shown(f"(a) the limit of least cost is a tail of {float(ndtr(-BEST)):.4f}", out["paper"])
    out["cost"] = seconds([int(n) for n in chosen.tasks.split(",")])
    shown("(b) what a sweep costs", out["cost"])
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(out) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
