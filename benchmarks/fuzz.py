"""Coverage-guided fuzzing of every reader: whatever the bytes, only errors of evidence, and finite numbers.

    pip install 'holdpoint[fuzz]'
    python benchmarks/fuzz.py [--minutes 10] [--reader helm ...] [--seeds DIR] [--out fuzz-out] [--json fuzz.json]

It begins with the example logs of the tests, and with the files below --seeds that a reader recognises. Half of its
changes are to single bytes, half to single values of the JSON (inside a zip too), so that it comes behind the parsers.
What breaks a reader lies in --out and is printed; so does what takes longer than ten seconds or two GiB.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

try:
    import atheris
except ImportError as error:
    raise SystemExit("atheris is not installed; pip install 'holdpoint[fuzz]' (CPython up to 3.13)") from error

with atheris.instrument_imports(include=["checkpoints_db"]):
    from checkpoints_db.errors import EvidenceError
    from checkpoints_db.readers import HEAD_BYTES, READERS
    from checkpoints_db.readers.base import Leaning

EXAMPLES = Path(__file__).resolve().parent.parent / "tests" / "data" / "readers"
LARGEST = 1 << 16
"""Larger seeds are left out: they are slow, and say nothing that a small one does not."""
SLOW, HEAVY = 10, 2048
DEEP = json.loads("[" * 400 + "]" * 400)
STRANGE: tuple[Any, ...] = (
    None,
    True,
    "",
    "x",
    "\u202e",
    "\ud800",
    "9" * 600,
    [],
    {},
    [None],
    {"name": None},
    -1,
    0,
    7,
)
NUMBERS: tuple[Any, ...] = (0.5, 1e308, -1e308, 1e-320, 10**400, float("nan"), float("inf"), DEEP)
_DONE = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_SO_FAR = re.compile(r"^#(\d+)\s", re.MULTILINE)
_SLOWEST = re.compile(r"stat::slowest_unit_time_sec:\s*(\d+)")
_COVERED = re.compile(r"\bcov: (\d+)")


class Target:
    """The example folders of one reader; an input is a number that chooses a file, and its new content."""

    def __init__(self, name: str, folder: Path) -> None:
        self.reader = READERS.get(name)
        self.files: list[Path] = []
        self.folder = folder
        for example in sorted(EXAMPLES.iterdir()):
            mine = [path for path in sorted(example.iterdir()) if self._recognised(path)]
            if mine:
                shutil.copytree(example, folder / example.name)
                self.files += [folder / example.name / path.name for path in mine]
        self.whole = {path: path.read_bytes() for path in self.files}

    def _recognised(self, path: Path) -> bool:
        return self.reader.recognises(path, path.read_bytes()[:HEAD_BYTES])

    def seeds(self, more: Path | None) -> list[bytes]:
        """The examples as inputs, and every small file below `more` that the reader recognises, in each place."""
        found = [bytes([i]) + raw for i, raw in enumerate(self.whole.values())]
        others = sorted(path for path in more.rglob("*") if path.is_file()) if more else []
        for path in others:
            if path.stat().st_size <= LARGEST and self._recognised(path):
                found += [bytes([i]) + path.read_bytes() for i, mine in enumerate(self.files) if like(mine, path)]
        return found

    def __call__(self, data: bytes) -> None:
        """Read the file that `data` chooses with the content it gives, then all that lean on it."""
        changed = self.files[data[0] % len(self.files)] if data else self.files[0]
        changed.write_bytes(data[1:])
        self.reader.recognises(changed, data[1 : HEAD_BYTES + 1])
        for path in self.files:
            leaning = isinstance(self.reader, Leaning) and path.parent == changed.parent
            if path == changed or (leaning and changed in self.reader.beside(path)):
                self._read(path)
        changed.write_bytes(self.whole[changed])

    def _read(self, path: Path) -> None:
        try:
            out = self.reader.read(path)
        except EvidenceError:
            return
        again = json.loads(out.model_dump_json())  # a number that is not finite would be null
        for reading in again["readings"]:
            if not isinstance(reading["value"], int | float):
                raise SystemExit(f"{path.name}: {reading['task']} has the value {reading['value']}")


def like(mine: Path, other: Path) -> bool:
    """Whether a file has the part of an example: the kind of name that decides how it is read."""
    return mine.suffix == other.suffix and mine.name.partition("_")[0] == other.name.partition("_")[0]


# -- changes that a parser lets through -------------------------------------------------------------------------------


def changed(data: bytes, most: int, seed: int) -> bytes:
    """Another input: bytes changed, or one value of the JSON in it."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    if draw.random() < 0.5:
        return bytes(atheris.Mutate(data, most))
    try:
        content = data[1:]
        made = in_zip(content, draw) if content.startswith(b"PK") else in_text(content, draw)
    except (ValueError, LookupError, RecursionError, zipfile.BadZipFile, zlib.error, NotImplementedError):
        return bytes(atheris.Mutate(data, most))
    return (data[:1] + made)[:most]


