"""Every command as a user types it: its table, its JSON, its exit code, and what it says when it refuses."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from asking import answer, run, runner
from lab import Lab, rung, write_table
from typer.main import get_command

from monitor.clock import SystemClock
from monitor.faces.cli import app


@pytest.fixture
def paused(lab: Lab) -> Lab:
    """A lab on the machine's own clock whose s6 broke its trend and whose s7 has not arrived."""
    history = write_table(lab.root / "history.csv", [row for i in range(6) for row in rung(i)])
    lab.clock = SystemClock()  # type: ignore[assignment]
    assert answer(lab, "ingest", "--baseline", str(history))["new"] == 12
    news = write_table(lab.root / "s6.csv", rung(6, loss=1.0))
    assert answer(lab, "ingest", str(news))["new"] == 2
    return lab


def released(lab: Lab, run: str) -> None:
    """Two people release a run, and the daemon seals what follows from that."""
    with lab.store() as store:
        for who in ("ada", "grace"):
            gate = store.actions.gate("lab", run)
            assert gate is not None
            lab.desk(store).release("lab", run, by=who, reason="looked at it", evidence=gate.evidence)
    lab.cycle("forecast")


def test_it_says_its_version() -> None:
    done = runner.invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"holdpoint {metadata.version('holdpoint')}\n")


def test_init_makes_a_house_that_answers(tmp_path: Path) -> None:
    folder = tmp_path / "house"
    assert runner.invoke(app, ["init", str(folder), "--policy", "strict"]).exit_code == 0
    (folder / "policy.toml").write_text((folder / "policy.toml").read_text() + "\n# mine\n")
    assert runner.invoke(app, ["init", str(folder)]).exit_code == 0
    assert (folder / "policy.toml").read_text().endswith("# mine\n")
    for words in (["policy", "check"], ["ledger", "verify"], ["gate", "status"], ["alert", "list"]):
        assert runner.invoke(app, [*words, "--config", str(folder / "holdpoint.toml")]).exit_code == 0
    assert runner.invoke(app, ["init", str(folder), "--policy", "nonsense"]).exit_code == 2


def test_the_walk_through_the_commands(paused: Lab) -> None:
    listed = answer(paused, "checkpoint", "list")["checkpoints"]
    assert {c["run"]: c["baseline"] for c in listed} == {**{f"s{i}": True for i in range(6)}, "s6": False}
    series = answer(paused, "series", "list")
    assert {(s["task"], s["metric"]["name"], len(s["points"])) for s in series} == {
        ("sums", "nll", 7),
        ("sums", "acc", 7),
    }
    sealed = answer(paused, "forecast", "list")
    # The loss of s6 broke out of its forecast, and nobody has released it: it is no rung so far.
    assert {s["metric"]["name"]: s["rungs"][-1] for s in sealed} == {"nll": "s5", "acc": "s6"}
    # Own history and what really came are two records: s6 came, and its loss broke out of its interval.
    assert {s["metric"]["name"]: s["live"]["inside_95"] for s in sealed} == {"nll": 0, "acc": 1}
    assert all(s["live"]["forecasts"] == 1 for s in sealed)
    assert {s["metric"]["name"]: s["track"]["forecasts"] for s in sealed} == {"nll": 3, "acc": 4}
    assert "own history: 3 rungs" in run(paused, "forecast", "show", "lab/sums/nll")[1]
    record = {r["kind"]: r for r in answer(paused, "forecast", "track", "--family", "lab")}
    assert record["continuous"]["inside_95"] == {"share": 0.0, "low": 0.0, "high": 0.975}
    assert (record["thresholded"]["runs"], sum(record["thresholded"]["pit"])) == (1, 1)
    assert answer(paused, "forecast", "track", "--family", "nobody") == []
    assert "Nothing here is off beyond what chance allows" in run(paused, "forecast", "track")[1]
    said = answer(paused, "verdict", "list")
    assert {v["metric"]["name"]: v["outcome"] for v in said["verdicts"]} == {"nll": "above", "acc": "expected"}
    assert [d["name"] for d in said["diagnoses"]] == ["latent_break"]
    assert answer(paused, "gate", "ask", "s6", code=20)["answer"] == "PAUSE"
    assert [a["answer"] for a in answer(paused, "alert", "list")] == ["PAUSE", "PAUSE"]
    assert [f["status"] for f in answer(paused, "file", "list")] == ["read", "read"]


def test_two_people_release_by_command(paused: Lab) -> None:
    evidence = answer(paused, "gate", "status", "s6")["state"]["evidence"]
    words = ("gate", "release", "s6", "--reason", "looked at it", "--evidence", evidence[:12])
    assert answer(paused, *words, "--by", "carol")["released"] is False
    assert answer(paused, "gate", "ask", "s6", code=20)
    assert answer(paused, *words, "--by", "dan")["released"] is True
    assert answer(paused, "gate", "ask", "s6")["exit_code"] == 0
    code, text = run(paused, *words, "--by", "erin")
    assert (code, "nothing to release" in text) == (1, True)


