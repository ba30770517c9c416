"""kill -9 at two hundred random moments of a busy cycle: nothing lost, nothing doubled, no GO without a reason.

    python benchmarks/crash.py [--kills 200] [--seed 0] [--json crash.json]

Before some kills news arrives: a run on trend, or one with a break. A child of this process (forked, so that it begins
at once) runs the daemon's whole cycle and is killed somewhere in it. In between the ledger is verified, and every gate
that says GO must rest on a decision in the ledger that says so, of a run on trend. At the end a cycle runs through, and
the store is compared with what was written: results, verdicts, alerts, messages, and every table with the ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from lab import WOBBLE, Lab, rung

from checkpoints_db.rebuild import rebuild
from checkpoints_db.records import Answer
from monitor.clock import SystemClock
from monitor.daemon.service import Service


def news(lab: Lab, n: int, *, broken: bool) -> None:
    """A run at the end of the ladder: as the trend has it, or far beyond."""
    flop = 1e18 * 4.0 ** (6 + 1e-4 * n)
    trend = 1.2 + 1.5 * (flop / 1e18) ** -0.12 + WOBBLE[n % len(WOBBLE)]
    lab.arrive(rung(6, loss=1.0 if broken else trend, run=f"n{n}", flop=flop), f"n{n}.csv")


def killed(lab: Lab, after: float) -> bool:
    """Run a cycle in a process of its own and kill it after so many seconds; whether it was still at work."""
    child = os.fork()
    if child == 0:
        try:
            Service(lab.settings, lab.clock).once()
        finally:
            os._exit(0)
    time.sleep(after)
    ended, _ = os.waitpid(child, os.WNOHANG)
    if ended:
        return False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def baseless(lab: Lab, broken: dict[str, bool]) -> list[str]:
    """Gates that say GO and should not, while nothing is finished."""
    found = []
    with lab.store() as store:
        store.ledger.verify()
        decisions = {d.run: d for d in store.judgements.decisions()}
    for run, bad in broken.items():
        if lab.ask(f"lab/{run}").answer in (Answer.GO, Answer.WARN):
            decision = decisions.get(run)
            if bad or decision is None or decision.answer not in (Answer.GO, Answer.WARN):
                found.append(f"{run} went on: broken {bad}, decided {decision and decision.answer}")
    return found


def wrong(lab: Lab, broken: dict[str, bool], out: Path) -> list[str]:
    """Every way in which the store is not what was written."""
    with lab.store() as store:
        found = [str(one) for one in rebuild(store, out)]
        results = Counter((s.result.checkpoint.run, s.result.metric.name) for s in store.evidence.results())
        told = Counter(
            entry.text for entry in store.ledger.entries() if entry.kind in ("result", "verdict", "decision")
        )
        verdicts = Counter(v.result for _, v in store.judgements.verdicts())
        alerts = Counter((a.run, a.rule) for a in store.actions.alerts())
        owed = {o.message.id: o.sent_at for o in store.outbox.all()}
    expected = Counter((run, metric) for run in [*(f"s{i}" for i in range(6)), *broken] for metric in ("nll", "acc"))
    found += [f"results: {one}" for one in (results - expected) + (expected - results)]
    found += [f"written twice: {text[:80]}" for text, times in told.items() if times > 1]
    found += [f"judged {times} times: {one}" for one, times in verdicts.items() if times > 1]
    found += [f"not judged: {2 * len(broken) - len(verdicts)} results"] if len(verdicts) != 2 * len(broken) else []
    for run in [run for run, bad in broken.items() if bad]:
        found += [] if run in {told for told, _ in alerts} else [f"no alert: {run}"]
        found += [f"{run} goes on"] if lab.ask(f"lab/{run}").exit_code == 0 else []
    found += [f"two alerts: {one}" for one, times in alerts.items() if times > 1]
    delivered = lab.root / "alerts.jsonl"
    lines = delivered.read_text(encoding="utf-8").splitlines() if owed else []
    sent = {json.loads(line)["id"] for line in lines}
    found += [f"not sent: {name[:12]}" for name, at in owed.items() if not at]
    found += [f"sent and not owed: {name[:12]}" for name in sent - owed.keys()]
    return found


def measure(root: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill, look, kill again; then run through and compare."""
    draw, lab = np.random.default_rng(seed), Lab(root / "lab")
    lab.baseline([row for i in range(6) for row in rung(i)])
    lab.clock = SystemClock()  # type: ignore[assignment]
    began = time.monotonic()
    Service(lab.settings, lab.clock).once()
    whole = time.monotonic() - began
    broken: dict[str, bool] = {}
    found: list[str] = []
    done = tried = 0
    while done < kills:
        if tried % 4 == 0:
            broken[f"n{len(broken)}"] = bool(draw.random() < 0.3)
            news(lab, len(broken) - 1, broken=broken[f"n{len(broken) - 1}"])
        tried += 1
        done += killed(lab, draw.uniform(0, 1.6 * whole + 0.4))
        if tried % 5 == 0:
            found += baseless(lab, broken)
    found += baseless(lab, broken)
    if not Service(lab.settings, lab.clock).once():
        found.append("the last cycle failed")
    found += wrong(lab, broken, root / "rebuilt.db")
    seconds = round(time.monotonic() - began)
    return {"kills": done, "cycles begun": tried, "runs": len(broken), "seconds": seconds, "wrong": found}


def report(found: dict[str, Any], file: Path | None) -> None:
    """Print what was found, write it where asked, and exit with what is wrong."""
    for name, value in found.items():
        print(f"{name:>14} {len(value) if isinstance(value, list) else value:>8,}")
    if file:
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if found["wrong"]:
        raise SystemExit("\n".join(found["wrong"][:40]))


def main() -> None:
    """Measure, print, and fail where anything was lost, doubled or let through."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.kills, options.seed)
    report(found, options.json)


if __name__ == "__main__":
    main()