def in_text(raw: bytes, draw: random.Random) -> bytes:
    """One value of one line (or of the one object) changed, dropped or written twice."""
    text = raw.decode("utf-8-sig")
    lines = text.splitlines() if text.count("\n{") else [text]
    at = draw.randrange(len(lines))
    body = json.loads(lines[at])
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        body = strange(body, draw)
    lines[at] = json.dumps(body)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def strange(body: Any, draw: random.Random) -> Any:
    """`body` with one value somewhere inside replaced."""
    inner = body
    while isinstance(inner, dict | list) and inner:
        key = draw.choice(list(inner)) if isinstance(inner, dict) else draw.randrange(len(inner))
        if isinstance(inner[key], dict | list) and inner[key] and draw.random() < 0.9:
            inner = inner[key]
            continue
        if draw.random() < 0.2:
            del inner[key]
        elif draw.random() < 0.2 and isinstance(inner, list):
            inner.append(inner[key])
        else:
            more = (-inner[key],) if isinstance(inner[key], float) else ()
            inner[key] = copy.deepcopy(draw.choice(STRANGE + NUMBERS + more))
        break
    return body


def in_zip(raw: bytes, draw: random.Random) -> bytes:
    """The same archive with one entry changed, dropped or renamed."""
    with zipfile.ZipFile(io.BytesIO(raw)) as old:
        entries = {info.filename: old.read(info) for info in old.infolist()}
    name = draw.choice(list(entries))
    if draw.random() < 0.1:
        del entries[name]
    elif draw.random() < 0.1:
        entries[draw.choice(("../x.json", "samples/\u202e.json", f"{name}2"))] = entries.pop(name)
    else:
        entries[name] = in_text(entries[name], draw)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as new:
        for key, content in entries.items():
            new.writestr(key, content)
    return made.getvalue()


# -- one process a reader ---------------------------------------------------------------------------------------------


def child(name: str, corpus: Path, arguments: list[str]) -> None:
    """Fuzz one reader until libFuzzer ends the process."""
    folder = Path(tempfile.mkdtemp(dir=corpus.parent))
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], Target(name, folder), custom_mutator=changed)
    atheris.Fuzz()


def fuzz(name: str, seconds: float, seeds: Path | None, out: Path) -> dict[str, Any]:
    """Fuzz one reader for a time, going on after each crash."""
    done, crashes, covered, slowest, left = 0, [], 0, 0, seconds
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        (Path(folder) / "made").mkdir()
        for i, seed in enumerate(Target(name, Path(folder) / "made").seeds(seeds)):
            (corpus / f"seed-{i}").write_bytes(seed)
        while left >= 1 and len(crashes) < 20:
            options = [f"-max_total_time={int(left)}", f"-artifact_prefix={out / name}-", f"-max_len={LARGEST * 2}"]
            options += [f"-timeout={SLOW}", f"-rss_limit_mb={HEAVY}", "-print_final_stats=1", "-seed=1"]
            call = [sys.executable, __file__, "--child", name, "--corpus", str(corpus), "--", *options]
            started = time.monotonic()
            ran = subprocess.run(call, capture_output=True, text=True, errors="replace", check=False)
            left -= max(time.monotonic() - started, 1.0)
            counted = _DONE.findall(ran.stderr) or _SO_FAR.findall(ran.stderr) or ["0"]
            done += int(counted[-1])
            covered = max([covered, *map(int, _COVERED.findall(ran.stderr))])
            slowest = max([slowest, *map(int, _SLOWEST.findall(ran.stderr))])
            if ran.returncode:
                crashes.append(_told(ran.stdout + ran.stderr))
                print(f"{name}: {crashes[-1]}", flush=True)
    spent = seconds - left
    found = {"reader": name, "seconds": round(spent), "executions": done, "edges": covered}
    return {**found, "slowest, s": slowest, "crashes": crashes}


def _told(output: str) -> str:
    """What went wrong, and where the input lies."""
    lines = output.splitlines()
    starts = [i for i, line in enumerate(lines) if "Uncaught Python exception" in line or "ERROR: libFuzzer" in line]
    saved = [line for line in lines if "Test unit written to" in line]
    return "\n".join([*lines[starts[0] : starts[0] + 40], *saved]) if starts else "\n".join(lines[-20:])


def main() -> None:
    """Fuzz, print one line a reader, and fail where something broke."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--reader", action="append", choices=READERS.names())
    parser.add_argument("--seeds", type=Path)
    parser.add_argument("--out", type=Path, default=Path("fuzz-out"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    options, rest = parser.parse_known_args()
    if options.child:
        child(options.child, options.corpus, [argument for argument in rest if argument != "--"])
        return
    options.out.mkdir(parents=True, exist_ok=True)
    names = options.reader or READERS.names()
    found = [fuzz(name, 60 * options.minutes / len(names), options.seeds, options.out) for name in names]
    print("".join(f"{name:>14}" for name in found[0]))
    for row in found:
        print("".join(f"{len(cell) if isinstance(cell, list) else cell:>14}" for cell in row.values()))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if any(row["crashes"] for row in found):
        raise SystemExit(f"inputs that broke a reader lie in {options.out}")


if __name__ == "__main__":
    main()
