"""Policies of every level for random histories of a gate, with releases that two or one may give."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from policies.loader import from_body
from policies.schema import Policy

SOFT_RULES: list[dict[str, Any]] = [
    {"kind": "break"},
    {"kind": "break", "side": "either", "on_inconclusive": "warn"},
    {"kind": "break", "select": {"task": "a"}},
    {"kind": "break", "select": {"metric": "log_*"}, "side": "either"},
    {"kind": "diagnosis"},
    {"kind": "diagnosis", "select": {"task": ["a", "cyber"]}},
    {"kind": "evidence"},
    {"kind": "evidence", "require": "ladder"},
    {"kind": "evidence", "tasks": ["b"], "max_age": "30d"},
    {"kind": "level", "metric": "exact_match", "ceiling": 0.9},
    {"kind": "safeguard", "attestations": ["lock"], "max_age": "30d"},
    {
        "kind": "any_of",
        "rules": [{"id": "in-0", "kind": "break"}, {"id": "in-1", "kind": "level", "metric": "*", "ceiling": 2.0}],
    },
]
BUDGETS = [{}, {}, {"method": "holm", "share": 0.0001}]
ROLES = [{}, {}, {"roles": {"safety": ["cem"]}, "require_roles": ["safety"]}]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """A policy of one to three rules of any level, with its own terms of release."""
    tables = []
    levels = [*["soft"] * 8, "hard", "advisory", "shadow"]
    for number in range(draw(st.integers(1, 3))):
        table = draw(st.sampled_from(SOFT_RULES))
        tables.append({"id": f"r{number}", "level": draw(st.sampled_from(levels)), **_renamed(table, number)})
    roles = draw(st.sampled_from(ROLES))
    release = {"quorum": draw(st.integers(1, 2)), "approval_ttl": "3d", "require_roles": roles.get("require_roles", [])}
    body = {
        "name": "any",
        "rules": tables,
        "release": release,
        "owners": {"f/*": ["owen"]},
        "roles": roles.get("roles", {}),
        "authors": ["erin"],
        "waivers": {"renewals": draw(st.integers(0, 2))},
        "budget": draw(st.sampled_from(BUDGETS)),
    }
    return from_body(body)


@st.composite
def stopping(draw: st.DrawFn) -> Policy:
    """A policy that stops a run for whatever is not as expected."""
    kinds = draw(st.sampled_from([["break"], ["break", "diagnosis"], ["diagnosis"]]))
    levels = st.sampled_from(["soft"] * 5 + ["hard"])
    tables = [{"id": f"r{n}", "kind": kind, "level": draw(levels)} for n, kind in enumerate(kinds)]
    roles = draw(st.sampled_from(ROLES))
    terms = {"quorum": draw(st.sampled_from([1, 2, 2])), "require_roles": roles.get("require_roles", [])}
    people = {"owners": {"f/*": ["owen"]}, "roles": roles.get("roles", {}), "authors": ["erin"]}
    return from_body({"name": "p", "rules": tables, "release": terms, "waivers": {"renewals": 1}, **people})


def _renamed(table: dict[str, Any], number: int) -> dict[str, Any]:
    inside = [{**inner, "id": f"{inner['id']}-{number}"} for inner in table.get("rules", [])]
    return {**table, **({"rules": inside} if inside else {})}
