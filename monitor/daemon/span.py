"""Spans of a cycle, for whoever traces it; nothing at all where nobody does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Span(Protocol):
    """A stretch of work that is being traced."""

    def set_attribute(self, key: str, value: str | int | float) -> object:
        """Tell something of it."""
        ...


class Untraced:
    """A stretch of work that nobody traces."""

    def set_attribute(self, key: str, value: str | int | float) -> None:
        """Nobody listens."""


Trace = Callable[[str], AbstractContextManager[Span]]
"""Opens a span by name; inside it, further ones are its children."""
_NOBODY = nullcontext(Untraced())


def untraced(_name: str) -> AbstractContextManager[Span]:
    """No span."""
    return _NOBODY
