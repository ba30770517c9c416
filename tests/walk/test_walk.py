"""The walk, step by step: what each step does, and what happens when it cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, Row, rung, write_table
from typer.testing import CliRunner

from checkpoints_db.records import Answer, Reason
from monitor.faces.cli import app


def test_a_straight_ladder_goes(ladder: Lab) -> None:
    ladder.arrive(rung(6), "s6.csv")
    assert ladder.cycle()
    state = ladder.ask("s6")
    assert (state.answer, state.exit_code) == (Answer.GO, 0)


def test_a_broken_likelihood_pauses(ladder: Lab) -> None:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    assert ladder.cycle()
    state = ladder.ask("lab/s6")
    assert (state.answer, state.exit_code) == (Answer.PAUSE, 20)
    assert "nll" in state.sentence


def test_a_fallen_likelihood_holds(ladder: Lab) -> None:
    ladder.arrive(rung(6, loss=2.6), "s6.csv")
    ladder.cycle()
    state = ladder.ask("s6")
    assert (state.answer, state.exit_code) == (Answer.HOLD, 10)
    with ladder.store() as store:
        assert {d.name for _, d in store.judgements.diagnoses()} == {"regression"}


def test_forecasts_are_sealed_before_and_again_after(ladder: Lab) -> None:
    with ladder.store() as store:
        before = {s.forecast.series: s for s in store.judgements.all_sealed()}
    assert len(before) == 2
    assert all(s.forecast.rungs == tuple(f"s{i}" for i in range(6)) for s in before.values())
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    with ladder.store() as store:
        after = {s.forecast.series: s for s in store.judgements.all_sealed()}
        verdicts = [v for _, v in store.judgements.verdicts()]
    assert all(s.forecast.rungs[-1] == "s6" for s in after.values())
    assert {v.forecast for v in verdicts} == {s.forecast.digest for s in before.values()}


def test_two_rungs_in_one_scan_are_judged_by_what_was_sealed_before_both(ladder: Lab) -> None:
    """The seal made after s6 was judged must not judge s7, whose file was already there."""
    ladder.arrive(rung(7), "a-first-by-name.csv")
    ladder.arrive(rung(6), "b.csv")
    ladder.cycle()
    with ladder.store() as store:
        verdicts = [v for _, v in store.judgements.verdicts()]
        used = {v.run: store.judgements.forecast(v.forecast) for v in verdicts if v.forecast}
    assert {run: sealed.forecast.rungs[-1] for run, sealed in used.items() if sealed} == {"s6": "s5", "s7": "s5"}


def test_a_forecast_sealed_after_the_file_was_seen_cannot_judge_it(lab: Lab) -> None:
    lab.arrive(rung(6), "s6.csv")
    lab.cycle()
    assert lab.ask("s6").reason == Reason.unregistered
    lab.baseline([row for i in range(6) for row in rung(i)])
    lab.cycle()
    with lab.store() as store:
        assert store.judgements.all_sealed()
        assert {v.outcome for _, v in store.judgements.verdicts()} == {"unforeseen"}
    assert lab.ask("s6").answer == Answer.HOLD


def test_too_few_rungs_are_unforeseen(lab: Lab) -> None:
    lab.baseline([row for i in range(3) for row in rung(i)])
    lab.arrive(rung(3), "s3.csv")
    lab.cycle()
    state = lab.ask("s3")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.unregistered)
    with lab.store() as store:
        assert {v.why for _, v in store.judgements.verdicts()} == {"too_few"}


def test_the_same_file_again_or_under_another_name_changes_nothing(ladder: Lab) -> None:
    path = ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    before = snapshot(ladder)
    shutil.copy(path, ladder.inbox / "the-same-under-another-name.csv")
    path.touch()
    ladder.cycle()
    ladder.cycle()
    assert snapshot(ladder) == before


def snapshot(lab: Lab) -> dict[str, object]:
    with lab.store() as store:
        return {
            "ledger": store.ledger.verify(),
            "results": len(store.evidence.results()),
            "verdicts": store._tables.count("verdicts"),
            "decisions": store._tables.count("decisions"),
            "alerts": store._tables.count("alert_events"),
            "messages": store._tables.count("outbox"),
        }


def test_a_missing_task_holds(ladder: Lab) -> None:
    ladder.arrive([row for row in rung(6) if row["metric"] == "nll"], "s6.csv")
    ladder.cycle()
    state = ladder.ask("s6")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.no_data)
    ladder.arrive([row for row in rung(6) if row["metric"] == "acc"], "s6-acc.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO


def test_a_conflicting_result_holds_and_alerts_and_both_are_kept(ladder: Lab) -> None:
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    ladder.arrive(rung(6, loss=1.9), "s6-again.csv")
    ladder.cycle()
    state = ladder.ask("s6")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.incomparable)
    with ladder.store() as store:
        assert [a.rule for a in store.actions.alerts()].count("conflict") == 1
        assert [s.result.value for s in store.evidence.results(run="s6") if not s.counts] == [1.9]


def test_an_unknown_model_is_listed_alerted_and_placed_later(ladder: Lab) -> None:
    rows = [
        {"model": "org/mystery-4g", **{k: v for k, v in row.items() if k not in ("family", "run", "params", "flop")}}
        for row in rung(6)
    ]
    ladder.arrive(rows, "mystery.csv")
    ladder.cycle()
    with ladder.store() as store:
        assert {u.reading.model for u in store.evidence.unplaced()} == {"org/mystery-4g"}
        assert [a.rule for a in store.actions.alerts()] == ["unplaced"]
    catalogue = ladder.root / "catalogue.toml"
    catalogue.write_text(
        catalogue.read_text()
        + '[[run]]\nfamily = "lab"\nmatch = "org/mystery-4g"\nrun = "s6"\n'
        f"params = 64e6\nflop = {1e18 * 4.0**6:.6e}\n".replace("e+", "e")
    )
    ladder.cycle()
    with ladder.store() as store:
        assert store.evidence.unplaced() == []
        assert [(a.rule, a.state) for a in store.actions.alerts()] == [("unplaced", "closed")]
    assert ladder.ask("s6").answer == Answer.GO


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("cut.json", '{"results": {"arc": {"acc,none": 0.4', "cut.json"),
        ("binary.csv", b"\x00\x01\x02\xff\xfe" * 50, "binary"),
        ("nan.csv", "family,run,flop,task,metric,value\nlab,s9,1e24,sums,acc,nan\n", "value"),
        ("negative.csv", "family,run,flop,task,metric,value\nlab,s9,-3,sums,acc,0.5\n", "flop"),
        ("range.csv", "family,run,flop,task,metric,lower,upper,value\nlab,s9,1e24,sums,acc,0,1,1.7\n", "value"),
    ],
)
def test_what_cannot_be_read_is_quarantined_with_file_and_field(
    ladder: Lab, name: str, content: str | bytes, told: str
) -> None:
    path = ladder.inbox / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert ladder.cycle()
    with ladder.store() as store:
        (file,) = store.evidence.files("quarantined")
        assert name in file.reason
        assert told in file.reason
        (alert,) = store.actions.alerts()
        assert (alert.rule, alert.answer, alert.sentence) == ("quarantine", Answer.HOLD, file.reason)
        assert store.evidence.runs() == [("lab", f"s{i}") for i in range(6)]
    kept = sorted(p.name for p in (ladder.root / "quarantine").iterdir())
    assert kept == [f"{file.sha256[:12]}-{name}", f"{file.sha256[:12]}-{name}.reason.txt"]
    path.unlink()
    write_table(path.with_name("whole.csv"), rung(6))
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO


def test_a_repaired_file_closes_its_alert(ladder: Lab) -> None:
    path = ladder.inbox / "s6.csv"
    path.write_text("family,run\nlab")
    ladder.cycle()
    write_table(path, rung(6))
    ladder.cycle()
    with ladder.store() as store:
        assert [(a.rule, a.state) for a in store.actions.alerts() if a.rule == "quarantine"] == [
            ("quarantine", "closed")
        ]
    assert ladder.ask("s6").answer == Answer.GO


def test_an_alert_is_one_for_the_same_trouble_and_its_messages_arrive_once(ladder: Lab) -> None:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    for _ in range(3):
        ladder.cycle()
    with ladder.store() as store:
        opened = [a for a in store.actions.alerts() if a.answer == Answer.PAUSE]
    assert sorted(a.rule for a in opened) == ["break", "diagnosis"]
    lines = [json.loads(line) for line in (ladder.root / "alerts.jsonl").read_text().splitlines()]
    assert sorted(line["alert"]["rule"] for line in lines if line["event"] == "opened") == ["break", "diagnosis"]
    assert len({line["id"] for line in lines}) == len(lines)


def test_history_is_never_judged_as_news(ladder: Lab) -> None:
    ladder.cycle()
    state = ladder.ask("s5")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.unregistered)
    with ladder.store() as store:
        assert store.judgements.verdicts() == []


def test_files_still_being_written_are_left_alone(ladder: Lab, tmp_path: Path) -> None:
    whole = write_table(tmp_path / "s6.csv", rung(6)).read_text()
    path = ladder.inbox / "s6.csv"
    path.write_text(whole[:40])

    class GrowingClock(type(ladder.clock)):  # type: ignore[misc]
        """While the daemon waits for the file to settle, its writer goes on."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            path.write_text(whole)

    still, ladder.clock = ladder.clock, GrowingClock(ladder.clock.now())
    ladder.cycle("scan")
    with ladder.store() as store:
        assert store.evidence.files("quarantined") == []
        assert store.evidence.runs()[-1] == ("lab", "s5")
    still.sleep((ladder.clock.now() - still.now()).total_seconds())
    ladder.clock = still
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO


EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FACTS = EXAMPLES / "tiny-ladder" / "tiny-facts"


def test_samples_wait_for_their_results_and_are_read_with_them(lab: Lab) -> None:
    """Real logs, landing in the wrong order: nothing is lost, and one run's files are judged together."""
    (lab.root / "catalogue.toml").write_bytes((EXAMPLES / "catalogue.toml").read_bytes())
    shutil.copytree(EXAMPLES / "tiny-ladder", lab.root / "tiny-ladder", ignore=shutil.ignore_patterns("*.json*"))
    source = next(FACTS.glob("f0-*"))
    target = lab.inbox / source.name
    target.mkdir()
    for samples in source.glob("samples_*"):
        shutil.copy(samples, target)
    assert lab.cycle("scan")
    with lab.store() as store:
        assert {file.status for file in store.evidence.files()} == {"waiting"}
        assert all("results_" in file.reason for file in store.evidence.files())
        assert store.actions.alerts() == []
    lab.clock.sleep(lab.settings.daemon.patience.total_seconds())
    lab.cycle("scan")
    with lab.store() as store:
        assert {alert.rule for alert in store.actions.alerts()} == {"waiting"}
    shutil.copy(next(source.glob("results_*")), target)
    assert lab.cycle("scan")
    with lab.store() as store:
        assert {file.status for file in store.evidence.files()} == {"read"}
        assert {alert.state for alert in store.actions.alerts() if alert.rule == "waiting"} == {"closed"}
        assert {"exact_match,none", "acc,none", "log_likelihood_per_byte"} <= {
            seen.result.metric.name for seen in store.evidence.results(run="f0")
        }


