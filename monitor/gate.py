"""The gate: one case and one decision for each run, latched when it pauses, closed when in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from checkpoints_db import Seen, Store, flag
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import HoldpointError, LedgerBroken
from checkpoints_db.records import (
    PLANE,
    Answer,
    Axis,
    Case,
    Checkpoint,
    Decision,
    Fault,
    FireDrill,
    GateState,
    Missing,
    PolicyName,
    Reason,
    Series,
)
from checkpoints_db.records.duration import spell_duration
from monitor import adoption, ruling, selftest
from monitor.clock import Clock
from monitor.drifting import drifts
from monitor.faults import changed_conditions, faults_of
from monitor.forecasting import CODE_VERSION, JUDGEMENT_VERSION
from monitor.items import ItemLadder, ItemTallies, Past, item_ladders, tallied
from monitor.judging import diagnosed, judged_by
from monitor.looks import looks, progress, questions
from monitor.outlook import outlook
from monitor.settings import Settings
from policies.loader import find
from policies.schema import Policy
from policies.several import Ruling, decide_all, each_decides, latched, worst_of
from policies.terms import Judging

PATIENCE = 5.0
"""Seconds that `ask` waits for a writer to finish."""

TOLERANCE = timedelta(minutes=5)
"""Clocks of two machines may differ by this much before it counts as going backwards."""


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
    kept = store.cases.get(family, run, policy.digest, _key(store, catalogue, policy, family))
    if kept is None:
        return case_of(store, catalogue, policy, family, run)
    store.judgements.must_be_sealed(v.forecast for v in kept.verdicts if v.forecast)
    latch = store.actions.latch(family, run)
    return kept if latch is None else kept.model_copy(update={"latch": latch})


def _key(store: Store, catalogue: Catalogue, policy: Policy, family: str) -> str:
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


def settle(
    store: Store,
    catalogue: Catalogue,
    policy: Policy,
    family: str,
    run: str,
    at: datetime,
    *,
    checkpoint: str | None = None,
    known: bool = False,
) -> Decision:
    """Judge a run's newest checkpoint (or the one named), decide, and set its gate; writes nothing twice.

    `policy` is the one that the settings name; it comes into force here, or waits. `known`: the newest one is decided
    on anew and not judged anew where nothing its case is made of has changed. Wants a transaction around it.
    """
    read_by(store, catalogue, at)
    force = take_up(store, catalogue, policy, at)
    ruled = _trusted(store, catalogue, force, family, run) if known and checkpoint is None else None
    ruled = ruled or rulings(store, catalogue, force, family, run, checkpoint)
    for one in ruled if checkpoint is None else ():
        store.cases.put(one.case, one.policy.digest, _key(store, catalogue, one.policy, family), at)
    decision = conclude(store, ruled, at, force.pending, checkpoint=checkpoint)
    ruling.in_shadow(store, partial(case_of, store, catalogue), force, ruled, checkpoint, at)
    return decision


def read_by(store: Store, catalogue: Catalogue, at: datetime) -> None:
    """Write down the catalogue that cases are read by, where it is another one than before; wants a transaction."""
    known = store.fact("catalogue")
    if known is None or known[0] != catalogue.digest:
        store.ledger.append("catalogue", catalogue.digest[:12], catalogue.body(), at)
        store.note("catalogue", catalogue.digest, at)


def conclude(
    store: Store, ruled: Sequence[Ruling], at: datetime, pending: PolicyName | None = None, *, checkpoint: str | None
) -> Decision:
    """Decide on a run by the policies that rule, and write down what came of it.

    `checkpoint`: the one that was named, where it was not simply the newest. Wants a transaction around it.
    """
    family, run = ruled[0].case.family, ruled[0].case.run
    for one in ruled:
        for verdict in one.case.verdicts:
            store.judgements.put_verdict(verdict, at)
        for diagnosis in one.case.diagnoses:
            store.judgements.put_diagnosis(diagnosis, at)
    waivers, approvals = store.actions.waivers(family, run), store.actions.approvals(family, run)
    decided = each_decides(ruled, waivers, approvals, at)
    decision = worst_of(ruled, decided, pending)
    decision = ruling.unchanged(store.judgements.decisions(family, run), decision)
    store.judgements.put_decision(decision, checkpoint or ruling.checkpoint_of(ruled), at)
    store.actions.put_gate(state_of(decision), latched(store.actions.latch(family, run), decision, decided))
    return decision


def take_up(store: Store, catalogue: Catalogue, policy: Policy, at: datetime) -> adoption.Force:
    """Bring the policy that the settings name into force, or have it wait. Wants a transaction around it."""
    look = partial(case_of, store, catalogue)
    return adoption.take_up(store, policy, at, lambda old, new: ruling.weaker(store, look, old, new, at))


def rulings(
    store: Store,
    catalogue: Catalogue,
    force: adoption.Force,
    family: str,
    run: str,
    checkpoint: str | None = None,
    *,
    stage: str = "",
) -> list[Ruling]:
    """The policies that decide on a run's newest checkpoint, or on the one named, each with its case. Reads only.

    They are those in force since its evidence first arrived, and one that waits where it also tightens. `stage` is the
    one that the run asks to enter.
    """
    _, here = news_of(store, family, run, checkpoint)
    arrived = min((seen.seen_after for seen in here), default=None)
    asked = (force.policy,) if arrived is None else force.asked(arrived)
    cases = [case_of(store, catalogue, policy, family, run, checkpoint) for policy in asked]
    cases = [case.model_copy(update={"entering": stage}) if stage else case for case in cases]
    return ruling.with_latch([Ruling(policy, case) for policy, case in zip(asked, cases, strict=True)])


def _known_rulings(store: Store, catalogue: Catalogue, force: adoption.Force, family: str, run: str) -> list[Ruling]:
    """`rulings` on a run's newest checkpoint, from the cases it was settled on where nothing has changed since."""
    newest_case = known_case(store, catalogue, force.policy, family, run)
    if not newest_case.verdicts:
        return rulings(store, catalogue, force, family, run)
    arrived = store.evidence.noticed(family, run, newest_case.verdicts[0].checkpoint)
    asked = (force.policy,) if arrived is None else force.asked(arrived)
    known = {force.policy.digest: newest_case}
    cases = [known.get(p.digest) or known_case(store, catalogue, p, family, run) for p in asked]
    return ruling.with_latch([Ruling(policy, case) for policy, case in zip(asked, cases, strict=True)])


