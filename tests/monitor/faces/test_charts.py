"""Charts hold the numbers they are made of, and a written page asks nobody for anything."""

from __future__ import annotations

import json
import math
import re
import struct
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import planes
import pytest

from checkpoints_db.errors import SettingsError
from checkpoints_db.records import Checkpoint, Forecast, Metric, Point, Result, Sealed, Series, Tally, Verdict
from checkpoints_db.series import make_series
from monitor import track
from monitor.faces.charts import question_chart, series_chart, specification, write
from monitor.faces.scene import frame_of, scene_of
from monitor.faces.track_chart import track_chart
from monitor.forecasting import forecast, law_at
from monitor.verdicts import judge
from policies.terms import Judging

LOSS = Metric(name="loss", kind="continuous", direction="lower", lower=0)
SHARE = Metric(name="acc", kind="thresholded", lower=0, upper=1)
SEALED = datetime(2026, 11, 22, 20, 26, tzinfo=UTC)


def results(metric: Metric, values: list[float], task: str = "sums", stderr: float = 0.01) -> list[Result]:
    return [
        Result(
            checkpoint=Checkpoint(family="toy", run=f"r{i}", model=f"r{i}", flop=1e20 * 4**i),
            task=task,
            metric=metric,
            value=value,
            stderr=stderr,
            n=500,
        )
        for i, value in enumerate(values)
    ]


def series_of(found: list[Result]) -> Series:
    points = tuple(
        Point(
            run=r.checkpoint.run,
            checkpoint=r.checkpoint.id,
            x=r.checkpoint.flop or 1,
            value=r.value,
            stderr=r.stderr,
            n=r.n,
            result=r.identity,
        )
        for r in found
    )
    first = found[0]
    return Series(
        id=first.series,
        family="toy",
        task=first.task,
        metric=first.metric,
        stage="",
        conditions="",
        axis="flop",
        points=points,
    )


def judged(metric: Metric, values: list[float], task: str = "sums") -> tuple[Series, Forecast, Verdict]:
    """The last value judged by a forecast from those before it."""
    found = results(metric, values, task)
    series = series_of(found)
    made = forecast(series.below(series.points[-1].x))
    return series, made, judge(Sealed(forecast=made, at=SEALED, seq=1), found[-1], Judging())


STEADY = [4.0, 3.5, 3.1, 2.8, 2.55, 2.35]
BROKEN = [4.0, 3.5, 3.1, 2.8, 2.55, 0.4]


def rows_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return (
        [row for data in spec["datasets"].values() for row in data]
        if "datasets" in spec
        else [row for layer in spec["layer"] for row in layer["data"]["values"]]
    )


def test_specification_holds_every_number() -> None:
    series, made, verdict = judged(LOSS, STEADY)
    spec = specification(series_chart(series, made, verdict))
    rows = rows_of(spec)
    assert {row["value"] for row in rows if row.get("run") == "r3"} == {2.8}
    at = next(row for row in rows if row.get("x") == pytest.approx(1e20 * 4**5) and "median" in row)
    assert at["median"] == pytest.approx(verdict.median)
    # Lower is more capable: the break line is the lower end of the verdict's interval.
    assert at["edge"] == pytest.approx(verdict.lower)
    assert (at["low98"], at["high98"]) == pytest.approx((verdict.lower, verdict.upper))
    law = law_at(made, 1e20 * 4**5, max(0.01**2, made.target_variance))
    assert at["low50"] == pytest.approx(float(law.quantile(0.25)))
    texts = " ".join(str(row["text"]) for row in rows if "text" in row)
    assert f"smallest visible break {verdict.detectable:.2g}" in texts
    assert "break line" in texts
    assert "r5 2.35: expected" in texts
    assert spec["title"]["text"] == "sums · loss — toy"
    assert any("sealed 2026-11-22 20:26 UTC" in line for line in spec["title"]["subtitle"])


def marks_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [layer["mark"] for layer in spec["layer"]]


def test_outcome_is_told_by_shape_and_colour() -> None:
    def observation(values: list[float]) -> tuple[str, str]:
        marks = marks_of(specification(series_chart(*judged(LOSS, values))))
        (mark,) = [m for m in marks if m["type"] == "point"]
        return mark["shape"], mark["color"]

    expected, above = observation(STEADY), observation(BROKEN)
    assert expected[0] == "circle"
    assert above[0] == "triangle-down"  # more capable, and the loss went down
    assert expected[1] != above[1]


def test_without_forecast_only_the_ladder_is_drawn() -> None:
    spec = specification(series_chart(series_of(results(SHARE, [0.1, 0.2])), None))
    assert {m["type"] for m in marks_of(spec)} == {"line", "rule", "circle", "text"}
    assert spec["title"]["subtitle"] == ["no forecast"]


