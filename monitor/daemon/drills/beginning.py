"""How a drill begins: a ladder of its own as baseline, its forecasts sealed, and a file that breaks them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from checkpoints_db import Store
from checkpoints_db.errors import BadDrill, HoldpointError
from checkpoints_db.readers import MAX_BYTES, read
from checkpoints_db.records import FireDrill, Result, canonical, digest_of
from checkpoints_db.records.base import stamp
from monitor import watch
from monitor.daemon.spool import PUSHED, Spool
from monitor.rehearsal.ladders import checkpoint_of, rungs_of
from policies.policy_tests import Given

LADDER = "jump"
TOKENS = 1e12
"""Of the run's own checkpoints: what tells the second from the first."""
SLACK = timedelta(minutes=5)
"""How much longer than all it waits for a drill may lie open before it counts as left in the middle."""


class Order(NamedTuple):
    """What is asked of a drill."""

    by: str
    within: timedelta
    receivers: tuple[str, ...] | None = None
    """Who of those that the routes name is told; None for everybody."""
    trainer: bool = False


def begin(store: Store, rules: watch.Rules, order: Order) -> FireDrill:
    """Write down that a drill begins, and give its family a ladder with sealed forecasts; nothing is judged yet.

    Raises BadDrill where one is under way, or the file of it would not be taken for what it is.
    """
    at = rules.clock.now()
    if unknown := [name for name in order.receivers or () if name not in rules.settings.receivers]:
        known = ", ".join(rules.settings.receivers) or "none"
        raise BadDrill(f"no receiver {unknown[0]!r} in the settings; there are: {known}")
    if under_way := store.drills.open():
        first = under_way[0]
        raise BadDrill(f"fire drill {first.id} is under way since {stamp(first.at)[:19]}Z; wait until it is over")
    drill = FireDrill(
        id=digest_of([order.by, stamp(at), store.ledger.head[1]])[:12],
        by=order.by,
        at=at,
        until=at + 3 * order.within + rules.settings.daemon.renew + SLACK,
        within=order.within.total_seconds(),
        receivers=order.receivers,
        trainer=order.trainer,
    )
    _must_be_taken_at_its_word(rules, drill)
    with store.transaction():
        store.drills.put(drill, at)
        ladder, head = ladder_of(drill), store.ledger.head[0]
        store.evidence.record(ladder, baseline=True, seen_at=at, seen_after=head, at=at)
    watch.seal_missing(store, rules, family=drill.family)
    return drill


def drop(store: Store, rules: watch.Rules, drill: FireDrill) -> FireDrill:
    """Put the file of the break where every scan looks, whole; from then on time is taken."""
    put_down(rules, drill, "break.jsonl", break_of(drill))
    dropped = drill.model_copy(update={"dropped_at": rules.clock.now()})
    with store.transaction():
        store.drills.put(dropped, rules.clock.now())
    return dropped


def put_down(rules: watch.Rules, drill: FireDrill, name: str, results: Sequence[Result]) -> None:
    """Write results as a file of the plain table into the spool, as a push would."""
    spool = Spool(rules.settings.at(rules.settings.spool))
    try:
        spool.hold(PUSHED, [(PurePosixPath(drill.family) / name, [text_of(results).encode()])], MAX_BYTES)
    except OSError as error:
        raise BadDrill(f"{spool.root}: the file of the drill cannot be written: {error.strerror or error}") from error


def ladder_of(drill: FireDrill) -> list[Result]:
    """The smaller rungs; with a trainer all but the largest, which its run shows first."""
    rungs = [_renamed(result, drill) for result in rungs_of(_given(drill))]
    return [result for result in rungs if not (drill.trainer and result.checkpoint.run == rungs[-1].checkpoint.run)]


def first_of(drill: FireDrill) -> list[Result]:
    """The largest rung as the run's own first checkpoint: on trend, so that there is a GO to take back."""
    rungs = rungs_of(_given(drill))
    mine = [result for result in rungs if result.checkpoint.run == rungs[-1].checkpoint.run]
    return [_placed(result, drill, TOKENS / 4) for result in mine]


def break_of(drill: FireDrill) -> list[Result]:
    """The checkpoint whose first task leaves its trend."""
    return [_placed(result, drill, TOKENS) for result in checkpoint_of(_given(drill))]


def text_of(results: Sequence[Result]) -> str:
    """Results as JSON lines of the plain table."""
    return "".join(canonical(_row(result)) + "\n" for result in results)


def _row(result: Result) -> dict[str, object]:
    at, metric = result.checkpoint, result.metric
    told = {"family": at.family, "run": at.run, "flop": at.flop, "tokens": at.tokens, "task": result.task}
    told |= {"metric": metric.name, "kind": metric.kind, "lower": metric.lower, "upper": metric.upper}
    told |= {"value": result.value, "stderr": result.stderr, "n": result.n}
    return {name: value for name, value in told.items() if value is not None}


def _given(drill: FireDrill) -> Given:
    return Given(ladder=LADDER, family=drill.family, run=drill.family, at=drill.at)


def _renamed(result: Result, drill: FireDrill) -> Result:
    run = f"{drill.family}-{result.checkpoint.run}"  # no run of anybody's is called so
    place = result.checkpoint.model_copy(update={"run": run, "model": f"{drill.family}/{run}"})
    return result.model_copy(update={"checkpoint": place})


def _placed(result: Result, drill: FireDrill, tokens: float) -> Result:
    mine = {"run": drill.family, "model": drill.gate, "tokens": tokens}
    return result.model_copy(update={"checkpoint": result.checkpoint.model_copy(update=mine)})


def _must_be_taken_at_its_word(rules: watch.Rules, drill: FireDrill) -> None:
    """Raise BadDrill where readers or catalogue would make of the file anything but the family of the drill."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "break.jsonl"
            path.write_text(text_of(break_of(drill)), encoding="utf-8")
            places = {rules.catalogue.place(reading) for reading in read(path, rules.readers).readings}
    except (HoldpointError, OSError) as error:
        raise BadDrill(f"no drill: its file would not be read: {error}") from error
    others = {f"{place.family}/{place.run}" for place in places} - {drill.gate}
    if others:
        raise BadDrill(
            f"no drill: the catalogue takes models called {drill.gate!r} for {min(others)}; narrow the [[run]] pattern "
            "that does"
        )
