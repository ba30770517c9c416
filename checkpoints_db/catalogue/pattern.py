"""Patterns of model names: `ckpt/{run}-seed0-step{step}`."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)([kmbt]?)", re.IGNORECASE | re.ASCII)
_POWER = {"": 0, "k": 3, "m": 6, "b": 9, "t": 12}
_PARTS = re.compile(r"(\{[^{}]*\}|\*)")
_GREEDY = {
    "run": r"[^/]+",
    "step": r"[0-9]+",
    "size": r"[0-9]+(?:\.[0-9]+)?[kmbtKMBT]",
    "tokens": r"[0-9]+(?:\.[0-9]+)?[kmbtKMBT]?",
}
_LAZY = {
    "run": r"[^/]+?",
    "step": r"[0-9]+?",
    "size": r"[0-9]+?(?:\.[0-9]+?)??[kmbtKMBT]",
    "tokens": r"[0-9]+?(?:\.[0-9]+?)??[kmbtKMBT]??",
}
PLACEHOLDERS = tuple(_GREEDY)


class AmbiguousError(ValueError):
    """A name that one pattern can read in two ways."""


def amount(text: str) -> float:
    """A count with a decimal suffix: k, m, b or t. Raises ValueError for anything else.

    >>> amount("1.4b"), amount("70M"), amount("300000")
    (1400000000.0, 70000000.0, 300000.0)
    """
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a count such as 70m or 1.4b")
    return float(f"{found[1]}e{_POWER[found[2].lower()]}")  # 1.4 * 1e9 would not be 1400000000


def placeholders(pattern: str) -> tuple[str, ...]:
    """Names in braces, in order. Raises ValueError for one that is not known, or a brace that stands alone.

    >>> placeholders("ckpt/{run}-seed*-step{step}")
    ('run', 'step')
    """
    found = []
    for part in _PARTS.split(pattern):
        name = part[1:-1]
        if not part.startswith("{") or not part.endswith("}"):
            if "{" in part or "}" in part:
                raise ValueError(f"{pattern!r} has a brace without its partner")
            continue
        if name not in PLACEHOLDERS:
            near = difflib.get_close_matches(name, PLACEHOLDERS, n=1)
            hint = f"; did you mean {{{near[0]}}}?" if near else ""
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise ValueError(f"unknown placeholder {part}{hint} (known: {known}, *)")
        found.append(name)
    return tuple(dict.fromkeys(found))


def captures(pattern: str, name: str) -> dict[str, str] | None:
    """What the placeholders of `pattern` stand for in the whole of `name`; None where it does not match.

    The longest and the shortest reading must agree: a step of which half a digit string went to `{run}` would be a
    guess. Raises AmbiguousError when they do not.

    >>> captures("ckpt/{run}-seed0-step{step}", "ckpt/m3-seed0-step3000")
    {'run': 'm3', 'step': '3000'}
    >>> captures("pythia-{size}", "pythia-70m-deduped") is None
    True
    """
    longest, shortest = (expression.fullmatch(name) for expression in _expressions(pattern))
    if longest is None or shortest is None:
        return None
    if longest.groupdict() != shortest.groupdict():
        one, other = (" ".join(f"{k}={v}" for k, v in found.groupdict().items()) for found in (longest, shortest))
        raise AmbiguousError(f"{pattern!r} reads it in two ways: {one}, or {other}")
    return longest.groupdict()


@lru_cache(maxsize=4096)
def _expressions(pattern: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    return _expression(pattern, _GREEDY, ".*"), _expression(pattern, _LAZY, ".*?")


def _expression(pattern: str, kinds: dict[str, str], star: str) -> re.Pattern[str]:
    seen: set[str] = set()
    pieces = []
    for part in _PARTS.split(pattern):
        name = part[1:-1]
        if part == "*":
            pieces.append(star)
        elif not part.startswith("{"):
            pieces.append(re.escape(part))
        elif name in seen:
            pieces.append(f"(?P={name})")
        else:
            seen.add(name)
            pieces.append(f"(?P<{name}>{kinds[name]})")
    return re.compile("".join(pieces), re.DOTALL)


def fill(template: str, found: dict[str, str]) -> str:
    """`template` with its placeholders replaced by what was captured.

    >>> fill("pythia-{size}", {"size": "1.4b", "step": "1000"})
    'pythia-1.4b'
    """
    return "".join(found[part[1:-1]] if part.startswith("{") else part for part in _PARTS.split(template))
