"""The floors and the doors, read off the source: what may import what, and through which module each effect goes."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("checkpoints_db", "policies", "monitor")

# Imports go from a higher floor to a lower one. Half floors order neighbours where one is declared to stand below the
# other: settings read the error tree; policies are what forecasting, verdicts and diagnosis are judged by; standing is
# sealed with a forecast and judges with it, settling says what would change it.
FLOORS: dict[str, float] = {
    "checkpoints_db": 1,
    "monitor.science": 1,
    "monitor.clock": 1,
    "monitor.settings": 1.5,
    "monitor.reference": 1.7,  # what settings mean
    "monitor.keys": 1.5,
    "monitor.prior": 1.5,
    "policies": 2,
    "monitor.rungs": 2,
    "monitor.emergence": 2,
    "monitor.measures": 2,
    "monitor.standing": 2.2,
    "monitor.items": 2.2,
    "monitor.faults": 2.5,
    "monitor.forecasting": 2.5,
    "monitor.backtesting": 2.5,
    "monitor.verdicts": 2.5,
    "monitor.diagnosis": 2.5,
    "monitor.track": 2.5,
    "monitor.composition": 2.7,
    "monitor.drifting": 2.7,
    "monitor.reaching": 2.7,
    "monitor.rating": 2.7,
    "monitor.outlook": 2.75,
    "monitor.looks": 2.7,
    "monitor.settling": 2.7,  # asks forecasting and verdicts, as planning does
    "monitor.planning": 2.75,
    "monitor.judging": 2.8,  # from a store, by verdicts, diagnosis and composition
    "monitor.cases": 2.85,  # the case of a run: what is judged, missing, wrong
    "monitor.adoption": 2.9,  # which policies decide: asked by alerts and gate
    "monitor.ruling": 2.95,
    "monitor.selftest": 2.85,  # asks all of judgement what it should know
    "monitor.roles": 1.5,
    "monitor.people": 3,  # asks policies when two spellings are one person
    "monitor.alerts": 3,
    "monitor.alert_desk": 3.2,  # puts alerts where people put them
    "monitor.alert_history": 3.2,
    "monitor.gate": 3,
    "monitor.lease": 3.2,  # asks the gate
    "monitor.notify": 3,
    "monitor.pins": 3.5,  # asks the network through notify
    "monitor.watch": 4,
    "monitor.review": 4,
    "monitor.explanation": 4,
    "monitor.overview": 4,
    "monitor.rehearsal": 4.5,  # walks a fixture ladder as monitor.watch walks a result
    "monitor.assessing": 4,
    "monitor.retention": 4,
    "monitor.replay": 4.5,  # reads logs as the watch does
    "monitor.tuning": 4.7,  # walks history as replay does
    "monitor.bundle": 4.7,  # makes decisions again as replay does
    "monitor.daemon": 5,
    "monitor.doctor": 5.5,  # looks through sources as the daemon does
    "monitor.faces": 6,
    "monitor.adapters": 1.2,  # what a training job imports: of ours only the clock
    "monitor.__main__": 7,
    "monitor": 0,  # the package itself: whatever it imported, every part would import with it
}
# The two that read a forecast may ask the module that knows what one means.
DECLARED = {("monitor.verdicts", "monitor.forecasting"), ("monitor.diagnosis", "monitor.forecasting")}

SQL = ("sqlite3", "sqlite_utils")
SQL_DOORS = ("checkpoints_db.sqlite", "checkpoints_db.tables", "checkpoints_db.migrations", "checkpoints_db.upgrade")
NETWORK = ("socket", "urllib.request", "http.client", "httpx", "requests", "smtplib", "aiohttp", "apprise", "fsspec")
NEVER = ("pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle")
CLOCKS = (
    "time.time",
    "time.time_ns",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
)
RANDOM = ("random", "secrets", "numpy.random", "uuid.uuid4", "os.urandom")
UNGUESSABLE = "monitor.people"
"""Who makes tokens and sessions, which no seed may repeat."""
FORBIDDEN_CALLS = ("eval", "exec", "os.system", "os.popen", "numpy.load", "breakpoint")
REFUSED_NAMES = {"utils", "util", "common", "helpers", "helper", "core", "manager", "managers", "misc"}
SCIENCE_MAY = {"numpy", "scipy"}


@dataclass(frozen=True)
class Module:
    """One source file: dotted name, path for messages, syntax tree."""

    name: str
    path: str
    tree: ast.Module
    package: bool

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {what}"


@dataclass(frozen=True)
class Import:
    """One imported name: `a.b` for `import a.b`, `a.b.c` for `from a.b import c`."""

    target: str
    node: ast.Import | ast.ImportFrom


def modules(root: Path) -> list[Module]:
    found = []
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if package else parts)
            tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
            found.append(Module(name, path.relative_to(root).as_posix(), tree, package))
    return found


def imports(module: Module) -> Iterator[Import]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.name.split(".")
            if node.level:
                above = above[: len(above) - node.level + (1 if module.package else 0)]
            base = ".".join([*(above if node.level else []), *([node.module] if node.module else [])])
            yield from (Import(f"{base}.{alias.name}", node) for alias in node.names)


def house_module(target: str, names: set[str]) -> str | None:
    """The module of ours that `target` names, or names something in; None for everybody else's."""
    if target.partition(".")[0] not in ROOMS:
        return None
    while target not in names and "." in target:
        target = target.rpartition(".")[0]
    return target


