"""Put each deliberate mistake into a copy of the source, and see that the tests it names notice.

    make mutants                                  # all of them; minutes
    PYTHONPATH=tests .venv/bin/python -m mutants.run waivers

Exit code 0: every mutant was killed by an assertion. 1: one survived, no longer fits its file, or cannot be imported.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from mutants.deliberate import MUTANTS, Mutant
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
TREE = ("checkpoints_db", "policies", "monitor", "tests", "examples", "pyproject.toml", "constraints.txt", "README.md")
COPIES = 2
LONGEST = 600
"""Seconds that the tests of one mutant may take."""


class Fate(NamedTuple):
    """What became of a mutant."""

    mutant: Mutant
    killed: bool
    how: str
    seconds: float


def copied(root: Path) -> Path:
    """The tree in a folder of its own."""
    for name in TREE:
        source, to = ROOT / name, root / name
        if source.is_dir():
            shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        else:
            shutil.copy(source, to)
    return root


def ran(tree: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """A run of Python in a copy, whose modules come before the installed ones."""
    # Failing examples need not be small here; and no bytecode, or a file changed twice in a second may look unchanged.
    env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_PROFILE": "brief"}
    return subprocess.run(
        [sys.executable, *args], cwd=tree, env=env, capture_output=True, text=True, timeout=LONGEST, check=False
    )


def fate(tree: Path, mutant: Mutant) -> Fate:
    """Put the mutant into the copy, run its tests, and take it out again."""
    began = time.monotonic()
    path = tree / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        return Fate(mutant, False, f"its old text stands {text.count(mutant.old)} times in the file", 0.0)
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        killed, how = judged(tree, mutant)
    except subprocess.TimeoutExpired:
        killed, how = False, f"its tests took more than {LONGEST} s"
    finally:
        path.write_text(text, encoding="utf-8")
    return Fate(mutant, killed, how, time.monotonic() - began)


def judged(tree: Path, mutant: Mutant) -> tuple[bool, str]:
    """Whether an assertion failed, and where; a file that cannot be imported kills nothing."""
    module = mutant.file.removesuffix(".py").replace("/", ".")
    told = ran(tree, "-c", f"import {module} as m; print(m.__file__)")
    if told.returncode or Path(told.stdout.strip()) != (tree / mutant.file).resolve():
        return False, f"cannot be imported: {(told.stderr or told.stdout).strip()[-120:]}"
    flags = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider")
    done = ran(tree, "-m", "pytest", *flags, *mutant.tests)
    if done.returncode == 0:
        return False, "survived"
    failed = next((line for line in done.stdout.splitlines() if line.startswith("FAILED")), "")
    asserted = any(mark in done.stdout for mark in ("AssertionError", "assert ", "DID NOT RAISE"))
    if done.returncode != 1 or not failed or not asserted:
        return False, f"no assertion failed, the tests did not run: {done.stdout.strip()[-200:]}"
    return True, failed.removeprefix("FAILED ").partition(" - ")[0].rpartition("/")[2]


def main(wanted: list[str]) -> int:
    """Run the mutants whose file or reason contains one of these words, or all; 0 where all were killed."""
    chosen = [m for m in MUTANTS if not wanted or any(word in f"{m.file} {m.why}" for word in wanted)]
    fates: list[Fate] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, Progress(console=Console(stderr=True)) as progress:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(COPIES):
            root = Path(folder).resolve() / str(number)
            root.mkdir()
            trees.put(copied(root))

        def one(mutant: Mutant) -> Fate:
            tree = trees.get()
            try:
                return fate(tree, mutant)
            finally:
                trees.put(tree)

        task = progress.add_task(f"{len(chosen)} mutants", total=len(chosen))
        with ThreadPoolExecutor(COPIES) as pool:
            for done in as_completed([pool.submit(one, mutant) for mutant in chosen]):
                fates.append(done.result())
                progress.advance(task)
                progress.console.print(told(fates[-1]), markup=False, highlight=False, soft_wrap=True)
    report(sorted(fates, key=lambda f: chosen.index(f.mutant)))
    return 0 if fates and all(f.killed for f in fates) else 1


def told(f: Fate) -> str:
    """One line about a mutant, while others still run."""
    return f"{'killed' if f.killed else 'ALIVE '} {f.seconds:4.0f} s  {f.mutant.file}: {f.mutant.why} ({f.how})"


def report(fates: list[Fate]) -> None:
    """A table of what became of each."""
    table = Table("", "file", "what the gate would do", "killed by, or why not", "s")
    for f in fates:
        table.add_row("killed" if f.killed else "ALIVE", f.mutant.file, f.mutant.why, f.how, f"{f.seconds:.0f}")
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    console.print(f"{sum(f.killed for f in fates)} of {len(fates)} mutants killed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
