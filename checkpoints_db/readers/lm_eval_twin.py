"""A second process that goes through half of a large samples file while this one goes through the other.

Both take stretches of the file, as many as each gets done, so a busy or missing second processor costs nothing. It is a
process of its own that gets its orders and gives its arrays through pipes: nothing is forked below a daemon's threads,
and no program that reads a file is started a second time. Where it cannot start, or ends early, this process does all
of the work; where a stretch is damaged, the file is read from its beginning in one go, which says what is wrong where.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import IO, Any

import msgspec
import numpy as np

from checkpoints_db.errors import EvidenceError
from checkpoints_db.readers.json_lines import MAX_LINE
from checkpoints_db.readers.lm_eval_stretch import Stretch
from checkpoints_db.readers.strict import opened

LARGE = 64 * 1024 * 1024
"""Bytes from which on a file is worth a second process."""
STRETCH = 16 * 1024 * 1024
"""Bytes of a file that are gone through at a time then."""
_MODULE = "checkpoints_db.readers.lm_eval_second"
_LENGTH = 8
"""Bytes of the length before each message."""
_FAILED = (OSError, ValueError, msgspec.MsgspecError)
Bounds = tuple[int, int, int]
"""Number of a stretch, and where in the file it begins and ends."""
Taken = dict[str, Any]


def taken_by_two(path: Path, stretch: Callable[[], Stretch], job: dict[str, Any]) -> list[Taken]:
    """What was kept of the rows on the lines of a file, stretch by stretch.

    `stretch` begins one, `job` is what a second process needs to begin the same. Raises IncompleteResult and
    UnreadableFile as `Stretch.through_lines` does.
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
    if size >= LARGE and _processors() > 1:
        try:
            return _shared(path, size, stretch, {**job, "path": str(path.absolute())})
        except EvidenceError:
            pass  # the numbers of its lines would be those of the stretch
    whole = stretch()
    whole.through_lines()
    return [whole.taken()]


def _shared(path: Path, size: int, stretch: Callable[[], Stretch], job: dict[str, Any]) -> list[Taken]:
    waiting = deque(bounds_of(path, size))
    done: dict[int, Taken] = {}
    with second_process(job) as second, ThreadPoolExecutor(1) as thread:
        ready = Event()
        beside = thread.submit(ask, second, waiting, done, ready)
        try:
            work(stretch, waiting, done)
        finally:
            waiting.clear()
            if second and not ready.is_set():  # it is not waited for: it has not begun
                second.kill()
        left = beside.result()
    if left:
        work(stretch, deque([left]), done)
    return [done[number] for number in sorted(done)]


def work(stretch: Callable[[], Stretch], waiting: deque[Bounds], done: dict[int, Taken]) -> None:
    """Go through the stretches that wait, from the first on."""
    while waiting:
        try:
            number, start, end = waiting.popleft()
        except IndexError:  # the other one was faster
            return
        mine = stretch()
        mine.through_lines(start, end)
        done[number] = mine.taken()


def ask(
    second: subprocess.Popen[bytes] | None, waiting: deque[Bounds], done: dict[int, Taken], ready: Event
) -> Bounds | None:
    """Let the second process go through those that wait, from the last on; the one it did not get done, if any."""
    if second is None:
        return None
    bounds, (orders, answers) = None, _ends(second)
    try:
        received(answers)
        ready.set()
        while waiting:
            bounds = waiting.pop()
            send(orders, bounds[1:])
            found = received(answers)
            if found is None:  # damaged: this process will see it too
                return bounds
            done[bounds[0]], bounds = found, None
    except IndexError:  # the other one was faster
        return None
    except _FAILED:
        return bounds
    return None


def bounds_of(path: Path, size: int) -> Iterator[Bounds]:
    """Stretches of whole lines; the first begins with the file, mark of the byte order included."""
    with opened(path) as file:
        start = number = 0
        while start < size:
            file.seek(start + STRETCH)
            file.readline(MAX_LINE)  # a line above it is refused in its stretch
            end = min(file.tell(), size)
            yield number, start, end
            start, number = end, number + 1


@contextmanager
def second_process(job: dict[str, Any]) -> Iterator[subprocess.Popen[bytes] | None]:
    """The second process, None where it cannot start; it ends with the pipes."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    quiet = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}
    command, pipe = [sys.executable, "-m", _MODULE], subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=quiet)  # noqa: S603
    except OSError:
        yield None
        return
    with process:
        try:
            yield process if _told(process, job) else None
        finally:
            process.kill()
            with suppress(BrokenPipeError):  # of what it was not told any more
                _ends(process)[0].close()


def _told(process: subprocess.Popen[bytes], job: dict[str, Any]) -> bool:
    try:
        send(_ends(process)[0], job)
    except OSError:
        return False
    return True


def _ends(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """Where it reads, and where it writes."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("a process without pipes")
    return process.stdin, process.stdout


def send(file: IO[bytes], message: Any) -> None:
    """Write a message of plain values and arrays."""
    body = msgspec.msgpack.encode(message, enc_hook=_as_bytes)
    file.write(len(body).to_bytes(_LENGTH, "big") + body)
    file.flush()


def received(file: IO[bytes]) -> Any:
    """The next message. Raises ValueError when there is none, or not all of it."""
    length = int.from_bytes(file.read(_LENGTH), "big")
    body = file.read(length)
    if not length or len(body) < length:
        raise ValueError("no message")
    return msgspec.msgpack.decode(body, ext_hook=_as_array)


def _as_bytes(array: Any) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(ord(array.dtype.char), array.tobytes())


def _as_array(code: int, data: memoryview) -> Any:
    return np.frombuffer(bytes(data), dtype=chr(code))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
