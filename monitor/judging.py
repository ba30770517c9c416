"""Results beside what was sealed before them -> verdicts, and verdicts beside their ladder -> diagnoses, from a store.

Where a store remembers what was judged (`Judgements.known`), nothing is judged twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from checkpoints_db import Seen, Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import PLANE, Checkpoint, Diagnosis, Result, Series, Verdict, Why
from checkpoints_db.series import make_series
from monitor.composition import compose
from monitor.diagnosis import diagnose
from monitor.forecasting import MIN_RUNGS
from monitor.items import Past
from monitor.verdicts import judge_under
from policies.terms import Judging


def judged_by(
    store: Store, judging: Judging, ladder: dict[str, Series], here: Iterable[Seen]
) -> list[tuple[Verdict, tuple[float, ...]]]:
    """The verdicts on those results of a checkpoint that count, and where past results lay under their forecasts."""
    return [_verdict(store, judging, ladder, seen) for seen in here if seen.counts]


def _verdict(
    store: Store, judging: Judging, ladder: dict[str, Series], seen: Seen
) -> tuple[Verdict, tuple[float, ...]]:
    result, known = seen.result, store.judgements.known
    seal = store.judgements.seal_of(result.series, up_to=seen.seen_after)
    words = _too_few(result, ladder)
    if known is None:
        return _compared(store, seal, result, (judging,), words)[0]
    key = (seal, result.identity, judging, words)
    if key not in known.verdicts:
        several = tuple(dict.fromkeys((judging, *known.together)))
        for own, made in zip(several, _compared(store, seal, result, several, words), strict=True):
            known.verdicts[seal, result.identity, own, words] = made
    verdict, places = known.verdicts[key]
    if verdict.forecast is not None and seal is not None:
        known.seals[verdict.forecast] = seal
    return verdict, places


def _compared(
    store: Store, seal: int | None, result: Result, judgings: Sequence[Judging], words: str
) -> list[tuple[Verdict, tuple[float, ...]]]:
    """For each of some terms the verdict on a result under row `seal`, and where past results of its series lay.

    `words`: why its ladder has no forecast; empty where it is long enough for one.
    """
    sealed = None if seal is None else store.judgements.sealed_at(seal)
    places = () if sealed is None else sealed.forecast.places()
    why: Why = "too_few" if words else "unsealed"
    return [(verdict, places) for verdict in judge_under(sealed, result, judgings, why_not=why, words=words)]


def _too_few(result: Result, ladder: dict[str, Series]) -> str:
    """Why a ladder is too short for a forecast; empty where it is not."""
    own = ladder.get(result.series)
    rungs = set(own.names().values()) if own else set()
    if len(rungs) >= MIN_RUNGS:
        return ""
    stage = result.checkpoint.stage
    what = "checkpoints" if own and own.axis == PLANE else "runs"
    words = f"{len(rungs)} smaller {what} were evaluated on it{' at ' + stage if stage else ''}"
    words += f", a forecast needs {MIN_RUNGS}"
    if stage:
        words += ' (`compare_at = "any"` in the catalogue compares across steps)'
    return words


def diagnosed(
    store: Store,
    catalogue: Catalogue,
    judging: Judging,
    checkpoint: Checkpoint,
    past: Past,
    verdicts: Sequence[Verdict],
) -> tuple[Diagnosis, ...]:
    """One diagnosis of each question that verdicts of a checkpoint speak of, then those of its compositions."""
    questions: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        questions.setdefault(catalogue.question(verdict.task), []).append(verdict)
    later = _later(store, checkpoint, past, verdicts)
    found = [_diagnosis(store, judging, question, asked, past, later) for question, asked in questions.items()]
    return (*found, *compose(catalogue.compositions, questions, judging))


def _diagnosis(
    store: Store, judging: Judging, question: str, asked: Sequence[Verdict], past: Past, later: Mapping[str, Series]
) -> Diagnosis:
    known = store.judgements.known
    if known is None:
        return diagnose(question, asked, past, later)
    # All that a diagnosis rests on: the verdicts, their series as they are now, and the items that are kept.
    tallies = [past.tallies[v.task] for v in asked if v.task in past.tallies]
    items = tuple(name for each in tallies for name, _ in each.rungs)
    rests = tuple((v.result, v.forecast, v.why, store.evidence.changed(v.series)) for v in asked)
    key = (question, judging, rests, items, store.judgements.outliers(asked[0].family))
    if key not in known.diagnoses:
        known.diagnoses[key] = diagnose(question, asked, past, later)
    return known.diagnoses[key]


def _later(
    store: Store, checkpoint: Checkpoint, ladder: dict[str, Series], verdicts: Sequence[Verdict]
) -> dict[str, Series]:
    """The rungs beyond `checkpoint` of every series that fell below its forecast: they tell a dip from a regression.

    What broke its forecast itself, while nobody let its run go on, excuses nothing.
    """
    later, outliers = {}, store.judgements.outliers(checkpoint.family)
    for name in {v.series for v in verdicts if v.outcome == "below"}:
        found = store.evidence.results(family=checkpoint.family, stage=checkpoint.stage, series=name)
        series = make_series([seen.result for seen in found if seen.counts], ladder[name].axis).without(outliers)
        x = checkpoint.scale(series.axis)
        if x is not None:
            beyond = tuple(p for p in series.points if p.x > x * (1 + 1e-9) and p.run != checkpoint.run)
            later[name] = series.model_copy(update={"points": beyond})
    return later