def _trusted(store: Store, catalogue: Catalogue, force: adoption.Force, family: str, run: str) -> list[Ruling] | None:
    """`_known_rulings`; None where the ledger does not vouch for them, and all is to be computed from the evidence."""
    try:
        return _known_rulings(store, catalogue, force, family, run)
    except LedgerBroken:
        return None


def state_of(decision: Decision) -> GateState:
    """What a gate says after a decision."""
    return GateState(
        family=decision.family,
        run=decision.run,
        answer=decision.answer,
        reason=decision.reason,
        sentence="; ".join([decision.sentence, *ruling.notes(decision)]),
        decision=decision.digest,
        evidence=decision.evidence,
        policy=decision.policy,
        break_glass=decision.break_glass,
        until=decision.until,
        max_flop=decision.max_flop,
        at=decision.at,
    )


def hold(family: str, run: str, reason: Reason, sentence: str, at: datetime) -> GateState:
    """A gate that cannot tell; without a `family`, `run` may name both, as `family/run`."""
    if not family:
        family, _, run = run.rpartition("/")
    return GateState(
        family=family or "unknown",
        run=run or "unknown",
        answer=Answer.HOLD,
        reason=reason,
        sentence=sentence,
        decision="",
        at=at,
    )


def find_run(store: Store, name: str) -> tuple[str, str] | None:
    """(family, run) from `family/run`, or from `run` when only one family has it; None when unknown or ambiguous."""
    found = store.evidence.named(name)
    exact = [place for place in found if name == "/".join(place)]
    chosen = exact or found
    return chosen[0] if len(chosen) == 1 else None


def ask(settings: Settings, name: str, clock: Clock, stage: str = "") -> GateState:
    """What a training job asks: may this run go on, or enter `stage`? Decided now, by the same function as ever.

    Never raises over evidence, policy or store: whatever is missing or wrong is HOLD, with the reason in words.
    """
    at = clock.now()
    try:
        if said := _hindered(settings):
            return hold("", name, Reason.fault, said, at)
        # The write lock is taken, though nothing is written: while somebody else holds it, a decision may be under way.
        with Store.open(settings.at(settings.store), wait=PATIENCE) as store, store.transaction():
            return ask_in(store, settings, name, at, stage)
    except HoldpointError as error:
        return hold("", name, Reason.fault, str(error), at)


