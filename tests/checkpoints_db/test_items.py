"""Items: what they hold of a log, how they are packed, sampled and stored, and that nobody can change them unseen."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zlib
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import item_logs
import numpy as np
import pytest
from item_logs import answers, write_log
from lives import changed

from checkpoints_db import Store, items
from checkpoints_db.errors import LedgerBroken
from checkpoints_db.items import ItemLog, Items
from checkpoints_db.readers import Readout, read
from monitor.items import ItemLadder, tallied
from monitor.science.link_items import exact_share

AT = datetime(2026, 11, 23, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data" / "readers"
TINY = Path(__file__).parents[2] / "examples" / "tiny-ladder"


def made(n: int = 50) -> Items:
    rng = np.random.default_rng(0)
    return Items.of(
        document=rng.integers(0, 2**63, n, dtype=np.uint64) * 2,
        doc_id=np.arange(n),
        ll=-rng.exponential(3, n),
        right=rng.integers(0, 2, n),
        length=np.full(n, 6),
    )


def items_in(readout: Readout) -> Items:
    (log,) = readout.items
    return Items.unpacked(log.data)


def acc_norm(row: dict[str, Any]) -> int:
    """As the harness has it: the choice of the largest likelihood a character, the delimiter not counted."""
    texts = [asked["arg_1"].removeprefix(" ") for asked in row["arguments"].values()]
    each = [float(pair[0]) / len(text) for pair, text in zip(row["filtered_resps"], texts, strict=True)]
    return int(each.index(max(each)) == int(row["target"]))


def test_what_is_packed_is_unpacked() -> None:
    one = made()
    again = Items.unpacked(one.packed())
    for name in ("document", "text", "doc_id", "ll", "log_share", "margin", "right", "right_norm", "length"):
        np.testing.assert_array_equal(getattr(again, name), getattr(one, name))
    assert (again.asked, again.sampled, len(again)) == (50, False, 50)
    assert len(one.packed()) < 50 * 30


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:20],
        lambda data: b"hpitems2" + data[8:],
        lambda data: data.replace(b'"n":50', b'"n":51'),
        lambda data: data.replace(b'"doc_id"', b'"doc_ix"'),
        lambda data: data[: data.index(b"}") + 1 + 8 * 50] + zlib.compress(b"x" * 10_000_000),
        lambda data: data + b"x",
    ],
)
def test_damaged_bytes_are_refused(damage: object) -> None:
    with pytest.raises(ValueError, match=r"items|bytes|columns|Expecting|incorrect|substring"):
        Items.unpacked(damage(made().packed()))  # type: ignore[operator]


def test_of_too_many_documents_every_rung_keeps_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "MOST", 100)
    rng = np.random.default_rng(1)
    documents = rng.permutation(np.arange(1000, dtype=np.uint64) * 2)
    one = Items.of(document=documents, doc_id=np.arange(1000))
    other = Items.of(document=documents[::-1], doc_id=np.arange(1000))
    assert (len(one), one.asked, one.sampled) == (100, 1000, True)
    assert set(one.document.tolist()) == set(other.document.tolist())
    assert np.all(np.diff(one.doc_id) > 0)


def test_multiple_choice_is_reproduced_to_the_digit() -> None:
    path = next((DATA / "lm_eval_0_4_13").glob("samples_colors_*.jsonl"))
    found = items_in(read(path))
    rows = sorted((json.loads(line) for line in path.read_text("utf-8").splitlines()), key=lambda r: r["doc_id"])
    assert found.doc_id.tolist() == [row["doc_id"] for row in rows]
    assert found.right.tolist() == [row["acc"] for row in rows]
    assert found.right_norm.tolist() == [acc_norm(row) for row in rows]
    assert exact_share(found.right) == np.mean([row["acc"] for row in rows])
    assert np.all(found.log_share <= 0)


def test_of_several_right_choices_no_share_is_kept(tmp_path: Path) -> None:
    shutil.copytree(DATA / "lm_eval_0_4_13", tmp_path / "run")
    path = next((tmp_path / "run").glob("samples_colors_*.jsonl"))
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    likely = [max(range(len(r["filtered_resps"])), key=lambda i, r=r: float(r["filtered_resps"][i][0])) for r in rows]
    other = (likely[0] + 1) % len(rows[0]["filtered_resps"])
    rows[0] |= {"target": f"[{likely[0]}, {other}]", "acc": 1}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    found = items_in(read(path))
    first = found.doc_id == rows[0]["doc_id"]
    assert np.isnan(found.log_share[first]).all()
    assert not np.isnan(found.log_share[~first]).any()
    assert not np.isnan(found.ll).any()
    # Without it nothing says which of them was the likeliest, so there is no link either.
    assert tallied(ItemLadder("colors", found, (("lab/a", found),))) is None


def test_every_rung_of_tiny_ladder_is_reproduced_to_the_digit() -> None:
    seen = 0
    for path in sorted(TINY.glob("tiny-*/*/samples_*_ll_*.jsonl")):
        body = json.loads(next(path.parent.glob("results_*.json")).read_text("utf-8"))
        task = path.name.removeprefix("samples_").rpartition("_")[0]
        found = items_in(read(path))
        assert exact_share(found.right) == pytest.approx(body["results"][task]["acc,none"], abs=1e-12)
        # The same questions answered by greedy generation are right as often.
        asked = body["results"][task.removesuffix("_ll")]["exact_match,none"]
        assert exact_share(found.right) == pytest.approx(asked, abs=1e-12)
        assert found.right[found.ll > np.log(0.5)].all()  # more than half of the probability cannot be missed
        seen += 1
    assert seen > 10


def test_generated_answers_and_their_likelihoods_are_of_one_question() -> None:
    folder = TINY / "tiny-facts" / "f5-seed0-step4000"
    likely, said = (items_in(read(next(folder.glob(f"samples_{name}_2026*")))) for name in ("facts_ll", "facts"))
    assert likely.document.tolist() == said.document.tolist()
    assert likely.right.tolist() == said.right.tolist()
    assert np.isnan(said.ll).all()
    assert set(said.length.tolist()) == {6}


def test_logs_without_hashes_know_a_question_by_number_and_target(tmp_path: Path) -> None:
    found = items_in(read(next((DATA / "lm_eval_0_4_2").glob("*.jsonl"))))
    assert items.of_number(found.document).all()
    hashed = items_in(read(write_log(tmp_path, "paper/a", *answers(3))))
    assert not items.of_number(hashed.document).any()


def test_inspect_gives_one_entry_a_sample() -> None:
    readout = read(DATA / "inspect" / "sums.eval")
    found = Items.unpacked(readout.items[0].data)
    assert len(readout.items) == len({log.conditions for log in readout.items})
    assert len(found) == len(set(found.document.tolist()))
    accuracy = next(r for r in readout.readings if r.metric.name.startswith("accuracy"))
    assert accuracy.conditions in {log.conditions for log in readout.items}
    as_json = Items.unpacked(read(DATA / "inspect" / "sums.json").items[0].data)
    assert as_json.document.tolist() == found.document.tolist()


def test_a_row_read_strictly_is_the_same_question(tmp_path: Path) -> None:
    fast = write_log(tmp_path / "a", "paper/a", *answers(3))
    strict = write_log(tmp_path / "b", "paper/a", *answers(3))
    rows = [json.loads(line) for line in strict.read_text("utf-8").splitlines()]
    # Each row has a field that no other has, so none is of the shape of another.
    strict.write_text("".join(json.dumps({**each, f"x{i}": i}) + "\n" for i, each in enumerate(rows)), "utf-8")
    assert read(fast).items == read(strict).items


def test_the_store_keeps_items_once_and_knows_when_they_were_touched(store: Store, tmp_path: Path) -> None:
    log = ItemLog(task="facts", conditions="c", data=made().packed())
    with store.transaction():
        store.items.put("f" * 64, [log], AT)
    with store.transaction():
        store.items.put("f" * 64, [log], AT)
    assert [entry.kind for entry in store.ledger.entries()] == ["items"]
    assert store.items.places(["f" * 64, "0" * 64]) == {("f" * 64, "facts", "c")}
    assert store.items.of(["f" * 64], "sums") == {}
    (found,) = store.items.of(["f" * 64], "facts").values()
    np.testing.assert_array_equal(found.document, made().document)
    other = made(49).packed()
    with closing(sqlite3.connect(store.path)) as file, pytest.raises(sqlite3.IntegrityError, match="only forgotten"):
        file.execute("update items set body = ?", [other])
    changed(store.path, ("update items set body = ?", [other]))
    with pytest.raises(LedgerBroken, match="not those that were stored"):
        store.items.of(["f" * 64], "facts")


def test_items_are_written_with_their_results_or_not_at_all(tmp_path: Path) -> None:
    lab = item_logs.ItemLab(tmp_path / "lab", rungs=2)
    with lab.store() as store:
        sources = {seen.result.source for seen in store.evidence.results()}
        kept = store.items.places(sorted(sources))
        assert len(kept) == 2
        assert {task for _, task, _ in kept} == {"facts"}
        store.ledger.verify()
