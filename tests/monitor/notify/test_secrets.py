"""Secrets come from files or the environment, and are nowhere in what is written: log, ledger, store, messages."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from lab import Lab, rung
from receivers import Hook
from telling import House, everything_written, webhook_table

from checkpoints_db import Store
from checkpoints_db.errors import SettingsError
from monitor import notify
from monitor.notify.secret import secret_of
from monitor.settings import Settings

SHOWN = "tok-9f8e7d6c5b4a39281706"


def test_nothing_that_is_written_holds_a_secret(
    ladder: Lab, hook: Hook, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("APPRISE_URL", hook.url.replace("http://", "json://ada:hunter2pass@"))
    house, root = House(ladder), ladder.root
    signing = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    (root / "secret").write_text("whsec_" + signing)
    (root / "hook.url").write_text(hook.url)
    (root / "token").write_text(SHOWN)
    (root / "password").write_text("correct-horse")
    house.receivers(
        webhook_table() + '\ntoken_file = "token"',
        '[receivers.chat]\nkind = "slack"\nurl_file = "hook.url"',
        '[receivers.many]\nkind = "apprise"\nurl_env = "APPRISE_URL"',
        '[receivers.mail]\nkind = "email"\nhost = "127.0.0.1"\nport = 9\nuser = "ada"\npassword_file = "password"\n'
        'sender = "a@example.org"\nto = ["b@example.org"]',
        '[receivers.file]\nkind = "file"\npath = "alerts.jsonl"',
        '[receivers.log]\nkind = "log"',
    )
    house.notify("hook", "chat", "many", "mail", "file", "log")
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    for mode in ("500", "404", "ok", "half"):
        hook.mode = mode
        ladder.cycle()
        ladder.clock.sleep(400)
    assert hook.heard
    assert any("Bearer" in heard["headers"].get("authorization", "") for heard in hook.heard)
    with ladder.store() as store:
        store.ledger.verify()
        assert len(store.outbox.log()) >= 10
    written = everything_written(root).decode("utf-8", "replace") + caplog.text
    for hidden in (signing, SHOWN, "correct-horse", "hunter2pass", "T0SECRET1", "B0SECRET2", "abcdefSECRET3"):
        assert hidden not in written
    assert "•••" in written, "receivers quoted their URL, and it was struck out"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('kind = "slack"\nurl = "https://hooks.example.org/x/y"', "is a secret; name it by url_file or url_env"),
        ('kind = "webhook"\nurl = "https://ada:pass@example.org/x"', "holds credentials"),
        ('kind = "webhook"\nurl = "example.org"', "is not one such as https://example.org/hook"),
        ('kind = "webhook"\npassword = "x"', "unknown key; did you mean 'password_env'"),
        ('kind = "email"\nsecret_file = "x"', "unknown key; did you mean 'secret_files'"),
    ],
)
def test_settings_refuse_secrets_in_sight(house: House, table: str, says: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(says)):
        house.receivers(f"[receivers.hook]\n{table}")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('kind = "webhook"\nurl = "https://example.org/x"', "receivers.hook: .* needs secret_files or secret_env"),
        ('kind = "webhook"\nsecret_files = ["secret"]', "needs url, url_file or url_env"),
        ('kind = "slack"', "needs url_file or url_env"),
        ('kind = "slack"\nurl_file = "nowhere"', "url_file: .*nowhere: cannot be read: No such file"),
        ('kind = "slack"\nurl_env = "NO_SUCH_THING"', "url_env: the environment has no NO_SUCH_THING"),
        ('kind = "command"', "needs `command`"),
        ('kind = "file"', "needs a `path`"),
        ('kind = "pager"', "unknown notifier 'pager'"),
    ],
)
def test_what_a_receiver_lacks_is_said_before_anything_is_sent(house: House, table: str, says: str) -> None:
    (house.lab.root / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    house.receivers(f"[receivers.hook]\n{table}")
    house.notify("hook")
    with pytest.raises(SettingsError, match=says):
        notify.check(house.policy, house.lab.settings)


def test_a_secret_that_is_gone_goes_to_the_next_receiver(hooked: House, hook: Hook, store: Store) -> None:
    hooked.routes('[[routes]]\nreceivers = "hook"\nescalate_to = "file"\nescalate_after = "1d"')
    (hooked.lab.root / "secret").unlink()
    hooked.trouble(store, "a.json")
    sent, failed, lost = hooked.deliver(store)
    assert (sent, failed, hook.heard) == (1, 1, [])
    assert "cannot be read" in lost["hook"]


def test_a_file_too_large_for_a_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big").write_text("x" * 20_000)
    with pytest.raises(SettingsError, match="larger than any secret"):
        secret_of(Settings(base=tmp_path), Path("big"), "", "token")
