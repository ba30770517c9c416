"""How far the making or verifying of a bundle has come, for whoever waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Tell = Callable[[str, int, int], object]
"""Told what is being done, how much of it is done, and of how much."""
EACH = 500
"""Rows between two things that are told."""

Any_ = TypeVar("Any_")


def silent(what: str, done: int, of: int) -> None:
    """Tell nobody."""


def ticked(what: str, done: int, of: int, tell: Tell, *, each: int = EACH) -> None:
    """Tell of every so many, and of the last."""
    if done % each == 0 or done == of:
        tell(what, done, of)


def counted(found: Iterable[Any_], what: str, of: int, tell: Tell, *, each: int = EACH) -> Iterator[Any_]:
    """The same, told as they are taken."""
    for done, one in enumerate(found, 1):
        yield one
        ticked(what, done, of, tell, each=each)
