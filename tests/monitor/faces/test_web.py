"""The push door over HTTP: real servers on a loopback port, real bytes."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import httpx
import jsonschema
import pytest
from lab import Lab, rung
from pushing import form, lines, problem, push, seen, serving, web
from typer.testing import CliRunner

from checkpoints_db.records import Answer
from monitor.daemon.door import Door
from monitor.daemon.leadership import myself
from monitor.faces.cli import app as command_line
from monitor.settings import Settings

DATA = Path(__file__).parents[2] / "data" / "readers"


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


def test_what_a_scan_reads_faster_than_the_push_itself_is_new_and_told_once(ladder: Lab) -> None:
    door = Door(web(ladder).settings, ladder.clock)
    held = door.hold([(PurePosixPath("rows.jsonl"), [lines(rung(6))])])
    ladder.jobs.scan()
    told = door.settle(held)
    assert (len(told.new), len(told.same), [d.answer for d in told.decisions]) == (2, 0, [Answer.GO])
    again = door.settle(door.hold([(PurePosixPath("rows.jsonl"), [lines(rung(6))])]))
    assert (len(again.new), len(again.same), again.decisions) == (0, 2, ())


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
