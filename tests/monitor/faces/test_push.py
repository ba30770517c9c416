"""`holdpoint ingest -`: rows through standard input, and what became of each of them."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from lab import Lab, rung, write_table
from typer.testing import CliRunner

from checkpoints_db.errors import HoldpointError, UnreadableFile
from checkpoints_db.records import Answer
from monitor.clock import SystemClock
from monitor.faces.cli import app
from monitor.faces.cli.push import taken


@pytest.fixture
def ladder(lab: Lab) -> Lab:
    """Six rungs of history, on the machine's own clock as the command line has it."""
    history = write_table(lab.root / "history.csv", [row for i in range(6) for row in rung(i)])
    lab.clock = SystemClock()  # type: ignore[assignment]
    done = CliRunner().invoke(app, ["ingest", "--baseline", str(history), "--config", str(lab.config)])
    assert done.exit_code == 0, done.output
    return lab


def lines(rows: list[dict[str, Any]]) -> str:
    kept = [{key: value for key, value in row.items() if value != ""} for row in rows]
    return "".join(json.dumps(row) + "\n" for row in kept)


def push(lab: Lab, body: str | bytes, *words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["ingest", "-", "--json", "--config", str(lab.config), *words], input=body)
    if isinstance(done.exception, HoldpointError):
        assert code == 1
        return str(done.exception)
    assert done.exit_code == code, done.output
    return json.loads(done.output)


def test_pushed_rows_are_new_then_the_same_then_conflicting(ladder: Lab) -> None:
    first = push(ladder, lines(rung(6)))
    assert [(r["checkpoint"], r["metric"]) for r in first["new"]] == [("lab/s6", "nll"), ("lab/s6", "acc")]
    assert [d["answer"] for d in first["decisions"]] == ["GO"]
    assert [first[name] for name in ("same", "conflicting", "unplaced", "refused")] == [[], [], [], []]
    again = push(ladder, lines(rung(6)))
    assert (len(again["same"]), again["new"]) == (2, [])
    mixed = push(ladder, lines([*rung(6, acc=0.9), *rung(7)]))
    assert [(r["metric"], r["value"], r["was"]) for r in mixed["conflicting"]] == [("acc", 0.9, pytest.approx(0.573))]
    assert [r["metric"] for r in mixed["same"]] == ["nll"]
    assert [r["checkpoint"] for r in mixed["new"]] == ["lab/s7", "lab/s7"]
    assert {d["run"]: d["answer"] for d in mixed["decisions"]}["s6"] == "HOLD"


def test_a_bad_row_refuses_the_push_and_says_which(ladder: Lab) -> None:
    bad = [*rung(6), {**rung(7)[0], "value": "high"}]
    answer = push(ladder, lines(bad), code=1)
    assert "line 3, column value" in answer["refused"][0]["reason"]
    assert answer["refused"][0]["field"] == "line 3, column value"
    assert answer["new"] == []
    with ladder.store() as store:
        (file,) = store.evidence.files("quarantined")
        assert store.evidence.runs()[-1] == ("lab", "s5")
    again = push(ladder, lines(bad), code=1)  # pushed again is read again, not silently known
    assert again["refused"] == answer["refused"]
    assert file.path == answer["files"][0]["path"]


def test_what_has_no_place_is_listed_and_kept(ladder: Lab) -> None:
    row = {"model": "nobody/knows", "task": "sums", "metric": "acc", "value": 0.5}
    answer = push(ladder, lines([row]))
    assert [(u["model"], "no [[run]] matches" in u["reason"]) for u in answer["unplaced"]] == [("nobody/knows", True)]
    with ladder.store() as store:
        assert len(store.evidence.unplaced()) == 1


def test_history_may_be_pushed_and_is_not_judged(lab: Lab) -> None:
    answer = push(lab, lines([row for i in range(6) for row in rung(i)]), "--baseline")
    assert (len(answer["new"]), answer["sealed"], answer["decisions"]) == (12, 2, [])
    lab.cycle("scan")
    with lab.store() as store:
        assert all(seen.baseline for seen in store.evidence.results())


def test_while_a_daemon_leads_a_push_is_left_to_it(ladder: Lab) -> None:
    with ladder.store() as store:
        store.lead("daemon:7", ladder.clock.now(), ladder.clock.now() + timedelta(seconds=50))
    answer = push(ladder, lines(rung(6)))
    assert (answer["left"], answer["new"]) == ("daemon:7", [])
    assert "daemon:7" in push(ladder, lines(rung(7)), "--baseline", code=1)
    with ladder.store() as store:
        store.resign("daemon:7")
    assert ladder.jobs.run("scan", ladder.jobs.scan)
    assert ladder.ask("s6").answer == Answer.GO
    with ladder.store() as store:
        assert ("lab", "s7") not in store.evidence.runs()


def test_a_push_cut_short_before_its_walk_is_taken_in_by_the_next_scan(
    ladder: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("monitor.watch.take_in", killed)
    CliRunner().invoke(app, ["ingest", "-", "--config", str(ladder.config)], input=lines(rung(6)))
    monkeypatch.undo()
    with ladder.store() as store:
        assert store.evidence.runs()[-1] == ("lab", "s5")
    assert ladder.jobs.run("scan", ladder.jobs.scan)
    assert ladder.ask("s6").answer == Answer.GO


def test_history_cut_short_is_not_taken_for_news(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("monitor.daemon.inbox.arrivals", killed)
    words = ["ingest", "-", "--baseline", "--config", str(lab.config)]
    CliRunner().invoke(app, words, input=lines(rung(1)))
    monkeypatch.undo()
    assert len(list((lab.root / "spool").rglob("*.jsonl"))) == 1
    assert lab.cycle("scan")
    with lab.store() as store:
        assert store.evidence.files() == []


def test_what_was_refused_once_is_read_when_it_is_pushed_again(ladder: Lab) -> None:
    """A reader may have been repaired since."""
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr("checkpoints_db.readers.table.Table.read", lambda *_: {}["bug"])
        answer = push(ladder, lines(rung(6)), code=1)
    assert "please report this" in answer["refused"][0]["reason"]
    assert len(push(ladder, lines(rung(6)))["new"]) == 2
    with ladder.store() as store:
        assert store.evidence.files("quarantined") == []
        assert {a.state for a in store.actions.alerts() if a.rule == "quarantine"} == {"closed"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "nothing came"),
        (b" \n\n", "nothing came"),
        (b'{"results": {}}', "not a row of the plain table"),
        (b"run,task,metric,value\na,b,c,1\n", "not a row of the plain table"),
        (b"\0\1\2", "not a row of the plain table"),
        (b'{"task": "t", "metric": "m", "value": 1}\n' * 3, "limit of 100 bytes"),
    ],
)
def test_what_is_no_push_is_refused_before_anything_is_written(body: bytes, told: str) -> None:
    with pytest.raises(UnreadableFile, match=told):
        taken(io.BytesIO(body), limit=100)


def test_a_refused_push_leaves_nothing(lab: Lab) -> None:
    assert "not a row" in push(lab, "hello", code=1)
    assert not (lab.root / "spool").exists()


def test_the_table_names_what_became_of_each_row(ladder: Lab) -> None:
    done = CliRunner().invoke(app, ["ingest", "-", "--config", str(ladder.config)], input=lines(rung(6)))
    assert done.exit_code == 0
    assert "new" in done.output
    assert "2 new, 0 same, 0 kept aside, 0 conflicting" in done.output
    assert CliRunner().invoke(app, ["ingest", "-", "x", "--config", str(ladder.config)]).exit_code == 2
