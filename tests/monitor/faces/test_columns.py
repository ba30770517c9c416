"""Exports with declared columns, on the whole way: settings, inbox, place, quarantine and back."""

from __future__ import annotations

import json
from typing import Any

from lab import Lab
from typer.testing import CliRunner

from checkpoints_db.errors import SettingsError
from monitor.faces.cli import app

DECLARED = """\
[[table]]
name = "wandb"
files = ["wandb_export_*.csv"]
model = "Name"
step = "Step"

[[table.metric]]
column = "eval/{task}/nll"
metric = "nll"
kind = "continuous"
direction = "lower"
"""
CATALOGUE = """\
[[family]]
name = "ours"
axis = "flop"

[[run]]
family = "ours"
match = "ours-{size}"
tokens_per_step = 1000
flop = "6*params*tokens"
"""
EXPORT = (
    '"Step","ours-2m - eval/sums/nll","ours-2m - eval/sums/nll__MIN","ours-2m - eval/sums/nll__MAX"\n"50",{0},{0},{0}\n'
)


def command(lab: Lab, *words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, [*words, "--json", "--config", str(lab.config)])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def declare(lab: Lab, text: str) -> None:
    lab.config.write_text(
        'columns = "columns.toml"\n' + lab.config.read_text().removeprefix('columns = "columns.toml"\n')
    )
    (lab.root / "columns.toml").write_text(text)


def test_an_export_is_read_by_declared_columns(lab: Lab) -> None:
    (lab.root / "catalogue.toml").write_text(CATALOGUE)
    declare(lab, DECLARED)
    (lab.inbox / "wandb_export_1.csv").write_text(EXPORT.format("1.5"))
    assert lab.cycle("scan")
    (placed,) = command(lab, "catalogue", "check")["checkpoints"]
    assert (placed["model"], placed["checkpoint"], placed["where"]) == ("ours-2m", "ours/2m@50", "catalogue.toml:5")
    with lab.store() as store:
        (seen,) = store.evidence.results(family="ours")
    assert (seen.result.value, seen.result.checkpoint.flop) == (1.5, 6 * 2e6 * 50_000)


def test_what_was_not_declared_waits_in_quarantine_until_it_is(lab: Lab) -> None:
    (lab.root / "catalogue.toml").write_text(CATALOGUE)
    path = lab.inbox / "wandb_export_1.csv"
    path.write_text(EXPORT.format("1.5"))
    lab.cycle("scan")
    (file,) = command(lab, "quarantine", "list")
    assert "declare its columns in columns.toml" in file["reason"]
    path.unlink()
    declare(lab, DECLARED.replace("eval/{task}/nll", "evals/{task}/nll"))
    told = command(lab, "quarantine", "show", file["sha256"][:12])["readers_now"]
    assert "missing, and [[table]] 'wandb' wants it as metric; the nearest is 'eval/sums/nll'" in told
    declare(lab, DECLARED)
    assert "finds 1 results" in command(lab, "quarantine", "show", file["sha256"][:12])["readers_now"]
    command(lab, "quarantine", "retry", file["sha256"][:12])
    lab.cycle("scan")
    assert command(lab, "quarantine", "list") == []
    with lab.store() as store:
        assert [seen.result.value for seen in store.evidence.results()] == [1.5]


def test_a_broken_declaration_stops_the_command_and_is_named(lab: Lab) -> None:
    declare(lab, DECLARED.replace("direction", "dirction"))
    done = CliRunner().invoke(app, ["ingest", "--config", str(lab.config), str(lab.inbox)])
    assert isinstance(done.exception, SettingsError)
    assert "columns.toml: [[table]] 'wandb', [[table.metric]] number 1: dirction: unknown key" in str(done.exception)
