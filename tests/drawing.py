"""Policies and cases as hypothesis draws them from the schema: whatever a file can say, of every kind of rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from checkpoints_db.errors import BadPolicy
from checkpoints_db.records import Assessment, Attestation, Case, Compute, Metric, Rate, Reach, Skilled, StageEntry
from policies.json_schema import file_schema
from policies.loader import from_body
from policies.rules import RULES
from policies.schema import Policy

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
TASKS = ("a", "b", "cyber")
LIKELIHOOD = Metric(name="log_likelihood", kind="continuous", upper=0.0)
MATCH = Metric(name="exact_match", kind="thresholded", lower=0.0, upper=1.0)

POOLS: dict[str, tuple[str, ...]] = {
    "task": ("*", "*", "a", "cyb*"),
    "tasks": ("a", "cyber", "*"),
    "metric": ("*", "*", "log_*", "exact_match"),
    "family": ("*", "*", "f", "other"),
    "run": ("*", "*", "r", "other"),
    "domain": ("*", "*", "danger", "other"),
    "stage": ("*", "*", "rl", "sft"),
    "before": ("rl", "release", "*"),
    "requires": ("light", "comprehensive"),
    "assessment": ("*", "light", "comprehensive"),
    "attestations": ("lock", "watch"),
    "knots": ("k1", "k2"),
    "zone": ("UTC", "Europe/Berlin"),
    "counts": ("",),
    "reference_name": ("gpt",),
    "rule": ("r0", "r1"),
}
"""Text of these keys is drawn from names that cases have, or nearly have: other text would select nothing."""


def drawn(schema: dict[str, Any], key: str = "") -> st.SearchStrategy[Any]:
    """Any JSON value that this part of the schema takes."""
    if "$ref" in schema:
        return st.deferred(lambda: drawn(defs()[schema["$ref"].rpartition("/")[2]], key))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return st.one_of([drawn(each, key) for each in schema[several] if each.get("type") != "null"])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return _of_type(schema, key)


def _of_type(schema: dict[str, Any], key: str) -> st.SearchStrategy[Any]:
    match schema["type"]:
        case "object":
            return _table(schema)
        case "array":
            fewest = max(schema.get("minItems", 0), 1)
            return st.lists(drawn(schema["items"], key), min_size=fewest, max_size=2, unique_by=str)
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", 0), min(schema.get("maximum", 9), 9))
        case "number":
            return _number(schema)
    if key in POOLS:
        return st.sampled_from(POOLS[key])
    if "pattern" not in schema:
        return st.just("x" if schema.get("minLength") else "")
    example = schema.get("examples", ["r0"])[0]
    units = {"4x": ["1.5x", "2x", "4x", "100x"], "6mo": ["6mo", "1y", "90d", "1s"], "48h": ["1s", "48h", "30d", "52w"]}
    return st.sampled_from(units.get(example, [example]))


def _number(schema: dict[str, Any]) -> st.SearchStrategy[float]:
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    high = schema.get("exclusiveMaximum") if high is None else high
    return st.floats(
        -1e9 if low is None else low,
        1e9 if high is None else high,
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
    )


def _table(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    required = set(schema.get("required", ()))
    keys = {name: drawn(inner, name) for name, inner in schema.get("properties", {}).items() if name != "replaces"}
    fixed = {name: strategy for name, strategy in keys.items() if name in required}
    return st.fixed_dictionaries(fixed, optional={name: s for name, s in keys.items() if name not in required})


@cache
def defs() -> dict[str, Any]:
    found: dict[str, Any] = file_schema()["$defs"]
    return found


@cache
def rule_tables() -> dict[str, st.SearchStrategy[dict[str, Any]]]:
    """A table of each kind of rule."""
    refs = file_schema()["properties"]["rules"]["items"]["discriminator"]["mapping"]
    return {kind: drawn({"$ref": ref}) for kind, ref in refs.items()}


def _named(table: dict[str, Any], name: str) -> dict[str, Any]:
    """The table under its own id, and every table inside it likewise."""
    inside = [_named(inner, f"{name}.{n}") for n, inner in enumerate(table.get("rules", []))]
    return {**table, "id": name, **({"rules": inside} if inside else {})}


@st.composite
def rules(draw: st.DrawFn, name: str, **fixed: Any) -> dict[str, Any]:
    """The table of a rule of any kind that a policy of its own would take."""
    kind = draw(st.sampled_from(list(RULES.names())))
    table = {**_named(draw(rule_tables()[kind]), name), **fixed}
    for inner in table.get("rules", []):
        inner.pop("level", None)
    try:
        from_body({"name": "p", "rules": [{**table, "id": "r0"}, {"id": "r1", "kind": "break", "level": "soft"}]})
    except BadPolicy:
        reject()
    return table


@st.composite
def policies(draw: st.DrawFn, **fixed: Any) -> Policy:
    """A policy of one to three rules of any kind and level, with any judging and budget."""
    tables = [draw(rules(f"r{number}", **fixed)) for number in range(draw(st.integers(1, 3)))]
    preamble = {name: draw(drawn(file_schema()["properties"][name])) for name in ("judging", "budget")}
    try:
        return from_body({"name": "any", **preamble, "rules": tables})
    except BadPolicy:
        reject()


def _verdict(task: str, metric: Metric, outcome: str) -> dict[str, Any]:
    why = {"inconclusive": "blind", "unforeseen": "unsealed"}.get(outcome, "ok")
    return {
        "family": "f",
        "run": "r",
        "checkpoint": "f/r",
        "task": task,
        "metric": metric,
        "series": f"{task}-{metric.name}",
        "result": f"{task}-{metric.name}",
        "forecast": None,
        "outcome": outcome,
        "why": why,
        "observed": -1.0 if metric.kind == "continuous" else 0.5,
        "median": -1.0 if metric.kind == "continuous" else 0.5,
        "stderr": 0.01,
        "n": 500,
        "level": 0.98,
        "tail_above": 1e-5 if outcome == "above" else 0.5,
        "tail_below": 1e-5 if outcome == "below" else 0.5,
        "blindness": 0.01,
        "rungs": 9,
        "sentence": "sentence",
        "judgement_version": 1,
    }


NAMES = {"expected": "on_trend", "above": "genuine_break", "below": "regression"}
OUTCOMES = ["expected"] * 5 + ["above", "below", "inconclusive", "unforeseen"]


@st.composite
def cases(draw: st.DrawFn, outcomes: list[str] = OUTCOMES) -> Case:
    """A run of which something was judged, and of which people have stated this or that."""
    verdicts, diagnoses = [], []
    for task in TASKS[: draw(st.integers(1, 3))]:
        outcome = draw(st.sampled_from(outcomes))
        continuous, thresholded = (_verdict(task, metric, outcome) for metric in (LIKELIHOOD, MATCH))
        verdicts += [continuous, thresholded]
        named = {"name": NAMES.get(outcome, "inconclusive"), "why": continuous["why"], "question": task}
        keys = ("family", "run", "checkpoint", "sentence", "judgement_version")
        common = {key: continuous[key] for key in keys}
        diagnoses.append({**common, **named, "continuous": continuous, "thresholded": thresholded})
    some = st.booleans()
    compute = Compute(flop=1e24, within=draw(st.sampled_from([0.0, 0.15])), counts=draw(st.sampled_from(["", "6nd"])))
    return Case.model_validate(
        {
            "family": "f",
            "run": "r",
            "judged": True,
            "verdicts": verdicts,
            "diagnoses": diagnoses,
            "first_at": AT,
            "last_at": AT,
            "run_since": AT - timedelta(days=3),
            "family_since": AT - timedelta(days=400),
            "domains": draw(st.sampled_from([{}, {"a": ("danger",)}])),
            "compute": compute if draw(some) else None,
            "assessments": draw(st.lists(assessments, max_size=2)),
            "attestations": draw(st.lists(attestations, max_size=2)),
            "stages": draw(st.lists(stages, max_size=1)),
            "entering": draw(st.sampled_from(["", "", "rl", "nowhere"])),
            "reaches": [_reach(v) for v in verdicts if draw(some)],
            "rates": [_rate(v) for v in verdicts if draw(some)],
            "skills": [_skilled(v) for v in verdicts if draw(some)],
        }
    )


moments = st.sampled_from([AT - timedelta(days=days) for days in (0, 1, 200, 400)])
assessments = st.builds(
    lambda at, name, flop: Assessment(
        id=f"{name}{at:%j}",
        by="ann",
        at=at,
        recorded_at=at,
        family="f",
        run="r",
        name=name,
        checkpoint="f/r",
        compute=Compute(flop=flop, counts="6nd"),
    ),
    moments,
    st.sampled_from(["light", "comprehensive"]),
    st.sampled_from([1e23, 5e23, 1e24]),
)
attestations = st.builds(
    lambda at, name: Attestation(id=f"{name}{at:%j}", by="ann", at=at, recorded_at=at, safeguard=name),
    moments,
    st.sampled_from(["lock", "watch"]),
)
stages = st.builds(
    lambda at, name: StageEntry(id=name, by="ann", at=at, recorded_at=at, family="f", run="r", stage=name),
    moments,
    st.sampled_from(["sft", "rl"]),
)


def _asked(v: dict[str, Any], rule: str) -> dict[str, Any]:
    kept = {key: v[key] for key in ("checkpoint", "task", "metric", "series", "sentence", "judgement_version")}
    return {**kept, "rule": rule}


def _reach(v: dict[str, Any]) -> Reach:
    return Reach.model_validate(
        {**_asked(v, "r0"), "level": 0.9, "observed": v["observed"], "probability": 0.01, "seen": 0.0, "marginal": 0.01}
    )


def _rate(v: dict[str, Any]) -> Rate:
    return Rate.model_validate({**_asked(v, "r0"), "unit": "nats of flop"})


def _skilled(v: dict[str, Any]) -> Skilled:
    kept = {name: value for name, value in _asked(v, "r0").items() if name in Skilled.model_fields}
    return Skilled.model_validate({**kept, "series": v["series"], "forecasts": 9, "skill": 0.5})
