"""Which way a key of a policy is stricter: what makes a change of it a tightening or a loosening.

A direction stands in the annotation of its key (`tail: Annotated[float, LOWER]`). A key without one has no side that is
stricter whatever the evidence: any change of it counts as a loosening.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

Way = Literal["lower", "higher", "more", "fewer", "wider", "ordered", "strictest", "kept", "neutral"]
Turn = Literal["same", "stricter", "looser", "neutral"]


@dataclass(frozen=True)
class Direction:
    """Which values of a key are stricter than which."""

    way: Way
    order: tuple[Any, ...] = ()
    """For `ordered`: values from the loosest to the strictest, of which one that is not listed compares with none. For
    `strictest`: the values stricter than all that are not listed."""
    absent: Literal["loosest", "strictest", "unknown"] = "unknown"
    """Where the key left out (None) stands among its values."""

    def turn(self, old: Any, new: Any) -> Turn:
        """What a change of the key from `old` to `new` is; `looser` whenever it is not known to be stricter.

        >>> LOWER.turn(3, 2), LOWER.turn(2, 3), HIGHER.turn(2, 3), MORE.turn(("a",), ("a", "b"))
        ('stricter', 'looser', 'stricter', 'stricter')
        """
        if old == new:
            return "same"
        if self.way == "neutral" or (self.way in ("more", "fewer") and members(old) == members(new)):
            return "neutral"
        if self.way == "kept":
            return "neutral" if members(old) <= members(new) else "looser"
        if old is None or new is None:
            towards = "strictest" if new is None else "loosest"
            return "stricter" if self.absent == towards else "looser"
        return "stricter" if self._stricter(old, new) else "looser"

    @property
    def words(self) -> str:
        """The direction as the table of keys has it.

        >>> LOWER.words, ordered("warn", "hold").words
        ('lower', 'warn < hold')
        """
        names = ["yes" if value is True else "no" if value is False else str(value) for value in self.order]
        if self.way == "ordered":
            return " < ".join(names) or {"strictest": "left out", "loosest": "given"}.get(self.absent, "-")
        return {"strictest": ", ".join(names), "neutral": "no matter"}.get(self.way, str(self.way))

    def _stricter(self, old: Any, new: Any) -> bool:
        match self.way:
            case "lower":
                return bool(new < old)
            case "higher":
                return bool(new > old)
            case "more":
                return members(new) > members(old)
            case "fewer":
                return members(new) < members(old)
            case "wider":
                return covers(new, old) and not covers(old, new)
            case "strictest":
                return new in self.order and old not in self.order
            case _:
                return old in self.order and new in self.order and self.order.index(new) > self.order.index(old)


LOWER = Direction("lower")
HIGHER = Direction("higher")
MORE = Direction("more")
"""A longer list is stricter: one that has every name of the other, and further ones."""
FEWER = Direction("fewer")
WIDER = Direction("wider")
"""Shell patterns that take whatever the others take."""
KEPT = Direction("kept")
"""Names that may be added to, and not quietly taken out."""
NEUTRAL = Direction("neutral")
"""Words for people: no answer depends on it."""


def ordered(*values: Any) -> Direction:
    """Values from the loosest to the strictest.

    >>> ordered("warn", "hold", "pause").turn("hold", "pause")
    'stricter'
    """
    return Direction("ordered", values)


ANSWERS = ordered("go", "warn", "hold", "pause")
"""What a rule may say."""
SIDES = Direction("strictest", ("either",))
"""Which side of a forecast a rule watches; both are more than one."""
REQUIRED = Direction("ordered", absent="loosest")
"""A demand that is there is stricter than none."""
AT_ONCE = Direction("lower", absent="strictest")
"""How sure a rule must be before it fires; it fires soonest where it need not be."""
UNSURE = Direction("ordered")
"""No value is stricter than another: said where a table as a whole has no direction though its keys have."""
SOONER = Direction("lower", absent="loosest")
"""A limit of time; none is the loosest."""


def members(value: Any) -> frozenset[Any]:
    """What a list, or a table of lists, consists of.

    >>> sorted(members({"safety": ("bob", "carol")}))
    [('safety', 'bob'), ('safety', 'carol')]
    """
    if isinstance(value, Mapping):
        return frozenset((key, each) for key, many in value.items() for each in _several(many))
    return frozenset(_several(value))


def covers(wide: Collection[str], narrow: Collection[str]) -> bool:
    """Whether the shell patterns `wide` take every name that `narrow` do, as far as their texts show.

    >>> covers(("*",), ("cyber*",)), covers(("cyber*",), ("cyber_mcq",)), covers(("cyber*",), ("*",))
    (True, True, False)
    """
    return all(
        any(glob in (each, "*") or (not set("*?[") & set(each) and fnmatchcase(each, glob)) for glob in wide)
        for each in narrow
    )


def _several(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str) or not isinstance(value, Collection) else tuple(value)
