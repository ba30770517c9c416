"""The inbox: folders and object stores, what is passed over, what is settled, and what a rescan costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import fsspec
import pytest
from lab import START, Lab, rung, write_table
from pydantic import ValidationError

from checkpoints_db import Store
from checkpoints_db.errors import SettingsError, Unreachable
from checkpoints_db.records import Answer
from monitor.clock import VirtualClock
from monitor.daemon import inbox
from monitor.daemon.inbox import Bucket, Folder, Look
from monitor.daemon.spool import Spool
from monitor.settings import Settings, Source

SETTLE = timedelta(seconds=1)


def names(root: Path, pattern: str = "**/*") -> list[str]:
    return [str(Path(name).relative_to(root.resolve())) for name in Folder(root, pattern).looks()]


def make(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(file)


# -- folders -----------------------------------------------------------------------------------------------------------


def test_hidden_and_growing_names_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, "b.json", "a/c.json", ".git/x.json", "a/.hidden", "y.tmp", "z.part", "w~", "old.tmp/d.json")
    assert names(tmp_path) == ["a/c.json", "b.json", "old.tmp/d.json"]


@pytest.mark.parametrize(
    "pattern",
    ["**/*", "*", "*.json", "**/*.json", "run-*/*.json", "run-1/*", "**/deep/*", "run-?/deep/**/*", "[ab].json"],
)
def test_a_pattern_means_what_pathlib_means_by_it(tmp_path: Path, pattern: str) -> None:
    make(
        tmp_path,
        "a.json",
        "b.csv",
        "run-1/a.json",
        "run-2/b.txt",
        "run-2/deep/c.json",
        "run-2/deep/er/d.json",
        "x/deep/e",
    )
    expected = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.glob(pattern) if p.is_file())
    assert names(tmp_path, pattern) == expected
    assert expected


def test_links_that_lead_outside_or_round_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path / "out", "secret.json")
    root = tmp_path / "in"
    make(root, "real.json")
    (root / "inside.json").symlink_to(root / "real.json")
    (root / "outside.json").symlink_to(tmp_path / "out" / "secret.json")
    (root / "outdir").symlink_to(tmp_path / "out")
    (root / "ring").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    (root / "gone").symlink_to(root / "nothing")
    assert names(root) == ["inside.json", "real.json"]
    assert names(root, "outdir/*") == []


def test_a_literal_name_does_not_walk_the_folders_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a[1].json", "a1.json", "deep/er/a1.json")
    looked: list[str] = []
    entries = Folder._entries
    monkeypatch.setattr(Folder, "_entries", lambda s, f, levels: (looked.append(f), entries(s, f, levels))[1])
    assert names(tmp_path, "a[[]1].json") == ["a[1].json"]
    assert looked == [str(tmp_path.resolve())]


def test_a_folder_nobody_may_open_is_said_and_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("monitor.daemon.inbox.folder.os.scandir", refused)
    with pytest.raises(Unreachable, match=r"Permission denied.*gates hold"):
        Folder(tmp_path, "**/*").looks()


def test_a_folder_that_is_not_made_yet_is_empty(tmp_path: Path) -> None:
    assert Folder(tmp_path / "later", "**/*").looks() == {}


def test_a_known_file_is_not_read_again_and_a_changed_one_is(store: Store, tmp_path: Path) -> None:
    clock, source = VirtualClock(START), Source(path=tmp_path / "in")
    make(tmp_path / "in", "a.json", "b.json")
    found = inbox.arrivals(store, [source], tmp_path, clock, SETTLE)
    assert [Path(f.path).name for f in found] == ["a.json", "b.json"]
    with store.transaction():
        for file in found:
            store.evidence.put_file(file.model_copy(update={"status": "read"}), clock.now())
    before = clock.now()
    assert inbox.arrivals(store, [source], tmp_path, clock, SETTLE) == []
    assert clock.now() == before  # nothing fresh: nobody waits
    (tmp_path / "in" / "a.json").write_text("otherwise")
    (again,) = inbox.arrivals(store, [source], tmp_path, clock, SETTLE)
    assert again.sha256 == inbox.sha256_of(tmp_path / "in" / "a.json")


def test_a_rescan_asks_the_store_once_however_many_files_there_are(store: Store, tmp_path: Path) -> None:
    clock, source = VirtualClock(START), Source(path=tmp_path / "in")
    asked = []
    for count in (3, 30):
        make(tmp_path / "in", *(f"{i}.json" for i in range(count)))
        for file in inbox.arrivals(store, [source], tmp_path, clock, SETTLE):
            with store.transaction():
                store.evidence.put_file(file.model_copy(update={"status": "read"}), clock.now())
        statements: list[str] = []
        store.evidence._tables._db.conn.set_trace_callback(statements.append)
        assert inbox.arrivals(store, [source], tmp_path, clock, SETTLE) == []
        store.evidence._tables._db.conn.set_trace_callback(None)
        asked.append(len(statements))
    assert asked[0] == asked[1] < 12


# -- object stores -----------------------------------------------------------------------------------------------------


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[fsspec.AbstractFileSystem]:
    """An object store in memory, empty before and after."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    yield files
    files.store.clear()


