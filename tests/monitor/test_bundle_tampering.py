"""Bundles that somebody touched: slips die at the seal, and forgeries with fresh digests at what is made again."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from bundling import RawRow, bundled, forged, manifest_of, repacked, row_of, rows_of, zipped
from item_logs import ItemLab, answers
from lab import Lab, rung

from checkpoints_db.errors import BadBundle
from checkpoints_db.ledger import Pin
from checkpoints_db.records import canonical, digest_of
from checkpoints_db.signing import SigningKey
from monitor.bundle import Drawing, Report, packing, verify
from monitor.review import Desk

Change = Callable[[list[RawRow]], object]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, built: Lab) -> Path:
    """The bundle of a run that paused; another run beside it may go on."""
    root = tmp_path_factory.mktemp("made")
    lab = built.copy(root / "lab")
    lab.arrive(rung(6, loss=1.0), "s6.csv")
    lab.arrive(rung(7), "s7.csv")
    lab.cycle()
    return bundled(lab, "lab/s6", root / "s6.bundle", draw=lambda *_: Drawing(b"<svg/>", "a pencil"))


def accepted(path: Path) -> bool:
    """Whether a verifier takes it as the whole truth."""
    try:
        return verify(path, draw=lambda *_: Drawing(b"<svg/>", "a pencil")).verified
    except BadBundle:
        return False


def differing(report: Report) -> set[str]:
    return {part.name for part in report.parts if part.status == "differs"}


def test_as_it_was_made_it_is_verified(made: Path, tmp_path: Path) -> None:
    assert accepted(made)
    again = forged(made, tmp_path / "again.bundle")  # what `forged` computes anew is what was there
    assert again.read_bytes() == made.read_bytes()


def test_ten_thousand_mutations_and_none_is_accepted(made: Path, tmp_path: Path) -> None:
    rng = random.Random(11)  # noqa: S311 - no secret
    whole, path = made.read_bytes(), tmp_path / "m.bundle"
    rows = zipfile.ZipFile(made).read(packing.LEDGER).splitlines()
    accepted_ones = []
    path.touch()
    for i in range(9640):
        _overwrite(path, _bytes_mutated(rng, whole))
        accepted_ones += [i] if accepted(path) else []
    for i in range(320):  # a field of a row, under a fresh seal
        lines = list(rows)
        at = rng.randrange(len(lines))
        lines[at] = _bytes_mutated(rng, lines[at])
        repacked(made, path, manifest_of(made), lines)
        accepted_ones += [10_000 + i] if accepted(path) else []
    for i in range(40):  # a field of the manifest, under a fresh seal
        said = manifest_of(made)
        _field_mutated(rng, said)
        repacked(made, path, said, rows)
        accepted_ones += [20_000 + i] if accepted(path) else []
    assert not accepted_ones


def _overwrite(path: Path, body: bytes) -> None:
    """In place: a file system may take its time over each new one."""
    with path.open("r+b") as stream:
        stream.write(body)
        stream.truncate()


def _bytes_mutated(rng: random.Random, whole: bytes) -> bytes:
    """Other bytes: one flipped, some replaced, left out, doubled, exchanged, or the end cut off."""
    at, upto = sorted((rng.randrange(len(whole)), rng.randrange(len(whole))))
    some = whole[at : at + rng.randint(1, 8)]
    made = rng.choice(
        [
            whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :],
            whole[:at] + rng.randbytes(rng.randint(1, 8)) + whole[at + 8 :],
            whole[:at] + whole[at + len(some) :],
            whole[:at] + some + whole[at:],
            whole[:at] + whole[upto : upto + 4] + whole[at + 4 : upto] + whole[at : at + 4] + whole[upto + 4 :],
            whole[:at],
        ]
    )
    return made if made != whole else whole[:-1]


def _field_mutated(rng: random.Random, said: dict[str, Any]) -> None:
    name = rng.choice(sorted(said))
    value = said[name]
    if isinstance(value, int):
        said[name] = value + rng.choice([-3, -2, -1, 1, 2, 3])
    elif isinstance(value, dict):
        value["seq"] += 1
    elif isinstance(value, list):
        value.append({"seq": rng.randint(1, 40), "sha256": f"{rng.getrandbits(256):064x}", "at": None})
    else:
        said[name] = value[:-1] + ("0" if value[-1:] != "0" else "1")


# -- forged with every digest computed anew ---------------------------------------------------------------------------


def change_decision(rows: list[RawRow]) -> None:
    """PAUSE becomes GO, in the decision and at the gate."""
    body = row_of(rows, "decision", run="s6")["body"]
    body |= {"answer": "GO", "reason": "ok", "findings": [], "sentence": "all rules pass"}


def change_result(rows: list[RawRow]) -> None:
    result = next(row for row in rows if row["kind"] == "result" and row["body"]["result"]["checkpoint"]["run"] == "s6")
    result["body"]["result"]["value"] = 1.79


def change_history(rows: list[RawRow]) -> None:
    result = next(row for row in rows if row["kind"] == "result" and row["body"]["result"]["checkpoint"]["run"] == "s2")
    result["body"]["result"]["value"] += 0.01


def change_seal(rows: list[RawRow]) -> None:
    for row in rows:
        if row["kind"] == "seal":
            row["body"]["target_variance"] = row["body"]["target_variance"] * 100 + 1.0


def change_verdict(rows: list[RawRow]) -> None:
    row_of(rows, "verdict", run="s6", outcome="above")["body"]["outcome"] = "expected"


def change_tail(rows: list[RawRow]) -> None:
    row_of(rows, "verdict", run="s6", outcome="above")["body"]["tail_above"] = 0.4


def change_diagnosis(rows: list[RawRow]) -> None:
    row_of(rows, "diagnosis", run="s6")["body"]["name"] = "on_trend"


def drop_verdict(rows: list[RawRow]) -> None:
    rows.remove(row_of(rows, "verdict", run="s6", outcome="above"))


def loosen_policy(rows: list[RawRow]) -> None:
    for row in rows:
        if row["kind"] == "policy":
            row["body"]["terms"]["judging"]["tail"] = 1e-9


def change_text(rows: list[RawRow]) -> None:
    files = row_of(rows, "policy_text")["body"]["files"]
    files[0]["text"] = files[0]["text"].replace("tail = 0.01", "tail = 0.02")


def change_gate(rows: list[RawRow]) -> None:
    next(r for r in rows if r["kind"] == "gate" and r["subject"] == "lab/s6")["body"]["state"]["answer"] = "GO"


def lose_latch(rows: list[RawRow]) -> None:
    next(r for r in rows if r["kind"] == "gate" and r["subject"] == "lab/s6")["body"]["latch"] = None


def backdate_catalogue(rows: list[RawRow]) -> None:
    for row in rows:
        if row["kind"] == "catalogue":
            row["body"]["together"] = [{"tasks": ["other", "sums"]}]
            row["subject"] = digest_of(row["body"])[:12]


def change_catalogue(rows: list[RawRow]) -> None:
    row_of(rows, "catalogue")["body"]["families"] = []


FORGERIES: list[tuple[Change, str]] = [
    (change_decision, "decision"),
    (change_result, "verdict"),
    (change_history, "case"),
    (change_seal, "forecast"),
    (change_verdict, "verdict"),
    (change_tail, "forecast"),
    (change_diagnosis, "diagnosis"),
    (drop_verdict, "verdict"),
    (loosen_policy, "policy"),
    (change_text, "policy"),
    (change_gate, "decision"),
    (lose_latch, "decision"),
    (backdate_catalogue, "case"),
    (change_catalogue, "case"),
]


@pytest.mark.parametrize(("change", "named"), FORGERIES, ids=lambda each: getattr(each, "__name__", each))
def test_a_forgery_with_fresh_digests_names_the_part(made: Path, tmp_path: Path, change: Change, named: str) -> None:
    path = forged(made, tmp_path / "forged.bundle", change)
    assert path.read_bytes() != made.read_bytes()
    report = verify(path, draw=lambda *_: Drawing(b"<svg/>", "a pencil"))
    assert not report.verified
    assert named in differing(report), report.parts
    assert report.part("ledger").status == "verified"  # nothing but what is made again shows it, or a pin


def test_a_forgery_does_not_keep_a_pin(made: Path, tmp_path: Path) -> None:
    pin = Pin.model_validate(manifest_of(made)["head"])
    for i, (change, _) in enumerate(FORGERIES):
        report = verify(forged(made, tmp_path / f"{i}.bundle", change), pins=[pin])
        assert report.part("ledger").status != "verified"


def test_another_runs_decision_swapped_in(made: Path, tmp_path: Path) -> None:
    other = next(r for r in rows_of(made) if r["kind"] == "decision" and r["body"]["run"] == "s7")
    rows = zipfile.ZipFile(made).read(packing.LEDGER).splitlines()
    said = manifest_of(made)
    repacked(made, tmp_path / "swapped", {**said, "seq": other["seq"]}, rows)
    assert "is not decision" in verify(tmp_path / "swapped").part("decision").sentence

    def swap(rows: list[RawRow]) -> None:
        mine, theirs = (row_of(rows, "decision", run=run) for run in ("s6", "s7"))
        mine["body"] = deepcopy(theirs["body"])

    report = verify(forged(made, tmp_path / "told", swap))
    assert report.part("decision").status == "differs"
    assert "is a decision on lab/s7, not on lab/s6" in report.part("decision").sentence

    def rename(rows: list[RawRow]) -> None:
        swap(rows)
        next(r for r in rows if r["seq"] == said["seq"])["body"]["run"] = "s6"

    report = verify(forged(made, tmp_path / "renamed", rename))
    assert report.part("decision").status == "differs"
    assert "was GO, now PAUSE" in report.part("decision").sentence


def test_a_newer_holdpoint_is_named(made: Path, tmp_path: Path) -> None:
    def newer(rows: list[RawRow]) -> None:
        row_of(rows, "decision", run="s6")["body"]["judgement_version"] = 99

    part = verify(forged(made, tmp_path / "newer", newer)).part("decision")
    assert (part.status, "newer holdpoint" in part.sentence) == ("unproven", True)
    assert "judgement version 99" in part.sentence

    def sealed(rows: list[RawRow]) -> None:
        for row in rows:
            if row["kind"] == "seal":
                row["body"]["code_version"] = "99.1.0"

    part = verify(forged(made, tmp_path / "sealed", sealed)).part("forecast")
    assert (part.status, "made by a newer holdpoint, 99.1.0" in part.sentence) == ("differs", True)
    said = {**manifest_of(made), "format": 2, "colour": "blue"}
    entries = [(packing.MANIFEST, canonical(said).encode()), (packing.LEDGER, b"")]
    with pytest.raises(BadBundle, match="newer holdpoint"):
        verify(zipped(tmp_path / "form", entries))


def test_a_chart_of_something_else(made: Path, tmp_path: Path) -> None:
    rows = zipfile.ZipFile(made).read(packing.LEDGER).splitlines()
    path = repacked(made, tmp_path / "chart", manifest_of(made), rows, chart=b"<svg>fine</svg>")
    assert differing(verify(path)) == {"chart"}
    other = verify(made, draw=lambda *_: Drawing(b"<svg>fine</svg>", "a pencil"))
    assert other.part("chart").status == "differs"
    newer = verify(made, draw=lambda *_: Drawing(b"<svg>fine</svg>", "a pen"))
    assert newer.part("chart").status == "unproven"
    assert not newer.verified


def test_items_that_are_missing_or_others(tmp_path: Path) -> None:
    lab = ItemLab(tmp_path / "lab")
    lab.comes(6, *answers(6))
    path = bundled(lab, "lab/i6", tmp_path / "i6.bundle")
    archive = zipfile.ZipFile(path)
    entries = [(name, archive.read(name)) for name in archive.namelist()]
    for at, (name, body) in enumerate(entries):
        if name.startswith(packing.ITEMS):
            left = verify(zipped(tmp_path / "less.bundle", [*entries[:at], *entries[at + 1 :]]))
            assert left.part("case").status != "verified", left.parts
            other = verify(zipped(tmp_path / "other", [*entries[:at], (name, body[:-1]), *entries[at + 1 :]]))
            assert "case" in differing(other)
    stranger = verify(zipped(tmp_path / "more.bundle", [*entries, (packing.ITEMS + "0" * 64, b"x")]))
    assert "of no row" in stranger.part("case").sentence


def test_a_signature_that_is_not_of_what_it_says(built: Lab, tmp_path: Path) -> None:
    lab, key = built.copy(tmp_path / "lab"), SigningKey.from_seed(bytes(32))
    lab.policy.write_text(f'{lab.policy.read_text()}\n[principals]\nann = ["{key.public}"]\n')
    lab.arrive(rung(6, loss=1.0), "s6.csv")
    lab.cycle()
    with lab.store() as store:
        desk, seen = lab.desk(store), store.actions.gate("lab", "s6")
        assert seen is not None
        Desk(store, desk.catalogue, desk.policy, desk.at, key=key).release(
            "lab", "s6", by="ann", reason="seen", evidence=seen.evidence
        )
    path = bundled(lab, "lab/s6", tmp_path / "s6.bundle")
    assert verify(path).part("reviews").status == "verified"

    def reworded(rows: list[RawRow]) -> None:
        row_of(rows, "review", kind="approval")["body"]["reason"] = "not seen"

    part = verify(forged(path, tmp_path / "forged", reworded)).part("reviews")
    assert (part.status, "ann" in part.sentence) == ("differs", True)


# -- files that are no bundles ----------------------------------------------------------------------------------------


def test_a_truncated_file_at_every_length(made: Path, tmp_path: Path) -> None:
    whole, path = made.read_bytes(), tmp_path / "cut.bundle"
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(BadBundle, match=r"ask for the file again|no evidence bundle"):
            verify(path)


@pytest.mark.parametrize(
    "strange",
    ["../../etc/cron.d/x", "/etc/passwd", "items/../x", "items/" + "A" * 64, "ledger.jsonl ", "chart.html", "C:\\x"],
)
def test_names_that_no_bundle_has(made: Path, tmp_path: Path, strange: str) -> None:
    archive = zipfile.ZipFile(made)
    entries = [(name, archive.read(name)) for name in archive.namelist()]
    with pytest.raises(BadBundle, match="is no evidence bundle: it holds"):
        verify(zipped(tmp_path / "strange.bundle", [*entries, (strange, b"x")]))
    assert not (tmp_path / "x").exists()


def test_what_inflates_beyond_measure(made: Path, tmp_path: Path) -> None:
    archive = zipfile.ZipFile(made)
    entries = [(name, archive.read(name)) for name in archive.namelist() if name != packing.LEDGER]
    bomb = zipped(tmp_path / "bomb.bundle", [*entries, (packing.LEDGER, b"0" * (64 << 20))])
    with pytest.raises(BadBundle, match="inflate beyond measure"):
        verify(bomb)


def test_an_entry_twice_and_one_too_few(made: Path, tmp_path: Path) -> None:
    archive = zipfile.ZipFile(made)
    entries = [(name, archive.read(name)) for name in archive.namelist()]
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped(tmp_path / "twice.bundle", [*entries, entries[1]])
    for path in (twice, zipped(tmp_path / "few.bundle", entries[:1])):
        with pytest.raises(BadBundle, match="is no evidence bundle"):
            verify(path)


def test_rows_that_are_no_rows(made: Path, tmp_path: Path) -> None:
    rows = zipfile.ZipFile(made).read(packing.LEDGER).splitlines()
    for i, line in enumerate((b"", b"[]", b"{}", b"null", b"[" * 100_000, rows[0] + b" ", rows[1])):
        report = verify(repacked(made, tmp_path / f"{i}.bundle", manifest_of(made), [line, *rows[1:]]))
        assert report.part("ledger").status == "differs"
        assert "row 1" in report.part("ledger").sentence


def test_bodies_that_are_no_bodies(made: Path, tmp_path: Path) -> None:
    for i, body in enumerate(([], None, "text", 1, {}, {"state": 1})):
        for kind in ("result", "seal", "verdict", "decision", "gate", "policy", "catalogue"):

            def change(rows: list[RawRow], kind: str = kind, body: Any = body) -> None:
                found = row_of(rows, kind)
                found["body"] = body

            assert not accepted(forged(made, tmp_path / f"{i}.bundle", change)), (kind, body)
