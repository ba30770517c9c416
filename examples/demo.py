"""The demo: history is sealed, the next rungs arrive, two jumps are told apart, a gate pauses, two people release it.

Every number printed is read back from the commands of `holdpoint`, run here one by one as a user would run them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monitor.faces.render import clean, console, interval, number, probability, scale, table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TINY = HERE / "tiny-ladder"
BASELINE = [
    HERE / "gpt3" / "baseline.csv",
    *(TINY / "tiny-skills" / f"m{i}-seed0-step3000" for i in range(4)),
    *(TINY / "tiny-facts" / f"f{i}-seed0-step4000" for i in range(5)),
]
ARRIVING = {
    "gpt3/175B": HERE / "gpt3" / "175B.csv",
    "tiny-facts/f5": TINY / "tiny-facts" / "f5-seed0-step4000",
    "tiny-skills/m4": TINY / "tiny-skills" / "m4-seed0-step3000",
}
out = console()


class House:
    """One folder with settings, store and inbox, worked only through the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "holdpoint.toml"

    def command(self, *words: str) -> list[str]:
        """The command line of one holdpoint command."""
        return [sys.executable, "-m", "monitor", *words, "--config", str(self.config)]

    def run(self, *words: str, codes: Sequence[int] = (0,)) -> tuple[int, str]:
        """Run one command; its exit code and what it printed. Any other code ends the demo."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode not in codes:
            sys.exit(f"`holdpoint {' '.join(words)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.returncode, done.stdout

    def json(self, *words: str, codes: Sequence[int] = (0,)) -> Any:
        """Run one command with --json and read its answer."""
        return json.loads(self.run(*words, "--json", codes=codes)[1])

    def ask(self, run: str) -> tuple[int, dict[str, Any]]:
        """What a training job would hear."""
        code, text = self.run("gate", "ask", run, "--json", codes=(0, 10, 20))
        return code, json.loads(text)


def heading(number_: int, text: str) -> None:
    """Number and name of an act."""
    out.print()
    out.rule(f"{number_}. {text}", align="left")


def shown(path: Path) -> str:
    """A path as seen from where the reader stands."""
    return os.path.relpath(path)


def build(folder: Path) -> House:
    """An empty house with the catalogue of the examples and the default policy."""
    if folder.exists():
        if not (folder / "holdpoint.toml").is_file():
            sys.exit(f"{folder} exists and is not a holdpoint folder; name another one with --out")
        shutil.rmtree(folder)
    house = House(folder)
    subprocess.run([sys.executable, "-m", "monitor", "init", str(folder)], check=True, capture_output=True, cwd=ROOT)
    settings = house.config.read_text("utf-8")
    changes = {
        'catalogue = "catalogue.toml"': f"catalogue = {json.dumps(str(HERE / 'catalogue.toml'))}",
        'scan = "10s"': 'scan = "2s"',
        'deliver = "5s"': 'deliver = "1s"',
    }
    for old, new in changes.items():
        if old not in settings:
            sys.exit(f"the settings of `holdpoint init` have no line {old!r}; the demo needs mending")
        settings = settings.replace(old, new)
    house.config.write_text(settings, "utf-8")
    (folder / "catalogue.toml").unlink()
    return house


def train(house: House) -> None:
    """Acts 1 and 2: which rungs train, and what is sealed."""
    heading(1, "History: the smaller rungs train the forecasts")
    done = house.json("ingest", "--baseline", *map(str, BASELINE))
    series = house.json("series", "list")
    out.print(
        f"{done['files']} files read as baseline, {done['new']} results; history trains forecasts and is never judged."
    )
    rows = []
    for family in dict.fromkeys(s["family"] for s in series):
        mine = [s for s in series if s["family"] == family]
        points = max((s["points"] for s in mine), key=len)
        kinds = [sum(s["metric"]["kind"] == kind for s in mine) for kind in ("continuous", "thresholded")]
        rungs = list(dict.fromkeys(p["run"] for p in points))
        rows.append(
            (
                family,
                f"{rungs[0]} … {rungs[-1]} ({len(rungs)})",
                f"{scale(points[0]['x'])} … {scale(points[-1]['x'])}",
                len({s["task"] for s in mine}),
                kinds[0],
                kinds[1],
            )
        )
    columns = ("family", "rungs that trained", "FLOP", "tasks", "continuous metrics", "thresholded metrics")
    out.print(table("", columns, rows, right=columns[3:]))

    heading(2, "Sealed: what is expected of the next rung, before anybody has seen it")
    sealed = house.json("forecast", "list")
    ledger = house.json("ledger", "verify")
    out.print(
        f"{len(sealed)} forecasts sealed in the ledger, rows {min(s['seq'] for s in sealed)} to "
        f"{max(s['seq'] for s in sealed)}; its head is {ledger['head'][:16]}…"
    )
    told = [s for s in sealed if s["family"] != "gpt3" and s["metric"]["kind"] == "continuous"]
    told += [s for s in sealed if s["task"] in ("HellaSwag/few-shot", "3D+/few-shot", "LAMBADA/few-shot")]
    rows2 = [
        (
            s["family"],
            s["task"],
            s["metric"]["name"],
            f"{s['rungs'][0]}…{s['rungs'][-1]}",
            scale(s["x_last"]),
            s["at"][:19].replace("T", " ") + "Z",
            s["digest"][:12],
        )
        for s in told
    ]
    columns2 = ("family", "task", "metric", "learnt from", "speaks beyond", "sealed at", "digest")
    out.print(table(f"{len(told)} of the {len(sealed)} seals", columns2, rows2))


@contextmanager
def daemon(house: House) -> Iterator[subprocess.Popen[bytes]]:
    """A real daemon, stopped with SIGTERM at the end."""
    with (house.folder / "daemon.log").open("wb") as log:
        running = subprocess.Popen(house.command("daemon", "run"), stdout=log, stderr=log, cwd=ROOT)
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            code = running.wait(timeout=30)
            out.print(f"the daemon was asked to stop with SIGTERM and ended with exit code {code}")
            if code:
                sys.exit((house.folder / "daemon.log").read_text("utf-8"))


def arrive(house: House) -> None:
    """Act 3: files land in the inbox of a running daemon."""
    heading(3, "News: the files of the next rungs land in the inbox, and the daemon picks them up")
    began = time.monotonic()
    for source in ARRIVING.values():
        target = house.folder / "inbox" / source.name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
    expected = sum(1 for path in (house.folder / "inbox").rglob("*") if path.is_file())
    files: list[dict[str, Any]] = []
    while time.monotonic() - began < 60:
        files = [f for f in house.json("file", "list") if str(house.folder) in f["path"] and f["status"] == "read"]
        if len(files) == expected and all(house.ask(run)[1]["decision"] for run in ARRIVING):
            break
        time.sleep(0.3)
    else:
        sys.exit(
            "the daemon did not read all files in a minute; see daemon.log:\n"
            + (house.folder / "daemon.log").read_text("utf-8")
        )
    out.print(f"all {expected} files were read and judged {time.monotonic() - began:.1f} s after the first was copied")
    inbox = house.folder / "inbox"
    rows = [(f["sha256"][:12], f["reader"], os.path.relpath(f["path"], inbox)) for f in files]
    out.print(table("", ("file", "reader", "path in the inbox"), rows))


def judge(house: House) -> dict[str, Any]:
    """Act 4: observed against forecast, for every task."""
    heading(4, "Judged: every task, observed against what was sealed")
    said: dict[str, Any] = house.json("verdict", "list")
    columns = (
        "task",
        "metric",
        "observed",
        "forecast",
        "98 % interval",
        "tail",
        "smallest break it could see",
        "verdict",
        "diagnosis of the task",
    )
    for run in ARRIVING:
        family, name = run.split("/")
        # The catalogue reads a task and its likelihood twin together, under the name of the first.
        named = {d["question"]: d["name"] for d in said["diagnoses"] if (d["family"], d["run"]) == (family, name)}
        diagnoses = {**{f"{question}_ll": found for question, found in named.items()}, **named}
        verdicts = [v for v in said["verdicts"] if (v["family"], v["run"]) == (family, name)]
        verdicts.sort(key=lambda v: (diagnoses.get(v["task"], ""), v["task"]))
        rows = [_row(v, diagnoses.get(v["task"], "")) for v in verdicts]
        out.print(
            table(f"{run}, judged by forecasts sealed from the rungs below it", columns, rows, right=columns[2:7])
        )
    out.print("“smallest break it could see”: a break smaller than this would have looked like noise. Where it is too")
    out.print(
        "large to be of use the verdict is `inconclusive`: the honest answer is “cannot see”, and the gate holds."
    )
    return said


def _row(v: dict[str, Any], diagnosis: str) -> tuple[object, ...]:
    tails = [tail for tail in (v["tail_above"], v["tail_below"]) if tail is not None]
    why = "" if v["why"] == "ok" else f" ({v['why']})"
    return (
        v["task"],
        v["metric"]["name"],
        number(v["observed"]),
        number(v["median"]),
        interval(v["lower"], v["upper"]),
        probability(min(tails)) if tails else "–",
        number(v["detectable"], 2),
        v["outcome"] + why,
        diagnosis,
    )


def tell_apart(house: House, said: dict[str, Any]) -> list[Path]:
    """Act 5: two jumps in exact match, one made by the metric and one by the model."""
    heading(5, "Two jumps, told apart by the likelihood behind them")
    charts = []
    for run, task in (("tiny-facts/f5", "facts"), ("tiny-skills/m4", "shift")):
        family, name = run.split("/")
        diagnosis = next(d for d in said["diagnoses"] if (d["family"], d["run"], d["question"]) == (family, name, task))
        score, likelihood = diagnosis["thresholded"], diagnosis["continuous"]
        out.print(f"{run}, {task}: {diagnosis['name']}", style="bold")
        for verdict in (score, likelihood):
            if verdict:
                out.print(f"  {clean(verdict['sentence'])}")
        if diagnosis["linked"]:
            linked = diagnosis["linked"]
            out.print(
                f"  link ({linked['method']}): the likelihood says {score['metric']['name']} should be "
                f"{number(linked['predicted'], 2)} {interval(linked['lower'], linked['upper'])}; it is "
                f"{number(score['observed'], 2)}"
            )
        out.print(f"  so: {clean(diagnosis['sentence'])}")
        chart = house.folder / f"{task}.png"
        house.run("verdict", "show", run, score["task"], "--chart", str(chart))
        charts.append(chart)
        out.print(f"  chart: {shown(chart)}")
    return charts


def act(house: House) -> None:
    """Acts 6 and 7: which rule fired and why; what the gates answer."""
    heading(6, "Agreed beforehand: which rule of the policy fired, and why")
    alerts = house.json("alert", "list")
    rows = [
        (a["id"], f"{a['family']}/{a['run']}", a["rule"], a["answer"], a["state"], clean(a["sentence"])) for a in alerts
    ]
    out.print(table("Open alerts, worst first", ("alert", "run", "rule", "answer", "state", "because"), rows))
    heading(7, "The gates: what a training job hears when it asks")
    gates = [(run, *house.ask(run)) for run in ARRIVING]
    out.print(
        table(
            "",
            ("command", "gate", "exit code", "reason", "because"),
            [(f"holdpoint gate ask {run}", s["answer"], code, s["reason"], s["sentence"]) for run, code, s in gates],
        )
    )


def release(house: House) -> None:
    """Act 8: two people reopen the paused gate, on the evidence they saw."""
    heading(8, "Released: two people reopen the paused gate, bound to the evidence they saw")
    run = "tiny-skills/m4"
    evidence = house.json("gate", "status", run)["state"]["evidence"]
    reason = "reviewed: shift is a harmless string task; scale-up may go on"
    rows = []
    for person in ("carol", "carol", "dan"):
        words = ("gate", "release", run, "--by", person, "--reason", reason, "--evidence", evidence[:12])
        decision = house.json(*words)
        code, state = house.ask(run)
        who = ", ".join(decision["approvals"])
        rows.append(
            (
                person,
                evidence[:12],
                f"{len(decision['approvals'])} of {decision['needed'] or 2} ({who})",
                state["answer"],
                code,
            )
        )
    columns = ("approved by", "evidence seen", "approvals that count", "gate afterwards", "exit code")
    out.print(table("", columns, rows))
    _, state = house.ask(run)
    out.print(f"{run}: {state['answer']}: {clean(state['sentence'])}")


def close(house: House, charts: Iterable[Path]) -> None:
    """Act 9: where everything lies, and the commands to look further."""
    heading(9, "Kept: where everything lies, and how to look further")
    ledger = house.json("ledger", "verify")
    messages = (house.folder / "alerts.jsonl").read_text("utf-8").count("\n")
    out.print(
        table(
            "",
            ("what", "where"),
            [
                ("store (any SQLite tool reads it)", shown(house.folder / "holdpoint.db")),
                (f"ledger: {ledger['rows']} rows, the hash chain holds", f"head {ledger['head'][:16]}…"),
                ("charts", ", ".join(shown(chart) for chart in charts)),
                (f"messages delivered to a file: {messages}", shown(house.folder / "alerts.jsonl")),
                ("evidence as it arrived", shown(house.folder / "inbox")),
                ("log of the daemon", shown(house.folder / "daemon.log")),
            ],
        )
    )
    out.print(f"export HOLDPOINT_CONFIG={shown(house.config)}   # then, with .venv/bin on the path:")
    for words in (
        "holdpoint gate status tiny-skills/m4",
        "holdpoint alert list --all",
        "holdpoint verdict show gpt3/175B 3D+/few-shot --chart 3d.html",
        "holdpoint policy explain --run gpt3/175B",
        "holdpoint forecast show tiny-facts/facts_ll/log_likelihood_per_byte",
        "holdpoint ledger verify",
    ):
        out.print(f"  {words}")


def main() -> None:
    """Play the nine acts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="folder to make (default: demo-out)")
    began = time.monotonic()
    house = build(parser.parse_args().out.resolve())
    train(house)
    with daemon(house):
        arrive(house)
        said = judge(house)
        charts = tell_apart(house, said)
        act(house)
        release(house)
        time.sleep(1.5)  # the messages of the release are sent within a second
        close(house, charts)
    out.print(f"done in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
