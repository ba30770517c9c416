"""What a bundle says of itself, and what a verifier says of a bundle."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from checkpoints_db.ledger import Pin
from checkpoints_db.records import Answer, Record

FORMAT = 1
"""Of the file; raised when an older holdpoint could no longer read it."""

PartName = Literal[
    "ledger", "policy", "reviews", "history", "case", "forecast", "verdict", "diagnosis", "decision", "chart"
]
PARTS: tuple[PartName, ...] = get_args(PartName)
"""What a bundle consists of, in the order it is told."""
Status = Literal["verified", "differs", "unproven"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(Record):
    """Which decision a bundle is about, and where everything else of it is checked. Nothing here is taken on trust:
    each field is compared with the rows of the ledger, which carry the rest."""

    format: Annotated[int, Field(ge=1)] = FORMAT
    family: str
    run: str
    checkpoint: str
    """Empty where nothing was judged."""
    seq: Annotated[int, Field(ge=1)]
    """Row of the ledger that holds the decision."""
    decision: Digest
    alert: str = ""
    """Id of the alert it was made for; empty where it was made for a run."""
    head: Pin
    """The last row in the bundle."""
    pins: tuple[Pin, ...] = ()
    """Heads that had been written down elsewhere when it was made."""
    chart: str = ""
    """Digest of the chart; empty where there was nothing to draw."""
    drawn_by: str = ""
    """Versions of what drew it: another version draws the same numbers with other bytes."""


class Part(Record):
    """What a verifier found of one part of a bundle."""

    name: PartName
    status: Status
    sentence: str


class Report(Record):
    """What a verifier found."""

    family: str
    run: str
    checkpoint: str
    answer: Answer | None
    """What was decided, as the bundle has it; None where that does not read."""
    decision: str
    """Digest of the decision."""
    head: str
    """`SEQ:DIGEST` of the last row, to be compared with one that was written down elsewhere."""
    parts: tuple[Part, ...]

    @property
    def verified(self) -> bool:
        """Whether every part was computed again and is the same."""
        return {part.name for part in self.parts} == set(PARTS) and all(p.status == "verified" for p in self.parts)

    def part(self, name: PartName) -> Part:
        """What was found of a part."""
        return next(part for part in self.parts if part.name == name)
