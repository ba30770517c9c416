"""A lab whose messages go out: receivers that are there, routes, and alerts about files without a walk."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from lab import Lab

from checkpoints_db import Store
from checkpoints_db.records import Alert, Answer, Finding, Level, Reason
from monitor import alerts, notify
from monitor.settings import Settings
from policies.loader import find
from policies.schema import Policy

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class House:
    """A lab with a policy of its own routes and settings of its own receivers."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.clock = lab, lab.clock
        self._read: tuple[str, Policy | None] = ("", None)

    def receivers(self, *tables: str, web: str = "") -> Settings:
        head = self.lab.config.read_text().split("[receivers.")[0].split("[web]")[0]
        self.lab.config.write_text(head + web + "\n" + "\n".join(tables) + "\n")
        return self.lab.settings

    def routes(self, text: str) -> None:
        lines = self.lab.policy.read_text().split("# routes\n")[0]
        self.lab.policy.write_text(f"{lines}\n# routes\n{text}\n")

    def notify(self, *names: str) -> None:
        listed = ", ".join(f'"{name}"' for name in names)
        self.lab.policy.write_text(f"notify = [{listed}]\n" + self.lab.policy.read_text())

    def deliver(self, store: Store) -> tuple[int, int, dict[str, str]]:
        return notify.deliver(store, self.lab.settings, self.clock, self.policy)

    def later(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)

    @property
    def policy(self) -> Policy:
        text = self.lab.policy.read_text()
        if self._read[0] != text:
            self._read = (text, find(str(self.lab.policy)))
        assert self._read[1] is not None
        return self._read[1]

    def trouble(self, store: Store, subject: str, sentence: str = "cannot be read", rule: str = "quarantine") -> Alert:
        told = self.policy.notify
        with store.transaction():
            (alert,) = alerts.raise_about(store, rule, subject, f"{subject}: {sentence}", told, self.clock.now())
        return alert

    def settle(self, store: Store, subject: str, rule: str = "quarantine") -> None:
        told = self.policy.notify
        with store.transaction():
            alerts.settle_about(store, rule, subject, told, self.clock.now())


def webhook_table(name: str = "hook", **more: str) -> str:
    extra = "".join(f"\n{key} = {value}" for key, value in more.items())
    return f'[receivers.{name}]\nkind = "webhook"\nurl_file = "{name}.url"\nsecret_files = ["secret"]{extra}'


def an_alert(
    answer: Answer = Answer.HOLD,
    *,
    family: str = "lab",
    run: str = "s6",
    rule: str = "break",
    kind: str = "",
    **more: object,
) -> Alert:
    """An alert that nothing raised."""
    finding = Finding(
        rule=rule, kind=kind or rule, level=Level.soft, answer=answer, reason=Reason.broken, sentence="it broke"
    )
    name = alerts.fingerprint(family, run, rule)
    base = {
        "id": name[:12],
        "fingerprint": name,
        "family": family,
        "run": run,
        "rule": rule,
        "answer": answer,
        "state": "firing",
        "opened_at": "2026-11-23T09:00:00Z",
        "changed_at": "2026-11-23T09:00:00Z",
        "sentence": f"{family}/{run}: it broke",
        "findings": (finding,),
    }
    return Alert.model_validate({**base, **more})


def everything_written(root: Path) -> bytes:
    """Every byte of every file of a lab but the secrets themselves."""
    return b"".join(
        path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in ("secret", "secret2", "hook.url", "password", "token", "slack.url")
    )
