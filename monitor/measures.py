"""What is measured, by name, and how to read it: the door over HTTP tells it to Prometheus, README.md has the table.

Names keep to the conventions of Prometheus: one prefix, base units, `_total` for what only grows. Labels are bounded:
gates are told one by one up to a limit, forecasts by family and metric and never by task.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from scipy.special import ndtri

from checkpoints_db import Store
from checkpoints_db.records import Answer, Verdict
from checkpoints_db.vitals import GATES, Judged

Kind = Literal["gauge", "counter"]
Value = tuple[tuple[str, ...], float]
"""Values of the labels, and the number."""
METRICS = 50
"""Metrics of a family that are told one by one: those whose result lies farthest from its forecast."""
FARTHEST = 10.0
"""Standard deviations; what lies farther out is told as this."""
HASH = 12
STATES = ("firing", "acknowledged", "closed")
SEVERITIES = (Answer.WARN, Answer.HOLD, Answer.PAUSE)


class Measure(NamedTuple):
    """One name that Prometheus is told."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    means: str


OF_THE_STORE = (
    Measure(
        "holdpoint_gate_state",
        "gauge",
        ("family", "run", "state"),
        f"1 for what the gate says, 0 for the others of GO, WARN, HOLD, PAUSE; at most {GATES} gates, closed first",
    ),
    Measure("holdpoint_gates", "gauge", ("state",), "Number of gates that say so"),
    Measure("holdpoint_gates_held", "gauge", (), "1 while every gate holds: `holdpoint gate ask` says why"),
    Measure(
        "holdpoint_lease_expiry_timestamp_seconds",
        "gauge",
        ("family", "run"),
        "When the newest lease of a run ends; absent where there is none, or it was taken back",
    ),
    Measure("holdpoint_alerts", "gauge", ("state", "severity"), "Number of alerts; severity is warn, hold or pause"),
    Measure(
        "holdpoint_forecast_standardised_residual",
        "gauge",
        ("family", "metric"),
        "The result of the newest checkpoint that lies farthest from its sealed forecast, in standard deviations "
        f"toward capability; at most {FARTHEST:g}",
    ),
    Measure(
        "holdpoint_min_detectable_break_ratio",
        "gauge",
        ("family", "metric"),
        "The largest break on the newest checkpoint that could have hidden, as a share of the metric's room; +Inf: any",
    ),
    Measure(
        "holdpoint_last_evaluation_timestamp_seconds",
        "gauge",
        ("family",),
        "When the newest result of a family that has a gate was noticed",
    ),
    Measure("holdpoint_last_cycle_timestamp_seconds", "gauge", (), "When the last complete cycle ended; 0 for never"),
    Measure("holdpoint_last_drill_timestamp_seconds", "gauge", (), "When the last fire drill ended; 0 for never"),
    Measure(
        "holdpoint_last_drill_success", "gauge", (), "1 where everything happened in time in it; absent before one"
    ),
    Measure("holdpoint_outbox_messages", "gauge", ("state",), "Messages that are owed, and those that are lost"),
    Measure(
        "holdpoint_outbox_oldest_timestamp_seconds", "gauge", (), "When the oldest owed message was written; 0: none is"
    ),
    Measure(
        "holdpoint_leadership_expiry_timestamp_seconds", "gauge", (), "Until when some daemon leads; 0 for nobody does"
    ),
    Measure("holdpoint_ledger_rows", "gauge", (), "Sequence number of the ledger's head; it only grows"),
    Measure("holdpoint_audit_head_info", "gauge", ("hash",), f"1, with {HASH} characters of the digest of that head"),
)
OF_THE_PROCESS = (
    Measure("holdpoint_build_info", "gauge", ("version", "judgement_version", "python"), "1"),
    Measure("holdpoint_store_readable", "gauge", (), "0 where the store cannot be read: all that is of it is absent"),
    Measure("holdpoint_leader", "gauge", (), "1 where this process leads"),
    Measure("holdpoint_last_cycle_duration_seconds", "gauge", (), "How long the last complete cycle took"),
    Measure("holdpoint_scheduler_lag_seconds", "gauge", (), "How late the most overdue job is"),
    Measure("holdpoint_scheduler_missed_total", "counter", (), "Jobs that could not start when they were due"),
    Measure("holdpoint_job_failures_total", "counter", ("what",), "Jobs that failed"),
    Measure(
        "holdpoint_evaluations_ingested_total",
        "counter",
        ("outcome",),
        "Results by what became of them: new, same, aside, conflicting, unplaced; files: quarantined, waiting",
    ),
    Measure(
        "holdpoint_reload_successful", "gauge", (), "0 where the last request to reload was refused, and what was kept"
    ),
    Measure("holdpoint_last_reload_timestamp_seconds", "gauge", (), "When something was last reloaded; 0 for never"),
)
MEASURES = (*OF_THE_STORE, *OF_THE_PROCESS)
BEGIN, END = "<!-- measures: made by monitor/measures.py; a test compares -->", "<!-- /measures -->"


