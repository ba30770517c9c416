"""Whether an answer of the command line is what its published schema says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from monitor.faces.answers import ANSWERS, schema_of


def command_of(words: Sequence[str]) -> str:
    """The command that some words of a command line name: the longest that is one."""
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in ANSWERS:
            return name
    raise AssertionError(f"{' '.join(words)}: no command of this name has a published schema")


@cache
def validator(command: str) -> Draft202012Validator:
    made = schema_of(command)
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


def must_be_as_published(words: Sequence[str], answer: Any) -> None:
    """The answer to a command line validates against the schema of its command."""
    command = command_of(words)
    wrong = best_match(validator(command).iter_errors(answer))
    assert wrong is None, f"holdpoint {command} --json: {wrong.json_path}: {wrong.message}"
