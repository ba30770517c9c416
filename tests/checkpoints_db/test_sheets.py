"""The store as plain rows: every column, typed, by family and moment, and never more than a page in memory."""

from __future__ import annotations

import runpy
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from lab import START, Lab, rung

from checkpoints_db import Store, sheets
from checkpoints_db.errors import StoreError
from checkpoints_db.reference import BEGIN, END, column_table
from checkpoints_db.sheets import SHEETS, SheetName

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lived(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A GO, and a pause a day later."""
    lab = built.copy(tmp_path_factory.mktemp("lived") / "lab")
    lab.arrive(rung(6), "s6.csv")
    lab.cycle()
    lab.clock.sleep(86400)
    lab.arrive(rung(6, loss=1.0, run="s7", flop=5e22), "s7.csv")
    lab.cycle()
    return lab


def test_every_sheet_has_every_column_typed_and_as_many_rows_as_its_table(lived: Lab) -> None:
    assert set(SHEETS) == set(get_args(SheetName))
    with Store.open(lived.root / "holdpoint.db", read_only=True) as store:
        for name, sheet in SHEETS.items():
            rows = list(store.rows(name))
            assert len(rows) == store._tables.count(sheet.table) > 0
            for row in rows:
                assert list(row) == list(sheet.columns)
                for column, value in row.items():
                    assert value is None or type(value) is sheet.columns[column], (name, column, value)
            known = {column for row in rows for column, value in row.items() if value not in (None, "")}
            missing = set(sheet.columns) - known
            allowed = {
                "model",
                "step",
                "stage",
                "tokens",
                "upper",
                "chance",
                "remarks",
                "date",
                "conditions",
                "harness",
            }
            allowed |= {"refused_for", "until", "max_flop", "break_glass", "approvals", "domains"}
            assert missing <= allowed, (name, missing)


def test_values_are_those_of_the_records(lived: Lab) -> None:
    with lived.store() as store:
        seen = store.evidence.results(run="s7")[0]
        (row,) = [row for row in store.rows("results") if row["identity"] == seen.result.identity]
        assert (row["value"], row["checkpoint"], row["params"]) == (1.0, "lab/s7", seen.result.checkpoint.params)
        assert (row["seen_at"], row["baseline"], row["metric"]) == (seen.seen_at, False, "nll")
        at, verdict = store.judgements.verdicts("lab", "s7")[0]
        told = next(store.rows("verdicts", since=at))
        assert (told["at"], told["observed"], told["tail_above"]) == (at, verdict.observed, verdict.tail_above)
        last = list(store.rows("decisions"))[-1]
        assert (last["run"], last["answer"], last["reason"]) == ("s7", "PAUSE", "broken")


def test_rows_are_chosen_by_family_and_moment(lived: Lab) -> None:
    noon = START + timedelta(hours=12)
    with lived.store() as store:
        assert list(store.rows("results", family="nobody")) == []
        assert {row["run"] for row in store.rows("results", since=noon)} == {"s7"}
        assert {row["run"] for row in store.rows("decisions", family="lab", since=noon)} == {"s7"}
        with pytest.raises(StoreError, match="there are results, forecasts"):
            next(store.rows("nonsense"))


def test_no_more_than_a_page_is_read_at_a_time(lived: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkpoints_db.tables.PAGE", 3)
    with lived.store() as store:
        pages = [len(page) for page in store.pages("results")]
        assert max(pages) == 3
        assert sum(pages) == store._tables.count("results") == store.size("results")
        assert store.size("results", family="nobody") == 0


def test_a_data_frame_of_pandas_is_typed(lived: Lab) -> None:
    with Store.open(lived.root / "holdpoint.db", read_only=True) as store:
        frame = store.frame("results", library="pandas")
        empty = store.frame("alerts", family="nobody")
    assert str(frame["value"].dtype) == "float64"
    assert str(frame["step"].dtype) == "Int64"
    assert frame["seen_at"].dtype.tz == UTC
    assert len(frame) == 16
    assert list(frame.loc[(frame["run"] == "s7") & (frame["metric"] == "nll"), "value"]) == [1.0]
    assert list(empty.columns) == list(SHEETS["alerts"].columns)
    assert str(empty["opened_at"].dtype) == "datetime64[us, UTC]"


def test_a_data_frame_of_polars_is_typed(lived: Lab) -> None:
    polars = pytest.importorskip("polars")
    with Store.open(lived.root / "holdpoint.db", read_only=True) as store:
        frame = store.frame("results", library="polars")
    assert frame.schema["seen_at"] == polars.Datetime("us", "UTC")
    assert frame.height == 16


def test_without_a_library_it_is_said_which_to_install(lived: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "find_spec", lambda name: None)
    with lived.store() as store, pytest.raises(StoreError, match="pip install pandas"):
        store.frame("results")


def test_the_example_reads_the_store(
    lived: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["read_the_store.py", str(lived.root / "holdpoint.db")])
    runpy.run_path(str(ROOT / "examples" / "read_the_store.py"), run_name="__main__")
    told = capsys.readouterr().out
    assert "16 results of 8 runs" in told
    assert "lab/s7: PAUSE" in told
    assert "alerts are firing" in told


def test_the_columns_of_every_table_are_those_of_the_readme(store: Store) -> None:
    text = (ROOT / "checkpoints_db" / "README.md").read_text("utf-8")
    block = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert block == column_table(store._tables), f"put between the markers:\n\n{column_table(store._tables)}\n"


def test_a_moment_in_a_sheet_is_a_moment(lived: Lab) -> None:
    with lived.store() as store:
        row = next(store.rows("alerts"))
    assert isinstance(row["opened_at"], datetime)
    assert row["opened_at"].tzinfo == UTC
