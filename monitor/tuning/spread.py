"""The same question asked of many runs: here, in processes of this machine, or on a dask cluster."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from typing import Any, Protocol

from checkpoints_db.errors import HoldpointError
from monitor.replay.over import processes
from monitor.tuning.looking import Job, Looked, look

Tell = Callable[[int, int], None]
"""Told how many jobs are done, and of how many."""


class NoCluster(HoldpointError):
    """The cluster cannot be asked."""


class Spread(Protocol):
    """Where jobs are done. The answers come in the order of the jobs, whoever was first."""

    def __call__(self, jobs: Sequence[Job], tell: Tell) -> list[Looked]:
        """The answer to every job."""


def here(jobs: Sequence[Job], tell: Tell) -> list[Looked]:
    """One after another in this process."""
    out = []
    for done, job in enumerate(jobs, 1):
        out.append(look(job))
        tell(done, len(jobs))
    return out


def on_cores(workers: int) -> Spread:
    """In so many processes that start afresh, each with one thread for linear algebra."""

    def ask(jobs: Sequence[Job], tell: Tell) -> list[Looked]:
        if workers <= 1 or len(jobs) <= 1:
            return here(jobs, tell)
        with processes(min(workers, len(jobs))) as pool:
            asked = [pool.submit(look, job) for job in jobs]
            for done, future in enumerate(as_completed(asked), 1):
                future.result()
                tell(done, len(jobs))
            return [future.result() for future in asked]

    return ask


def on_dask(address: str) -> Spread:
    """On the workers of the dask cluster whose scheduler is at `address`.

    They need this holdpoint, and the store or the logs under the same path. Dask sends functions and answers as pickle
    inside its own protocol: who can reach the scheduler can run code on its workers, so it belongs behind the lab's own
    walls (TLS is `tls://` and dask's own configuration). Raises NoCluster where dask is missing or nobody answers.
    """

    def ask(jobs: Sequence[Job], tell: Tell) -> list[Looked]:
        with _client(address) as (client, completed):
            # The jobs are not pure in dask's sense: a store may have grown since a job of the same name was done.
            asked = client.map(look, jobs, pure=False)
            for done, _ in enumerate(completed(asked, loop=client.loop), 1):
                tell(done, len(jobs))
            found: Iterable[Looked] = client.gather(asked)
            return list(found)

    return ask


@contextmanager
def _client(address: str) -> Iterator[tuple[Any, Any]]:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise NoCluster("--dask needs dask; install it with `pip install 'holdpoint[cluster]'`") from error
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        why = f"no dask scheduler answers at {address!r} ({error}); write it as tcp://HOST:8786, and start one with "
        raise NoCluster(f"{why}`dask scheduler`") from error
    try:
        yield client, distributed.as_completed
    finally:
        client.close()
