"""The case of a run: everything that a policy is asked about it, from what the store knows now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from checkpoints_db import Seen, Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import PLANE, Axis, Case, Checkpoint, Fault, Missing, Result, Series
from monitor.drifting import drifts
from monitor.faults import changed_conditions, faults_of
from monitor.forecasting import CODE_VERSION, JUDGEMENT_VERSION
from monitor.items import ItemLadder, ItemTallies, Past, item_ladders, tallied
from monitor.judging import diagnosed, judged_by
from monitor.looks import further, furthest, looks, questions
from monitor.outlook import outlook
from monitor.rungs import sampling_variance
from policies.schema import Policy
from policies.terms import Judging

INVALIDATED = "invalidated"
"""Remark of an evaluation that those who made it took back."""
FEWER = 2
"""A result of so many times fewer items than its ladder is noisier than the ladder; how much it has to say itself."""


def case_of(
    store: Store, catalogue: Catalogue, policy: Policy, family: str, run: str, checkpoint: str | None = None
) -> Case:
    """Everything a policy may look at when it decides on one run, from the store alone.

    Speaks of the run's newest checkpoint, or of the one named; what earlier ones did is remembered by the latch.
    Reads only.
    """
    latch, glass = store.actions.latch(family, run), store.actions.open_glass(family, run)
    everything = store.evidence.results(family=family, run=run, checkpoint=checkpoint)
    latest, here = _news_in(everything)
    if latest is None:
        return Case(family=family, run=run, judged=False, latch=latch, glass=glass)
    ladder = _ladder(store, latest, catalogue.axis(family))
    learnt = _learnt(store, family, ladder)
    judged = judged_by(store, policy.judging, learnt, here)
    verdicts = tuple(verdict for verdict, _ in judged)
    faults, past = _measured(store, latest, here, learnt)
    diagnoses = diagnosed(store, catalogue, policy.judging, latest, past, verdicts)
    # Of whatever stage: the run may ask to enter another than it is in.
    rules = [part for rule in policy.rules if rule.select.applies(family, run, ()) for part in rule.parts]
    missing, incomparable = _absent(ladder, latest, here)
    there = [seen for seen in everything if seen.result.checkpoint.id == latest.id]
    missing = tuple(dict.fromkeys((*missing, *_dropped(latest, everything))))
    tasks = {v.task for v in verdicts} | {m.task for m in missing} | {d.question for d in diagnoses}
    case = Case(
        family=family,
        run=run,
        checkpoint=latest.id,
        judged=True,
        verdicts=verdicts,
        diagnoses=diagnoses,
        drifts=drifts(rules, diagnoses, {v.series: places for v, places in judged}, catalogue.domains_of),
        missing=missing,
        first_at=min(seen.seen_at for seen in here),
        # What is kept aside evaluated nothing anew.
        last_at=max((seen.seen_at for seen in here if seen.counts), default=None),
        conflicts=(*_conflicts(there), *_scales(there)),
        incomparable=(*incomparable, *_out_of_order(latest, everything), *_elsewhere(catalogue, here)),
        faults=faults,
        latch=latch,
        glass=glass,
        questions=questions(catalogue, verdicts),
        looks=looks(store, catalogue, policy, latest) if policy.budget.per == "run" else (),
        domains={task: tags for task in sorted(tasks) if (tags := catalogue.domains_of(task))},
        compute=catalogue.compute(latest),
        stages=tuple(store.actions.stages(family, run)),
    )
    return outlook(store, case, rules, latest, ladder)


class Measurement(NamedTuple):
    """How a checkpoint was measured: its items beside its ladder's, task by task, and what is wrong with it."""

    ladders: tuple[ItemLadder, ...]
    faults: tuple[Fault, ...]


def measured(
    store: Store, catalogue: Catalogue, family: str, run: str, *, checkpoint: str | None = None
) -> Measurement:
    """The items of a run's furthest checkpoint, or of the one named, and the faults found; history too. Reads only."""
    everything = store.evidence.results(family=family, run=run, checkpoint=checkpoint)
    if not everything:
        return Measurement((), ())
    latest = furthest(seen.result.checkpoint for seen in everything)
    here = [seen for seen in everything if seen.result.checkpoint.id == latest.id]
    ladder = _learnt(store, family, _ladder(store, latest, catalogue.axis(family)))
    faults, _ = _measured(store, latest, here, ladder)
    return Measurement(tuple(item_ladders(store, here, ladder)), faults)


def items_of(store: Store, catalogue: Catalogue, checkpoint: Checkpoint, task: str) -> ItemLadder | None:
    """The items of one task of a checkpoint beside its ladder's; None where no log was kept item by item."""
    here = store.evidence.results(family=checkpoint.family, run=checkpoint.run, checkpoint=checkpoint.id)
    mine = [seen for seen in here if seen.result.task == task]
    ladder = _learnt(store, checkpoint.family, _ladder(store, checkpoint, catalogue.axis(checkpoint.family)))
    return next(item_ladders(store, mine, ladder), None)


