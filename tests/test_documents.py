"""What documents tell a reader to type: it exists, and a test plays it or the document says why none does."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
from commands import COMMANDS, ROOT
from played import ROOT as HERE
from played import Block, blocks, documents

from monitor.faces import reference

PLAYED = {
    "policies/README.md": "tests/walk/test_fewer_false_pauses.py",
    "examples/from-lm-eval/README.md": "tests/walk/test_tutorials.py",
    "examples/an-alert/README.md": "tests/walk/test_tutorials.py",
}
"""Documents whose `console` blocks are played, line by line, and by which test."""
REASONS = {
    "it names what is yours": r"[A-Z]{3,}|\$EDITOR|…|\b[\w-]+\.(toml|csv|json)\b",
    "it needs a server": r"\bcurl\b",
    "it needs other programs": r"\b(sqlite3|datasette|pip|npm)\b",
    "it needs root": r"\bsystemctl\b",
    "it needs Docker": r"\bdocker compose\b",
    "it needs a cluster": r"\bkubectl\b",
    "it asks for a password": r"\bpeople add\b",
    "it tells real receivers": r"\bholdpoint drill\b",
}
"""Why a block is not run, and what has to be in it for that to be true."""
BLOCKS = [block for path in documents() for block in blocks(path)]
SHELL = [block for block in BLOCKS if block.language not in ("toml", "python", "text", "json")]


def test_the_table_of_commands_is_that_of_the_command_line() -> None:
    page = (HERE / "monitor" / "README.md").read_text("utf-8")
    assert page == reference.renewed(page), "write reference.renewed(page) back to monitor/README.md"


def lines_of(text: str) -> list[str]:
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def commands_in(text: str) -> Iterator[str]:
    """Every command of ours in some lines, without what comes before and after it."""
    for found in re.finditer(
        r"(?<![\w/.-])(?<!-n )(?:holdpoint )+((?:[^|;&<>)`#\n\"']|\"[^\"\n]*\"|'[^'\n]*')*)", text
    ):
        if not re.match(r"holdpoint-|--from-file", found[1]):
            yield found[1].strip().rstrip(".,:")


def wrong_with(line: str) -> str:
    """What a line of words after `holdpoint` says that the command line does not know; empty where it is right."""
    words, command = shlex.split(line), ROOT
    while words and getattr(command, "commands", None):
        if words[0] not in command.commands:
            return "" if words[0].startswith("-") else f"{words[0]!r} is no command"
        command = command.commands[words.pop(0)]
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
    options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return ", ".join(f"{option} is no option of it" for option in options if option not in known)


def test_every_block_of_commands_is_played_or_says_why_not() -> None:
    silent = [block.where for block in SHELL if block.language != "console" and not block.mark]
    assert silent == [], "write <!-- not run: REASON --> above it, or play it"
    unplayed = [block.where for block in SHELL if block.language == "console" and block.document not in PLAYED]
    assert unplayed == [], "name the test that plays it in PLAYED"


@pytest.mark.parametrize("block", [b for b in SHELL if b.mark], ids=lambda b: b.where)
def test_a_reason_is_true(block: Block) -> None:
    if not block.mark.startswith("played by "):
        assert re.search(REASONS[block.mark], block.text), block.mark
        return
    text = (HERE / block.mark.removeprefix("played by ")).read_text("utf-8")
    for line in commands_in(block.text):
        name = next(n for n in (" ".join(line.split()[:2]), line.split()[0]) if n in COMMANDS)
        words = ", ".join(f'"{word}"' for word in name.split())
        assert f"({words}" in text, name


@pytest.mark.parametrize("document", sorted(PLAYED))
def test_who_plays_a_document_names_it(document: str) -> None:
    assert any(block.document == document and block.language == "console" for block in SHELL)
    text = (HERE / PLAYED[document]).read_text("utf-8")
    assert document.split("/")[-2] in text


def test_every_command_in_every_document_exists() -> None:
    told = [(block.where, line) for block in SHELL for line in commands_in("\n".join(lines_of(block.text)))]
    for path in documents():
        spans = re.findall(r"`(holdpoint [^`]+)`", path.read_text("utf-8").replace("\n", " "))
        told += [(path.relative_to(HERE).as_posix(), line) for span in spans for line in commands_in(span)]
    assert len(told) > 100
    wrong = [f"{where}: holdpoint {line}: {why}" for where, line in told if (why := wrong_with(line))]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("gate ask lab/7b", ""),
        ("gate asks lab/7b", "'asks' is no command"),
        ("gate ask lab/7b --when now", "--when is no option of it"),
        ("--help", ""),
    ],
)
def test_what_does_not_exist_is_noticed(line: str, why: str) -> None:
    assert wrong_with(line) == why


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_help_has_an_example_and_the_example_exists(name: str) -> None:
    said = f"{COMMANDS[name].help or ''}\n{COMMANDS[name].epilog or ''}"
    assert "Example: " in said
    example = said.partition("Example: ")[2].replace("\n", " ")
    lines = list(commands_in(example))
    assert any(line.startswith(name) for line in lines), example
    assert [why for line in lines if (why := wrong_with(line))] == []
