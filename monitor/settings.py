"""holdpoint.toml: where things are and how often to look. Paths are relative to the file that names them.

Every key may also come from the environment: `HOLDPOINT_STORE`, `HOLDPOINT_DAEMON__SCAN`, ...; the environment wins.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from checkpoints_db.errors import SettingsError
from checkpoints_db.records import Record
from checkpoints_db.records.duration import Duration, parse_duration

FILE = "holdpoint.toml"
PREFIX, DEEPER = "HOLDPOINT_", "__"
OTHERS = ("CONFIG", "SCREENSHOTS")
"""What else is read from variables with this prefix, beside settings."""


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
    from the environment."""
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


class Oidc(Record):
    """Somebody else who says who people are, by OpenID Connect; what they may do stays with `holdpoint people`."""

    issuer: str
    """`https://login.example.org/realms/lab`; its `/.well-known/openid-configuration` says the rest."""
    client_id: str
    """Who holdpoint is there."""
    client_secret_file: Path | None = None
    """A file with the secret; or the secret itself as HOLDPOINT_WEB__OIDC__CLIENT_SECRET; none for a public client."""
    client_secret: SecretStr | None = None
    """Only from the environment."""
    claim: Literal["email", "preferred_username", "sub"] = "email"
    """What of their answer is the name of a person here; an address of mail counts only where it is verified."""


