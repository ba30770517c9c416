"""Wrong policies, each with the whole message it is refused with: file, line, key, what is wrong, what would be right.

`wrong/expected.json` has the messages, with `{here}` for the folder of the files, `{shipped}` for the names of the
shipped policies, and `{kinds}` or `{kinds sorted}` for the kinds of rule. A changed message is a changed promise: read
it before you write it down.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from checkpoints_db.errors import BadPolicy
from monitor.faces.cli import app
from policies.files import shelf_names
from policies.json_schema import file_schema
from policies.loader import load_file
from policies.rules import RULES

WRONG = Path(__file__).parent / "wrong"
EXPECTED: dict[str, str] = json.loads((WRONG / "expected.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(file_schema())

BEYOND_A_SCHEMA = {
    "budget_incoherent",
    "diagnosis_selects_metrics",
    "id_reserved",
    "id_twice",
    "include_absolute",
    "include_missing",
    "include_not_shipped",
    "include_outside",
    "include_ring",
    "include_with_mistake",
    "infinite",
    "replaces_nothing",
    "role_unknown",
    "rule_overridden_in_silence",
    "test_unknown_rule",
    "time_too_long",
}
"""Wrong by what other keys or files say; or by a number that a schema cannot compare."""


def filled(message: str) -> str:
    kinds = list(RULES.names())
    message = message.replace("{here}", str(WRONG)).replace("{shipped}", ", ".join(shelf_names()))
    return message.replace("{kinds}", ", ".join(kinds)).replace("{kinds sorted}", ", ".join(sorted(kinds)))


def test_every_file_has_its_message() -> None:
    assert {path.stem for path in WRONG.glob("*.toml")} == set(EXPECTED)
    assert len(EXPECTED) >= 40


@pytest.mark.parametrize("name", EXPECTED)
def test_the_whole_message(name: str) -> None:
    with pytest.raises(BadPolicy) as caught:
        load_file(WRONG / f"{name}.toml")
    assert str(caught.value) == filled(EXPECTED[name])


@pytest.mark.parametrize("name", EXPECTED)
def test_it_names_the_file_and_the_line(name: str) -> None:
    where = "unknown_key" if name == "include_with_mistake" else name
    head, line, _ = EXPECTED[name].split(":", 2)
    assert head == f"{{here}}/{where}.toml"
    assert int(line) >= 1


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - BEYOND_A_SCHEMA - {"not_toml", "key_twice"}))
def test_what_is_wrong_in_its_structure_does_not_validate(name: str) -> None:
    assert not VALIDATOR.is_valid(tomllib.loads((WRONG / f"{name}.toml").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["unknown_key", "include_with_mistake", "not_toml"])
def test_the_command_refuses_it(name: str) -> None:
    done = CliRunner().invoke(app, ["policy", "check", str(WRONG / f"{name}.toml")])
    assert done.exit_code == 1
    assert str(done.exception) == filled(EXPECTED[name])
