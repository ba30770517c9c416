"""What items cost and what they say: link and verdicts of many series at once, and real logs where there are some.

    python benchmarks/items.py [--series 10000] [--items 1000] [--rungs 5] [--ladders DIR] [--json items.json]

Times the tallies and the link of every series, then its verdict against a sealed forecast, on arrays made here; then
with half as many series, and half as many items. `--ladders` (or HOLDPOINT_LADDERS) names a folder with per-sample
logs of lm-eval of log-likelihood tasks, in one folder a run: each is predicted from the items of those before it by
name within its task, and counted where greedy decoding lies outside the band. Nothing of it is copied.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import numpy as np

from checkpoints_db.errors import EvidenceError
from checkpoints_db.items import Items
from checkpoints_db.readers import read
from checkpoints_db.records import Checkpoint, Metric, Result, Sealed
from checkpoints_db.series import make_series
from monitor.forecasting import forecast
from monitor.prior import shipped
from monitor.science.link_items import Tally, predicted, tally
from monitor.verdicts import judge
from policies.terms import Judging

AT_ONCE = 500
"""Series whose items are in memory at a time."""
FEWEST = 2
"""Rungs before a checkpoint from which it is predicted."""


def made(rng: np.random.Generator, series: int, items: int, rung: int) -> tuple[Any, Any, Any]:
    """Likelihoods, lengths and answers of one rung of some series."""
    lls = -np.logaddexp(0, rng.normal(5 - 1.2 * rung, 2, (series, items)))
    return lls, np.full_like(lls, 4), (lls > np.log(0.5)) | (rng.random(lls.shape) < np.exp(lls))


def linked(series: int, items: int, rungs: int) -> tuple[float, float]:
    """Seconds of tallies and links, and share of series outside their band; making the arrays is not counted."""
    rng, spent, outside = np.random.default_rng(0), 0.0, 0
    for start in range(0, series, AT_ONCE):
        size = min(AT_ONCE, series - start)
        every = [made(rng, size, items, rung) for rung in range(rungs + 1)]
        began = time.perf_counter()
        tallies = [tally(*each) for each in every]
        found = predicted(tallies[:-1], tallies[-1])
        spent += time.perf_counter() - began
        share = every[-1][2].mean(1)
        outside += int(((share < found.lower) | (share > found.upper)).sum())
    return spent, outside / series


def judged(series: int, rungs: int) -> float:
    """Seconds of as many verdicts against a sealed forecast."""
    metric = Metric(name="acc", kind="thresholded", lower=0, upper=1)
    results = [
        Result(
            task="t",
            metric=metric,
            value=0.2 + 0.06 * i,
            stderr=0.01,
            n=1000,
            checkpoint=Checkpoint(family="f", run=f"r{i}", model=f"r{i}", flop=1e18 * 4.0**i),
        )
        for i in range(rungs + 1)
    ]
    made_ = forecast(make_series(results[:-1]), shipped())
    sealed = Sealed(forecast=made_, at="2026-11-23T00:00:00Z", seq=1)  # type: ignore[arg-type]
    judging = Judging()
    values = np.random.default_rng(1).uniform(0.3, 0.7, series)
    began = time.perf_counter()
    for value in values:
        judge(sealed, results[-1].model_copy(update={"value": float(value)}), judging)
    return time.perf_counter() - began


def costs(series: int, items: int, rungs: int) -> dict[str, Any]:
    """The table of times."""
    linked(min(series, AT_ONCE), items, rungs)  # the first call pays for the imports
    whole, outside = linked(series, items, rungs)
    fewer, shorter = linked(series // 2, items, rungs)[0], linked(series, items // 2, rungs)[0]
    verdicts, half = judged(series, rungs), judged(series // 2, rungs)
    return {
        "series": series,
        "items": items,
        "rungs": rungs,
        "item link, s": round(whole, 2),
        "times, twice the series": round(whole / fewer, 2),
        "times, twice the items": round(whole / shorter, 2),
        "outside 98 %": round(outside, 4),
        "verdicts, s": round(verdicts, 2),
        "times, twice the verdicts": round(verdicts / half, 2),
    }


def ladders(folder: Path) -> dict[tuple[str, ...], list[tuple[str, Items]]]:
    """Task, step and seed -> the items of each run, by name."""
    found: dict[tuple[str, ...], list[tuple[str, Items]]] = {}
    for path in sorted(folder.rglob("samples_*.json*")):
        try:
            logs = read(path).items
        except EvidenceError as error:
            print(f"left out: {error}")
            continue
        for log in logs:
            items = Items.unpacked(log.data)
            several = np.isnan(items.log_share).any() and not np.isnan(items.margin).all()
            if np.isnan(items.ll).any() or (items.right < 0).any() or several:
                continue  # generated answers, whole texts, or choices of which several are right
            run = path.parent.name
            parts = re.search(r"(seed\d+)?-?(step\d+)", run)
            place = (str(path.parent.parent), log.task, *(part or "" for part in (parts.groups() if parts else ("",))))
            found.setdefault(place, []).append((run, items))
    return found


def counted(items: Items) -> Tally:
    """The items of one run, by the share of the choice where there are choices."""
    shared = not np.isnan(items.log_share).any()
    lengths = np.full(len(items), -1) if shared else items.length
    return tally((items.log_share if shared else items.ll)[None], lengths[None], items.right[None])


def real(folder: Path) -> dict[str, Any]:
    """How often the score of greedy decoding lies outside the band of the runs before it."""
    widths, outside = [], []
    for place, runs in ladders(folder).items():
        for i in range(FEWEST, len(runs)):
            found = predicted([counted(items) for _, items in runs[:i]], counted(runs[i][1]))
            share, band = float(runs[i][1].right.mean()), (float(found.lower[0]), float(found.upper[0]))
            widths.append(band[1] - band[0])
            if not band[0] <= share <= band[1]:
                outside.append(f"{place[1]} {runs[i][0]}: {share:.3f} outside [{band[0]:.3f}, {band[1]:.3f}]")
    middle = round(float(np.median(widths)), 3) if widths else None
    return {"checkpoints": len(widths), "outside": outside, "median width": middle}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--rungs", type=int, default=5)
    parser.add_argument("--ladders", type=Path, default=os.environ.get("HOLDPOINT_LADDERS"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    told = {"cost": costs(options.series, options.items, options.rungs)}
    if options.ladders:
        told["real"] = real(Path(options.ladders))
    else:
        print("no --ladders: real logs are not looked at")
    for name, lines in told.items():
        print(f"\n{name}\n" + "\n".join(f"{key:>26}  {value}" for key, value in lines.items()))
    if options.json:
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
