"""A plain loop is paused in each way, saves first, and goes on after a release as if nothing had been."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from leasing import KEY, RUN, Job, lease, signed
from pauses import FLOP, PAUSES, STEPS, STOP, WHY, Run

torch = pytest.importorskip("torch", reason=WHY)

from monitor.adapters import HoldpointStop, Why  # noqa: E402
from monitor.adapters.pytorch import Pause  # noqa: E402


class Loop:
    """A small network on noisy data, with dropout, momentum and a schedule: all of it must come back."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.net = torch.nn.Sequential(
            torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Dropout(0.2), torch.nn.Linear(16, 1)
        )
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=1e-2)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, STEPS)
        self.step = 0
        self.losses: dict[int, float] = {}

    def state(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in ("net", "optimizer", "schedule")}
        return {**parts, "step": self.step, "rng": torch.get_rng_state()}

    def restore(self, state: dict[str, Any]) -> None:
        for name in ("net", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]
        torch.set_rng_state(state["rng"])

    def train(self, pause: Pause | None = None, run: Run | None = None) -> None:
        if pause is not None:
            pause.start(step=self.step, flop=self.step * FLOP)
        while self.step < STEPS:
            x = torch.randn(32, 8)
            loss = ((self.net(x) - x.sum(1, keepdim=True)) ** 2).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            self.step += 1
            self.losses[self.step] = loss.item()
            if pause is not None and run is not None:
                run.beat(self.step)
                pause.at(step=self.step, flop=self.step * FLOP)


@pytest.fixture(scope="module")
def whole() -> dict[int, float]:
    """The losses of a run that nobody interrupts."""
    loop = Loop()
    loop.train()
    return loop.losses


@pytest.mark.parametrize("name", PAUSES)
def test_paused_saved_released_resumed(name: str, tmp_path: Path, whole: dict[int, float]) -> None:
    run, file = Run(tmp_path / "job", name), tmp_path / "checkpoint.pt"
    first = Loop()
    pause = Pause(run.guard(), save=lambda: torch.save(first.state(), file))
    with pytest.raises(HoldpointStop) as stopped:
        first.train(pause, run)
    assert (stopped.value.check.why, stopped.value.code, first.step) == (run.why, 75, STOP)
    assert torch.load(file, weights_only=True)["step"] == STOP

    second = Loop()
    second.restore(torch.load(file, weights_only=True))
    with pytest.raises(HoldpointStop):  # not released yet
        second.train(Pause(run.guard(), save=lambda: None), run)
    assert second.step == STOP

    run.grant(3)
    second.train(Pause(run.guard(), save=lambda: None), run)
    assert {**first.losses, **second.losses} == whole  # bit for bit


def test_held_until_released(tmp_path: Path, whole: dict[int, float]) -> None:
    run = Run(tmp_path / "job", "revoked", mode="checkpoint_and_hold")
    loop, saved = Loop(), list[int]()
    asleep = run.job.hands.sleep

    def released(seconds: float) -> None:
        asleep(seconds)
        if seconds < 60:
            run.grant(3)

    run.job.hands.sleep = released  # type: ignore[method-assign]
    loop.train(Pause(run.guard(), save=lambda: saved.append(loop.step), hold=60, look=5), run)
    assert saved == [STOP]
    assert loop.losses == whole


def test_held_too_long_ends_with_75(tmp_path: Path) -> None:
    run = Run(tmp_path / "job", "revoked", mode="checkpoint_and_hold")
    loop, saved = Loop(), list[int]()
    begin = run.job.hands.ticks
    with pytest.raises(HoldpointStop) as stopped:
        loop.train(Pause(run.guard(), save=lambda: saved.append(loop.step), hold=60, look=5), run)
    assert (saved, stopped.value.code) == ([STOP], 75)
    assert 55 <= run.job.hands.ticks - begin - STOP * 600 <= 75


def test_gate_next_lets_it_run_to_its_end(tmp_path: Path, whole: dict[int, float]) -> None:
    run = Run(tmp_path / "job", "expired, the daemon being dead", mode="gate_next")
    loop = Loop()
    guard = run.guard()
    loop.train(Pause(guard, save=lambda: pytest.fail("nothing is to be saved")), run)
    assert loop.losses == whole
    assert guard.check(step=STEPS, flop=1e21).why is Why.expired
    with pytest.raises(HoldpointStop):
        Loop().train(Pause(guard, save=lambda: None), run)


RANK = """
import os, sys, time
import torch, torch.distributed as dist
from monitor.adapters import HoldpointStop, LeaseGuard
from monitor.adapters.pytorch import Pause

root, key, run = sys.argv[1:]
dist.init_process_group("gloo")
rank = dist.get_rank()
guard = LeaseGuard(f"{root}/lease.json", keys=[key], run=run, memory=f"{root}/memory.json", refresh=0.0)
saved = []
pause = Pause(guard, save=lambda: saved.append(step))
step = 0
try:
    pause.start()
    while step < 100000:
        step += 1
        total = torch.tensor([1.0])
        dist.all_reduce(total)
        time.sleep(0.001 * rank)
        if step == 20 and rank == 1:
            open(f"{root}/twenty", "w").close()
        pause.at(step=step, flop=step * 1e18)
except HoldpointStop as stop:
    print(f"rank {rank} stopped {step} saved {saved} {stop.check.why}", flush=True)
    dist.destroy_process_group()
    raise
"""


def test_two_processes_stop_at_the_same_step(tmp_path: Path) -> None:
    job = Job(tmp_path)
    forever = {"expires_at": job.hands.at.replace(year=2999), "not_before": job.hands.at.replace(year=2020)}
    job.write(signed(lease(1, **forever)))
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    env |= {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RANK, str(tmp_path), KEY.public, RUN]
    ranks = [
        subprocess.Popen(command, env={**env, "RANK": str(rank)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for rank in (0, 1)
    ]
    while not (tmp_path / "twenty").exists() and all(rank.poll() is None for rank in ranks):
        time.sleep(0.01)
    job.file.with_suffix(".new").write_text(signed(lease(2, revoked=True, max_flop=0.0, max_step=0, **forever)))
    job.file.with_suffix(".new").replace(job.file)
    told = [rank.communicate(timeout=60) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [75, 75], told
    words = [out.decode().split() for out, _ in told]
    assert words[0][3] == words[1][3]
    assert words[0][5] == words[1][5] == f"[{words[0][3]}]"
    assert int(words[0][3]) >= 20
    assert words[0][-1] == words[1][-1] == "revoked"


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])
