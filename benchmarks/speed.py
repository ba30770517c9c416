"""How fast predictive laws are made, beside a loop of `scipy.optimize.curve_fit` with 200 bootstraps.

    python benchmarks/speed.py [--series 10000] [--json speed.json]

Made-up falling losses on one grid of ten scales, a sparse dictionary learnt from other made-up ladders, one thread.
`curve_fit` is run as people run it: a + b x^-c with bounds that keep the law physical (scipy's trf), and without bounds
(MINPACK), which is faster and may answer with a negative loss. One table; with --json the same as one file.
"""

from __future__ import annotations

import os

# Before numpy is imported: one thread of BLAS, so that a core is a core.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import argparse
import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import curve_fit
from scipy.special import stdtr

from monitor import prior
from monitor.science.dictionary import Dictionary, full
from monitor.science.fit import Group, drawn, evidence, group, log_prior, moments, posterior
from monitor.science.law import DOF, quantiles, tame
from monitor.science.learn import learn
from monitor.science.predict import Mixtures, Targets, mixtures
from monitor.science.suite import laws
from monitor.science.view import Ladder, View, view

Array = npt.NDArray[np.float64]
Method = Literal["trf", "lm"]

RUNGS = 10
LEVELS = np.array([0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.995])
ATOMS = 32
SIZES = {"noise": 8, "shape": 20, "slope": 5, "arrival": 3}
"""How much of each part a shipped dictionary keeps."""
BOOTSTRAPS = 200
SHIPPED = 256
"""Series that the shipped prior is timed on."""
LOOPED = 4
"""Series that the curve_fit loop is timed on; it is linear in series."""
ROUNDS = 5
CHUNK = 1024
"""Series that one thread takes at a time."""


def ladders(rng: np.random.Generator, n: int, noisy: bool = False) -> list[Ladder]:
    """Losses L + A x^-a with 1 % noise; `noisy`: each ladder with standard errors of its own."""
    x = np.logspace(7, 9.3, RUNGS)
    made = []
    for a in rng.uniform(0.1, 0.6, n):
        y = (0.2 + 0.7 * (x / x[0]) ** -a) * np.exp(0.01 * rng.standard_normal(RUNGS))
        noise = (rng.uniform(0.002, 0.01, RUNGS) * y) ** 2 if noisy else np.full(RUNGS, np.nan)
        made.append(Ladder(x[:, None], x, y, noise, lower=0.0, falls=True))
    return made


def shipped(rng: np.random.Generator) -> Dictionary:
    """A dictionary learnt from made-up ladders that keeps the heaviest entries of each part."""
    views = [view(each) for each in ladders(rng, 8)]
    learnt = learn(views, full(views[0].category), tempers=(0.5,))
    changes: dict[str, object] = {}
    for part, size in SIZES.items():
        weights = np.array(getattr(learnt, f"{part}_weights"))
        kept = np.sort(np.argsort(-weights, kind="stable")[:size])
        changes[f"{part}s"] = tuple(getattr(learnt, f"{part}s")[i] for i in kept)
        changes[f"{part}_weights"] = tuple(float(w) for w in weights[kept] / weights[kept].sum())
    return replace(learnt, **changes)  # type: ignore[arg-type]


def ahead(n: int) -> Targets:
    """One target, one nat beyond the ladder."""
    return Targets(np.array([[1.0]]), np.array([1.0]), np.zeros((n, 1)))


