"""What is pushed lies whole in the spool, once, however often and at whatever moment it comes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from monitor.daemon.spool import Held, Spool

NAMES = (PurePosixPath("m1/results.json"), PurePosixPath("samples.jsonl"))


def hold(spool: Spool, gate: threading.Barrier | None = None) -> tuple[Held, ...]:
    def chunks(name: PurePosixPath) -> Iterator[bytes]:
        yield str(name).encode()
        if gate is not None and name == NAMES[-1]:
            gate.wait(10)

    return spool.hold("pushed", [(name, chunks(name)) for name in NAMES], 100)


def lying(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root / "pushed")).partition("/")[2] for path in root.rglob("*") if path.is_file()
    )


def test_the_same_push_once_more_leaves_what_is_sound_alone_and_mends_what_is_not(tmp_path: Path) -> None:
    first = hold(Spool(tmp_path))
    results, samples = (Path(one.path) for one in first)
    looked = samples.stat()
    results.write_bytes(b"damaged since")
    assert hold(Spool(tmp_path)) == first
    assert results.read_bytes() == b"m1/results.json"
    assert (samples.stat().st_ino, samples.stat().st_mtime_ns) == (looked.st_ino, looked.st_mtime_ns)
    assert lying(tmp_path) == sorted(map(str, NAMES))


def test_the_same_push_from_many_at_one_moment_lies_there_once(tmp_path: Path) -> None:
    for attempt in range(5):
        spool, gate = Spool(tmp_path / str(attempt)), threading.Barrier(8)
        found: list[tuple[Held, ...]] = []
        pushing = [threading.Thread(target=lambda s=spool, g=gate, f=found: f.append(hold(s, g))) for _ in range(8)]
        for thread in pushing:
            thread.start()
        for thread in pushing:
            thread.join()
        assert len(found) == 8
        assert len(set(found)) == 1
        assert lying(spool.root) == sorted(map(str, NAMES))
