"""Signatures: ed25519 over the canonical JSON of a body, and the files that keep the keys.

What is signed is `holdpoint:PURPOSE:` and then the JSON, so that a signature given for one purpose is none for another.
Pure but for the key files. Private keys are never printed, logged or stored.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from checkpoints_db.errors import BadKey
from checkpoints_db.records.base import canonical

PREFIX = "ed25519:"
"""How a public key begins where it is written down; 64 hexadecimal characters follow."""
LARGEST = 4096
"""Bytes of a key file; a larger one is none."""

_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_PUBLIC = re.compile(PREFIX + r"[0-9a-f]{64}")


def is_public_key(text: str) -> bool:
    """Whether this is how a public key is written down.

    >>> is_public_key("ed25519:" + "0" * 64), is_public_key("ed25519:" + "0" * 63)
    (True, False)
    """
    return _PUBLIC.fullmatch(text) is not None


def key_id(public: str) -> str:
    """The name of a public key: the first sixteen hexadecimal characters of the SHA-256 of its 32 bytes.

    >>> key_id("ed25519:" + "00" * 32)
    '66687aadf862bd77'
    """
    return hashlib.sha256(_bytes_of(public)).hexdigest()[:16]


def message_of(purpose: str, body: Any) -> bytes:
    """The very bytes that are signed.

    >>> message_of("lease", {"b": 1, "a": 2})
    b'holdpoint:lease:{"a":2,"b":1}'
    """
    return f"holdpoint:{purpose}:{canonical(body)}".encode("utf-8", "surrogatepass")


def verified(public: str, purpose: str, body: Any, signature: str) -> bool:
    """Whether `signature` was given for this purpose and body by the holder of `public`; false for whatever is no key
    or no signature."""
    if not _PUBLIC.fullmatch(public) or not _SIGNATURE.fullmatch(signature):
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(_bytes_of(public))
        key.verify(bytes.fromhex(signature), message_of(purpose, body))
    except (InvalidSignature, ValueError):
        return False
    return True


class SigningKey:
    """A private key: signs, and tells nobody what it is."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = PREFIX + raw.hex()
        """The public key, as it is written down."""
        self.id = key_id(self.public)
        """Its name."""

    def __repr__(self) -> str:
        return f"SigningKey({self.id})"

    @classmethod
    def new(cls) -> SigningKey:
        """A fresh key, from the random source of the operating system."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of 32 bytes, for tests with published vectors. Raises ValueError for another length."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, purpose: str, body: Any) -> str:
        """The signature over `body` for one purpose, as 128 hexadecimal characters."""
        return self._private.sign(message_of(purpose, body)).hex()

    def write(self, path: Path) -> None:
        """Keep the key in a new file that only its owner may read (0600), and its public half beside it (`.pub`).

        Raises BadKey where a file is there already, or the folder cannot be written.
        """
        pem = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_new(path, pem, 0o600)
            _write_new(public_path(path), f"{self.public}\n".encode(), 0o644)
        except FileExistsError as error:
            raise BadKey(str(error.filename), "there is a key already; rotate it, or name another file") from error
        except OSError as error:
            raise BadKey(str(path), f"cannot be written: {error.strerror or error}") from error

    @classmethod
    def read(cls, path: Path) -> SigningKey:
        """The private key of a file. Raises BadKey where there is none, or others than its owner may read it."""
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if not stat.S_ISREG(mode) or mode & 0o077:
                    why = f"others than its owner may read it (mode {stat.S_IMODE(mode):04o}); `chmod 600` it, and"
                    raise BadKey(str(path), why + " rotate it if anybody could have seen it")
                text = file.read(LARGEST)
        except OSError as error:
            why = f"cannot be read: {error.strerror or error}; make a key with `holdpoint keys new`"
            raise BadKey(str(path), why) from error
        try:
            private = serialization.load_pem_private_key(text, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # The library's words may repeat what stands in the file.
            raise BadKey(str(path), "is no private key in PEM; make one with `holdpoint keys new`") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise BadKey(str(path), "is a key of another kind; holdpoint signs with ed25519 (`holdpoint keys new`)")
        return cls(private)


def public_path(private: Path) -> Path:
    """Where the public half of a private key file lies.

    >>> public_path(Path("keys/lease.key")).as_posix()
    'keys/lease.key.pub'
    """
    return private.with_name(private.name + ".pub")


def read_public(path: Path) -> tuple[str, ...]:
    """The public keys of a file, one on a line; empty lines and `#` comments count for nothing. Raises BadKey."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        raise BadKey(str(path), f"cannot be read: {error.strerror or error}") from error
    if len(text) > LARGEST:
        raise BadKey(str(path), f"is larger than {LARGEST} bytes; a key file has one `{PREFIX}...` on a line")
    lines = [line.partition("#")[0].strip() for line in text.decode("utf-8", "replace").splitlines()]
    keys = tuple(line for line in lines if line)
    for key in keys:
        if not _PUBLIC.fullmatch(key):
            raise BadKey(str(path), f"a line is no public key; write `{PREFIX}` and 64 hexadecimal characters")
    if not keys:
        raise BadKey(str(path), "holds no public key")
    return keys


def _bytes_of(public: str) -> bytes:
    return bytes.fromhex(public.removeprefix(PREFIX))


def _write_new(path: Path, text: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
