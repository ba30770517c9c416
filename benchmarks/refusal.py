"""What each ground for refusing a forecast is worth, on rolling origins inside the training rows of public tables.

    python benchmarks/refusal.py --tables DIR [--json OUT] [TABLE...]

DIR (or HOLDPOINT_TABLES) holds plain tables as `holdpoint backtest` reads them; target rows are not used. The largest
rungs of every ladder are hidden (the last one, two, three; whole sizes on two axes; the later part of a curve) and
forecast by the engine as `holdpoint backtest` has it. nCRPS: CRPS over the standard deviation of all training values of
the series. off: CRPS over the CRPS that the law expected of itself, 1 on average for an honest law.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from monitor.backtesting import Trial, read
from monitor.backtesting.outcome import PUBLISHED, asked
from monitor.prior import shipped
from monitor.science import levels, suite
from monitor.science.learn import STRENGTH
from monitor.science.refusal import APART, FARTHEST, MISSED, VAGUE, expected_miss, standing
from monitor.science.signs import mean_difference, signs
from monitor.science.view import DENSE

FAR_OFF = 2.0
"""Times its own expected CRPS from which on a law has been fooled."""


@dataclass(frozen=True)
class Case:
    """One ladder with its largest rungs hidden, and what came."""

    table: str
    kind: str
    category: str
    status: str
    name: str
    """Ground of the refusal; empty for a forecast."""
    ncrps: float
    off: float
    vague: float
    missed: float
    apart: float
    ahead: float
    """Nats to the farthest hidden rung over those of the ladder."""


def origins(trial: Trial) -> Iterator[tuple[str, Trial]]:
    """`trial` with some of its training rows as targets, and which way it was cut."""
    rows, cost = trial.train, trial.costs[0]
    if len(trial.axes) == 2:
        for largest in sorted({r.params or 0.0 for r in rows})[1:-1]:
            keep = tuple(r for r in rows if (r.params or 0.0) <= largest)
            left = tuple(r for r in rows if (r.params or 0.0) > largest)
            if len(keep) >= 5:
                yield f"up to {largest:g}", replace(trial, train=keep, targets=left[-8:])
    elif len(rows) > DENSE:
        for share in (0.45, 0.65):
            k = int(share * len(rows))
            near = [i for i in range(k, len(rows)) if cost[i] <= 2 * cost[k - 1]]
            if near:
                few = [near[i] for i in np.linspace(0, len(near) - 1, min(8, len(near))).astype(int)]
                yield f"first {share:.0%}", replace(trial, train=rows[:k], targets=tuple(rows[i] for i in few))
    else:
        for hidden in (1, 2, 3):
            if len(rows) - hidden >= 4:
                cut = len(rows) - hidden
                yield f"without {hidden}", replace(trial, train=rows[:cut], targets=rows[cut:])


def cases(path: Path) -> Iterator[Case]:
    """Every origin of every series of a table; those of one cut are a suite, as in a backtest."""
    whole: dict[str, list[tuple[Trial, Trial]]] = {}
    for trial in read(path):
        for cut, part in origins(trial):
            whole.setdefault(cut, []).append((trial, part))
    for own in whole.values():
        seen = [(trial, part, ask) for trial, part in own if (ask := asked(part)) is not None]
        taught = suite.taught([ask[0] for _, _, ask in seen], shipped().dictionaries, STRENGTH)
        for trial, part, (view, targets) in seen:
            dictionary = taught[view.category]
            laws = suite.laws(view, dictionary, targets)
            q = levels.held(np.array([law.quantile(PUBLISHED) for law in laws]))
            if not np.isfinite(q).all():
                continue
            told = signs(view, dictionary, targets)
            stand = standing(view, q, part.metric.chance, told)
            sd = float(np.std(trial.value))
            crps = float(np.mean([levels.crps(a[:11], y) for a, y in zip(q, part.observed, strict=True)]))
            expects = float(mean_difference(q).mean())
            if sd > 0 and expects > 0:
                yield Case(
                    table=path.stem,
                    kind=part.metric.kind,
                    category=view.category.name,
                    status=stand.status,
                    name=stand.doubts[0].name if stand.doubts else "",
                    ncrps=crps / sd,
                    off=crps / expects,
                    vague=expected_miss(view.back(view.z), q),
                    missed=float("nan") if told.missed is None else told.missed,
                    apart=max((a.share for a in told.apart), default=float("nan")),
                    ahead=float(targets.c.max() / max(np.ptp(view.c), 1e-9)),
                )


def compare(what: str, flagged: list[Case], others: list[Case]) -> None:
    """One line: how the flagged forecasts did beside the others."""

    def told(own: list[Case]) -> str:
        if not own:
            return f"{0:5d}" + 4 * "      -"
        n, off = np.array([c.ncrps for c in own]), np.array([c.off for c in own])
        return f"{len(own):5d} {n.mean():6.2f} {np.median(n):6.2f} {off.mean():6.2f} {np.mean(off > FAR_OFF):6.2f}"

    share = len(flagged) / max(len(flagged) + len(others), 1)
    print(f"{what:44s} {share:6.2f}  | {told(flagged)}  | {told(others)}")


def limits(every: list[Case]) -> None:
    """Each limit and its neighbours."""
    score = [c for c in every if c.category.startswith("score") and "dense" not in c.category]
    log = [c for c in every if c.category.startswith("log")]
    tests: list[tuple[str, list[Case], Callable[[Case], float], tuple[float, ...]]] = [
        ("expects to miss by", every, lambda c: c.vague, (0.5, VAGUE, 0.7, 0.85)),
        ("missed the last rung of a score by", score, lambda c: c.missed, (1.65, 2.0, MISSED, 3.0)),
        ("missed the last rung of a loss by", log, lambda c: c.missed, (1.65, 2.0, MISSED, 3.0)),
        ("forms of a score apart", score, lambda c: c.apart, (0.3, 0.4, APART)),
        (
            "spans ahead, score on one axis",
            [c for c in score if "-1" in c.category],
            lambda c: c.ahead,
            (0.25, 0.5, FARTHEST),
        ),
        ("spans ahead, score on two axes", [c for c in score if "-2" in c.category], lambda c: c.ahead, (0.25, 0.5)),
    ]
    for what, own, value, tried in tests:
        for limit in tried:
            flagged = [c for c in own if value(c) > limit]
            compare(f"{what} > {limit:g}", flagged, [c for c in own if not value(c) > limit])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=Path, default=os.environ.get("HOLDPOINT_TABLES"), help="folder of tables")
    parser.add_argument("--json", type=Path, help="write every case here")
    parser.add_argument("names", nargs="*", metavar="TABLE", help="only these (default: all in the folder)")
    chosen = parser.parse_args()
    paths = [] if chosen.tables is None else sorted(Path(chosen.tables).glob("*.csv"))
    paths = [p for p in paths if not chosen.names or p.stem in chosen.names]
    if not paths:
        print("no tables: give --tables DIR or HOLDPOINT_TABLES", file=sys.stderr)
        return 2
    every: list[Case] = []
    for path in paths:
        every += cases(path)
        print(f"{path.stem}: {len(every)} origins so far", file=sys.stderr)
    head = "    n  nCRPS median    off   >2 x"
    print(f"{'':44s} {'share':>6s}  | {head} flagged | {head} others")
    limits(every)
    for table, kind in sorted({(c.table, c.kind) for c in every}):
        own = [c for c in every if (c.table, c.kind) == (table, kind)]
        refused = [c for c in own if c.status != "forecast"]
        compare(f"{table}, {kind}: refused", refused, [c for c in own if c.status == "forecast"])
    for name in sorted({c.name for c in every} - {""}):
        compare(f"refused as {name}", [c for c in every if c.name == name], [c for c in every if not c.name])
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([asdict(c) for c in every]) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
