"""The command line as a user meets it, without a process of its own."""

from __future__ import annotations

import json
from typing import Any

from answered import must_be_as_published
from lab import Lab
from typer.testing import CliRunner

from checkpoints_db.errors import HoldpointError
from monitor.faces.cli import app

runner = CliRunner()


def run(lab: Lab, *words: str) -> tuple[int, str]:
    done = runner.invoke(app, [*words, "--config", str(lab.config)])
    if done.exception and not isinstance(done.exception, SystemExit | HoldpointError):
        raise done.exception
    return (1, str(done.exception)) if isinstance(done.exception, HoldpointError) else (done.exit_code, done.output)


def answer(lab: Lab, *words: str, code: int = 0) -> Any:
    got, text = run(lab, *words, "--json")
    assert got == code, text
    told = json.loads(text)
    must_be_as_published(words, told)
    return told
