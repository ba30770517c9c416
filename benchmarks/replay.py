"""How long replay takes, and of how much memory: a three-year history made for it, and the Pythia logs where they are.

    python benchmarks/replay.py --out replay.json
    python benchmarks/replay.py --pythia /data/pythia --families 1 --sizes 60     # the hard case: one family

One table, one JSON. Made: families of 12 sizes, 200 tasks, each with a loss and a score, 60 checkpoints over three
years; sealed, judged and decided as the daemon would have before the clock of this benchmark starts. Seconds for each
judged result are printed against the length of the history that was there: they should not grow.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from replay_history import Plan, build

from checkpoints_db.catalogue import Catalogue
from monitor.clock import SystemClock
from monitor.replay import Replay, StoreSource, Walk, read_logs, replay
from monitor.replay.walk import Timetable
from monitor.settings import Settings
from monitor.watch import Rules
from policies.loader import shelf

PYTHIA = Path(__file__).resolve().parent.parent / "examples" / "public-ladders.toml"
PARTS = 4


def main() -> None:
    """Both histories, or what of them there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", type=int, default=5)
    parser.add_argument("--sizes", type=int, default=12, help="sizes of each family; sizes * families checkpoints")
    parser.add_argument("--steps", type=int, default=1, help="steps of each size")
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--policy", default="default")
    parser.add_argument("--store", type=Path, help="keep the history here, or take the one that is here")
    parser.add_argument("--pythia", type=Path, default=os.environ.get("HOLDPOINT_PYTHIA"), help="folder of Pythia logs")
    parser.add_argument("--only", choices=("made", "pythia"))
    parser.add_argument("--out", type=Path, help="also write the figures here, as JSON")
    given = parser.parse_args()
    figures: dict[str, Any] = {"cores": os.cpu_count(), "workers": given.workers}
    if given.only != "pythia":
        figures["made"] = made(given)
    if given.only != "made":
        figures["pythia"] = pythia(given)
    if given.out:
        given.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def made(given: argparse.Namespace) -> dict[str, Any]:
    """The three-year history: building is not timed."""
    with tempfile.TemporaryDirectory() as folder:
        path = given.store or Path(folder) / "history.db"
        plans = [Plan(f"family-{i}", given.sizes, given.steps) for i in range(given.families)]
        if not path.exists():
            begun = time.perf_counter()
            build(path, plans, given.tasks, shelf(given.policy), given.workers)
            print(
                f"history built in {time.perf_counter() - begun:.0f} s, {path.stat().st_size / 1e6:.0f} MB (not timed)"
            )
        source = StoreSource(path, Catalogue.from_toml(path.with_suffix(".toml")))
        return {**timed(source, given, f"three years, {given.tasks} tasks"), "flat": flat(source, given)}


def pythia(given: argparse.Namespace) -> dict[str, Any] | None:
    """The zero-shot logs of Pythia: 8 sizes, 27 steps, 87 tasks, never ingested, sealed on the way."""
    if not given.pythia or not Path(given.pythia).is_dir():
        print("the Pythia logs are not here; name their folder with --pythia or HOLDPOINT_PYTHIA")
        return None
    with tempfile.TemporaryDirectory() as folder:
        for log in Path(given.pythia).glob("pythia-*/zero-shot/*.json"):
            link = Path(folder) / log.parent.parent.name / log.name
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(log.resolve())
        rules = Rules(Settings(), Catalogue.from_toml(PYTHIA), shelf(given.policy), SystemClock())
        begun = time.perf_counter()
        source = read_logs(Path(folder), rules)
        reading = time.perf_counter() - begun
        return {**timed(source, given, "Pythia, 8 sizes x 27 steps x 87 tasks, raw logs"), "reading": reading}


def timed(source: Any, given: argparse.Namespace, what: str) -> dict[str, Any]:
    """Seconds and memory of one replay."""
    begun, before = time.perf_counter(), processor()
    found: Replay = replay(source, shelf(given.policy), workers=given.workers)
    seconds, busy = time.perf_counter() - begun, processor() - before
    own, child = (resource.getrusage(who).ru_maxrss / 1e3 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    figures = {
        "what": what,
        "seconds": seconds,
        "processor_seconds": busy,
        "moments": found.moments,
        "judged": found.judged,
        "ms_per_result": 1e3 * seconds / max(found.judged, 1),
        "memory_mb": {"this": own, "largest other": child, "all at most": own + given.workers * child},
        "answers": found.answers,
        "expected_false_pauses": found.false_pauses.expected,
        "unseen": found.unseen,
        "likeness": None if found.likeness is None else [found.likeness.same, found.likeness.decisions],
    }
    print(
        f"{what}: {seconds:.1f} s ({busy:.1f} s computed) for {found.moments} moments, {found.judged} results judged, "
        f"{figures['ms_per_result']:.2f} ms each; memory {own:.0f} MB here, {child:.0f} MB in the largest other process"
    )
    print(f"  checkpoints {found.answers}; expected pauses for nothing {found.false_pauses.expected:.2g}")
    if found.likeness is not None:
        print(f"  {found.likeness.same} of {found.likeness.decisions} recorded decisions come out again, byte for byte")
    return figures


def processor() -> float:
    """Seconds that this process and those it started have computed."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def flat(source: StoreSource, given: argparse.Namespace) -> list[dict[str, float]]:
    """Seconds for each judged result against the length of the history before it, one process, the largest family."""
    weights = source.weights()
    family = max(weights, key=lambda name: weights[name])
    rows: list[tuple[int, int, float]] = []
    with source.told(family) as told:
        walk, clock = Walk(told, shelf(given.policy), Timetable(None)), time.process_time()
        for _ in walk.run(lambda step, case: rows.append((step.seq, len(case.verdicts), time.process_time()))):
            pass
    lengths = [sum(seq < at for seq, _ in told.history.results) for at, _, _ in rows]
    spent = [now - before for now, before in zip((r[2] for r in rows), (clock, *(r[2] for r in rows)), strict=False)]
    found = []
    print(f"  {family} alone, one process: results before -> ms of processor time a judged result")
    for part in parts(range(len(rows)), PARTS):
        judged = sum(rows[i][1] for i in part)
        ms = 1e3 * sum(spent[i] for i in part) / max(judged, 1)
        found.append({"before": lengths[part[0]], "judged": judged, "ms": ms})
        print(f"    {lengths[part[0]]:>8} {ms:8.2f}")
    return found


def parts(every: Sequence[int], n: int) -> list[Sequence[int]]:
    """A sequence in `n` parts of about one length, none empty."""
    cuts = [round(i * len(every) / n) for i in range(n + 1)]
    return [every[a:b] for a, b in pairwise(cuts) if b > a]


if __name__ == "__main__":
    main()
