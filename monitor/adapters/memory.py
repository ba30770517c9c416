"""What a training job remembers of leases, in a file beside its checkpoints: it knows an older lease shown again."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from monitor.adapters.document import Refused, Why, canonical

LARGEST = 4096
LATEST = 253402300800.0
"""The year 10000: no clock says that."""


@dataclass(frozen=True)
class Seen:
    """The newest lease that was believed: its number and digest, and when that was (seconds since 1970)."""

    seq: int = 0
    sha256: str = ""
    at: float = 0.0


class Memory:
    """One small file, written whole or not at all."""

    def __init__(self, path: Path, run: str) -> None:
        self.path, self.run = path, run

    def recall(self) -> Seen:
        """What was kept; nothing where there is no file. Raises Refused (`forgetful`) where it cannot be told."""
        try:
            with self.path.open("rb") as file:
                kept = json.loads(file.read(LARGEST).decode("utf-8"))
            seen = Seen(int(kept["seq"]), str(kept["sha256"]), float(kept["at"]))
        except (FileNotFoundError, NotADirectoryError):
            return Seen()
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise Refused(Why.forgetful, f"{self.path}: cannot be read ({error}); {self._remedy}") from None
        if not (seen.seq >= 0 and 0 <= seen.at < LATEST):
            raise Refused(Why.forgetful, f"{self.path}: says what cannot be; {self._remedy}")
        if kept.get("run") != self.run:
            raise Refused(Why.forgetful, f"{self.path}: remembers another run, not {self.run}; {self._remedy}")
        return seen

    def keep(self, seen: Seen) -> None:
        """Write it down for good. Raises Refused (`forgetful`) where that cannot be done."""
        text = canonical({"run": self.run, "seq": seen.seq, "sha256": seen.sha256, "at": seen.at}) + "\n"
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            why = f"{self.path}: cannot be written: {error.strerror or error}"
            raise Refused(Why.forgetful, f"{why}; free space or name another file as memory") from None

    @property
    def _remedy(self) -> str:
        return "find out who wrote it; once it is removed, leases as old as you like are believed until they expire"