def known_case(store: Store, catalogue: Catalogue, policy: Policy, family: str, run: str) -> Case:
    """`case_of` a run's newest checkpoint, read where it was settled and nothing it is made of has changed since."""
    kept = store.cases.get(family, run, policy.digest, case_key(store, catalogue, policy, family))
    if kept is None:
        return case_of(store, catalogue, policy, family, run)
    store.judgements.must_be_sealed(v.forecast for v in kept.verdicts if v.forecast)
    latch = store.actions.latch(family, run)
    return kept if latch is None else kept.model_copy(update={"latch": latch})


def case_key(store: Store, catalogue: Catalogue, policy: Policy, family: str) -> str:
    """Digest of all that the cases of a family are made of under a policy: while it stays, so does each of them."""
    made_by = [CODE_VERSION, str(JUDGEMENT_VERSION), policy.digest, catalogue.digest]
    made_by += sorted(store.judgements.outliers(family))
    if any(part.kind == "reach" for part in policy.parts):  # it asks the newest seals
        made_by.append(str(max(store.judgements.newest(family).values(), default=0)))
    return store.cases.key(family, *made_by)


def news_of(store: Store, family: str, run: str, checkpoint: str | None = None) -> tuple[Checkpoint | None, list[Seen]]:
    """The newest checkpoint of a run that has news, or the one named, and its news; None where there is none."""
    return _news_in(store.evidence.results(family=family, run=run, checkpoint=checkpoint))


def _news_in(everything: Sequence[Seen]) -> tuple[Checkpoint | None, list[Seen]]:
    news = [seen for seen in everything if not seen.baseline]
    if not news:
        return None, []
    latest = newest(news)
    return latest, [seen for seen in news if seen.result.checkpoint.id == latest.id]


def judged_ahead(
    store: Store, catalogue: Catalogue, judging: Judging, family: str, run: str, checkpoint: str | None = None
) -> None:
    """Make every verdict and diagnosis that `case_of` will ask for, where they are remembered; reads only."""
    latest, here = news_of(store, family, run, checkpoint)
    if latest is not None:
        ladder = _learnt(store, family, _ladder(store, latest, catalogue.axis(family)))
        verdicts = [verdict for verdict, _ in judged_by(store, judging, ladder, here)]
        diagnosed(store, catalogue, judging, latest, _measured(store, latest, here, ladder)[1], verdicts)


def newest(results: Iterable[Seen]) -> Checkpoint:
    """The furthest checkpoint that has news. Raises ValueError where none has."""
    return furthest(seen.result.checkpoint for seen in results if not seen.baseline)


def _ladder(store: Store, checkpoint: Checkpoint, axis: Axis | None) -> dict[str, Series]:
    """Series id -> the rungs below `checkpoint`, for every series of its family and stage."""
    ladder = {}
    for name, series in store.evidence.ladders(checkpoint.family, checkpoint.stage, axis).items():
        x = checkpoint.scale(series.axis)
        # On two axes the run's own earlier checkpoints are rungs like any other.
        points = tuple(p for p in series.points if p.run != checkpoint.run or series.axis == PLANE)
        ladder[name] = series.model_copy(update={"points": points})
        if x is not None:
            ladder[name] = ladder[name].below(x)
    return ladder


def _learnt(store: Store, family: str, ladder: dict[str, Series]) -> dict[str, Series]:
    """The ladder without the rungs that broke their forecasts while nobody let their runs go on: no yardstick."""
    outliers = store.judgements.outliers(family)
    return {name: series.without(outliers) for name, series in ladder.items()}


def _measured(
    store: Store, checkpoint: Checkpoint, here: Sequence[Seen], ladder: dict[str, Series]
) -> tuple[tuple[Fault, ...], Past]:
    """What the items of each task say of its measurement; and the ladder with what was counted of them."""
    faults = [*changed_conditions(store, checkpoint, here, ladder)]
    tasks = len({seen.result.task for seen in here})
    links: dict[str, ItemTallies] = {}
    for items in item_ladders(store, here, ladder):
        faults += faults_of(checkpoint, items, tasks)
        counted = tallied(items)
        if counted is not None:
            links[items.task] = counted
    return tuple(faults), Past(ladder, links)


