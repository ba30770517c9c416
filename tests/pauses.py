"""The four ways a run is paused, each by what happens to its lease at one step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from leasing import Job, lease, revocation, signed

from monitor.adapters import LeaseGuard, Why

WHY = "not installed here; `make test-adapters` installs what these need, and runs them"
FLOP = 1e20
"""Training FLOP of one step."""
STEPS = 12
"""Steps of an uninterrupted run."""
STOP = 5
"""The step after which each pause is seen."""
BEAT = 600.0
"""Seconds that a step takes by the clock of the tests."""

Happening = Callable[[Job], None]


def revoked(job: Job) -> None:
    """Somebody takes the lease back."""
    job.write(signed(revocation(2, job.hands.at, pause_mode=mode_of(job))))


def gone(job: Job) -> None:
    """Somebody removes it."""
    job.file.unlink()


def nothing(job: Job) -> None:
    """The daemon is dead: nothing renews it, and time goes by."""


def mode_of(job: Job) -> str:
    return "checkpoint_and_hold" if b"checkpoint_and_hold" in job.file.read_bytes() else "checkpoint_and_exit"


PAUSES: dict[str, tuple[dict[str, object], Happening, Why]] = {
    "revoked": ({}, revoked, Why.revoked),
    "gone": ({}, gone, Why.absent),
    "expired, the daemon being dead": ({"life": STOP * BEAT}, nothing, Why.expired),
    "out of FLOP": ({"max_flop": STOP * FLOP}, nothing, Why.flop_bound),
    "out of steps": ({"max_step": STOP}, nothing, Why.step_bound),
}


class Run:
    """A training run with a lease, whose clock each step moves, and to whose lease something happens at step STOP."""

    def __init__(self, root: Path, pause: str, mode: str = "checkpoint_and_exit") -> None:
        terms, self.happens, self.why = PAUSES[pause]
        root.mkdir(parents=True, exist_ok=True)
        self.job = Job(root)
        self.mode = mode
        self.steps = 0
        self.grant(1, **terms)

    def grant(self, seq: int, life: float = 86400.0, max_flop: float = 1e24, max_step: int | None = None) -> None:
        """A lease from now on: what a release leads to."""
        at = self.job.hands.at
        ends = at + timedelta(seconds=life)
        terms = {"not_before": at, "expires_at": ends, "max_flop": max_flop, "max_step": max_step}
        self.job.write(signed(lease(seq, pause_mode=self.mode, **terms)))

    def guard(self) -> LeaseGuard:
        return self.job.guard()

    def beat(self, step: int) -> None:
        """A step was made."""
        self.job.hands.sleep(BEAT)
        if step == STOP and not self.steps:
            self.steps = step
            self.happens(self.job)
