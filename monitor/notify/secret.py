"""Secrets of receivers: from a file or from an environment variable, by name, and never into words."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from checkpoints_db.errors import SettingsError
from monitor.settings import Settings

LARGEST = 16 << 10
"""Bytes; a secret is smaller."""
SHORTEST = 4
"""Characters; striking out shorter texts would make nonsense of every sentence."""
STRUCK = "•••"


def secret_of(settings: Settings, file: Path | None, variable: str, key: str) -> str:
    """The text of the file, or of the environment variable; empty where neither is named.

    `key` is what the settings call it, for messages. Raises SettingsError where one is named and cannot be had.
    """
    if file is not None:
        path = settings.at(file)
        try:
            if path.stat().st_size > LARGEST:
                raise SettingsError(f"{key}_file: {path}: is larger than any secret ({LARGEST} bytes)")
            text = path.read_text("utf-8").strip()
        except OSError as error:
            why = f"cannot be read: {error.strerror or error}; write the secret into it, readable by the daemon's user"
            raise SettingsError(f"{key}_file: {path}: {why}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{key}_file: {path}: is not text") from error
        if not text:
            raise SettingsError(f"{key}_file: {path}: is empty; write the secret into it")
        return text
    if variable:
        text = os.environ.get(variable, "").strip()
        if not text:
            raise SettingsError(f"{key}_env: the environment has no {variable}; set it where the daemon is started")
        return text
    return ""


def without(text: str, hidden: Iterable[str]) -> str:
    """The text with every secret struck out, the longest first.

    >>> without("no hook T0/B0/abcdef", ["T0/B0/abcdef", "abcdef"])
    'no hook •••'
    """
    for secret in sorted({s for s in hidden if len(s) >= SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, STRUCK)
    return text
