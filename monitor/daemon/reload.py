"""To read settings, policy and catalogue again while the daemon runs: all of it, or nothing."""

from __future__ import annotations

from pathlib import Path

from checkpoints_db.errors import SettingsError
from monitor import notify
from monitor.clock import Clock
from monitor.daemon.rules import load_rules
from monitor.settings import Settings

AT_START = ("store", "spool", "web", "log")
"""What a process takes once: who holds its files and sockets does not change them under its jobs."""


def reread(config: Path, before: Settings, clock: Clock) -> Settings:
    """The settings as they are on disk now, with everything they name read and found good.

    Raises SettingsError or PolicyError about the first thing that is wrong; whoever asked goes on with `before`.
    """
    settings = Settings.load(config)
    for key in AT_START:
        if getattr(settings, key) != getattr(before, key):
            raise SettingsError(f"{config}: {key} was changed, which needs a restart of the daemon")
    rules = load_rules(settings, clock)
    notify.check(rules.policy, settings)
    return settings