def test_unjudged_forecast_says_that_it_is_exploratory() -> None:
    series, made, _ = judged(LOSS, STEADY)
    spec = specification(series_chart(series.below(series.points[-1].x), made))
    assert "not sealed: exploratory" in spec["title"]["subtitle"][0]


def test_a_forecast_that_reaches_the_best_value_says_that_no_break_is_visible() -> None:
    series, made, verdict = judged(SHARE, [0.2, 0.35, 0.55, 0.75, 0.9, 0.97])
    assert verdict.upper == pytest.approx(1)
    texts = [row["text"] for row in rows_of(specification(series_chart(series, made, verdict))) if "text" in row]
    assert "interval ends at the best value: no break visible" in texts
    assert not any("smallest visible break" in text for text in texts)


def test_verdict_alone_places_its_observation() -> None:
    series, made, verdict = judged(LOSS, STEADY)
    ladder = series.below(series.points[-1].x)
    scene = scene_of(ladder, made, verdict, None)
    assert scene.seen is not None
    assert scene.seen.x == pytest.approx(series.points[-1].x)
    assert scene.seen.value == 2.35
    assert len(scene.ladder) == 5


def test_a_result_inside_the_ladder_is_drawn_without_failing() -> None:
    series, made, _ = judged(LOSS, STEADY)
    found = results(LOSS, STEADY)[2]
    verdict = judge(Sealed(forecast=made, at=SEALED, seq=1), found, Judging())
    assert verdict.why == "smaller"
    assert "not larger than the ladder" in specification(series_chart(series, made, verdict))["title"]["subtitle"][0]


def test_a_wide_forecast_does_not_squeeze_the_ladder() -> None:
    series, made, verdict = judged(LOSS, STEADY)
    scene = scene_of(series, made, verdict, None)
    wild = [{**row, "low98": -1e9, "high98": 1e300, "low80": -1e6, "high80": math.inf} for row in scene.fan]
    frame = frame_of(type(scene)(**{**vars(scene), "fan": tuple(wild)}), None)
    assert frame.y[1] - frame.y[0] < 12
    assert math.isfinite(frame.held(math.inf))


def test_ceiling_is_drawn_at_its_height() -> None:
    series = series_of(results(SHARE, [0.1, 0.2, 0.3]))
    spec = specification(series_chart(series, None, ceiling=0.8))
    assert "ceiling 80 %" in [row["text"] for row in rows_of(spec) if "text" in row]
    frame = frame_of(scene_of(series, None, None, None), 0.8)
    assert frame.y[0] < 0.1
    assert frame.y[1] > 0.8
    heights = [layer["encoding"]["y"]["value"] for layer in spec["layer"] if "value" in layer["encoding"].get("y", {})]
    assert heights == [pytest.approx(frame.pixel(0.8))]


def test_png_has_its_size(tmp_path: Path) -> None:
    path = tmp_path / "new" / "chart.png"
    write(series_chart(*judged(LOSS, BROKEN)), path)
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert 1100 < width < 2200
    assert 700 < height < 1100


def test_question_puts_both_metrics_side_by_side(tmp_path: Path) -> None:
    both = question_chart(
        [series_chart(*judged(LOSS, STEADY)), series_chart(*judged(SHARE, [0.0, 0.0, 0.01, 0.02, 0.05, 0.6]))]
    )
    assert len(specification(both)["hconcat"]) == 2
    write(both, tmp_path / "both.svg")
    svg = (tmp_path / "both.svg").read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    assert "sums · loss" in svg
    assert "sums · acc" in svg


