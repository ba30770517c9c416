"""What the push door over HTTP refuses: strangers, strange names, bodies that are no push. Nothing stays behind."""

from __future__ import annotations

import gzip
import http.client
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import Lab, rung
from pushing import RAW, TOKEN, form, lines, problem, push, seen, serving, web
from typer.testing import CliRunner

from checkpoints_db.errors import SettingsError, UnreadableFile
from monitor.daemon.door import Door
from monitor.daemon.push import confined
from monitor.faces.cli import app as command_line
from monitor.faces.web.app import create_app
from monitor.faces.web.server import Server
from monitor.settings import Web

Refusing = tuple[httpx.Client, Callable[[], bool]]


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refusing]:
    """One server for all that must leave nothing behind."""
    lab = web(Lab(tmp_path_factory.mktemp("refusing") / "lab"), limit=100_000)
    with serving(lab) as asking:
        before = sorted(lab.root.rglob("*"))

        def nothing_changed() -> bool:
            with lab.store() as store:
                head = store.ledger.head[0]
            return head == 0 and sorted(path for path in lab.root.rglob("*") if "db-" not in path.name) == before

        yield asking, nothing_changed


# -- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer  x", "Bearer wrong-wrong-wrong-wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN]
)
def test_without_the_token_nothing_is_taken(refusing: Refusing, shown: str) -> None:
    client, nothing_changed = refusing
    answer = push(client, lines(rung(6)), Authorization=shown)
    assert "token" in problem(answer, 401)["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert nothing_changed()


def test_every_route_that_changes_something_wants_the_token(lab: Lab, refusing: Refusing) -> None:
    client, nothing_changed = refusing
    app = create_app(Door(web(lab).settings, lab.clock))
    changing = [
        (method, path) for path, methods in _routes(app.routes) for method in methods - {"GET", "HEAD", "OPTIONS"}
    ]
    assert ("POST", "/api/v1/results") in changing
    for method, path in changing:
        # Pages: a form that is none of ours is refused, and whoever is not in is sent to log in.
        status = {"/login": 403}.get(path, 401 if path.startswith("/api/") else 303)
        assert client.request(method, path, headers={"Authorization": "Bearer no"}).status_code == status, path
    assert nothing_changed()


def _routes(routes: Any) -> Iterator[tuple[str, set[str]]]:
    for route in routes:
        if getattr(route, "methods", None):
            yield route.path, set(route.methods)
        else:
            found = getattr(route, "effective_route_contexts", None) or getattr(route, "routes", None)
            assert found is not None, f"a kind of route this test cannot look into: {route!r}"
            yield from _routes(found() if callable(found) else found)


@pytest.mark.parametrize(
    ("terms", "token", "told"),
    [
        ({"token_file": None}, TOKEN, "no token"),
        ({}, "", "at least 16"),
        ({}, "short", "at least 16"),
        ({}, "with a space in the middle", "without a space"),
        ({"token_file": "gone"}, TOKEN, "cannot be read"),
        ({"token": TOKEN}, TOKEN, "everybody reads this file"),
        ({"listen": "8470"}, TOKEN, "write 127.0.0.1:8470"),
        ({"listen": "192.0.2.1:0", "plain": True}, TOKEN, "not of this machine"),
        ({"listem": "127.0.0.1:0"}, TOKEN, "did you mean 'listen'"),
    ],
)
def test_it_does_not_start_without_a_token_or_an_address(
    lab: Lab, terms: dict[str, Any], token: str, told: str
) -> None:
    web(lab, **terms)
    (lab.root / "token").write_text(token)
    with pytest.raises(SettingsError, match=told):
        Server(Door(lab.settings, lab.clock))
    done = CliRunner().invoke(command_line, ["serve", "--config", str(lab.config)])
    assert isinstance(done.exception, SettingsError)


def test_the_token_may_come_from_the_environment_and_is_never_shown(
    ladder: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HOLDPOINT_WEB__TOKEN", TOKEN)
    caplog.set_level(logging.DEBUG)
    with serving(web(ladder, token_file=None)) as client:
        assert push(client, lines(rung(6))).status_code == 200
        assert push(client, lines(rung(6)), Authorization=f"Bearer {TOKEN}1").status_code == 401
    assert "push of 1 files: rows.jsonl: 2 new" in caplog.text
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(ladder.settings)


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    assert Web().address == ("127.0.0.1", 8470)
    assert Web(listen="[::1]:9").address == ("::1", 9)


# -- what is no push --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "../../holdpoint.toml",
        "/etc/cron.d/x",
        "a/../../x",
        "..",
        ".",
        "a//b",
        "a/",
        "..\\..\\x",
        "C:\\x",
        "a\0b",
        "a\nb",
        "\u202egnp.exe",
        ".hidden",
        ".git/config",
        "results.json.part",
        "results.tmp",
        "results~",
        "x" * 201,
        "a/" * 8 + "x",
    ],
)
def test_no_name_leads_anywhere(refusing: Refusing, name: str) -> None:
    client, nothing_changed = refusing
    assert "name" in problem(push(client, lines(rung(6)), name), 422)["detail"]
    assert nothing_changed()


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["..", ".", "", "a", "b c", "~", "\\", "\0", "/", "ä", ".x"])).map("/".join) | st.text()
)
def test_whatever_the_name_it_stays_below(name: str) -> None:
    try:
        path = confined(name)
    except UnreadableFile:
        return
    folder = Path("/spool/pushed/x")
    assert os.path.normpath(folder / path) == str(folder / path)
    assert (folder / path).is_relative_to(folder)
    assert str(path) == name


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("m/x", "../x")])
def test_names_of_one_push_may_not_stand_in_each_others_way(refusing: Refusing, names: tuple[str, str]) -> None:
    client, nothing_changed = refusing
    first, second = names
    problem(form(client, (first, lines(rung(6))), (second, lines(rung(7)))), 422)
    assert nothing_changed()


