"""How good the forecasts are, beside every baseline: the larger rungs of public tables hidden and forecast.

    python benchmarks/skill.py --tables DIR [--series 40] [--prior FILE] [--json skill.json] [--charts DIR]

DIR (or HOLDPOINT_TABLES) holds plain tables as `holdpoint backtest` reads them. Without one, GPT-3 from `examples/` and
made-up losses are used. One table and one chart for each kind of metric in each table. Every mean is over series of the
mean over that series' targets; refused series count like any other. * marks the best of a column, also where it is not
ours.
"""

from __future__ import annotations

import os

# Before numpy is imported: one thread of BLAS, so that seconds can be compared.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import argparse
import csv
import json
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import altair as alt
import numpy as np
import numpy.typing as npt
from baselines import ALL
from baselines.asked import asked

from monitor import prior
from monitor.backtesting import Trial, outcomes, read
from monitor.science import levels
from monitor.science.dictionary import Prior

Array = npt.NDArray[np.float64]

OURS = "holdpoint"
ALARM = 0.01
COLUMNS = ("nCRPS", "nCRPS median", "RMSLE", "RMSLE median", "cover 80", "cover 95", "alarms", "+5", "+10", "ms")
WANTED = {"cover 80": 0.80, "cover 95": 0.95, "alarms": ALARM}
"""Columns whose best is nearest to a number; of powers the largest is best, of all others the smallest."""
EXAMPLES = Path(__file__).parents[1] / "examples" / "gpt3"

Scores = dict[str, float]


def examples(folder: Path) -> list[Path]:
    """Tables that need no download: GPT-3 in one file, and made-up losses with an offset."""
    parts = [(EXAMPLES / name).read_text(encoding="utf-8").splitlines() for name in ("baseline.csv", "175B.csv")]
    gpt3 = folder / "gpt3-example.csv"
    gpt3.write_text("\n".join([*parts[0], *parts[1][1:]]) + "\n", encoding="utf-8")
    made_up = folder / "made-up.csv"
    rng = np.random.default_rng(0)
    params = np.geomspace(1e7, 1e10, 9)
    with made_up.open("w", encoding="utf-8", newline="") as out:
        w = csv.writer(out)
        w.writerow(["family", "run", "params", "task", "metric", "kind", "direction", "lower", "value", "role"])
        for i in range(20):
            floor, slope = rng.uniform(0.5, 2), rng.uniform(0.1, 0.5)
            value = (floor + 2 * (params / 1e7) ** -slope) * np.exp(0.01 * rng.standard_normal(params.size))
            for j, (p, v) in enumerate(zip(params, value, strict=True)):
                role = "train" if j < 6 else "target"
                w.writerow(["made-up", f"r{j}", p, f"task{i}", "loss", "continuous", "lower", 0, v, role])
    return [gpt3, made_up]


def scores(trial: Trial, q: Array) -> Scores:
    """One series: `q` (targets, levels) beside what came."""
    y, at = trial.observed, np.array(levels.LEVELS)
    q = np.maximum.accumulate(q, axis=1)
    middle = q[:, levels.LEVELS.index(0.5)]
    spread = float(np.std(np.concatenate([trial.value, y])))
    found = {
        "nCRPS": float(np.mean([levels.crps(a, float(v)) for a, v in zip(q, y, strict=True)])) / spread
        if spread > 0
        else np.nan,
        "cover 80": float(np.mean((q[:, 3] <= y) & (y <= q[:, 7]))),
        "cover 95": float(np.mean((q[:, 1] <= y) & (y <= q[:, 9]))),
        "alarms": float(np.mean(_alarms(at, q, y, trial.metric.sign))),
    }
    if (y > 0).all():
        miss = np.log(np.maximum(middle, 1e-3 * y)) - np.log(y)
        found["RMSLE"] = float(np.sqrt(np.mean(miss**2)))
    lower, upper = trial.bounds
    if trial.metric.kind == "thresholded" and lower is not None and upper is not None and trial.metric.sign > 0:
        for points in (5, 10):
            planted = y + points / 100 * (upper - lower)
            fits = planted <= upper + 1e-12
            if fits.any():
                found[f"+{points}"] = float(np.mean(_alarms(at, q[fits], planted[fits], 1)))
    return found


def _alarms(at: Array, q: Array, y: Array, better: int) -> npt.NDArray[np.bool_]:
    # On the side of improvement, the one that a pause watches.
    tails = np.array([levels.tails(at, a, float(v)) for a, v in zip(q, y, strict=True)])
    return np.asarray(tails[:, 1 if better > 0 else 0] < ALARM)


def ours(trials: Sequence[Trial], believed: Prior) -> tuple[list[Array | None], float]:
    """Quantiles of each trial, and seconds with what was learnt from the training rows of all of them."""
    start = time.process_time()
    answers = [o.answer for o in outcomes(trials, believed)]
    taken = time.process_time() - start
    told = [
        np.array([list(t.quantiles.values()) for t in a.targets if t.quantiles is not None]) if a.n_train else None
        for a in answers
    ]
    return told, taken