class Web(Record):
    """The door over HTTP, for clusters that cannot share a folder. Served while this table is there."""

    listen: str = "127.0.0.1:8470"
    """Address and port; loopback unless told otherwise; others are served over TLS, or by a proxy named here."""
    token_file: Path | None = None
    """File with the token that whoever pushes must show; or the token itself as HOLDPOINT_WEB__TOKEN."""
    token: SecretStr | None = None
    """Only from the environment."""
    reader_token_file: Path | None = None
    """File with a second token, for training jobs: whoever shows it may read leases and push nothing."""
    limit: Annotated[int, Field(gt=0)] = 512 << 20
    """Larger requests are refused, in bytes."""
    patience: Duration = parse_duration("30s")
    """How long a push waits for its turn before it is left to the next scan."""
    metrics: Literal["loopback", "token"] = "loopback"
    """Who reads /metrics without a token: programs on this machine, or nobody. The token of readers always does."""
    ready: Duration = parse_duration("5m")
    """/readyz says ready while the last complete cycle is younger than this."""
    url: str = ""
    """Where people reach it, `https://holdpoint.example.org`: messages link to their alert there."""
    tls_certificate: Path | None = None
    """A file with the certificate and what it rests on, as PEM: the door speaks TLS."""
    tls_key: Path | None = None
    """The file with its private key."""
    plain: bool = False
    """Whether plain HTTP may be spoken beyond loopback where no proxy is named, as in a network of containers."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies: what those say of a client's address is believed."""
    proxy_user_header: str = ""
    """Header in which those proxies name who they let in, `X-Forwarded-User`; from anybody else it counts nothing."""
    session_idle: Duration = parse_duration("2h")
    """A session that is not used for so long ends."""
    session_life: Duration = parse_duration("12h")
    """A session ends after this, however busy it is."""
    oidc: Oidc | None = None

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach it by https, so that cookies need never travel in the clear."""
        return self.tls_certificate is not None or self.url.startswith("https://")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`."""
        host, _, port = self.listen.rpartition(":")
        return host.removeprefix("[").removesuffix("]"), int(port)

    @field_validator("listen")
    @classmethod
    def _an_address(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        if not (host and port.isdecimal() and port.isascii() and int(port) < 1 << 16):
            raise ValueError(f"{listen!r} is not an address and a port; write 127.0.0.1:8470")
        return listen

    @field_validator("proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for each in proxies:
            try:
                ipaddress.ip_network(each)
            except ValueError as error:
                raise ValueError(f"{each!r} is no address or network; write 10.0.0.2 or 10.0.0.0/24") from error
        return proxies

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("give tls_certificate and tls_key, or neither")
        if self.proxy_user_header and not self.proxies:
            raise ValueError("proxy_user_header is believed from nobody; name the addresses of the proxy as proxies")
        return self


class Receiver(Record):
    """Someone to tell. Addresses and keys that are secrets come from files or from environment variables, by name."""

    kind: Literal["log", "file", "webhook", "slack", "alertmanager", "email", "command", "apprise"] | str
    """Name of the notifier."""
    path: Path | None = None
    """For `file`: JSON lines are appended here."""
    url: str = ""
    """For `webhook` and `alertmanager`: where to post; everybody sees it, so no secret may be in it."""
    url_file: Path | None = None
    """A file whose text is the URL: for `slack` and `apprise` always, whose URLs are secrets."""
    url_env: str = ""
    """Or the environment variable that holds it."""
    secret_files: tuple[Path, ...] = ()
    """For `webhook`: files with signing secrets (`whsec_...`, `whsk_...`); each signs, so that one can be replaced."""
    secret_env: tuple[str, ...] = ()
    """Or the environment variables that hold them."""
    token_file: Path | None = None
    """For `webhook` and `alertmanager`: a file with a bearer token."""
    token_env: str = ""
    """Or the environment variable that holds it."""
    host: str = ""
    """For `email`: the SMTP server."""
    port: Annotated[int, Field(gt=0, lt=1 << 16)] | None = None
    """Its port; 587 for `starttls`, 465 for `tls`, 25 for `none`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is kept from others."""
    ca_file: Path | None = None
    """Certificates to trust instead of the machine's own, for `email`, `webhook` and `alertmanager`."""
    user: str = ""
    """Name to log in with."""
    password_file: Path | None = None
    """A file with the password."""
    password_env: str = ""
    """Or the environment variable that holds it."""
    sender: str = ""
    """For `email`: the address it comes from."""
    to: tuple[str, ...] = ()
    """For `email`: the addresses it goes to."""
    command: tuple[str, ...] = ()
    """For `command`: program and arguments; no shell reads them. The message comes on standard input, as JSON."""
    env: tuple[str, ...] = ()
    """For `command`: environment variables it may see, beside PATH, HOME, LANG and TZ."""
    labels: dict[str, str] = Field(default_factory=dict)
    """For `alertmanager`: labels that every alert carries."""
    resend: Duration = parse_duration("1m")
    """For `alertmanager`: what fires is sent again this often; it forgets what it is not told."""
    timeout: Duration = parse_duration("10s")
    """How long one attempt may take."""
    options: dict[str, str] = Field(default_factory=dict)
    """For notifiers of other packages."""

    @model_validator(mode="after")
    def _no_secret_in_sight(self) -> Self:
        if not self.url:
            return self
        scheme, mark, rest = self.url.partition("://")
        if self.kind in ("slack", "apprise"):
            raise ValueError(f"the URL of a receiver of kind {self.kind!r} is a secret; name it by url_file or url_env")
        if scheme not in ("http", "https") or not mark or not rest.strip("/"):
            raise ValueError("url is not one such as https://example.org/hook")
        if "@" in rest.partition("/")[0]:
            raise ValueError("url holds credentials; everybody reads this file: name it by url_file or url_env")
        return self


class Settings(BaseSettings):
    """All settings; unknown keys are refused."""

    model_config = SettingsConfigDict(
        extra="forbid", env_prefix=PREFIX, env_nested_delimiter=DEEPER, frozen=True, validate_default=True
    )

    store: Path = Path("holdpoint.db")
    """Everything observed, expected and decided: one SQLite file."""
    catalogue: Path = Path("catalogue.toml")
    """Which model is which run of which family, and how large."""
    columns: Path | None = None
    """Which column of W&B, MLflow and other exports means what."""
    policy: str = "policy.toml"
    """A path, or the name of a policy on the shelf: default, strict, shadow, academic, or the style of a framework."""
    prior: Path | None = None
    """What forecasts believe of any series beforehand, as `holdpoint prior learn` writes it; without it, the shipped
    one."""
    quarantine: Path = Path("quarantine")
    """Where copies of files lie that could not be read, each with its reason."""
    spool: Path = Path("spool")
    """Where what came from a URL or from standard input lies, whole, to be read."""
    readers: tuple[str, ...] = ()
    """Readers of other installed packages (entry points of group `holdpoint.readers`); nothing else of them is run."""
    source: tuple[Source, ...] = Field(default=(Source(path=Path("inbox")),))
    """Where harnesses write to: any number of `[[source]]` tables."""
    daemon: Timetable = Timetable()
    gate: GateTerms = GateTerms()
    lease: LeaseFiles = LeaseFiles()
    log: Log = Log()
    web: Web | None = None
    backup: Backups | None = None
    drill: Drill | None = None
    retention: Retention = Retention()
    receivers: dict[str, Receiver] = Field(default={"log": Receiver(kind="log")})
    """Who can be told, each under a name: `[receivers.NAME]`; the policy says who is."""
    base: Path = Field(default=Path(), exclude=True)
    """Folder of the settings file; set by `load`."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file: an operator overrides without editing."""
        return env_settings, init_settings

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read holdpoint.toml. Raises SettingsError that names file, key and the nearest known key."""
        if not path.is_file():
            raise SettingsError(f"{path}: no settings here; make them with `holdpoint init`")
        try:
            given = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: not TOML: {error}; texts stand in quotes, tables in [brackets]") from error
        except OSError as error:
            raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
        if isinstance(given.get("web"), dict) and "token" in given["web"]:
            raise SettingsError(
                f"{path}: web.token: a token does not belong here, everybody reads this file; put it into a file only "
                "holdpoint reads and name that as token_file, or set HOLDPOINT_WEB__TOKEN"
            )
        oidc = given.get("web", {}).get("oidc") if isinstance(given.get("web"), dict) else None
        if isinstance(oidc, dict) and "client_secret" in oidc:
            raise SettingsError(
                f"{path}: web.oidc.client_secret: a secret does not belong here, everybody reads this file; name one "
                "only holdpoint reads as client_secret_file, or set HOLDPOINT_WEB__OIDC__CLIENT_SECRET"
            )
        try:
            read = cls(**given)
        except ValidationError as error:
            raise SettingsError("; ".join(_explained(error, str(path)))) from error
        return read.model_copy(update={"base": path.resolve().parent})

    def at(self, path: Path) -> Path:
        """`path` as seen from the settings file."""
        return path if path.is_absolute() else self.base / path


def strange_variables(settings: Settings) -> list[str]:
    """Variables of the environment that are spelled like settings and are none: a slip of the pen has no effect."""
    receivers = settings.receivers.values()
    named = {name for each in receivers for name in (each.url_env, each.token_env, each.password_env)}
    named |= {name for each in receivers for name in (*each.secret_env, *each.env)}
    ours = {f"{PREFIX}{name}".upper() for name in (*Settings.model_fields, *OTHERS) if name != "base"}
    variables = sorted(set(os.environ) - named)
    return [v for v in variables if v.upper().startswith(PREFIX) and v.upper().partition(DEEPER)[0] not in ours]


def _explained(error: ValidationError, file: str) -> Iterator[str]:
    """What is wrong, a sentence for each mistake: in which file and key, or in which variable of the environment."""
    told = False
    for problem in error.errors():
        path = [str(part) for part in problem["loc"]]
        text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            nearest = difflib.get_close_matches(path[-1], _keys(), n=1)
            text = f"unknown key; did you mean {nearest[0]!r}?" if nearest else "unknown key"
        variable = _variable(path)
        where = f"{variable} of the environment" if variable else ".".join(path)
        yield f"{where}: {text}" if variable or told else f"{file}: {where}: {text}"
        told = told or not variable


def _variable(path: list[str]) -> str:
    """The variable that gave the value of a key, alone or in a table of JSON; empty where the file did."""
    there = {name.upper(): name for name in os.environ}
    for end in range(len(path), 0, -1):
        name = there.get((PREFIX + DEEPER.join(path[:end])).upper())
        if name is not None and (end == len(path) or f'"{path[end]}"' in os.environ[name]):
            return name
    return ""


def _keys() -> list[str]:
    models: tuple[Any, ...] = (
        Settings,
        Source,
        Timetable,
        GateTerms,
        LeaseFiles,
        Log,
        Web,
        Oidc,
        Backups,
        Drill,
        Retention,
        Receiver,
    )
    return sorted({name for model in models for name in model.model_fields})
