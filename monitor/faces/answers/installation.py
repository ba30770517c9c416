"""Shapes of answers about the installation, the ledger and what is written to files."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from checkpoints_db.ledger import Pin
from checkpoints_db.rebuild import Difference
from checkpoints_db.records import Record
from monitor.bundle.records import Manifest, Report
from monitor.daemon.backups import Drilled
from monitor.doctor.patient import Checked
from monitor.faces.cli.config import Check
from monitor.retention import Forgetting


class Setting(Record):
    """A setting in force."""

    value: Any
    origin: str = Field(serialization_alias="from")
    means: str


class ConfigChecked(Record):
    """Whether all that the settings name is right."""

    passed: bool
    checks: list[Check]


class Examined(Record):
    """What the doctor found; `state` is the worst of it."""

    state: str
    checks: list[Checked]


class LedgerHead(Record):
    """The last row of the ledger; `head` is what `ledger verify --from` takes."""

    seq: int
    sha256: str = Field(serialization_alias="digest")
    head: str


class LedgerVerified(Record):
    """A chain that holds."""

    rows: int
    head: str
    pins: int


class LedgerVerifiedDeep(LedgerVerified):
    """A chain that holds, and where tables are not what it says."""

    differences: list[Difference]


class Pinned(Pin):
    """A head that was written down elsewhere; `commit` where that is a git repository."""

    commit: str


class Rebuilt(Record):
    """A store made of the ledger alone, and where tables are not what it says."""

    rows: int
    head: str
    store: str
    differences: list[Difference]


class ClockAccepted(Record):
    """Until when the clock had been; empty where it was not set back."""

    was: str
    by: str
    reason: str


class BackedUp(Record):
    """A copy of the store as one file."""

    store: str
    rows: int
    head: str
    bytes: int


class Restored(Record):
    """A store that came from a copy."""

    store: str
    rows: int
    head: str


class DrillDone(Drilled):
    """What trying a backup came to."""

    holds: bool = Field(serialization_alias="sound")


class Tidied(Record):
    """What was forgotten, or would be; bytes of the store now and before, and free ones."""

    families: list[Forgetting]
    dry: bool
    bytes: int
    was: int
    free: int


class Exported(Record):
    """Rows that were written to a file."""

    what: str
    format: str
    out: str
    rows: int
    columns: list[str]


class Passed(Record):
    """The self-test passed."""

    passed: bool
    decisions: int
    verdicts: int


class Made(Record):
    """What `init` made."""

    folder: str
    made: list[str]


class Cycle(Record):
    """One cycle of the jobs: `complete` or `failed`."""

    cycle: str


class Listening(Record):
    """Where the server listens."""

    url: str


class KeyTold(Record):
    """A key of leases: its name and its public half."""

    id: str
    public: str


class KeyRetired(Record):
    """A key that is trusted no longer."""

    id: str


class BundleMade(Manifest):
    """A bundle that was written."""

    file: str
    answer: str


class BundleVerified(Report):
    """What the verifier found; `verified` where every part was made again."""

    holds: bool = Field(serialization_alias="verified")
