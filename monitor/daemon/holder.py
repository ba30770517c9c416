"""Who leads a store: a process of some machine, as `node:pid`."""

from __future__ import annotations

import os
import platform


def holder_here() -> str:
    """This process."""
    return f"{platform.node()}:{os.getpid()}"


def is_dead(holder: str) -> bool:
    """Whether `holder` was a process of this machine that is gone."""
    host, _, pid = holder.rpartition(":")
    if host != platform.node() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
