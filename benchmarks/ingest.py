"""What reading large logs costs in time and memory, beside what one would otherwise read them with.

    python benchmarks/ingest.py [--size 1e9] [--data DIR] [--inspect-python PYTHON] [--json ingest.json]

`--data` (or HOLDPOINT_LOGS) names a folder with real logs; their rows and samples are repeated, with fresh ids, until
the file is large enough. Without it the rows are made here, in the same format. Every reading is a process of its own,
and a round is both readings, one after the other. Peak memory and time of the processor are those of all processes a
reading takes together: our reader takes a second one where there are two processors (`--alone`: it does not).
`--inspect-python` is an interpreter that has inspect_ai, which we do not depend on; without it `.eval` logs are left
out, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TIME = "2026-01-01T00-00-00.000000"
SORTS = {"multiple_choice": "color", "generate_until": "gen"}
READ = """
import json, resource, sys, time
from pathlib import Path
{imports}
start, cpu = time.perf_counter(), time.process_time()
{body}
spent = [time.perf_counter() - start, time.process_time() - cpu]
peak, beside = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps([spent[0], spent[1] + beside.ru_utime + beside.ru_stime, peak.ru_maxrss / 1024, found]))
"""
OURS = READ.format(
    imports="from checkpoints_db.readers import read",
    body="found = {r.metric.name: [r.value, r.stderr] for r in read(Path(sys.argv[1])).readings}",
)
ALONE = OURS.replace(
    "import json", "import json, os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nimport json", 1
)
PLAIN = READ.format(
    imports="from benchmarks.plain_lm_eval import figures_of", body="found = figures_of(Path(sys.argv[1]), sys.argv[2])"
)
OFFICIAL = READ.format(
    imports="from inspect_ai.log import read_eval_log",
    body=(
        "log = read_eval_log(sys.argv[1])\n"
        "found = {f'{key},{s.name}': [m.value, None] for s in log.results.scores for key, m in s.metrics.items()}"
    ),
)
REPEAT = """
import sys
from inspect_ai.log import read_eval_log, write_eval_log
log, size = read_eval_log(sys.argv[1]), int(sys.argv[3])
times = -(-size // len(log.samples))
log.samples = [s.model_copy(update={"id": f"{s.id}-{i}", "uuid": None}) for i in range(times) for s in log.samples]
ids = list(dict.fromkeys(sample.id for sample in log.samples))
log.eval.dataset.samples, log.eval.dataset.sample_ids, log.reductions = len(ids), ids, None
log.results.total_samples = log.results.completed_samples = len(log.samples)
for score in log.results.scores:
    score.scored_samples = len(ids)
write_eval_log(log, sys.argv[2], format="eval")
"""


def made_rows(sort: str) -> list[dict[str, Any]]:
    """Rows as lm-eval 0.4.13 writes them."""
    return [made_row(sort, i) for i in range(24)]


def made_row(sort: str, i: int) -> dict[str, Any]:
    """One of them."""
    texts = ["gris-é", "violet", "amber", "blue"]
    shared = {"doc_id": i, "doc": {"id": i, "question": f"what color is thing {i}?", "choices": texts, "label": i % 4}}
    hashes = {f"{what}_hash": f"{i:064x}" for what in ("doc", "prompt", "target")}
    prompt = f"Question: what color is thing {i}? Answer:"
    if sort == "generate_until":
        asked = {"arg_0": prompt, "arg_1": {"until": ["\n"], "max_gen_toks": 12, "do_sample": False}}
        given = {"target": f"{i}", "arguments": {"gen_args_0": asked}, "resps": [[f" {i + i % 3}."]]}
        said = {"filter": "strict-match", "metrics": ["exact_match"], **hashes, "exact_match": float(i % 3 == 0)}
        return {**shared, **given, "filtered_resps": [f"{i + i % 3}"], **said}
    lls = [[f"{-0.5 - (7.1 * i + 3.3 * j) % 9}", "False"] for j in range(4)]
    right = max(range(4), key=lambda j: float(lls[j][0]))
    arguments = {f"gen_args_{j}": {"arg_0": prompt, "arg_1": f" {text}"} for j, text in enumerate(texts)}
    given = {"target": str(i % 4), "arguments": arguments, "resps": [[ll] for ll in lls], "filtered_resps": lls}
    said = {"filter": "none", "metrics": ["acc", "acc_norm"], **hashes, "acc": float(right == i % 4), "acc_norm": 1.0}
    return {**shared, **given, **said}


def found_rows(data: Path | None, sort: str) -> tuple[list[dict[str, Any]], str]:
    """Rows to repeat, and where they are from."""
    for path in sorted(data.rglob(f"samples_*_{SORTS[sort]}_2*.jsonl")) if data else []:
        beside = path.with_name(f"results_{path.stem.rpartition('_')[2]}.json")
        if beside.is_file() and "damaged" not in path.parts:
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()], path.name
    return made_rows(sort), "rows made here"


def write_samples(folder: Path, sort: str, rows: list[dict[str, Any]], size: float) -> Path:
    """A samples file of at least `size` bytes, and the results file it belongs to."""
    folder.mkdir(parents=True)
    path, documents = folder / f"samples_task_{TIME}.jsonl", 1 + max(row["doc_id"] for row in rows)
    times = written = 0
    with path.open("wb") as file:
        while written < size:
            fresh = ({**row, "doc_id": row["doc_id"] + times * documents} for row in rows)
            written += file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in fresh).encode())
            times += 1
    counted = {"original": documents * times, "effective": documents * times}
    metric = "acc" if sort == "multiple_choice" else "exact_match"
    body = {
        "results": {"task": {"alias": "task", **{f"{metric},{row['filter']}": 0.5 for row in rows}}},
        "configs": {"task": {"task": "task", "output_type": sort, "target_delimiter": " "}},
        "versions": {"task": 1},
        "n-shot": {"task": 0},
        "n-samples": {"task": counted},
        "config": {"model": "hf", "model_args": {"pretrained": "bench/m1"}},
        "model_name": "bench/m1",
        "date": 1.8e9,
        "lm_eval_version": "0.4.13",
    }
    (folder / f"results_{TIME}.json").write_text(json.dumps(body), encoding="utf-8")
    return path


def run(python: str, code: str, *args: object) -> tuple[float, float, float, dict[str, list[float | None]]]:
    """Seconds, seconds of the processor, peak MiB and figures of a process of its own."""
    command = [python, "-c", code, *map(str, args)]
    quiet = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    together = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=quiet) as process:
        while process.poll() is None:
            together = max(together, resident(process.pid))
            time.sleep(0.01)
        said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"{python} ended with {process.returncode}")
    seconds, cpu, peak, found = json.loads(said.splitlines()[-1])
    return seconds, cpu, max(peak, together), found


def resident(pid: int) -> float:
    """MiB of a process and of those it started, at this moment; 0 where the system does not say."""
    inside = Path(f"/proc/{pid}")
    try:
        pages = int((inside / "statm").read_text().split()[1])
        beside = (inside / "task" / str(pid) / "children").read_text().split()
    except (OSError, IndexError):  # it has just ended
        return 0.0
    return pages * resource.getpagesize() / 2**20 + sum(resident(int(each)) for each in beside)


def compared(name: str, ours: Any, other: Any, size: int, tolerance: float) -> dict[str, Any]:
    """One line of the table. Raises SystemExit when the figures are not the same."""
    both = ours[3].keys() & other[3].keys()
    if not both or (tolerance == 1e-9 and ours[3].keys() != other[3].keys()):
        raise SystemExit(f"{name}: not the same metrics: {sorted(ours[3])} and {sorted(other[3])}")
    for metric in both:
        for one, two in zip(ours[3][metric], other[3][metric], strict=True):
            if one is not None and two is not None and not math.isclose(one, two, rel_tol=tolerance, abs_tol=1e-12):
                raise SystemExit(f"{name} · {metric}: {one} here, {two} there")
    return {
        "log": name,
        "MB": round(size / 1e6),
        "ours, s": round(ours[0], 2),
        "other, s": round(other[0], 2),
        "times": round(other[0] / ours[0], 1),
        "times, cpu": round(other[1] / ours[1], 1),
        "ours, MiB": round(ours[2]),
        "other, MiB": round(other[2]),
    }


def lm_eval(data: Path | None, size: float, rounds: int, folder: Path, ours: str) -> Iterator[dict[str, Any]]:
    """Per-sample logs of lm-eval beside a loop over `json.loads`."""
    for sort in SORTS:
        rows, source = found_rows(data, sort)
        path = write_samples(folder / sort, sort, rows, size)
        pairs = [(run(sys.executable, ours, path), run(sys.executable, PLAIN, path, sort)) for _ in range(rounds)]
        best, other = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
        line = compared(f"lm-eval {sort}", best, other, path.stat().st_size, 1e-9)
        yield {**line, "each round": [round(two[0] / one[0], 2) for one, two in pairs], "rows from": source}
        path.unlink()


def inspect(data: Path, python: str, samples: int, rounds: int, folder: Path) -> Iterator[dict[str, Any]]:
    """A log of Inspect beside the reader that comes with it."""
    for source in sorted(data.rglob("inspect/eval/mock-l/*arith-match*.eval"))[:1]:
        path = folder / "large.eval"
        subprocess.run([python, "-c", REPEAT, str(source), str(path), str(samples)], check=True)
        pairs = [(run(sys.executable, OURS, path), run(python, OFFICIAL, path)) for _ in range(rounds)]
        ours, other = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
        line = compared("Inspect .eval", ours, other, path.stat().st_size, 1e-6)
        yield {**line, "rows from": f"{source.name}, {samples} samples"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=float, default=1e9, help="bytes of each per-sample log")
    parser.add_argument("--samples", type=int, default=5000, help="samples of the .eval log")
    parser.add_argument("--rounds", type=int, default=1, help="the best of so many is told")
    parser.add_argument("--alone", action="store_true", help="without a second process")
    parser.add_argument("--data", type=Path, default=os.environ.get("HOLDPOINT_LOGS"))
    parser.add_argument("--inspect-python")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    data = Path(options.data) if options.data else None
    if data is None:
        print("no --data: rows are made here, in the format of lm-eval 0.4.13")
    with tempfile.TemporaryDirectory() as folder:
        lines = list(lm_eval(data, options.size, options.rounds, Path(folder), ALONE if options.alone else OURS))
        if data and options.inspect_python:
            lines += inspect(data, options.inspect_python, options.samples, options.rounds, Path(folder))
        else:
            print("no --data or no --inspect-python: the reader of Inspect is not compared")
    for line in lines:
        print("\n" + "\n".join(f"{name:>12}  {value}" for name, value in line.items()))
    if options.json:
        options.json.write_text(json.dumps(lines, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
