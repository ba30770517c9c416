"""Make `monitor/prior.json`, the prior that is shipped: learnt on the training rows of public tables alone.

    python benchmarks/prior.py --tables DIR [--out monitor/prior.json] [--ladders 30]

DIR (or HOLDPOINT_TABLES) holds plain tables as `holdpoint backtest` reads them. Every table teaches with at most so
many ladders, drawn with seed 0. No public table has a short ladder of a metric without bounds; those dictionaries are
taught by the bounded ladders, read as if they had none.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from monitor.backtesting import read
from monitor.prior import dump
from monitor.science.calibrate import widening
from monitor.science.dictionary import Category, Dictionary, full
from monitor.science.learn import learn
from monitor.science.view import Ladder, View, view

MADE_OF = "the smaller rungs of public ladders: {}"
FEWEST = 10
"""Ladders below which a category is not taught."""


def strength(category: Category) -> float:
    """Ladders that hold a dictionary to where it started: few short rungs teach more than they know."""
    return 1.0 if category.dense else 3.0 if category.axes == 2 else 10.0


def temper(category: Category) -> float:
    """Power of the evidence of the shipped dictionaries."""
    if category.dense:
        return 0.1
    if category.axes == 2:
        return 0.3
    return 1.5 if category.link == "score" else 0.75


def least(category: Category) -> float:
    """What has less than this share of the largest weight is left out: it costs time and changes little."""
    if category.dense:
        return 0.0005
    if category.axes == 2:
        return 0.2
    return {"log": 0.1, "score": 0.2, "free": 0.3}[category.link]


def ladders(path: Path, most: int) -> list[Ladder]:
    """At most `most` ladders of each category of one table, training rows only."""
    found: dict[Category, list[Ladder]] = defaultdict(list)
    for trial in read(path):
        question = trial.question
        if question is not None and np.unique(question.ladder.cost).size >= 3:
            found[view(question.ladder).category].append(question.ladder)
    rng = np.random.default_rng(0)
    return [own[i] for own in found.values() for i in sorted(rng.permutation(len(own))[:most])]


def taught(views: list[View], category: Category) -> Dictionary:
    """The dictionary of a category after its ladders."""
    start = replace(full(category), temper=temper(category))

    def told(done: int, of: int) -> None:
        print(f"\r{category.name}: {done} of {of} ladders", end="", file=sys.stderr)

    learnt = learn(views, start, strength(category), (start.temper,), told).sparse(least(category))
    return replace(learnt, widening=widening(views, learnt))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=Path, default=os.environ.get("HOLDPOINT_TABLES"), help="folder of tables")
    parser.add_argument("--out", type=Path, default=Path("monitor/prior.json"))
    parser.add_argument("--ladders", type=int, default=30, help="of each table and category (default: 30)")
    chosen = parser.parse_args()
    if chosen.tables is None or not list(Path(chosen.tables).glob("*.csv")):
        print("no tables: give --tables DIR or HOLDPOINT_TABLES", file=sys.stderr)
        return 2
    start, views = time.perf_counter(), defaultdict(list)
    tables = sorted(Path(chosen.tables).glob("*.csv"))
    for path in tables:
        for own in ladders(path, chosen.ladders):
            seen = view(own)
            views[seen.category].append(seen)
            if seen.category.axes == 1 and seen.category.link != "free":
                free = view(replace(own, lower=None, upper=None))
                views[free.category].append(free)
    made = {}
    for category, own in sorted(views.items()):
        if len(own) >= FEWEST:
            made[category] = taught(own, category)
            d = made[category]
            sizes = (
                f"{len(d.noises)} noises, {len(d.shapes)} shapes, {len(d.slopes)} slopes, {len(d.arrivals)} arrivals"
            )
            print(f"\r{category.name}: {len(own)} ladders, {sizes}", file=sys.stderr)
    chosen.out.write_text(dump(made, MADE_OF.format(", ".join(p.stem for p in tables))), encoding="utf-8")
    print(f"{chosen.out}: {len(made)} categories in {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
