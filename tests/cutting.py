"""The power fails before a statement that changes something: it, and all that follow, do not happen."""

from __future__ import annotations

from typing import Any

from checkpoints_db import Store
from monitor.daemon.jobs import Jobs


class PowerCut(BaseException):
    """The machine stops here."""


class Wire:
    """A connection that dies before its n-th statement that changes something; BEGIN and COMMIT are such, too."""

    def __init__(self, connection: Any, jobs: Failing) -> None:
        self._connection, self._jobs = connection, jobs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *args: Any) -> Any:
        if not sql.lstrip().lower().startswith(("select", "pragma", "rollback")):
            self._jobs.step()
        return self._connection.execute(sql, *args)


class Failing(Jobs):
    """Jobs on a store whose n-th statement is a power cut."""

    def __init__(self, *args: Any, statements: float) -> None:
        super().__init__(*args)
        self.left, self.seen = statements, 0

    def step(self) -> None:
        self.seen += 1
        if self.seen > self.left:
            raise PowerCut

    def _open(self) -> Store:
        store = super()._open()
        store._tables._db.conn = Wire(store._tables._db.conn, self)
        return store
