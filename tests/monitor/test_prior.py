"""A prior as a file: what is written is what is read, and a wrong file is refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ladders import GPT3_X, series
from tables import PRIOR, small

from checkpoints_db.errors import ForecastError, TooFewPoints
from checkpoints_db.records import Metric
from monitor.forecasting import forecast, ladder_of
from monitor.prior import dump, load, parse, shipped
from monitor.science.dictionary import Category, full

LOG = Category("log", 1, dense=False)
ACC = Metric(name="acc", kind="thresholded", lower=0, upper=1, chance=0.25)


def test_a_round_trip() -> None:
    text = dump(PRIOR, "made up")
    read = parse(text, "here")
    assert read.made_of == "made up"
    assert set(read.dictionaries) == set(PRIOR)
    assert dump(read.dictionaries, read.made_of) == text
    for category, d in PRIOR.items():
        got = read.of(category)
        assert (got.shapes, got.slopes, got.noises, got.arrivals) == (d.shapes, d.slopes, d.noises, d.arrivals)
        assert got.shape_weights == pytest.approx(d.shape_weights, rel=1e-5)
        assert (got.temper, got.widening) == (d.temper, d.widening)


def test_the_digest_is_that_of_the_text() -> None:
    assert parse(dump(PRIOR, "a"), "x").digest == parse(dump(PRIOR, "a"), "y").digest
    assert parse(dump(PRIOR, "a"), "x").digest != parse(dump(PRIOR, "b"), "x").digest


def test_a_category_that_nobody_taught_believes_in_all_its_shapes() -> None:
    assert parse(dump({LOG: small(LOG)}, "log only"), "here").of(Category("free", 1, dense=False)) == full(
        Category("free", 1, dense=False)
    )


def _shape(body: dict[str, Any], i: int, value: object) -> None:
    body["categories"]["log-1"]["shapes"][0][i] = value


WRONG: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda b: b.update(version=2), "version"),
    (lambda b: b.pop("made_of"), "made_of"),
    (lambda b: b.update(more=1), "more"),
    (lambda b: b["categories"].update({"log-9": b["categories"]["log-1"]}), "'log-9' is no category"),
    (lambda b: _shape(b, 0, "magic"), "form 'magic' is none of its forms"),
    (lambda b: _shape(b, 1, [1.0] * 9), "parameters, not 9"),
    (lambda b: _shape(b, 2, -0.1), "greater than or equal to 0"),
    (lambda b: _shape(b, 2, 1.0), "the weights of shapes sum to"),
    (lambda b: b["categories"]["log-1"].update(slopes=[]), "categories.log-1.slopes"),
    (lambda b: b["categories"]["log-1"].update(arrivals=[[1.0, 0.0]]), "the weights of arrivals sum to 0"),
    (lambda b: b["categories"]["log-1"].update(temper=0), "temper"),
    (lambda b: b["categories"]["log-1"].update(widening=[]), "widening"),
]


@pytest.mark.parametrize(("change", "says"), WRONG)
def test_a_wrong_file_says_what_where_and_what_next(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    body = json.loads(dump({LOG: small(LOG)}, "made up"))
    change(body)
    path = tmp_path / "prior.json"
    path.write_text(json.dumps(body), encoding="utf-8")
    with pytest.raises(ForecastError) as refused:
        load(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "holdpoint prior learn" in str(refused.value)


@pytest.mark.parametrize("content", [None, b"", b"not json", b"[]", b"\xff\xfe"])
def test_what_is_no_prior_at_all(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "prior.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ForecastError, match=r"prior .*prior\.json: .*holdpoint prior learn"):
        load(path)


def test_the_shipped_one_is_sound_and_seals_name_the_one_that_was_used() -> None:
    ladder = series(ACC, GPT3_X[:5], (0.3, 0.37, 0.44, 0.51, 0.58), n=2000)
    assert forecast(ladder).prior == shipped().digest
    other = parse(dump(PRIOR, "made up"), "here")
    assert forecast(ladder, other).prior == other.digest


def test_only_rungs_away_from_chance_and_from_the_ceiling_teach() -> None:
    rising = ladder_of(series(ACC, GPT3_X[:6], (0.25, 0.35, 0.45, 0.55, 0.65, 1.0), n=400))
    assert rising.value.tolist() == [0.35, 0.45, 0.55, 0.65]
    with pytest.raises(TooFewPoints):
        ladder_of(series(ACC, GPT3_X[:6], (0.25, 0.25, 0.35, 0.45, 0.55, 1.0), n=400))
