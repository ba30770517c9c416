"""A lab in a temporary folder: settings, catalogue, policy, inbox, a clock that stands still, ladders made on paper."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import GateState
from monitor import gate, watch
from monitor.clock import VirtualClock
from monitor.daemon import inbox
from monitor.daemon.jobs import Jobs
from monitor.daemon.rules import load_rules
from monitor.review import Desk
from monitor.settings import Settings, Source
from policies.files import SHELF

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
WOBBLE = (0.004, -0.006, 0.002, 0.005, -0.004, -0.001, 0.003, -0.002)
"""Fixed noise of the ladders, in standard errors of about half a per cent."""

Row = dict[str, Any]


def rung(i: int, *, loss: float | None = None, acc: float | None = None, family: str = "lab", **more: Any) -> list[Row]:
    """Rung `i` of a straight ladder: a loss that falls as a power law, an accuracy that rises with it."""
    flop = 1e18 * 4.0**i
    base = {"family": family, "run": f"s{i}", "params": 1e6 * 2**i, "flop": flop, "task": "sums"}
    straight = 1.2 + 1.5 * (flop / 1e18) ** -0.12 + WOBBLE[i]
    rows = [
        {
            **base,
            "metric": "nll",
            "kind": "continuous",
            "direction": "lower",
            "lower": 0,
            "value": straight if loss is None else loss,
            "stderr": 0.005,
            "n": 2000,
        },
        {
            **base,
            "metric": "acc",
            "kind": "thresholded",
            "direction": "higher",
            "lower": 0,
            "upper": 1,
            "chance": 0,
            "value": (0.30 + 0.045 * i + WOBBLE[i]) if acc is None else acc,
            "stderr": "",
            "n": 2000,
        },
    ]
    return [{**row, **more} for row in rows]


def write_table(path: Path, rows: Sequence[Row]) -> Path:
    """A plain table file, whole at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
        table.writeheader()
        table.writerows(rows)
    return path


class Lab:
    """One house in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = VirtualClock(START)
        self.inbox = root / "inbox"
        self.inbox.mkdir(parents=True)
        (root / "catalogue.toml").write_text('[[family]]\nname = "lab"\naxis = "flop"\ncompare_at = "any"\n')
        self.policy = root / "policy.toml"
        self.policy.write_text((SHELF / "default.toml").read_text())
        self.config = root / "holdpoint.toml"
        self.config.write_text(
            'store = "holdpoint.db"\ncatalogue = "catalogue.toml"\npolicy = "policy.toml"\n'
            '[[source]]\npath = "inbox"\n[daemon]\nscan = "1s"\nsettle = "0.2s"\n'
            '[receivers.log]\nkind = "log"\n[receivers.file]\nkind = "file"\npath = "alerts.jsonl"\n'
        )
        Store.open(root / "holdpoint.db", create=True).close()

    def copy(self, root: Path) -> Lab:
        """The same lab at the same moment in another folder."""
        shutil.copytree(self.root, root)
        twin = Lab.__new__(Lab)
        twin.__dict__.update(
            {
                **self.__dict__,
                "root": root,
                "inbox": root / "inbox",
                "config": root / "holdpoint.toml",
                "policy": root / "policy.toml",
                "clock": VirtualClock(self.clock.now()),
            }
        )
        return twin

    @property
    def settings(self) -> Settings:
        return Settings.load(self.config)

    @property
    def jobs(self) -> Jobs:
        return Jobs(self.settings, self.clock, "test:1")

    def store(self) -> Store:
        return Store.open(self.root / "holdpoint.db")

    def rules(self) -> watch.Rules:
        return load_rules(self.settings, self.clock)

    def baseline(self, rows: Sequence[Row], name: str = "baseline.csv") -> None:
        """History: straight into the store, sealed, never judged."""
        path = write_table(self.root / "history" / name, rows)
        with self.store() as store:
            source = Source(path=path.parent, pattern=name)
            files = inbox.arrivals(store, [source], self.root, self.clock, self.settings.daemon.settle, baseline=True)
            watch.consider(store, self.rules(), [file for file in files if file.path == str(path)])
        self.clock.sleep(60)

    def arrive(self, rows: Sequence[Row], name: str) -> Path:
        """News: a file in the inbox."""
        return write_table(self.inbox / name, rows)

    def cycle(self, *names: str) -> bool:
        """One cycle of the jobs, or of those named."""
        done = [self.jobs.run(name, body) for name, _, body in self.jobs.timetable() if not names or name in names]
        self.clock.sleep(30)
        return all(done)

    def ask(self, run: str) -> GateState:
        return gate.ask(self.settings, run, self.clock)

    def desk(self, store: Store) -> Desk:
        rules = self.rules()
        return Desk(store, rules.catalogue, rules.policy, self.clock.now())

    def later(self, **length: float) -> datetime:
        return self.clock.now() + timedelta(**length)

    @property
    def catalogue(self) -> Catalogue:
        return self.rules().catalogue
