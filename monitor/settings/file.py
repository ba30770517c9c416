"""All of holdpoint.toml, read from its file and from the environment."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from checkpoints_db.errors import SettingsError
from monitor.settings.receiver import Receiver
from monitor.settings.tables import Backups, Drill, GateTerms, LeaseFiles, Log, Retention, Source, Timetable
from monitor.settings.web import Oidc, Web

FILE = "holdpoint.toml"
PREFIX, DEEPER = "HOLDPOINT_", "__"
OTHERS = ("CONFIG", "SCREENSHOTS")
"""What else is read from variables with this prefix, beside settings."""


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