def test_acknowledge_and_waive_by_command(paused: Lab) -> None:
    alert = answer(paused, "alert", "list")[0]
    assert answer(paused, "alert", "ack", alert["id"], "--by", "carol", "--for", "2h")["state"] == "acknowledged"
    shown = answer(paused, "alert", "show", alert["id"])
    assert [event["event"] for event in shown["history"]] == ["opened", "acknowledged"]
    finding = shown["alert"]["findings"][0]
    words = ("--rule", finding["rule"], "--subject", finding["subject"], "--by", "carol", "--reason", "known, ticket 7")
    assert answer(paused, "waiver", "add", "s6", *words)["waiver"]["by"] == "carol"
    assert [w["by"] for w in answer(paused, "waiver", "list")] == ["carol"]
    assert run(paused, "waiver", "add", "s6", *words, "--for", "90d")[0] == 1
    assert run(paused, "waiver", "add", "s6", *words, "--for", "soon")[0] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("checkpoint", "list"),
        ("file", "list"),
        ("series", "list"),
        ("series", "doctor"),
        ("series", "show", "lab/sums/nll"),
        ("forecast", "list"),
        ("forecast", "show", "lab/sums/nll"),
        ("verdict", "list"),
        ("verdict", "show", "s6", "sums"),
        ("alert", "list"),
        ("gate", "status"),
        ("gate", "status", "s6"),
        ("waiver", "list"),
        ("policy", "check"),
        ("policy", "explain"),
        ("policy", "explain", "--run", "s6"),
        ("prior", "show"),
        ("ledger", "verify"),
    ],
)
def test_every_command_has_a_table_and_json(paused: Lab, words: tuple[str, ...]) -> None:
    code, text = run(paused, *words)
    assert code == 0, text
    assert text.strip()
    assert answer(paused, *words) is not None


@pytest.mark.parametrize(
    "words",
    [("series", "show", "lab/sums/nll"), ("forecast", "show", "lab/sums/nll"), ("verdict", "show", "s6", "sums")],
)
def test_show_draws_a_chart(paused: Lab, words: tuple[str, ...], tmp_path: Path) -> None:
    code, text = run(paused, *words, "--chart", str(tmp_path / "chart.png"))
    assert code == 0, text
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_a_forecast_says_what_it_is_worth_and_what_would_settle_it(paused: Lab) -> None:
    released(paused, "s6")
    (nll,) = [one for one in answer(paused, "forecast", "list") if one["metric"]["name"] == "nll"]
    # s6 broke the trend: the forecast of s6 missed it, and what is sealed beyond s6 is not to be trusted.
    doubts = {doubt["name"]: doubt for doubt in nll["standing"]["doubts"]}
    assert nll["standing"]["status"] == "refused"
    assert "missed it by" in doubts["trend_unstable"]["sentence"]
    assert "trend_unstable" in run(paused, "forecast", "list")[1].replace("\n", "")
    _, text = run(paused, "forecast", "show", "lab/sums/nll", "--at", "1e24")
    assert "standing: refused" in text
    assert "to settle it: the last rung evaluated again" in " ".join(text.split())
    far = answer(paused, "forecast", "show", "lab/sums/acc", "--at", "1e40")["says"][0]
    assert {doubt["name"] for doubt in far["doubts"]} >= {"too_far"}


def test_a_series_is_shown_along_the_axis_its_forecast_was_made_on(lab: Lab) -> None:
    (lab.root / "catalogue.toml").write_text('[[family]]\nname = "lab"\naxis = "params"\ncompare_at = "any"\n')
    history = write_table(lab.root / "history.csv", [row for i in range(6) for row in rung(i)])
    assert answer(lab, "ingest", "--baseline", str(history))["sealed"] == 2
    assert answer(lab, "forecast", "show", "lab/sums/nll")["forecast"]["axis"] == "params"
    shown = answer(lab, "series", "show", "lab/sums/nll")
    assert (shown["axis"], shown["points"][-1]["x"]) == ("params", 32e6)


def test_an_alert_draws_what_its_worst_finding_speaks_of(paused: Lab, tmp_path: Path) -> None:
    alert = answer(paused, "alert", "list")[0]
    answer(paused, "alert", "show", alert["id"], "--chart", str(tmp_path / "alert.html"))
    assert "sums" in (tmp_path / "alert.html").read_text()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("series", "show", "nothing"), 2, "unknown"),
        (("series", "show", "sums"), 2, "ambiguous"),
        (("verdict", "show", "s6", "nothing"), 2, "nothing was judged"),
        (("gate", "status", "s99"), 2, "unknown"),
        (("alert", "show", "zzz"), 1, "no alert"),
        (("forecast", "show", "lab/sums/nll", "--at", "1"), 1, "beyond"),
        (("policy", "check", "no-such-policy"), 1, "no-such-policy"),
        (("ingest", "no-such-file"), 1, "no such file"),
        (("gate", "release", "s6", "--by", "x", "--reason", "y", "--evidence", "zzzzzzzz"), 1, "rests on evidence"),
    ],
)
def test_refusals_say_what_and_where(paused: Lab, words: tuple[str, ...], code: int, told: str) -> None:
    got, text = run(paused, *words)
    assert got == code, text
    assert told in text.replace("\n", " ").replace("│", " ")


