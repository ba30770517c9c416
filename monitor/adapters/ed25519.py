"""Whether an ed25519 signature holds: by `cryptography` where it is installed, else by RFC 8032 in plain Python.

Verifying only, and only of public values, so that taking a varying time tells nobody anything.
"""

from __future__ import annotations

import hashlib

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    FAST = True
except ImportError:
    FAST = False

P = 2**255 - 19
"""The prime of the field."""
L = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point."""
D = -121665 * pow(121666, P - 2, P) % P
"""The constant of the curve -x^2 + y^2 = 1 + d x^2 y^2."""

_ROOT = pow(2, (P - 1) // 4, P)
_BASE_Y = 4 * pow(5, P - 2, P) % P

Point = tuple[int, int, int, int]
"""Extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x y = T/Z."""


def holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) was made over `message` by the holder of `public` (32 bytes)."""
    if not FAST:
        return plainly(public, message, signature)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def plainly(public: bytes, message: bytes, signature: bytes) -> bool:
    """The same by the steps of RFC 8032, section 5.1.7, in a few milliseconds.

    >>> key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    >>> r = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
    >>> s = "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    >>> plainly(bytes.fromhex(key), b"", bytes.fromhex(r + s))
    True
    """
    if len(public) != 32 or len(signature) != 64:
        return False
    key, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= L:  # a larger s would be a second spelling of the same signature
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    away = (P - key[0], key[1], 1, P - key[3])  # -A: S B = R + h A is asked as S B + h (-A) = R
    return _same(_sum_of_multiples(s, _BASE, h, away), r)


def _point(text: bytes) -> Point | None:
    """The point that 32 bytes encode, or None."""
    number = int.from_bytes(text, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    return _with_y(y, sign)


def _with_y(y: int, sign: int) -> Point | None:
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else (0, y, 1, 0)
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * _ROOT % P
    if (x * x - square) % P:
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def _add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _sum_of_multiples(a: int, p: Point, b: int, q: Point) -> Point:
    """a p + b q, doubling once for both (Shamir's trick)."""
    zero: Point = (0, 1, 1, 0)
    addends = (zero, p, q, _add(p, q))
    total = zero
    for bit in range(max(a.bit_length(), b.bit_length()) - 1, -1, -1):
        total = _add(total, total)
        which = (a >> bit & 1) + 2 * (b >> bit & 1)
        if which:
            total = _add(total, addends[which])
    return total


def _same(p: Point, q: Point) -> bool:
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


_BASE: Point = _with_y(_BASE_Y, 0) or (0, 1, 1, 0)
