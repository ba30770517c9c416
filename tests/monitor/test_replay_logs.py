"""Raw logs as a history: what the daemon would have done, had they landed one after another; and nothing is touched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lab import START, Lab, rung, write_table

from checkpoints_db.records import Answer
from monitor.replay import Asked, LogSource, Played, Timetable, over, read_logs, replay
from policies.loader import shelf

DAY = timedelta(days=1)


def logs(lab: Lab, dated: bool = True, **broken: float) -> Path:
    """A folder with a log for each of eight rungs, one a day; `broken`: the loss of one of them."""
    for i in range(8):
        rows = rung(i, loss=broken.get(f"s{i}"))
        if dated:
            rows = [{**row, "date": (START + i * DAY).isoformat()} for row in rows]
        write_table(lab.root / "logs" / f"{7 - i}.csv", rows)
    return lab.root / "logs"


def release(lab: Lab, run: str) -> None:
    """Two people say that a run may go on, if it may not."""
    with lab.store() as store:
        for who in ("ada", "grace"):
            gate = store.actions.gate("lab", run)
            if gate is not None and gate.answer is Answer.PAUSE:
                lab.desk(store).release("lab", run, by=who, reason="looked at it", evidence=gate.evidence)


def source(lab: Lab, folder: Path, since: datetime | None = None, **more: str) -> LogSource:
    return read_logs(folder, lab.rules(), since=since, **more)  # type: ignore[arg-type]


def test_logs_are_walked_as_the_daemon_would_have(lab: Lab, make_lab: Callable[[str], Lab]) -> None:
    """The same rungs land one by one in a running lab, where people release each pause: the same answers, sentences,
    numbers."""
    found = source(lab, logs(lab, s6=1.0), since=START + 5 * DAY)
    (own,) = over(found, Asked([lab.rules().policy], Timetable(None), START + 5 * DAY), workers=1)[0]
    live = make_lab("live")
    live.baseline([row for i in range(5) for row in rung(i)])
    for i in (5, 6, 7):
        live.arrive(rung(i, loss=1.0 if i == 6 else None), f"{i}.csv")
        live.cycle()
        release(live, f"s{i}")
        live.cycle()
    with live.store() as store:
        decisions = [d for d in store.judgements.decisions() if not d.approvals]
    said = [(d.run, d.answer, [(f.rule, f.sentence, f.numbers) for f in d.findings]) for d in decisions]
    again = [s.decision for s in own.steps]
    assert [(d.run, d.answer, [(f.rule, f.sentence, f.numbers) for f in d.findings]) for d in again] == said
    assert Answer.PAUSE in {d.answer for d in again}


def test_what_came_before_is_baseline(lab: Lab) -> None:
    found = source(lab, logs(lab), since=START + 5 * DAY)
    assert found.weights() == {"lab": 6}
    assert [m.run for m in found.families["lab"].moments] == ["s5", "s6", "s7"]


def test_undated_logs_are_walked_in_order_of_scale(lab: Lab) -> None:
    found = source(lab, logs(lab, dated=False))
    assert [m.run for m in found.families["lab"].moments] == [f"s{i}" for i in range(8)]
    assert found.families["lab"].moments[1].at - found.families["lab"].moments[0].at == DAY
    assert "in order of scale" in found.notes[0]


def test_dates_order_before_names_and_scale(lab: Lab) -> None:
    folder = lab.root / "logs"
    for i, on in ((0, 3), (1, 1), (2, 2)):
        rows = [{**row, "date": datetime(2026, 1, on, tzinfo=UTC).isoformat()} for row in rung(i)]
        write_table(folder / f"{i}.csv", rows)
    assert [m.run for m in source(lab, folder).families["lab"].moments] == ["s1", "s2", "s0"]
    assert [m.run for m in source(lab, folder, order="scale").families["lab"].moments] == ["s0", "s1", "s2"]


def test_logs_of_one_moment_are_judged_by_what_was_sealed_before_all_of_them(lab: Lab) -> None:
    folder = lab.root / "logs"
    for i in range(8):
        rows = [{**row, "date": (START + min(i, 6) * DAY).isoformat()} for row in rung(i)]
        write_table(folder / f"{i}.csv", rows)
    with source(lab, folder, since=START + 5 * DAY).told("lab") as told:
        seen = {s.result.checkpoint.run: s.seen_after for _, s in told.history.results}
        series = told.history.results[0][1].result.series
        seals = {run: told.history.seals.read(told.history.seals.at(series, seen[run]) or 0) for run in ("s6", "s7")}
    assert {run: sealed.forecast.rungs[-1] for run, sealed in seals.items()} == {"s6": "s5", "s7": "s5"}


def test_the_store_beside_is_not_touched_and_nothing_is_left_behind(lab: Lab) -> None:
    folder = logs(lab)
    before = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in lab.root.rglob("*") if p.is_file()}
    found = replay(source(lab, folder, since=START + 4 * DAY), shelf("default"))
    assert found.judged > 0
    assert found.likeness is None
    assert {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in lab.root.rglob("*") if p.is_file()} == before


def test_what_cannot_be_read_or_placed_is_told(lab: Lab) -> None:
    folder = logs(lab)
    (folder / "broken.json").write_text("{")
    (folder / "stranger.csv").write_text("model,task,metric,kind,value\nwho,sums,nll,continuous,1.5\n")
    notes = " ".join(source(lab, folder).notes)
    assert "could not be read" in notes
    assert "broken.json" in notes
    assert "1 readings of 1 models have no place" in notes


@pytest.mark.parametrize("workers", [2])
def test_parts_of_logs_are_judged_side_by_side(lab: Lab, workers: int) -> None:
    found = source(lab, logs(lab, s6=1.0), since=START + 5 * DAY)
    asked = Asked([shelf("default")], Timetable(None))

    def bodies(played: list[list[Played]]) -> list[object]:
        return [own.body() for each in played for own in each]

    assert bodies(over(found, asked, workers=workers, small=0)) == bodies(over(found, asked, workers=1))