def test_a_strange_but_harmless_name_is_kept_in_the_spool(ladder: Lab, client: httpx.Client) -> None:
    name = "lauf 1/größe=2 & %2e%2e.jsonl"
    answer = push(client, lines(rung(6)), name)
    assert answer.status_code == 200
    path = Path(answer.json()["files"][0]["path"])
    assert path.is_relative_to(ladder.root / "spool" / "pushed")
    assert str(path).endswith(name)


@pytest.mark.parametrize(
    ("headers", "status", "told"),
    [
        ({"Content-Type": "application/json"}, 415, "application/json"),
        ({"Content-Type": ""}, 415, "content type"),
        ({"Content-Encoding": "gzip"}, 415, "gzip"),
        ({"Content-Encoding": "identity, zstd"}, 415, "zstd"),
        ({"Content-Type": "multipart/form-data"}, 422, "not a form"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 422, "cut off"),
    ],
)
def test_other_kinds_of_content_are_not_taken(
    refusing: Refusing, headers: dict[str, str], status: int, told: str
) -> None:
    client, nothing_changed = refusing
    answer = push(client, gzip.compress(lines(rung(6))), **headers)
    assert told in problem(answer, status)["detail"]
    assert nothing_changed()


def test_what_comes_without_a_name_or_without_bytes_is_refused(ladder: Lab, client: httpx.Client) -> None:
    assert "no name" in problem(client.post("/api/v1/results", content=b"x", headers=RAW), 422)["detail"]
    assert "nothing came" in problem(push(client, b""), 422)["detail"]
    field = client.post("/api/v1/results", data={"x": "y"}, files={})
    problem(field, 415)
    named = client.post("/api/v1/results", content=lines(rung(6)), headers={**RAW, "X-File-Name": "r.jsonl"})
    assert named.json()["files"][0]["name"] == "r.jsonl"


def test_a_form_that_was_cut_off_is_refused_whole(refusing: Refusing) -> None:
    client, nothing_changed = refusing
    request = client.build_request(
        "POST", "/api/v1/results", files=[("f", ("a.jsonl", lines(rung(6)))), ("f", ("b.jsonl", lines(rung(7))))]
    )
    body = request.read()
    for cut in (len(body) - 4, len(body) - 60, len(body) // 2, 40):
        headers = {"Content-Type": request.headers["content-type"]}
        told = problem(client.post("/api/v1/results", content=body[:cut], headers=headers), 422)
        assert "cut off" in told["detail"]
    assert nothing_changed()


def test_a_huge_body_is_refused_before_it_is_there(refusing: Refusing) -> None:
    client, nothing_changed = refusing
    assert "100000" in problem(push(client, b"x" * 100_001), 413)["detail"]
    problem(form(client, ("a", b"y" * 60_000), ("b", b"z" * 60_000)), 413)
    problem(push(client, bytes(1 << 24), Authorization="Bearer no"), 401)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 1 << 26:
            sent += 1 << 16
            yield bytes(1 << 16)

    with suppress(httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):  # it may close while we still talk
        problem(push(client, endless()), 413)  # no length was stated: it is counted
    assert nothing_changed()
    assert push(client, b"", "still-there").status_code == 422


def test_a_stated_length_alone_is_enough_to_refuse(refusing: Refusing) -> None:
    client, nothing_changed = refusing
    asked = http.client.HTTPConnection(client.base_url.host, client.base_url.port or 0, timeout=10)
    asked.putrequest("POST", "/api/v1/results?name=x")
    for name, value in {**RAW, "Authorization": f"Bearer {TOKEN}", "Content-Length": str(1 << 40)}.items():
        asked.putheader(name, value)
    asked.endheaders()
    assert asked.getresponse().status == 413
    asked.close()
    assert nothing_changed()


def test_a_connection_that_ends_in_the_middle_leaves_nothing(ladder: Lab, client: httpx.Client) -> None:
    body = lines(rung(6))
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as talking:
        head = f"POST /api/v1/results?name=x HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\n"
        head += f"Content-Type: {RAW['Content-Type']}\r\nContent-Length: {len(body)}\r\n\r\n"
        talking.sendall(head.encode() + body[:-5])
    assert push(client, lines(rung(7))).status_code == 200
    assert "s6" not in seen(ladder)


def test_an_answer_does_not_wait_for_the_network_to_fill_its_packets(refusing: Refusing) -> None:
    client, _ = refusing
    asked = [push(client, b"x", Authorization="Bearer no").elapsed for _ in range(8)]
    assert min(asked[1:]) < timedelta(seconds=0.03)  # over a connection that was used before it was 40 ms each time


def test_other_paths_and_methods_are_problems_too(refusing: Refusing) -> None:
    client, _ = refusing
    problem(client.put("/api/v1/results"), 405)
    problem(client.get("/nowhere"), 404)
