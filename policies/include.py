"""`include`: several files read as one policy, and for every key the file and line it comes from.

Included files come first, in the order of the list; what the including file says of a key of a table overrides them,
key by key. Rules add up. A rule of the including file takes the place of an included one only where it says
`replaces = true`, and two included files may differ only where the including file decides: nothing is overridden in
silence. `[[test]]` tables speak of their own file and are not taken over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from policies.files import SHELF, PolicyFile, nearest, read_file, shelf_names
from policies.lines import Place

MAX_DEPTH = 8
"""Files that include one another in a row."""
MAX_FILES = 32

OWN_KEYS = ("include", "rules", "test")
"""Keys of a file that do not override one another key by key."""


class Spot(NamedTuple):
    """A key in the file that it was written in."""

    file: PolicyFile
    place: Place

    def __str__(self) -> str:
        return self.file.at(self.place)


class RuleTable(NamedTuple):
    """One `[[rules]]` table as it was written, without its `replaces`."""

    body: dict[str, Any]
    spot: Spot

    @property
    def id(self) -> str:
        """Its id; where it has none, the place it stands at, so that it is never taken for another."""
        name = self.body.get("id")
        return name if isinstance(name, str) else str(self.spot)


@dataclass(frozen=True)
class Gathered:
    """What a file and the files it includes say together."""

    files: tuple[PolicyFile, ...]
    """The file that was asked for, then those it includes."""
    keys: dict[Place, tuple[Any, Spot]]
    """Every key outside rules and tests, down to what is no table."""
    rules: tuple[RuleTable, ...]

    @property
    def body(self) -> dict[str, Any]:
        """Everything but rules and tests, as one file would have it."""
        body: dict[str, Any] = {}
        for place, (value, _) in self.keys.items():
            table = body
            for part in place[:-1]:
                table = table.setdefault(str(part), {})
            table[str(place[-1])] = value
        return body

    def spot(self, place: Place) -> Spot:
        """Where a key of the whole was written: `place` counts rules over all files."""
        if place[:1] == ("rules",) and len(place) > 1 and isinstance(place[1], int):
            rule = self.rules[place[1]].spot
            return Spot(rule.file, (*rule.place, *place[2:]))
        for depth in range(len(place), 0, -1):
            found = self.keys.get(place[:depth])
            if found is not None:
                return Spot(found[1].file, place)
        inner = next((spot for key, (_, spot) in self.keys.items() if key[: len(place)] == place), None)
        return Spot(inner.file if inner else self.files[0], place)


def gather(file: PolicyFile, folder: Path | None) -> Gathered:
    """The file with everything it includes; `folder` holds what it may include, None where it may include nothing.

    Raises BadPolicy, naming file and line, for an include that cannot be followed and for what two files dispute.
    """
    return _Gathering(folder).gather(file, ())


class _Gathering:
    """One reading of a file: every file is read once, however often it is included."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._known: dict[Path, Gathered] = {}

    def gather(self, file: PolicyFile, chain: tuple[Path, ...]) -> Gathered:
        own = dict(_keys(file))
        rules = _rules_of(file)
        included = [self._follow(file, number, name, chain) for number, name in enumerate(_included(file))]
        keys = _agreed_keys(file, own, included)
        for place, found in own.items():
            _set(keys, place, found)
        files = dict.fromkeys([file.path, *(f.path for part in included for f in part.files)])
        by_path = {f.path: f for f in [file, *(f for part in included for f in part.files)]}
        whole = _with_own(file, rules, _agreed_rules(file, rules, included))
        return Gathered(tuple(by_path[path] for path in files), keys, whole)

    def _follow(self, file: PolicyFile, number: int, name: str, chain: tuple[Path, ...]) -> Gathered:
        place: Place = ("include", number)
        path = self._path(file, place, name)
        real = path.resolve()
        before = chain or (Path(file.path).resolve(),)
        if real in before:
            ring = " -> ".join(step.name for step in (*before[before.index(real) :], real))
            raise file.wrong(place, f"include goes round in a ring: {ring}; take one of these includes out")
        if len(before) >= MAX_DEPTH:
            raise file.wrong(
                place, f"include {name!r} is nested more than {MAX_DEPTH} files deep; include it higher up"
            )
        if real not in self._known:
            if len(self._known) >= MAX_FILES:
                raise file.wrong(place, f"a policy includes at most {MAX_FILES} files; put some of them together")
            if not path.is_file():
                raise file.wrong(place, f"include {name!r}: there is no such file; {_what_may_stand()}")
            self._known[real] = self.gather(read_file(path), (*before, real))
        return self._known[real]

    def _path(self, file: PolicyFile, place: Place, name: str) -> Path:
        """The file that a name means: on the shelf, or beside the including file and inside the folder."""
        if name in shelf_names():
            return SHELF / f"{name}.toml"
        if self._folder is None:
            raise file.wrong(place, f"include {name!r}: what is no file cannot include one; name a shipped policy")
        wild = "://" in name or "\\" in name or name.startswith("~") or Path(name).is_absolute()
        if wild or not name.endswith(".toml"):
            near = nearest(name, shelf_names())
            hint = f"did you mean {near!r}? " if near and not wild else ""
            raise file.wrong(place, f"include {name!r}: {hint}{_what_may_stand()}")
        path = Path(os.path.normpath(Path(file.path).parent / name))
        roots = [self._folder.resolve(), SHELF.resolve()]
        if not any(path.resolve().is_relative_to(root) for root in roots):
            why = f"include {name!r} lies outside {self._folder}, the folder of the policy; put it there or below"
            raise file.wrong(place, why)
        return path


