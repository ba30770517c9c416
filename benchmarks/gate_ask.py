"""How long a training job waits for its gate, and Prometheus, in a store of a million results and ten thousand alerts.

    python benchmarks/gate_ask.py [--results 1000000] [--alerts 10000] [--tasks 25] [--asks 200] [--json gate_ask.json]
                                  [--keep FOLDER]

The store takes minutes to write; with --keep it stays in that folder, and is asked again the next time.

The store is that of a lab: families of fifty runs, each evaluated on the same tasks at many checkpoints, all of it
history, and one run whose newest checkpoint was judged by the daemon's own walk. It is asked in this process (policy,
catalogue and store opened each time, as `holdpoint gate ask` does) and over HTTP from a server on loopback. History is
written by the store's own builders, in bulk; what is measured goes through the public functions only.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx  # noqa: TID251 - the job that asks

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from lab import Lab, rung

from checkpoints_db import Store
from checkpoints_db.evidence_rows import Kept, result_row
from checkpoints_db.records import Alert, Answer, Checkpoint, Metric, Result, digest_of
from monitor import gate, watch
from monitor.clock import VirtualClock
from monitor.daemon import inbox
from monitor.daemon.door import Door
from monitor.faces.web.server import Server
from monitor.settings import Settings

ACC = Metric(name="acc", kind="thresholded", lower=0.0, upper=1.0)
NLL = Metric(name="nll", kind="continuous", direction="lower", lower=0.0)
RUNS, BATCH = 50, 5000
TOKEN = "a-token-of-this-benchmark"  # noqa: S105
LIMITS = {"in process": 5.0, "over HTTP": 20.0, "metrics": 100.0}
"""Milliseconds."""


def history(count: int, tasks: int) -> Iterator[Result]:
    """Results of many families, runs, checkpoints and tasks."""
    made = 0
    while True:
        per_family = RUNS * 20 * tasks * 2
        family, rest = divmod(made, per_family)
        run, rest = divmod(rest, 20 * tasks * 2)
        step, rest = divmod(rest, tasks * 2)
        task, metric = divmod(rest, 2)
        place = Checkpoint(
            family="lab" if family == 0 else f"f{family}",
            run=f"old{run}",
            model=f"m{run}",
            step=(step + 1) * 1000,
            stage=f"step {(step + 1) * 1000}",
            params=1e6 * 1.2**run,
            flop=1e16 * 1.4**run,
        )
        value = 0.3 + 0.01 * (made * 7919 % 50)
        told = {"task": f"task{task}", "metric": (ACC, NLL)[metric], "value": value, "n": 1000, "harness": "bench"}
        yield Result.model_validate({**told, "conditions": "c", "checkpoint": place, "source": "bulk"})
        made += 1
        if made == count:
            return


def fill(store: Store, lab: Lab, results: int, alerts: int, tasks: int) -> None:
    """Write the history and the alerts."""
    at = lab.clock.now()
    kept = Kept(counts=True, baseline=True, seen_at=at, seen_after=0)
    batch: list[Result] = []

    def write() -> None:
        with store.transaction():
            told = [(r.checkpoint.id, {"result": r.body(), **kept.body()}) for r in batch]
            last = store.ledger.append_all("result", told, at)
            rows = [result_row(r, kept, last - len(batch) + 1 + i) for i, r in enumerate(batch)]
            store._tables.insert_all("results", rows)
        batch.clear()

    for result in history(results, tasks):
        batch.append(result)
        if len(batch) == BATCH:
            write()
    write()
    for start in range(0, alerts, 1000):
        with store.transaction():
            for i in range(start, min(start + 1000, alerts)):
                name = digest_of(["bench", i])
                told = {"id": name[:12], "fingerprint": name, "family": f"f{i % 20}", "run": f"old{i % RUNS}"}
                state = {"rule": "break", "answer": Answer.HOLD, "state": "firing", "sentence": "an alert"}
                alert = Alert.model_validate({**told, **state, "opened_at": at, "changed_at": at})
                store.actions.put_alert(alert, "opened", "bench", at)


def suite(tasks: int, *rungs: int) -> list[dict[str, Any]]:
    """Rungs of a straight ladder on every task."""
    return [{**row, "task": f"sums{i}"} for n in rungs for i in range(tasks) for row in rung(n)]


def judged(lab: Lab, tasks: int) -> None:
    """The next rung is judged by the daemon's walk, but for the sealing at its end, which asks for every old series."""
    lab.arrive(suite(tasks, 6), "s6.csv")
    with lab.store() as store:
        rules, terms = lab.rules(), lab.settings
        files = inbox.arrivals(store, terms.source, lab.root, lab.clock, terms.daemon.settling)
        watch.take_in(store, rules, files)
        with store.transaction():
            store.note("cycle", rules.policy.digest, lab.clock.now())


