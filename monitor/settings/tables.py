"""The small tables of holdpoint.toml: sources, timetable, gate, leases, log, backups, retention, drills."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator, model_validator

from checkpoints_db.records import Record
from checkpoints_db.records.duration import Duration, parse_duration


class Source(Record):
    """A folder that harnesses write to, or a prefix of an object store."""

    path: Path | None = None
    """A folder, relative to the settings file."""
    url: str = ""
    """Instead of a path: anything fsspec lists, `s3://bucket/prefix`, `gs://bucket/prefix`; credentials come from
    the environment."""
    pattern: str = "**/*"
    """Which files below the folder are looked at."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (not self.url):
            raise ValueError("give path, or url, and not both")
        parts = self.pattern.split("/")
        if not all(parts) or any("**" in part and part != "**" for part in parts):
            raise ValueError(f"pattern {self.pattern!r} is not a path below the source; write **/*.json, or runs/*/*")
        if not self.url:
            return self
        scheme, mark, rest = self.url.partition("://")
        if not (mark and rest) or "::" in self.url:
            raise ValueError(f"{self.url!r} is not one URL such as s3://bucket/prefix")
        if scheme in ("file", "local"):
            raise ValueError(f"{self.url!r} is a folder of this machine; write it as path")
        if "@" in rest.partition("/")[0]:
            raise ValueError("url holds credentials; keep them in the environment, everybody sees the URL")
        return self


class Timetable(Record):
    """How often the daemon does what."""

    scan: Duration = parse_duration("10s")
    """A file that lands in a source is judged within this time; the sources are looked through twice as often."""
    settle: Duration = parse_duration("1s")
    """How long a file must not change before it is read; at most a quarter of `scan`."""
    forecast: Duration = parse_duration("5m")
    """How often missing seals are made up."""
    overdue: Duration = parse_duration("5m")
    """How often gates are settled again, so that what became stale or overdue is noticed."""
    expire: Duration = parse_duration("1m")
    """How often expired acknowledgements and waivers are noticed."""
    renew: Duration = parse_duration("1m")
    """How often leases are looked at, whether one is due for renewal or to be taken back."""
    deliver: Duration = parse_duration("5s")
    """How often owed messages are sent."""
    leadership: Duration = parse_duration("1m")
    """How long this daemon leads without renewing; another one takes over after that."""
    ping_url: SecretStr | None = None
    """Told of each complete cycle: a check at healthchecks.io, or one like it, which notices when nobody tells it more.
    Also as HOLDPOINT_DAEMON__PING_URL."""
    ping_every: Duration = parse_duration("1m")
    """How often it is told at most."""
    patience: Duration = parse_duration("1h")
    """How long a file may wait for its other half (samples for their results) before an alert is raised."""

    @property
    def settling(self) -> timedelta:
        """`settle`, cut so that a file can be judged within one `scan`."""
        return min(self.settle, self.scan / 4)


class GateTerms(Record):
    """When the gate stops believing silence."""

    max_silence: Duration = parse_duration("24h")
    """A GO is only given while the last complete cycle is younger than this."""


class LeaseFiles(Record):
    """Where leases are signed and written."""

    key: Path = Path("keys/lease.key")
    """The private key, as `holdpoint keys new` makes it; only the user of the daemon may read it."""
    folder: Path = Path("leases")
    """Each newest lease lies here, as FAMILY/RUN.json, for training jobs to read."""


class Log(Record):
    """What the daemon writes of what it does, to standard error."""

    format: Literal["console", "json"] = "console"
    """Lines for people, or a JSON object a line for machines; either is one line an event."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """What is less than this is left out."""
    traces: bool = False
    """Whether spans of each cycle go to an OpenTelemetry collector, by `holdpoint[otel]`; where it is, the variables
    OTEL_EXPORTER_OTLP_ENDPOINT and its relatives say."""


class Backups(Record):
    """Copies of the store on a schedule. Made while this table is there."""

    url: str
    """A folder, relative to the settings file, or anything fsspec writes to, `s3://bucket/prefix`; credentials come
    from the environment. One store has it for itself: what is too many is removed from it."""
    every: Duration = parse_duration("24h")
    """How old the newest backup may be before the next one is made."""
    keep: Annotated[int, Field(ge=1)] = 14
    """How many are kept, the newest ones."""
    max_age: Duration | None = None
    """Older ones are removed too; the newest one never."""

    @field_validator("url")
    @classmethod
    def _no_credentials(cls, url: str) -> str:
        _, mark, rest = url.partition("://")
        if not url.strip("/ ") or (mark and not rest.strip("/")):
            raise ValueError("name a folder, or a URL such as s3://bucket/prefix")
        if mark and "@" in rest.partition("/")[0]:
            raise ValueError("url holds credentials; keep them in the environment, everybody sees the URL")
        return url


class Retention(Record):
    """What may be forgotten, and when; nothing unless told. The ledger, results and judgements always stay."""

    items: Duration | None = None
    """Questions of per-sample logs older than this are forgotten, where no gate looks at them any more."""
    tidy: Duration = parse_duration("24h")
    """How often that is looked at, the write-ahead log is cut, and free pages are given back to the disk."""


class Drill(Record):
    """Fire drills on a schedule. Held while this table is there."""

    every: Duration
    """How long after the last one the next is held."""
    between: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")] = "10:00-16:00"
    """Local times between which one may begin, on Monday to Friday: a drill rings like a pause, which no quiet hour
    holds back."""
    zone: str = "UTC"
    """Their IANA time zone, `Europe/Berlin`."""
    within: Duration = parse_duration("60s")
    """How long the alert, each message and the gate may take."""
    receivers: tuple[str, ...] | None = None
    """Who of those that the routes name is told; everybody where it is left out, nobody where it is empty."""

    @model_validator(mode="after")
    def _hours_of_a_zone(self) -> Self:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"zone {self.zone!r} is no IANA time zone; write it as Europe/Berlin, or UTC") from error
        first, _, last = self.between.partition("-")
        if not first < last:
            raise ValueError(f"between = {self.between!r} does not end on the day on which it begins")
        return self
