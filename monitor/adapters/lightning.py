"""For Lightning: `Trainer(..., callbacks=[LeaseCallback(guard, "checkpoints", flop_per_step=...)])`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from monitor.adapters.guard import Check, HoldpointStop, LeaseGuard
from monitor.adapters.pytorch import Pause


class LeaseCallback(Callback):
    """Saves a checkpoint and pauses the Trainer where the lease says so.

    The checkpoint goes to `folder`/holdpoint-step=N.ckpt, and its path is in `saved`. `flop_per_step` is the training
    FLOP of one optimizer step, or a function from the Trainer to the FLOP so far. After `checkpoint_and_exit` the end
    of training raises HoldpointStop (exit code 75); with `leave=False` `fit()` returns, and `stopped` has the check.
    """

    def __init__(
        self,
        guard: LeaseGuard,
        folder: str | Path,
        *,
        flop_per_step: float | Callable[[Trainer], float] | None = None,
        every: int = 1,
        hold: float = 3600.0,
        look: float = 5.0,
        leave: bool = True,
    ) -> None:
        self.guard, self.folder, self.flop_per_step, self.leave = guard, Path(folder), flop_per_step, leave
        self.saved: Path | None = None
        self.stopped: Check | None = None
        self._trainer: Trainer | None = None
        self._asked = -1
        self.pause = Pause(guard, self._save, every=every, hold=hold, look=look)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start nothing without a valid lease. Raises HoldpointStop."""
        self._trainer, self.stopped, self._asked = trainer, None, trainer.global_step
        self.pause.start(step=trainer.global_step, flop=self._flop(trainer))

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """No batch after the one that was told to be the last, `min_epochs` or not. Raises HoldpointStop."""
        if self.stopped is not None:
            raise HoldpointStop(self.stopped)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Ask once for each optimizer step; where the answer is to stop, save first."""
        if trainer.global_step == self._asked:
            return
        self._trainer, self._asked = trainer, trainer.global_step
        try:
            self.pause.at(step=trainer.global_step, flop=self._flop(trainer))
        except HoldpointStop as stop:
            self.stopped = stop.check
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End the process with code 75 where training was stopped. Raises HoldpointStop."""
        if self.stopped is not None and self.leave:
            raise HoldpointStop(self.stopped)

    def _save(self) -> None:
        if self._trainer is not None:
            self.saved = self.folder / f"holdpoint-step={self._trainer.global_step}.ckpt"
            self._trainer.save_checkpoint(self.saved)

    def _flop(self, trainer: Trainer) -> float | None:
        if callable(self.flop_per_step):
            return float(self.flop_per_step(trainer))
        return None if self.flop_per_step is None else self.flop_per_step * trainer.global_step
