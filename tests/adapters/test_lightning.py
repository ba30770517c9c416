"""The Lightning Trainer is paused in each way, has saved, and goes on after a release as if nothing had been."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from pauses import FLOP, PAUSES, STEPS, STOP, WHY, Run

torch = pytest.importorskip("torch", reason=WHY)
lightning = pytest.importorskip("lightning.pytorch", reason=WHY)

from monitor.adapters import HoldpointStop  # noqa: E402
from monitor.adapters.lightning import LeaseCallback  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


class Loader:
    """Batches made from their number; one that can be resumed in the middle of an epoch."""

    def __init__(self) -> None:
        self.given = 0

    def __len__(self) -> int:
        return 1000

    def __iter__(self) -> Any:
        while self.given < len(self):
            self.given += 1
            yield torch.randn(16, 8, generator=torch.Generator().manual_seed(self.given))

    def state_dict(self) -> dict[str, int]:
        return {"given": self.given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.given = state["given"]


class Net(lightning.LightningModule):  # type: ignore[misc]
    """A small network; moves the clock at each step, and keeps the losses."""

    def __init__(self, run: Run | None) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
        self.run, self.losses = run, dict[int, float]()

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        loss = ((self.net(batch) - batch.sum(1, keepdim=True)) ** 2).mean()
        self.losses[self.trainer.global_step + 1] = loss.item()
        if self.run is not None:
            self.run.beat(self.trainer.global_step + 1)
        return loss

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


def fit(net: Net, out: Path, *callbacks: Any, resume: Path | None = None, **more: Any) -> None:
    trainer = lightning.Trainer(
        max_steps=STEPS,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=out,
        callbacks=list(callbacks),
        **more,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(net, Loader(), ckpt_path=resume, weights_only=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[int, float]:
    """The losses of a run that nobody interrupts."""
    net = Net(None)
    fit(net, tmp_path_factory.mktemp("whole"))
    assert len(net.losses) == STEPS
    return net.losses


@pytest.mark.parametrize("name", PAUSES)
def test_paused_saved_released_resumed(name: str, tmp_path: Path, whole: dict[int, float]) -> None:
    run, out = Run(tmp_path / "job", name), tmp_path / "out"
    first, callback = Net(run), LeaseCallback(run.guard(), out, flop_per_step=FLOP)
    with pytest.raises(HoldpointStop) as stopped:
        fit(first, out, callback)
    assert (stopped.value.check.why, stopped.value.code) == (run.why, 75)
    assert max(first.losses) == STOP
    assert callback.saved == out / f"holdpoint-step={STOP}.ckpt"
    assert callback.saved.is_file()

    second = Net(run)
    with pytest.raises(HoldpointStop):  # not released yet
        fit(second, out, LeaseCallback(run.guard(), out, flop_per_step=FLOP), resume=callback.saved)
    assert second.losses == {}

    run.grant(3)
    fit(second, out, LeaseCallback(run.guard(), out, flop_per_step=FLOP), resume=callback.saved)
    assert {**first.losses, **second.losses} == pytest.approx(whole, rel=0, abs=1e-7)
    assert min(second.losses) == STOP + 1


def test_held_until_released(tmp_path: Path, whole: dict[int, float]) -> None:
    run, out = Run(tmp_path / "job", "revoked", mode="checkpoint_and_hold"), tmp_path / "out"
    asleep = run.job.hands.sleep

    def released(seconds: float) -> None:
        asleep(seconds)
        if seconds < 60:
            run.grant(3)

    run.job.hands.sleep = released  # type: ignore[method-assign]
    net, callback = Net(run), LeaseCallback(run.guard(), out, flop_per_step=FLOP, hold=60)
    fit(net, out, callback)
    assert callback.saved is not None
    assert callback.saved.is_file()
    assert net.losses == pytest.approx(whole, rel=0, abs=1e-7)


@pytest.mark.parametrize("least", [{"min_steps": STEPS}, {"min_epochs": 1}])
def test_no_minimum_carries_it_past_the_stop(least: dict[str, int], tmp_path: Path) -> None:
    run, out = Run(tmp_path / "job", "revoked"), tmp_path / "out"
    net = Net(run)
    callback = LeaseCallback(run.guard(), out, flop_per_step=lambda trainer: FLOP * trainer.global_step)
    with pytest.raises(HoldpointStop):
        fit(net, out, callback, **least)
    assert max(net.losses) == STOP
    assert callback.saved is not None
    assert callback.saved.is_file()
