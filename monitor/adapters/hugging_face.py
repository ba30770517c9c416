"""For the Hugging Face Trainer: `Trainer(..., callbacks=[LeaseCallback(guard, flop_per_step=...)])`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from monitor.adapters.guard import Check, HoldpointStop, LeaseGuard
from monitor.adapters.pytorch import Pause, should_stop

logger = logging.getLogger("holdpoint.guard")


class LeaseCallback(TrainerCallback):
    """Saves a checkpoint and pauses the Trainer where the lease says so; put it last among the callbacks.

    `flop_per_step` is the training FLOP of one optimizer step (6 * parameters * tokens of a batch), or a function from
    the Trainer's state to the FLOP so far. After `checkpoint_and_exit` the end of training raises HoldpointStop (exit
    code 75); with `leave=False` `train()` returns instead, and `stopped` has the check. A held run waits `hold` s.
    """

    def __init__(
        self,
        guard: LeaseGuard,
        *,
        flop_per_step: float | Callable[[TrainerState], float] | None = None,
        every: int = 1,
        hold: float = 3600.0,
        look: float = 5.0,
        leave: bool = True,
    ) -> None:
        self.guard, self.flop_per_step, self.every, self.leave = guard, flop_per_step, every, leave
        self.pause = Pause(guard, _saved_by_the_trainer, hold=hold, look=look)
        self.stopped: Check | None = None
        self._told: Check | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start nothing without a valid lease. Raises HoldpointStop."""
        self.stopped = self._told = None
        self.pause.start(step=state.global_step, flop=self._flop(state))

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """No step after the one that was told to be the last. Raises HoldpointStop."""
        if self.stopped is not None:
            raise HoldpointStop(self.stopped)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Ask; where the answer is to stop, have a checkpoint saved first."""
        if state.global_step % self.every:
            return control
        check = should_stop(self.guard, step=state.global_step, flop=self._flop(state))
        if check:
            return control
        if state.is_world_process_zero:
            text = "step %d: saving and pausing (%s, %s): %s"
            logger.warning(text, state.global_step, check.why, check.mode, check.sentence)
        control.should_save = True
        self._told = check
        if check.mode != "checkpoint_and_hold":
            self._stop(check, control)
        return control

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Where it was told to hold, the checkpoint is safe now: wait for a new lease."""
        if self._told is not None and self._told.mode == "checkpoint_and_hold":
            self._told = None
            check = self.pause.held(state.global_step, self._flop(state))
            if not check:
                self._stop(check, control)
        return control

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """End the process with code 75 where training was stopped. Raises HoldpointStop."""
        if self.stopped is not None and self.leave:
            raise HoldpointStop(self.stopped)

    def _stop(self, check: Check, control: TrainerControl) -> None:
        self.stopped = check
        control.should_training_stop = True

    def _flop(self, state: TrainerState) -> float | None:
        if callable(self.flop_per_step):
            return float(self.flop_per_step(state))
        return None if self.flop_per_step is None else self.flop_per_step * state.global_step


def _saved_by_the_trainer() -> None:
    """Nothing: the Trainer saves where `should_save` is set."""
