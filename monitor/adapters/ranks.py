"""All ranks agree: the first one decides and broadcasts, so that every one of them stops at the same step."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from monitor.adapters.document import MODES, Why
from monitor.adapters.guard import Check

REASONS = tuple(Why)


def distributed() -> Any:
    """`torch.distributed` where a process group is there, else None; torch is never imported for it."""
    torch = sys.modules.get("torch")
    group = getattr(torch, "distributed", None)
    return group if group is not None and group.is_available() and group.is_initialized() else None


def rank() -> int:
    """The number of this process; 0 where it is alone."""
    group = distributed()
    return int(group.get_rank()) if group else 0


def agreed(ask: Callable[[], Check]) -> Check:
    """What rank 0 finds, on every rank; the others do not ask, and must come here at the same step.

    Only numbers are sent. A rank that hears of no answer waits as long as its process group does.
    """
    group = distributed()
    if group is None or group.get_world_size() == 1:
        return ask()
    torch = sys.modules["torch"]
    nccl = "nccl" in str(group.get_backend())
    device = torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")
    check = ask() if group.get_rank() == 0 else None
    told = [0, 0, 0, 0] if check is None else _numbers(check)
    numbers = torch.tensor(told, dtype=torch.int64, device=device)
    group.broadcast(numbers, src=0)
    return check or _check([int(number) for number in numbers.tolist()])


def _numbers(check: Check) -> list[int]:
    return [REASONS.index(check.why), int(check.stop), MODES.index(check.mode), check.seq]


def _check(numbers: list[int]) -> Check:
    why, stop, mode, seq = numbers
    return Check(REASONS[why], bool(stop), MODES[mode], "" if why == 0 else "as rank 0 found", seq)
