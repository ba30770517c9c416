"""Evidence bundles: every kind of decision is made again from one file, without the store."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from asking import answer, run, runner
from bundling import bundled, manifest_of, rows_of
from item_logs import ItemLab, answers
from lab import Lab, rung
from lives import busy

from checkpoints_db.errors import BadBundle, BundleError, HoldpointError
from checkpoints_db.ledger import Pin
from checkpoints_db.records import Answer
from checkpoints_db.signing import SigningKey
from monitor.bundle import PARTS, Report, verify
from monitor.bundle.packing import LEDGER
from monitor.faces.cli import app
from monitor.review import Desk

DRAWN = {"chart"}
"""What `verify` leaves open without anything to draw with."""


def same(report: Report) -> bool:
    """Whether everything but the chart was made again."""
    assert tuple(part.name for part in report.parts) == PARTS
    wrong = [part for part in report.parts if part.status != "verified" and part.name not in DRAWN]
    assert not wrong, wrong
    return True


@pytest.fixture
def paused(ladder: Lab) -> Lab:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.PAUSE
    return ladder


def on_trend(lab: Lab) -> None:
    lab.arrive(rung(6), "s6.csv")
    lab.cycle()


def warned(lab: Lab) -> None:
    lab.policy.write_text(lab.policy.read_text().replace('level = "soft"', 'level = "advisory"'))
    lab.arrive(rung(6, loss=1.0), "s6.csv")
    lab.cycle()


def half(lab: Lab) -> None:
    lab.arrive(rung(6)[:1], "s6.csv")
    lab.cycle()


def broken(lab: Lab) -> None:
    lab.arrive(rung(6, loss=1.0), "s6.csv")
    lab.cycle()


def released(lab: Lab) -> None:
    broken(lab)
    with lab.store() as store:
        for who in ("ann", "bea"):
            seen = store.actions.gate("lab", "s6")
            assert seen is not None
            lab.desk(store).release("lab", "s6", by=who, reason="seen", evidence=seen.evidence)


def waived(lab: Lab) -> None:
    broken(lab)
    excused(lab)


def missed(lab: Lab) -> None:
    half(lab)
    excused(lab)


def excused(lab: Lab) -> None:
    with lab.store() as store:
        found = [f for f in store.judgements.decisions("lab", "s6")[-1].findings if f.effect.rank >= 2]
        for each in found:
            if each.kind != "house":
                until = lab.later(hours=20)
                desk = lab.desk(store)
                desk.waive("lab", "s6", each.rule, each.subject, by="ann", reason="seen", until=until)


def glass(lab: Lab) -> None:
    broken(lab)
    with lab.store() as store:
        desk = lab.desk(store)
        Desk(store, desk.catalogue, desk.policy, lab.clock.now(), everybody=("log",)).break_glass(
            "lab", "s6", by="cem", reason="power cut"
        )


LIVES: list[tuple[Callable[[Lab], None], Answer]] = [
    (on_trend, Answer.GO),
    (warned, Answer.WARN),
    (half, Answer.HOLD),
    (broken, Answer.PAUSE),
    (released, Answer.GO),
    (waived, Answer.PAUSE),  # its latch waits for a release
    (missed, Answer.GO),
    (glass, Answer.WARN),
]


@pytest.mark.parametrize(("life", "says"), LIVES, ids=lambda each: getattr(each, "__name__", ""))
def test_every_kind_of_decision_is_made_again(
    ladder: Lab, tmp_path: Path, life: Callable[[Lab], None], says: Answer
) -> None:
    life(ladder)
    path = bundled(ladder, "lab/s6", tmp_path / "s6.bundle")
    report = verify(path)
    assert same(report)
    assert (report.answer, report.family, report.run) == (says, "lab", "s6")
    assert not report.verified  # the chart was left open, and what is open is not called verified
    assert report.part("chart").status == "unproven"


def test_people_are_in_it(ladder: Lab, tmp_path: Path) -> None:
    released(ladder)
    report = verify(bundled(ladder, "s6", tmp_path / "s6.bundle"))
    assert "2 votes" in report.part("reviews").sentence
    assert "2 earlier decisions" in report.part("history").sentence


def test_a_busy_store_with_items_links_and_conflicts(tmp_path: Path) -> None:
    lab = busy(tmp_path / "lab")
    with lab.store() as store:
        runs = ["/".join(place) for place in store.evidence.runs() if store.actions.gate(*place)]
        alerts = [alert.id for alert in store.actions.alerts() if alert.decision]
    assert len(runs) > 3
    for name in (*runs, *alerts):
        assert same(verify(bundled(lab, name, tmp_path / "one.bundle"))), name


def test_items_come_with_it_and_are_needed(tmp_path: Path) -> None:
    lab = ItemLab(tmp_path / "lab")
    lab.comes(6, *answers(6))
    path = bundled(lab, "lab/i6", tmp_path / "i6.bundle")
    assert len([name for name in zipfile.ZipFile(path).namelist() if name.startswith("items/")]) == 7
    assert same(verify(path))


def test_policies_that_change_and_votes_that_are_signed(ladder: Lab, tmp_path: Path) -> None:
    keys = {name: SigningKey.from_seed(bytes([i]) * 32) for i, name in enumerate(("ann", "bea"))}
    named = "".join(f'{name} = ["{key.public}"]\n' for name, key in keys.items())
    text = ladder.policy.read_text()
    ladder.policy.write_text(f"{text}\n[principals]\n{named}")
    broken(ladder)
    with ladder.store() as store:
        for who, key in keys.items():
            desk = ladder.desk(store)
            seen = store.actions.gate("lab", "s6")
            assert seen is not None
            Desk(store, desk.catalogue, desk.policy, desk.at, key=key).release(
                "lab", "s6", by=who, reason="seen", evidence=seen.evidence
            )
    ladder.policy.write_text(ladder.policy.read_text().replace("tail = 0.01", "tail = 0.02"))
    ladder.cycle()
    report = verify(bundled(ladder, "s6", tmp_path / "s6.bundle"))
    assert same(report)
    assert "2 of them signed" in report.part("reviews").sentence


@pytest.mark.parametrize("include", ["terms.toml", "below/terms.toml", "default"])
def test_policies_that_include_others(ladder: Lab, tmp_path: Path, include: str) -> None:
    if include.endswith(".toml"):
        (ladder.root / include).parent.mkdir(exist_ok=True)
        (ladder.root / include).write_text(ladder.policy.read_text())
    ladder.policy.write_text(f'include = ["{include}"]\n')
    broken(ladder)
    assert same(verify(bundled(ladder, "s6", tmp_path / "s6.bundle")))


def test_whoever_waits_is_told(paused: Lab, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    path = bundled(paused, "s6", tmp_path / "s6.bundle", tell=lambda *words: told.append(words))
    verify(path, tell=lambda *words: told.append(words))
    rows = len(rows_of(path))
    assert [what for what, done, of in told if done == of == rows] == [
        "verifying",
        "writing",
        "reading rows",
        "letting them happen again",
    ]


def test_the_same_decision_is_the_same_file(paused: Lab, tmp_path: Path) -> None:
    one, other = (bundled(paused, "s6", tmp_path / name).read_bytes() for name in ("a", "b"))
    assert one == other


def test_each_line_is_what_was_hashed(paused: Lab, tmp_path: Path) -> None:
    path = bundled(paused, "s6", tmp_path / "s6.bundle")
    with paused.store() as store:
        assert len(rows_of(path)) == store.ledger.head[0]
        assert zipfile.ZipFile(path).read(LEDGER).endswith(b"\n")


def test_pins(paused: Lab, tmp_path: Path) -> None:
    with paused.store() as store:
        decision = max(moment.seq for moment in store.judgements.moments("lab"))
        head, (early, late) = store.ledger.head, (store.ledger.entry(seq) for seq in (decision - 1, decision))
    pins = [Pin(seq=each.seq, sha256=each.sha256) for each in (early, late)]
    path = bundled(paused, "s6", tmp_path / "s6.bundle", pins=pins)
    assert [Pin.model_validate(pin) for pin in manifest_of(path)["pins"]] == pins
    held = verify(path, pins=pins).part("ledger")
    assert (held.status, "pinned elsewhere" in held.sentence) == ("verified", True)
    for pin in (pins[0], Pin(seq=head[0] + 1, sha256="a" * 64)):
        assert verify(path, pins=[pin]).part("ledger").status == "unproven"
    report = verify(path, pins=[Pin(seq=late.seq, sha256="a" * 64)])
    assert report.part("ledger").status == "differs"
    assert {part.status for part in report.parts if part.name != "ledger"} == {"unproven"}


def test_what_there_is_no_bundle_of(ladder: Lab, tmp_path: Path) -> None:
    (ladder.inbox / "broken.csv").write_text("family,run\nlab")
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    with ladder.store() as store:
        quarantine = next(alert.id for alert in store.actions.alerts() if not alert.decision)
    for name, why in (
        (quarantine, "no decision"),
        ("nobody", "no alert and no run"),
        ("lab/s3", "nothing was decided"),
    ):
        with pytest.raises(BundleError, match=why):
            bundled(ladder, name, tmp_path / "none.bundle")
    (tmp_path / "file").write_text("x")
    for where in ("nowhere/s6.bundle", "file/s6.bundle", "lab"):
        with pytest.raises(BadBundle, match="cannot be written"):
            bundled(ladder, "lab/s6", tmp_path / where)
    assert not list(tmp_path.rglob("*.bundle*"))
    with pytest.raises(BadBundle, match="cannot be read"):
        verify(tmp_path / "nowhere")


def test_on_the_command_line(paused: Lab, tmp_path: Path) -> None:
    out, pins = tmp_path / "out.bundle", tmp_path / "pins.jsonl"
    answer(paused, "ledger", "pin", str(pins))
    alert = answer(paused, "alert", "list")[0]["id"]
    made = answer(paused, "bundle", "make", alert, "--out", str(out), "--pin", str(pins))
    assert (made["answer"], made["alert"], made["file"]) == ("PAUSE", alert, str(out))
    code, text = verified_by(out, "--pin", str(pins), "--json")
    assert code == 0, text
    said = json.loads(text)
    assert said["verified"]
    assert {part["status"] for part in said["parts"]} == {"verified"}
    assert verified_by(out)[0] == 0
    out.write_bytes(out.read_bytes()[:-1])
    code, text = verified_by(out)
    assert code == 1
    assert "ask for the file again" in text
    assert run(paused, "bundle", "make", "nobody")[0] == 1


def verified_by(path: Path, *words: str) -> tuple[int, str]:
    """`holdpoint bundle verify`, which has no settings."""
    done = runner.invoke(app, ["bundle", "verify", str(path), *words])
    if isinstance(done.exception, HoldpointError):
        return 1, str(done.exception)
    return done.exit_code, done.output
