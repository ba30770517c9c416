"""The log of a daemon: one line an event, for people or as JSON, with ids that lead to the ledger.

Whoever logs gives those ids as `extra={"ids": {...}}`: `seq` and `digest` are a row of the ledger, `decision`, `alert`
and `policy` what their commands take.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from monitor.faces.render import clean
from monitor.settings import Log

QUIET = ("apscheduler", "uvicorn", "httpx", "httpcore", "opentelemetry")
"""Libraries that tell of their own insides; only their warnings are kept."""


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The event, its ids beside it, and a trace where there was an error nobody foresaw."""
        told: dict[str, object] = {
            "at": moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "ids", {}),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=True, default=str)


class Lines(logging.Formatter):
    """One line of words; a trace follows where there was an error nobody foresaw."""

    def format(self, record: logging.LogRecord) -> str:
        """The event, its ids behind it in brackets; what logs of harnesses name cannot break out of the line."""
        ids = " ".join(f"{name}={clean(value)}" for name, value in getattr(record, "ids", {}).items())
        line = f"{moment(record)} {record.levelname} {record.name}: {clean(record.getMessage())}"
        line += f" [{ids}]" if ids else ""
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class StandardError(logging.StreamHandler[TextIO]):
    """Standard error as it is when something is logged, not as it was when the log began: it may have been closed."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Where to."""
        return sys.stderr


def moment(record: logging.LogRecord) -> str:
    """When it was logged, in UTC."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def log_to_standard_error(terms: Log, *, verbose: bool = False) -> None:
    """Write what is logged from now on to standard error, as the settings say; `verbose` leaves nothing out."""
    handler = StandardError()
    handler.setFormatter(JsonLines() if terms.format == "json" else Lines())
    level = logging.DEBUG if verbose else logging.getLevelNamesMapping()[terms.level.upper()]
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
