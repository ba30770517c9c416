"""Artefacts called breaks, and breaks called artefacts: what a diagnosis is worth on ladders with both kinds of metric.

    python benchmarks/alarm_artefacts.py [--tables DIR] [--suites 300] [--json OUT] [--cost 10000]

DIR (or HOLDPOINT_TABLES) holds plain tables as `holdpoint backtest` reads them; without it only the tiny ladder of
`examples/` and simulated ladders are used, and the rest is named as absent.

Planted artefact: the continuous metric of every rung is as it came, the thresholded one is made from it, p**L with L so
large that it jumps at the last rung, and counted over its items. Planted break: the continuous metric of the last rung
is shifted by the size that its own forecast sees with a probability of 90 %, and the thresholded one follows. What is
called genuine_break, latent_break, unexplained_jump or unresolved_jump is called a break.
Everything runs through the seal, the verdicts and the diagnosis that the gate uses.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from checkpoints_db.errors import ForecastError
from checkpoints_db.records import Checkpoint, Diagnosis, Metric, Point, Result, Sealed, Series, Verdict
from monitor.backtesting import Trial, read
from monitor.diagnosis import diagnose, linked
from monitor.forecasting import forecast, law_at
from monitor.rungs import sampling_variance
from monitor.verdicts import judge
from policies.terms import Judging

Array = npt.NDArray[np.float64]
JUDGING = Judging()
AT = datetime(2026, 11, 23, tzinfo=UTC)
BREAKS = {"genuine_break", "latent_break", "unexplained_jump", "unresolved_jump"}
LIKELIHOOD = Metric(name="log_likelihood", kind="continuous", upper=0.0)
MATCH = Metric(name="exact_match", kind="thresholded", lower=0.0, upper=1.0)


@dataclass(frozen=True)
class Ladder:
    """Both metrics of one task on all rungs, the last one to be judged."""

    source: str
    task: str
    x: Array
    continuous: Metric
    c: Array
    c_se: Array | None
    thresholded: Metric
    t: Array
    n: int


@dataclass
class Count:
    """What a kind of case was called."""

    names: Counter[str] = field(default_factory=Counter)
    pit: list[float] = field(default_factory=list)
    """Of the score under the link."""

    def share(self, *names: str) -> float:
        total = sum(self.names.values())
        return sum(self.names[name] for name in names) / total if total else float("nan")


def series(ladder: Ladder, metric: Metric, y: Array, se: Array | None, n: int | None) -> Series:
    points = tuple(
        Point(run=f"r{i}", checkpoint=f"f/r{i}", x=float(x), value=float(v), result="r", n=n,
              stderr=None if se is None else float(se[i]))
        for i, (x, v) in enumerate(zip(ladder.x[:-1], y[:-1], strict=True))
    )  # fmt: skip
    made = result(ladder, metric, float(y[0]), None, n)
    return Series(id=made.series, family="f", task=ladder.task, metric=metric, stage="", conditions="", axis="flop",
                  points=points)  # fmt: skip


def result(ladder: Ladder, metric: Metric, value: float, se: float | None, n: int | None) -> Result:
    at = Checkpoint(family="f", run="big", model="big", flop=float(ladder.x[-1]))
    return Result(task=ladder.task, metric=metric, value=value, stderr=se, n=n, checkpoint=at)


@dataclass(frozen=True)
class Sealing:
    """Both forecasts of a ladder, made from its smaller rungs."""

    ladder: Ladder
    history: dict[str, Series]
    c: Sealed
    t: Sealed
    visible: float
    """The shift of the continuous metric at the last rung that its forecast sees with a probability of 90 %: from the
    quantile that nine of ten results exceed to the edge of the interval."""

    def told(self, c: float, t: float) -> Diagnosis:
        """The diagnosis had the last rung measured `c` and `t`."""
        own = self.ladder
        se = None if own.c_se is None else float(own.c_se[-1])
        return diagnose(own.task, self.verdicts(c, t, se), self.history)

    def verdicts(self, c: float, t: float, se: float | None) -> list[Verdict]:
        own = self.ladder
        return [
            judge(self.c, result(own, own.continuous, c, se, own.n), JUDGING),
            judge(self.t, result(own, own.thresholded, t, None, own.n), JUDGING),
        ]


def sealed(ladder: Ladder) -> Sealing | None:
    """None where a forecast cannot be made."""
    a = series(ladder, ladder.continuous, ladder.c, ladder.c_se, ladder.n)
    b = series(ladder, ladder.thresholded, ladder.t, None, ladder.n)
    try:
        first, second = (Sealed(forecast=forecast(s), at=AT, seq=1) for s in (a, b))
    except ForecastError:
        return None
    se = None if ladder.c_se is None else float(ladder.c_se[-1])
    own = sampling_variance(ladder.continuous, float(ladder.c[-1]), se, ladder.n) or 0.0
    law = law_at(first.forecast, float(ladder.x[-1]), max(own, first.forecast.target_variance))
    up = ladder.continuous.sign > 0
    edge, low = law.quantile([1 - JUDGING.tail, 0.1] if up else [JUDGING.tail, 0.9])
    return Sealing(ladder, {a.id: a, b.id: b}, first, second, abs(float(edge - low)))


def simulated(rng: np.random.Generator, n: int = 500) -> Ladder:
    """Log-likelihood of an answer on a power law with wander, items gamma about it; greedy exact match is not known to
    the link: an item is right where its probability, half-way sharpened to the mode, says so."""
    k = int(rng.integers(6, 10))
    x = np.geomspace(1e18, 1e18 * 10 ** rng.uniform(3, 5), k + 1)
    per_token = (x / x[0]) ** -rng.uniform(0.15, 0.6) * np.exp(0.03 * rng.standard_normal(k + 1))
    # As many tokens as leave .3 to 3 nats an answer at the last rung: with the larger losses before, the score jumps.
    mean = per_token / per_token[-1] * rng.uniform(0.3, 3.0)
    shape = rng.uniform(1.0, 6.0)
    c, se, t = (np.empty(k + 1) for _ in range(3))
    sharp = rng.uniform(1.0, 2.0)
    for i, mu in enumerate(mean):
        c[i], se[i], t[i] = evaluated(rng, float(mu), shape, sharp, n)
    return Ladder("simulated", "task", x, LIKELIHOOD, c, se, MATCH, t, n)


def evaluated(rng: np.random.Generator, mu: float, shape: float, sharp: float, n: int) -> tuple[float, float, float]:
    """Mean log-likelihood, its standard error and greedy exact match of `n` items at mean loss `mu`."""
    loss = rng.gamma(shape, mu / shape, n)
    q = np.exp(-loss)
    right = q**sharp / (q**sharp + (1 - q) ** sharp)
    return float(-loss.mean()), float(loss.std() / np.sqrt(n)), float((rng.random(n) < right).mean())


def tabled(folder: Path, name: str, pairs: dict[str, str], kind: str) -> Iterator[Ladder]:
    """Ladders of one table: metrics of the prefix `pairs` maps from, with those of what it maps to."""
    trials: dict[tuple[str, str], dict[str, Trial]] = defaultdict(dict)
    for trial in read(folder / f"{name}.csv"):
        for mark in (*pairs, *pairs.values()):
            if trial.metric.name.startswith(mark):
                trials[trial.family, trial.task][mark] = trial
    for (_, task), own in sorted(trials.items()):
        for mark, other in pairs.items():
            if mark in own and other in own:
                yield _paired(kind, task, own[mark], own[other])


def _paired(kind: str, task: str, a: Trial, b: Trial) -> Ladder:
    rows = {r.run or r.model: r for r in (*b.train, *b.targets)}
    both = [(r, rows[r.run or r.model]) for r in (*a.train, *a.targets) if (r.run or r.model) in rows]
    both.sort(key=lambda pair: cost(pair[0].flop, pair[0].params, pair[0].tokens))
    x = np.array([cost(r.flop, r.params, r.tokens) for r, _ in both])
    n = int(np.median([s.n for _, s in both if s.n] or [1500]))
    return Ladder(kind, task, x, a.metric, np.array([r.value for r, _ in both]), None, b.metric,
                  np.array([s.value for _, s in both]), n)  # fmt: skip


def cost(flop: float | None, params: float | None, tokens: float | None) -> float:
    return flop or 6 * (params or 1.0) * (tokens or 1.0)


def tiny() -> Iterator[Ladder]:
    """examples/tiny-ladder: the memorised facts, whose last rungs jump by the metric."""
    root = Path(__file__).resolve().parent.parent / "examples" / "tiny-ladder" / "tiny-facts"
    flop = {"f0": 1.03e11, "f1": 2.3e11, "f2": 4.074e11, "f3": 6.35e11, "f4": 9.13e11, "f5": 1.62e12, "f6": 2.528e12}
    c, se, t = [], [], []
    for run in flop:
        folder = next(root.glob(f"{run}-*"))
        lines = next(folder.glob("samples_facts_ll_*")).read_text(encoding="utf-8").splitlines()
        own = np.array([float(np.ravel(json.loads(line)["filtered_resps"][0])[0]) for line in lines])
        c.append(own.mean())
        se.append(own.std() / np.sqrt(own.size))
        results = json.loads(next(folder.glob("results_*")).read_text(encoding="utf-8"))
        t.append(results["results"]["facts"]["exact_match,none"])
    for k in (5, 6):
        yield Ladder("tiny-ladder", f"facts to f{k}", np.array(list(flop.values())[: k + 1]), LIKELIHOOD,
                     np.array(c[: k + 1]), np.array(se[: k + 1]), MATCH, np.array(t[: k + 1]), 200)  # fmt: skip


def planted(rng: np.random.Generator, part: Ladder, size: float | None) -> tuple[Ladder, float, float] | None:
    """`part` with its score made anew from its own likelihoods, and both metrics of the last rung.

    share = top exp(L (c - c_last)), counted. An artefact (`size` None): L so large that the score is nearly nothing
    one rung before and .5 at the last, whose likelihood is as it came. A break: the likelihood of the last rung shifted
    by `size`, the score goes from .05 to .6 with it. None where the last rung is no better than those before.
    """
    sign = part.continuous.sign
    better = sign * part.c
    step = float(better[-1] - better[:-1].max())
    if size is None and step <= 0:
        return None
    top, power = (0.5, 3.0 / step) if size is None else (0.05, float(np.log(0.6 / 0.05)) / size)
    at = np.append(better, better[-1] + (size or 0.0))
    share = np.minimum(top * np.exp(np.minimum(power * (at - better[-1]), 5.0)), 0.98)
    counted = rng.binomial(part.n, share) / part.n
    best = part.continuous.upper if sign > 0 else part.continuous.lower
    new = float(at[-1]) * sign
    if best is not None and sign * (best - new) < 0:
        return None
    made = replace(part, thresholded=MATCH, t=counted[:-1])
    return made, new, float(counted[-1] if size is not None else counted[-2])


def simulate(rng: np.random.Generator, suites: int) -> dict[str, Count]:
    """Ladders of which everything is known: artefacts (the score jumps, the loss is on trend) and breaks."""
    found: dict[str, Count] = defaultdict(Count)
    for _ in range(suites):
        ladder = simulated(rng)
        own = sealed(ladder)
        if own is None:
            continue
        told = own.told(float(ladder.c[-1]), float(ladder.t[-1]))
        jumped = told.thresholded is not None and (
            told.thresholded.outcome == "above" or ladder.t[-1] - ladder.t[:-1].max() > 0.2
        )
        _take(found["artefact: score jumps" if jumped else "on trend"], told)
        broken = float(ladder.c[-1]) + own.visible
        if broken >= -1e-4:
            continue
        # The same ability at a lower loss: items and mode as they were, so the score follows.
        c, _, t = evaluated(rng, -broken, 3.0, 1.4, ladder.n)
        _take(found["true break, 90 % visible"], own.told(min(c, -1e-6), t))
        if ladder.t[-1] <= 0.5:
            _take(found["contaminated: the score rises by .5 alone"], own.told(float(ladder.c[-1]), ladder.t[-1] + 0.5))
    return found


def _take(count: Count, told: Diagnosis) -> None:
    count.names[told.name] += 1
    if told.linked is not None and told.linked.tail_above is not None and told.linked.tail_below is not None:
        count.pit.append(0.5 * (told.linked.tail_below + 1 - told.linked.tail_above))


def real(rng: np.random.Generator, ladders: list[Ladder], draws: int) -> dict[str, Count]:
    """Measured ladders: the last rung as it came, with artefacts and with breaks planted."""
    found: dict[str, Count] = defaultdict(Count)
    for ladder in ladders:
        for last in range(max(6, ladder.x.size - 4), ladder.x.size + 1):
            part = Ladder(ladder.source, ladder.task, ladder.x[:last], ladder.continuous, ladder.c[:last],
                          None if ladder.c_se is None else ladder.c_se[:last], ladder.thresholded, ladder.t[:last],
                          ladder.n)  # fmt: skip
            own = sealed(part) if np.ptp(part.x[:-1]) > 0 and part.x[-1] > part.x[:-1].max() else None
            if own is None:
                continue
            _take(found[f"{ladder.source}: as it came"], own.told(float(part.c[-1]), float(part.t[-1])))
            for _ in range(draws):
                for what, size in (("planted artefact", None), ("planted break, 90 % visible", own.visible)):
                    made = planted(rng, part, size)
                    again = None if made is None else sealed(made[0])
                    if made is not None and again is not None:
                        _take(found[f"{ladder.source}: {what}"], again.told(made[1], made[2]))
    return found


def coverage(ladders: list[Ladder]) -> dict[str, list[float]]:
    """PIT of each held-out score under the link of the smaller rungs, by source."""
    pit: dict[str, list[float]] = defaultdict(list)
    for ladder in ladders:
        for last in range(6, ladder.x.size + 1):
            part = Ladder(ladder.source, ladder.task, ladder.x[:last], ladder.continuous, ladder.c[:last],
                          None if ladder.c_se is None else ladder.c_se[:last], ladder.thresholded, ladder.t[:last],
                          ladder.n)  # fmt: skip
            a = series(part, part.continuous, part.c, part.c_se, part.n)
            b = series(part, part.thresholded, part.t, None, part.n)
            se = None if part.c_se is None else float(part.c_se[-1])
            verdicts = [
                judge(None, result(part, part.continuous, float(part.c[-1]), se, part.n), JUDGING),
                judge(None, result(part, part.thresholded, float(part.t[-1]), None, part.n), JUDGING),
            ]
            link = linked(verdicts[0], verdicts[1], verdicts, {a.id: a, b.id: b})
            if link is not None and link.tail_above is not None and link.tail_below is not None:
                pit[f"{ladder.source}, {link.method}"].append(0.5 * (link.tail_below + 1 - link.tail_above))
    return pit


def speed(rng: np.random.Generator, tasks: int) -> float:
    """Processor seconds to diagnose `tasks` tasks whose verdicts are there."""
    ready = []
    while len(ready) < 20:
        own = sealed(simulated(rng))
        if own is not None:
            c, t = float(own.ladder.c[-1]), float(own.ladder.t[-1])
            ready.append((own.verdicts(c, t, None), own.history))
    start = time.process_time()
    for i in range(tasks):
        verdicts, history = ready[i % len(ready)]
        diagnose("q", verdicts, history)
    return time.process_time() - start


def report(found: dict[str, Count]) -> None:
    print(f"{'':46s} {'cases':>6s} {'break':>7s} {'artefact':>9s} {'on trend':>9s} {'held':>7s} {'below':>7s}")
    for what, count in sorted(found.items()):
        shares = (count.share(*BREAKS), count.share("metric_artefact"), count.share("on_trend", "inverse_scaling"),
                  count.share("inconclusive"), count.share("regression"))  # fmt: skip
        print(f"{what:46s} {sum(count.names.values()):6d} " + " ".join(f"{s:8.1%}" for s in shares))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=Path, default=os.environ.get("HOLDPOINT_TABLES"), help="folder of tables")
    parser.add_argument("--suites", type=int, default=300, help="simulated ladders")
    parser.add_argument("--draws", type=int, default=3, help="planted cases of each measured ladder")
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--cost", type=int, default=0, help="tasks to diagnose against the clock")
    parser.add_argument("--json", type=Path, help="write every count here")
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    ladders = list(tiny())
    if chosen.tables is None:
        print("no tables: give --tables DIR or HOLDPOINT_TABLES for the measured ladders", file=sys.stderr)
    else:
        ladders += tabled(Path(chosen.tables), "bigbench-bigg", {"self_brier": "accuracy"}, "BIG-G")
        ladders += tabled(Path(chosen.tables), "olmo-ladder", {"downstream_bpb/": "downstream/"}, "OLMo")
    found = simulate(rng, chosen.suites) | real(rng, ladders, chosen.draws)
    report(found)
    pits = coverage(ladders) | {what: count.pit for what, count in found.items() if what.startswith(("on", "artefact"))}
    print(f"\n{'link, held-out rungs':46s} {'cases':>6s}   50 %   80 %   98 %  above  below")
    for what, values in sorted(pits.items()):
        if values:
            p = np.array(values)
            inside = [float(np.mean(np.abs(p - 0.5) < 0.5 * level)) for level in (0.5, 0.8, 0.98)]
            tails = [float(np.mean(p > 0.99)), float(np.mean(p < 0.01))]
            print(f"{what:46s} {p.size:6d} " + " ".join(f"{v:6.1%}" for v in (*inside, *tails)))
    seconds = speed(rng, chosen.cost) if chosen.cost else None
    if seconds is not None:
        print(f"\n{chosen.cost} diagnoses in {seconds:.1f} s of processor time")
    if chosen.json is not None:
        body = {what: {"names": dict(c.names), "pit": c.pit} for what, c in found.items()}
        chosen.json.write_text(
            json.dumps({"counts": body, "coverage": pits, "seconds": seconds}) + "\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
