"""Small cases and policies, made by hand: every number a test turns on stands in the test."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.records import Assessment, Attestation, Case, Diagnosis, Metric, Missing, StageEntry, Verdict
from policies.loader import from_body
from policies.schema import Policy

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)

LIKELIHOOD = Metric(name="log_likelihood", kind="continuous", upper=0.0)
MATCH = Metric(name="exact_match", kind="thresholded", lower=0.0, upper=1.0)
LOSS = Metric(name="loss", kind="continuous", direction="lower", lower=0.0)


def verdict(task: str = "shift", metric: Metric = LIKELIHOOD, outcome: str = "expected", **more: Any) -> Verdict:
    """A verdict whose tails agree with its outcome, unless a test says otherwise."""
    tails: dict[str, Any] = {
        "expected": {"tail_above": 0.4, "tail_below": 0.6, "why": "ok", "blindness": 0.1},
        "above": {"tail_above": 0.001, "tail_below": 0.999, "why": "ok", "blindness": 0.1},
        "below": {"tail_above": 0.999, "tail_below": 0.001, "why": "ok", "blindness": 0.1},
        "inconclusive": {"tail_above": 0.4, "tail_below": 0.6, "why": "blind", "blindness": 0.5},
        "unforeseen": {"why": "unsealed"},
    }[outcome]
    observed = {"higher": -0.5, "lower": 0.5}[metric.direction] if metric.kind == "continuous" else 0.5
    body: dict[str, Any] = {
        "family": "tiny",
        "run": "m4",
        "checkpoint": "tiny/m4",
        "task": task,
        "metric": metric,
        "series": "s",
        "result": "r",
        "forecast": None,
        "outcome": outcome,
        "observed": observed,
        "median": observed,
        "level": 0.98,
        "rungs": 5,
        "sentence": f"tiny/m4 {task} · {metric.name}: {outcome}",
        "judgement_version": 1,
    }
    return Verdict.model_validate({**body, **tails, **more})


def diagnosis(name: str = "on_trend", question: str = "shift", **more: Any) -> Diagnosis:
    """A diagnosis whose continuous verdict is as the name says."""
    outcome = {
        "genuine_break": "above",
        "latent_break": "above",
        "regression": "below",
        "inconclusive": "inconclusive",
    }.get(name, "expected")
    body: dict[str, Any] = {
        "family": "tiny",
        "run": "m4",
        "checkpoint": "tiny/m4",
        "question": question,
        "name": name,
        "why": "blind" if name == "inconclusive" else "ok",
        "continuous": verdict(question, outcome=outcome),
        "thresholded": verdict(question, MATCH),
        "sentence": f"tiny/m4 {question}: {name}",
        "judgement_version": 1,
    }
    return Diagnosis.model_validate({**body, **more})


def case(verdicts: tuple[Verdict, ...] | None = None, **more: Any) -> Case:
    """A case with one expected verdict on task `shift` and its diagnosis."""
    verdicts = (verdict(),) if verdicts is None else verdicts
    body: dict[str, Any] = {
        "family": "tiny",
        "run": "m4",
        "judged": True,
        "verdicts": verdicts,
        "diagnoses": (diagnosis(),) if verdicts else (),
        "first_at": T0,
        "last_at": T0,
    }
    return Case.model_validate({**body, **more})


def stage(name: str, at: datetime = T0) -> StageEntry:
    """The run entered a stage."""
    return StageEntry(id=f"{name}{at}", by="alice", at=at, recorded_at=at, family="tiny", run="m4", stage=name)


def assessment(name: str = "comprehensive", at: datetime = T0, **more: Any) -> Assessment:
    """An assessment of the newest checkpoint of the run."""
    body = {"id": f"{name}{at}", "by": "alice", "at": at, "recorded_at": at, "family": "tiny", "run": "m4"}
    return Assessment.model_validate({**body, "name": name, "checkpoint": "tiny/m4", **more})


def attestation(safeguard: str, at: datetime = T0, **more: Any) -> Attestation:
    """A safeguard is in place for every run."""
    body = {"id": f"{safeguard}{at}", "by": "alice", "at": at, "recorded_at": at, "safeguard": safeguard}
    return Attestation.model_validate({**body, **more})


def policy(*rules: dict[str, Any], **more: Any) -> Policy:
    """A policy of these rule tables, soft unless they say otherwise."""
    tables = [{"id": f"rule-{n}", "level": "soft", **table} for n, table in enumerate(rules)]
    return from_body({"name": "test", **more, "rules": tables})


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """The makers above, as one argument."""
    return SimpleNamespace(
        T0=T0,
        LIKELIHOOD=LIKELIHOOD,
        MATCH=MATCH,
        LOSS=LOSS,
        verdict=verdict,
        diagnosis=diagnosis,
        case=case,
        policy=policy,
        stage=stage,
        assessment=assessment,
        attestation=attestation,
        missing=lambda task, metric: Missing(task=task, metric=metric),
    )
