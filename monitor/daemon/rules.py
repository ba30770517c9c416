"""What the daemon goes by: its readers, its prior, its policy and catalogue, as the settings name them."""

from __future__ import annotations

from pathlib import Path

from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import ForecastError, PolicyError, SettingsError, UnknownName
from checkpoints_db.readers import READERS, Reader, readers_from
from checkpoints_db.readers.columns import columns_of
from checkpoints_db.readers.mapped import Mapped
from monitor import prior, watch
from monitor.clock import Clock
from monitor.settings import Settings
from policies.loader import find_file


def readers_of(settings: Settings) -> tuple[Reader, ...]:
    """The readers that settings add to our own: of other packages by name, and of exports by declared columns.

    Raises SettingsError where one cannot be had.
    """
    declared = () if settings.columns is None else (Mapped(columns_of(settings.at(settings.columns))),)
    try:
        return (*readers_from(settings.readers), *declared)
    except UnknownName as error:
        there = ", ".join(READERS.installed()) or "none"
        raise SettingsError(
            f"settings in {settings.base}: readers: no installed package offers the reader {error.name!r}; `pip "
            f"install` the one that does beside holdpoint (entry-point group {READERS.group}), or take the name out "
            f"(installed now: {there})"
        ) from error
    except PolicyError as error:
        raise SettingsError(f"settings in {settings.base}: readers: {error}") from error


def prior_of(settings: Settings) -> prior.Prior:
    """The prior that settings name, or the shipped one. Raises SettingsError where the file is none."""
    if settings.prior is None:
        return prior.shipped()
    try:
        return prior.load(settings.at(settings.prior))
    except ForecastError as error:
        raise SettingsError(
            f"settings in {settings.base}: {error}; or take `prior` out of the settings for the shipped one"
        ) from error


def load_rules(settings: Settings, clock: Clock) -> watch.Rules:
    """Policy, catalogue, readers and prior as they are on disk now. Raises BadPolicy or SettingsError."""
    loaded = find_file(settings.policy, settings.base)
    catalogue = Catalogue.from_toml(settings.at(Path(settings.catalogue)))
    readers, prior_ = readers_of(settings), prior_of(settings)
    return watch.Rules(settings, catalogue, loaded.policy, clock, readers, prior_, loaded.text)
