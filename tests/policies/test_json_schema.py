"""The exported JSON Schema: what ships validates, what is wrong in its structure does not, every key is described."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from policies.files import SHELF
from policies.json_schema import DIALECT, file_schema
from policies.rules import RULES

SCHEMA = file_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def test_it_is_a_schema_of_its_dialect() -> None:
    assert SCHEMA["$schema"] == DIALECT
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", sorted(SHELF.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_policy_validates(path: Path) -> None:
    # JSON has no dates: editors hand on those of TOML as text.
    body = json.loads(json.dumps(tomllib.loads(path.read_text(encoding="utf-8")), default=str))
    assert [error.message for error in VALIDATOR.iter_errors(body)] == []


def properties(schema: Any, way: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        for name, inner in schema.get("properties", {}).items():
            yield f"{way}.{name}", inner
        for key, inner in schema.items():
            yield from properties(inner, f"{way}.{key}")


def test_every_key_has_a_description() -> None:
    found = dict(properties(SCHEMA))
    assert len(found) > 60
    assert [way for way, inner in found.items() if not inner.get("description")] == []


def test_every_kind_of_rule_is_told_apart_by_its_kind() -> None:
    items = SCHEMA["properties"]["rules"]["items"]
    kinds = [SCHEMA["$defs"][ref["$ref"].rpartition("/")[2]]["properties"]["kind"]["const"] for ref in items["oneOf"]]
    assert kinds == list(RULES.names())
    assert set(items["discriminator"]["mapping"]) == set(kinds)


def test_defaults_are_spelled_as_a_file_has_them() -> None:
    defs = SCHEMA["$defs"]
    assert defs["WaiverTerms"]["properties"]["max"]["default"] == "14d"
    assert defs["Assessed"]["properties"]["since"]["default"] == "1x"
    assert defs["Given"]["properties"]["history"]["default"] == "30d"


GOOD: dict[str, Any] = {"name": "p", "rules": [{"id": "b", "kind": "break", "level": "soft"}]}
INNER: dict[str, Any] = {"id": "i", "kind": "break"}
ALL: dict[str, Any] = {"id": "all", "kind": "all_of", "level": "soft"}


@pytest.mark.parametrize(
    "change",
    [
        {"release": {"require_roles": "safety"}},
        {"release": {"require_roles": ["safety"]}},
        {"release": {"approval_ttl": "48h"}},
        {"roles": {"safety": "bob"}},
        {"include": "base.toml", "rules": []},
        {"rules": [{**ALL, "rules": [INNER, {**INNER, "id": "c"}]}]},
        {"rules": [{**ALL, "rules": [{"id": "a", "kind": "any_of", "rules": [INNER, {**INNER, "id": "c"}]}, INNER]}]},
        {"rules": [{"id": "b", "kind": "break", "level": "soft", "select": {"task": "a"}, "replaces": True}]},
        {"test": [{"name": "t", "expect": "GO"}, {"name": "u", "expect": {"answer": "pause", "rule": "b"}}]},
        {"test": [{"name": "t", "expect": "GO", "given": {"assessed": {"ago": "6mo", "since": "4x"}}}]},
    ],
    ids=str,
)
def test_what_the_loader_takes_the_schema_takes(change: dict[str, Any]) -> None:
    if change.get("rules") == []:
        del change["rules"]
    assert [error.message for error in VALIDATOR.iter_errors({**GOOD, **change})] == []


@pytest.mark.parametrize(
    "change",
    [
        {"nmae": "p"},
        {"rules": []},
        {"rules": [{"id": "b", "kind": "braek", "level": "soft"}]},
        {"rules": [{"id": "b", "kind": "break", "level": "sofd"}]},
        {"rules": [{"id": "b", "kind": "break"}]},
        {"rules": [{"id": "b", "kind": "break", "level": "soft", "replaces": False}]},
        {"rules": [{**ALL, "rules": [{**INNER, "kind": "braek"}]}]},
        {"rules": [{**ALL, "rules": [{**INNER, "tial": 0.1}]}]},
        {"rules": [{"id": "b", "kind": "break", "level": "soft", "answers": {}}]},
        {"rules": [{"id": "b", "kind": "break", "level": "soft", "select": {"task": []}}]},
        {"release": {"approval_ttl": "48"}},
        {"release": {"approval_ttl": 48}},
        {"release": {"approval_ttl": "2mo"}},
        {"judging": {"tail": "0.01"}},
        {"judging": {"tail": 0.5}},
        {"test": [{"name": "t"}]},
        {"test": [{"name": "t", "expect": "STOP"}]},
        {"test": [{"name": "t", "expect": "GO", "given": {"ladder": "jmup"}}]},
        {"test": [{"name": "t", "expect": "GO", "given": {"assessed": {"since": 4}}}]},
        {"test": [{"name": "t", "expect": "GO", "given": {"assessed": {"ago": "1.5mo"}}}]},
    ],
    ids=str,
)
def test_what_is_wrong_in_its_structure_does_not_validate(change: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(GOOD)
    assert not VALIDATOR.is_valid({**GOOD, **change})
