"""The gate: one case and one decision for each run, latched when it pauses, closed when in doubt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from checkpoints_db import Store, flag
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import HoldpointError, LedgerBroken
from checkpoints_db.records import Answer, Decision, FireDrill, GateState, PolicyName, Reason
from checkpoints_db.records.duration import spell_duration
from monitor import adoption, ruling, selftest
from monitor.cases import case_key, case_of, known_case, news_of
from monitor.clock import Clock
from monitor.settings import Settings
from policies.loader import find
from policies.schema import Policy
from policies.several import Ruling, decide_all, each_decides, latched, worst_of

PATIENCE = 5.0
"""Seconds that `ask` waits for a writer to finish."""

TOLERANCE = timedelta(minutes=5)
"""Clocks of two machines may differ by this much before it counts as going backwards."""


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
    written = set[str]()
    for one in ruled if checkpoint is None else ():
        key = case_key(store, catalogue, one.policy, family)
        if not store.cases.put(one.case, one.policy.digest, key, at):
            written.add(one.policy.digest)
    decision = conclude(store, ruled, at, force.pending, checkpoint=checkpoint, written=written)
    ruling.in_shadow(store, partial(case_of, store, catalogue), force, ruled, checkpoint, at)
    return decision


def read_by(store: Store, catalogue: Catalogue, at: datetime) -> None:
    """Write down the catalogue that cases are read by, where it is another one than before; wants a transaction."""
    known = store.fact("catalogue")
    if known is None or known[0] != catalogue.digest:
        store.ledger.append("catalogue", catalogue.digest[:12], catalogue.body(), at)
        store.note("catalogue", catalogue.digest, at)


def conclude(
    store: Store,
    ruled: Sequence[Ruling],
    at: datetime,
    pending: PolicyName | None = None,
    *,
    checkpoint: str | None,
    written: Collection[str] = (),
) -> Decision:
    """Decide on a run by the policies that rule, and write down what came of it.

    `checkpoint`: the one that was named, where it was not simply the newest. `written`: digests of the policies whose
    case, with its verdicts and diagnoses, was written down before. Wants a transaction around it.
    """
    family, run = ruled[0].case.family, ruled[0].case.run
    for case in (one.case for one in ruled if one.policy.digest not in written):
        for verdict in case.verdicts:
            store.judgements.put_verdict(verdict, at)
        for diagnosis in case.diagnoses:
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
