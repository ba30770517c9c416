"""The shape of the rows of a samples file: rows that have it are decoded fast, and no less strictly than the others.

All rows of one file have the same fields, so the first one that was read strictly tells how to decode the next: msgspec
refuses what strict reading refuses (NaN, numbers that overflow, wrong UTF-8, bottomless nesting) except a field that
occurs twice. Fields are therefore counted: a row with as many keys in its text as different ones in its decoded form
has none twice. Whatever does not fit, for good or bad reasons, is read strictly instead: that says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

MOST = 8
"""Shapes that are learnt of one file; rows of yet another one are read strictly."""
_COLON, _QUOTE, _SPACE = ord(":"), ord('"'), ord(" ")
_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Pair(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """A log-likelihood, and whether the greedy answer was the one asked for: a list of two texts since 0.4.3."""

    ll: str
    greedy: str


class Shape:
    """How one sort of row is decoded, and how many keys it has."""

    def __init__(self, body: dict[str, Any], typed: Mapping[str, Any]) -> None:
        """From the `body` of a row read strictly. `typed`: types of the fields that are used; they keep their names.

        Raises ValueError when the row does not have these types, or asks in another form than requests by name.
        """
        asked = body.get("arguments")
        first = next(iter(asked.values()), None) if isinstance(asked, dict) else None
        if not isinstance(first, dict):
            raise ValueError("its requests have no names")  # noqa: TRY004
        texts = {key: str for key in ("arg_0", "arg_1") if isinstance(first.get(key), str)}
        request, self._each = _struct(first, texts, {"arg_0", "arg_1"} - texts.keys())
        types = {**{key: kind for key, kind in typed.items() if key in body}, "arguments": dict[str, request]}  # type: ignore[valid-type]
        row, self._fixed = _struct(body, types, typed.keys() - body.keys())
        self._decode = msgspec.json.Decoder(row).decode

    def decoded(self, raw: bytes) -> Any | None:
        """The row as an object with the typed fields as attributes, None where it does not have this shape."""
        try:
            return self._decode(raw)
        except _REFUSED:
            return None

    def all_decoded(self, raws: list[bytes]) -> tuple[list[Any], list[int]]:
        """All rows and their numbers of keys, or none where one of them does not have this shape."""
        try:
            rows: list[Any] = list(map(self._decode, raws))
        except _REFUSED:
            return [], []
        fixed, each = self._fixed, 1 + self._each
        return rows, [fixed + each * len(row.arguments) for row in rows]

    def keys(self, row: Any) -> int:
        """Different keys in a decoded row; where some lie in a list they are left out, and the row will not fit."""
        return self._fixed + len(row.arguments) * (1 + self._each)


class Shapes:
    """The shapes of one file as they are met."""

    def __init__(self, typed: Mapping[str, Any]) -> None:
        self._typed, self._known, self._tried = dict(typed), list[Shape](), 0

    def learn(self, body: dict[str, Any], raw: bytes) -> None:
        """Take the shape of a row that was read strictly, where its fields have the types that are used."""
        if self._tried == MOST:
            return
        self._tried += 1
        try:
            shape = Shape(body, self._typed)
        except ValueError:
            return
        if shape.decoded(raw) is not None:
            self._known.append(shape)

    def all_decoded(self, raws: list[bytes]) -> tuple[list[Any], list[int]]:
        """All rows and their numbers of keys, where they are of one shape; empty lists otherwise."""
        for shape in self._known:
            if raws and shape.decoded(raws[0]) is not None:
                return shape.all_decoded(raws)
        return [], []

    def decoded(self, raw: bytes) -> tuple[Any, int]:
        """The row and its number of keys; (None, 0) where it has none of the shapes."""
        for shape in self._known:
            row = shape.decoded(raw)
            if row is not None:
                return row, shape.keys(row)
        return None, 0


def keys_in(raw: bytes, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many keys the JSON of each line has: colons behind a quote. Never fewer; more where a text has them too.

    `starts`: where in `raw` each line begins, and the end of the last one.

    >>> keys_in(b'{"a": 1}\\n{"a" : {"b":":"}}', np.array([0, 9, 25])).tolist()
    [1, 3]
    """
    text = np.frombuffer(raw, dtype=np.uint8)
    colons = np.flatnonzero(text == _COLON)
    before = colons - 1
    found = text[before]
    for _ in range(3):
        blank = found <= _SPACE  # other control characters are no JSON
        if not blank.any():
            break
        before = before - blank
        found = text[before]
    # What is still blank after three steps counts as a key: such a line is read strictly.
    keys = colons[(found == _QUOTE) | (found <= _SPACE)]
    return np.diff(np.searchsorted(keys, starts))


def _struct(
    body: dict[str, Any], typed: Mapping[str, Any], absent: Iterable[str] = ()
) -> tuple[type[msgspec.Struct], int]:
    """A type with exactly the fields of `body`, and the number of keys it stands for; `absent` attributes are None."""
    fields, names, keys = [], {}, len(body)
    for place, (key, value) in enumerate(body.items()):
        kind: Any = typed.get(key, Any)
        if key not in typed and isinstance(value, dict):
            kind, inner = _struct(value, {})
            keys += inner
        name = key if key in typed else f"x{place}"
        fields.append((name, kind))
        names[name] = key
    namespace = dict.fromkeys(absent)
    made = msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=True, namespace=namespace, gc=False)
    return made, keys
