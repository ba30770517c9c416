"""Where the catalogue puts a model, and which of its entries says so."""

from __future__ import annotations

from typing import Literal

from checkpoints_db.records import Checkpoint, Record


class Placement(Record):
    """An answer that shows its working: `by` is what decided, and a `reason` stands where there is no checkpoint."""

    model: str
    checkpoint: Checkpoint | None = None
    by: Literal["pattern", "table", "source", "nothing"] = "nothing"
    """`source`: no entry matches, and the log itself names family and run."""
    entry: str = ""
    """The entry that matched, as messages name it."""
    file: str = ""
    line: int | None = None
    reason: str = ""

    @property
    def where(self) -> str:
        """`catalogue.toml:12`, the line of the entry; empty where no entry matched."""
        name = self.file.rpartition("/")[2]
        return name if self.line is None else f"{name}:{self.line}"
