"""`holdpoint prior` as a user types it, and the file it writes as a setting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from answered import must_be_as_published
from lab import Lab, rung
from tables import PRIOR, small
from typer.testing import CliRunner

from checkpoints_db.errors import ForecastError, HoldpointError, SettingsError
from checkpoints_db.records import Answer
from monitor import watch
from monitor.daemon.rules import load_rules
from monitor.faces.cli import app
from monitor.prior import dump, load, shipped
from monitor.science.dictionary import Category

runner = CliRunner()
SMALL = {c: small(c) for c in (Category("log", 1, dense=False), Category("free", 1, dense=False))}


def run(lab: Lab, *words: str) -> Any:
    return runner.invoke(app, ["prior", *words, "--config", str(lab.config)])


def learnt(lab: Lab, out: Path, *words: str) -> Any:
    done = run(lab, "learn", "--out", str(out), *words, "--json")
    assert done.exit_code == 0, done.exception
    told = json.loads(done.stdout)
    must_be_as_published(("prior", "learn"), told)
    return told


def believe(lab: Lab, text: str, name: str = "prior.json") -> Path:
    """Put a prior in force."""
    path = lab.root / name
    path.write_text(text, encoding="utf-8")
    lab.config.write_text(f'prior = "{name}"\n{lab.config.read_text()}')
    return path


def sealed(lab: Lab) -> set[str]:
    with lab.store() as store:
        return {one.forecast.prior for one in store.judgements.all_sealed()}


@pytest.fixture
def quick(ladder: Lab) -> Lab:
    """A ladder and a prior small enough to learn from in no time."""
    believe(ladder, dump(PRIOR, "made up"), "small.json")
    return ladder


def test_learn_writes_what_becomes_part_of_every_seal(quick: Lab) -> None:
    start, out = quick.rules().prior, quick.root / "learnt.json"
    said = learnt(quick, out)
    written = load(out)
    assert (said["digest"], said["from"], said["ladders"]) == (written.digest, start.digest, 2)
    assert written.digest != start.digest
    assert {m["category"] for m in said["categories"]} == {"log-1", "free-1", "score-1"}
    assert all(m["few"] and m["gain"] >= 0 for m in said["categories"])
    assert any(m["moved"]["noise"] > 0.01 for m in said["categories"])
    assert sealed(quick) == {shipped().digest}
    quick.config.write_text(quick.config.read_text().replace("small.json", "learnt.json"))
    assert quick.cycle()
    assert sealed(quick) == {written.digest}
    with quick.store() as store:
        assert watch.seal_missing(store, quick.rules()) == 0


def test_learn_is_deterministic_and_starts_from_the_prior_in_force(quick: Lab) -> None:
    one, other, held = (quick.root / name for name in ("one.json", "other.json", "held.json"))
    learnt(quick, one)
    learnt(quick, other)
    assert one.read_bytes() == other.read_bytes()
    stiff = learnt(quick, held, "--strength", "1e6")
    assert all(max(m["moved"].values()) < 0.01 for m in stiff["categories"])
    untaught = Category("log", 2, dense=False)
    assert load(one).of(untaught) == quick.rules().prior.of(untaught)


def test_the_table_names_what_moved_and_that_few_ladders_taught(quick: Lab) -> None:
    done = run(quick, "learn", "--out", str(quick.root / "out.json"))
    assert done.exit_code == 0, done.exception
    for word in ("log-1", "score-1", "gain", "Fewer than 10 ladders taught", "name it as `prior`"):
        assert word in " ".join(done.stdout.split())


def test_nothing_is_written_over_unasked(quick: Lab) -> None:
    out = quick.root / "out.json"
    out.write_text("mine")
    refused = run(quick, "learn", "--out", str(out))
    assert isinstance(refused.exception, HoldpointError)
    assert "--force" in str(refused.exception)
    assert out.read_text() == "mine"
    learnt(quick, out, "--force")
    assert load(out).made_of.startswith("2 ladders of a lab")
    nowhere = run(quick, "learn", "--out", str(quick.root / "no" / "out.json"))
    assert isinstance(nowhere.exception, HoldpointError)
    assert "cannot be written" in str(nowhere.exception)
    assert not list(quick.root.glob("*.part"))


def test_a_lab_with_few_rungs_says_so(lab: Lab) -> None:
    lab.baseline([row for i in range(3) for row in rung(i)])
    out = lab.root / "out.json"
    refused = run(lab, "learn", "--out", str(out))
    assert isinstance(refused.exception, ForecastError)
    assert "2 series and none to learn from" in str(refused.exception)
    assert "ingest --baseline" in str(refused.exception)
    assert not out.exists()


def test_show(quick: Lab) -> None:
    body = json.loads(run(quick, "show", "--json").stdout)
    assert body["digest"] == quick.rules().prior.digest
    assert {c["category"] for c in body["categories"]} == {c.name for c in PRIOR}
    own = next(c for c in body["categories"] if c["category"] == "log-1")
    assert own["shape"]["entries"] == len(PRIOR[Category("log", 1, dense=False)].shapes)
    named = quick.root / "named.json"
    named.write_text(dump(SMALL, "two categories"))
    text = run(quick, "show", str(named)).stdout
    assert "two categories" in text
    assert "log-1" in text
    assert "score-1" not in text


def test_without_the_setting_the_shipped_one_is_in_force(ladder: Lab) -> None:
    assert ladder.rules().prior is shipped()
    assert sealed(ladder) == {shipped().digest}


def test_a_sound_prior_judges(quick: Lab) -> None:
    assert quick.cycle()
    quick.arrive(rung(6), "s6.csv")
    assert quick.cycle()
    assert quick.ask("lab/s6").answer == Answer.GO


@pytest.mark.parametrize("content", [None, "{}", dump(SMALL, "x").replace('"log-1"', '"log-7"')])
def test_a_wrong_prior_holds(ladder: Lab, content: str | None) -> None:
    assert ladder.cycle()
    ladder.arrive(rung(6), "s6.csv")
    path = believe(ladder, content or "")
    if content is None:
        path.unlink()
    with pytest.raises(SettingsError) as refused:
        load_rules(ladder.settings, ladder.clock)
    for word in (str(ladder.root), "prior.json", "holdpoint prior learn", "shipped"):
        assert word in str(refused.value)
    assert not ladder.cycle()
    assert ladder.ask("lab/s6").answer == Answer.HOLD