def best(body: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Fewest processor seconds of `rounds`: what is slower was something else on the machine."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        body()
        taken.append(time.process_time() - start)
    return min(taken)


def power_law(x: Array, a: float, b: float, c: float) -> Array:
    """a + b x^-c."""
    return np.asarray(a + b * x ** (-c), dtype=float)


def bootstrapped(ladder: Ladder, rng: np.random.Generator, method: Method, warm: bool) -> Array:
    """What is usually done: one fit, and as many again to resampled residuals -> quantiles.

    `warm`: the resampled fits start where the first one ended, instead of where it began.
    """
    x, y = ladder.cost / ladder.cost.min(), ladder.value
    options: dict[str, Any] = {"bounds": ([0, 0, 0], [np.inf] * 3)} if method == "trf" else {}

    def fit(values: Array, start: Array) -> Array:
        try:
            return np.asarray(curve_fit(power_law, x, values, start, method=method, maxfev=5000, **options)[0])
        except RuntimeError:  # no convergence: the start stands
            return start

    first = np.array([0.9 * y.min(), np.ptp(y), 0.3])
    found = fit(y, first)
    curve = power_law(x, *found)
    rest = y - curve
    drawn = [
        power_law(x[-1:] * np.e, *fit(curve + rng.choice(rest, y.size), found if warm else first)) + rng.choice(rest)
        for _ in range(BOOTSTRAPS)
    ]
    return np.asarray(np.quantile(np.array(drawn), LEVELS), dtype=float)


def slow(rng: np.random.Generator, method: Method, warm: bool) -> float:
    """Seconds a series of the curve_fit loop."""
    some = ladders(rng, LOOPED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflow on the way to a fit, covariance not estimated
        return best(lambda: [bootstrapped(each, rng, method, warm) for each in some], 1) / LOOPED


def answer(views: list[View], dictionary: Dictionary, chosen: slice) -> tuple[Mixtures, Array]:
    """Laws and quantiles of some of the views."""
    some = views[chosen]
    mixed = mixtures(group(some, dictionary), some[0].better, ahead(len(some)), ATOMS)
    return mixed, quantiles(mixed.weight, mixed.mean, mixed.scale, LEVELS, DOF[some[0].category.link])


def whole(views: list[View], dictionary: Dictionary, chosen: slice) -> Array:
    """Law, quantiles, both tails of a result, and the smallest break that is seen at 1 %, in link space."""
    mixed, z = answer(views, dictionary, chosen)
    seen = np.array([v.z[-1] for v in views[chosen]])[:, None, None]
    dof = DOF[views[0].category.link]
    below = (mixed.weight * stdtr(dof, (seen - mixed.mean) / mixed.scale)).sum(axis=-1)
    above = (mixed.weight * stdtr(dof, (mixed.mean - seen) / mixed.scale)).sum(axis=-1)
    far = quantiles(mixed.weight, mixed.mean, mixed.scale, np.array([0.01]), dof)[..., 0] - z[..., 5]
    return np.concatenate([z[:, 0], below, above, far], axis=1)


def spread_out(views: list[View], dictionary: Dictionary, threads: int) -> float:
    """Seconds by the clock for `whole` on all views."""
    parts = [slice(i, i + CHUNK) for i in range(0, len(views), CHUNK)]
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        done = list(pool.map(lambda part: whole(views, dictionary, part), parts))
    taken = time.perf_counter() - start
    if not np.isfinite(np.concatenate(done)).all():
        raise SystemExit("a law has no finite quantiles; the measurement means nothing")
    return taken


@dataclass(frozen=True)
class Stage:
    """One part of the work and its microseconds a series."""

    name: str
    microseconds: float


def stages(views: list[View], dictionary: Dictionary) -> list[Stage]:
    """What the time of a batch goes into."""
    some = views[:CHUNK]
    better, targets = some[0].better, ahead(len(some))
    g: Group = group(some, dictionary)
    p = posterior(g, targets.u)
    weights = log_prior(dictionary) + dictionary.temper * evidence(p, better)
    h, k, t, _ = drawn(weights, ATOMS)
    mixed = mixtures(g, better, targets, ATOMS)
    law = (mixed.weight, mixed.mean, mixed.scale)
    bodies: dict[str, Callable[[], object]] = {
        "group": lambda: group(some, dictionary),
        "sums over rungs": lambda: posterior(g, targets.u),
        "evidence": lambda: evidence(p, better),
        "atoms drawn": lambda: drawn(weights, ATOMS),
        "moments": lambda: moments(p, h, k, t, better),
        "tame": lambda: tame(*law),
        "all of a law": lambda: mixtures(g, better, targets, ATOMS),
        "quantiles": lambda: quantiles(*law, LEVELS, DOF[some[0].category.link]),
    }
    return [Stage(name, 1e6 * best(body) / len(some)) for name, body in bodies.items()]


def measure(series: int) -> dict[str, float]:
    """All figures."""
    rng = np.random.default_rng(0)
    dictionary = shipped(rng)
    found: dict[str, float] = {part: len(getattr(dictionary, f"{part}s")) for part in SIZES}
    found["atoms a law"] = ATOMS
    views = [view(each) for each in ladders(rng, series)]
    some = views[: min(4096, series)]
    parts = [slice(i, i + CHUNK) for i in range(0, len(some), CHUNK)]
    fast = best(lambda: [answer(some, dictionary, part) for part in parts]) / len(some)
    found["laws with 11 quantiles a second and core"] = 1 / fast
    own = [view(each) for each in ladders(rng, CHUNK, noisy=True)]
    found["  each with standard errors of its own"] = CHUNK / best(lambda: answer(own, dictionary, slice(0, CHUNK)))
    loops: dict[str, tuple[Method, bool]] = {
        "bounded": ("trf", False),
        "bounded, warm starts": ("trf", True),
        "unbounded": ("lm", False),
    }
    for name, (method, warm) in loops.items():
        seconds = slow(rng, method, warm)
        found[f"curve_fit x {BOOTSTRAPS}, {name}: a second and core"] = 1 / seconds
        found[f"  batched laws, times faster than {name}"] = seconds / fast
    target = ahead(1)
    alone = best(lambda: [each.quantile(LEVELS) for each in laws(views[0], dictionary, target)], 50)
    found["one series alone, law and quantiles, ms"] = 1e3 * alone
    wide = prior.shipped().of(views[0].category)
    some = views[:SHIPPED]
    full_law = mixtures(group(some, wide), some[0].better, ahead(len(some)))
    made = best(lambda: mixtures(group(some, wide), some[0].better, ahead(len(some))), 2)
    inverted = best(
        lambda: quantiles(full_law.weight, full_law.mean, full_law.scale, LEVELS, DOF[some[0].category.link]), 2
    )
    found["shipped prior, components a law"] = full_law.mean.shape[-1]
    found["  laws with 11 quantiles a second and core"] = len(some) / (made + inverted)
    alone = best(lambda: [each.quantile(LEVELS) for each in laws(views[0], wide, target)], 20)
    found["  one series alone, law and quantiles, ms"] = 1e3 * alone
    for stage in stages(views, dictionary):
        found[f"  {stage.name}, microseconds a series"] = stage.microseconds
    for threads in (1, 2):
        for share in (10, 1):
            n = series // share
            found[f"{n} series, everything, {threads} threads, s"] = spread_out(views[:n], dictionary, threads)
    # The unit is kilobytes on Linux and bytes on macOS.
    unit = 1e6 if sys.platform == "darwin" else 1e3
    found["most memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.series)
    for name, value in found.items():
        print(f"{name:<58} {value:>12,.5g}" if value < 1000 else f"{name:<58} {value:>12,.0f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
