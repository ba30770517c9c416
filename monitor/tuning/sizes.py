"""Breaks to plant: how large, in which unit, in which direction."""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple

from checkpoints_db.errors import PolicyError

SIZE = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(sd|pt)")

DEFAULT = "+3sd,+6sd,-6sd,+0.1pt,-0.1pt"


class BadBreak(PolicyError):
    """A `--breaks` that cannot be planted."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"--breaks: {text!r} is no size of a break; write +4sd (predictive standard deviations) or -0.1pt (units "
            "of the metric), with commas between several; without a sign both directions are planted"
        )


class Size(NamedTuple):
    """How far a result is moved: toward more capability where `way` is 1, toward less where it is -1."""

    amount: float
    unit: Literal["sd", "pt"]
    way: int

    @property
    def label(self) -> str:
        """As it is written.

        >>> Size(0.1, "pt", -1).label
        '-0.1pt'
        """
        return f"{'+' if self.way > 0 else '-'}{self.amount:g}{self.unit}"


def sizes(text: str) -> tuple[Size, ...]:
    """The sizes that `--breaks` lists, each once. Raises BadBreak.

    >>> [size.label for size in sizes("4sd, -0.1pt")]
    ['+4sd', '-4sd', '-0.1pt']
    """
    found: dict[Size, None] = {}
    for part in text.split(","):
        told = SIZE.fullmatch(part.strip())
        amount = float(told[2]) if told else 0.0
        if told is None or not 0 < amount < math.inf:
            raise BadBreak(part.strip())
        unit: Literal["sd", "pt"] = "sd" if told[3] == "sd" else "pt"
        for way in {"+": (1,), "-": (-1,), "": (1, -1)}[told[1]]:
            found[Size(amount, unit, way)] = None
    return tuple(found)