def inside(name: str, *places: str) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


def unit(name: str) -> str | None:
    """The part of the house `name` belongs to: the longest entry of FLOORS that holds it."""
    if name == "monitor":
        return name
    return max((u for u in FLOORS if u != "monitor" and inside(name, u)), key=len, default=None)


def spelled(module: Module) -> Iterator[tuple[str, ast.AST]]:
    """Every name and attribute chain with its imported origin: `np.random.rand` as `numpy.random.rand`."""
    origin: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                origin[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            origin.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name):
            chain: list[str] = []
            head: ast.expr = node
            while isinstance(head, ast.Attribute):
                chain.append(head.attr)
                head = head.value
            if isinstance(head, ast.Name):
                yield ".".join([origin.get(head.id, head.id), *reversed(chain)]), node


def floors(module: Module, names: set[str]) -> Iterator[str]:
    here = unit(module.name)
    if here is None:
        yield f"{module.path}:1: {module.name} stands on no floor; give it one in FLOORS"
        return
    for found in imports(module):
        target = house_module(found.target, names)
        there = unit(target) if target else None
        if target is None or there is None or there == here or (here, there) in DECLARED:
            continue
        if FLOORS[there] >= FLOORS[here]:
            way = "sideways" if FLOORS[there] == FLOORS[here] else "up"
            yield module.at(found.node, f"{here} imports {target}, which goes {way}")


def rooms(module: Module, names: set[str]) -> Iterator[str]:
    allowed = {
        "checkpoints_db": ("checkpoints_db",),
        "policies": ("policies", "checkpoints_db"),
        "monitor.science": ("monitor.science",),
    }
    room = next((r for r in allowed if inside(module.name, r)), None)
    if room is None:
        return
    for found in imports(module):
        target = house_module(found.target, names)
        if target is not None and not inside(target, *allowed[room]):
            yield module.at(found.node, f"{room} may not import {target}")
        outside = found.target.split(".")[0]
        known = SCIENCE_MAY | set(sys.stdlib_module_names)
        if room == "monitor.science" and target is None and outside not in known:
            yield module.at(found.node, f"monitor.science imports {outside}; it may import only numpy and scipy")


def import_doors(module: Module, _names: set[str]) -> Iterator[str]:
    network = (
        "monitor.notify",
        "monitor.faces.web",
        "monitor.daemon.inbox",
        "monitor.daemon.depot",
        "monitor.adapters.fetch",
    )
    network += ("monitor.daemon.systemd",)  # a socket of this machine, and nothing is read from it
    for found in imports(module):
        if inside(found.target, *SQL) and not inside(module.name, *SQL_DOORS):
            yield module.at(found.node, f"{found.target}: SQL has its doors, {', '.join(SQL_DOORS)}")
        if inside(found.target, *NETWORK) and not inside(module.name, *network):
            yield module.at(found.node, f"{found.target}: the network has its doors, {', '.join(network)}")
        if inside(found.target, *NEVER):
            yield module.at(found.node, f"{found.target}: nothing that is read may be run")


