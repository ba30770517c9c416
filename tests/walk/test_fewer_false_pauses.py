"""The worked case of policies/README.md, "I want fewer false pauses": every line of it is played and compared."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from played import Step, must_show, steps_of

ROOT = Path(__file__).resolve().parents[2]
CASE = ROOT / "examples" / "fewer-false-pauses"
COPY = "cp -r examples/fewer-false-pauses /tmp/fewer && cd /tmp/fewer"
END = "--- ended with"


def steps() -> list[Step]:
    page = (ROOT / "policies" / "README.md").read_text(encoding="utf-8")
    return steps_of(page.split("\n## I want fewer false pauses\n")[1].split("\n## ")[0])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Step, int, str]]:
    """Each step, its exit code and what it printed; one shell plays them all, in a copy of the example."""
    folder = tmp_path_factory.mktemp("fewer") / "lab"
    told = steps()
    assert told[0].command == COPY
    script = [f"cp -r {CASE} {folder} && cd {folder}", f'printf "\\n{END} %s\\n" $?']
    for step in told[1:]:
        script += [step.command, f'printf "\\n{END} %s\\n" $?']
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "PATH": path, "COLUMNS": "600", "PYTHONWARNINGS": "error"},
    )
    parts = re.split(rf"^{END} (\d+)$", done.stdout, flags=re.MULTILINE)
    said, codes = parts[0:-1:2], [int(code) for code in parts[1::2]]
    assert len(codes) == len(told), done.stdout[-4000:]
    return list(zip(told, codes, said, strict=True))


def test_every_line_of_the_page_comes_out(played: list[tuple[Step, int, str]]) -> None:
    for step, code, said in played:
        assert code == 0, f"$ {step.command}\n{said}"
        must_show(step, said)


def test_the_page_goes_from_replay_through_tune_and_diff_to_release() -> None:
    order = ["policy replay", "policy tune", "policy diff", "policy adopt", "gate release", "policy history"]
    places = [next(i for i, step in enumerate(steps()) if f"holdpoint {name}" in step.command) for name in order]
    assert places == sorted(places)


def test_the_history_is_what_its_script_writes(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("fewer_false_pauses_make", CASE / "make.py")
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    make.write(tmp_path)
    written = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.csv")}
    there = {path.relative_to(CASE): path.read_text() for path in CASE.rglob("*.csv")}
    assert written == there
