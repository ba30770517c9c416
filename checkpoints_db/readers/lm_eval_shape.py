"""The shape of the rows of a samples file: rows that have it are decoded fast, and no less strictly than the others.

All rows of one file have the same fields, so the first one that was read strictly tells how to decode the next: msgspec
refuses what strict reading refuses (NaN, numbers that overflow, wrong UTF-8, bottomless nesting) except a field that
occurs twice. Fields are therefore counted: rows with as many keys in their text as different ones in their decoded form
have none twice. Lists that nobody uses are kept as they are written, which takes a third of the time; msgspec looks
only at their form, so their numbers and their UTF-8 are looked at here (`is_sound`). Whatever does not fit, for good or
bad reasons, is read strictly instead: that says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

MOST = 8
"""Shapes that are learnt of one file; rows of yet another one are read strictly."""
_LONGEST, _STEP = 256, 16
"""More digits than a number of usual size has, and how many bytes apart they are looked for."""
_COLON, _QUOTE, _SPACE, _EXPONENT, _PLUS = b':" e+'
_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Pair(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """A log-likelihood, and whether the greedy answer was the one asked for: a list of two texts since 0.4.3."""

    ll: str
    greedy: Literal["True", "False"]


class Likelihood(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """The same with the log-likelihood as a number."""

    ll: float
    greedy: Literal["True", "False"]


_LIKELIHOODS = msgspec.json.Decoder(list[list[Likelihood]], strict=False)  # from the text straight to the number


def likelihoods_in(written: list[msgspec.Raw]) -> list[list[Likelihood]]:
    """Log-likelihoods of many rows, as they are written; NaN and infinity are not refused here.

    Raises ValueError where one is no number, or has no answer beside it.
    """
    try:
        return _LIKELIHOODS.decode(b"[%b]" % b",".join(written))
    except _REFUSED as error:
        raise ValueError("not log-likelihoods") from error


class Shape:
    """How one sort of row is decoded, and how many keys it has."""

    def __init__(self, body: dict[str, Any], typed: Mapping[str, Any]) -> None:
        """From the `body` of a row read strictly. `typed`: types of the fields that are used; they keep their names.

        `arguments` of type dict are requests by name, as many as a row has. Raises ValueError when this row does not
        have them.
        """
        types = {key: kind for key, kind in typed.items() if key in body}
        self._each = 0
        if types.get("arguments") is dict:
            asked = body["arguments"]
            first = next(iter(asked.values()), None) if isinstance(asked, dict) else None
            if not isinstance(first, dict):
                raise ValueError("its requests have no names")
            texts = {key: str for key in ("arg_0", "arg_1") if isinstance(first.get(key), str)}
            inside = _Fields(first, texts, as_written=False)
            request: Any = inside.type({"arg_0", "arg_1"} - texts.keys())
            types["arguments"], self._each = dict[str, request], 1 + inside.keys
        fields = _Fields(body, types)
        self._keys, self._unused = fields.keys, [attrgetter(path) for path in fields.lists]
        decoder = msgspec.json.Decoder(fields.type(typed.keys() - body.keys()))
        self._decode, self._decode_lines = decoder.decode, decoder.decode_lines

    def fits(self, raw: bytes) -> bool:
        """Whether a row has these fields and types, be it sound or not."""
        try:
            self._decode(raw)
        except _REFUSED:
            return False
        return True

    def decoded(self, raw: bytes) -> list[Any]:
        """The rows as objects with the typed fields as attributes; none where one of them has not this shape."""
        try:
            rows: list[Any] = self._decode_lines(raw)
        except _REFUSED:
            return []
        keys = self._keys * len(rows)
        if self._each:
            keys += self._each * sum([len(row.arguments) for row in rows])
        if keys != keys_in(raw):  # some lie in a list, or are there twice, or a text looks like one
            return []
        unused = [part for get in self._unused for part in map(get, rows)]
        return rows if is_sound(b",".join(unused)) else []


class Shapes:
    """The shapes of one file as they are met."""

    def __init__(self, typed: Mapping[str, Any]) -> None:
        self._typed, self._known, self._tried = dict(typed), list[Shape](), 0

    def learn(self, body: dict[str, Any], raw: bytes) -> None:
        """Take the shape of a row that was read strictly, where its fields have the types that are used."""
        if self._tried == MOST or any(shape.fits(raw) for shape in self._known):
            return
        self._tried += 1
        try:
            shape = Shape(body, self._typed)
        except ValueError:
            return
        if shape.fits(raw):
            self._known.append(shape)

    def decoded(self, raw: bytes, count: int) -> list[Any]:
        """The rows, where they are all of one shape and so many; none otherwise."""
        for shape in self._known:
            rows = shape.decoded(raw)
            if len(rows) == count:
                return rows
        return []


def keys_in(raw: bytes) -> int:
    """How many keys there are in JSON: colons behind a quote. Never fewer; more where a text has them too.

    >>> keys_in(b'{"a": 1}\\n{"a" : {"b":":"}}')
    4
    """
    text = np.frombuffer(raw, dtype=np.uint8)
    before = np.flatnonzero(text == _COLON) - 1
    found = text[before]
    for _ in range(3):
        blank = found <= _SPACE  # other control characters are no JSON
        if not blank.any():
            break
        before = before - blank
        found = text[before]
    # What is still blank after three steps counts as a key: such a line is read strictly.
    return int(np.count_nonzero((found == _QUOTE) | (found <= _SPACE)))


def is_sound(raw: bytes) -> bool:
    """Whether JSON of right form holds neither wrong UTF-8 nor a number that could be too large, or look like one.

    >>> is_sound(b'[1.5e-07, "\\xc3\\xa9"]'), is_sound(b"[1e9]"), is_sound(b'["\\xe9"]'), is_sound(b"9" * 400)
    (True, False, False, False)
    """
    text = np.frombuffer(raw + b",,", dtype=np.uint8)
    exponents = np.flatnonzero((text | 32) == _EXPONENT)  # of both cases
    behind = text[exponents + 1]
    large = _is_digit(text[exponents - 1]) & (_is_digit(behind) | (behind == _PLUS))
    if large.any():
        return False
    others = np.flatnonzero(~_is_digit(text[::_STEP]))
    if np.diff(others, prepend=-1, append=-(-text.size // _STEP)).max() > _LONGEST // _STEP:
        return False
    return _is_utf8(text)


def _is_digit(text: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (text - np.uint8(48)) < 10


def _is_utf8(text: NDArray[np.uint8]) -> bool:
    beyond = text >= 128
    if not beyond.any():
        return True
    beyond[1:] |= beyond[:-1]  # a byte of ASCII between those that are not, so that they do not run together
    try:
        text[beyond].tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _Fields:
    """The fields of an object as a type is made of them."""

    def __init__(self, body: Mapping[str, Any], typed: Mapping[str, Any], *, as_written: bool = True) -> None:
        """`typed`: the fields that are used. `as_written`: lists that are not used are not decoded."""
        self.keys, self.lists = len(body), list[str]()
        """How many keys, those of objects within too; and where the lists are that are kept as they are written."""
        self._fields, self._names = list[tuple[str, Any]](), dict[str, str]()
        for place, (key, value) in enumerate(body.items()):
            name, kind = (key, typed[key]) if key in typed else (f"x{place}", Any)
            if key not in typed and isinstance(value, dict):
                inside = _Fields(value, {}, as_written=as_written)
                kind = inside.type()
                self.keys += inside.keys
                self.lists += [f"{name}.{path}" for path in inside.lists]
            elif key not in typed and isinstance(value, list) and as_written:
                kind = msgspec.Raw
                self.lists.append(name)
            self._fields.append((name, kind))
            self._names[name] = key

    def type(self, absent: Iterable[str] = ()) -> type[msgspec.Struct]:
        """A type with exactly these fields; `absent` attributes are None."""
        return msgspec.defstruct(
            "Row",
            self._fields,
            rename=self._names,
            forbid_unknown_fields=True,
            namespace=dict.fromkeys(absent),
            gc=False,
        )