def ask_in(store: Store, settings: Settings, name: str, at: datetime, stage: str = "") -> GateState:
    """What `ask` answers, inside a transaction of a store that is open: what is written in it rests on this answer."""
    try:
        selftest.check(quick=True)
        policy = find(settings.policy, settings.base)
        catalogue = Catalogue.from_toml(settings.at(settings.catalogue))
        if said := _hindered(settings):
            return hold("", name, Reason.fault, said, at)
        return _answer(store, catalogue, policy, settings, name, at, stage)
    except HoldpointError as error:
        return hold("", name, Reason.fault, str(error), at)


def held_back(store: Store, settings: Settings, at: datetime) -> str:
    """Why every gate holds now, whatever it was settled to; empty where none does. For whoever tells of all of them."""
    try:
        silent = _silence(store, settings, at)
        return _hindered(settings) or (silent[1] if silent else "")
    except HoldpointError as error:
        return str(error)


def _hindered(settings: Settings) -> str:
    """Why a cycle failed that could not say so in the store; empty where none did. Raises StoreError on a full disk."""
    path = settings.at(settings.store)
    flag.must_have_room(path)
    said = flag.read(path)
    return f"the last cycle failed: {said}" if said else ""


def _answer(
    store: Store, catalogue: Catalogue, policy: Policy, settings: Settings, name: str, at: datetime, stage: str
) -> GateState:
    place = find_run(store, name)
    if place is None:
        return hold(
            "",
            name,
            Reason.no_data,
            f"unknown run {name!r}: no result of it is in the store, or several "
            "families have one of that name; see `holdpoint gate status`",
            at,
        )
    family, run = place
    drill = store.drills.of(family)
    if drill is not None and drill.ended_at is not None:
        return hold(family, run, Reason.unregistered, over(drill), at)
    silent = _silence(store, settings, at)
    if silent:
        return hold(family, run, *silent, at)
    force = adoption.force(store, policy, at)
    ruled = _known_rulings(store, catalogue, force, family, run)
    if entering := stage.strip():
        ruled = [one._replace(case=one.case.model_copy(update={"entering": entering})) for one in ruled]
    waivers, approvals = store.actions.waivers(family, run), store.actions.approvals(family, run)
    return state_of(decide_all(ruled, waivers, approvals, at, force.pending))


def over(drill: FireDrill) -> str:
    """What the gate of a fire drill says for ever once it is over."""
    return f"fire drill {drill.id} is over; nothing trains under this name, and nothing is to be released"


def failure(store: Store, settings: Settings) -> str:
    """Why the last cycle failed; empty where it did not. Silence is no failure."""
    try:
        return _hindered(settings) or _failed(store)
    except HoldpointError as error:
        return str(error)


def _failed(store: Store) -> str:
    cycle, fault = store.fact("cycle"), store.fact("fault")
    if fault and (cycle is None or fault[1] > cycle[1]):
        return f"the last cycle failed: {fault[0]}"
    return ""


def _silence(store: Store, settings: Settings, at: datetime) -> tuple[Reason, str] | None:
    """Why the store cannot be trusted to be complete, or None."""
    if failed := _failed(store):
        return Reason.fault, failed
    cycle = store.fact("cycle")
    longest = settings.gate.max_silence
    if cycle is None or at - cycle[1] > longest:
        last = "never" if cycle is None else cycle[1].isoformat(timespec="seconds")
        return Reason.stale, f"the last complete cycle was {last}; a GO needs one within {spell_duration(longest)}"
    if cycle[1] - at > TOLERANCE:
        return (
            Reason.fault,
            f"the clock went backwards: the last cycle is dated {cycle[1].isoformat(timespec='seconds')}",
        )
    said = store.fact("clock")
    if said and said[0] and datetime.fromisoformat(said[0]) - at > TOLERANCE:
        was = datetime.fromisoformat(said[0]).isoformat(timespec="seconds")
        remedy = "a GO needs that moment to pass, or a person to say that it is right (`holdpoint ledger clock`)"
        return Reason.fault, f"the clock was set back: it had said {was}; {remedy}"
    waiting = [file.path for file in store.evidence.files("arrived") if not file.baseline]
    if waiting:
        return Reason.no_data, f"{len(waiting)} files arrived and are not judged yet, the first is {waiting[0]}"
    return None
