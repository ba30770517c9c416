"""The case of a run: everything that a policy is asked about it, from what the store knows now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from checkpoints_db import Seen, Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import PLANE, Axis, Case, Checkpoint, Fault, Missing, Series
from monitor.drifting import drifts
from monitor.faults import changed_conditions, faults_of
from monitor.forecasting import CODE_VERSION, JUDGEMENT_VERSION
from monitor.items import ItemLadder, ItemTallies, Past, item_ladders, tallied
from monitor.judging import diagnosed, judged_by
from monitor.looks import looks, progress, questions
from monitor.outlook import outlook
from policies.schema import Policy
from policies.terms import Judging


def case_of(
    store: Store, catalogue: Catalogue, policy: Policy, family: str, run: str, checkpoint: str | None = None
) -> Case:
    """Everything a policy may look at when it decides on one run, from the store alone.

    Speaks of the run's newest checkpoint, or of the one named; what earlier ones did is remembered by the latch.
    Reads only.
    """
    latch, glass = store.actions.latch(family, run), store.actions.open_glass(family, run)
    latest, here = news_of(store, family, run, checkpoint)
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
        last_at=max(seen.seen_at for seen in here),
        conflicts=tuple(_conflicts(here)),
        incomparable=incomparable,
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
    latest = max((seen.result.checkpoint for seen in everything), key=progress)
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
    made_by = [CODE_VERSION, str(JUDGEMENT_VERSION), policy.digest, catalogue.digest]
    made_by += sorted(store.judgements.outliers(family))
    if any(part.kind == "reach" for part in policy.parts):  # it asks the newest seals
        made_by.append(str(max(store.judgements.newest(family).values(), default=0)))
    return store.cases.key(family, *made_by)


def news_of(store: Store, family: str, run: str, checkpoint: str | None = None) -> tuple[Checkpoint | None, list[Seen]]:
    """The newest checkpoint of a run that has news, or the one named, and its news; None where there is none."""
    everything = store.evidence.results(family=family, run=run, checkpoint=checkpoint)
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
    return max((seen.result.checkpoint for seen in results if not seen.baseline), key=progress)


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
    """What smaller rungs were evaluated on and this checkpoint was not, or only under other conditions."""
    have = {seen.result.series for seen in here}
    same_name = {(seen.result.task, seen.result.metric.name) for seen in here}
    missing, incomparable = [], []
    for name, series in ladder.items():
        if name in have or not series.points:
            continue
        if (series.task, series.metric.name) in same_name:
            incomparable.append(
                f"{checkpoint.id}: {series.task} · {series.metric.name} was evaluated under other conditions "
                f"(template, shots, subset or version) than on {len(series.points)} smaller rungs"
            )
        else:
            missing.append(Missing(task=series.task, metric=series.metric.name))
    return tuple(missing), tuple(incomparable)


def _conflicts(here: Sequence[Seen]) -> Iterable[str]:
    counting = {seen.result.key: seen.result for seen in here if seen.counts}
    for seen in here:
        if not seen.counts and not seen.result.remarks:
            first, late = counting.get(seen.result.key), seen.result
            was = f"{first.value:g}" if first else "another value"
            what = f"{late.checkpoint.id}: {late.task} · {late.metric.name}"
            yield f"{what} was {was}, and is {late.value:g} in a later file"
