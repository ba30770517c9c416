"""What each question's likelihood and answer were: one compact, frozen record for each task of a per-sample log.

Plain arrays, one entry a document, packed as bytes with a small header: `hpitems1`, the length of the header, the
header (JSON: number of entries, columns), hashes as they are, and the other columns one after another, deflated. A
column that a log cannot give is left out. Documents are known by 64 bits of a hash, never by a place in a file, so that
the same question is found again at every rung.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ConfigDict

from checkpoints_db.records import Record
from checkpoints_db.records.evidence import Name

MOST = 200_000
"""Documents of one log that are kept; of more a sample, the same documents at every rung."""
SEED = 0x9E3779B97F4A7C15
"""Seed of that sample: documents are drawn by the hash of their identity and this number."""
MAGIC = b"hpitems1"
_HASHES = ("document", "text")
"""Columns that no compression makes smaller: they stand first, as they are."""
UNKNOWN = -1
"""In place of right or wrong, or of a length, that the log does not give."""

_TYPES: dict[str, str] = {
    "document": "<u8",
    "text": "<u8",
    "doc_id": "<i8",
    "ll": "<f4",
    "log_share": "<f4",
    "margin": "<f4",
    "right": "|i1",
    "right_norm": "|i1",
    "length": "<i4",
}
_DEFAULT: dict[str, float] = {
    **dict.fromkeys(("ll", "log_share", "margin"), np.nan),
    **dict.fromkeys(("right", "right_norm", "length"), UNKNOWN),
}


@dataclass(frozen=True, eq=False)
class Items:
    """The documents of one task as one checkpoint answered them; every array has shape (n,)."""

    document: NDArray[np.uint64]
    """64 bits of the identity of the document: of the harness's hash, the lowest bit clear; else of its number and
    target, the lowest bit set. The two are never compared."""
    text: NDArray[np.uint64]
    """64 bits of what was asked and its answer; that of the document where the log does not hash them."""
    doc_id: NDArray[np.int64]
    """Number of the document in the harness's own order; the place in the log where that has no numbers."""
    ll: NDArray[np.float32]
    """Log-likelihood of the right answer, nats; NaN where the log has none."""
    log_share: NDArray[np.float32]
    """Of choices: log of the share of the right one in the probability of all; NaN elsewhere, and for several."""
    margin: NDArray[np.float32]
    """Of choices: nats a character by which the right one leads its best rival; NaN elsewhere."""
    right: NDArray[np.int8]
    """1 where the thresholded metric counts the document as right, 0 where not, UNKNOWN where nobody says."""
    right_norm: NDArray[np.int8]
    """The same with likelihoods divided by characters (`acc_norm`)."""
    length: NDArray[np.int32]
    """Characters (of Inspect tokens) of the right answer; UNKNOWN where the log does not tell."""
    asked: int = 0
    """Documents of the log; more than are kept where it was sampled."""

    @classmethod
    def of(cls, document: ArrayLike, doc_id: ArrayLike, **columns: ArrayLike) -> Items:
        """From columns of equal length; those left out are unknown. Keeps a seeded sample of at most MOST."""
        given = {"document": np.asarray(document), "doc_id": np.asarray(doc_id)}
        given |= {name: np.asarray(values) for name, values in columns.items()}
        n = given["document"].size
        if any(each.shape != (n,) for each in given.values()):
            raise ValueError("the columns of items have one entry a document each")
        if n > MOST:
            lots = lot_of(given["document"].astype(np.uint64, copy=False))
            kept = np.sort(np.argpartition(lots, MOST)[:MOST])
            given = {name: each[kept] for name, each in given.items()}
        arrays = {name: each.astype(_TYPES[name], copy=False) for name, each in given.items()}
        return cls(**_filled(arrays), asked=n)

    def __len__(self) -> int:
        return int(self.document.size)

    @property
    def sampled(self) -> bool:
        """Whether only a part of the documents is kept."""
        return len(self) < self.asked

    def packed(self) -> bytes:
        """As bytes; columns of which nothing is known are left out."""
        columns = {name: getattr(self, name) for name in _TYPES if _tells(self, name)}
        head = {"n": len(self), "asked": self.asked, "columns": list(columns)}
        header = json.dumps(head, separators=(",", ":")).encode()
        deflate = zlib.compressobj(1)
        hashes = [columns.pop(name).tobytes() for name in _HASHES if name in columns]
        parts = [deflate.compress(each.tobytes()) for each in columns.values()]
        return b"".join([MAGIC, len(header).to_bytes(4, "little"), header, *hashes, *parts, deflate.flush()])

    @classmethod
    def unpacked(cls, data: bytes) -> Items:
        """From what `packed` gave. Raises ValueError where it is anything else."""
        size = int.from_bytes(data[8:12], "little")
        if data[:8] != MAGIC or size > 4096:
            raise ValueError("no items")
        head = json.loads(data[12 : 12 + size])
        n, asked, names = head["n"], head["asked"], head["columns"]
        if not (isinstance(n, int) and isinstance(asked, int) and 0 <= n <= MOST and n <= asked):
            raise ValueError(f"{n} of {asked} items")
        if len(set(names)) != len(names) or not {"document", "doc_id"} <= set(names) <= set(_TYPES):
            raise ValueError(f"columns {names}")
        types = {name: np.dtype(_TYPES[name]) for name in names}
        plain = 12 + size + 8 * n * sum(name in types for name in _HASHES)
        rest = n * sum(kind.itemsize for name, kind in types.items() if name not in _HASHES)
        whole, arrays, place = data[12 + size : plain] + _inflated(data[plain:], rest), {}, 0
        for name in sorted(names, key=lambda name: name not in _HASHES):
            arrays[name] = np.frombuffer(whole, types[name], n, place)
            place += n * types[name].itemsize
        return cls(**_filled(arrays), asked=asked)


class ItemLog(Record):
    """The items of one task in one log, before they are in the store."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    task: Name
    conditions: str = ""
    data: bytes
    """As `Items.packed` gives them."""

    @property
    def data_digest(self) -> str:
        """SHA-256 of the arrays."""
        return hashlib.sha256(self.data).hexdigest()


def lot_of(document: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A number for each document that says nothing about it: the finaliser of splitmix64 (Steele et al. 2014).

    Those with the smallest lots are the sample of a log that is too large, so samples of two rungs have the same
    documents.
    """
    with np.errstate(over="ignore"):
        z = document + np.uint64(SEED)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed


def identity_of(*parts: object) -> int:
    """64 bits of a hash of some texts and numbers.

    >>> identity_of(0, "a") == identity_of(0, "a"), identity_of(0, "a") == identity_of("0a")
    (True, False)
    """
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def of_number(document: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether identities are of number and target, for want of a hash of the harness: their lowest bit is set."""
    marked: NDArray[np.bool_] = (document & np.uint64(1)) == 1
    return marked


def _filled(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    n = arrays["document"].size
    absent = {name: np.full(n, value, _TYPES[name]) for name, value in _DEFAULT.items() if name not in arrays}
    return {"text": arrays["document"], **absent, **arrays}


def _tells(items: Items, name: str) -> bool:
    column = getattr(items, name)
    if name == "text":
        return not np.array_equal(column, items.document)
    if name not in _DEFAULT:
        return True
    return bool(np.any(~np.isnan(column) if column.dtype.kind == "f" else column != UNKNOWN))


def _inflated(data: bytes, size: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        whole = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(whole) != size or not stream.eof or stream.unused_data:
        raise ValueError(f"{len(whole)} bytes where there should be {size}")
    return whole
