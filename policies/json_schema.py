"""The JSON Schema of a policy file, for editors: every key with its sentence, every kind of rule by its `kind`."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from checkpoints_db.records.duration import spell_duration
from policies.calendar_span import CalendarSpan
from policies.file_terms import REPLACES, FileTerms
from policies.rule_terms import RuleTerms
from policies.rules import RULES
from policies.schema import Preamble
from policies.spelling import spell_multiple

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def file_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a whole policy file, rules of installed packages included.

    What a schema cannot say (two rules of one id, what an included file has) `holdpoint policy check` does.
    """
    kinds: dict[str, type[RuleTerms]] = {rule.kind: rule.terms for rule in RULES}
    mode: JsonSchemaMode = "validation"
    models: list[type[BaseModel]] = [Preamble, FileTerms, *kinds.values()]
    names, whole = models_json_schema([(model, mode) for model in models], schema_generator=_Spelled)
    _spell_multiples(whole)
    defs: dict[str, Any] = whole["$defs"]
    refs = {kind: names[terms, mode]["$ref"] for kind, terms in kinds.items()}
    for kind, ref in refs.items():
        _as_table(defs[ref.rpartition("/")[2]], kind)
    inside = {kind: _inside(defs, ref) for kind, ref in refs.items()}
    for kind, terms in kinds.items():
        if terms.composite:
            for ref in (refs[kind], inside[kind]):
                defs[ref.rpartition("/")[2]]["properties"]["rules"] |= {"items": _one_of(inside)}
    preamble, beside = (defs.pop(names[model, mode]["$ref"].rpartition("/")[2]) for model in models[:2])
    rules = {
        "description": "The rules; the worst finding of all of them decides.",
        "type": "array",
        "minItems": 1,
        "items": _one_of(refs),
    }
    used = {"rules": rules, **preamble["properties"], **beside["properties"]}
    return {
        "$schema": DIALECT,
        "title": "holdpoint policy",
        "description": "What a lab agreed to do: rules, thresholds, roles and routes.",
        "type": "object",
        "additionalProperties": False,
        # A file that includes another may leave everything to it.
        "anyOf": [{"required": ["include"]}, {"required": [*preamble.get("required", []), "rules"]}],
        "properties": {**preamble["properties"], "rules": rules, **beside["properties"]},
        "$defs": {name: defs[name] for name in sorted(_reached(used, defs))},
    }


class _Spelled(GenerateJsonSchema):
    """Defaults as a file would have them."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return spell_duration(dft)
        if isinstance(dft, CalendarSpan):
            return str(dft)
        return super().encode_default(dft)


def _spell_multiples(schema: Any) -> None:
    """A default that is a number where text is asked for is a multiple, which a file writes with its x."""
    if isinstance(schema, list):
        for inner in schema:
            _spell_multiples(inner)
    elif isinstance(schema, dict):
        kinds = {each.get("type") for each in schema.get("anyOf", [schema]) if isinstance(each, dict)}
        default = schema.get("default")
        if isinstance(default, float) and kinds <= {"string", "null"}:
            schema["default"] = spell_multiple(default)
        for inner in schema.values():
            _spell_multiples(inner)


def _reached(schema: Any, defs: dict[str, Any]) -> set[str]:
    """Names of the definitions that a schema leads to."""
    names: set[str] = set()
    ahead = [schema]
    while ahead:
        each = ahead.pop()
        if isinstance(each, list):
            ahead += each
        elif isinstance(each, dict):
            name = str(each.get("$ref", "")).rpartition("/")[2]
            if name and name not in names:
                names.add(name)
                ahead.append(defs[name])
            ahead += [inner for key, inner in each.items() if key != "discriminator"]
    return names


def _one_of(refs: dict[str, str]) -> dict[str, Any]:
    """A table of any kind of rule, told apart by its `kind`."""
    discriminator = {"propertyName": "kind", "mapping": refs}
    return {"oneOf": [{"$ref": ref} for ref in refs.values()], "discriminator": discriminator}


def _inside(defs: dict[str, Any], ref: str) -> str:
    """The same table inside another rule, whose level it has and need not say."""
    table = deepcopy(defs[ref.rpartition("/")[2]])
    table["required"] = [key for key in table["required"] if key != "level"]
    del table["properties"]["replaces"]
    defs[f"{ref.rpartition('/')[2]}Inside"] = table
    return f"{ref}Inside"


def _as_table(schema: dict[str, Any], kind: str) -> None:
    """A rule as its table in a file: of this kind alone, with the one key that is no term."""
    schema["title"] = f"kind = {kind}"
    schema["properties"]["kind"] = {"const": kind, "type": "string", "description": "Kind of rule."}
    schema["properties"]["replaces"] = {"const": True, "type": "boolean", "description": REPLACES}
