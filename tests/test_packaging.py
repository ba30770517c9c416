"""What is shipped: version, licence, pinned versions, examples, and nothing that points outside the repository."""

from __future__ import annotations

import csv
import hashlib
import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CACHES = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
NOT_OURS = CACHES | {".git", ".venv", ".venv-adapters", ".venv-deploy", "build", "demo-out", "dist"}


def shipped() -> list[Path]:
    return [p for p in ROOT.rglob("*") if p.is_file() and not NOT_OURS & set(p.relative_to(ROOT).parts)]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_version_is_the_changelogs_newest() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)  # [Unreleased] is none yet
    assert newest is not None
    assert newest[1] == PROJECT["project"]["version"] == distribution("holdpoint").version


def test_every_release_says_what_it_judges_otherwise_or_is_silent_on_purpose() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Judgement"}
    assert set(re.findall(r"^### (.+)$", changelog, re.MULTILINE)) <= known
    assert "### Judgement" in changelog


def test_licence_is_the_unchanged_apache_2() -> None:
    text = (ROOT / "LICENSE").read_bytes()
    assert hashlib.sha256(text).hexdigest() == "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4"
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_constraints_are_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    plain = re.compile(r"#.*|[a-z0-9]+(-[a-z0-9]+)*==[0-9][a-z0-9.]*")
    assert [line for line in lines if not plain.fullmatch(line)] == []
    assert not any("://" in line for line in lines)
    assert lines[2:] == sorted(set(lines[2:]))


def needed(requirement: Requirement, done: dict[str, Requirement]) -> None:
    """Adds `requirement` and everything it needs here, by name."""
    name = canonicalize_name(requirement.name)
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return
    if name in done and not requirement.extras:
        return
    done[name] = requirement
    for line in distribution(requirement.name).requires or []:
        below = Requirement(line)
        if not below.marker or any(below.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)):
            below.marker = None
            needed(below, done)


def test_constraints_cover_every_dependency_of_every_dependency() -> None:
    done: dict[str, Requirement] = {}
    for line in [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]:
        needed(Requirement(line), done)
    assert len(done) > 30
    # pip is not pinned: it is the program that installs, and a pin would make it replace itself on the way.
    assert sorted(set(done) - set(pins()) - {"pip"}) == []


def test_pinned_versions_satisfy_what_the_project_asks_for() -> None:
    extras = PROJECT["project"]["optional-dependencies"]["dev"]
    for line in [*PROJECT["project"]["dependencies"], *extras, *PROJECT["build-system"]["requires"]]:
        asked = Requirement(line)
        assert asked.specifier.contains(pins()[canonicalize_name(asked.name)]), line


def test_build_backend_is_pinned_with_what_it_needs() -> None:
    wanted = {"hatchling", "editables", "packaging", "pathspec", "pluggy", "trove-classifiers"}
    assert wanted <= set(pins())
    try:
        requires = distribution("hatchling").requires or []
    except PackageNotFoundError:
        return  # it lives in the build environment only; the list above is what it asked for when it was pinned
    assert {canonicalize_name(Requirement(r).name) for r in requires} <= wanted | {"tomli"}


def test_examples_stay_small() -> None:
    assert sum(p.stat().st_size for p in shipped() if p.is_relative_to(EXAMPLES)) < 5_000_000


def test_nothing_points_outside_the_repository() -> None:
    outside = re.compile(rb"(?<![\w.$}])/(?:work|root|home|Users)/[\w.]")
    pointing = [
        f"{p.relative_to(ROOT)}: {found[0].decode()}"
        for p in shipped()
        if (found := outside.search(p.read_bytes())) and p != Path(__file__).resolve()
    ]
    assert pointing == []


def rows(name: str) -> list[dict[str, str]]:
    with (EXAMPLES / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_gpt3_rungs_are_the_published_ones() -> None:
    baseline, arriving = rows("gpt3/baseline.csv"), rows("gpt3/175B.csv")
    assert list(dict.fromkeys(r["run"] for r in baseline)) == ["125M", "350M", "760M", "1.3B", "2.7B", "6.7B", "13B"]
    assert {r["run"] for r in arriving} == {"175B"}
    assert (len(baseline), len(arriving)) == (280, 40)
    for row in baseline + arriving:  # Table D.1 rounds FLOP to three figures
        assert 6 * float(row["params"]) * float(row["tokens"]) == pytest.approx(float(row["flop"]), rel=0.005)
        assert float(row["lower"]) <= float(row["value"])
        assert row["metric"] == "ppl" or float(row["value"]) <= 1


def test_gpt3_values_are_those_of_the_paper() -> None:
    both = rows("gpt3/baseline.csv") + rows("gpt3/175B.csv")
    values = {(r["task"], r["metric"], r["run"]): float(r["value"]) for r in both}
    assert len(values) == 320
    assert [values["3D+/few-shot", "acc", run] for run in ("6.7B", "13B", "175B")] == [0.009, 0.084, 0.804]
    assert [values["LAMBADA/few-shot", "ppl", run] for run in ("760M", "1.3B", "175B")] == [6.63, 7.45, 1.92]
    assert [values["PIQA/zero-shot", "acc", run] for run in ("125M", "175B")] == [0.646, 0.81]


def test_gpt3_shares_are_counts_of_their_questions() -> None:
    odd = [
        (r["task"], r["run"], r["value"])
        for r in rows("gpt3/baseline.csv") + rows("gpt3/175B.csv")
        if r["n"] and abs(float(r["value"]) * int(r["n"]) - round(float(r["value"]) * int(r["n"]))) > 1e-6
    ]
    assert odd == [("2D+/zero-shot", "6.7B", "0.0254")]  # as printed


def test_every_log_names_a_model_of_its_table() -> None:
    for family, table in (("tiny-facts", "facts-models.csv"), ("tiny-skills", "skills-models.csv")):
        models = {r["model"] for r in rows(f"tiny-ladder/{table}")}
        logs = sorted((EXAMPLES / "tiny-ladder" / family).glob("*/results_*.json"))
        named = [re.search(r'"model_name": "([^"]+)"', log.read_text(encoding="utf-8")) for log in logs]
        assert len(logs) >= 6
        assert {n[1] for n in named if n} <= models
        assert all(named)


def test_every_samples_file_has_its_results_file() -> None:
    for samples in (EXAMPLES / "tiny-ladder").rglob("samples_*.jsonl"):
        stamp = samples.stem.rpartition("_")[2]
        assert (samples.parent / f"results_{stamp}.json").is_file(), samples


def test_make_help_names_the_commands() -> None:
    told = subprocess.run(["make", "-s", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in told.splitlines()] == [
        "demo",
        "help",
        "lint",
        "lint-deploy",
        "mutants",
        "test",
        "test-adapters",
        "test-crash",
    ]
