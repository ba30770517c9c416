"""TOML to Policy: every mistake is a BadPolicy with file, line and the nearest known name."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from checkpoints_db.errors import BadPolicy, PolicyError, UnknownName
from checkpoints_db.records import PolicySource, PolicyText
from policies.files import SHELF, in_memory, nearest, parsed, shelf_names, text_of
from policies.include import Gathered, RuleTable, gather
from policies.lines import Excerpt, Lines, Place
from policies.mistakes import Mistake, mistakes_of
from policies.policy_tests import PolicyTest
from policies.rule_terms import RuleTerms
from policies.rules import RULES, rule_of
from policies.schema import RESERVED, Policy, Preamble

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class LoadedPolicy:
    """A policy with the files it was written in."""

    policy: Policy
    gathered: Gathered
    tests: tuple[PolicyTest, ...] = ()
    """The `[[test]]` tables of the file itself; those of included files are about those files."""

    @property
    def text(self) -> PolicyText:
        """The files as they are kept beside the decisions of the policy."""
        policy = self.policy
        files = tuple(PolicySource(path=file.path, text=file.text) for file in self.gathered.files)
        named = {"policy": policy.digest, "name": policy.name, "version": policy.version}
        return PolicyText(**named, terms=policy.body(), files=files)


def rule_lines(text: PolicyText, rule: str) -> tuple[str, Excerpt] | None:
    """The file of a rule and the lines it stands on; None for a rule that none of the files has."""
    for source in text.files:  # what replaces an included rule stands in an earlier file
        tables = tomllib.loads(source.text).get("rules", [])
        for index, table in enumerate(tables):
            if table.get("id") == rule:
                lines = Lines(source.text).table(("rules", index))
                return None if lines is None else (source.path, lines)
    return None


def load(path: Path) -> Policy:
    """The policy in a TOML file and those it includes.

    Raises BadPolicy, with the file and the line where it can be told, for a file that cannot be read, TOML errors,
    unknown keys and kinds of rule, wrong types, lengths of time without units, numbers out of range, doubled rule ids,
    includes that cannot be followed or dispute each other, and no rules.
    """
    return load_file(path).policy


def load_file(path: Path) -> LoadedPolicy:
    """The same with the files it was written in. Raises BadPolicy as `load` does."""
    text = text_of(path)
    if "include" in text:  # what it includes may have changed
        return _build(gather(parsed(str(path), text), path.parent))
    return _alone(path, text)


@lru_cache(maxsize=32)
def _alone(path: Path, text: str) -> LoadedPolicy:
    """A gate that is asked every few seconds reads its policy each time, and builds it when it has changed."""
    return _build(gather(parsed(str(path), text), path.parent))


def from_body(body: Mapping[str, Any], name: str = "policy") -> Policy:
    """The policy whose `body()` this is. Raises BadPolicy, without lines."""
    return _build(gather(in_memory(dict(body), name), None)).policy


def shelf(name: str) -> Policy:
    """A shipped policy. Raises UnknownName when there is none of this name."""
    return load(_on_shelf(name))


def find(name_or_path: str, base: Path | None = None) -> Policy:
    """The policy that a setting means: a shipped one by its name, or a TOML file, relative to `base`.

    Raises BadPolicy for a file that does not load, UnknownName for what is neither file nor shipped policy.
    """
    return find_file(name_or_path, base).policy


def find_file(name_or_path: str, base: Path | None = None) -> LoadedPolicy:
    """The same with the files it was written in. Raises BadPolicy and UnknownName as `find` does."""
    path = Path(name_or_path) if base is None else base / name_or_path
    if name_or_path not in shelf_names() and (path.suffix == ".toml" or path.is_file()):
        return load_file(path)
    return load_file(_on_shelf(name_or_path))


def _on_shelf(name: str) -> Path:
    known = shelf_names()
    if name not in known:
        raise UnknownName("shelf policy", name, known, nearest(name, known))
    return SHELF / f"{name}.toml"


def _build(gathered: Gathered) -> LoadedPolicy:
    mistakes: list[Mistake] = []
    rules = _rules(gathered.rules, mistakes)
    preamble = _read(Preamble, gathered.body, (), mistakes)
    tests = _tests(gathered, mistakes)
    mistakes += [*_unknown_roles(preamble), *_unknown_rules(rules)]
    if not gathered.rules:
        why = "a policy needs at least one [[rules]] table; a gate without rules would never close"
        mistakes.append(Mistake(("rules",), why))
    if preamble is not None and not mistakes:
        try:
            fields = {name: getattr(preamble, name) for name in Preamble.model_fields}
            return LoadedPolicy(Policy.model_validate({**fields, "rules": rules}), gathered, tests)
        except ValidationError as error:
            mistakes += mistakes_of(error, Policy, ())
    raise _refused(gathered, mistakes)


def _refused(gathered: Gathered, mistakes: list[Mistake]) -> BadPolicy:
    """One error for all mistakes, in the order of files and lines; it stands where the first one does."""
    order = {file.path: number for number, file in enumerate(gathered.files)}
    spots = [(gathered.spot(mistake.place), mistake.why) for mistake in mistakes]
    # What is nowhere is missed at the head of the file.
    placed = [(s.file.path, s.file.lines.of(s.place) or (1 if s.file.text else None), why) for s, why in spots]
    placed.sort(key=lambda found: (order[found[0]], found[1] or 0))
    path, line, why = placed[0]
    more = [f"{'' if at == path else f'{at}: '}line {number or '?'}: {said}" for at, number, said in placed[1:]]
    also = "".join(f"\n  also {text}" for text in more[:5]) + (f"\n  and {len(more) - 5} more" if len(more) > 5 else "")
    return BadPolicy(path, why + also, line)


def _unknown_roles(preamble: Preamble | None) -> Iterator[Mistake]:
    if preamble is None:
        return
    for role in preamble.release.require_roles:
        if role not in preamble.roles:
            why = f"release.require_roles asks for {role!r}, which [roles] does not name; add it there"
            yield Mistake(("release", "require_roles"), why)


def _unknown_rules(rules: tuple[RuleTerms, ...]) -> Iterator[Mistake]:
    known = [rule.id for rule in rules]
    for index, rule in enumerate(rules):
        for name in (name for part in dict.fromkeys((rule, *rule.parts)) for name in part.refers_to):
            if name == rule.id or name not in known:
                near = nearest(name, [other for other in known if other != rule.id])
                hint = f"did you mean {near!r}?" if near else "add it, or name another"
                why = f"rule {rule.id!r} reads rule {name!r}, which is no other [[rules]] table; {hint}"
                yield Mistake(("rules", index), why)


def _tests(gathered: Gathered, mistakes: list[Mistake]) -> tuple[PolicyTest, ...]:
    tables = gathered.files[0].body.get("test", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        mistakes.append(Mistake(("test",), "test is a list of tables; write [[test]] with two brackets above each"))
        return ()
    rules = [*(rule.id for rule in gathered.rules), *RESERVED]
    tests: dict[str, PolicyTest] = {}
    for index, table in enumerate(tables):
        place: Place = ("test", index)
        test = _read(PolicyTest, table, place, mistakes)
        if test is None:
            continue
        if test.name in tests:
            mistakes.append(Mistake((*place, "name"), f"two tests have the name {test.name!r}; give each its own"))
        if test.expect.rule is not None and test.expect.rule not in rules:
            near = nearest(test.expect.rule, rules)
            hint = f"did you mean {near!r}?" if near else f"its rules are: {', '.join(rules)}"
            why = f"expect.rule: the policy has no rule {test.expect.rule!r}; {hint}"
            mistakes.append(Mistake((*place, "expect", "rule"), why))
        tests[test.name] = test
    return tuple(tests.values())


def _rules(tables: tuple[RuleTable, ...], mistakes: list[Mistake]) -> tuple[RuleTerms, ...]:
    rules: list[RuleTerms] = []
    seen: dict[str, RuleTable] = {}
    for index, table in enumerate(tables):
        name = table.body.get("id")
        if isinstance(name, str) and name in seen:
            why = f"id: two rules have the id {name!r}, the other one stands at {seen[name].spot}; give each its own"
            mistakes.append(Mistake(("rules", index, "id"), why))
        elif isinstance(name, str):
            seen[name] = table
        if name in RESERVED:
            why = f"id: the rule id {name!r} is taken by the house; choose another"
            mistakes.append(Mistake(("rules", index, "id"), why))
        terms = _rule(table.body, ("rules", index), mistakes)
        if terms is not None:
            rules.append(terms)
    return tuple(rules)


def _rule(table: dict[str, Any], place: Place, mistakes: list[Mistake]) -> RuleTerms | None:
    kind = table.get("kind")
    if not isinstance(kind, str):
        known = ", ".join(RULES.names())
        mistakes.append(Mistake((*place, "kind"), f"kind: a rule needs its kind as text, one of: {known}"))
        return None
    try:
        model = rule_of(kind).terms
    except PolicyError as error:
        mistakes.append(Mistake((*place, "kind"), f"kind: {error}"))
        return None
    return _composite(model, table, place, mistakes) if model.composite else _read(model, table, place, mistakes)


DEEPEST = 8
"""A place longer than this is a rule inside a rule inside a rule inside a rule: people could not read it."""


def _composite(
    model: type[RuleTerms], table: dict[str, Any], place: Place, mistakes: list[Mistake]
) -> RuleTerms | None:
    """A rule made of rules: those inside have its level, and are read by their own kinds."""
    inside, before = table.get("rules"), len(mistakes)
    if not isinstance(inside, list) or not inside or not all(isinstance(inner, dict) for inner in inside):
        why = f"a rule of kind {table['kind']!r} is made of rules; write [[rules.rules]] tables below it"
        mistakes.append(Mistake((*place, "rules"), why))
        return None
    if len(place) > DEEPEST:
        mistakes.append(Mistake(place, "rules stand inside rules too deeply; give some of them tables of their own"))
        return None
    rules = []
    for index, inner in enumerate(inside):
        own = (*place, "rules", index)
        if inner.get("level", table.get("level")) != table.get("level"):
            why = "a rule inside another has the level of the rule around it; remove this key"
            mistakes.append(Mistake((*own, "level"), why))
        rules.append(_rule({**inner, "level": table.get("level")}, own, mistakes))
    around = _read(model, {key: value for key, value in table.items() if key != "rules"}, place, mistakes)
    if around is None or len(mistakes) > before:
        return None
    try:
        return model.model_validate({**dict(around), "rules": tuple(rules)})
    except ValidationError as error:
        mistakes += mistakes_of(error, model, place)
        return None


def _read(model: type[Model], body: dict[str, Any], place: Place, mistakes: list[Mistake]) -> Model | None:
    """The table as a record. Strict, and by way of JSON, so that text is no number and 1 is no `true`."""
    try:
        return model.model_validate_json(json.dumps(body, default=str), strict=True)
    except ValidationError as error:
        mistakes += mistakes_of(error, model, place)
        return None
