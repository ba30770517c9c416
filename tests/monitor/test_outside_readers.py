"""Readers of other packages: imported only where the settings name them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from acme import LOG, install
from lab import Lab
from typer.testing import CliRunner

from checkpoints_db.errors import SettingsError, UnknownFormat
from checkpoints_db.readers import read
from monitor.daemon.rules import readers_of
from monitor.faces.cli import app

MODULE = "acme_of_this_test"
Put = Callable[..., None]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Put]:
    """Installs the example under names of its own, so that no other test has imported it."""

    def installed(**what: str) -> None:
        monkeypatch.syspath_prepend(install(tmp_path / "site", module=MODULE, **what))

    yield installed
    sys.modules.pop(MODULE, None)


def named(lab: Lab, *names: str) -> Lab:
    lab.config.write_text(f"readers = {json.dumps(names)}\n" + lab.config.read_text(encoding="utf-8"))
    return lab


def land(lab: Lab) -> None:
    catalogue = lab.root / "catalogue.toml"
    run = '\n[[run]]\nfamily = "lab"\nrun = "small"\nmatch = "acme/small@step{step}"\nparams = 1e6\nflop = 1e15\n'
    catalogue.write_text(catalogue.read_text() + run)
    (lab.inbox / "sums.json").write_bytes(LOG.read_bytes())


def test_a_reader_that_no_setting_names_is_never_imported(lab: Lab, put: Put) -> None:
    put()
    land(lab)
    assert lab.cycle()
    assert MODULE not in sys.modules
    with lab.store() as store:
        (file,) = store.evidence.files("quarantined")
    assert "no reader recognises its content" in file.reason
    assert "name that under `readers`" in file.reason


def test_a_named_reader_reads_and_what_was_quarantined_before_is_read_again(lab: Lab, put: Put) -> None:
    put()
    land(lab)
    lab.cycle()
    named(lab, "acme")
    words = ["--config", str(lab.config), "--json"]
    with lab.store() as store:
        (file,) = store.evidence.files("quarantined")
    shown = json.loads(CliRunner().invoke(app, ["quarantine", "show", file.sha256[:12], *words]).output)
    assert shown["readers_now"] == "acme finds 2 results in it"
    assert CliRunner().invoke(app, ["quarantine", "retry", file.sha256[:12], *words]).exit_code == 0
    assert lab.cycle()
    with lab.store() as store:
        assert [f.reader for f in store.evidence.files("read")] == ["acme"]
        found = {seen.result.metric.name: seen.result.value for seen in store.evidence.results(run="small")}
    assert found == {"accuracy": 0.4375, "nats": 1.25}


def test_a_named_reader_that_is_missing_fails_the_scan_and_holds(lab: Lab) -> None:
    land(named(lab, "acme"))
    with pytest.raises(SettingsError, match=r"readers: no installed package offers the reader 'acme'.*pip install"):
        lab.rules()
    assert not lab.cycle("scan")
    with lab.store() as store:
        assert "'acme'" in store.fact("fault")[0]  # type: ignore[index]
        assert store.evidence.files("quarantined") == []


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ({"more": "\nimport no_such_module\n"}, "cannot be imported .*no_such_module"),
        ({"more": "\ndel Acme\n"}, "cannot be imported .*Acme"),
        ({"more": "\nAcme = object()\n"}, "is none: it needs"),
        ({"more": "\nAcme.name = 'other'\n"}, "is none: it needs"),
        ({"name": "table"}, "is built in and also installed"),
    ],
)
def test_what_cannot_be_used_as_a_reader_is_told(lab: Lab, put: Put, what: dict[str, str], told: str) -> None:
    put(**what)
    name = what.get("name", "acme")
    with pytest.raises(SettingsError, match=f"readers: .*{told}"):
        readers_of(named(lab, name).settings)


@pytest.mark.parametrize("method", ["recognises", "read", "beside"])
def test_a_fault_in_a_reader_of_another_package_is_a_quarantine_and_no_dead_daemon(
    lab: Lab, put: Put, method: str
) -> None:
    put(more=f"\nAcme.beside = lambda self, path: []\nAcme.{method} = lambda *_: {{}}['bug']\n")
    land(named(lab, "acme"))
    assert lab.cycle()
    with lab.store() as store:
        (file,) = store.evidence.files("quarantined")
    assert "KeyError: 'bug'" in file.reason


def test_a_built_in_reader_may_be_named_and_is_asked_once(lab: Lab) -> None:
    table = Path(__file__).parents[1] / "data" / "readers" / "table" / "ladder.csv"
    assert read(table, readers_of(named(lab, "table", "table").settings)).readings


def test_the_plain_table_gives_way_to_no_reader_of_another_package(lab: Lab, put: Put) -> None:
    put(more="\nAcme.recognises = lambda self, path, head: True\n")
    table = lab.root / "rows.csv"
    table.write_text("model,task,metric,value\nm,t,acc,0.5\n", encoding="utf-8")
    with pytest.raises(UnknownFormat, match="acme and table both recognise"):
        read(table, readers_of(named(lab, "acme").settings))


def test_declared_columns_and_a_reader_of_another_package_are_asked_side_by_side(lab: Lab, put: Put) -> None:
    put()
    named(lab, "acme").config.write_text('columns = "columns.toml"\n' + lab.config.read_text(encoding="utf-8"))
    declared = Path(__file__).parents[1] / "data" / "columns.toml"
    (lab.root / "columns.toml").write_bytes(declared.read_bytes())
    readers = readers_of(lab.settings)
    assert read(LOG, readers).reader == "acme"
    assert read(declared.parent / "readers" / "columns" / "history.csv", readers).reader == "columns history"
