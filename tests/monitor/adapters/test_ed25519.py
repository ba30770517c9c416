"""Verifying in plain Python gives the published answers, and those of `cryptography`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints_db.signing import SigningKey
from monitor.adapters import ed25519
from monitor.adapters.ed25519 import L, holds, plainly

# RFC 8032, section 7.1: public key, message, signature (its two halves) of tests 1 to 3.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac",
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "r", "s"), VECTORS)
@pytest.mark.parametrize("how", [plainly, holds])
def test_published_vectors(how: object, key: str, message: str, r: str, s: str) -> None:
    assert callable(how)
    told = [bytes.fromhex(text) for text in (key, message, r + s)]
    assert how(*told)
    assert not how(told[0], told[1] + b"x", told[2])
    for place in (0, 31, 32, 63):
        other = bytearray(told[2])
        other[place] ^= 1
        assert not how(told[0], told[1], bytes(other))


def first() -> tuple[bytes, bytes, bytes]:
    key, message, r, s = VECTORS[0]
    return bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(r + s)


def test_the_same_signature_has_one_spelling() -> None:
    key, message, signature = first()
    s = int.from_bytes(signature[32:], "little") + L
    second = signature[:32] + s.to_bytes(32, "little")
    assert not plainly(key, message, second)
    assert not holds(key, message, second)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_what_is_no_key_or_signature_holds_nothing(length: int) -> None:
    key, message, signature = first()
    assert not plainly(bytes(length), message, signature)
    assert not plainly(key, message, signature + b"\0")
    assert not holds(bytes(length), message, signature)
    assert not plainly(b"\xff" * 32, message, signature)


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
def test_both_ways_agree(seed: bytes, message: bytes, bit: int) -> None:
    key = SigningKey.from_seed(seed)
    public = bytes.fromhex(key.public.removeprefix("ed25519:"))
    body = message.hex()
    signature = bytearray(bytes.fromhex(key.sign("lease", body)))
    said = f'holdpoint:lease:"{body}"'.encode()
    assert ed25519.FAST
    assert plainly(public, said, bytes(signature))
    assert holds(public, said, bytes(signature))
    signature[bit // 8] ^= 1 << bit % 8
    assert not plainly(public, said, bytes(signature))
    assert not holds(public, said, bytes(signature))
