"""Names to objects: built-ins first, then entry points, loaded only when somebody names them; refuses doubles."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from checkpoints_db.errors import PolicyError, UnknownName

T = TypeVar("T")


class Registry(Generic[T]):
    """The objects of one kind (`reader`, `rule`, `form`, `notifier`), by name.

    An entry point of group `holdpoint.<kind>s` is imported only when its name is asked for: nothing runs in a safety
    gate that no reviewed file mentions.
    """

    def __init__(self, kind: str, built_in: Iterable[T], name_of: Callable[[T], str]) -> None:
        self.kind = kind
        self._built_in: dict[str, T] = {}
        for thing in built_in:
            name = name_of(thing)
            if name in self._built_in:
                raise PolicyError(f"two {kind}s are called {name!r}")
            self._built_in[name] = thing

    def __iter__(self) -> Iterator[T]:
        return iter(self._built_in.values())

    def names(self) -> list[str]:
        """Built-in names in order of registration."""
        return list(self._built_in)

    def installed(self) -> list[str]:
        """Names that other distributions offer; listing them imports nothing."""
        return sorted({point.name for point in entry_points(group=self.group)})

    @property
    def group(self) -> str:
        """The entry-point group other distributions name their objects in."""
        return f"holdpoint.{self.kind}s"

    def get(self, name: str) -> T:
        """The object called `name`. Raises UnknownName, with the nearest known name, when there is none.

        Raises PolicyError where it is called the same as another one, or cannot be imported.
        """
        found = entry_points(group=self.group, name=name)
        if name in self._built_in:
            if found:
                raise PolicyError(f"{self.kind} {name!r} is built in and also installed by {next(iter(found)).value}")
            return self._built_in[name]
        if len(found) == 1:
            return self._load(next(iter(found)))
        if found:
            raise PolicyError(f"{self.kind} {name!r} is installed by {len(found)} packages; keep one")
        nearest = difflib.get_close_matches(name, self._built_in, n=1)
        raise UnknownName(self.kind, name, self.names(), nearest[0] if nearest else None)

    def _load(self, point: EntryPoint) -> T:
        try:
            return point.load()  # type: ignore[no-any-return]
        except (ImportError, AttributeError, SyntaxError) as error:
            by = f" by {point.dist.name}" if point.dist else ""
            raise PolicyError(
                f"{self.kind} {point.name!r} is installed{by} as {point.value}, which cannot be imported ({error}); "
                "see that the file is in the package (`only-include` of its pyproject.toml), and install it again"
            ) from error
