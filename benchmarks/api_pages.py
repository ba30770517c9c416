"""How long a page of a list takes, over HTTP, in a store of a million results and ten thousand alerts.

    python benchmarks/api_pages.py [--results 1000000] [--alerts 10000] [--asks 50] [--json api_pages.json]

The store is that of `benchmarks/gate_ask.py`. Each list is asked for its first page, for one in the middle and, where
it has filters, by those; a page has 50 rows, and one of 500. It fails where a page takes 300 ms.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from entering import everybody
from gate_ask import fill, timed
from lab import Lab, rung
from pushing import serving, web

from checkpoints_db.records.access import Role

LIMIT = 300.0
"""Milliseconds."""


def measure(root: Path, results: int, alerts: int, asks: int) -> dict[str, Any]:
    """Fill, then ask for pages."""
    lab = Lab(root / "lab")
    lab.baseline([row for i in range(6) for row in rung(i)])
    with lab.store() as store:
        fill(store, lab, results, alerts, 25)
        count, head = store._tables.count("results"), store.ledger.head[0]
        opened = store.listing.alerts({}, None, alerts // 2)[-1][0]
    shown = everybody(web(lab))[Role.auditor]
    pages = {
        "results": "results",
        "results, 500 a page": "results?limit=500",
        "results, in the middle": f"results?before={head // 2}",
        "results of a family": "results?family=lab",
        "results of a run": "results?family=lab&run=old7",
        "results of a task": f"results?task=task3&before={head // 2}",
        "results of nobody": "results?family=nobody",
        "alerts": "alerts",
        "alerts, in the middle": f"alerts?before={quote(opened)}",
        "alerts, by state": "alerts?state=closed",
        "forecasts": "forecasts",
        "verdicts": "verdicts",
        "gates": "gates",
        "ledger": f"ledger?before={head // 2}",
        "health": "health",
    }
    with serving(lab) as client:
        client.headers.update(shown)

        def ask(path: str) -> str:
            got = client.get(f"/api/v1/{path}")
            got.raise_for_status()
            return ""

        found = {name: timed(lambda path=path: ask(path), asks) for name, path in pages.items()}  # type: ignore[misc]
    return {"results": count, "ledger rows": head, "pages": found}


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print, and fail where a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=int, default=1_000_000)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--asks", type=int, default=50)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.results, options.alerts, options.asks)
    print(f"{found['results']} results, {found['ledger rows']} ledger rows; milliseconds of a page")
    for name, told in found["pages"].items():
        print(f"  {name:24} median {told['median']:7.1f}   p95 {told['p95']:7.1f}   processor {told['processor']:7.1f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    slow = [name for name, told in found["pages"].items() if told["p95"] > LIMIT]
    sys.exit(f"slower than {LIMIT:g} ms: {', '.join(slow)}" if slow else 0)


if __name__ == "__main__":
    main()