class Elements(HTMLParser):
    """Start tags of a page, and the text inside each script."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data


def test_page_asks_nobody_for_anything_and_runs_nothing_a_name_smuggles_in(tmp_path: Path) -> None:
    hostile = "<!--<script></script><script src='https://evil.example/x.js'></script>"
    write(series_chart(*judged(LOSS, STEADY, task=hostile)), tmp_path / "chart.html")
    page = (tmp_path / "chart.html").read_text(encoding="utf-8")
    found = Elements()
    found.feed(page)
    assert " ".join(tag for tag, _ in found.tags) == "html head meta meta title style body div script script"
    assert not any({"src", "href"} & set(attributes) for _, attributes in found.tags)
    assert "default-src 'none'" in str(found.tags[3][1]["content"])
    assert json.loads(found.scripts[0])["title"]["text"].startswith(hostile)
    assert "<!--" not in page
    assert "drawing" in found.scripts[1]
    assert not re.search(r"""\bimport\s*[{*(]|\bimport\s*["']""", found.scripts[1])


def test_unknown_suffix_is_refused_with_the_ones_there_are(tmp_path: Path) -> None:
    chart = series_chart(series_of(results(SHARE, [0.1, 0.2])), None)
    with pytest.raises(SettingsError, match=r"chart\.gif: \.gif .* \.png, \.svg or \.html"):
        write(chart, tmp_path / "chart.gif")
    with pytest.raises(SettingsError, match="no suffix"):
        write(chart, tmp_path / "chart")
    assert list(tmp_path.iterdir()) == []


def test_one_point_makes_a_chart_of_finite_numbers() -> None:
    spec = specification(series_chart(series_of(results(SHARE, [0.0], stderr=0.0)), None))
    json.dumps(spec, allow_nan=False)


def plane(result: Result | None = None) -> tuple[Series, Forecast, dict[str, Any]]:
    """Three sizes with five checkpoints each, their forecast, and the chart of both (and of a judged result)."""
    known = make_series(planes.results())
    made = forecast(known)
    series = known if result is None else make_series([*planes.results(), result])
    verdict = None if result is None else judge(Sealed(forecast=made, at=SEALED, seq=1), result, Judging())
    return series, made, specification(series_chart(series, made, verdict))


def test_on_two_axes_each_size_has_a_line_and_a_name() -> None:
    _, _, spec = plane()
    (line,) = [each for each in spec["layer"] if each["mark"]["type"] == "line" and "detail" in each["encoding"]]
    assert line["encoding"]["detail"]["field"] == "params"
    rows = rows_of(spec)
    rungs = {(row["params"], row["tokens"]): row for row in rows if "params" in row}
    assert set(rungs) == {(n, d) for n in planes.SIZES[:3] for d in planes.TOKENS}
    assert all(row["x"] == pytest.approx(6 * n * d) for (n, d), row in rungs.items())
    assert {row["size"] for row in rows if "size" in row} == {"10M", "40M", "160M"}
    assert "6 · parameters · tokens" in line["encoding"]["x"]["axis"]["title"]


def test_on_two_axes_the_fan_is_that_of_one_size_and_says_so() -> None:
    _, made, spec = plane()
    assert any("forecast for 160M parameters" in each for each in spec["title"]["subtitle"])
    last = [row for row in rows_of(spec) if "median" in row][-1]
    law = law_at(made, (planes.SIZES[2], last["x"] / (6 * planes.SIZES[2])), made.target_variance)
    assert last["median"] == pytest.approx(law.median)


def test_on_two_axes_a_result_is_drawn_inside_the_fan_of_its_own_size() -> None:
    arrived = planes.results(sizes=4)[-1]
    _, made, spec = plane(arrived)
    assert any("forecast for 640M parameters" in each for each in spec["title"]["subtitle"])
    x = 6 * planes.SIZES[3] * planes.TOKENS[4]
    at = next(row for row in rows_of(spec) if "median" in row and row["x"] == pytest.approx(x))
    verdict = judge(Sealed(forecast=made, at=SEALED, seq=1), arrived, Judging())
    assert at["median"] == pytest.approx(verdict.median)
    # Where the result is no point of the series, its FLOP alone do not say which size to draw.
    assert scene_of(make_series(planes.results()), made, verdict, None).seen is None


def test_a_sealed_forecast_is_drawn_as_far_as_was_asked() -> None:
    series, made, _ = plane()
    far = (7e9, 2e12)
    spec = specification(series_chart(series, made, sealed_at=SEALED, to=far))
    assert "forecast for 7B parameters from 15 rungs, sealed 2026-" in spec["title"]["subtitle"][0]
    last = max((row for row in rows_of(spec) if "median" in row), key=lambda row: row["x"])
    assert last["x"] == pytest.approx(6 * far[0] * far[1])
    assert last["median"] == pytest.approx(law_at(made, far, made.target_variance).median)


def test_a_fan_leaves_out_what_a_rung_covers() -> None:
    """A little beyond the 40M size, and cheaper than the largest rung: on the way there the ladder knows the answer."""
    series, made, _ = plane()
    near = (planes.SIZES[1], 1.02 * planes.TOKENS[4])
    fan = scene_of(series, made, None, None, near).fan
    assert fan
    assert all(made.beyond((near[0], row["x"] / (6 * near[0]))) for row in fan)


def test_the_track_record_is_drawn_with_its_numbers(tmp_path: Path) -> None:
    tallies = [
        Tally(family="lab", kind=kind, run=run, forecasts=10, inside_80=8, inside_95=9, pit=(3, *(1,) * 7, 0, 0))
        for kind in ("continuous", "thresholded")
        for run in ("a", "b")
    ]
    spec = specification(track_chart(track.rows(tallies)))
    text = json.dumps(spec)
    assert "20 forecasts, 2 runs; 80% inside 80 %" in text
    panels = spec["vconcat"][0]["hconcat"]
    assert [p["title"]["text"] for p in panels] == ["lab · continuous", "lab · thresholded"]
    shares = [each["share"] for each in spec["datasets"][panels[0]["layer"][1]["data"]["name"]]]
    assert shares == pytest.approx([0.3, *[0.1] * 7, 0, 0])
    write(track_chart(track.rows(tallies)), tmp_path / "track.svg")
    assert (tmp_path / "track.svg").read_text().startswith("<svg")
