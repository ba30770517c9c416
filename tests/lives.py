"""A lab that has lived through a little of everything, and the file of its store as an intruder would change it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from item_logs import ItemLab, answers, write_log
from lab import Lab, rung

from checkpoints_db.chain import GENESIS, link
from checkpoints_db.records import DrillStep, FireDrill
from checkpoints_db.records.access import Role
from checkpoints_db.signing import SigningKey
from monitor import lease, people
from monitor.review import Desk


def busy(root: Path) -> Lab:
    """History, items, news, conflicts, a quarantine, a late place, lost messages, and what people decided."""
    lab = ItemLab(root)
    lab.policy.write_text('notify = ["log", "file", "away"]\n' + lab.policy.read_text())
    with lab.config.open("a") as settings:
        settings.write('[receivers.away]\nkind = "alertmanager"\nurl = "http://127.0.0.1:9"\n')  # nobody listens
    lab.baseline([{**row, "run": "t"} for row in rung(0)], "t.csv")
    lab.comes(6, *answers(6))
    lab.arrive(rung(6, loss=1.0, run="i7"), "i7.csv")
    lab.arrive(rung(6, loss=1.2, run="i7"), "again.csv")
    (lab.inbox / "broken.csv").write_text("family,run\nlab")
    write_log(lab.inbox / "who", "paper/unknown", *answers(3), second=9)
    (lab.root / "alerts.jsonl").unlink()
    (lab.root / "alerts.jsonl").mkdir()  # nothing can be delivered
    lab.cycle()
    lab.arrive(rung(6, loss=1.1, run="i8"), "whole.csv")
    with (lab.root / "models.csv").open("a") as stream:
        stream.write("lab,who,paper/unknown,1e6,1e18\n")
    (lab.root / "alerts.jsonl").rmdir()
    lab.clock.sleep(4000)
    lab.cycle()
    with lab.store() as store:
        desk = lab.desk(store)
        firing = [alert for alert in store.actions.alerts() if alert.state == "firing"]
        desk.acknowledge(firing[0].id, by="ada", comment="seen", until=lab.later(hours=1))
        speak_of(desk, firing[1].id)
        gate = next(gate for gate in store.actions.gates() if gate.run == "i7")
        for who in ("ada", "bob"):
            desk.release("lab", "i7", by=who, reason="looked at it", evidence=gate.evidence)
    lab.clock.sleep(2 * 3600)
    lab.cycle()
    drilled(lab)
    lease_and_revoke(lab)
    people_and_tokens(lab)
    return lab


def people_and_tokens(lab: Lab) -> None:
    """Somebody may come in, and somebody no longer; of two tokens one is taken back."""
    at = lab.clock.now()
    with lab.store() as store:
        ada = people.make(store, "Ada", [Role.admin, Role.safety], "correct horse battery", by="ada", at=at)
        people.make(store, "bob", [Role.viewer], None, by="ada", at=at)
        people.change(store, "bob", "roles", roles=[Role.auditor], by="ada", at=at)
        people.change(store, "bob", "disabled", by="ada", at=at)
        for label in ("kept", "lost"):
            token, _ = people.make_token(
                store, "ada", by="ada", at=at, until=lab.later(days=1), actions=["read"], label=label
            )
        people.revoke_token(store, token.id, by="ada", at=at)
        people.begin(store, ada, "password", at, people.Life(idle=timedelta(hours=1), longest=timedelta(hours=2)))
    lab.clock.sleep(60)


def speak_of(desk: Desk, alert: str) -> None:
    """What people may say of an alert, one of each kind."""
    desk.assign(alert, by="ada", to="bob", text="yours")
    desk.ask(alert, by="ada", reviewer="bob", question="is it the harness?")
    desk.comment(alert, by="bob", text="it is")
    desk.attach(alert, by="bob", url="https://example.org/log", title="its log")
    desk.false_alarm(alert, by="bob", cause="harness_change", reason="answers are trimmed otherwise")


def drilled(lab: Lab) -> None:
    """A fire drill that began and came to something."""
    at = lab.clock.now()
    drill = FireDrill(id="0123456789ab", by="ada", at=at, until=lab.later(minutes=9), within=60)
    steps = (DrillStep(what="alert", seconds=0.4, within=60), DrillStep(what="message", to="away", within=60))
    with lab.store() as store, store.transaction():
        store.drills.put(drill, at)
        ended = {"state": "failed", "ended_at": lab.later(minutes=1), "steps": steps}
        store.drills.put(drill.model_copy(update=ended), lab.later(minutes=1))


def lease_and_revoke(lab: Lab) -> None:
    """A run that was released gets a lease, and somebody takes it back."""
    key = SigningKey.from_seed(bytes(32))
    with lab.store() as store:
        lease.issue(store, lab.settings, "lab/i7", key, lab.clock.now())
        lease.revoke(store, "lab", "i7", key, lab.later(minutes=1), by="ada", reason="wrong data")
    lab.clock.sleep(120)


def changed(path: Path, *statements: tuple[str, Sequence[Any]]) -> None:
    """Change the file of a store as somebody without our code would."""
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for sql, args in statements:
            connection.execute(sql, args)
        connection.commit()


def chained_anew(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a ledger of these rows whose chain holds."""
    statements: list[tuple[str, Sequence[Any]]] = [("DELETE FROM ledger", ())]
    previous = GENESIS
    for seq, row in enumerate(rows, 1):
        digest = link(seq, row["at"], row["kind"], row["subject"], row["body"], previous)
        told = (seq, row["at"], row["kind"], row["subject"], row["body"], previous, digest)
        statements.append(("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)", told))
        previous = digest
    changed(path, *statements)


def ledger_of(path: Path) -> list[dict[str, Any]]:
    """Every row of a ledger as it stands in the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM ledger ORDER BY seq")]


def dumped(path: Path, *but: str) -> dict[str, list[Any]]:
    """Every table of a store, row for row, in order of its key."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith(("sqlite_", "_")) and name not in but
        ]
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in names}  # noqa: S608


def as_json(rows: Sequence[dict[str, Any]]) -> str:
    """For messages of failing tests."""
    return json.dumps(rows, indent=1)
