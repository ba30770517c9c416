"""Limited, cancelled, failed and invalidated evaluations, from the log to the seal: kept, marked, never trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from harness_logs import Asked, asked, helm, inspect, lm_eval, openai_evals
from lab import Lab
from typer.testing import CliRunner

from monitor.faces.cli import app

RUNGS, MARKED, DOCUMENTS = 6, 3, 40
Write = Callable[[Path, str, Sequence[Asked], str], list[Path]]


def evaluated(write: Write, folder: Path, i: int, state: str) -> None:
    """Rung `i` in a folder of its own, with half the documents where it was limited."""
    folder.mkdir()
    documents = DOCUMENTS // 2 if state in ("limit", "subset") else DOCUMENTS
    write(folder, f"house/r{i}", asked((8 + 4 * i) * documents // DOCUMENTS, documents), state)


def walked(lab: Lab, write: Write, state: str) -> Lab:
    """A ladder whose rung `MARKED` was evaluated in `state`, taken in by the daemon's scan."""
    models = "".join(f"house/r{i},r{i},{10**6 * 3**i},{10**8 * 3**i},{6e14 * 9**i}\n" for i in range(RUNGS))
    (lab.root / "models.csv").write_text("model,run,params,tokens,flop\n" + models)
    with (lab.root / "catalogue.toml").open("a") as catalogue:
        catalogue.write('[[run]]\nfamily = "lab"\ntable = "models.csv"\n')
    for i in range(RUNGS):
        evaluated(write, lab.inbox / f"r{i}", i, state if i == MARKED else "whole")
    lab.cycle("scan")
    return lab


ALL = tuple(f"r{i}" for i in range(RUNGS))
OTHERS = tuple(run for run in ALL if run != f"r{MARKED}")


def told(lab: Lab) -> tuple[set[str], set[str], set[tuple[str, ...]]]:
    """Remarks of the marked rung, the runs that any series has a point of, and the runs that seals were made from."""
    with lab.store() as store:
        store.ledger.verify()
        assert store.evidence.files("quarantined", "waiting", "arrived") == []
        assert store.evidence.unplaced() == []
        kept = store.evidence.results(run=f"r{MARKED}")
        assert kept
        points = {point.run for name in store.evidence.series_ids() for point in store.evidence.series(name).points}
        seals = {sealed.forecast.rungs for sealed in store.judgements.all_sealed()}
        return {remark for seen in kept for remark in seen.result.remarks}, points, seals


@pytest.mark.parametrize("write", [lm_eval, inspect, openai_evals, helm])
def test_a_whole_rung_trains(lab: Lab, write: Write) -> None:
    remarks, points, seals = told(walked(lab, write, "whole"))
    assert remarks == set()
    assert f"r{MARKED}" in points
    assert ALL in seals
    # Of a metric that is saturated on the largest rungs, those train nothing either.
    assert all(rungs == ALL[: len(rungs)] for rungs in seals)


@pytest.mark.parametrize(
    ("write", "state", "remark"),
    [
        (lm_eval, "limit", "limit"),
        (lm_eval, "subset", "limit"),
        (inspect, "limit", "limit"),
        (inspect, "subset", "limit"),
        (inspect, "cancelled", "cancelled"),
        (inspect, "error", "errored"),
        (inspect, "invalidated", "invalidated"),
        (inspect, "incomplete", "incomplete"),
        (openai_evals, "limit", "limit"),
        (openai_evals, "errors", "errors"),
    ],
    ids=lambda x: x if isinstance(x, str) else x.__name__,
)
def test_a_rung_with_a_remark_is_kept_marked_and_never_trained_on(
    lab: Lab, write: Write, state: str, remark: str
) -> None:
    remarks, points, seals = told(walked(lab, write, state))
    assert remark in remarks
    assert points == {*OTHERS}
    assert seals == {OTHERS}


def test_a_helm_run_under_a_smaller_cap_is_a_series_of_its_own(lab: Lab) -> None:
    """No remark: HELM always has a cap. Under another one it answers other questions, and trains nothing else."""
    remarks, _, seals = told(walked(lab, helm, "limit"))
    assert remarks == set()
    assert seals == {OTHERS}
    with lab.store() as store:
        runs = [{point.run for point in store.evidence.series(name).points} for name in store.evidence.series_ids()]
    assert sorted(map(len, runs)) == [1, RUNGS - 1]


def test_a_clean_repeat_takes_the_place_of_a_cancelled_one_whichever_comes_first(lab: Lab) -> None:
    walked(lab, inspect, "cancelled")
    evaluated(inspect, lab.inbox / "again", MARKED, "whole")
    lab.cycle("scan")
    _, points, _ = told(lab)
    assert f"r{MARKED}" in points
    evaluated(inspect, lab.root / "late", MARKED, "invalidated")
    with lab.store() as store:
        store.resign(lab.jobs.holder)
    done = CliRunner().invoke(app, ["ingest", str(lab.root / "late"), "--config", str(lab.config)])
    assert "0 new results, 0 known, 1 kept aside, 0 conflicting" in " ".join(done.output.split())
    remarks, points, _ = told(lab)
    assert {"cancelled", "invalidated"} <= remarks
    assert f"r{MARKED}" in points
    with lab.store() as store:
        assert [alert for alert in store.actions.alerts() if alert.rule == "conflict"] == []
