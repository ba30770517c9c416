"""Keys and leases from the command line and over HTTP, to a job that asks a real server."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from asking import answer, run
from lab import Lab, rung
from leasing import KEY, START, Hands, lease, revocation, signed
from pushing import TOKEN, problem, serving, web

from checkpoints_db.records import SignedLease
from monitor.adapters import Check, LeaseGuard, Why
from monitor.faces.cli import shell

READER = "a-token-of-readers-alone"


@pytest.fixture
def going(ladder: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A run whose gate says GO, and a key; the command line has the clock of the lab."""
    ladder.arrive(rung(6), "s6.csv")
    assert ladder.cycle()
    monkeypatch.setattr(shell, "CLOCK", ladder.clock)
    answer(ladder, "keys", "new")
    return ladder


def verify(lab: Lab, file: Path, *more: str, code: int = 0) -> str:
    return str(answer(lab, "lease", "verify", str(file), *more, code=code)["reason"])


def test_issue_show_verify_revoke(going: Lab) -> None:
    issued = answer(going, "lease", "issue", "lab/s6", "--for", "6h")
    assert SignedLease.model_validate(issued).lease.seq == 1
    file = going.root / "leases" / "lab" / "s6.json"
    assert json.loads(file.read_text()) == issued
    assert verify(going, file, "--run", "lab/s6") == "ok"
    assert verify(going, file, "--flop", "1e30", code=10) == "flop_bound"
    assert verify(going, file, "--run", "lab/s5", code=10) == "wrong_run"
    shown = answer(going, "lease", "show", "s6")
    assert shown == {"leases": [issued], "revocations": []}
    by = ("--by", "carol", "--reason", "wrong data", "--mode", "checkpoint_and_exit")
    ended = answer(going, "lease", "revoke", "lab/s6", *by)
    assert (ended["lease"]["seq"], ended["lease"]["pause_mode"]) == (2, "checkpoint_and_exit")
    assert verify(going, file, code=10) == "revoked"
    shown = answer(going, "lease", "show")
    assert [one["lease"]["seq"] for one in shown["leases"]] == [2]
    assert [one["by"] for one in shown["revocations"]] == ["carol"]
    code, text = run(going, "lease", "show")
    assert code == 0
    assert "taken back by carol: wrong data" in text


def test_a_closed_gate_gives_none(going: Lab) -> None:
    code, text = run(going, "lease", "issue", "lab/s1")
    assert (code, "HOLD" in text) == (1, True)
    assert not (going.root / "leases").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (signed(lease()), "ok"),
        (signed(lease())[:-9], "truncated"),
        (signed(lease(not_before=START + timedelta(hours=2))), "future"),
        (signed(lease(not_before=START - timedelta(days=2), expires_at=START)), "expired"),
        (signed(revocation(2)), "revoked"),
        ("}\n", "malformed"),
        (None, "absent"),
    ],
)
def test_verify_needs_no_store_and_tells_the_reason(lab: Lab, tmp_path: Path, text: str | None, why: str) -> None:
    (lab.root / "holdpoint.db").unlink()
    file, keys = tmp_path / "lease.json", tmp_path / "trusted.pub"
    keys.write_text(KEY.public + "\n")
    if text is not None:
        file.write_text(text)
    shell_clock, shell.CLOCK = shell.CLOCK, lab.clock  # type: ignore[assignment]
    try:
        assert verify(lab, file, "--keys", str(keys), code=0 if why == "ok" else 10) == why
    finally:
        shell.CLOCK = shell_clock


def test_keys_new_show_rotate(going: Lab) -> None:
    assert "there is a key already" in run(going, "keys", "new")[1]
    old = answer(going, "keys", "show")
    assert [(key["signs"], key["next"]) for key in old] == [(True, False)]
    coming = answer(going, "keys", "rotate")["id"]
    assert answer(going, "keys", "rotate", "--finish")["id"] == coming
    assert {key["id"]: key["signs"] for key in answer(going, "keys", "show")} == {old[0]["id"]: False, coming: True}
    _, text = run(going, "keys", "show", "--trusted")
    assert text.split() == [key["public"] for key in answer(going, "keys", "show")]
    assert answer(going, "keys", "rotate", "--retire", old[0]["id"]) == {"id": old[0]["id"]}
    assert [key["id"] for key in answer(going, "keys", "show")] == [coming]
    with going.store() as store:
        rows = [(row.subject, row.value()["event"]) for row in store.ledger.entries("key")]
    assert [event for _, event in rows] == ["made", "staged", "signs", "retired"]
    private = (going.root / "keys" / "lease.key").read_text()
    assert private.splitlines()[1] not in run(going, "keys", "show")[1]
    assert run(going, "keys", "rotate", "--finish", "--retire", coming)[0] == 2


