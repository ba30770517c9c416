"""Blocks of commands in documents: found, told apart, and played in process as a reader would type them."""

from __future__ import annotations

import ast
import logging
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from checkpoints_db.errors import HoldpointError
from monitor.faces.cli import app

ROOT = Path(__file__).resolve().parents[1]
WIDE = {"COLUMNS": "600"}
COMMENT = re.compile(r"(^|\s+)#\s.*$")
MARK = re.compile(r"<!-- not run: (.+?) -->")


class Block(NamedTuple):
    """Some lines of code in a document, and what is said about not running them."""

    document: str
    line: int
    language: str
    text: str
    mark: str

    @property
    def where(self) -> str:
        return f"{self.document}:{self.line}"


class Step(NamedTuple):
    """One command of a page, and the lines that it shows."""

    command: str
    shown: list[str]


def documents() -> list[Path]:
    """Every document of the repository."""
    hidden = {"node_modules", "build", "demo-out", "dist"}
    found = (path for path in sorted(ROOT.rglob("*.md")))
    return [p for p in found if not any(s.startswith(".") or s in hidden for s in p.relative_to(ROOT).parts)]


def blocks(path: Path) -> Iterator[Block]:
    """Every block of a document; where nothing is fenced a blank line ends one."""
    name = path.relative_to(ROOT).as_posix()
    lines = [*path.read_text("utf-8").splitlines(), ""]
    begin, fence, held, mark, listed = 0, None, list[str](), "", False
    for number, line in enumerate(lines, start=1):
        if fence is not None:
            if line.startswith("```"):
                yield Block(name, begin, fence or "text", "\n".join(held), mark)
                fence, held, mark = None, [], ""
            else:
                held.append(line)
        elif line.startswith("```"):
            fence, begin = line[3:].strip(), number + 1
        elif line.startswith("    ") and not listed:
            begin = begin if held else number
            held.append(line[4:])
        else:
            if held:
                yield Block(name, begin, told(held), "\n".join(held), mark)
                held = []
            if line.strip():
                found = MARK.fullmatch(line.strip())
                mark = found[1] if found else ""
                listed = bool(re.match(r"(\d+\.|[-*]) ", line)) or (listed and line.startswith(" "))


def told(lines: list[str]) -> str:
    """The language of lines that no fence names."""
    text = "\n".join(lines)
    for language, reads in (("toml", tomllib.loads), ("python", ast.parse)):
        try:
            reads(text)
        except (ValueError, SyntaxError):
            continue
        return language
    return "shell" if re.match(r"[a-z$(…][\w.$-]*[ (]", lines[0]) and "->" not in lines[0] else "text"


def steps_of(text: str) -> list[Step]:
    """The commands of `console` blocks, with what is shown below each."""
    found: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:], []))
            else:
                found[-1].shown.append(line)
    return found


def plain(text: str) -> str:
    return " ".join(re.sub("[│┃]", " ", text).split())


def passages(said: str) -> list[str]:
    """What was printed, unfolded: a passage for each row of a table, and for the lines between tables."""
    rows: list[list[str]] = []
    told: list[str] = []
    for line in said.splitlines():
        if line[:1] not in ("│", "┃"):
            told.append(line)
            continue
        cells = [cell.strip() for cell in line[1:-1].split(line[0])]
        if cells[0] or line[0] == "┃":
            rows.append(cells)
        else:  # a folded row goes on
            rows[-1] = [f"{whole} {more}" for whole, more in zip(rows[-1], cells, strict=True)]
    return [plain(" ".join(told)), *(plain(" ".join(row)) for row in rows)]


def must_show(step: Step, said: str) -> None:
    """What a page shows below a command was printed; `…` stands for anything."""
    lines = passages(said)
    for shown in step.shown:
        wanted = ".*".join(re.escape(plain(part)) for part in shown.split("…"))
        assert any(re.search(wanted, line) for line in lines), f"$ {step.command}\n{shown}\n---\n{said}"


@contextmanager
def own_log() -> Iterator[None]:
    """A daemon in process takes the log for itself; afterwards it is as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


class Terminal:
    """A reader at a terminal, in process: holdpoint, cd, cp, mkdir, mv, `echo $?`, `&&` and `;`, and no shell."""

    def __init__(self, patch: pytest.MonkeyPatch, home: Path) -> None:
        self.patch, self.home, self.code, self.digest = patch, home, 0, ""
        patch.chdir(ROOT)

    def type(self, line: str) -> str:
        """What a line prints; `code` is the exit code of its last command."""
        words = shlex.shlex(COMMENT.sub("", line), posix=True, punctuation_chars=True)
        words.whitespace_split = True
        said, held = "", list[str]()
        for word in (*words, ";"):
            if word not in (";", "&&"):
                held.append(word)
                continue
            if held:
                said += self._run(held)
            held = []
            if word == "&&" and self.code:
                break
        return said

    def _run(self, words: list[str]) -> str:
        words = [word.replace("/tmp/", f"{self.home}/") for word in words]  # noqa: S108 - as pages say it
        words = [self.digest if word == "DIGEST" else word for word in words]  # what a reader copies
        name, rest = words[0], words[1:]
        if name == "echo" and rest == ["$?"]:
            code, self.code = self.code, 0
            return f"{code}\n"
        if name == "holdpoint":
            with own_log():
                done = CliRunner().invoke(app, rest, env=WIDE)
            if isinstance(done.exception, HoldpointError):
                self.code = 1
                return f"holdpoint: {done.exception}\n"
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                raise done.exception
            self.code = done.exit_code
            self.digest = ([self.digest, *re.findall(r"; evidence ([0-9a-f]+)$", done.output, re.MULTILINE)])[-1]
            return done.output
        paths = [Path(word) for word in rest if not word.startswith("-")]
        if name == "cd":
            self.patch.chdir(paths[0])
        elif name == "mkdir":
            paths[0].mkdir(parents="-p" in rest)
        elif name in ("cp", "mv"):
            for source in paths[:-1]:
                into = paths[-1] / source.name if paths[-1].is_dir() else paths[-1]
                if name == "mv":
                    shutil.move(source, into)
                elif source.is_dir():
                    shutil.copytree(source, into)
                else:
                    shutil.copy(source, into)
        else:
            raise AssertionError(f"{name}: the terminal of these tests has no such command")
        self.code = 0
        return ""
