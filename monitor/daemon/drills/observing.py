"""What has happened of a drill so far, as whoever is woken by a pause would meet it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from checkpoints_db import Store
from checkpoints_db.outbox import Owed
from checkpoints_db.records import Alert, Answer, DrillStep, FireDrill
from monitor import gate
from monitor.clock import Clock
from monitor.daemon.drills.ending import end
from monitor.settings import Settings


class Observer:
    """Watches one drill whose file was dropped; it remembers when the gate first answered PAUSE."""

    def __init__(self, drill: FireDrill) -> None:
        self.drill = drill
        self._paused: datetime | None = None

    def look(self, store: Store, settings: Settings, clock: Clock, more: Sequence[DrillStep] = ()) -> FireDrill | None:
        """The drill as it ended, once everything has happened or time is up; `more`: what somebody else waits for."""
        steps = (*self._steps(store, settings, clock), *more)
        at, since = clock.now(), self.drill.dropped_at or self.drill.at
        late = at - since > timedelta(seconds=max(step.within for step in steps))
        if not late and any(step.seconds is None for step in steps):
            return None
        return end(store, settings, self.drill, steps, at)

    def _steps(self, store: Store, settings: Settings, clock: Clock) -> Iterator[DrillStep]:
        state = gate.ask(settings, self.drill.gate, clock)
        if state.answer is Answer.PAUSE and self._paused is None:
            self._paused = clock.now()
        pauses = [a for a in store.actions.alerts(self.drill.family) if a.answer is Answer.PAUSE]
        said = f"the gate says {state.answer} ({state.reason}): {state.sentence}"
        judged = store.actions.gate(self.drill.family, self.drill.family) is not None
        do = (
            "no rule of the policy pauses on a break of this family: look at `select` of its rules, with `holdpoint "
            "policy rehearse`"
            if judged
            else "its file was not judged: see the log of the daemon, and `holdpoint doctor`"
        )
        opened = min((alert.opened_at for alert in pauses), default=None)
        yield self._step("alert", opened, said=said, do=do)
        yield from self._messages(store, pauses)
        yield self._step("gate", self._paused, said=said, do=f"see `holdpoint gate ask {self.drill.gate}` and above")

    def _messages(self, store: Store, pauses: Iterable[Alert]) -> Iterator[DrillStep]:
        if self.drill.receivers == ():
            return
        found: dict[str, Owed] = {}
        for owed in (owed for alert in pauses for owed in store.outbox.about(alert.id)):
            before = found.get(owed.message.receiver)
            if before is None or (owed.sent_at and not before.sent_at):
                found[owed.message.receiver] = owed
        for name, owed in found.items():
            sent = datetime.fromisoformat(owed.sent_at) if owed.sent_at else None
            why = owed.error or "it is owed, and nobody has tried to send it"
            yield self._step("message", sent, to=name, said=why, do=f"`holdpoint outbox list --receiver {name}`")
        unnamed = [name for name in self.drill.receivers or () if name not in found]
        if unnamed or not found:
            why = "no route has taken the alert: none names them, or waits first (`group_wait`)"
            for name in unnamed or ("anybody",):
                do = "`holdpoint route test` says who would be told; longer waits want --within"
                yield self._step("message", None, to=name, said=why, do=do)

    def _step(self, what: str, when: datetime | None, *, said: str, do: str, to: str = "") -> DrillStep:
        within, since = self.drill.within, self.drill.dropped_at or self.drill.at
        if when is None:
            return DrillStep.model_validate({"what": what, "to": to, "within": within, "said": said, "do": do})
        seconds = max(0.0, (when - since).total_seconds())
        return DrillStep.model_validate({"what": what, "to": to, "within": within, "seconds": seconds})


def told(drill: FireDrill) -> str:
    """One line about a drill that ended, for people."""
    return f"fire drill {drill.id} {drill.state}: " + ", ".join(_words(step) for step in drill.steps)


def _words(step: DrillStep) -> str:
    name = f"{step.what} to {step.to}" if step.to else step.what
    if step.seconds is None:
        return f"{name} not within {step.within:g} s ({step.said})"
    late = "" if step.ok else f", later than {step.within:g} s"
    return f"{name} after {step.seconds:.1f} s{late}"
