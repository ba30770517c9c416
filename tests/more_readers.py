"""The readers that settings can add, beside our own: the one of the example package, and columns that are declared."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from acme import acme_from

from checkpoints_db import readers
from checkpoints_db.readers import Reader, Readout
from checkpoints_db.readers.columns import columns_of
from checkpoints_db.readers.mapped import Mapped

COLUMNS = Path(__file__).parent / "data" / "columns.toml"
with TemporaryDirectory() as site:
    MORE: tuple[Reader, ...] = (*acme_from(Path(site)), Mapped(columns_of(COLUMNS)))


def read(path: Path) -> Readout:
    """By one of ours or of these."""
    return readers.read(path, MORE)
