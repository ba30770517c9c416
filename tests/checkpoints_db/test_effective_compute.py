"""Declared factors of effective compute, sizes that names stand for, and conventions that are never mixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checkpoints_db.catalogue import Catalogue, Family, Run
from checkpoints_db.errors import SettingsError, Unplaced
from checkpoints_db.records import Checkpoint, Metric, Reading, Result
from checkpoints_db.series import make_series

FAMILY = '[[family]]\nname = "f"\naxis = "effective_compute"\nestimator = "memo 12"\n'
RUN = '[[run]]\nfamily = "f"\nmatch = "new-{size}@step{step}"\ntokens_per_step = 10\nflop = "6*params*tokens"\n'


def catalogue(folder: Path, text: str) -> Catalogue:
    path = folder / "catalogue.toml"
    path.write_text(text, "utf-8")
    return Catalogue.from_toml(path)


def reading(model: str, **fields: Any) -> Reading:
    return Reading(task="t", metric=Metric(name="acc", kind="thresholded"), value=0.5, model=model, **fields)


def test_a_run_has_the_factor_of_its_entry_or_that_of_its_family(tmp_path: Path) -> None:
    old = RUN.replace("new", "old")
    known = catalogue(tmp_path, f"{FAMILY}efficiency = 1.0\n{RUN}efficiency = 1.6\n{old}")
    new, base = known.place(reading("new-1m@step5")), known.place(reading("old-1m@step5"))
    assert (new.flop, base.flop) == (3e8, 3e8)
    assert (new.effective_compute, base.effective_compute) == (4.8e8, 3e8)
    assert new.estimator == base.estimator == "memo 12"
    assert new.scale("effective_compute") == 4.8e8


def test_a_table_gives_a_factor_a_row(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("model,run,flop,efficiency\na,a,1e9,2\nb,b,1e9,\n")
    known = catalogue(tmp_path, f'{FAMILY}[[run]]\nfamily = "f"\ntable = "m.csv"\n')
    assert known.place(reading("a")).effective_compute == 2e9
    with pytest.raises(Unplaced, match="ordered by effective compute, and neither"):
        known.place(reading("b"))


def test_no_factor_is_not_a_factor_of_one(tmp_path: Path) -> None:
    known = catalogue(tmp_path, f"{FAMILY}{RUN}efficiency = 1.6\n")
    with pytest.raises(Unplaced, match="family 'f' is ordered by effective compute, and neither"):
        known.place(reading("f/x", family="f", run="x", flop=1e9))
    plain = catalogue(tmp_path, '[[family]]\nname = "f"\n' + RUN).place(reading("new-1m@step5"))
    assert (plain.effective_compute, plain.estimator) == (None, "")


def test_step_nought_has_no_effective_compute(tmp_path: Path) -> None:
    assert (
        catalogue(tmp_path, f"{FAMILY}{RUN}efficiency = 2\n").place(reading("new-1m@step0")).effective_compute is None
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            f'{FAMILY}{RUN}efficiency = 2\nestimator = "blog"\n',
            r"catalogue\.toml:5: estimator is 'blog', and its \[\[family\]\] says 'memo 12': .* never mixed",
        ),
        (
            RUN + 'efficiency = 2\nestimator = "a"\n' + RUN.replace("new", "old") + 'estimator = "b"\n',
            r"catalogue\.toml:8: estimator is 'b', and catalogue\.toml:1 says 'a'",
        ),
        (RUN + "efficiency = 2\n", "gives an efficiency, and no estimator is named"),
        ('[[family]]\nname = "f"\nefficiency = 2\n', r"its \[\[family\]\] gives an efficiency, and no estimator"),
        (
            '[[family]]\nname = "f"\naxis = "effective_compute"\nefficiency = 2\nestimator = ""\n',
            "no estimator is named",
        ),
        ('[[family]]\nname = "f"\naxis = "effective_compute"\n', "needs an estimator"),
        (FAMILY + RUN, "needs an efficiency"),
        (FAMILY + "efficiency = -1\n", "greater than 0"),
        (
            RUN + 'flop_counts = "a"\n' + RUN.replace("new", "old") + 'flop_counts = "A  b"\n',
            r"catalogue\.toml:7: flop_counts is 'A  b', and catalogue\.toml:1 says 'a': what FLOP count",
        ),
        (
            '[[family]]\nname = "f"\nparams_counts = "non-embedding"\n' + RUN,
            r"catalogue\.toml:4: \{size\} in a name is round, .* give \[family\.sizes\]",
        ),
        ('[[family]]\nname = "f"\nparams_counts = "active"\n', "params_counts: .*'total' or 'non-embedding'"),
        ('[[family]]\nname = "f"\n[family.sizes]\n1m = -1\n', r"sizes: 1m\.params: .*greater than 0"),
        ('[[family]]\nname = "f"\n[family.sizes]\n1m = { tokens = 1, tokens_per_step = 1 }\n', "keep one of them"),
        ('[[family]]\nname = "f"\n[family.sizes]\n1m = { flop = 1 }\n', r"1m\.flop: Extra inputs"),
    ],
)
def test_what_a_family_may_not_mix(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=why) as caught:
        catalogue(tmp_path, text)
    assert str(tmp_path / "catalogue.toml") in str(caught.value)


def test_the_same_words_otherwise_spaced_agree(tmp_path: Path) -> None:
    text = f'{FAMILY}{RUN}efficiency = 2\nestimator = "Memo  12"\n'
    assert catalogue(tmp_path, text).place(reading("new-1m@step5")).estimator == "memo 12"


def test_a_catalogue_in_python_is_held_to_the_same() -> None:
    runs = (Run(family="f", match="{run}", estimator="a"), Run(family="f", match="x{run}", estimator="b"))
    with pytest.raises(ValueError, match="never mixed within a family"):
        Catalogue(families=(Family(name="f"),), runs=runs)


SIZED = (
    '[[family]]\nname = "f"\nparams_counts = "non-embedding"\n[family.sizes]\n'
    "70m = 18_915_328\n1B = { params = 8e8, tokens = 2e10 }\n" + RUN.replace("tokens_per_step = 10\n", "")
)


def test_a_size_stands_for_what_the_family_says(tmp_path: Path) -> None:
    known = catalogue(tmp_path, SIZED)
    found = known.place(reading("new-70M@step5", params=70_426_624))
    assert (found.run, found.params, found.tokens) == ("70M", 18_915_328, None)
    found = known.place(reading("new-1b@step5"))
    assert (found.params, found.tokens, found.flop) == (8e8, 2e10, 6 * 8e8 * 2e10)
    with pytest.raises(
        Unplaced, match=r"size '71m' is not in \[family\.sizes\] of 'f' \(70m, 1B\); did they mean '70m'"
    ):
        known.place(reading("new-71m@step5"))


def test_the_count_of_a_log_is_no_non_embedding_count(tmp_path: Path) -> None:
    text = '[[family]]\nname = "f"\nparams_counts = "{}"\n[[run]]\nfamily = "f"\nmatch = "m-{{run}}"\n'
    assert catalogue(tmp_path, text.format("total")).place(reading("m-a", params=5e6)).params == 5e6
    with pytest.raises(Unplaced, match="neither parameters nor tokens"):
        catalogue(tmp_path, text.format("non-embedding")).place(reading("m-a", params=5e6))


def test_flop_that_are_not_six_nd_are_refused_where_the_family_counts_so(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("model,run,params,tokens,flop\na,a,1e6,1e7,6.8e13\nb,b,1e6,1e7,7e13\n")
    known = catalogue(tmp_path, RUN + '[[run]]\nfamily = "f"\ntable = "m.csv"\n')
    assert known.place(reading("a")).flop == 6.8e13
    with pytest.raises(Unplaced, match=r"1\.17 times 6 \* params \* tokens, and family 'f' counts 6\*params\*tokens"):
        known.place(reading("b"))
    with pytest.raises(Unplaced, match="never mixed"):
        known.place(reading("f/x", family="f", run="x", params=1e6, tokens=1e7, flop=3e13))


def test_what_flop_count_is_said_from_the_formula_too(tmp_path: Path) -> None:
    assert catalogue(tmp_path, SIZED).flop_counts("f") == "6 * non-embedding params * tokens"
    assert catalogue(tmp_path, RUN).flop_counts("f") == "6 * (not said which) params * tokens"
    assert catalogue(tmp_path, RUN + 'flop_counts = "6ND"\n').flop_counts("f") == "6ND"
    assert Catalogue().flop_counts("f") == ""


def result(run: str, estimator: str, x: float | None) -> Result:
    checkpoint = Checkpoint(family="f", run=run, model=run, flop=1e9, effective_compute=x, estimator=estimator)
    return Result(task="t", metric=Metric(name="acc", kind="thresholded"), value=0.5, checkpoint=checkpoint)


def test_two_estimators_are_two_series() -> None:
    assert result("a", "one", 1e9).series == result("b", "one", 2e9).series
    assert len({result("a", word, 1e9).series for word in ("", "one", "two")}) == 3


def test_a_series_may_be_ordered_by_effective_compute() -> None:
    rungs = [result("big", "one", 1e9), result("small", "one", 5e9), result("none", "one", None)]
    series = make_series(rungs, "effective_compute")
    assert [(p.run, p.x) for p in series.points] == [("big", 1e9), ("small", 5e9)]
    assert make_series(rungs).axis == "flop"
