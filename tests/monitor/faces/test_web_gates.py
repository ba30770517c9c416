"""A gate asked over HTTP says what it says everywhere, to whoever shows the token, and is closed to `curl --fail`."""

from __future__ import annotations

import pytest
from lab import Lab, rung
from pushing import problem, serving, web


@pytest.fixture
def asked(ladder: Lab) -> Lab:
    ladder.arrive(rung(6), "s6.csv")
    ladder.arrive(rung(7, loss=0.9), "s7.csv")
    ladder.cycle()
    return web(ladder)


@pytest.mark.parametrize(("run", "answer", "status", "code"), [("s6", "GO", 200, 0), ("s7", "PAUSE", 423, 20)])
def test_it_says_what_gate_ask_says(asked: Lab, run: str, answer: str, status: int, code: int) -> None:
    with serving(asked) as client:
        got = client.get(f"/api/v1/gates/lab/{run}")
    state = asked.ask(f"lab/{run}")
    assert state.answer == answer
    assert (got.status_code, got.json()) == (status, {**state.body(), "exit_code": code})
    assert got.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("run", ["s99", "%2e%2e", "s6%00", "*"])
def test_what_nobody_knows_holds(asked: Lab, run: str) -> None:
    with serving(asked) as client:
        got = client.get(f"/api/v1/gates/lab/{run}")
    assert (got.status_code, got.json()["answer"], got.json()["exit_code"]) == (423, "HOLD", 10)


def test_without_the_token_nothing_is_said(asked: Lab) -> None:
    with serving(asked) as client:
        client.headers.pop("Authorization")
        problem(client.get("/api/v1/gates/lab/s6"), 401)
        problem(client.get("/api/v1/gates/lab/s6", headers={"Authorization": "Bearer another-one"}), 401)
        problem(client.post("/api/v1/gates/lab/s6"), 405)


def test_a_store_that_is_gone_holds(asked: Lab) -> None:
    with serving(asked) as client:
        (asked.root / "holdpoint.db").rename(asked.root / "moved.db")
        got = client.get("/api/v1/gates/lab/s6")
    assert (got.status_code, got.json()["reason"]) == (423, "fault")


def test_the_schema_tells_of_it(asked: Lab) -> None:
    with serving(asked) as client:
        told = client.get("/openapi.json").json()["paths"]["/api/v1/gates/{family}/{run}"]["get"]
    assert set(told["responses"]) >= {"200", "401", "423"}
