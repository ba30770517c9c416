"""The push door over HTTP: real servers on a loopback port, real bytes."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import Lab, rung
from typer.testing import CliRunner

from checkpoints_db.errors import SettingsError, UnreadableFile
from checkpoints_db.records import Answer
from monitor.daemon.door import Door
from monitor.daemon.leadership import myself
from monitor.daemon.push import confined
from monitor.faces.cli import app as command_line
from monitor.faces.web.app import create_app
from monitor.faces.web.server import Server
from monitor.settings import Settings, Web

TOKEN = "a-token-of-this-test"  # noqa: S105
RAW = {"Content-Type": "application/octet-stream"}
DATA = Path(__file__).parents[2] / "data" / "readers"
Refusing = tuple[httpx.Client, Callable[[], bool]]


def web(lab: Lab, **more: Any) -> Lab:
    """The lab with a [web] table."""
    (lab.root / "token").write_text(TOKEN + "\n")
    (lab.root / "token").chmod(0o600)
    terms = {"listen": "127.0.0.1:0", "token_file": "token", "patience": "5s", **more}
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in terms.items() if value is not None]
    lab.config.write_text(lab.config.read_text() + "[web]\n" + "".join(lines))
    return lab


@contextmanager
def serving(lab: Lab, **door: Any) -> Iterator[httpx.Client]:
    server = Server(Door(lab.settings, lab.clock, **door))
    server.start()
    try:
        with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
            yield client
    finally:
        server.stop()


@pytest.fixture
def client(ladder: Lab) -> Iterator[httpx.Client]:
    with serving(web(ladder)) as asking:
        yield asking


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


def lines(rows: list[dict[str, Any]]) -> bytes:
    kept = [{key: value for key, value in row.items() if value != ""} for row in rows]
    return "".join(json.dumps(row) + "\n" for row in kept).encode()


def push(client: httpx.Client, body: Any, name: str = "rows.jsonl", **headers: str) -> httpx.Response:
    return client.post("/api/v1/results", params={"name": name}, content=body, headers={**RAW, **headers})


def form(client: httpx.Client, *files: tuple[str, bytes]) -> httpx.Response:
    return client.post("/api/v1/results", files=[("file", file) for file in files])


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["status"] == status
    assert all(told[key] for key in ("title", "detail", "next"))
    return dict(told)


def seen(lab: Lab) -> set[str]:
    with lab.store() as store:
        return {run for _, run in store.evidence.runs()}


# -- what became of it ------------------------------------------------------------------------------------------------


def test_what_is_pushed_is_judged_before_the_answer_and_the_same_bytes_change_nothing(
    ladder: Lab, client: httpx.Client
) -> None:
    first = push(client, lines(rung(6)))
    assert first.status_code == 200
    told = first.json()
    assert [(r["file"], r["checkpoint"], r["metric"]) for r in told["new"]] == [
        ("rows.jsonl", "lab/s6", "nll"),
        ("rows.jsonl", "lab/s6", "acc"),
    ]
    assert [(d["run"], d["answer"]) for d in told["decisions"]] == [("s6", "GO")]
    with ladder.store() as store:
        head = store.ledger.head
    again = push(client, lines(rung(6))).json()
    assert (len(again["same"]), again["new"], again["decisions"]) == (2, [], [])
    other_name = push(client, lines(rung(6)), "other.jsonl").json()
    assert (len(other_name["same"]), other_name["new"]) == (2, [])
    with ladder.store() as store:
        assert store.ledger.head == head
    mixed = push(client, lines([*rung(6, acc=0.9), *rung(7)])).json()
    assert [(r["metric"], r["was"]) for r in mixed["conflicting"]] == [("acc", pytest.approx(0.573))]
    assert (len(mixed["same"]), len(mixed["new"])) == (1, 2)
    assert ladder.cycle()
    with ladder.store() as store:
        assert store.evidence.files("arrived", "waiting", "quarantined") == []
        store.ledger.verify()


def test_it_answers_as_the_command_line_does(ladder: Lab, client: httpx.Client) -> None:
    words = ["ingest", "-", "--json", "--config", str(ladder.config)]
    said = json.loads(CliRunner().invoke(command_line, words, input=lines(rung(6))).output)
    assert sorted(push(client, lines(rung(6))).json()) == sorted(said)


def test_results_and_their_samples_come_in_one_push(ladder: Lab, client: httpx.Client) -> None:
    folder = DATA / "lm_eval_0_4_13"
    files = [(f"m1/{path.name}", path.read_bytes()) for path in sorted(folder.iterdir())]
    samples = [one for one in files if "samples" in one[0]]
    alone = form(client, *samples)
    assert alone.status_code == 200
    assert [w["file"] for w in alone.json()["waiting"]] == [name for name, _ in samples]
    whole = form(client, *files).json()
    assert (whole["waiting"], whole["refused"]) == ([], [])
    assert {u["file"] for u in whole["unplaced"]} == {name for name, _ in files}
    with ladder.store() as store:
        assert len(store.evidence.files("read")) == 1 + len(files)
        assert {a.state for a in store.actions.alerts() if a.rule == "waiting"} <= {"closed"}


def test_samples_with_equal_bytes_of_two_models_are_answered_each_with_its_own(
    ladder: Lab, client: httpx.Client
) -> None:
    folder = DATA / "lm_eval_0_4_13"
    results, samples = next(folder.glob("results_*")), next(folder.glob("samples_sums_*"))
    for model in ("m1", "m2", "m1"):
        written = results.read_bytes().replace(b"m1", model.encode())
        told = form(client, (results.name, written), (samples.name, samples.read_bytes())).json()
        named = {(u["file"], u["model"]) for u in told["unplaced"]}
        assert named == {(results.name, f"toy/{model}-step500"), (samples.name, f"toy/{model}-step500")}
    with ladder.store() as store:
        assert len(store.evidence.files("read")) == 5
    assert ladder.cycle("scan")
    with ladder.store() as store:
        assert len(store.evidence.files()) == 5


def test_a_file_that_cannot_be_read_is_refused_by_name_and_field_and_the_rest_is_taken(
    ladder: Lab, client: httpx.Client
) -> None:
    bad = lines([{**rung(7)[0], "value": "high"}])
    told = problem(form(client, ("good.jsonl", lines(rung(6))), ("bad.jsonl", bad)), 422)
    assert [(r["file"], r["field"]) for r in told["refused"]] == [("bad.jsonl", "line 1, column value")]
    assert "high" in told["refused"][0]["reason"]
    assert "push it again" in told["refused"][0]["next"]
    assert len(told["new"]) == 2
    assert "s6" in seen(ladder)
    with ladder.store() as store:
        assert [file.status for file in store.evidence.files("quarantined")] == ["quarantined"]


def test_what_has_no_place_is_listed_and_kept(ladder: Lab, client: httpx.Client) -> None:
    row = {"model": "nobody/knows", "task": "sums", "metric": "acc", "value": 0.5}
    assert [u["model"] for u in push(client, lines([row])).json()["unplaced"]] == ["nobody/knows"]
    with ladder.store() as store:
        assert len(store.evidence.unplaced()) == 1


def test_two_pushes_at_once_are_both_taken_and_a_double_is_new_once(ladder: Lab, client: httpx.Client) -> None:
    bodies = [lines(rung(6)), lines(rung(6)), lines(rung(7)), lines(rung(7))]
    answers: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda b=b: answers.append(push(client, b).json())) for b in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((len(a["new"]), len(a["same"])) for a in answers) == [(0, 2), (0, 2), (2, 0), (2, 0)]
    with ladder.store() as store:
        store.ledger.verify()
        assert len(store.evidence.results()) == 16


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
        assert client.request(method, path, headers={"Authorization": "Bearer no"}).status_code == 401, path
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
        ({"listen": "192.0.2.1:0"}, TOKEN, "not of this machine"),
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


def test_other_paths_and_methods_are_problems_too(refusing: Refusing) -> None:
    client, _ = refusing
    problem(client.get("/api/v1/results"), 405)
    problem(client.get("/nowhere"), 404)


# -- when it cannot be judged now -------------------------------------------------------------------------------------


def test_while_another_daemon_leads_it_is_held_and_answered_once_that_took_it_in(ladder: Lab) -> None:
    with ladder.store() as store:
        store.lead("daemon:7", ladder.clock.now(), ladder.clock.now() + timedelta(hours=1))
    with serving(web(ladder, patience="0.1s")) as client:
        answer = push(client, lines(rung(6)))
        told = problem(answer, 503)
        assert "daemon:7" in told["detail"]
        assert "Nothing is lost" in told["detail"]
        assert answer.headers["retry-after"]
        assert "s6" not in seen(ladder)
    with ladder.store() as store:
        store.resign("daemon:7")
    assert ladder.jobs.run("scan", ladder.jobs.scan)
    with serving(ladder, holder="test:1") as client:
        assert len(push(client, lines(rung(6))).json()["same"]) == 2
    assert ladder.ask("s6").answer == Answer.GO


def test_what_was_refused_or_waits_is_left_to_the_daemon_that_leads_to_be_read_again(ladder: Lab) -> None:
    folder = DATA / "lm_eval_0_4_13"
    files = [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
    bad = ("bad.jsonl", lines(rung(6)))
    with serving(web(ladder, patience="0.1s"), holder="test:1") as client:
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr("checkpoints_db.readers.table.Table.read", lambda *_: {}["bug"])
            assert len(problem(form(client, bad), 422)["refused"]) == 1
        assert len(form(client, *[one for one in files if "samples" in one[0]]).json()["waiting"]) == 4
    with serving(ladder) as client:  # another process, which does not lead
        problem(form(client, bad, *files), 503)
    assert ladder.jobs.run("scan", ladder.jobs.scan)
    with ladder.store() as store:
        assert store.evidence.files("quarantined", "waiting", "arrived") == []
        assert {a.state for a in store.actions.alerts() if a.rule in ("quarantine", "waiting")} == {"closed"}
    assert "s6" in seen(ladder)


@pytest.mark.parametrize(
    ("leader", "lapsed", "status"), [("alive", 1, 503), ("else", 1, 503), ("else", 601, 200), ("gone", 1, 200)]
)
def test_a_daemon_that_is_late_is_not_replaced_while_it_may_live(
    lab: Lab, leader: str, lapsed: float, status: int
) -> None:
    """A long scan does not renew; a daemon that finds itself replaced stops."""
    node = myself().rpartition(":")[0]
    named = {"alive": f"{node}:{os.getppid()}", "else": "elsewhere:7", "gone": f"{node}:{2**22 + 1}"}[leader]
    with lab.store() as store:
        store.lead(named, lab.clock.now(), lab.later(seconds=-lapsed))
    with serving(web(lab, patience="0.1s")) as client:
        assert push(client, lines(rung(6))).status_code == status


def test_the_answer_waits_for_the_scan_of_the_daemon_that_leads(ladder: Lab) -> None:
    """`test:1` leads and scans; the door is another process as far as leadership is concerned."""
    web(ladder, patience="20s")
    assert ladder.jobs.run("scan", ladder.jobs.scan)
    with serving(ladder) as client:
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(push(client, lines(rung(6)))))
        asking.start()
        pushed = ladder.root / "spool" / "pushed"
        while not list(pushed.glob("*/rows.jsonl")):
            assert asking.is_alive()
        assert ladder.jobs.run("scan", ladder.jobs.scan)
        asking.join()
    assert [r["metric"] for r in answers[0].json()["new"]] == ["nll", "acc"]


def test_while_a_job_of_the_same_daemon_runs_a_push_waits_for_its_turn(ladder: Lab) -> None:
    turn = threading.Lock()
    with serving(web(ladder, patience="0.1s"), holder="test:1", turn=turn) as client:
        with turn:
            assert "test:1" in problem(push(client, lines(rung(6))), 503)["detail"]
            assert client.get("/openapi.json").status_code == 200  # the loop is not blocked
        assert len(push(client, lines(rung(6))).json()["new"]) == 2
        with ladder.store() as store:  # the daemon still leads
            assert store._tables.rows("leadership")[0]["holder"] == "test:1"
            assert store._tables.rows("leadership")[0]["expires"]


@pytest.mark.parametrize("broken", ["holdpoint.db", "policy.toml", "catalogue.toml"])
def test_where_the_store_or_the_rules_cannot_be_read_it_is_held_for_the_next_scan(ladder: Lab, broken: str) -> None:
    with serving(web(ladder)) as client:
        sound = (ladder.root / broken).read_bytes()
        for side in ladder.root.glob(f"{broken}-*"):
            side.unlink()
        (ladder.root / broken).write_bytes(b"this is not it" * 100)
        told = problem(push(client, lines(rung(6))), 503)
        assert broken in told["detail"]
        assert "Nothing is lost" in told["detail"]
        (ladder.root / broken).write_bytes(sound)
        assert ladder.cycle("scan")
        assert "s6" in seen(ladder)


def test_a_spool_that_cannot_be_written_is_told_and_nothing_is_promised(ladder: Lab, client: httpx.Client) -> None:
    (ladder.root / "spool").write_text("a file where the folder should be")
    told = problem(push(client, lines(rung(6))), 503)
    assert "nothing was taken" in told["detail"]


def test_a_fault_of_ours_is_a_problem_without_details(
    ladder: Lab, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.daemon.push.settled", lambda *_, **__: {}["secret"])
    told = problem(push(client, lines(rung(6))), 500)
    assert "secret" not in json.dumps(told)
    monkeypatch.undo()
    assert ladder.cycle("scan")
    assert "s6" in seen(ladder)


# -- what it says of itself -------------------------------------------------------------------------------------------


def test_the_schema_names_the_body_the_answers_and_the_token(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    told = schema["paths"]["/api/v1/results"]["post"]
    assert set(told["requestBody"]["content"]) == {"application/octet-stream", "multipart/form-data"}
    assert set(told["responses"]) == {"200", "400", "401", "408", "413", "415", "422", "500", "503"}
    assert told["security"] == [{"HTTPBearer": []}]
    answers = [
        push(client, lines(rung(6))),
        push(client, lines(rung(6, acc=0.9))),
        push(client, b"hello"),
        push(client, b"x", ".."),
        push(client, b"x", Authorization=""),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 422, 422, 401]
    for answer in answers:
        content = told["responses"][str(answer.status_code)]["content"]
        wanted = content[answer.headers["content-type"]]["schema"]
        jsonschema.validate(answer.json(), {**wanted, "components": schema["components"]})
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({}, {**wanted, "components": schema["components"]})


def test_the_spool_holds_what_was_pushed_byte_for_byte(ladder: Lab, client: httpx.Client) -> None:
    body = lines(rung(6))
    held = push(client, body).json()["files"][0]
    assert Path(held["path"]).read_bytes() == body
    assert held["sha256"] == hashlib.sha256(body).hexdigest()
    assert list((ladder.root / "spool").rglob(".*")) == []


def test_settings_without_the_table_serve_nothing(lab: Lab) -> None:
    assert Settings.load(lab.config).web is None