def behind(lab: Lab, url: str = "memory://bucket/runs") -> None:
    lab.config.write_text(lab.config.read_text().replace('path = "inbox"', f'url = "{url}"'))


def table_of(lab: Lab, rows: list[dict[str, object]]) -> bytes:
    return write_table(lab.root / "written.csv", rows).read_bytes()


def test_a_result_in_an_object_store_walks_to_the_gate(ladder: Lab, remote: fsspec.AbstractFileSystem) -> None:
    behind(ladder)
    remote.pipe("/bucket/runs/deep/s6.csv", table_of(ladder, rung(6)))
    remote.pipe("/bucket/elsewhere/s7.csv", b"not ours to see")
    assert ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO
    with ladder.store() as store:
        (file,) = [f for f in store.evidence.files() if f.path.endswith("s6.csv")]
        assert store.evidence.origins(file.sha256) == ["memory://bucket/runs/deep/s6.csv"]
        assert Path(file.path).is_relative_to(ladder.root.resolve() / "spool")
        head = store.ledger.head
        assert len(store.evidence.files()) == 2
    assert ladder.cycle("scan")
    with ladder.store() as store:
        assert store.ledger.head == head  # seen again, and nothing of it is news


def test_samples_find_their_results_in_the_spool(lab: Lab, remote: fsspec.AbstractFileSystem) -> None:
    behind(lab)
    data = Path(__file__).parents[2] / "data" / "readers" / "lm_eval_0_4_13"
    for path in data.iterdir():
        remote.pipe(f"/bucket/runs/m1/{path.name}", path.read_bytes())
    assert lab.cycle("scan")
    with lab.store() as store:
        assert {f.status for f in store.evidence.files()} == {"read"}
        assert len(store.evidence.files()) == len(list(data.iterdir()))