def _absent(
    ladder: dict[str, Series], checkpoint: Checkpoint, here: Sequence[Seen]
) -> tuple[tuple[Missing, ...], tuple[str, ...]]:
    """What smaller rungs were evaluated on and this checkpoint was not, or only under other conditions or terms.

    What does not count (a remark beside a whole result, a contradiction of history) is no result that was judged.
    """
    have = {seen.result.series: seen.result for seen in here if seen.counts}
    same_name = {(seen.result.task, seen.result.metric.name) for seen in here if seen.counts}
    missing, incomparable = [], []
    for name, series in ladder.items():
        if not series.points:
            continue
        if name in have:
            if words := _otherwise(have[name], series):
                incomparable.append(f"{checkpoint.id}: {series.task} · {series.metric.name} {words}")
        elif (series.task, series.metric.name) in same_name:
            incomparable.append(
                f"{checkpoint.id}: {series.task} · {series.metric.name} was evaluated under other conditions "
                f"(template, shots, subset or version) than on {len(series.points)} smaller rungs"
            )
        else:
            missing.append(Missing(task=series.task, metric=series.metric.name))
    return tuple(missing), tuple(incomparable)


def _dropped(latest: Checkpoint, everything: Iterable[Seen]) -> Iterable[Missing]:
    """What an earlier checkpoint of the run was evaluated on and its newest was not: to ask no more is no pass."""
    counting = [seen.result for seen in everything if seen.counts and seen.result.checkpoint.stage == latest.stage]
    there = {(result.task, result.metric.name) for result in counting if result.checkpoint.id == latest.id}
    for result in counting:
        if (result.task, result.metric.name) not in there:
            yield Missing(task=result.task, metric=result.metric.name)


def _otherwise(result: Result, series: Series) -> str:
    """In what a result of a series is no further result of it, in words; empty where it is one."""
    if differs := result.metric.differs(series.metric):
        return f"is stated otherwise than on {len(series.points)} smaller rungs: {'; '.join(differs)}"
    fewest = min((p.n for p in series.points if p.n is not None), default=0)
    unknown = sampling_variance(result.metric, result.value, result.stderr, result.n) is None
    if unknown and result.n is not None and result.n * FEWER <= fewest:
        return f"was asked of {result.n} items, of {fewest} or more on smaller rungs, and states no standard error"
    return ""


def _conflicts(there: Iterable[Seen]) -> Iterable[str]:
    """What two files say differently of a checkpoint, whether either of them came as history."""
    counting: dict[str, Result] = {}
    late = list[Result]()
    for seen in there:
        if seen.counts:
            counting[seen.result.key] = seen.result
        elif not seen.result.remarks or INVALIDATED in seen.result.remarks:
            late.append(seen.result)
    for result in late:
        what = f"{result.checkpoint.id}: {result.task} · {result.metric.name}"
        first = counting.get(result.key)
        if not result.remarks:
            yield f"{what} {result.against(first) if first else 'contradicts another value'} in a later file"
        elif first and (first.value, first.stderr, first.n) == (result.value, result.stderr, result.n):
            yield f"{what} is the one that a later file marks as {INVALIDATED}"  # another evaluation has other numbers


def _scales(there: Sequence[Seen]) -> Iterable[str]:
    """Where results of one checkpoint say that it stands elsewhere."""
    first = there[0].result.checkpoint
    moved = dict.fromkeys(words for seen in there for words in first.moved(seen.result.checkpoint))
    return (f"{first.id}: {words}: its results do not agree where it stands" for words in moved)


def _out_of_order(latest: Checkpoint, everything: Iterable[Seen]) -> Iterable[str]:
    """Which checkpoint of a run is the newest is in doubt where another one has seen more: then none may speak for it.

    A step counter that began anew, weights that state no step, a scale that was mended in the catalogue.
    """
    others = {seen.result.checkpoint.id: seen.result.checkpoint for seen in everything if not seen.baseline}
    for other in others.values():
        if latest.step is not None and other.step is None and not further(latest, other):
            yield (
                f"{latest.id} arrived last, and nothing says whether {other.id}, which states no step, was trained "
                "further: state steps, tokens or FLOP of both in the catalogue"
            )
        for scale, most, more in (("tokens", latest.tokens, other.tokens), ("FLOP", latest.flop, other.flop)):
            if most is not None and more is not None and more > most * (1 + 1e-9):
                yield (
                    f"{latest.id} is the newest by step, and {other.id} has seen more {scale} ({more:.4g}, not "
                    f"{most:.4g}): which one speaks for the run? State steps, tokens and FLOP alike in the catalogue"
                )
                break


def _elsewhere(catalogue: Catalogue, here: Sequence[Seen]) -> Iterable[str]:
    """A checkpoint that the catalogue has at another scale by now was held against the wrong place of its forecast."""
    placed = [(seen.result.checkpoint, seen.result) for seen in here]
    places = {(c.model, c.params, c.tokens, c.flop): result for c, result in placed}
    for said in dict.fromkeys(catalogue.contradicts(result) for result in places.values()):
        if said:
            yield f"{here[0].result.checkpoint.id}: {said}; evaluate it again as another run, or release it"
