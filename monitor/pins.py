"""The head of the ledger, written down where whoever can write to the store cannot: a file, a git commit, a webhook."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from pydantic import ValidationError

from checkpoints_db.errors import DeliveryError, SettingsError
from checkpoints_db.ledger import Pin
from checkpoints_db.records import canonical
from monitor.notify import wire

NAME = "holdpoint-ledger.jsonl"
"""File of a git repository that pins are kept in."""
PATIENCE = 60.0
"""Seconds that git may take."""


def read(path: Path) -> list[Pin]:
    """The pins of a file, one JSON object or `SEQ:DIGEST` a line. Raises SettingsError naming the line that is none."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{path}: cannot be read: {why}; name a file that `holdpoint ledger pin` wrote") from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(Pin.model_validate_json(line) if line.lstrip().startswith("{") else Pin.parse(line))
        except (ValueError, ValidationError) as error:
            raise SettingsError(
                f"{path}:{number}: is no pin; a line is SEQ:DIGEST, or JSON as `holdpoint ledger pin` writes it"
            ) from error
    if not found:
        raise SettingsError(f"{path}: holds no pin; write one with `holdpoint ledger pin {path}`")
    return found


def to_file(path: Path, pin: Pin) -> None:
    """Append a pin to a file and wait until it is on disk. Raises DeliveryError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(canonical(pin.body()) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise DeliveryError(str(path), error.strerror or str(error), permanent=False) from error


def to_git(repository: Path, pin: Pin) -> str:
    """Append a pin to a file of a git repository, commit that file alone; returns the commit. Raises DeliveryError."""
    _git(repository, "rev-parse", "--git-dir")
    to_file(repository / NAME, pin)
    _git(repository, "add", "--", NAME)
    _git(repository, "commit", "--quiet", "-m", f"holdpoint ledger {pin}", "--", NAME)
    return _git(repository, "rev-parse", "HEAD")


def to_webhook(url: str, pin: Pin) -> None:
    """POST a pin as JSON. Raises DeliveryError."""
    wire.post(url, json.loads(canonical(pin.body())))


def _git(repository: Path, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            ["git", "-C", str(repository), *words],  # noqa: S607 - the git of whoever runs this
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeliveryError(f"git {repository}", f"git {words[0]}: {error}", permanent=False) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        why = said[-1] if said else f"exit code {done.returncode}"
        raise DeliveryError(f"git {repository}", f"git {words[0]}: {why}", permanent=True)
    return done.stdout.strip()
