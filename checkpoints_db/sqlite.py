"""sqlite-utils without the frames it can take in: where pandas is installed it imports it, which takes longer than any
answer of ours, and no row of a store ever was one."""

from __future__ import annotations

import sys

_known = sys.modules.get("pandas")
sys.modules["pandas"] = _known  # type: ignore[assignment]  # None: as if it were not installed
try:
    from sqlite_utils import Database, Migrations
finally:
    if _known is None:
        del sys.modules["pandas"]

__all__ = ["Database", "Migrations"]
