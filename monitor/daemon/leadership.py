"""Who acts on a store: one process at a time, and never a dead one."""

from __future__ import annotations

import logging
import os
import platform
from datetime import datetime

from checkpoints_db import Store
from checkpoints_db.errors import LeadershipLost

logger = logging.getLogger("holdpoint.daemon")


def myself() -> str:
    """The name this process leads under."""
    return f"{platform.node()}:{os.getpid()}"


def lead(store: Store, holder: str, at: datetime, until: datetime) -> None:
    """Take leadership, from a dead process of this machine at once. Raises LeadershipLost while another one leads."""
    try:
        store.lead(holder, at, until)
    except LeadershipLost as lost:
        if not is_dead(lost.holder):
            raise
        logger.warning("taking over from %s, which is no longer running", lost.holder)
        store.resign(lost.holder)
        store.lead(holder, at, until)


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
