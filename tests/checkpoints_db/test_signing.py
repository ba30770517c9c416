"""Signatures hold for one key, purpose and body; key files that others may read are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkpoints_db.errors import BadKey
from checkpoints_db.signing import SigningKey, key_id, public_path, read_public, verified

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
BODY = {"run": "m1", "max_flop": 1e25}
KEY = SigningKey.from_seed(SEED)


def test_the_public_key_is_the_published_one() -> None:
    assert KEY.public == PUBLIC  # RFC 8032, section 7.1, test 1
    assert KEY.id == key_id(PUBLIC)


def test_holds_for_its_purpose_body_and_key() -> None:
    signature = KEY.sign("lease", BODY)
    assert verified(PUBLIC, "lease", BODY, signature)
    assert not verified(PUBLIC, "approval", BODY, signature)
    assert not verified(PUBLIC, "lease", {**BODY, "max_flop": 1.0000000000000002e25}, signature)
    assert not verified(SigningKey.new().public, "lease", BODY, signature)


@given(st.integers(0, 511))
def test_no_bit_of_a_signature_may_differ(bit: int) -> None:
    signature = bytearray(bytes.fromhex(KEY.sign("lease", BODY)))
    signature[bit // 8] ^= 1 << bit % 8
    assert not verified(PUBLIC, "lease", BODY, signature.hex())


@pytest.mark.parametrize(
    "signature", ["", "00", "g" * 128, KEY.sign("lease", BODY).upper(), KEY.sign("lease", BODY) + "\n"]
)
def test_another_spelling_is_no_signature(signature: str) -> None:
    assert not verified(PUBLIC, "lease", BODY, signature)


@pytest.mark.parametrize("public", ["", PUBLIC.upper(), PUBLIC[:-1], "ed25519:" + "ff" * 32])
def test_what_is_no_key_verifies_nothing(public: str) -> None:
    assert not verified(public, "lease", BODY, KEY.sign("lease", BODY))


def test_a_key_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "lease.key"
    key = SigningKey.new()
    key.write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.read(path).public == key.public
    assert read_public(public_path(path)) == (key.public,)
    with pytest.raises(BadKey, match="there is a key already"):
        SigningKey.new().write(path)
    assert SigningKey.read(path).id == key.id


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_one_that_others_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "lease.key"
    SigningKey.new().write(path)
    path.chmod(mode)
    with pytest.raises(BadKey, match="chmod 600"):
        SigningKey.read(path)


def test_what_is_no_key_file_is_refused_without_repeating_it(tmp_path: Path) -> None:
    path = tmp_path / "lease.key"
    path.write_text("hunter2")
    path.chmod(0o600)
    with pytest.raises(BadKey, match="no private key") as caught:
        SigningKey.read(path)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(BadKey, match="keys new"):
        SigningKey.read(tmp_path / "none.key")


def test_a_private_key_shows_only_its_name() -> None:
    assert repr(KEY) == f"SigningKey({KEY.id})"
    assert SEED.hex() not in f"{vars(KEY)}"


def test_a_public_file_may_hold_two_keys(tmp_path: Path) -> None:
    path, other = tmp_path / "trusted.pub", SigningKey.new().public
    path.write_text(f"# old and new\n{PUBLIC}\n\n{other}  # since May\n")
    assert read_public(path) == (PUBLIC, other)
    path.write_text(f"{PUBLIC}\nrubbish\n")
    with pytest.raises(BadKey, match="no public key"):
        read_public(path)
    path.write_text("# nothing\n")
    with pytest.raises(BadKey, match="no public key"):
        read_public(path)
    with pytest.raises(BadKey, match="cannot be read"):
        read_public(tmp_path / "none.pub")