# -- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(going: Lab) -> Lab:
    answer(going, "lease", "issue", "lab/s6")
    (going.root / "readers").write_text(READER + "\n")
    (going.root / "readers").chmod(0o600)
    return web(going, reader_token_file="readers")  # noqa: S106 - the name of a file


def test_the_lease_is_served_as_it_is_signed(served: Lab) -> None:
    with serving(served) as client:
        got = client.get("/api/v1/leases/lab/s6")
        assert (got.status_code, got.headers["content-type"]) == (200, "application/json")
        assert got.content == (served.root / "leases" / "lab" / "s6.json").read_bytes()
        told = problem(client.get("/api/v1/leases/lab/s7"), 404)
        assert "holdpoint lease issue lab/s7" in told["next"]
        assert "/api/v1/leases/{family}/{run}" in client.get("/openapi.json").json()["paths"]


def test_whoever_may_only_read_may_not_push(served: Lab) -> None:
    reader = {"Authorization": f"Bearer {READER}"}
    with serving(served) as client:
        assert client.get("/api/v1/leases/lab/s6", headers=reader).status_code == 200
        pushed = client.post("/api/v1/results?name=x.csv", content=b"x", headers=reader)
        problem(pushed, 401)
        for wrong in ({"Authorization": "Bearer nobody-knows-this"}, {"Authorization": ""}):
            problem(client.get("/api/v1/leases/lab/s6", headers=wrong), 401)


def test_without_a_token_for_readers_only_the_one_token_reads(going: Lab) -> None:
    answer(going, "lease", "issue", "lab/s6")
    with serving(web(going)) as client:
        assert client.get("/api/v1/leases/lab/s6").status_code == 200
        problem(client.get("/api/v1/leases/lab/s6", headers={"Authorization": f"Bearer {READER}"}), 401)


def test_a_store_that_cannot_be_read_is_told(served: Lab) -> None:
    with serving(served) as client:
        (served.root / "holdpoint.db").rename(served.root / "moved.db")
        problem(client.get("/api/v1/leases/lab/s6"), 503)


def job(lab: Lab, client: httpx.Client, hands: Hands, token: str = READER) -> LeaseGuard:
    url = f"{str(client.base_url).rstrip('/')}/api/v1/leases/lab/s6"
    keys, memory = lab.root / "keys" / "trusted.pub", lab.root / "job" / "memory.json"
    return LeaseGuard(url, keys=keys, run="lab/s6", memory=memory, token=token, refresh=60, timeout=5, clock=hands)


def later(guard: LeaseGuard, hands: Hands, why: Why) -> Check:
    """What it says once an answer to the next question is there; the training loop never waits for it."""
    hands.sleep(61)
    guard.check(flop=1e20)
    end = time.monotonic() + 10
    while (check := guard.check(flop=1e20)).why is not why and time.monotonic() < end:
        hands.sleep(1.1)
        time.sleep(0.01)
    return check


def test_a_job_asks_the_server_beside_its_loop(served: Lab) -> None:
    hands = Hands(served.clock.now())
    with serving(served) as client:
        guard = job(served, client, hands)
        assert guard.check(flop=1e20)
        answer(served, "lease", "revoke", "lab/s6", "--by", "carol", "--reason", "x", "--mode", "checkpoint_and_exit")
        assert guard.check(flop=1e20)  # not asked yet
        assert later(guard, hands, Why.revoked).stop
        answer(served, "lease", "issue", "lab/s6")
        assert later(guard, hands, Why.ok).seq == 3


def test_a_server_that_is_gone_lets_the_lease_run_out(served: Lab) -> None:
    hands = Hands(served.clock.now())
    with serving(served) as client:
        guard = job(served, client, hands)
        assert guard.check(flop=1e20)
    assert later(guard, hands, Why.ok)
    hands.sleep(86400)
    check = guard.check(flop=1e20, starting=True)
    assert (check.why, check.stop) == (Why.expired, True)
    assert job(served, client, hands).check(flop=1e20).why is Why.unreachable


def test_a_job_with_the_wrong_token_does_not_begin(served: Lab) -> None:
    hands = Hands(served.clock.now())
    with serving(served) as client:
        check = job(served, client, hands, token=TOKEN + "x").check(flop=1e20)
    assert (check.why, check.stop) == (Why.unreachable, True)
    assert "token" in check.sentence
    assert TOKEN not in check.sentence
