"""The gate: one case and one decision for each run, latched when it pauses, closed when in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from checkpoints_db import Seen, Store, flag
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import HoldpointError
from checkpoints_db.records import (
    PLANE,
    Answer,
    Axis,
    Case,
    Checkpoint,
    Decision,
    Diagnosis,
    Fault,
    GateState,
    Latch,
    Level,
    Missing,
    Reason,
    Series,
    Verdict,
)
from checkpoints_db.records.duration import spell_duration
from checkpoints_db.series import make_series
from monitor import selftest
from monitor.clock import Clock
from monitor.composition import compose
from monitor.diagnosis import diagnose
from monitor.drifting import drifts
from monitor.faults import changed_conditions, faults_of
from monitor.forecasting import CODE_VERSION, JUDGEMENT_VERSION, MIN_RUNGS
from monitor.items import ItemLadder, ItemTallies, Past, item_ladders, tallied
from monitor.looks import looks, progress, questions
from monitor.settings import Settings
from monitor.verdicts import judge
from policies.engine import decide
from policies.loader import find
from policies.schema import Judging, Policy

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
    everything = store.evidence.results(family=family, run=run, checkpoint=checkpoint)
    news = [seen for seen in everything if not seen.baseline]
    latch = store.actions.latch(family, run)
    if not news:
        return Case(family=family, run=run, judged=False, latch=latch)
    latest = newest(news)
    here = [seen for seen in news if seen.result.checkpoint.id == latest.id]
    ladder = _ladder(store, latest, catalogue.axis(family))
    judged = [_verdict(store, policy, ladder, seen) for seen in here if seen.counts]
    verdicts = tuple(verdict for verdict, _ in judged)
    faults, past = _measured(store, latest, here, ladder)
    later = _later(store, latest, ladder, verdicts)
    diagnoses = tuple(_diagnoses(catalogue, verdicts, past, later, policy.judging))
    rules = [rule for rule in policy.rules if rule.select.applies(family, run)]
    missing, incomparable = _absent(ladder, latest, here)
    return Case(
        family=family,
        run=run,
        judged=True,
        verdicts=verdicts,
        diagnoses=diagnoses,
        drifts=drifts(rules, diagnoses, {verdict.series: places for verdict, places in judged}),
        missing=missing,
        first_at=min(seen.seen_at for seen in here),
        last_at=max(seen.seen_at for seen in here),
        conflicts=tuple(_conflicts(here)),
        incomparable=incomparable,
        faults=faults,
        latch=latch,
        questions=questions(catalogue, verdicts),
        looks=looks(store, catalogue, policy, latest) if policy.budget.per == "run" else (),
    )


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
    ladder = _ladder(store, latest, catalogue.axis(family))
    faults, _ = _measured(store, latest, here, ladder)
    return Measurement(tuple(item_ladders(store, here, ladder)), faults)


def known_case(store: Store, catalogue: Catalogue, policy: Policy, family: str, run: str) -> Case:
    """`case_of` a run's newest checkpoint, read where it was settled and nothing it is made of has changed since."""
    kept = store.cases.get(family, run, policy.digest, _key(store, catalogue, policy, family))
    if kept is None:
        return case_of(store, catalogue, policy, family, run)
    store.judgements.must_be_sealed(v.forecast for v in kept.verdicts if v.forecast)
    latch = store.actions.latch(family, run)
    return kept if latch is None else kept.model_copy(update={"latch": latch})


def _key(store: Store, catalogue: Catalogue, policy: Policy, family: str) -> str:
    return store.cases.key(family, CODE_VERSION, str(JUDGEMENT_VERSION), policy.digest, catalogue.digest)


def newest(results: Iterable[Seen]) -> Checkpoint:
    """The furthest checkpoint that has news. Raises ValueError where none has."""
    return max((seen.result.checkpoint for seen in results if not seen.baseline), key=progress)


def _ladder(store: Store, checkpoint: Checkpoint, axis: Axis | None) -> dict[str, Series]:
    """Series id -> the rungs below `checkpoint`, for every series of its family and stage."""
    found: dict[str, list[Seen]] = {}
    for seen in store.evidence.results(family=checkpoint.family, stage=checkpoint.stage):
        found.setdefault(seen.result.series, []).append(seen)
    ladder = {}
    for name, everything in found.items():
        series = make_series([seen.result for seen in everything if seen.counts], axis)
        x = checkpoint.scale(series.axis)
        # On two axes the run's own earlier checkpoints are rungs like any other.
        points = tuple(p for p in series.points if p.run != checkpoint.run or series.axis == PLANE)
        ladder[name] = series.model_copy(update={"points": points})
        if x is not None:
            ladder[name] = ladder[name].below(x)
    return ladder


def _verdict(store: Store, policy: Policy, ladder: dict[str, Series], seen: Seen) -> tuple[Verdict, tuple[float, ...]]:
    """The verdict on a result, and where past results lay under forecasts of its series."""
    result = seen.result
    sealed = store.judgements.sealed(result.series, up_to=seen.seen_after)
    places = () if sealed is None else sealed.forecast.places()
    own = ladder.get(result.series)
    rungs = set(own.names().values()) if own else set()
    if len(rungs) >= MIN_RUNGS:
        return judge(sealed, result, policy.judging), places
    stage = result.checkpoint.stage
    what = "checkpoints" if own and own.axis == PLANE else "runs"
    words = f"{len(rungs)} smaller {what} were evaluated on it{' at ' + stage if stage else ''}"
    words += f", a forecast needs {MIN_RUNGS}"
    if stage:
        words += ' (`compare_at = "any"` in the catalogue compares across steps)'
    return judge(sealed, result, policy.judging, why_not="too_few", words=words), places


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


