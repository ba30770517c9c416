"""How everything stands, on one screen: read from the store, settled gates and small tables; nothing is judged anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import PolicyError, SettingsError
from checkpoints_db.records import Alert, Answer, GateState, Instant, Record
from checkpoints_db.vitals import Place
from monitor import adoption, cases, gate
from monitor.measures import answers_now
from monitor.settings import Settings
from monitor.track import Row, rows
from policies.loader import find
from policies.rules import rule_of
from policies.schema import Policy
from policies.several import name_of

TRIGGERS = ("scale_step", "calendar")
"""Kinds of rule that say when the next assessment is due."""
Tell = Callable[[str, int, int], None]


class SourceState(Record):
    """A source, and how many files were ever seen in it."""

    place: str
    there: bool | None
    """Whether the folder is there; None for what lies behind a URL, which is not asked."""
    files: int


class Gated(Record):
    """A gate, with what its newest decision spent of the false-alarm budget and until when its lease goes."""

    state: GateState
    """As it was last settled."""
    answer: Answer
    """What it says now: nothing better than HOLD while every gate holds."""
    spent: float | None
    """None where no budget is kept."""
    allowed: float | None
    lease_expires: Instant | None


class FamilyState(Record):
    """A family that has gates."""

    family: str
    runs: int
    """Gates it has."""
    newest: str
    """The checkpoint that was decided about last."""
    last_result: Instant | None


class TargetState(Record):
    """A checkpoint to come, as the catalogue declares it."""

    family: str
    name: str
    flop: float | None
    params: float | None
    tokens: float | None
    due: date | None
    late: bool


class Trigger(Record):
    """When a rule wants the next assessment of a run."""

    family: str
    run: str
    rule: str
    answer: Answer
    sentence: str


class Overview(Record):
    """How everything stands at one moment."""

    at: Instant
    held: str
    """Why every gate holds, whatever it was settled to; empty where none does."""
    wrong: tuple[str, ...]
    """What could not be read: settings name it."""
    leader: str
    leads_until: Instant | None
    cycle: Instant | None
    """When the last complete cycle ended."""
    ledger: tuple[int, str]
    policy: str
    pending: str
    sources: tuple[SourceState, ...]
    files: dict[str, int]
    families: tuple[FamilyState, ...]
    targets: tuple[TargetState, ...]
    triggers: tuple[Trigger, ...]
    gates: tuple[Gated, ...]
    answers: dict[str, int]
    """How many gates say so now."""
    alerts: tuple[Alert, ...]
    """Those that are open, the worst and oldest first."""
    owed: int
    lost: int
    track: tuple[Row, ...]


def overview(store: Store, settings: Settings, at: datetime, tell: Tell = lambda what, done, of: None) -> Overview:
    """Everything that `holdpoint status` shows. Raises StoreError where the store cannot be read."""
    wrong, policy, catalogue, pending = list[str](), None, None, ""
    try:
        force = adoption.force(store, find(settings.policy, settings.base), at)
        policy, pending = force.policy, force.pending.words if force.pending else ""
    except PolicyError as error:
        wrong.append(str(error))
    try:
        catalogue = Catalogue.from_toml(settings.at(settings.catalogue))
    except SettingsError as error:
        wrong.append(str(error))
    cycle, leader, owing, places = store.fact("cycle"), store.leader(), store.vitals.outbox(), store.vitals.gates()
    leads = leader is not None and leader[1] > at
    held, gates = gate.held_back(store, settings, at) or "; ".join(wrong), list[Gated]()
    for done, place in enumerate(places, 1):
        gates += _gated(store, place, held=bool(held))
        tell("gates", done, len(places))
    firing = [alert for alert in store.actions.alerts(still_open=True) if not alert.drill]
    return Overview(
        at=at,
        held=held,
        wrong=tuple(wrong),
        leader=leader[0] if leader and leads else "",
        leads_until=leader[1] if leader and leads else None,
        cycle=cycle[1] if cycle else None,
        ledger=store.ledger.head,
        policy=name_of(policy).words if policy else "",
        pending=pending,
        sources=tuple(_sources(store, settings)),
        files=store.vitals.files(),
        families=tuple(_families(store, gates)),
        targets=tuple(_targets(catalogue, at)) if catalogue else (),
        triggers=tuple(_triggers(store, catalogue, policy, gates, at)) if catalogue and policy else (),
        gates=tuple(gates),
        answers=answers_now(store, held=bool(held)),
        alerts=tuple(sorted(firing, key=lambda a: (-a.answer.rank, a.opened_at))),
        owed=owing.owed,
        lost=owing.lost,
        track=tuple(rows(store.judgements.tallies("run"))),
    )


def _gated(store: Store, place: Place, *, held: bool) -> list[Gated]:
    state = store.actions.gate(place.family, place.run)
    if state is None:
        return []
    decision = store.judgements.decision(state.decision) if state.decision else None
    budget = decision.budget if decision and decision.budget and decision.budget.method != "none" else None
    answer = max(state.answer, Answer.HOLD, key=lambda a: a.rank) if held else state.answer
    return [
        Gated(
            state=state,
            answer=answer,
            spent=budget.spent if budget else None,
            allowed=budget.nominal if budget else None,
            lease_expires=place.lease_expires,
        )
    ]


def _sources(store: Store, settings: Settings) -> list[SourceState]:
    found = []
    for source in settings.source:
        path = settings.at(source.path).resolve() if source.path is not None else None
        place, there = (source.url, None) if path is None else (str(path), path.is_dir())
        found.append(SourceState(place=place, there=there, files=store.vitals.seen_below(place)))
    return found


def _families(store: Store, gates: list[Gated]) -> list[FamilyState]:
    found = []
    for family in sorted({g.state.family for g in gates}):
        judged = store.vitals.judged(family)
        found.append(
            FamilyState(
                family=family,
                runs=sum(g.state.family == family for g in gates),
                newest=judged.checkpoint if judged else "",
                last_result=store.vitals.last_result(family),
            )
        )
    return found


def _targets(catalogue: Catalogue, at: datetime) -> list[TargetState]:
    found = [
        TargetState(
            family=t.family,
            name=t.name,
            flop=t.flop,
            params=t.params,
            tokens=t.tokens,
            due=t.due,
            late=t.due is not None and t.due < at.date(),
        )
        for t in catalogue.targets
    ]
    return sorted(found, key=lambda t: (t.due or date.max, t.family, t.name))


def _triggers(store: Store, catalogue: Catalogue, policy: Policy, gates: list[Gated], at: datetime) -> list[Trigger]:
    """What the rules that count compute or days say of each run; those that its gate stands on say it there, too."""
    wanted = [part for part in policy.parts if part.kind in TRIGGERS]
    found = []
    for gated in gates if wanted else []:
        family, run = gated.state.family, gated.state.run
        case = cases.known_case(store, catalogue, policy, family, run)
        for part in wanted:
            if part.select.applies(family, run, case.concerned):
                for said in rule_of(part.kind).look(part, case, policy, at):
                    told = {"family": family, "run": run, "rule": part.id}
                    found.append(Trigger(**told, answer=said.answer, sentence=said.sentence))
    return sorted(found, key=lambda t: (-t.answer.rank, t.family, t.run))
