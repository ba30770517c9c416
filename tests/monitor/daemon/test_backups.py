"""Backups on a schedule go to any place, are read back, get fewer by themselves, and are tried in a drill."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import fsspec
import pytest
from asking import answer, run
from lab import Lab, rung
from lives import changed

from checkpoints_db.backup import backup
from checkpoints_db.errors import SettingsError, StoreError
from checkpoints_db.rebuild import rebuild
from checkpoints_db.records import Answer
from monitor.daemon import backups
from monitor.daemon.depot import Depot
from monitor.faces.cli import shell
from monitor.settings import Settings


@pytest.fixture
def remote() -> Iterator[fsspec.AbstractFileSystem]:
    """An object store in memory."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    yield files
    files.store.clear()


@pytest.fixture
def kept(ladder: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab with a cycle behind it, whose settings want two backups a day in a folder."""
    with ladder.config.open("a") as settings:
        settings.write('[backup]\nurl = "away"\nevery = "12h"\nkeep = 3\nmax_age = "3d"\n')
    monkeypatch.setattr(shell, "CLOCK", ladder.clock)
    return ladder


def names(lab: Lab) -> list[str]:
    return [each.name for each in Depot("away", lab.root).all()]


def test_the_daemon_makes_one_when_it_is_due_and_not_before(kept: Lab) -> None:
    assert kept.cycle()
    (first,) = names(kept)
    assert kept.cycle()
    assert names(kept) == [first]
    kept.clock.sleep(12 * 3600)
    assert kept.cycle("backup")
    assert len(names(kept)) == 2
    with kept.store() as store:
        (told, _) = store.ledger.entries("backup")
        assert told.subject == first
        assert told.value()["size"] == (kept.root / "away" / first).stat().st_size
        assert rebuild(store, kept.root / "fresh.db") == []


def test_only_so_many_and_none_too_old_are_kept_but_always_the_newest(kept: Lab) -> None:
    (kept.root / "away").mkdir()
    (kept.root / "away" / "mine.txt").write_text("left alone")
    for _ in range(5):
        kept.cycle("backup")
        kept.clock.sleep(13 * 3600)
    assert len(names(kept)) == 3
    depot = Depot("away", kept.root)
    assert depot.prune(3, timedelta(days=3), kept.clock.now()) == []
    kept.clock.sleep(30 * 86400)
    newest = names(kept)[-1]
    depot.prune(3, timedelta(days=3), kept.clock.now())
    assert names(kept) == [newest]
    assert (kept.root / "away" / "mine.txt").exists()


def test_a_place_that_cannot_be_written_is_an_alert_and_no_hold_and_ends_by_itself(kept: Lab) -> None:
    kept.arrive(rung(6), "s6.csv")
    (kept.root / "away").write_text("a file is in the way")
    assert kept.cycle()
    assert kept.ask("s6").answer == Answer.GO
    with kept.store() as store:
        (alert,) = [each for each in store.actions.alerts(still_open=True) if "backup" in each.sentence]
    assert "away" in alert.sentence
    (kept.root / "away").unlink()
    assert kept.cycle("backup")
    with kept.store() as store:
        assert [each.state for each in store.actions.alerts() if each.id == alert.id] == ["closed"]
    assert len(names(kept)) == 1
    assert not [*kept.root.glob(".backup-*")]


def test_a_backup_goes_to_any_url_and_comes_back(kept: Lab, remote: fsspec.AbstractFileSystem) -> None:
    made = answer(kept, "backup", "--to", "memory://bucket/lab")
    assert [each.rpartition("/")[2] for each in remote.ls("/bucket/lab", detail=False)] == [made["name"]]
    with kept.store() as store:
        store.resign("test:1")
    told = answer(kept, "restore", f"memory://bucket/lab/{made['name']}", "--force")
    assert told["rows"] == made["head"]["seq"]
    assert run(kept, "restore", "memory://nobody", "--force") == (
        1,
        "memory://nobody: no backup lies there; make one with `holdpoint backup --to memory://nobody`",
    )
    code, text = run(kept, "backup", "--to", "nonsense://x")
    assert (code, "nonsense" in text) == (1, True)


def test_a_driver_that_fails_in_its_own_way_is_an_alert_and_no_hold(
    kept: Lab, remote: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoCredentials(Exception):
        """As drivers of object stores have them."""

    def refused(*_: object, **__: object) -> None:
        raise NoCredentials("unable to locate credentials")

    kept.config.write_text(kept.config.read_text().replace('"away"', '"memory://bucket"'))
    monkeypatch.setattr(type(remote), "makedirs", refused)
    kept.arrive(rung(6), "s6.csv")
    assert kept.cycle()
    assert kept.ask("s6").answer == Answer.GO
    with kept.store() as store:
        assert any("NoCredentials" in each.sentence for each in store.actions.alerts(still_open=True))


def test_a_drill_restores_rebuilds_and_writes_down_how_long_it_took(kept: Lab) -> None:
    kept.cycle()
    before = (kept.root / "holdpoint.db").stat().st_ino
    found = answer(kept, "restore", "--drill")
    assert (found["sound"], found["differences"], found["ours"]) == (True, 0, True)
    assert (kept.root / "holdpoint.db").stat().st_ino == before
    with kept.store() as store:
        (told,) = store.ledger.entries("drill")
        assert told.value()["seconds"] == found["seconds"] >= 0
        assert store.fact("drill") == ("sound", kept.clock.now())


def test_a_drill_over_a_backup_that_was_touched_cut_or_of_another_store_fails(kept: Lab, built: Lab) -> None:
    copy = kept.root / "copy.db"
    with kept.store() as store:
        backup(store, copy)
    changed(copy, ("UPDATE results SET value = 0.5 WHERE seq = (SELECT max(seq) FROM results)", ()))
    found = answer(kept, "restore", "--drill", str(copy), code=1)
    assert (found["sound"], found["differences"]) == (False, 1)
    kept.cycle("backup")
    packed = kept.root / "away" / names(kept)[0]
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    assert run(kept, "restore", "--drill")[0] == 1
    other = kept.root / "other.db"
    with built.copy(kept.root / "built").store() as store:
        with store.transaction():
            store.ledger.append("note", "another life", {}, kept.clock.now())
        backup(store, other)
    assert answer(kept, "restore", "--drill", str(other), code=1)["ours"] is False


def test_what_was_uploaded_is_read_back_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    depot, source = Depot("away", tmp_path), tmp_path / "store.db"
    source.write_bytes(os.urandom(3_000_000))
    depot.put(source, "holdpoint-20261125T034500Z-1.db.zst")
    depot.fetch("holdpoint-20261125T034500Z-1.db.zst", tmp_path / "back.db")
    assert (tmp_path / "back.db").read_bytes() == source.read_bytes()
    move = depot._packed

    def flipped(path: Path, key: str) -> bytes:
        digest = move(path, key)
        written = bytearray(Path(key).read_bytes())
        written[1_000_000] ^= 1
        Path(key).write_bytes(written)
        return digest

    monkeypatch.setattr(depot, "_packed", flipped)
    with pytest.raises(StoreError):
        depot.put(source, "holdpoint-20261125T034501Z-2.db.zst")
    assert [each.rows for each in depot.all()] == [1]
    assert len([*(tmp_path / "away").iterdir()]) == 1


def test_leftovers_of_backups_that_were_killed_are_swept(kept: Lab) -> None:
    old, young = kept.root / ".backup-old", kept.root / ".backup-young"
    old.mkdir()
    young.mkdir()
    now = kept.clock.now().timestamp()
    os.utime(old, (now - 2 * 86400,) * 2)
    os.utime(young, (now,) * 2)
    kept.cycle("backup")
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("url", ["", "s3://", "s3://key:secret@bucket/x"])
def test_a_wrong_place_is_refused_by_the_settings(lab: Lab, url: str) -> None:
    with lab.config.open("a") as settings:
        settings.write(f'[backup]\nurl = "{url}"\n')
    with pytest.raises(SettingsError, match=r"backup\.url"):
        Settings.load(lab.config)


def test_terms_of_another_schedule_are_due_by_the_newest_backup_alone(kept: Lab) -> None:
    terms = kept.settings.backup
    assert terms is not None
    with kept.store() as store:
        assert backups.is_due(store, terms, kept.clock.now())
        backups.make(store, kept.settings, terms, kept.clock.now())
        assert not backups.is_due(store, terms, kept.clock.now())
        assert backups.is_due(store, terms, kept.clock.now() - timedelta(hours=1))  # the clock was set back