def test_an_object_that_is_replaced_while_it_settles_is_left_alone(
    store: Store, tmp_path: Path, remote: fsspec.AbstractFileSystem
) -> None:
    source = Source(url="memory://bucket")
    remote.pipe("/bucket/a.json", b"{}")

    class Busy(VirtualClock):
        """While the daemon waits, a writer replaces the object by one of the same size."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            remote.pipe("/bucket/a.json", b"[]")

    assert inbox.arrivals(store, [source], tmp_path, Busy(START), SETTLE) == []
    (file,) = inbox.arrivals(store, [source], tmp_path, VirtualClock(START), SETTLE)
    assert Path(file.path).read_bytes() == b"[]"


def test_hidden_growing_and_unwanted_objects_are_passed_over(tmp_path: Path, remote: fsspec.AbstractFileSystem) -> None:
    for name in ("a.json", ".hidden/b.json", "c.json.part", "d.csv", "deep/e.json"):
        remote.pipe(f"/bucket/{name}", b"{}")
    remote.pipe("/bucket2/f.json", b"{}")
    assert list(Bucket("memory://bucket", "**/*.json", Spool(tmp_path)).looks()) == [
        "memory://bucket/a.json",
        "memory://bucket/deep/e.json",
    ]
    assert list(Bucket("memory://bucket/", "*", Spool(tmp_path)).looks()) == [
        "memory://bucket/a.json",
        "memory://bucket/d.csv",
    ]


def test_a_url_of_one_object_is_told_and_not_passed_over(tmp_path: Path, remote: fsspec.AbstractFileSystem) -> None:
    remote.pipe("/bucket/a.json", b"{}")
    with pytest.raises(Unreachable, match="one object"):
        Bucket("memory://bucket/a.json", "**/*", Spool(tmp_path)).looks()


def test_an_object_that_is_gone_or_has_grown_is_not_kept(tmp_path: Path, remote: fsspec.AbstractFileSystem) -> None:
    bucket = Bucket("memory://bucket", "**/*", Spool(tmp_path / "spool"))
    remote.pipe("/bucket/a.json", b"{}")
    name, look = next(iter(bucket.looks().items()))
    assert bucket.keep(name, look) is not None
    remote.pipe("/bucket/a.json", b"{} and more")
    assert bucket.keep(name, look) is None
    remote.rm("/bucket/a.json")
    assert bucket.looks([name]) == {}
    assert bucket.keep(name, look) is None
    assert [p.name for p in (tmp_path / "spool").rglob("*") if p.is_file()] == ["a.json"]  # no half file is left


def test_an_object_that_is_too_large_is_not_fetched_and_told(
    ladder: Lab, remote: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket("memory://bucket", "**/*", Spool(ladder.root / "spool"), limit=10)
    remote.pipe("/bucket/large.csv", b"x" * 11)
    (name,) = bucket.looks()
    kept = bucket.keep(name, Look(11, 1))
    assert kept is not None
    assert not kept.path.exists()
    monkeypatch.setattr("monitor.daemon.inbox.bucket.LIMIT", 10)
    monkeypatch.setattr("monitor.watch.MAX_BYTES", 10)
    monkeypatch.setattr(Bucket.__init__, "__defaults__", (10,))
    behind(ladder, "memory://bucket")
    assert ladder.cycle("scan")
    with ladder.store() as store:
        (file,) = store.evidence.files("quarantined")
    assert "11 bytes are more than the limit of 10" in file.reason
    assert "memory://bucket/large.csv" in file.reason


def test_what_came_by_url_and_cannot_be_read_names_the_url(ladder: Lab, remote: fsspec.AbstractFileSystem) -> None:
    behind(ladder)
    remote.pipe("/bucket/runs/bad.csv", b"family,run,flop,task,metric,value\nlab,s9,1e24,sums,acc,nan\n")
    assert ladder.cycle()
    with ladder.store() as store:
        (file,) = store.evidence.files("quarantined")
        assert "column value" in file.reason
        assert "fetched from memory://bucket/runs/bad.csv" in file.reason
        assert [a.sentence for a in store.actions.alerts()] == [file.reason]


def test_a_store_that_does_not_answer_holds_every_gate(ladder: Lab, remote: fsspec.AbstractFileSystem) -> None:
    ladder.arrive(rung(6), "s6.csv")
    assert ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO
    whole = ladder.config.read_text()
    ladder.config.write_text(f'{whole}\n[[source]]\nurl = "nosuch://bucket"\n')
    assert not ladder.cycle("scan")
    state = ladder.ask("s6")
    assert state.answer == Answer.HOLD
    assert "nosuch://bucket: cannot be reached" in state.sentence
    ladder.config.write_text(whole)
    assert ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO


def test_the_look_of_an_object_changes_with_its_etag() -> None:
    one = Bucket._look("x", {"size": 3, "ETag": "a", "LastModified": START})
    assert one == Bucket._look("x", {"size": 3, "ETag": "a", "LastModified": START, "StorageClass": "COLD"})
    assert one != Bucket._look("x", {"size": 3, "ETag": "b", "LastModified": START})
    assert 0 <= one.stamp < 2**63


# -- the spool and the settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["..", ".", "", "a\0b", "a\nb", "x" * 300, "é" * 150, "a\\b", "\ud800"])
def test_no_name_leads_out_of_the_spool(tmp_path: Path, name: str) -> None:
    spool = Spool(tmp_path / "spool")
    path = spool.place("s3://bucket/../../etc", name)
    assert path.resolve().parent.parent == (tmp_path / "spool").resolve()
    spool.write(path, [b"x"], 1, name)
    assert path.read_bytes() == b"x"
    assert path != spool.place("s3://bucket", name)


def test_the_spool_writes_whole_or_not_at_all(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    path = spool.place("u", "a.json")

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        spool.write(path, broken(), 100, "a.json")
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, "give path, or url"),
        ({"path": "a", "url": "s3://b/c"}, "give path, or url"),
        ({"url": "s3:/b"}, "not one URL"),
        ({"url": "zip://x::s3://b/c"}, "not one URL"),
        ({"url": "file:///etc"}, "write it as path"),
        ({"url": "s3://key:secret@bucket"}, "credentials"),
        ({"path": "a", "pattern": "a**"}, "not a path below the source"),
        ({"path": "a", "pattern": "/etc/*"}, "not a path below the source"),
    ],
)
def test_a_source_that_cannot_be_meant_is_refused(tmp_path: Path, keys: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Source.model_validate(keys)
    config = tmp_path / "holdpoint.toml"
    config.write_text("[[source]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
    with pytest.raises(SettingsError, match=told):
        Settings.load(config)
