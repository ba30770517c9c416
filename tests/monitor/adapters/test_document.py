"""A lease is believed as it was signed and in no other spelling; each refusal has its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leasing import KEY, OTHER, lease, signed

from checkpoints_db.records import Lease
from checkpoints_db.records.lease import PURPOSE
from checkpoints_db.signing import SigningKey
from monitor.adapters import Refused, Why, ed25519
from monitor.adapters.document import KEYS, MODES, canonical, public_keys, read, trusted

TRUSTED = public_keys(KEY.public)
TEXT = signed(lease())


def why(text: str | bytes, keys: dict[str, bytes] = TRUSTED) -> Why:
    with pytest.raises(Refused) as caught:
        read(text if isinstance(text, bytes) else text.encode(), keys)
    assert caught.value.sentence
    return caught.value.why


def resigned(**more: Any) -> str:
    """A document that the right key signed, whatever it says."""
    body = {**lease().body(), **more}
    return canonical({"lease": body, "signature": KEY.sign(PURPOSE, body)}) + "\n"


def test_what_was_signed_is_read() -> None:
    found = read(TEXT.encode(), TRUSTED)
    assert (found.family, found.run, found.seq, found.max_flop) == ("lab", "7b", 1, 1e24)
    assert found.life == 86400
    assert found.body == lease().body()


def test_reader_and_writer_know_the_same_keys_and_modes() -> None:
    assert set(KEYS) == set(Lease.model_fields)
    assert set(Lease.model_json_schema()["properties"]["pause_mode"]["enum"]) == set(MODES)


@pytest.mark.parametrize("cut", [1, 2, 10, 300, len(TEXT)])
def test_truncated(cut: int) -> None:
    assert why(TEXT[: len(TEXT) - cut]) is Why.truncated


def test_wrong_key() -> None:
    assert why(signed(lease(key_id=OTHER.id), OTHER)) is Why.wrong_key
    assert why(TEXT, public_keys(OTHER.public)) is Why.wrong_key


def test_forged() -> None:
    assert why(signed(lease(), OTHER)) is Why.forged
    assert why(TEXT.replace('"seq":1,', '"seq":2,')) is Why.forged
    assert why(TEXT.replace("1e+24", "1e+25")) is Why.forged


def test_a_signature_for_something_else_is_none() -> None:
    body = lease().body()
    assert why(canonical({"lease": body, "signature": KEY.sign("approval", body)}) + "\n") is Why.forged


@pytest.mark.parametrize(
    "text",
    [
        b"{}\n",
        b"[]}\n",
        b"{" * 100_000 + b"}\n",
        b"\xff}\n",
        b'{"lease":1,"signature":"00"}\n',
        TEXT.replace('"seq":1', '"seq": 1').encode(),
        TEXT.replace("1e+24", "1e24").encode(),
        TEXT.replace('"seq":1', '"seq":1,"seq":1').encode(),
        (" " + TEXT).encode(),
        (TEXT[:-1] + "\r\n").encode(),
        TEXT.replace('"signature":"', '"signature":"A').encode(),
        b"x" * (5 << 20),
        TEXT.replace("1e+24", "1" + "0" * 500).encode(),
        TEXT.replace("1e+24", "NaN").encode(),
        TEXT.replace("1e+24", "1e+999").encode(),
    ],
)
def test_malformed(text: bytes) -> None:
    assert why(text) in (Why.malformed, Why.truncated)


@pytest.mark.parametrize(
    "more",
    [
        {"seq": 0},
        {"seq": True},
        {"seq": 1.0},
        {"max_flop": 10**400},
        {"max_flop": -1.0},
        {"max_step": -1},
        {"pause_mode": "go_on"},
        {"revoked": 0},
        {"expires_at": "soon"},
        {"expires_at": "2026-11-24T09:00:00"},
        {"version": 2},
        {"extra": 1},
    ],
)
def test_even_the_right_key_signs_no_nonsense(more: dict[str, Any]) -> None:
    assert why(resigned(**more)) is Why.malformed


@pytest.mark.parametrize("fast", [True, False])
def test_no_mutation_is_accepted(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ed25519, "FAST", fast)
    rng, original = np.random.default_rng(7), TEXT.encode()
    accepted, reasons = [], dict[str, int]()
    for _ in range(10_000 if fast else 200):
        text = mutated(rng, original)
        if text == original:
            continue
        try:
            accepted.append((text, read(text, TRUSTED)))
        except Refused as refused:
            reasons[refused.why] = reasons.get(refused.why, 0) + 1
    assert not accepted
    assert {Why.truncated, Why.malformed, Why.forged} <= set(reasons)


def mutated(rng: np.random.Generator, text: bytes) -> bytes:
    """A document with one to three bits, bytes, digits or stretches changed, lost, doubled or swapped."""
    made = bytearray(text)
    for _ in range(int(rng.integers(1, 4))):
        at, kind = int(rng.integers(len(made) or 1)), int(rng.integers(7))
        length = int(rng.integers(1, 40))
        if kind == 0 and made:
            made[at] ^= 1 << int(rng.integers(8))
        elif kind == 1 and made:
            made[at] = int(rng.integers(256))
        elif kind == 2:
            del made[at : at + length]
        elif kind == 3:
            made[at:at] = made[at : at + length]
        elif kind == 4:
            made[at:at] = rng.bytes(length)
        elif kind == 5:
            digits = [i for i, byte in enumerate(made) if chr(byte) in "0123456789abcdef"]
            if digits:
                made[digits[int(rng.integers(len(digits)))]] = b"0123456789abcdef"[int(rng.integers(16))]
        else:
            value = mutated_value(rng, bytes(made))
            made = bytearray(value if value is not None else made)
    return bytes(made)


def mutated_value(rng: np.random.Generator, text: bytes) -> bytes | None:
    """A sound document, spelled as it should be, in which one value says something else."""
    try:
        document = json.loads(text)
        body = document["lease"]
        name = sorted(body)[int(rng.integers(len(body)))]
        value = body[name]
        body[name] = {bool: lambda: not value, int: lambda: value + 1, float: lambda: value * 2}.get(
            type(value), lambda: f"{value}x"
        )()
        return (canonical(document) + "\n").encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def test_keys_come_from_a_file_or_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "trusted.pub"
    file.write_text(f"# two\n{KEY.public}  # old\n{OTHER.public}\n")
    assert set(trusted(file)) == set(trusted(str(file))) == {KEY.id, OTHER.id}
    assert set(trusted(KEY.public)) == set(trusted([KEY.public])) == {KEY.id}
    for text in ("", "# none\n", "rubbish\n", KEY.public[:-1]):
        with pytest.raises(ValueError, match="public key"):
            public_keys(text)


def test_a_fresh_key_is_as_good() -> None:
    key = SigningKey.new()
    assert read(signed(lease(key_id=key.id), key).encode(), public_keys(key.public)).key_id == key.id
