"""A lease as it is written: one line of canonical JSON, `{"lease": {...}, "signature": "..."}`; read, or refused.

The standard library alone: this is what a training job imports. `checkpoints_db/records/lease.py` writes what is read
here.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from monitor.adapters.ed25519 import holds

LARGEST = 4 << 20
"""Bytes of a lease; whatever is larger is none."""
MODES = ("gate_next", "checkpoint_and_hold", "checkpoint_and_exit")
"""How a run pauses, mildest first: `gate_next` starts nothing new and lets what runs go on."""


class Why(StrEnum):
    """What a guard found. Everything but `ok` means: do not start; and under a mode that says so, stop."""

    ok = "ok"
    absent = "absent"  # there is no lease
    unreachable = "unreachable"  # the server, or the file system, gave no answer
    truncated = "truncated"  # the document ends early
    malformed = "malformed"  # it is no lease, or not spelled as one
    wrong_key = "wrong_key"  # signed by a key that is not trusted here
    forged = "forged"  # the signature is not that of the key it names
    wrong_run = "wrong_run"  # a lease, of another run
    replayed = "replayed"  # an older lease than one that was seen
    future = "future"  # it is not valid yet
    expired = "expired"
    revoked = "revoked"
    flop_bound = "flop_bound"  # the training FLOP reached what the lease allows
    step_bound = "step_bound"  # so did the step
    unmeasured = "unmeasured"  # the lease is bounded by what the job does not tell
    forgetful = "forgetful"  # what was seen cannot be read or kept, so a replay could not be told


class Refused(Exception):
    """A document that is not believed, and why."""

    def __init__(self, why: Why, sentence: str) -> None:
        super().__init__(sentence)
        self.why, self.sentence = why, sentence


@dataclass(frozen=True)
class Lease:
    """A lease whose signature holds. Times are seconds since 1970."""

    family: str
    run: str
    seq: int
    not_before: float
    expires_at: float
    max_flop: float
    max_step: int | None
    pause_mode: str
    revoked: bool
    break_glass: bool
    policy_sha256: str
    evidence_root: str
    key_id: str
    sha256: str
    """Digest of the whole document."""
    body: dict[str, Any]
    """Everything the lease says."""

    @property
    def life(self) -> float:
        """Seconds from the first moment to the last; none is shorter than a second."""
        return max(self.expires_at - self.not_before, 1.0)


KEYS: dict[str, tuple[type, ...]] = {
    "version": (int,),
    "family": (str,),
    "run": (str,),
    "gate": (str,),
    "seq": (int,),
    "not_before": (str,),
    "expires_at": (str,),
    "max_flop": (float,),
    "max_step": (int, type(None)),
    "answer": (str,),
    "decision": (str,),
    "policy_sha256": (str,),
    "forecast_ids": (list,),
    "evidence_root": (str,),
    "pause_mode": (str,),
    "revoked": (bool,),
    "break_glass": (str,),
    "key_id": (str,),
}
"""Every key of a lease and what it may be; others are refused."""


def canonical(value: Any) -> str:
    """The one spelling of a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def public_keys(text: str) -> dict[str, bytes]:
    """The trusted keys of a file by their names: one `ed25519:` and 64 hexadecimal characters on a line.

    Raises ValueError where a line is none, or there is no line.
    """
    keys = {}
    for line in text.splitlines():
        spelled = line.partition("#")[0].strip()
        if not spelled:
            continue
        match = re.fullmatch(r"ed25519:([0-9a-f]{64})", spelled)
        if match is None:
            raise ValueError(
                f"{spelled[:20]!r}... is no public key; a line is `ed25519:` and 64 hexadecimal characters"
            )
        raw = bytes.fromhex(match[1])
        keys[hashlib.sha256(raw).hexdigest()[:16]] = raw
    if not keys:
        raise ValueError("no public key; take the file that `holdpoint keys show --trusted` prints")
    return keys


def trusted(keys: str | Path | Iterable[str]) -> dict[str, bytes]:
    """The trusted keys: of a file (a path, or text that begins with no `ed25519:`), or as they are spelled.

    Raises ValueError or OSError.
    """
    if isinstance(keys, str) and keys.startswith("ed25519:"):
        return public_keys(keys)
    if isinstance(keys, str | Path):
        return public_keys(Path(keys).read_text("utf-8"))
    return public_keys("\n".join(keys))


def read(text: bytes, keys: dict[str, bytes]) -> Lease:
    """The lease of a document that one of the `keys` signed. Raises Refused; nothing of it was believed then."""
    document = _parsed(text)
    body, signature = document["lease"], document["signature"]
    key = keys.get(body["key_id"])
    if key is None:
        names = ", ".join(sorted(keys))
        raise Refused(Why.wrong_key, f"signed by key {body['key_id']!r}, and trusted here are: {names}")
    message = f"holdpoint:lease:{canonical(body)}".encode("utf-8", "surrogatepass")
    if not holds(key, message, bytes.fromhex(signature)):
        raise Refused(Why.forged, f"the signature is not that of key {body['key_id']}")
    return _lease(body, hashlib.sha256(text).hexdigest())


def _parsed(text: bytes) -> dict[str, Any]:
    if len(text) > LARGEST:
        raise Refused(Why.malformed, f"larger than {LARGEST} bytes")
    if not text.endswith(b"}\n"):
        raise Refused(Why.truncated, "the document ends early")
    try:
        document = json.loads(text.decode("utf-8"))
        spelled = (canonical(document) + "\n").encode()
    except (ValueError, RecursionError):
        raise Refused(Why.malformed, "no JSON") from None
    if spelled != text:
        raise Refused(Why.malformed, "not spelled as it is signed (canonical JSON and a line end)")
    if not (isinstance(document, dict) and set(document) == {"lease", "signature"}):
        raise Refused(Why.malformed, "a lease and its signature are wanted")
    if not (isinstance(document["signature"], str) and re.fullmatch(r"[0-9a-f]{128}", document["signature"])):
        raise Refused(Why.malformed, "the signature is not 128 hexadecimal characters")
    _check(document["lease"])
    return document


def _check(body: Any) -> None:
    if not (isinstance(body, dict) and set(body) == set(KEYS)):
        raise Refused(Why.malformed, "keys are missing, or there are others")
    for name, kinds in KEYS.items():
        if type(body[name]) not in kinds:
            raise Refused(Why.malformed, f"{name} is of another type")
    sound = (
        body["version"] == 1
        and body["seq"] > 0
        and (body["max_step"] is None or body["max_step"] >= 0)
        and math.isfinite(body["max_flop"])
        and body["max_flop"] >= 0
        and body["pause_mode"] in MODES
    )
    if not sound:
        raise Refused(Why.malformed, "a value is outside what a lease may say (or a newer holdpoint wrote it)")


def _moment(text: str) -> float:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return at.timestamp()


def _lease(body: dict[str, Any], sha256: str) -> Lease:
    try:
        begins, ends = (_moment(body[name]) for name in ("not_before", "expires_at"))
    except (ValueError, OverflowError):
        raise Refused(Why.malformed, "a time is none") from None
    return Lease(
        family=body["family"],
        run=body["run"],
        seq=body["seq"],
        not_before=begins,
        expires_at=ends,
        max_flop=float(body["max_flop"]),
        max_step=body["max_step"],
        pause_mode=body["pause_mode"],
        revoked=body["revoked"],
        break_glass=bool(body["break_glass"]),
        policy_sha256=body["policy_sha256"],
        evidence_root=body["evidence_root"],
        key_id=body["key_id"],
        sha256=sha256,
        body=body,
    )
