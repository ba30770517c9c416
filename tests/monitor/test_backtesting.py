"""Backtests: nothing of a target is seen, and the answer depends on what was measured, not on how it was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answered import must_be_as_published
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tables import PRIOR, Row, loss, rows, share, written

from checkpoints_db.errors import EvidenceError
from monitor.backtesting import Answer, Trial, backtest, read
from monitor.science import levels

SUITE = [*loss("a", sizes=7, train=5), *loss("b", 1, sizes=7, train=5), *share("c", sizes=7, train=5)]

LOSS = {"kind": "continuous", "direction": "lower"}


def ask(path: Path, table: list[Row]) -> Answer:
    return backtest([written(path / "t.csv", table)], PRIOR)


def plain(answer: Answer) -> dict[str, Any]:
    """The answer without what a clock says."""
    body = answer.body()
    for one in [body["summary"], *body["series"]]:
        one.pop("seconds")
    return body


def numbers(answer: Answer) -> list[float]:
    out = []
    for s in answer.series:
        for t in s.targets:
            assert t.quantiles is not None
            out += [*t.quantiles.values(), t.median, t.persistence, t.minimum_detectable_break, t.crps]
    return [float(x) for x in out if x is not None]


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    return ask(tmp_path_factory.mktemp("suite"), SUITE)


def test_the_answer_has_the_form_that_others_score(answer: Answer) -> None:
    body = answer.body()
    assert list(body) == ["version", "tables", "seed", "code_version", "series", "summary"]
    assert (body["version"], body["tables"], body["seed"]) == (1, ["t.csv"], 0)
    first = body["series"][0]
    assert list(first) == [
        *("family", "task", "metric", "kind", "axis", "status", "reason", "n_train", "seconds", "targets")
    ]
    assert (first["family"], first["task"], first["axis"], first["n_train"]) == ("f", "a", "params", 5)
    assert (first["status"], first["reason"]) == ("forecast", None)
    target = first["targets"][0]
    assert list(target) == [
        *("run", "params", "tokens", "flop", "observed", "median", "quantiles", "tail_above", "tail_below", "crps"),
        *("persistence", "minimum_detectable_break", "flags"),
    ]
    assert list(target["quantiles"]) == list(levels.NAMES)
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    must_be_as_published(("backtest",), body)


def test_quantiles_rise_and_tails_agree_with_them(answer: Answer) -> None:
    for s in answer.series:
        for t in s.targets:
            assert t.quantiles is not None
            assert t.median == t.quantiles["0.5"]
            q = np.array(list(t.quantiles.values()))
            assert (np.diff(q) >= 0).all()
            below, above = levels.tails(np.array(levels.LEVELS), q, t.observed)
            assert t.tail_above == pytest.approx(above, abs=0.006)
            assert t.tail_below == pytest.approx(below, abs=0.006)
            assert t.crps == pytest.approx(levels.crps(q, t.observed), rel=1e-9)
            assert t.minimum_detectable_break is not None
            assert t.minimum_detectable_break >= 0  # 0 where the median is as good as it gets


def test_a_smooth_curve_is_forecast_better_than_by_persistence(answer: Answer) -> None:
    row = next(r for r in answer.summary.rows if r.kind == "continuous")
    assert row.series == 2
    assert row.targets == 4
    assert row.ncrps is not None
    assert row.ncrps_persistence is not None
    assert row.ncrps < 0.5 * row.ncrps_persistence


def test_nothing_of_a_target_is_seen(tmp_path: Path, answer: Answer) -> None:
    moved = [
        {**row, "value": repr(0.9 * float(row["value"])), "stderr": 0.1} if row["role"] == "target" else row
        for row in SUITE
    ]
    changed = plain(ask(tmp_path, moved))
    before = plain(answer)
    for old, new in zip(before["series"], changed["series"], strict=True):
        for a, b in zip(old["targets"], new["targets"], strict=True):
            assert a["observed"] != b["observed"]
            for key in ("observed", "crps", "tail_above", "tail_below"):
                a.pop(key), b.pop(key)
    before.pop("summary"), changed.pop("summary")
    assert before == changed


def test_a_training_value_does_change_the_forecast(tmp_path: Path, answer: Answer) -> None:
    moved = [{**row, "value": "0.5"} if (row["task"], row["run"]) == ("c", "r4") else row for row in SUITE]
    assert numbers(ask(tmp_path, moved)) != numbers(answer)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(SUITE))))
def test_the_order_of_rows_says_nothing(tmp_path: Path, answer: Answer, order: list[int]) -> None:
    assert plain(ask(tmp_path, [SUITE[i] for i in order])) == plain(answer)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(factor=st.floats(1e-6, 1e6))
def test_the_unit_of_scale_says_nothing(tmp_path: Path, answer: Answer, factor: float) -> None:
    moved = [{**row, "params": repr(float(row["params"]) * factor)} for row in SUITE]
    np.testing.assert_allclose(numbers(ask(tmp_path, moved)), numbers(answer), rtol=1e-9)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(factor=st.floats(1e-3, 1e3))
def test_the_unit_of_the_metric_says_nothing(tmp_path: Path, answer: Answer, factor: float) -> None:
    def larger(row: Row) -> Row:
        told: Row = {k: repr(float(row[k]) * factor) for k in ("value", "lower", "upper", "chance") if k in row}
        return {**row, **told}

    moved = np.array(numbers(ask(tmp_path, [larger(row) for row in SUITE])))
    np.testing.assert_allclose(moved / factor, numbers(answer), rtol=1e-9, atol=1e-11)


def test_equal_data_give_equal_bytes(tmp_path: Path, answer: Answer) -> None:
    assert json.dumps(plain(ask(tmp_path, SUITE))) == json.dumps(plain(answer))


def test_a_table_is_a_suite_of_its_own(tmp_path: Path, answer: Answer) -> None:
    one = written(tmp_path / "t.csv", SUITE)
    other = written(tmp_path / "other.csv", loss("z", 9, sizes=9))
    both = backtest([one, other], PRIOR)
    assert both.tables == ("t.csv", "other.csv")
    assert both.series[:-1] == tuple(
        new.model_copy(update={"seconds": old.seconds}) for new, old in zip(answer.series, both.series, strict=False)
    )
    assert [r.table for r in both.summary.rows] == ["t.csv", "t.csv", "other.csv"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.lists(st.sampled_from([0.0, 1e-300, 1e-9, 0.3, 1.0, 7e5, 9e99, -2.0]), min_size=6, max_size=6),
    first=st.sampled_from([1e-200, 1.0, 1e200]),
    more=st.sampled_from([LOSS, {"kind": "thresholded", "n": 3}]),
    noise=st.sampled_from(["", "0", "1e-12", "1e50"]),
)
@example(value=[1e-300, 1e-300, 1e-300, 1e-9, 0.0, 0.0], first=1e-200, more=LOSS, noise="")
def test_absurd_ladders_get_finite_numbers_or_a_sentence(
    tmp_path: Path, value: list[float], first: float, more: Row, noise: str
) -> None:
    scale = first * 10.0 ** np.arange(6)
    (series,) = ask(tmp_path, [{**row, "stderr": noise} for row in rows("a", "m", scale, value, 4, **more)]).series
    assert all(np.isfinite(list((t.quantiles or {}).values())).all() for t in series.targets)
    assert (series.reason is None) == (series.status == "forecast")


def dense(n: int = 400, train: int = 60) -> list[Row]:
    tokens = np.geomspace(1e6, 1e9, n)
    value = 1 + 3 * (tokens / 1e6) ** -0.3 * np.exp(0.002 * np.random.default_rng(3).standard_normal(n))
    own = rows("curve", "loss", tokens, value, train, kind="continuous", direction="lower", lower=0)
    return [{**row, "tokens": row["params"], "params": "1e9", "run": "one"} for row in own]


def test_hundreds_of_targets_on_one_curve(tmp_path: Path) -> None:
    (series,) = ask(tmp_path, dense()).series
    assert (series.axis, series.n_train, len(series.targets)) == ("tokens", 60, 340)
    # One nat of history, and up to six nats ahead.
    assert series.reason is not None
    assert series.reason.startswith("too_uncertain: the law expects to miss by")
    medians = [t.median or 0.0 for t in series.targets]
    assert medians == sorted(medians, reverse=True)
    assert all(t.tail_above is not None and 0 <= t.tail_above <= 1 for t in series.targets)


def test_two_axes_where_both_vary(tmp_path: Path) -> None:
    table = [
        {**row, "params": repr(n), "tokens": repr(d), "value": repr(1 + (n / 1e7) ** -0.3 + (d / 1e8) ** -0.3)}
        for (n, d), row in zip(
            [(n, d) for n in (1e7, 1e8, 1e9) for d in (1e8, 1e9, 1e10)], loss("a", sizes=9, train=7), strict=True
        )
    ]
    (series,) = ask(tmp_path, table).series
    assert series.axis == "params,tokens"
    assert series.status == "forecast"


@pytest.mark.parametrize(
    ("scales", "axis"),
    [
        ({"tokens": "1e9"}, "params"),
        ({"flop": lambda i: 10.0**i}, "flop"),
        ({"flop": lambda i: 10.0**i if i else ""}, "params"),
        ({"flop": lambda i: 10.0**i, "tokens": lambda i: 5.0**i * (1 + 3 * (i % 2))}, "params,tokens"),
        ({"flop": lambda i: 10.0**i, "tokens": lambda i: 5.0**i}, "tokens"),  # one line in log-log
        ({"params": "", "flop": lambda i: 10.0**i}, "flop"),
        ({"params": "1e7", "tokens": lambda i: 5.0**i, "flop": lambda i: 10.0**i}, "tokens"),
        ({"params": ""}, ""),
    ],
)
def test_the_axis_is_what_varies(tmp_path: Path, scales: dict[str, Any], axis: str) -> None:
    table = [{**row, **{k: v(i) if callable(v) else v for k, v in scales.items()}} for i, row in enumerate(loss("a"))]
    (trial,) = read(written(tmp_path / "t.csv", table))
    assert ",".join(trial.axes) == axis


def only(tmp_path: Path, table: list[Row]) -> Any:
    (series,) = ask(tmp_path, table).series
    return series


def test_a_single_rung_is_too_little_and_still_has_numbers(tmp_path: Path) -> None:
    series = only(tmp_path, share("a", sizes=2, train=1))
    assert series.status == "insufficient_evidence"
    assert series.reason == (
        "too_few: 1 distinct rungs over 0.00 nats of scale, and a forecast needs 4 over 1; to settle it: 3 more rungs"
    )
    (target,) = series.targets
    assert target.median == target.persistence
    assert target.quantiles["0.025"] < target.median < target.quantiles["0.975"]
    assert target.crps > 0


@pytest.mark.parametrize(("train", "status"), [(3, "insufficient_evidence"), (4, "forecast")])
def test_four_rungs_are_the_least(tmp_path: Path, train: int, status: str) -> None:
    assert only(tmp_path, loss("a", sizes=6, train=train)).status == status


def test_no_history_at_all(tmp_path: Path) -> None:
    first, second = ask(tmp_path, [*loss("a"), *loss("b", train=0)]).series
    assert first.status == "forecast"
    assert (second.status, second.n_train) == ("insufficient_evidence", 0)
    assert second.targets[0].quantiles is None


def test_no_scale_at_all(tmp_path: Path) -> None:
    series = only(tmp_path, [{**row, "params": ""} for row in loss("a")])
    assert series.status == "insufficient_evidence"
    assert "no axis" in series.reason
    assert series.targets[0].quantiles is not None


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "continuous", "direction": "lower", "lower": 0},
        {"kind": "continuous", "direction": "higher"},
        {"kind": "continuous", "direction": "higher", "upper": 3},
        {"kind": "thresholded", "direction": "higher", "lower": 0, "upper": 1},
    ],
)
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_ladder_that_never_moved(tmp_path: Path, more: Row, level: float) -> None:
    table = rows("a", "m", np.geomspace(1e7, 1e10, 7), [level] * 7, 5, **more)
    series = only(tmp_path, table)
    assert all(t.quantiles["0.05"] <= level <= t.quantiles["0.95"] for t in series.targets)


def test_chance_all_along_is_refused(tmp_path: Path) -> None:
    flat = rows("a", "acc", np.geomspace(1e7, 1e10, 7), [0.25, 0.26, 0.24, 0.25, 0.26, 0.25, 0.7], 6)
    more = {"kind": "thresholded", "direction": "higher", "lower": 0, "upper": 1, "chance": 0.25, "n": 400}
    series = only(tmp_path, [{**row, **more} for row in flat])
    assert series.status == "refused"
    assert series.reason.startswith("plateau: all 6 rungs lie within 2 standard errors of chance, 0.25; to settle it:")
    assert "plateau" in series.targets[0].flags
    flat[2]["value"] = "0.32"
    assert not only(tmp_path, [{**row, **more} for row in flat]).reason.startswith("plateau")


def test_a_jump_at_the_last_rung_makes_the_trend_unstable(tmp_path: Path) -> None:
    more = {"kind": "thresholded", "direction": "higher", "lower": 0, "upper": 1, "n": 2000}
    smooth = rows("a", "acc", np.geomspace(1e7, 1e10, 8), [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55], 7, **more)
    assert only(tmp_path, smooth).status == "forecast"
    smooth[6]["value"] = "0.85"
    series = only(tmp_path, smooth)
    assert series.status == "refused"
    assert series.reason.startswith("trend_unstable: the forecast made without the last rung missed it by")
    assert "trend_unstable" in series.targets[0].flags


def replaced(at: int, **cells: Any) -> Callable[[], list[Row]]:
    return lambda: [{**row, **cells} if i == at else row for i, row in enumerate(loss("a"))]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (replaced(2, value="nan"), "line 4, column value"),
        (replaced(2, value="inf"), "line 4, column value"),
        (replaced(2, value=""), "line 4, column value: missing"),
        (replaced(2, params="-1"), "line 4, column params"),
        (replaced(2, role="test"), "line 4, column role"),
        (replaced(2, role=""), "column role: a · loss of f/r2 has none"),
        (replaced(2, value="1e200"), "beyond 1e+100"),
        (lambda: [{**r, "parms": 1} for r in loss("a")], "did you mean params?"),
        (lambda: [*loss("a"), loss("a")[3]], "already on line 5"),
        (lambda: loss("a", train=8), "no row is a target"),
    ],
)
def test_what_cannot_be_read_says_where(tmp_path: Path, table: Callable[[], list[Row]], told: str) -> None:
    with pytest.raises(EvidenceError) as refused:
        ask(tmp_path, table())
    assert told in str(refused.value)
    assert "t.csv" in str(refused.value)


def test_two_tables_of_one_name(tmp_path: Path) -> None:
    one, other = written(tmp_path / "a" / "t.csv", loss("a")), written(tmp_path / "b" / "t.csv", loss("b"))
    with pytest.raises(EvidenceError, match="second table of this name"):
        backtest([one, other], PRIOR)


def test_progress_is_told_of_both_halves(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    backtest([written(tmp_path / "t.csv", loss("a"))], PRIOR, progress=lambda *step: told.append(step))
    assert told == [("t.csv: learning", 1, 1), ("t.csv: forecasting", 1, 1)]


def test_the_noise_to_come_follows_the_items_to_come(tmp_path: Path) -> None:
    table = share("a", n=400)
    table[-1]["n"] = 100
    (trial,) = read(written(tmp_path / "t.csv", table))
    assert isinstance(trial, Trial)
    question = trial.question
    assert question is not None
    assert np.isnan(question.noise[0])
    assert question.noise[1] == pytest.approx(4 * question.ladder.noise[-1])
