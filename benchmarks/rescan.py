"""How long a scan of files that are all known takes: the price of looking every few seconds.

    python benchmarks/rescan.py [--files 100000] [--json rescan.json]

It makes its own files in a temporary folder (about four kilobytes of disk for each), takes them in once, marks them as
read, and scans again. One table; with --json the same as one file.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from checkpoints_db import Store
from monitor.clock import SystemClock
from monitor.daemon.inbox import arrivals
from monitor.settings import Source

PER_FOLDER = 100
ROUNDS = 3


def make(root: Path, files: int) -> None:
    """Small files, all different, a hundred in each folder."""
    for i in range(files):
        if i % PER_FOLDER == 0:
            (root / f"run-{i // PER_FOLDER}").mkdir(parents=True)
        (root / f"run-{i // PER_FOLDER}" / f"results_{i}.json").write_text(f'{{"results": {i}}}', encoding="utf-8")


def timed(body: Callable[[], object]) -> float:
    """Seconds that `body` takes."""
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


def measure(root: Path, files: int) -> dict[str, float]:
    """Seconds of the first look and of the best of three later ones."""
    inbox, clock = root / "inbox", SystemClock()
    make(inbox, files)
    with Store.open(root / "holdpoint.db", create=True) as store:

        def scan() -> int:
            return len(arrivals(store, [Source(path=inbox)], root, clock, timedelta(0)))

        first = timed(scan)
        with store.transaction():
            read = [file.model_copy(update={"status": "read"}) for file in store.evidence.files("arrived")]
            store.evidence.put_files(read, clock.now())
        again = min(timed(scan) for _ in range(ROUNDS))
        if scan():
            raise SystemExit("a known file was taken for new; the measurement means nothing")
    return {"files": files, "first look, s": round(first, 2), "rescan, s": round(again, 2)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.files)
    for name, value in found.items():
        print(f"{name:>16} {value:>10,}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