def timed(ask: Callable[[], str], asks: int) -> dict[str, float]:
    """Milliseconds of each ask, after one that warms up; and of the processor alone."""
    ask()
    walls, works = [], []
    for _ in range(asks):
        wall, work = time.perf_counter(), time.process_time()
        ask()
        walls.append(1e3 * (time.perf_counter() - wall))
        works.append(1e3 * (time.process_time() - work))
    ordered = sorted(walls)
    return {
        "median": statistics.median(walls),
        "p95": ordered[int(0.95 * (len(ordered) - 1))],
        "processor": statistics.median(works),
    }


def build(root: Path, results: int, alerts: int, tasks: int) -> None:
    """Fill, and judge one rung."""
    lab = Lab(root)
    (lab.root / "token").write_text(TOKEN)
    lab.config.write_text(lab.config.read_text() + '[web]\nlisten = "127.0.0.1:0"\ntoken_file = "token"\n')
    lab.baseline(suite(tasks, *range(6)))
    with lab.store() as store:
        fill(store, lab, results, alerts, tasks)
    judged(lab, tasks)


def measure(root: Path, results: int, alerts: int, tasks: int, asks: int) -> dict[str, Any]:
    """Ask the store below `root`, which is built first where there is none."""
    began = time.monotonic()
    if not (root / "lab" / "holdpoint.db").exists():
        build(root / "lab", results, alerts, tasks)
    built, settings = time.monotonic() - began, Settings.load(root / "lab" / "holdpoint.toml")
    path = settings.at(settings.store)
    with Store.open(path) as store:
        cycle = store.fact("cycle")
    if cycle is None:
        raise SystemExit(f"{root}: the store in it was not finished; take another folder")
    clock = VirtualClock(cycle[1])
    answers = set[str]()

    def in_process() -> str:
        answers.add(str(gate.ask(settings, "lab/s6", clock).answer))
        return ""

    found = {"in process": timed(in_process, asks)}
    server = Server(Door(settings, clock))
    server.start()
    try:
        with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
            found["over HTTP"] = timed(lambda: client.get("/api/v1/gates/lab/s6").json()["answer"], asks)
            found["metrics"] = timed(lambda: client.get("/metrics").raise_for_status().text, asks)
    finally:
        server.stop()
    with Store.open(path) as store:
        rows = store._tables.count("results"), store._tables.count("alerts"), store.ledger.head[0]
    size = path.stat().st_size
    told = dict(zip(("results", "alerts", "ledger rows"), rows, strict=True))
    return {**told, "bytes": size, "built in": built, "answers": sorted(answers), **found}


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print, and fail where a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=int, default=1_000_000)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=25)
    parser.add_argument("--asks", type=int, default=200)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the store here, or take the one that is here")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options.keep or Path(folder), options.results, options.alerts, options.tasks, options.asks)
    for name, value in found.items():
        if isinstance(value, dict):
            shown = ", ".join(f"{key} {number:.2f} ms" for key, number in value.items())
            print(f"{name:>15} {shown} (bound {LIMITS[name]:g} ms)")
        else:
            print(f"{name:>15} {value}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    late = [name for name, limit in LIMITS.items() if found[name]["median"] > limit]
    if late:
        raise SystemExit(f"too slow: {', '.join(late)}")


if __name__ == "__main__":
    main()
