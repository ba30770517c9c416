"""A drill from its beginning to its end, held by whoever asked for it: beside the daemon, or leading in its place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from checkpoints_db import Store
from checkpoints_db.errors import BadDrill
from checkpoints_db.records import Answer, DrillStep, FireDrill
from monitor import gate, watch
from monitor.clock import Clock
from monitor.daemon.drills.beginning import Order, begin, drop, first_of, put_down
from monitor.daemon.drills.ending import end
from monitor.daemon.drills.observing import Observer
from monitor.daemon.drills.trainer import Trainer
from monitor.keys import Keys

LOOK = 0.2
"""Seconds between two looks."""
Walk = Callable[[], object]
"""Does the jobs of the daemon where nobody leads, and nothing where a daemon does them."""
Say = Callable[[str], object]


def conduct(store: Store, rules: watch.Rules, order: Order, walk: Walk, say: Say = lambda what: None) -> FireDrill:
    """Hold one drill; returns it as it ended. Whatever goes wrong in the middle, it is ended and cleaned up.

    Raises BadDrill where it cannot begin, SigningError or BadLease where a trainer gets no lease.
    """
    if order.trainer:
        Keys(rules.settings.at(rules.settings.lease.key)).signing()  # before anything is begun for nothing
    drill, trainer = begin(store, rules, order), None
    say(f"fire drill {drill.id}: its forecasts are sealed")
    with tempfile.TemporaryDirectory(prefix="holdpoint-drill-") as folder:
        try:
            if order.trainer:
                trainer = _training(store, rules, drill, walk, Path(folder))
                say("a toy trainer trains by a lease")
            drill = drop(store, rules, drill)
            say("the file of the break is there")
            ended = _observed(store, rules, drill, walk, trainer)
            walk()  # that it is over is told, too
            return ended
        finally:
            if trainer is not None:
                trainer.leave(store, rules.clock.now())
            end(store, rules.settings, drill, (), rules.clock.now(), alarm=False)  # only where it has not ended


def _observed(store: Store, rules: watch.Rules, drill: FireDrill, walk: Walk, trainer: Trainer | None) -> FireDrill:
    observer, clock = Observer(drill), rules.clock
    while True:
        walk()
        more: tuple[DrillStep, ...] = () if trainer is None else (trainer.step(clock.now()),)
        ended = observer.look(store, rules.settings, clock, more)
        if ended is not None:
            return ended
        clock.sleep(LOOK)


def _training(store: Store, rules: watch.Rules, drill: FireDrill, walk: Walk, folder: Path) -> Trainer:
    """A trainer under way, by a lease that the run's first checkpoint earned."""
    put_down(rules, drill, "first.jsonl", first_of(drill))
    state = _waited(rules.clock, drill, lambda: _opened(rules, drill, walk))
    if not state:
        said = gate.ask(rules.settings, drill.gate, rules.clock)
        raise BadDrill(
            f"no drill with a trainer: its run, on trend, gets no GO and no lease: the gate says {said.answer} "
            f"({said.reason}): {said.sentence}; hold it without --trainer"
        )
    trainer = Trainer(store, rules.settings, drill, rules.clock.now(), folder)
    if not _waited(rules.clock, drill, lambda: trainer.trains or trainer.ended) or trainer.ended:
        why = trainer.step(rules.clock.now()).said
        trainer.leave(store, rules.clock.now())
        raise BadDrill(f"no drill with a trainer: it made no step; {why}")
    return trainer


def _opened(rules: watch.Rules, drill: FireDrill, walk: Walk) -> bool:
    walk()
    return gate.ask(rules.settings, drill.gate, rules.clock).answer in (Answer.GO, Answer.WARN)


def _waited(clock: Clock, drill: FireDrill, until: Callable[[], bool]) -> bool:
    """Whether something came true within the time of the drill."""
    last = clock.now() + timedelta(seconds=drill.within)
    while not until():
        if clock.now() > last:
            return False
        clock.sleep(LOOK)
    return True
