"""The rehearsed stop: a toy trainer in a process of its own, with a lease of the drill's run that is taken back."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

from checkpoints_db import Store
from checkpoints_db.errors import BadDrill, BadLease
from checkpoints_db.records import DrillStep, FireDrill
from monitor import lease
from monitor.adapters.guard import EXIT_CODE
from monitor.keys import Keys
from monitor.settings import Settings

LONGEST = 900.0
"""Seconds after which the trainer ends by itself, whatever becomes of us."""
PATIENCE = 10.0


class Trainer:
    """A toy trainer that trains by a lease; `step` says whether it has stopped as it should."""

    def __init__(self, store: Store, settings: Settings, drill: FireDrill, at: datetime, folder: Path) -> None:
        """Issue the lease and start. Raises SigningError where there is no key, BadLease where the gate says no GO."""
        keys = Keys(settings.at(settings.lease.key))
        signed = lease.issue(store, settings, drill.gate, keys.signing(), at)
        where = lease.publish(settings, signed)
        self._settings, self._drill, self._folder = settings, drill, folder
        self._stopped: datetime | None = None
        words = [str(where), str(keys.trusted_path.resolve()), drill.gate, str(folder), str(LONGEST)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, a list of words, no shell
                [sys.executable, "-m", "monitor.adapters.toy", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=Path(__file__).resolve().parents[3],
            )
        except OSError as error:
            raise BadDrill(f"the toy trainer cannot be started: {error.strerror or error}") from error

    @property
    def trains(self) -> bool:
        """Whether it has made a step."""
        return (self._folder / "step").exists()

    @property
    def ended(self) -> bool:
        """Whether its process is over."""
        return self._process.poll() is not None

    def step(self, at: datetime) -> DrillStep:
        """Whether it has saved and stopped by now; the lease is taken back by the daemon, which looks now and then."""
        drill, settings = self._drill, self._settings
        within = (timedelta(seconds=drill.within) + settings.daemon.renew).total_seconds()
        code = self._process.poll()
        if code is not None and self._stopped is None:
            self._stopped = at
        saved = self._saved()
        if self._stopped is not None and code == EXIT_CODE and saved == "revoked":
            seconds = max(0.0, (self._stopped - (drill.dropped_at or drill.at)).total_seconds())
            return DrillStep(what="stop", seconds=seconds, within=within)
        if code is None:
            said = "the toy trainer trains on: its lease was not taken back"
        else:
            said = f"the toy trainer ended with code {code}, its checkpoint says {saved or 'nothing'}"
        do = f"see `holdpoint lease show {drill.gate}`, and whether jobs can read {settings.at(settings.lease.folder)}"
        return DrillStep(what="stop", within=within, said=said, do=do)

    def _saved(self) -> str:
        """Why it stopped, as its checkpoint says; empty where it saved none."""
        try:
            return str(json.loads((self._folder / "checkpoint.json").read_text("utf-8"))["why"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def leave(self, store: Store, at: datetime) -> None:
        """End the process if it still runs, and take its lease back if nobody has."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(PATIENCE)
        drill, settings = self._drill, self._settings
        last = store.leases.newest(drill.family, drill.family)
        if last is not None and not last.lease.revoked:
            key = Keys(settings.at(settings.lease.key)).signing()
            over = f"fire drill {drill.id} is over"
            try:
                ended = lease.revoke(store, drill.family, drill.family, key, at, by=drill.by, reason=over)
                lease.publish(settings, ended)
            except BadLease:  # the daemon took it back this moment
                return