def test_a_file_in_quarantine_is_read_again_when_asked(ladder: Lab) -> None:
    path = ladder.arrive(rung(6), "s6.csv")
    ladder.cycle("scan")
    with ladder.store() as store:
        (file,) = [f for f in store.evidence.files() if f.path == str(path)]
        with store.transaction():
            store.evidence.put_file(file.model_copy(update={"status": "quarantined"}), ladder.clock.now())
    done = CliRunner().invoke(app, ["quarantine", "retry", file.sha256[:12], "--config", str(ladder.config)])
    assert done.exit_code == 0
    ladder.cycle("scan")
    with ladder.store() as store:
        assert store.evidence.files("quarantined") == []


def test_checkpoints_of_one_run_without_steps_are_told_apart_by_their_tokens(lab: Lab) -> None:
    rows = [
        {
            "family": "curve",
            "run": "only",
            "tokens": 1e9 * 2**i,
            "task": "web",
            "metric": "loss",
            "kind": "continuous",
            "direction": "lower",
            "lower": 0,
            "value": 4.0 - 0.2 * i,
            "stderr": 0.01,
        }
        for i in range(6)
    ]
    lab.baseline(rows[:5])
    lab.arrive(rows[5:], "next.csv")
    assert lab.cycle()
    with lab.store() as store:
        assert [a for a in store.actions.alerts() if a.rule == "conflict"] == []
        (verdict,) = [v for _, v in store.judgements.verdicts()]
    assert (verdict.outcome, verdict.checkpoint) == ("expected", "curve/only@3.2e+10tok")


def stepped(i: int, step: int, **more: Any) -> list[Row]:
    """Rung `i` at one training step; steps are different ladders under the default catalogue."""
    return [{**row, "step": step, "family": "steps"} for row in rung(i, **more)]


def test_an_earlier_checkpoint_that_breaks_pauses_the_run_even_when_a_newer_one_is_fine(lab: Lab) -> None:
    lab.baseline([row for step in (1000, 2000) for i in range(6) for row in stepped(i, step)])
    lab.arrive(stepped(6, 1000, loss=1.0) + stepped(6, 2000), "s6.csv")
    lab.cycle()
    state = lab.ask("s6")
    assert (state.answer, state.reason) == (Answer.PAUSE, Reason.latched)
    with lab.store() as store:
        outcomes = {(v.checkpoint, v.metric.name): v.outcome for _, v in store.judgements.verdicts()}
        assert outcomes["steps/s6@1000", "nll"] == "above"
        assert outcomes["steps/s6@2000", "nll"] == "expected"
        assert {(a.rule, a.answer, a.state) for a in store.actions.alerts()} == {
            ("break", Answer.PAUSE, "firing"),
            ("diagnosis", Answer.PAUSE, "firing"),
        }


def test_a_late_earlier_checkpoint_is_judged_and_the_gate_goes_on_speaking_of_the_newest(lab: Lab) -> None:
    lab.baseline([row for step in (1000, 2000) for i in range(6) for row in stepped(i, step)])
    lab.arrive(stepped(6, 2000), "late.csv")
    lab.cycle()
    assert lab.ask("s6").answer == Answer.GO
    lab.arrive(stepped(6, 1000, loss=2.6), "earlier.csv")
    lab.cycle()
    assert lab.ask("s6").answer == Answer.GO
    with lab.store() as store:
        assert {v.outcome for _, v in store.judgements.verdicts() if v.checkpoint == "steps/s6@1000"} >= {"below"}


def test_a_news_file_that_repeats_history_beside_a_new_rung_judges_only_the_new_one(ladder: Lab) -> None:
    ladder.arrive(rung(5) + rung(6), "both.csv")
    assert ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO
    assert ladder.ask("s5").reason == Reason.unregistered
