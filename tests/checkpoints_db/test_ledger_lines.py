"""The ledger as lines: each line is what was hashed, and the first that does not hold is named."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from checkpoints_db import Store
from checkpoints_db.errors import LedgerBroken
from checkpoints_db.ledger_lines import entries_of, line_of

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def lines(store: Store) -> list[bytes]:
    """Five rows, with what JSON finds hard to spell."""
    bodies = [{"a": 1}, ["é\n\u2028", None], "text", 1.5, {"z": True, "b": [0.1]}]
    with store.transaction():
        for i, body in enumerate(bodies):
            store.ledger.append("note", f"n{i}", body, AT)
    return [line_of(entry) for entry in store.ledger.entries()]


def test_rows_read_back_as_they_were(store: Store, lines: list[bytes]) -> None:
    assert list(entries_of(lines)) == list(entries_of(line + b"\n" for line in lines)) == list(store.ledger.entries())
    assert not any(b"\n" in line for line in lines)


def test_the_digest_of_a_line_is_what_the_next_one_names(store: Store, lines: list[bytes]) -> None:
    digests = [hashlib.sha256(line).hexdigest() for line in lines]
    for digest, after in zip(digests, lines[1:], strict=False):
        assert after.endswith(f'"{digest}"]'.encode())
    assert store.ledger.head == (5, digests[-1])


@pytest.mark.parametrize(
    ("touch", "row"),
    [
        (lambda rows: rows.pop(0), 1),
        (lambda rows: rows.pop(2), 3),
        (lambda rows: rows.insert(3, rows[2]), 4),
        (lambda rows: rows.__setitem__(1, rows[1].replace(b"n1", b"n2")), 3),  # row 3 names another digest
        (lambda rows: rows.__setitem__(1, rows[1] + b" "), 2),
        (lambda rows: rows.__setitem__(1, rows[1].replace(b".000000", b"")), 2),
        (lambda rows: rows.__setitem__(4, b"[1,2]"), 5),
        (lambda rows: rows.__setitem__(4, b"\xff"), 5),
    ],
)
def test_the_first_row_that_does_not_hold_is_named(lines: list[bytes], touch: object, row: int) -> None:
    touch(lines)  # type: ignore[operator]
    with pytest.raises(LedgerBroken) as told:
        list(entries_of(lines))
    assert told.value.seq == row