def call_doors(module: Module, _names: set[str]) -> Iterator[str]:
    for name, node in spelled(module):
        if name in CLOCKS and module.name != "monitor.clock":
            yield module.at(node, f"{name}: time has one door, monitor.clock; take `at` instead")
        # Whoever is told a seed makes the Generator of it: the command line, where a person states one.
        seeded = name == "numpy.random.default_rng" and inside(module.name, "monitor.faces.cli")
        if (
            inside(name, *RANDOM)
            and not inside(name, "numpy.random.Generator")
            and name != "numpy.random"
            and not seeded
            and not (inside(name, "secrets") and module.name == UNGUESSABLE)
        ):
            yield module.at(node, f"{name}: take a numpy Generator as an argument")
        if name == "print" and not inside(module.name, "monitor.faces"):
            yield module.at(node, "print: only monitor.faces prints")
        if name in FORBIDDEN_CALLS:
            yield module.at(node, f"{name}: nothing that is read may be run")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.keyword) and node.arg == "shell":
            yield module.at(node.value, "shell=: no shell")


def hidden_imports(module: Module, _names: set[str]) -> Iterator[str]:
    if inside(module.name, "monitor.faces", "monitor.__main__"):  # start-up time of the command line
        return
    for function in ast.walk(module.tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield module.at(node, "an import hides in a function")


def broad_excepts(module: Module, _names: set[str]) -> Iterator[str]:
    # The third is where the process ends: exit code 3, and everything but 0 stops `&&`.
    boundary = inside(module.name, "policies.engine", "monitor.daemon") or module.name == "monitor.faces.cli"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {c.id for c in caught if isinstance(c, ast.Name)}
            if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
                continue  # tidies up and lets the error go on: nothing is swallowed
            if node.type is None or "BaseException" in names or ("Exception" in names and not boundary):
                yield module.at(node, "catches everything; only rule, job and process boundary may")
        elif isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(raised, ast.Name) and raised.id in {"Exception", "BaseException"}:
                yield module.at(node, "raises Exception; name the fact, see checkpoints_db.errors")


def one_decide(module: Module, _names: set[str]) -> Iterator[str]:
    """Daemon, command line, HTTP, replay and lease issuer answer by one function: nobody else makes a decision."""
    for name, node in spelled(module):
        called = name.removeprefix("policies.").removeprefix("engine.")
        if name.startswith("policies") and called == "decide" and not inside(module.name, *DECIDING):
            yield module.at(node, f"asks decide() by itself; {' and '.join(DECIDING)} do, ask those")
        asked = called.removeprefix("several.") in {"decide_all", "each_decides"}
        if name.startswith("policies") and asked and not inside(module.name, *ASKING):
            yield module.at(node, f"has a case decided by itself; {' and '.join(ASKING)} do, ask those")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
            makers = MAKERS[node.func.id]
            if not inside(module.name, *makers):
                yield module.at(node, f"makes a {node.func.id}; only {' and '.join(makers)} may")


def refused_names(module: Module, _names: set[str]) -> Iterator[str]:
    for part in module.name.split("."):
        if part.strip("_") in REFUSED_NAMES:
            yield f"{module.path}:1: a module called {part}; one module, one noun"


def cycles(found: list[Module]) -> list[str]:
    """Modules that reach themselves by imports, shortest ring of each."""
    names = {m.name for m in found}
    edges: dict[str, set[str]] = {m.name: set() for m in found}
    for module in found:
        for imported in imports(module):
            target = house_module(imported.target, names)
            if target in names and target != module.name:
                edges[module.name].add(target)
    rings: dict[frozenset[str], str] = {}
    for start in sorted(edges):
        paths, seen = [[start]], {start}
        while paths:
            path = paths.pop(0)
            if start in edges[path[-1]]:
                rings.setdefault(frozenset(path), f"import ring: {' -> '.join([*path, start])}")
                break
            fresh = sorted(edges[path[-1]] - seen)
            seen.update(fresh)
            paths.extend([*path, name] for name in fresh)
    return list(rings.values())


DECIDING = ("policies", "monitor.selftest", "monitor.rehearsal")
"""Who calls policies.engine.decide: policies.several for everybody, the self-test, and tests that a policy carries."""
ASKING = (
    "policies",
    "monitor.gate",
    "monitor.ruling",
    "monitor.review",
    "monitor.replay",
    "monitor.tuning",
    "monitor.bundle",
)
"""Who has a case decided by several policies, which is decide() for each: gates, people's desk, history, settings that
are tried, and whoever verifies a bundle."""
MAKERS = {"Decision": ("policies.engine",), "GateState": ("monitor.gate",)}
"""Who makes what a training job may go on by."""

Law = Callable[[Module, set[str]], Iterator[str]]
LAWS: tuple[Law, ...] = (
    floors,
    rooms,
    import_doors,
    call_doors,
    hidden_imports,
    broad_excepts,
    one_decide,
    refused_names,
)


def breaches(law: Law, found: list[Module]) -> list[str]:
    names = {m.name for m in found}
    return list(dict.fromkeys(breach for module in found for breach in law(module, names)))


@pytest.fixture(scope="module")
def house() -> list[Module]:
    found = modules(ROOT)
    assert {m.name.split(".")[0] for m in found} == set(ROOMS)
    return found


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_house_keeps_the_law(law: Law, house: list[Module]) -> None:
    assert not (broken := breaches(law, house)), "\n" + "\n".join(broken)


def test_no_import_ring(house: list[Module]) -> None:
    assert not (rings := cycles(house)), "\n" + "\n".join(rings)


PLANTED: list[tuple[Law, str, str, str]] = [
    (floors, "monitor/alerts.py", "from monitor.watch import consider", "goes up"),
    (floors, "monitor/alerts.py", "import monitor.gate", "goes sideways"),
    (floors, "monitor/alerts.py", "from .gate import settle", "goes sideways"),
    (floors, "monitor/diagnosis.py", "from monitor import verdicts", "goes sideways"),
    (floors, "monitor/forecasting.py", "from monitor.verdicts import judge", "goes sideways"),
    (floors, "monitor/clock.py", "import monitor.science.fit", "goes sideways"),
    (floors, "monitor/oracle.py", "", "stands on no floor"),
    (floors, "monitor/__init__.py", "from monitor import gate", "goes up"),
    (rooms, "policies/engine.py", "from monitor.settings import Settings", "policies may not import monitor.settings"),
    (rooms, "checkpoints_db/store.py", "import policies", "checkpoints_db may not import policies"),
    (rooms, "monitor/science/fit.py", "import pandas as pd", "only numpy and scipy"),
    (rooms, "monitor/science/fit.py", "from checkpoints_db import Series", "may not import checkpoints_db"),
    (import_doors, "checkpoints_db/ledger.py", "import sqlite3", "SQL has its doors"),
    (import_doors, "monitor/gate.py", "from sqlite_utils import Database", "SQL has its doors"),
    (import_doors, "monitor/watch.py", "from urllib import request", "the network has its doors"),
    (import_doors, "policies/loader.py", "import pickle", "nothing that is read may be run"),
    (call_doors, "monitor/watch.py", "from datetime import datetime as d\nd.now()", "time has one door"),
    (call_doors, "monitor/watch.py", "import time\nt = time.time", "time has one door"),
    (call_doors, "monitor/science/fit.py", "import numpy as np\nnp.random.default_rng(0)", "take a numpy Generator"),
    (call_doors, "monitor/science/fit.py", "from random import choice\nchoice([1])", "take a numpy Generator"),
    (call_doors, "monitor/gate.py", "from secrets import token_hex\ntoken_hex()", "take a numpy Generator"),
    (call_doors, "monitor/people.py", "from random import random\nrandom()", "take a numpy Generator"),
    (call_doors, "monitor/gate.py", "print('GO')", "only monitor.faces prints"),
    (call_doors, "policies/loader.py", "eval('1')", "nothing that is read may be run"),
    (call_doors, "monitor/watch.py", "import subprocess\nsubprocess.run('ls', shell=True)", "no shell"),
    (hidden_imports, "monitor/watch.py", "def consider():\n    import json", "hides in a function"),
    (broad_excepts, "monitor/gate.py", "try:\n    pass\nexcept (OSError, Exception):\n    pass", "catches everything"),
    (broad_excepts, "monitor/gate.py", "try:\n    raise\nexcept BaseException:\n    pass", "catches everything"),
    (broad_excepts, "policies/engine.py", "try:\n    pass\nexcept:\n    pass", "catches everything"),
    (broad_excepts, "monitor/watch.py", "raise Exception('no')", "raises Exception"),
    (one_decide, "monitor/watch.py", "from policies.engine import decide\ndecide()", "asks decide() by itself"),
    (one_decide, "monitor/watch.py", "from policies import engine\nengine.decide()", "asks decide() by itself"),
    (one_decide, "monitor/watch.py", "from policies.several import decide_all\ndecide_all()", "has a case decided"),
    (one_decide, "monitor/watch.py", "from policies import several\nseveral.each_decides()", "has a case decided"),
    (one_decide, "monitor/watch.py", "from checkpoints_db.records import Decision\nDecision()", "makes a Decision"),
    (one_decide, "monitor/faces/web/gates.py", "GateState(answer='GO')", "makes a GateState"),
    (refused_names, "checkpoints_db/readers/utils.py", "", "one module, one noun"),
]


def plant(root: Path, files: dict[str, str]) -> list[Module]:
    """A small house of empty rooms under `root` with `files` put into it."""
    empty = ("gate", "verdicts", "watch", "settings", "science/fit")
    for path, source in {**{f"monitor/{name}.py": "" for name in empty}, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(source, encoding="utf-8")
    return modules(root)


@pytest.mark.parametrize(("law", "path", "source", "says"), PLANTED)
def test_a_planted_breach_is_found(tmp_path: Path, law: Law, path: str, source: str, says: str) -> None:
    (breach,) = breaches(law, plant(tmp_path, {path: source}))
    assert breach.startswith(f"{path}:")
    assert says in breach


ALLOWED: list[tuple[str, str]] = [
    ("monitor/verdicts.py", "from monitor.forecasting import law_at\nfrom policies.schema import Judging"),
    ("monitor/watch.py", "import monitor.gate\nfrom checkpoints_db.records import Result"),
    ("monitor/science/fit.py", "import math\nimport numpy as np\nfrom scipy import special\nnp.random.Generator"),
    ("monitor/clock.py", "from datetime import UTC, datetime\ndatetime.now(UTC)"),
    ("monitor/people.py", "import secrets\nsecrets.token_urlsafe(32)"),
    ("checkpoints_db/tables.py", "import sqlite3\nfrom sqlite_utils import Database"),
    ("monitor/faces/cli/gate.py", "import numpy as np\ndef ask(seed):\n    return np.random.default_rng(seed)"),
    ("monitor/faces/cli/gate.py", "def ask():\n    from monitor import gate\n    print(gate)"),
    ("policies/engine.py", "try:\n    pass\nexcept Exception:\n    pass"),
    ("checkpoints_db/tables.py", "try:\n    pass\nexcept BaseException:\n    raise"),
    ("monitor/daemon/jobs.py", "try:\n    pass\nexcept Exception:\n    pass"),
    ("monitor/bundle/remaking.py", "from policies.several import decide_all\ndecide_all()"),
    ("monitor/daemon/inbox/bucket.py", "from fsspec.core import url_to_fs"),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED, ids=lambda text: text if text.endswith(".py") else "")
def test_what_is_allowed_passes(tmp_path: Path, path: str, source: str) -> None:
    found = plant(tmp_path, {path: source})
    assert not [breach for law in LAWS for breach in breaches(law, found)]


def test_a_planted_ring_is_found(tmp_path: Path) -> None:
    ring = {f"policies/{a}.py": f"from policies import {b}" for a, b in ("ab", "bc", "ca")}
    assert cycles(plant(tmp_path, ring)) == ["import ring: policies.a -> policies.b -> policies.c -> policies.a"]
    assert not cycles(plant(tmp_path, {"policies/c.py": ""}))
