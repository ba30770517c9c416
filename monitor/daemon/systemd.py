"""What systemd is told: that the daemon is ready, that a cycle is complete, that it stops (`man sd_notify`).

A line to a socket of this machine that systemd names in the environment; where it names none, nobody is told.
"""

from __future__ import annotations

import logging
import os
import socket  # noqa: TID251 - a socket of this machine, and nothing is read from it

logger = logging.getLogger("holdpoint.daemon")

READY, ALIVE, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"
PATIENCE = 1.0


def tell(state: str, status: str = "") -> bool:
    """Tell systemd a state, and in words what `systemctl status` shows; whether somebody was there to be told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    said = "\n".join([state, *([f"STATUS={' '.join(status.split())}"] if status else [])])
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.settimeout(PATIENCE)
            line.sendto(said.encode(), "\0" + address[1:] if address.startswith("@") else address)
    except OSError as error:
        logger.warning("systemd was not told %s: %s", state, error)
        return False
    return True
