"""Which convention a family counts its FLOP by, read off flop / (6 * params * tokens)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from checkpoints_db.catalogue.flop import six_nd
from checkpoints_db.records import Checkpoint, Record

TOLERANCE = 0.15
"""How far two checkpoints of one family may differ in their ratio before somebody has to look."""


class Counted(Record):
    """One checkpoint, the ratio of its FLOP to six times parameters times tokens, and that of its family."""

    checkpoint: Checkpoint
    ratio: float | None = None
    """None where one of the three scales is unknown."""
    usual: float | None = None
    departs: bool = False
    """Whether its ratio differs from the usual one of its family by more than the tolerance."""


def counted(checkpoints: Iterable[Checkpoint]) -> list[Counted]:
    """The ratio of every checkpoint, beside the usual one of its family."""
    every = list(checkpoints)
    ratios = [ratio(each) for each in every]
    found = []
    for each, own in zip(every, ratios, strict=True):
        kin = [r for other, r in zip(every, ratios, strict=True) if other.family == each.family and r is not None]
        middle = usual(kin)
        departs = own is not None and middle is not None and not near(own, middle)
        found.append(Counted(checkpoint=each, ratio=own, usual=middle, departs=departs))
    return found


def ratio(checkpoint: Checkpoint) -> float | None:
    """flop / (6 * params * tokens), where all three are known.

    >>> ratio(Checkpoint(family="f", run="a", model="a", params=1e9, tokens=2e10, flop=1.5e20))
    1.25
    """
    if checkpoint.flop is None or checkpoint.params is None or checkpoint.tokens is None:
        return None
    return checkpoint.flop / six_nd(checkpoint.params, checkpoint.tokens)


def usual(ratios: Sequence[float]) -> float | None:
    """The ratio that most of the others are near to; the first of several. None of an empty list.

    >>> usual([0.9, 1.31, 1.3, 1.29])
    1.31
    """
    return max(ratios, key=lambda one: sum(near(one, other) for other in ratios), default=None)


def near(one: float, other: float, tolerance: float = TOLERANCE) -> bool:
    """Whether two ratios are of one convention: neither is more than the tolerance above the other."""
    return max(one, other) <= (1 + tolerance) * min(one, other)
