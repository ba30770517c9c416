"""The log of a daemon, for people and for machines, and the traces of its cycles."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, rung
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from monitor.daemon.jobs import Jobs
from monitor.daemon.span import untraced
from monitor.faces.log import JsonLines, log_to_standard_error
from monitor.faces.tracing import Traces
from monitor.settings import Log

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("checkpoints_db", "policies", "monitor")


@pytest.fixture
def root() -> Iterator[None]:
    """The root logger as it was before."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:], logger.level = handlers, level


def cycle(lab: Lab, jobs: Jobs | None = None) -> bool:
    made = jobs or lab.jobs
    done = [made.run(name, body) for name, _, body in made.timetable()]
    lab.clock.sleep(30)
    return all(done)


def test_every_event_is_one_line_of_json_that_leads_to_the_ledger(
    ladder: Lab, root: None, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_standard_error(Log(format="json"))
    ladder.arrive(rung(6), "s6.csv")
    assert cycle(ladder)
    ladder.policy.write_text("nothing = that is one")
    assert not cycle(ladder)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert all({"at", "level", "logger", "event"} <= set(line) for line in told)
    (gate,) = [line for line in told if "decision" in line]
    (scan,) = [line for line in told if line.get("job") == "scan"]
    with ladder.store() as store:
        decision = store.judgements.decision(gate["decision"])
        assert decision is not None
        assert (decision.run, str(decision.answer)) == (gate["run"], gate["answer"]) == ("s6", "GO")
        assert store.ledger.entry(scan["seq"]).sha256 == scan["digest"]
    assert any(line["level"] == "error" and "job scan failed" in line["event"] for line in told)


def test_lines_for_people_cannot_be_broken_out_of(root: None, capsys: pytest.CaptureFixture[str]) -> None:
    log_to_standard_error(Log(level="warning"))
    logger = logging.getLogger("holdpoint.daemon")
    logger.info("not this")
    logger.warning("a file\n2026 ERROR forged", extra={"ids": {"seq": 12, "run": "a\x1b[31mb"}})
    (line,) = capsys.readouterr().err.splitlines()
    assert "WARNING holdpoint.daemon: a file 2026 ERROR forged [seq=12 run=a" in line
    assert "\x1b" not in line


def test_an_error_nobody_foresaw_keeps_its_trace_in_its_line() -> None:
    try:
        int("seldom")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "job failed", (), sys.exc_info())
    told = JsonLines().format(record)
    assert "\n" not in told
    assert "ValueError: invalid literal" in json.loads(told)["trace"]


def test_a_cycle_is_traced(ladder: Lab) -> None:
    exporter = InMemorySpanExporter()
    traces, jobs = Traces(exporter), ladder.jobs
    jobs.trace = traces.span
    ladder.arrive(rung(6), "s6.csv")
    assert cycle(ladder, jobs)
    ladder.policy.write_text("nothing = that is one")
    assert not cycle(ladder, jobs)
    traces.close()
    spans = exporter.get_finished_spans()
    scan = next(span for span in spans if span.name == "holdpoint.scan")
    inside = [s.name for s in spans if s.parent is not None and s.parent.span_id == scan.context.span_id]
    assert inside == ["holdpoint.arrivals", "holdpoint.judge", "holdpoint.decide"]
    judged = next(span for span in spans if span.name == "holdpoint.judge")
    assert judged.attributes is not None
    assert (judged.attributes["holdpoint.new"], judged.attributes["holdpoint.decisions"]) == (2, 1)
    assert "holdpoint.deliver" in {span.name for span in spans}
    failed = [span for span in spans if span.status.status_code is StatusCode.ERROR]
    assert {span.name for span in failed} >= {"holdpoint.scan"}


def test_traces_cost_nothing_while_they_are_off() -> None:
    """One module asks for the library, and only where a setting asks for traces is that module asked for."""
    sources = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    texts = {path.name: path.read_text("utf-8") for path in sources}
    assert [name for name, text in texts.items() if re.search("(from|import) opentelemetry", text)] == ["tracing.py"]
    at_the_top = re.compile(r"^(from|import) .*\btracing\b", re.MULTILINE)
    assert [name for name, text in texts.items() if at_the_top.search(text)] == []
    assert untraced("one") is untraced("another")
