"""The Hugging Face Trainer is paused in each way, has saved, and goes on after a release as if nothing had been."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pauses import FLOP, PAUSES, STEPS, STOP, WHY, Run

torch = pytest.importorskip("torch", reason=WHY)
transformers = pytest.importorskip("transformers", reason=WHY)

from monitor.adapters import HoldpointStop  # noqa: E402
from monitor.adapters.hugging_face import LeaseCallback  # noqa: E402


class Beats(transformers.TrainerCallback):  # type: ignore[misc]
    """Moves the clock at each step, and keeps the losses."""

    def __init__(self, run: Run | None) -> None:
        self.run, self.losses = run, dict[int, float]()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.run is not None:
            self.run.beat(state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        if "loss" in logs:
            self.losses[state.global_step] = logs["loss"]


def trainer(folder: Path, beats: Beats, *callbacks: Any) -> Any:
    """A tiny model with random weights, on data that a seed makes."""
    transformers.set_seed(5)
    config = transformers.GPT2Config(vocab_size=64, n_positions=16, n_embd=16, n_layer=1, n_head=2)
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randint(0, 64, (16,), generator=generator) for _ in range(40)]
    args = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=STEPS,
        per_device_train_batch_size=4,
        learning_rate=1e-2,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=5,
    )
    return transformers.Trainer(
        model=transformers.GPT2LMHeadModel(config),
        args=args,
        train_dataset=[{"input_ids": row, "labels": row} for row in rows],
        callbacks=[beats, *callbacks],
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[int, float]:
    """The losses of a run that nobody interrupts."""
    beats = Beats(None)
    trainer(tmp_path_factory.mktemp("whole"), beats).train()
    assert len(beats.losses) == STEPS
    return beats.losses


@pytest.mark.parametrize("name", PAUSES)
def test_paused_saved_released_resumed(name: str, tmp_path: Path, whole: dict[int, float]) -> None:
    run, out = Run(tmp_path / "job", name), tmp_path / "out"
    first = Beats(run)
    with pytest.raises(HoldpointStop) as stopped:
        trainer(out, first, LeaseCallback(run.guard(), flop_per_step=FLOP)).train()
    assert (stopped.value.check.why, stopped.value.code) == (run.why, 75)
    assert [file.name for file in out.glob("checkpoint-*")] == [f"checkpoint-{STOP}"]

    second = Beats(run)
    with pytest.raises(HoldpointStop):  # not released yet
        trainer(out, second, LeaseCallback(run.guard(), flop_per_step=FLOP)).train(resume_from_checkpoint=True)
    assert second.losses == {}

    run.grant(3)
    trainer(out, second, LeaseCallback(run.guard(), flop_per_step=FLOP)).train(resume_from_checkpoint=True)
    assert {**first.losses, **second.losses} == pytest.approx(whole, rel=0, abs=1e-7)


def test_held_until_released(tmp_path: Path, whole: dict[int, float]) -> None:
    run, out = Run(tmp_path / "job", "revoked", mode="checkpoint_and_hold"), tmp_path / "out"
    asleep = run.job.hands.sleep

    def released(seconds: float) -> None:
        asleep(seconds)
        if seconds < 60:
            run.grant(3)

    run.job.hands.sleep = released  # type: ignore[method-assign]
    beats = Beats(run)
    trainer(out, beats, LeaseCallback(run.guard(), flop_per_step=FLOP, hold=60)).train()
    assert (out / f"checkpoint-{STOP}").is_dir()
    assert beats.losses == pytest.approx(whole, rel=0, abs=1e-7)


def test_held_too_long_stops(tmp_path: Path) -> None:
    run, out = Run(tmp_path / "job", "revoked", mode="checkpoint_and_hold"), tmp_path / "out"
    callback = LeaseCallback(run.guard(), flop_per_step=lambda state: FLOP * state.global_step, hold=60, leave=False)
    beats = Beats(run)
    trainer(out, beats, callback).train()  # returns, as `leave` is false
    assert callback.stopped is not None
    assert callback.stopped.why is run.why
    assert max(beats.losses) == STOP
    assert (out / f"checkpoint-{STOP}").is_dir()


def test_without_flop_it_does_not_begin(tmp_path: Path) -> None:
    run = Run(tmp_path / "job", "revoked")
    beats = Beats(run)
    with pytest.raises(HoldpointStop, match="unmeasured"):
        trainer(tmp_path / "out", beats, LeaseCallback(run.guard())).train()
    assert beats.losses == {}