def theirs(trials: Sequence[Trial], method: str) -> tuple[list[Array | None], float]:
    """The same of a baseline."""
    start = time.process_time()
    out: list[Array | None] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflow on the way to a fit
        for trial in trials:
            question = asked(trial)
            out.append(None if question is None else ALL[method](question))
    return out, time.process_time() - start


def row(trials: Sequence[Trial], told: Sequence[Array | None], seconds: float) -> Scores:
    """Means over series, and medians where they say something else."""
    each = [scores(t, q) for t, q in zip(trials, told, strict=True) if q is not None]
    out: Scores = {}
    for name in ("nCRPS", "RMSLE", "cover 80", "cover 95", "alarms", "+5", "+10"):
        values = np.array([s[name] for s in each if np.isfinite(s.get(name, np.nan))])
        if values.size:
            out[name] = float(values.mean())
            if name in ("nCRPS", "RMSLE"):
                out[f"{name} median"] = float(np.median(values))
    out["ms"] = 1e3 * seconds / max(len(trials), 1)
    return out


def compared(path: Path, most: int, believed: Prior) -> dict[str, dict[str, Scores]]:
    """kind -> method -> scores of one table."""
    every = [t for t in read(path) if t.targets]
    out: dict[str, dict[str, Scores]] = {}
    for kind in ("continuous", "thresholded"):
        trials = [t for t in every if t.metric.kind == kind]
        if len(trials) > most:
            chosen = np.sort(np.random.default_rng(0).choice(len(trials), most, replace=False))
            trials = [trials[i] for i in chosen]
        if not trials:
            continue
        found = {OURS: row(trials, *ours(trials, believed))}
        for method in ALL:
            found[method] = row(trials, *theirs(trials, method))
        out[f"{kind}, {len(trials)} series"] = found
    return out


def best(column: str, found: dict[str, Scores]) -> float:
    """The best value of a column."""
    values = [s[column] for s in found.values() if column in s]
    if column in WANTED:
        return min(values, key=lambda v: abs(v - WANTED[column]))
    return max(values) if column.startswith("+") else min(values)


def printed(title: str, found: dict[str, Scores]) -> None:
    """One table."""
    columns = [c for c in COLUMNS if any(c in s for s in found.values())]
    print(f"\n{title}\n{'':<12}" + "".join(f"{c:>14}" for c in columns))
    tops = {c: best(c, found) for c in columns}
    for method, s in found.items():
        cells = [f"{s[c]:.4g}{'*' if s[c] == tops[c] else ' '}" if c in s else "- " for c in columns]
        print(f"{method:<12}" + "".join(f"{cell:>14}" for cell in cells))


def chart(title: str, found: dict[str, Scores]) -> alt.HConcatChart:
    """Error of every method, and how much of what came its 80 % intervals held."""
    rows = [
        {"method": m, "nCRPS": s.get("nCRPS"), "cover 80": s["cover 80"]} for m, s in found.items() if "cover 80" in s
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("method:N", sort=None, title=None))
    ours_first = alt.condition(alt.datum.method == OURS, alt.value("#1f6f8b"), alt.value("#b8b8b8"))
    top = min(2.0, 1.05 * max(s.get("nCRPS", 0.0) for s in found.values()))
    error = base.mark_bar().encode(
        x=alt.X("nCRPS:Q", title="nCRPS (less is better; cut at 2)", scale=alt.Scale(domain=[0, top], clamp=True)),
        color=ours_first,
    )
    held = base.mark_point(filled=True, size=60).encode(
        x=alt.X("cover 80:Q", title="held by 80 % intervals", scale=alt.Scale(domain=[0, 1])), color=ours_first
    )
    wanted = alt.Chart(alt.Data(values=[{"x": 0.8}])).mark_rule(strokeDash=[4, 3]).encode(x="x:Q")
    return (error.properties(width=280) | (held + wanted).properties(width=220)).properties(title=title)


def main() -> None:
    """Compare, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tables", type=Path, default=os.environ.get("HOLDPOINT_TABLES"))
    parser.add_argument("--only", nargs="*", help="names of tables, without .csv")
    parser.add_argument("--series", type=int, default=40, help="at most so many of each kind in a table")
    parser.add_argument("--prior", help="a prior file, or `none`; without it, the shipped one")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--charts", type=Path, help="folder for one SVG a table and kind")
    options = parser.parse_args()
    believed: Prior = {}
    if options.prior != "none":
        believed = (prior.load(Path(options.prior)) if options.prior else prior.shipped()).dictionaries
    everything: dict[str, dict[str, Scores]] = {}
    with tempfile.TemporaryDirectory() as folder:
        if options.tables is None:
            print("no --tables and no HOLDPOINT_TABLES: GPT-3 from examples/ and made-up losses only")
            paths = examples(Path(folder))
        else:
            paths = sorted(Path(options.tables).glob("*.csv"))
        for path in paths:
            if options.only and path.stem not in options.only:
                continue
            for kind, found in compared(path, options.series, believed).items():
                title = f"{path.stem}: {kind}"
                everything[title] = found
                printed(title, found)
                if options.charts:
                    options.charts.mkdir(parents=True, exist_ok=True)
                    chart(title, found).save(options.charts / f"{path.stem}-{kind.partition(',')[0]}.svg")
    if options.json:
        options.json.write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
