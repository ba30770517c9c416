"""For plain PyTorch loops: ask at each step, save and pause where told.

    pause = Pause(guard, save=lambda: torch.save(state(), "checkpoint.pt"))
    for step in range(start, steps):
        ...                                     # forward, backward, optimizer.step()
        pause.at(step=step + 1, flop=(step + 1) * flop_per_step)

Under `torch.distributed` every rank makes one; rank 0 reads the lease, all stop at the same step, and all call `save`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from monitor.adapters.guard import Check, HoldpointStop, LeaseGuard
from monitor.adapters.ranks import agreed, rank

logger = logging.getLogger("holdpoint.guard")


def should_stop(guard: LeaseGuard, *, step: int | None = None, flop: float | None = None) -> Check:
    """What the guard says, the same on every rank; false where the run is to stop. All ranks ask at the same step."""
    return agreed(lambda: guard.check(step=step, flop=flop))


class Pause:
    """Saves a checkpoint and pauses a loop where the lease says so.

    `save` writes a checkpoint and returns when it is safe; `every` so many steps the lease is asked for; a held run
    waits `hold` seconds for a new lease, looking every `look`.
    """

    def __init__(
        self, guard: LeaseGuard, save: Callable[[], object], *, every: int = 1, hold: float = 3600.0, look: float = 5.0
    ) -> None:
        self.guard, self.save, self.every, self.hold, self.look = guard, save, every, hold, look

    def start(self, *, step: int = 0, flop: float | None = 0.0) -> None:
        """Before the first step, of a run, stage or scale: whatever is no valid lease stops here, with nothing to save.

        Raises HoldpointStop.
        """
        check = agreed(lambda: self.guard.check(step=step, flop=flop, starting=True))
        if not check and check.mode == "checkpoint_and_hold":
            check = self.held(step, flop)
        if not check:
            raise HoldpointStop(check)

    def at(self, *, step: int, flop: float | None = None) -> None:
        """After step `step`, with `flop` training FLOP in all. Raises HoldpointStop once a checkpoint is saved."""
        if step % self.every:
            return
        check = should_stop(self.guard, step=step, flop=flop)
        if check:
            return
        if rank() == 0:
            logger.warning("step %d: saving and pausing (%s, %s): %s", step, check.why, check.mode, check.sentence)
        self.save()
        if check.mode == "checkpoint_and_hold":
            check = self.held(step, flop)
        if not check:
            raise HoldpointStop(check)

    def held(self, step: int | None, flop: float | None) -> Check:
        """Wait for a valid lease, on all ranks alike; the last check."""
        return held(self.guard, step=step, flop=flop, at_most=self.hold, every=self.look)


def held(
    guard: LeaseGuard, *, step: int | None, flop: float | None, at_most: float = 3600.0, every: float = 5.0
) -> Check:
    """Wait for a valid lease for at most so many seconds; ranks meet at each look, so that no broadcast times out."""
    for left in range(max(int(at_most / every), 1), 0, -1):
        check = agreed(lambda: guard.wait(step=step, flop=flop, at_most=every, every=every))
        if check or left == 1:
            break
    return check
