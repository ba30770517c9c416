"""What Prometheus is told, whether the daemon does its work, and who may ask."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from lab import START, Lab, rung
from prometheus_client.parser import text_string_to_metric_families
from pushing import lines, problem, push, serving, web

from checkpoints_db import Store
from monitor.daemon.pulse import Pulse
from monitor.measures import BEGIN, END, MEASURES, OF_THE_STORE, residual_of, table

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def settled(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab in which one run goes on and one is paused; to be copied."""
    lab = built.copy(tmp_path_factory.mktemp("settled") / "lab")
    lab.arrive(rung(6), "s6.csv")
    lab.arrive(rung(7, loss=0.9), "s7.csv")
    assert lab.cycle("scan")  # and nothing is delivered yet
    with lab.store() as store:
        store.resign("test:1")
    return web(lab)


@pytest.fixture
def house(settled: Lab, tmp_path: Path) -> Lab:
    return settled.copy(tmp_path / "house")


def scraped(client: httpx.Client) -> dict[str, dict[tuple[str, ...], float]]:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = next(m.labels for m in MEASURES if m.name == sample.name)
            found.setdefault(sample.name, {})[tuple(sample.labels[label] for label in labels)] = sample.value
    return found


def test_the_page_lists_every_name_there_is() -> None:
    page = (ROOT / "monitor" / "README.md").read_text("utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == table().strip()


def test_gates_alerts_forecasts_and_the_ledger_are_told(house: Lab) -> None:
    with house.store() as store:
        head, paused = store.ledger.head, store.judgements.verdicts("lab", "s7")
    with serving(house) as client:
        told = scraped(client)
    assert {key: value for key, value in told["holdpoint_gate_state"].items() if value} == {
        ("lab", "s6", "GO"): 1,
        ("lab", "s7", "PAUSE"): 1,
    }
    assert told["holdpoint_gates"] == {("GO",): 1, ("WARN",): 0, ("HOLD",): 0, ("PAUSE",): 1}
    assert told["holdpoint_gates_held"] == {(): 0}
    assert told["holdpoint_alerts"]["firing", "pause"] >= 1
    assert told["holdpoint_alerts"]["acknowledged", "warn"] == 0
    residual = told["holdpoint_forecast_standardised_residual"]
    by_metric = {v.metric.name: residual_of(v) for _, v in paused}
    assert residual == {("lab", name): pytest.approx(value) for name, value in by_metric.items()}
    assert residual["lab", "nll"] > 3 > abs(residual["lab", "acc"])
    assert told["holdpoint_min_detectable_break_ratio"]["lab", "nll"] == pytest.approx(
        next(v.blindness for _, v in paused if v.metric.name == "nll")
    )
    assert told["holdpoint_last_evaluation_timestamp_seconds"]["lab",] >= START.timestamp()
    assert told["holdpoint_ledger_rows"] == {(): head[0]}
    assert told["holdpoint_audit_head_info"] == {(head[1][:12],): 1}
    assert told["holdpoint_outbox_messages"]["owed",] > 0
    assert told["holdpoint_outbox_oldest_timestamp_seconds"][()] >= START.timestamp()
    assert {m.name for m in OF_THE_STORE} - set(told) == {
        "holdpoint_lease_expiry_timestamp_seconds",
        "holdpoint_last_drill_success",
    }


def test_an_open_gate_is_told_as_held_while_cycles_are_silent(house: Lab) -> None:
    with serving(house) as client:
        house.clock.sleep(86401)
        told = scraped(client)
        assert house.ask("lab/s6").answer == "HOLD"
    assert told["holdpoint_gate_state"]["lab", "s6", "HOLD"] == 1
    assert told["holdpoint_gate_state"]["lab", "s6", "GO"] == 0
    assert told["holdpoint_gate_state"]["lab", "s7", "PAUSE"] == 1
    assert (told["holdpoint_gates"]["GO",], told["holdpoint_gates"]["HOLD",]) == (0, 1)
    assert told["holdpoint_gates_held"] == {(): 1}


def test_what_cannot_be_read_is_absent_and_never_zero(house: Lab) -> None:
    with serving(house) as client:
        (house.root / "holdpoint.db").rename(house.root / "moved.db")
        told = scraped(client)
        assert told["holdpoint_store_readable"] == {(): 0}
        assert not {m.name for m in OF_THE_STORE} & set(told)
        (house.root / "moved.db").write_bytes(b"no store" * 1000)
        (house.root / "moved.db").rename(house.root / "holdpoint.db")
        assert scraped(client)["holdpoint_store_readable"] == {(): 0}


def test_a_timetable_tells_of_lag_and_of_what_was_missed(house: Lab) -> None:
    pulse = Pulse()
    pulse.begins("scan", timedelta(seconds=5), house.clock.now())
    pulse.begins("overdue", timedelta(minutes=5), house.clock.now())
    pulse.missed()
    pulse.failed("scan")
    pulse.reload_refused = "policy.toml: no such file"
    house.clock.sleep(7)
    with serving(house, holder="me:1", pulse=pulse) as client:
        told = scraped(client)
    assert told["holdpoint_scheduler_lag_seconds"] == {(): 2}
    assert told["holdpoint_scheduler_missed_total"] == {(): 1}
    assert told["holdpoint_job_failures_total"] == {("scan",): 1, ("overdue",): 0}
    assert told["holdpoint_reload_successful"] == {(): 0}
    with serving(house) as client:  # without a daemon there is no timetable to be late with
        assert "holdpoint_scheduler_lag_seconds" not in scraped(client)


def test_what_is_pushed_is_counted_by_what_became_of_it(house: Lab) -> None:
    with serving(house) as client:
        assert set(scraped(client)["holdpoint_evaluations_ingested_total"].values()) == {0}
        push(client, lines(rung(5)), "again.jsonl")
        push(client, b"nothing anybody knows", "results.json")
        told = scraped(client)["holdpoint_evaluations_ingested_total"]
    assert {key[0]: value for key, value in told.items() if value} == {"same": 2, "quarantined": 1}


@pytest.mark.parametrize(
    ("terms", "headers", "status"),
    [
        ({}, {}, 200),
        ({}, {"X-Forwarded-For": "203.0.113.7"}, 401),
        ({}, {"Forwarded": "for=203.0.113.7"}, 401),
        ({}, {"Via": "1.1 proxy"}, 401),
        ({"metrics": "token"}, {}, 401),
        ({"metrics": "token"}, {"Authorization": "Bearer a-token-of-this-test"}, 200),
        ({"metrics": "token"}, {"Authorization": "Bearer another-token-altogether"}, 401),
    ],
)
def test_who_may_read_metrics(lab: Lab, terms: Any, headers: Any, status: int) -> None:
    with serving(web(lab, **terms)) as client:
        client.headers.pop("Authorization")
        got = client.get("/metrics", headers=headers)
        assert got.status_code == status
        if status == 401:
            assert "holdpoint_" not in problem(got, 401)["detail"]
        assert client.get("/healthz", headers=headers).json() == {"alive": True}


def ready(client: httpx.Client) -> tuple[int, set[str]]:
    """The status, and the checks that failed."""
    answer = client.get("/readyz", headers={"Authorization": ""})
    told = answer.json()
    assert told["ready"] == (answer.status_code == 200) == all(told["checks"].values())
    return answer.status_code, {name for name, well in told["checks"].items() if not well}


def test_ready_is_who_led_a_complete_cycle_lately(house: Lab) -> None:
    with serving(house, holder="test:1") as daemon, serving(house, holder="other:2") as other, serving(house) as alone:
        with house.store() as store:
            store.lead("test:1", house.clock.now(), house.later(minutes=20))
        assert ready(daemon) == ready(alone) == (200, set())
        assert ready(other) == (503, {"leadership"})
        house.clock.sleep(5 * 60)
        assert ready(daemon) == (503, {"cycle"})
        house.clock.sleep(60 * 60)
        assert ready(alone) == (503, {"cycle", "leadership"})


def test_not_ready_when_a_job_failed_and_no_path_or_reason_is_told(house: Lab) -> None:
    with serving(house, holder="test:1") as client:
        house.policy.write_text("nothing = that is a policy")
        assert not house.cycle("scan")
        answer = client.get("/readyz", headers={"Authorization": ""})
        assert (answer.status_code, answer.json()["checks"]["jobs"]) == (503, False)
        assert "policy" not in answer.text
        (house.root / "holdpoint.db").rename(house.root / "moved.db")
        assert ready(client) == (503, {"store", "cycle", "jobs", "leadership"})


def test_a_scrape_is_cheap_however_many_results_there_are(house: Lab) -> None:
    """No table that grows with results is read through: SQLite says how it would look."""
    asked: list[str] = []
    with Store.open(house.root / "holdpoint.db", read_only=True) as store:
        database = store._tables._db.conn
        database.set_trace_callback(asked.append)
        store.vitals.gates(), store.vitals.alerts(), store.vitals.outbox()
        judged = store.vitals.judged("lab")
        assert judged is not None
        store.vitals.last_result("lab"), store.vitals.verdicts("lab", judged)
        database.set_trace_callback(None)
        plans = [row[3] for query in asked for row in database.execute(f"explain query plan {query}")]
    assert any("results" in plan for plan in plans)
    grow = ("results", "verdicts", "decisions", "ledger", "outbox", "leases", "files", "scores")
    assert [plan for plan in plans if plan.startswith("SCAN") and plan.split()[1] in grow] == []


PROMETHEUS = shutil.which("prometheus")


@pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus here; apt-get install --no-install-recommends prometheus")
def test_the_real_prometheus_scrapes_it(house: Lab, tmp_path: Path) -> None:
    assert PROMETHEUS is not None
    with serving(house) as client, httpx.Client(timeout=2) as asking:
        target = client.base_url.netloc.decode()
        (tmp_path / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            f"scrape_configs:\n- job_name: holdpoint\n  static_configs: [{{targets: ['{target}']}}]\n"
        )
        port = free_port()
        words = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
        words += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        running = subprocess.Popen([PROMETHEUS, *words])
        try:
            query = 'holdpoint_gate_state{state="PAUSE"} == 1'
            for _ in range(100):
                time.sleep(0.1)
                try:
                    answer = asking.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}).json()
                except (httpx.HTTPError, ValueError):
                    continue
                if found := answer.get("data", {}).get("result"):
                    break
            targets = asking.get(f"http://127.0.0.1:{port}/api/v1/targets").json()["data"]["activeTargets"]
        finally:
            running.terminate()
            running.wait(10)
    assert [(r["metric"]["family"], r["metric"]["run"]) for r in found] == [("lab", "s7")]
    assert [(t["health"], t["lastError"]) for t in targets] == [("up", "")]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
