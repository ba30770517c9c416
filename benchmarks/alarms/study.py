"""(a) false alarms, (b) power, (e) delay, on suites whose trend is known; and (a) again on public tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from alarms import methods, real
from alarms.simulated import Made, made, planted, tails
from checkpoints_db.records import Answer
from monitor.science.drift import strongest
from policies import decide, shelf
from policies.budget import account

Array = npt.NDArray[np.float64]
Table = list[dict[str, Any]]

COUNTS = (10, 100, 1000)
TASKS = 100
RHO = 0.1
SIZES = (2.0, 4.0, 8.0, 16.0)
AFFECTED = (1, 3, 10, 30)
SEEN = (4, 5, 7)
FIRST, LAST = 5, 9
GRADUAL = 1.0


@dataclass(frozen=True)
class Effort:
    """How much is simulated."""

    suites: int
    draws: int
    wide: int
    """Suites of a thousand tasks judged by the engine."""


def exact(rng: np.random.Generator, effort: Effort) -> Table:
    """Nominal false alarms where the laws are exact: correlated uniform tails."""
    out: Table = []
    for m in COUNTS:
        for rho in (0.0, 0.1, 0.3, 0.6):
            draws = max(effort.draws // m, 500)
            z = np.sqrt(rho) * rng.standard_normal((draws, 1)) + np.sqrt(1 - rho) * rng.standard_normal((draws, m))
            found = {name: float(hit.mean()) for name, hit in methods.nominal(np.asarray(ndtr(-z))).items()}
            out.append({"metrics": m, "rho": rho, "suites": draws, **found})
    return out


def engine(rng: np.random.Generator, effort: Effort) -> Table:
    """Nominal false alarms of the engine's own laws on ladders on trend, beside common practice on the same ladders."""
    out: Table = []
    for m, suites in ((10, 5 * effort.suites), (100, effort.suites), (1000, effort.wide)):
        for seen in (5, 7):
            suite = made(rng, suites, m, seen + 1, RHO)
            found = {name: float(hit.mean()) for name, hit in methods.nominal(tails(suite, seen)).items()}
            for name, method in methods.PRACTICE.items():
                stat, wanted = method(suite, seen)
                found[name] = float((stat > wanted).mean())
            out.append({"metrics": m, "rungs": seen, "suites": suites, **found})
    return out


def _stats(suite: Made, p: Array, seen: int) -> dict[str, Array]:
    found = {name: method(p) for name, method in methods.OURS.items()}
    return found | {name: method(suite, seen)[0] for name, method in methods.PRACTICE.items()}


def power(rng: np.random.Generator, effort: Effort) -> Table:
    """Power for breaks planted at the last rung, at equal REAL false alarms of 5 % of suites."""
    out: Table = []
    for seen in SEEN:
        calm = made(rng, effort.suites, TASKS, seen + 1, RHO)
        limits = {name: methods.limit(stat) for name, stat in _stats(calm, tails(calm, seen), seen).items()}
        fresh = made(rng, effort.suites, TASKS, seen + 1, RHO)
        before = tails(fresh, seen)
        for size in SIZES:
            for k in AFFECTED:
                tasks = _spread(k)
                moved, p = planted(fresh, tasks, seen, size), before.copy()
                p[:, tasks] = tails(moved, seen, tasks)
                found = {name: float((stat > limits[name]).mean()) for name, stat in _stats(moved, p, seen).items()}
                out.append({"rungs": seen, "size": size, "affected": k, **found})
    return out


def _spread(k: int) -> npt.NDArray[np.intp]:
    # As many losses as scores, or one of either kind.
    return np.linspace(0, TASKS - 1, k + 2)[1:-1].round().astype(int) if k > 1 else np.array([TASKS // 4])


def delay(rng: np.random.Generator, effort: Effort) -> Table:
    """Rungs until a break that grows rung by rung is seen; every method alarms at as many of the calm families.

    From rung FIRST on, ten of the tasks gain GRADUAL standard deviations more at every rung than at the one before
    (1, 3, 6, 10, ...); each rung is forecast from all before it. e-process: the product of the mean e-values so far.
    """
    lift = np.zeros((effort.suites, TASKS, LAST + 1))
    steps = np.arange(1, LAST - FIRST + 2)
    lift[:, _spread(10), FIRST:] = GRADUAL * np.cumsum(steps)
    calm, moved = _walk(rng, effort, None), _walk(rng, effort, lift)
    out: Table = []
    for name in calm:
        limit = methods.limit(calm[name].max(axis=0), 1 - (1 - methods.SHARE) ** len(steps))
        hit = moved[name] > limit
        first = np.where(hit.any(axis=0), hit.argmax(axis=0), len(steps))
        out.append({"method": name, "seen": float(hit.any(axis=0).mean()), "mean delay": float(first.mean())})
    return out


def _walk(rng: np.random.Generator, effort: Effort, lift: Array | None) -> dict[str, Array]:
    suite = made(rng, effort.suites, TASKS, LAST + 1, RHO, lift)
    rows: dict[str, list[Array]] = {}
    grown = np.zeros(effort.suites)
    for seen in range(FIRST, LAST + 1):
        part = Made(suite.value[..., : seen + 1], suite.scatter)
        found = _stats(part, tails(part, seen), seen)
        grown = grown + found["e-average"]
        for name, stat in (found | {"e-process": grown}).items():
            rows.setdefault(name, []).append(stat)
    return {name: np.stack(stats) for name, stats in rows.items()}


def tables(paths: list[Path], rng: np.random.Generator, effort: Effort) -> dict[str, Table]:
    """Public tables, every checkpoint a suite: pauses over breaks with and without the budget; resampled suites."""
    default = shelf("default")
    without = default.model_copy(update={"budget": default.budget.model_copy(update={"method": "none"})})
    rows: Table = []
    pool: dict[str, list[Array]] = {}
    for path in paths:
        for suite in real.suites(path):
            case = suite.case(default)
            p = np.array([v.tail_above for v in case.verdicts if v.tail_above is not None])
            if p.size < 5:
                continue
            pool.setdefault(suite.table, []).append(p)
            plain = decide(without, case, (), (), real.AT)
            spent = decide(default, case, (), (), real.AT)
            row = {"table": suite.table, "run": suite.run, "rungs": suite.rungs, "verdicts": int(p.size)}
            row |= {"tests": account(default, case).record.tests, "under 1 %": int((p < 0.01).sum())}
            row |= {"smallest": float(p.min()), "mean surprise": float(-strongest(p).mean())}
            row |= {"breaks": _paused(plain.findings), "after budget": _paused(spent.findings)}
            rows.append(row | {name: bool(hit[0]) for name, hit in methods.nominal(p[None]).items()})
    return {"checkpoints": rows, "resampled": _resampled(pool, rng, effort)}


def _paused(findings: Any) -> int:
    return len({f.subject.partition(" · ")[0] for f in findings if f.answer is Answer.PAUSE})


def _resampled(pool: dict[str, list[Array]], rng: np.random.Generator, effort: Effort) -> Table:
    """Suites of m verdicts drawn from one checkpoint of a table: their tails and their dependence are real."""
    out: Table = []
    for m in COUNTS:
        for table, checkpoints in pool.items():
            draws = max(effort.draws // 10 // m, 200)
            chosen = rng.integers(0, len(checkpoints), draws)
            p = np.stack([rng.choice(checkpoints[i], m, replace=checkpoints[i].size < m) for i in chosen])
            found = {name: float(hit.mean()) for name, hit in methods.nominal(p).items()}
            out.append({"table": table, "metrics": m, "suites": draws, **found})
    return out
