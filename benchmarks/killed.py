"""Thousands of results files, taken in by processes that are killed at random moments: every result exactly once.

    python benchmarks/killed.py [--files 10000] [--kills 20] [--pushes 5] [--seed 0] [--json killed.json]

What it starts is what a user starts: `holdpoint init`, `ingest --baseline` over the history, `daemon run` over the
news, `ingest -` for pushes. Half of the kills hits each of the first two, at moments spread over their work, and
every push is killed once. Then all runs to its end, and the store is compared with what was written: results by what
they are of and by what they say, files by digest, the ledger by its chain, the quarantine by what is truly damaged.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from checkpoints_db import Store
from checkpoints_db.tables import Tables

TASKS, STEPS = 10, 5
DAMAGED = 3
"""Files cut off in the middle: they belong into quarantine, and nothing else does."""
STALLED = 60
"""Seconds without a new row after which a process is killed anyway."""
CATALOGUE = """
[[family]]
name = "lab"
axis = "flop"
compare_at = "step"

[[run]]
family = "lab"
match = "lab/{run}-{size}-step{step}"
tokens_per_step = 1000000
flop = "6*params*tokens"
"""
Result = tuple[str, str, str, float]
"""Checkpoint, task, metric, value."""


class Written(NamedTuple):
    """What lies in the folders: the results, the sound files by digest, the damaged ones."""

    results: set[Result]
    sound: set[str]
    damaged: set[str]


def log_of(run: int, step: int, task: int) -> tuple[dict[str, Any], list[Result]]:
    """One results file as lm-eval writes it, and what it says."""
    size, name = 1_000_000 * (run + 1), f"task_{task}"
    right = 300 + (37 * run + 11 * step + 7 * task) % 400
    body = {
        "results": {name: {"alias": name, "acc,none": right / 1000, "acc_stderr,none": 0.015}},
        "group_subtasks": {name: []},
        "configs": {name: {"task": name, "output_type": "multiple_choice"}},
        "versions": {name: 1.0},
        "n-shot": {name: 0},
        "higher_is_better": {name: {"acc": True}},
        "n-samples": {name: {"original": 1000, "effective": 1000}},
        "config": {"model": "hf", "model_num_parameters": size, "limit": None},
        "lm_eval_version": "0.4.13",
        "model_name": f"lab/r{run}-{run + 1}m-step{step}",
    }
    return body, [(f"lab/r{run}@{step}", name, "acc,none", right / 1000)]


def write(root: Path, runs: Sequence[int], files: int) -> Written:
    """Spread results files of some runs over the folder, with one whole copy of a file and some damaged ones."""
    results, sound, damaged = set[Result](), set[str](), set[str]()
    per_run = -(-files // len(runs))
    for i in range(files):
        run, nth = runs[i // per_run], i % per_run
        body, said = log_of(run, 100 * (1 + nth % STEPS), nth // STEPS)
        path = root / f"r{run}" / f"results_{nth:05}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = json.dumps(body, indent=2).encode()
        path.write_bytes(raw)
        results.update(said)
        sound.add(hashlib.sha256(raw).hexdigest())
        if i == 0:
            path.with_name("copy.json").write_bytes(raw)
        if i < DAMAGED:
            cut = raw[: len(raw) // 2 + i]
            path.with_name(f"cut_{i}.json").write_bytes(cut)
            damaged.add(hashlib.sha256(cut).hexdigest())
    return Written(results, sound, damaged)


class House:
    """A lab in a folder, and the commands a user gives."""

    def __init__(self, root: Path, draw: random.Random) -> None:
        self.root, self.draw = root, draw
        self.kills = 0
        subprocess.run([*self.command("init", str(root))], check=True, capture_output=True)
        (root / "catalogue.toml").write_text(CATALOGUE, encoding="utf-8")
        config = root / "holdpoint.toml"
        told = config.read_text(encoding="utf-8").replace('scan = "10s"', 'scan = "2s"')
        config.write_text(told.replace('settle = "1s"', 'settle = "0.2s"'), encoding="utf-8")

    @staticmethod
    def command(*words: str) -> list[str]:
        return [sys.executable, "-m", "monitor", *words]

    def start(self, *words: str, stdin: bytes | None = None) -> subprocess.Popen[bytes]:
        """A command of this house, under way."""
        log = (self.root / "commands.log").open("ab")
        call = self.command(*words, "--config", str(self.root / "holdpoint.toml"))
        process = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=log, stderr=log)
        if stdin is not None and process.stdin:
            process.stdin.write(stdin)
        if process.stdin:
            process.stdin.close()
        return process

    def rows(self) -> int:
        """Length of the ledger: how far the work has come."""
        with Tables.open(self.root / "holdpoint.db") as tables:
            return tables.count("ledger")

    def killed(self, *words: str, most: int, times: int) -> None:
        """Start a command again and again, and kill it at moments spread over what it has to write."""
        began = self.rows()
        for moment in sorted(self.draw.uniform(0, most) for _ in range(times)):
            process = self.start(*words)
            self._wait(process, began + moment)
            time.sleep(self.draw.uniform(0, 1.5))
            self.kills += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _wait(self, process: subprocess.Popen[bytes], rows: float) -> None:
        """Until the ledger is that long, the process ends, or it has written nothing for a while."""
        last, since = self.rows(), time.monotonic()
        while process.poll() is None and last < rows and time.monotonic() - since < STALLED:
            time.sleep(0.05)
            if (now := self.rows()) != last:
                last, since = now, time.monotonic()

    def pushed(self, rows: list[dict[str, Any]]) -> None:
        """Push rows, be killed on the way, and push them again."""
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        process = self.start("ingest", "-", stdin=body)
        time.sleep(self.draw.uniform(0.3, 2.5))
        self.kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        if self.start("ingest", "-", stdin=body).wait() != 0:
            raise SystemExit(f"a push was refused after a kill; see {self.root / 'commands.log'}")


def pushes(count: int) -> list[list[dict[str, Any]]]:
    """Rows of the plain table for runs of their own."""
    row = {"family": "lab", "step": 100, "params": 1e9, "flop": 1e18, "metric": "acc", "lower": 0, "upper": 1}
    return [
        [{**row, "run": f"p{i}", "task": f"task_{j}", "value": (i + j) / 100, "n": 100} for j in range(20)]
        for i in range(count)
    ]


def wrong(house: House, written: Written) -> list[str]:
    """Every way in which the store is not what was written; nothing, if all is well."""
    found: list[str] = []
    with Store.open(house.root / "holdpoint.db") as store:
        store.ledger.verify()
        seen = store.evidence.results()
        told = list(store.ledger.entries("result"))
        files = {status: store.evidence.files(status) for status in ("read", "quarantined", "arrived", "waiting")}
    stored = Counter((s.result.checkpoint.id, s.result.task, s.result.metric.name, s.result.value) for s in seen)
    found += [f"lost: {one}" for one in written.results - stored.keys()]
    found += [f"invented: {one}" for one in stored.keys() - written.results]
    found += [f"{times} times: {one}" for one, times in stored.items() if times > 1]
    found += [f"does not count: {s.result.checkpoint.id} {s.result.task}" for s in seen if not s.counts]
    if len(told) != len(seen):
        found.append(f"the ledger tells of {len(told)} results, the store has {len(seen)}")
    digests = {status: {file.sha256 for file in each} for status, each in files.items()}
    found += [f"a sound file was not read: {one}" for one in written.sound - digests["read"]]
    found += [f"quarantined, and sound: {one}" for one in digests["quarantined"] - written.damaged]
    found += [f"damaged, and not in quarantine: {one}" for one in written.damaged - digests["quarantined"]]
    found += [f"left behind: {file.path}" for status in ("arrived", "waiting") for file in files[status]]
    return found


def measure(root: Path, files: int, kills: int, pushed: int, seed: int) -> dict[str, Any]:
    """Kill, restart, finish, compare."""
    draw = random.Random(seed)  # noqa: S311 - moments, no secrets
    started = time.monotonic()
    house = House(root / "lab", draw)
    runs = list(range(max(2, files // (TASKS * STEPS))))
    old, new = runs[: len(runs) // 2], runs[len(runs) // 2 :]
    history = write(root / "history", old, files // 2)
    news = write(root / "news", new, files - files // 2)
    house.killed("ingest", "--baseline", str(root / "history"), most=3 * (files // 2), times=kills // 2)
    house.start("ingest", "--baseline", str(root / "history")).wait()
    (root / "news").rename(house.root / "inbox" / "news")
    house.killed("daemon", "run", most=4 * (files // 2), times=kills - kills // 2)
    rows = pushes(pushed)
    for each in rows:
        house.pushed(each)
    code = house.start("daemon", "run", "--once").wait()
    said = {(f"lab/{r['run']}@100", r["task"], "acc", r["value"]) for each in rows for r in each}
    written = Written(history.results | news.results | said, history.sound | news.sound, history.damaged | news.damaged)
    found = wrong(house, written) + ([f"the last cycle ended with {code}"] if code else [])
    if found:
        shutil.copytree(house.root, Path("killed-out"), dirs_exist_ok=True)
    return {
        "files": files,
        "results": len(written.results),
        "kills": house.kills,
        "ledger rows": house.rows(),
        "seconds": round(time.monotonic() - started),
        "wrong": found,
    }


def main() -> None:
    """Measure, print, and fail where anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pushes", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.files, options.kills, options.pushes, options.seed)
    for name, value in found.items():
        print(f"{name:>12} {len(value) if isinstance(value, list) else value:>10,}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if found["wrong"]:
        raise SystemExit("\n".join(found["wrong"][:40]))


if __name__ == "__main__":
    main()