def _later(
    store: Store, checkpoint: Checkpoint, ladder: dict[str, Series], verdicts: Sequence[Verdict]
) -> dict[str, Series]:
    """The rungs beyond `checkpoint` of every series that fell below its forecast: they tell a dip from a regression."""
    later = {}
    for name in {v.series for v in verdicts if v.outcome == "below"}:
        found = store.evidence.results(family=checkpoint.family, stage=checkpoint.stage, series=name)
        series = make_series([seen.result for seen in found if seen.counts], ladder[name].axis)
        x = checkpoint.scale(series.axis)
        if x is not None:
            beyond = tuple(p for p in series.points if p.x > x * (1 + 1e-9) and p.run != checkpoint.run)
            later[name] = series.model_copy(update={"points": beyond})
    return later


def _diagnoses(
    catalogue: Catalogue,
    verdicts: Sequence[Verdict],
    ladder: Mapping[str, Series],
    later: Mapping[str, Series],
    judging: Judging,
) -> Iterable[Diagnosis]:
    questions: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        questions.setdefault(catalogue.question(verdict.task), []).append(verdict)
    for question, asked in questions.items():
        yield diagnose(question, asked, ladder, later)
    yield from compose(catalogue.compositions, questions, judging)


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
) -> Decision:
    """Judge a run's newest checkpoint (or the one named), decide, and set its gate; writes nothing twice.

    Wants a transaction around it.
    """
    case = case_of(store, catalogue, policy, family, run, checkpoint)
    if checkpoint is None:
        store.cases.put(case, policy.digest, _key(store, catalogue, policy, family), at)
    for verdict in case.verdicts:
        store.judgements.put_verdict(verdict, at)
    for diagnosis in case.diagnoses:
        store.judgements.put_diagnosis(diagnosis, at)
    waivers, approvals = store.actions.waivers(family, run), store.actions.approvals(family, run)
    decision = _unchanged(store, decide(policy, case, waivers, approvals, at))
    store.judgements.put_decision(decision, case.verdicts[0].checkpoint if case.verdicts else "", at)
    store.actions.put_gate(state_of(decision), _latch(case, decision))
    return decision


def _unchanged(store: Store, decision: Decision) -> Decision:
    """The last decision of the run, if this one says the same: time alone makes no new decision."""
    for last in store.judgements.decisions(decision.family, decision.run)[-1:]:
        if last == decision.model_copy(update={"at": last.at}):
            return last
    return decision


def _latch(case: Case, decision: Decision) -> Latch | None:
    """A pause latches; only a release by people opens it."""
    if decision.answer == Answer.PAUSE:
        hard = any(f.level == Level.hard and f.effect == Answer.PAUSE for f in decision.findings)
        if case.latch is not None:
            return case.latch.model_copy(update={"hard": case.latch.hard or hard})
        return Latch(decision=decision.digest, at=decision.at, sentence=decision.sentence, hard=hard)
    return None if decision.released else case.latch


def state_of(decision: Decision) -> GateState:
    """What a gate says after a decision."""
    return GateState(
        family=decision.family,
        run=decision.run,
        answer=decision.answer,
        reason=decision.reason,
        sentence=decision.sentence,
        decision=decision.digest,
        evidence=decision.evidence,
        policy=decision.policy,
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


def ask(settings: Settings, name: str, clock: Clock) -> GateState:
    """What a training job asks: may this run go on? Decided now, from the store, by the same function as ever.

    Never raises over evidence, policy or store: whatever is missing or wrong is HOLD, with the reason in words.
    """
    at = clock.now()
    try:
        selftest.check(quick=True)
        policy = find(settings.policy, settings.base)
        catalogue = Catalogue.from_toml(settings.at(settings.catalogue))
        path = settings.at(settings.store)
        flag.must_have_room(path)
        if said := flag.read(path):
            return hold("", name, Reason.fault, f"the last cycle failed: {said}", at)
        # The write lock is taken, though nothing is written: while somebody else holds it, a decision may be under way.
        with Store.open(path, wait=PATIENCE) as store, store.transaction():
            return _answer(store, catalogue, policy, settings, name, at)
    except HoldpointError as error:
        return hold("", name, Reason.fault, str(error), at)


def _answer(
    store: Store, catalogue: Catalogue, policy: Policy, settings: Settings, name: str, at: datetime
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
    silent = _silence(store, settings, at)
    if silent:
        return hold(family, run, *silent, at)
    case = known_case(store, catalogue, policy, family, run)
    waivers, approvals = store.actions.waivers(family, run), store.actions.approvals(family, run)
    return state_of(decide(policy, case, waivers, approvals, at))


def _silence(store: Store, settings: Settings, at: datetime) -> tuple[Reason, str] | None:
    """Why the store cannot be trusted to be complete, or None."""
    cycle, fault = store.fact("cycle"), store.fact("fault")
    if fault and (cycle is None or fault[1] > cycle[1]):
        return Reason.fault, f"the last cycle failed: {fault[0]}"
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
