"""Which question a row of a samples file of lm-eval asks, as 64 bits: the same at every rung, whatever its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checkpoints_db.items import identity_of
from checkpoints_db.readers.lm_eval_rows import Row

HASHES = ("doc_hash", "prompt_hash", "target_hash")
TYPED: dict[str, Any] = dict.fromkeys(HASHES, str)
"""Fields that tell, and their types where rows are decoded fast."""
_DIGITS = 16
_HASHED = np.uint64(2**64 - 2)
"""Clears the lowest bit, which marks identities that no hash of the harness is behind."""
Identities = NDArray[np.uint64]


def identities_of(rows: Sequence[Any]) -> tuple[Identities, Identities]:
    """Documents and texts of rows of one shape: of the harness's own hashes; without them of number and target."""
    first = rows[0]
    if first.doc_hash is None:
        documents = np.array([identity_of(row.doc_id, row.target) | 1 for row in rows], dtype=np.uint64)
    else:
        documents = hashed([row.doc_hash for row in rows]) & _HASHED
    if first.prompt_hash is None or first.target_hash is None:
        return documents, documents
    return documents, _both(hashed([row.prompt_hash for row in rows]), hashed([row.target_hash for row in rows]))


def identity_of_row(row: Row) -> tuple[int, int]:
    """The same of a row that was read strictly."""
    doc, prompt, target = (row.body.get(name) for name in HASHES)
    numbered = identity_of(row.doc_id, row.body.get("target")) | 1
    document = int(hashed([doc])[0] & _HASHED) if isinstance(doc, str) else numbered
    if not isinstance(prompt, str) or not isinstance(target, str):
        return document, document
    return document, int(_both(hashed([prompt]), hashed([target]))[0])


def hashed(texts: Sequence[str]) -> Identities:
    """The last 64 bits of each hash in hexadecimal digits; of any other text a hash of it.

    >>> hashed(["ff00000000000000000a", "x"])[0]
    np.uint64(10)
    """
    sizes, whole = set(map(len, texts)), "".join(texts)
    if len(sizes) == 1 and whole.isascii() and (size := min(sizes)) >= _DIGITS:
        letters = np.frombuffer(whole.encode(), dtype=np.uint8).reshape(-1, size)
        try:
            raw = bytes.fromhex(letters[:, size - _DIGITS :].tobytes().decode())
        except ValueError:
            raw = b""
        if len(raw) == 8 * len(texts):  # white space would be passed over
            return np.frombuffer(raw, ">u8").astype(np.uint64)
    if len(texts) == 1:
        return np.array([identity_of(texts[0])], dtype=np.uint64)
    return np.concatenate([hashed([text]) for text in texts])


def _both(prompts: Identities, targets: Identities) -> Identities:
    found: Identities = prompts ^ ((targets << np.uint64(1)) | (targets >> np.uint64(63)))
    return found
