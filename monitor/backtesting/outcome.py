"""One trial -> its answer: the laws of its targets from the training rows alone, then what came beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from checkpoints_db.records import Reading
from monitor.backtesting.answer import SeriesAnswer, TargetAnswer
from monitor.backtesting.trial import Trial
from monitor.science import levels, suite
from monitor.science.anchors import Anchored, anchored
from monitor.science.dictionary import Category, Dictionary
from monitor.science.persistence import last_value, persistence, spread_law
from monitor.science.power import smallest_break
from monitor.science.predict import Targets
from monitor.science.refusal import Standing, standing, too_few
from monitor.science.signs import signs
from monitor.science.view import View

Array = npt.NDArray[np.float64]
Dictionaries = Mapping[Category, Dictionary]
Asked = tuple[View, Targets]

DETECT = 0.99
"""Level of the minimum detectable break."""

PUBLISHED = np.array([*levels.LEVELS, 1 - DETECT, DETECT])


@dataclass(frozen=True)
class Outcome:
    """The answer to a trial, and what the summary needs beside it."""

    trial: Trial
    answer: SeriesAnswer
    crps_persistence: Array
    """(m,): of the law of persistence, in units of the metric; empty without history."""


def asked(trial: Trial) -> Asked | None:
    """The ladder as it is seen and its targets; None where it has too few rungs, or numbers that no law can hold."""
    question = trial.question
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # whatever comes of it is refused below
        got = None if question is None or not trial.targets else suite.ask(question)
    if got is None:
        return None
    seen, targets = got
    sound = all(np.isfinite(x).all() for x in (seen.u, seen.c, seen.z, seen.variance, targets.u, targets.variance))
    return got if sound else None


def outcome(trial: Trial, ask: Asked | None, taught: Dictionaries, timer: Callable[[], float]) -> Outcome:
    """The answer to `trial`, whose ladder is seen as `ask`, by the dictionaries of its suite."""
    start = timer()
    if not trial.train:
        stand = Standing("insufficient_evidence", "no training row; there is nothing to forecast from", [])
        rows = tuple(TargetAnswer(**_given(t)) for t in trial.targets)
        return Outcome(trial, _series(trial, stand, rows, timer() - start), np.zeros(0))
    laws, stand = _laws(trial, ask, taught)
    q = levels.held(laws.quantiles(PUBLISHED))
    # Newton's last digit may put two equal quantiles the wrong way round.
    published = np.maximum.accumulate(q[:, : len(levels.LEVELS)], axis=1)
    below, above = laws.tails(trial.observed, published)
    seconds = timer() - start
    last = last_value(*_history(trial))
    rows = tuple(
        TargetAnswer(
            **_given(t),
            **_told(published[i], q[i], t.value, better=trial.metric.sign),
            tail_above=_short(above[i]),
            tail_below=_short(below[i]),
            persistence=_short(last),
            flags=stand.flags[i],
        )
        for i, t in enumerate(trial.targets)
    )
    return Outcome(trial, _series(trial, stand, rows, seconds), _crps_persistence(trial))


def _laws(trial: Trial, ask: Asked | None, taught: Dictionaries) -> tuple[Anchored, Standing]:
    if ask is None:
        return _unasked(trial, None)
    seen, targets = ask
    dictionary = taught[seen.category]
    try:
        laws = anchored(targets, lambda at: suite.laws(seen, dictionary, at))
        told = signs(seen, dictionary, targets)
    except np.linalg.LinAlgError as broken:
        return _unasked(trial, str(broken))
    q = laws.quantiles(PUBLISHED)
    if not np.isfinite(q).all():
        return _unasked(trial, "they are not finite")
    return laws, standing(seen, levels.held(q), trial.metric.chance, told)


def _unasked(trial: Trial, broken: str | None) -> tuple[Anchored, Standing]:
    # What is left to say: the last value, with the spread of the ladder.
    value, cost = _history(trial)
    laws = Anchored.each([spread_law(value, cost, trial.bounds, logged=_logged(trial))] * len(trial.targets))
    flags: list[tuple[str, ...]] = [("last_value",)] * len(trial.targets)
    short = too_few(np.unique(cost).size, float(np.ptp(np.log(cost))))
    if not trial.axes:
        why = "neither params nor tokens nor flop is known of every row; there is no axis to extrapolate on"
        return laws, Standing("insufficient_evidence", why, flags)
    if short is not None:
        named: list[tuple[str, ...]] = [(short.name, *each) for each in flags]
        return laws, Standing("insufficient_evidence", str(short), named, (short,))
    why = f"the fits of {len(trial.train)} rungs cannot be computed: {broken or 'the values leave no finite unit'}"
    return laws, Standing("refused", why, flags)


def _history(trial: Trial) -> tuple[Array, Array]:
    return trial.value, trial.costs[0]


def _logged(trial: Trial) -> bool:
    # Losses and perplexities live on a log scale.
    m = trial.metric
    return m.kind == "continuous" and m.direction == "lower" and bool((trial.value > 0).all())


def _crps_persistence(trial: Trial) -> Array:
    value, cost = _history(trial)
    laws = persistence(value, cost, trial.costs[1], trial.bounds, logged=_logged(trial))
    at = np.array(levels.LEVELS)
    return np.array([levels.crps(law.quantile(at), y) for law, y in zip(laws, trial.observed, strict=True)])


def _told(published: Array, q: Array, observed: float, *, better: int) -> dict[str, object]:
    middle = published[levels.LEVELS.index(0.5)]
    far = q[-1] if better > 0 else q[-2]
    return {
        "median": _short(middle),
        "quantiles": dict(zip(levels.NAMES, map(_short, published), strict=True)),
        "crps": _short(levels.crps(published, observed)),
        "minimum_detectable_break": _short(smallest_break(middle, far, better)),
    }


def _given(t: Reading) -> dict[str, object]:
    scales = {"params": t.params, "tokens": t.tokens, "flop": t.flop}
    return {"run": t.run or t.model, "observed": t.value, **scales}


def _series(trial: Trial, stand: Standing, rows: tuple[TargetAnswer, ...], seconds: float) -> SeriesAnswer:
    family, task, metric = trial.key
    return SeriesAnswer(
        family=family,
        task=task,
        metric=metric,
        kind=trial.metric.kind,
        axis=",".join(trial.axes),
        status=stand.status,
        reason=stand.reason,
        n_train=len(trial.train),
        seconds=round(seconds, 6),
        targets=rows,
    )


def _short(number: float) -> float:
    # Twelve digits: the last ones are the machine's.
    return float(f"{number:.12g}")
