"""A full disk, a limit and a read-only file system hold with a clear reason, lose nothing, and end by themselves."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from lab import Lab, rung

from checkpoints_db.records import Answer, Reason
from monitor.clock import SystemClock


def held(lab: Lab, run: str = "s6") -> str:
    state = lab.ask(run)
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.fault), state.sentence
    return state.sentence


@pytest.fixture
def going(ladder: Lab) -> Lab:
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO
    return ladder


@pytest.fixture
def small(going: Lab, tmp_path: Path) -> Iterator[Lab]:
    """The lab on a disk of its own, with a megabyte and a half to spare."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = sum(path.stat().st_size for path in going.root.rglob("*")) // 1024 + 1500
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], capture_output=True).returncode:  # noqa: PLW1510
        pytest.skip("no file system may be mounted here")
    try:
        yield going.copy(disk / "lab")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(lab: Lab) -> Path:
    """Take all that is left of the disk."""
    ballast = lab.root / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        try:
            while stream.write(b"x" * 4096):
                pass
        except OSError:
            return ballast
    raise AssertionError("the disk never filled up")


def test_a_full_disk_holds_says_so_and_loses_nothing(small: Lab) -> None:
    assert small.ask("s6").answer == Answer.GO
    small.arrive(rung(6, loss=1.0, run="s7", flop=5e22), "s7.csv")
    with small.store() as store:
        head = store.ledger.head
    ballast = fill(small)
    assert "disk is full" in held(small)
    assert "free space" in held(small)
    assert not small.cycle()
    assert "full" in held(small)
    ballast.unlink()
    assert small.cycle()
    assert (small.ask("s6").answer, small.ask("s7").answer) == (Answer.GO, Answer.PAUSE)
    with small.store() as store:
        assert store.ledger.verify()[0] > head[0]
        assert len(store.evidence.results(run="s7")) == 2


def test_a_read_only_file_system_holds_and_says_so(small: Lab) -> None:
    disk = small.root.parent
    small.arrive(rung(6, loss=1.0, run="s7", flop=5e22), "s7.csv")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert "read-only" in held(small)
    assert not small.cycle()
    assert "read-only" in held(small)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert small.cycle()
    assert (small.ask("s6").answer, small.ask("s7").answer) == (Answer.GO, Answer.PAUSE)


def test_an_upgrade_without_room_for_its_copy_holds_and_goes_on_when_there_is_room(small: Lab) -> None:
    path = small.root / "holdpoint.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:  # as the version before retention left it
        file.execute("DROP TRIGGER items_refuses_update")
        file.execute("ALTER TABLE items DROP COLUMN forgotten")
        file.execute("DELETE FROM _sqlite_migrations WHERE name = 'm019_retention'")
    ballast = fill(small)
    ballast.write_bytes(ballast.read_bytes()[: -(1 << 20) - (1 << 17)])  # room to work, and not to copy
    assert not small.cycle()
    assert "full for a copy" in held(small)
    assert not [*small.root.glob("holdpoint.db.m0*")]
    subprocess.run(["mount", "-o", "remount,size=16m", str(small.root.parent)], check=True)
    assert small.cycle()
    assert small.ask("s6").answer == Answer.GO
    assert len([*small.root.glob("holdpoint.db.m0*")]) == 1


def test_a_daemon_that_may_not_write_raises_a_flag_and_takes_it_down(ladder: Lab) -> None:
    """A limit of the daemon alone: whoever asks has room, and would not see it."""
    ladder.clock = SystemClock()  # type: ignore[assignment]
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    command = [sys.executable, "-m", "monitor", "daemon", "run", "--once", "--config", str(ladder.config)]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (12288, 12288))

    done = subprocess.run(command, preexec_fn=limited, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    said = held(ladder)
    assert "disk" in said or "written" in said, said
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert not (ladder.root / "holdpoint.db.fault").exists()
    assert ladder.ask("s6").answer == Answer.PAUSE


def test_a_store_that_is_not_ours_to_write_holds(going: Lab) -> None:
    if os.getuid() == 0:
        pytest.skip("root may write everywhere")
    (going.root / "holdpoint.db").chmod(0o444)
    held(going)


def test_a_flag_that_cannot_be_read_holds_too(going: Lab) -> None:
    (going.root / "holdpoint.db.fault").mkdir()
    assert "cannot be read" in held(going)
    shutil.rmtree(going.root / "holdpoint.db.fault")
    (going.root / "holdpoint.db.fault").write_text("")
    assert "could not be told" in held(going)