def test_ask_without_settings_holds(tmp_path: Path) -> None:
    done = runner.invoke(app, ["gate", "ask", "s6", "--config", str(tmp_path / "none.toml")])
    assert done.exit_code == 10
    assert "no settings" in done.output


def test_a_quarantined_file_ends_ingest_with_1(paused: Lab) -> None:
    bad = paused.root / "bad.json"
    bad.write_text('{"results": ')
    code, text = run(paused, "ingest", str(bad))
    assert code == 1
    assert "bad.json" in text


def test_every_command_has_help_and_json() -> None:
    nouns = get_command(app).commands  # type: ignore[attr-defined]
    verbs = [
        (noun, verb, c) for noun, group in nouns.items() for verb, c in getattr(group, "commands", {"": group}).items()
    ]
    assert len(verbs) > 15
    for noun, verb, command in verbs:
        assert command.help, (noun, verb)
        options = [option for parameter in command.params for option in parameter.opts]
        assert "--json" in options, (noun, verb)


def test_an_internal_error_ends_with_3_and_opens_nothing(paused: Lab) -> None:
    """A bug in our own code must not look like GO to `&&`."""
    script = (
        "import sys, monitor.gate as g, monitor.faces.cli as c\n"
        "def bug(*a): raise ZeroDivisionError\n"
        f"g.ask = bug; sys.argv = ['holdpoint', 'gate', 'ask', 's6', '--config', {str(paused.config)!r}]; c.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "internal error" in done.stderr


def test_no_diagnosis_stands_without_metric_family_and_sizes(paused: Lab) -> None:
    """And the figures of the literature stand beside it, never alone."""
    code, text = run(paused, "verdict", "show", "lab/s6", "sums")
    words = " ".join(text.split())
    assert code == 0
    assert "(nll and acc of lab, s6 after 6 rungs): s6: sums · nll is above its forecast" in words
    assert "sums · nll (continuous) of lab at 7 sizes, s0 to s6: gain " in words
    told = answer(paused, "verdict", "show", "lab/s6", "sums")["emergence"]
    assert {(each["family"], each["metric"], len(each["sizes"])) for each in told} == {
        ("lab", "nll", 7),
        ("lab", "acc", 7),
    }
    shown = answer(paused, "series", "show", "lab/sums/acc")["emergence"]
    assert shown["sizes"] == [f"s{i}" for i in range(7)]
    assert shown == next(each for each in told if each["metric"] == "acc")
    listed = run(paused, "verdict", "list")[1]
    assert "lab/s6" in listed
    assert "nll (6 rungs)" in " ".join(listed.replace("│", " ").split())


def test_a_composition_is_shown_with_its_parts(lab: Lab) -> None:
    catalogue = lab.root / "catalogue.toml"
    catalogue.write_text(catalogue.read_text() + '[[composition]]\ntask = "sums"\nparts = ["digit"]\nsteps = 3\n')
    whole, parts = [rung(i) for i in range(7)], [rung(i, task="digit", acc=0.68 + 0.035 * i) for i in range(7)]
    lab.baseline([row for i in range(6) for row in (*whole[i], *parts[i])])
    lab.arrive([*whole[6], *parts[6]], "s6.csv")
    lab.cycle("scan")
    code, text = run(lab, "verdict", "show", "lab/s6", "sums")
    words = " ".join(text.split())
    assert code == 0
    assert "sums = digit^3" in words
    assert "its parts give 0.705 when independent" in words
    assert "foreseen from its parts" in words
    steps = run(lab, "series", "show", "lab/sums/acc")[1]
    assert "one of 3 steps" in steps


@pytest.mark.parametrize(
    "words",
    [("checkpoint", "list"), ("series", "list"), ("series", "doctor"), ("forecast", "list"), ("catalogue", "check")],
)
def test_a_family_that_nobody_knows_is_no_empty_table(ladder: Lab, words: tuple[str, ...]) -> None:
    assert run(ladder, *words, "--family", "lab")[0] == 0
    for name, hint in (("labs", "did you mean 'lab'?"), ("zz", "known are lab")):
        code, text = run(ladder, *words, "--family", name)
        assert (code, hint in " ".join(text.replace("│", " ").split())) == (2, True), text
