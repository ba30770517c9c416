"""`holdpoint policy replay` and `diff` as a user meets them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from asking import answer, run
from lab import START, Lab, rung, write_table
from typer.testing import CliRunner

from monitor.faces.charts import specification
from monitor.faces.cli import app
from monitor.faces.replay_chart import replay_chart
from monitor.replay import Replay
from policies.loader import SHELF, load_file, shelf


@pytest.fixture(scope="module")
def paused(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab whose s6 broke."""
    lab = built.copy(tmp_path_factory.mktemp("paused") / "lab")
    lab.arrive(rung(6, loss=1.0), "s6.csv")
    lab.cycle()
    return lab


def candidate(lab: Lab, name: str, old: str, new: str) -> str:
    path = lab.root / name
    text = (SHELF / "default.toml").read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return str(path)


def test_replay_says_when_why_how_long_and_what_it_could_not_see(paused: Lab) -> None:
    found = answer(paused, "policy", "replay", str(paused.policy))
    (pause,) = [s for s in found["stretches"] if s["answer"] == "PAUSE"]
    assert pause["causes"][0]["rule"] == "break"
    assert pause["causes"][0]["numbers"]
    assert pause["causes"][0]["would_pass_if"]
    assert found["false_pauses"]["expected"] > 0
    assert found["sights"][0]["detectable"] > 0
    assert found["likeness"]["same"] == found["likeness"]["decisions"]
    code, text = run(paused, "policy", "replay", str(paused.policy))
    assert code == 0
    assert "come out again, byte for byte" in text


def test_replay_draws_a_chart(paused: Lab, tmp_path: Path) -> None:
    for name in ("replay.html", "replay.svg"):
        code, _ = run(paused, "policy", "replay", str(paused.policy), "--chart", str(tmp_path / name))
        assert code == 0
        assert "s6" in (tmp_path / name).read_text()


def test_the_chart_spans_what_was_walked_and_its_dates_have_years(paused: Lab) -> None:
    found = Replay.model_validate(answer(paused, "policy", "replay", str(paused.policy)))
    assert found.begins is not None
    for ends, form in ((found.begins + timedelta(days=400), "%Y-%m-%d"), (found.begins + timedelta(1), "%m-%d %H:%M")):
        drawn = specification(replay_chart(found.model_copy(update={"ends": ends})))
        x = drawn["layer"][0]["encoding"]["x"]
        assert x["axis"]["format"] == form
        assert [(at["year"], at["date"]) for at in x["scale"]["domain"]] == [
            (at.year, at.day) for at in (found.begins, ends)
        ]


def test_two_policies_of_one_name_are_told_apart(paused: Lab) -> None:
    other = candidate(paused, "other.toml", 'level = "soft"', 'level = "shadow"')
    code, said = run(paused, "policy", "diff", "default", other)
    assert code == 5
    digests = [shelf("default").digest[:12], load_file(Path(other)).policy.digest[:12]]
    assert f"From default {digests[0]} to default {digests[1]}" in " ".join(said.split())


def test_a_diff_without_flips_shows_no_empty_table(paused: Lab) -> None:
    code, said = run(paused, "policy", "diff", str(paused.policy), str(paused.policy))
    assert code == 0
    assert "nothing flips" in said
    assert "because" not in said


def test_from_and_to_bound_what_is_told(paused: Lab) -> None:
    code, said = run(paused, "policy", "replay", str(paused.policy), "--to", "2020-01-01")
    assert code == 1
    assert "no policy was asked" in said
    found = answer(paused, "policy", "replay", str(paused.policy), "--from", "2030-01-01")
    assert found["judged"] == 0
    assert run(paused, "policy", "replay", str(paused.policy), "--from", "yesterday")[0] == 2
    assert run(paused, "policy", "replay", str(paused.policy), "--family", "nobody")[0] == 1


@pytest.mark.parametrize(
    ("old", "new", "code", "change"),
    [
        ("description", "description", 0, "none"),
        ("tail = 0.01", "tail = 0.000001", 5, "loosened"),
        ('level = "soft"', 'level = "shadow"', 5, "loosened"),
    ],
)
def test_diff_tells_by_its_exit_code(paused: Lab, old: str, new: str, code: int, change: str) -> None:
    other = candidate(paused, f"{code}-{len(new)}.toml", old, new)
    found = answer(paused, "policy", "diff", "default", other, code=code)
    assert found["change"] == change
    assert bool(found["flips"]) is bool(code)
    if code:
        assert answer(paused, "policy", "diff", other, "default", code=4)["change"] == "tightened"


def test_diff_as_markdown_is_a_table(paused: Lab) -> None:
    other = candidate(paused, "md.toml", 'level = "soft"', 'level = "shadow"')
    code, text = run(paused, "policy", "diff", "default", other, "--markdown")
    assert code == 5
    assert text.startswith("### Policy `default`")
    assert "| when | run | old | new | rule | because |" in text
    assert any(line.startswith("| 20") and "PAUSE" in line for line in text.splitlines())


def test_logs_need_no_settings_and_no_store(tmp_path: Path) -> None:
    for i in range(7):
        rows = [{**row, "date": START.replace(day=1 + i).isoformat()} for row in rung(i, loss=1.0 if i == 6 else None)]
        write_table(tmp_path / "logs" / f"{i}.csv", rows)
    book = tmp_path / "catalogue.toml"
    book.write_text('[[family]]\nname = "lab"\naxis = "flop"\ncompare_at = "any"\n')
    words = ["policy", "replay", "default", "--logs", str(tmp_path / "logs"), "--catalogue", str(book), "--json"]
    done = CliRunner().invoke(app, [*words, "--config", str(tmp_path / "none.toml"), "--from", "2026-11-06"])
    assert done.exit_code == 0, done.output
    assert '"answer": "PAUSE"' in done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["catalogue.toml", "logs"]


def test_catalogue_and_order_are_for_logs_alone(paused: Lab) -> None:
    assert run(paused, "policy", "replay", "default", "--order", "date")[0] == 2
    assert run(paused, "policy", "diff", "default", "strict", "--catalogue", "x.toml")[0] == 2


def test_help_shows_an_example_and_the_exit_codes() -> None:
    for verb, words in (("replay", "Example: holdpoint policy replay"), ("diff", "5 loosened")):
        shown = " ".join(CliRunner().invoke(app, ["policy", verb, "--help"], env={"COLUMNS": "200"}).output.split())
        assert words in shown