def _what_may_stand() -> str:
    return f"write a .toml file relative to this one, or a shipped policy ({', '.join(shelf_names())})"


def _included(file: PolicyFile) -> list[str]:
    names = file.body.get("include", [])
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise file.wrong(("include",), f"include is a list of files, not {names!r}; {_what_may_stand()}")
    for number, name in enumerate(names):
        if name in names[:number]:
            raise file.wrong(("include", number), f"include names {name!r} twice; take one out")
    return names


def _keys(file: PolicyFile) -> Iterator[tuple[Place, tuple[Any, Spot]]]:
    def walk(table: Mapping[str, Any], above: Place) -> Iterator[tuple[Place, tuple[Any, Spot]]]:
        for name, value in table.items():
            place = (*above, name)
            if isinstance(value, dict) and value:
                yield from walk(value, place)
            else:
                yield place, (value, Spot(file, place))

    return walk({name: value for name, value in file.body.items() if name not in OWN_KEYS}, ())


def _set(keys: dict[Place, tuple[Any, Spot]], place: Place, found: tuple[Any, Spot]) -> None:
    """Put a key in, in place of what stands in its way; a table without keys takes nothing away."""
    if found[0] == {} and any(other[: len(place)] == place for other in keys):
        return
    for other in [o for o in keys if o != place and (o[: len(place)] == place or place[: len(o)] == o)]:
        del keys[other]
    keys[place] = found


def _agreed_keys(
    file: PolicyFile, own: Mapping[Place, object], included: list[Gathered]
) -> dict[Place, tuple[Any, Spot]]:
    keys: dict[Place, tuple[Any, Spot]] = {}
    for part in included:
        for place, (value, spot) in part.keys.items():
            before = keys.get(place)
            if before is not None and not _same(before[0], value) and place not in own:
                key = ".".join(str(p) for p in place)
                why = (
                    f"{key} is {before[0]!r} at {before[1]} and {value!r} at {spot}; say here which it is: {key} = ..."
                )
                raise file.wrong(("include",), why)
            _set(keys, place, (value, spot))
    return keys


def _rules_of(file: PolicyFile) -> list[tuple[RuleTable, bool]]:
    """The rules of one file, each with whether it replaces an included one."""
    tables = file.body.get("rules", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise file.wrong(("rules",), "rules is a list of tables; write [[rules]] with two brackets above each")
    rules = []
    for index, table in enumerate(tables):
        place: Place = ("rules", index)
        if "replaces" in table and table["replaces"] is not True:
            why = f"replaces: only true may stand here, not {table['replaces']!r}; leave the key out"
            raise file.wrong((*place, "replaces"), why)
        body = {key: value for key, value in table.items() if key != "replaces"}
        rules.append((RuleTable(body, Spot(file, place)), "replaces" in table))
    return rules


def _agreed_rules(
    file: PolicyFile, own: list[tuple[RuleTable, bool]], included: list[Gathered]
) -> dict[str, RuleTable]:
    decided = {rule.id for rule, replaces in own if replaces}
    rules: dict[str, RuleTable] = {}
    for rule in (rule for part in included for rule in part.rules):
        before = rules.setdefault(rule.id, rule)
        if not _same(before.body, rule.body) and rule.id not in decided:
            why = f"the rule {rule.id!r} stands at {before.spot} and, with other terms, at {rule.spot}; "
            raise file.wrong(("include",), why + "write the one you mean here, with replaces = true")
    return rules


def _with_own(
    file: PolicyFile, own: list[tuple[RuleTable, bool]], rules: dict[str, RuleTable]
) -> tuple[RuleTable, ...]:
    """The included rules with those that the file replaces, in their place, then its further ones."""
    more: list[RuleTable] = []
    theirs = dict(rules)
    for rule, replaces in own:
        place = (*rule.spot.place, "id")
        if replaces and rule.id in theirs:
            rules[rule.id] = rule
            del theirs[rule.id]
            continue
        if replaces:
            raise file.wrong((*rule.spot.place, "replaces"), _nothing_to_replace(rule, list(rules)))
        if rule.id in rules:
            why = f"the rule {rule.id!r} is included from {rules[rule.id].spot}; "
            raise file.wrong(place, why + "write replaces = true to put this one in its place, or choose another id")
        more.append(rule)
    return (*rules.values(), *more)


def _same(one: Any, other: Any) -> bool:
    """Whether two values say the same; 1 and true do not, nor do 1 and 1.0."""
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(other, sort_keys=True, default=str)


def _nothing_to_replace(rule: RuleTable, names: list[str]) -> str:
    if not names:
        return "replaces: this file includes no rules; take the key out"
    near = nearest(rule.id, names)
    hint = f"did you mean {near!r}?" if near else f"included are: {', '.join(names)}"
    return f"replaces: no rule {rule.id!r} is left to replace; {hint}"