def table() -> str:
    """The table of `monitor/README.md`."""
    rows = [f"| `{m.name}` | {m.kind} | {', '.join(m.labels) or '-'} | {m.means} |" for m in MEASURES]
    return "\n".join(["| name | kind | labels | it means |", "|---|---|---|---|", *rows]) + "\n"


class Far(NamedTuple):
    """What the verdicts on one metric of a checkpoint come to."""

    residual: float | None
    detectable: float


class StoreMeasures:
    """Reads what is measured of a store. Verdicts never change, so those of a checkpoint are read once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Judged, Mapping[str, Far]]] = {}

    def read(self, store: Store, at: datetime, *, held: bool) -> Iterator[tuple[str, Iterable[Value]]]:
        """Each name with its values. `held`: every gate holds whatever it was settled to, as `gate ask` answers."""
        gates = store.vitals.gates()
        least = Answer.HOLD if held else Answer.GO
        said = {g[:2]: max(Answer(g.answer), least, key=lambda a: a.rank) for g in gates}
        yield "holdpoint_gate_state", [((*g, str(a)), float(a == now)) for g, now in said.items() for a in Answer]
        yield "holdpoint_gates", [((answer,), number) for answer, number in answers_now(store, held=held).items()]
        yield "holdpoint_gates_held", [((), float(held))]
        leases = [(g[:2], g.lease_expires.timestamp()) for g in gates if g.lease_expires]
        yield "holdpoint_lease_expiry_timestamp_seconds", leases
        alerts = store.vitals.alerts()
        yield ("holdpoint_alerts", [((s, a.lower()), alerts.get((s, str(a)), 0)) for s in STATES for a in SEVERITIES])
        families = sorted({g.family for g in gates})
        far = [(f, name, each) for f in families for name, each in self._farthest(store, f).items()]
        residuals = [((f, name), each.residual) for f, name, each in far if each.residual is not None]
        yield "holdpoint_forecast_standardised_residual", residuals
        yield "holdpoint_min_detectable_break_ratio", [((f, name), each.detectable) for f, name, each in far]
        newest = [((f,), seen.timestamp()) for f in families if (seen := store.vitals.last_result(f))]
        yield "holdpoint_last_evaluation_timestamp_seconds", newest
        cycle, leader = store.fact("cycle"), store.leader()
        yield "holdpoint_last_cycle_timestamp_seconds", [((), cycle[1].timestamp() if cycle else 0)]
        drill = store.drills.last()
        ended = drill.ended_at.timestamp() if drill and drill.ended_at else 0
        yield "holdpoint_last_drill_timestamp_seconds", [((), ended)]
        yield "holdpoint_last_drill_success", [((), float(drill.state == "passed"))] if drill else []
        owing = store.vitals.outbox()
        yield "holdpoint_outbox_messages", [(("owed",), owing.owed), (("lost",), owing.lost)]
        oldest = owing.oldest.timestamp() if owing.oldest else 0
        yield "holdpoint_outbox_oldest_timestamp_seconds", [((), oldest)]
        leads = leader is not None and leader[1] > at
        until = leader[1].timestamp() if leader and leads else 0
        yield "holdpoint_leadership_expiry_timestamp_seconds", [((), until)]
        seq, digest = store.ledger.head
        yield "holdpoint_ledger_rows", [((), seq)]
        yield "holdpoint_audit_head_info", [((digest[:HASH],), 1)]

    def _farthest(self, store: Store, family: str) -> Mapping[str, Far]:
        """Metric -> what its verdicts on the newest checkpoint of a family come to."""
        judged = store.vitals.judged(family)
        if judged is None:
            return {}
        known = self._known.get(family)
        if known is None or known[0] != judged:
            known = (judged, farthest(store.vitals.verdicts(family, judged)))
            self._known[family] = known
        return known[1]


def answers_now(store: Store, *, held: bool) -> dict[str, int]:
    """How many gates say so now, of each answer."""
    found = store.vitals.answers()
    now = {str(answer): found.get(answer, 0) for answer in Answer}
    if held:
        now["HOLD"] += now["GO"] + now["WARN"]
        now["GO"] = now["WARN"] = 0
    return now


def farthest(verdicts: Sequence[Verdict]) -> dict[str, Far]:
    """Metric -> the largest residual and the largest invisible break of its verdicts; the farthest METRICS metrics."""
    found: dict[str, Far] = {}
    for verdict in verdicts:
        residual, hidden = residual_of(verdict), math.inf if verdict.blindness is None else verdict.blindness
        old = found.get(verdict.metric.name)
        if old is not None:
            both = [r for r in (old.residual, residual) if r is not None]
            residual, hidden = max(both, key=abs, default=None), max(old.detectable, hidden)
        found[verdict.metric.name] = Far(residual, hidden)
    order = sorted(found, key=lambda name: (-abs(found[name].residual or 0.0), name))
    return {name: found[name] for name in order[:METRICS]}


def residual_of(verdict: Verdict) -> float | None:
    """How far a result lies from its forecast toward capability, in standard deviations of a normal law.

    None where it was judged by no forecast.
    """
    above, below = verdict.tail_above, verdict.tail_below
    if above is None or below is None:
        return None
    far = -ndtri(above) if above <= below else ndtri(below)
    return float(min(max(far, -FARTHEST), FARTHEST))
