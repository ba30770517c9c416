"""The keys that sign leases: a private one, the one that comes after it, and the list of public ones that are trusted.

A rotation has three steps, so that no job ever sees a lease by a key it does not know: the next key is made and trusted
beside the old one (`stage`), then it signs (`finish`), and when no lease of the old one lives it is no longer trusted
(`retire`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from checkpoints_db.errors import BadKey
from checkpoints_db.records import Record
from checkpoints_db.signing import SigningKey, key_id, public_path, read_public


class KnownKey(Record):
    """One public key: its name, itself, and what it is for."""

    id: str
    public: str
    signs: bool
    """Whether leases are signed with it now."""
    next: bool
    """Whether they will be after the rotation that is under way."""


class Keys:
    """The key files around the private key at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.next_path = path.with_name(path.name + ".next")
        self.trusted_path = path.with_name("trusted.pub")

    def new(self) -> SigningKey:
        """Make the first key, and trust it. Raises BadKey where there is one."""
        key = SigningKey.new()
        key.write(self.path)
        self._trust((*self._trusted(), key.public))
        return key

    def stage(self) -> SigningKey:
        """Make the next key and trust it too; the old one still signs. Raises BadKey where one waits already."""
        SigningKey.read(self.path)
        key = SigningKey.new()
        key.write(self.next_path)
        self._trust((*self.trusted(), key.public))
        return key

    def finish(self) -> SigningKey:
        """Sign with the next key from now on; the old private key is gone, and still trusted. Raises BadKey."""
        if not self.next_path.exists():
            raise BadKey(str(self.next_path), "no key waits; begin with `holdpoint keys rotate`")
        key = SigningKey.read(self.next_path)
        try:
            public_path(self.next_path).replace(public_path(self.path))
            self.next_path.replace(self.path)
        except OSError as error:
            raise BadKey(str(self.path), f"cannot be replaced: {error.strerror or error}") from error
        return key

    def retire(self, name: str) -> str:
        """Trust the key of this name (or its first characters) no longer. Raises BadKey if it signs or is unknown."""
        found = [known for known in self.known() if name and known.id.startswith(name)]
        if len(found) != 1:
            names = ", ".join(known.id for known in self.known())
            raise BadKey(str(self.trusted_path), f"no key {name!r}, or several; trusted are: {names}")
        if found[0].signs or found[0].next:
            raise BadKey(str(self.trusted_path), f"key {found[0].id} signs; rotate first (`holdpoint keys rotate`)")
        self._trust(tuple(public for public in self.trusted() if public != found[0].public))
        return found[0].id

    def signing(self) -> SigningKey:
        """The key that signs. Raises BadKey where there is none, others may read it, or it is not trusted."""
        key = SigningKey.read(self.path)
        if key.public not in self.trusted():
            raise BadKey(str(self.trusted_path), f"key {key.id} signs and is not trusted here; add its public half")
        return key

    def trusted(self) -> tuple[str, ...]:
        """The public keys that jobs are to trust. Raises BadKey where the list cannot be read."""
        return read_public(self.trusted_path)

    def known(self) -> tuple[KnownKey, ...]:
        """Every trusted key and what it is for. Raises BadKey."""
        now, coming = (self._public(path) for path in (self.path, self.next_path))
        return tuple(
            KnownKey(id=key_id(public), public=public, signs=public == now, next=public == coming)
            for public in self.trusted()
        )

    def _public(self, private: Path) -> str:
        path = public_path(private)
        return read_public(path)[0] if path.exists() else ""

    def _trusted(self) -> tuple[str, ...]:
        return self.trusted() if self.trusted_path.exists() else ()

    def _trust(self, keys: tuple[str, ...]) -> None:
        text = "# Public keys of leases: give this file to training jobs.\n"
        text += "".join(f"{key}  # {key_id(key)}\n" for key in dict.fromkeys(keys))
        beside = self.trusted_path.with_name(self.trusted_path.name + ".tmp")
        try:
            with beside.open("w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.chmod(0o644)
            beside.replace(self.trusted_path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise BadKey(str(self.trusted_path), f"cannot be written: {error.strerror or error}") from error
