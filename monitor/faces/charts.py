"""A series, its forecast and the result that arrived, as one picture: on a page, in a message, in a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from checkpoints_db.errors import SettingsError
from checkpoints_db.records import PLANE, Axis, Forecast, Metric, Outcome, Place, Point, Series, Verdict
from monitor.faces.page import page
from monitor.faces.render import short_scale
from monitor.faces.scene import (
    BANDS,
    HEIGHT,
    WIDTH,
    Frame,
    Scene,
    apart,
    frame_of,
    is_share,
    noise_of,
    scene_of,
    ticks_of,
)
from monitor.faces.views.words import WHY

VEGA_LITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
"""Version of the language that charts are written in."""
OFFLINE: dict[str, Any] = {"vl_version": VEGA_LITE, "allowed_base_urls": []}
INK, FAINT, BLUE = "#1f2933", "#6b7785", "#0072B2"
BAND_COLOURS = {98: "#dcebf5", 80: "#b5d5ea", 50: "#7fb5d8"}
# Okabe and Ito's colours: told apart by colour-blind readers; the shapes say the same to those who print in grey.
OUTCOMES: dict[Outcome, tuple[str, str]] = {
    "expected": ("#007a5e", "circle"),
    "above": ("#D55E00", "triangle-up"),
    "below": ("#A64D86", "triangle-down"),
    "inconclusive": ("#8a6d00", "diamond"),
    "unforeseen": ("#1f2933", "cross"),
}
AXES: dict[Axis, str] = {
    "flop": "training FLOP",
    "params": "parameters",
    "tokens": "training tokens",
    "effective_compute": "effective compute (FLOP)",
    PLANE: "training FLOP (6 · parameters · tokens), a line for each size",
}


@dataclass(frozen=True)
class _Label:
    """Words in the right margin, level with a value of the metric."""

    value: float
    text: str
    colour: str
    bold: bool = False


def series_chart(
    series: Series,
    forecast: Forecast | None,
    verdict: Verdict | None = None,
    observed: Point | None = None,
    ceiling: float | None = None,
    *,
    sealed_at: datetime | None = None,
    to: Place | None = None,
    trigger: float | None = None,
) -> alt.LayerChart:
    """The ladder, the forecast beyond it, and the observation, on a logarithmic scale axis.

    On two axes that axis is FLOP, rungs of equal parameters are joined by a line, and the forecast is drawn for one
    number of parameters, which the title says: at other sizes the same FLOP have another forecast.

    `observed` is the result judged; without it the point of `series` that `verdict` names is taken, then the verdict's
    own number. `ceiling` is a level some rule forbids to reach, in units of the metric. Error bars are two standard
    errors. Without a verdict, `sealed_at` says when the forecast was sealed, and `to` how far it is drawn. `trigger` is
    the scale at which the next assessment is due, on the axis of the series.
    """
    scene = scene_of(series, forecast, verdict, observed, to)
    frame = frame_of(scene, ceiling, trigger)
    layers = [
        *_fan_layers(scene, frame),
        *_ceiling_layers(ceiling, frame),
        *_trigger_layers(trigger, scene, frame),
        *_ladder_layers(scene, frame),
        *_seen_layers(scene, verdict, frame),
    ]
    labels = _labels(scene, verdict, ceiling)
    if labels:
        layers += _margin(labels, frame)
    title = alt.TitleParams(
        f"{series.task} · {series.metric.name} — {series.family}",
        subtitle=_subtitle(forecast, verdict, scene, sealed_at),
        anchor="start",
        fontSize=15,
        color=INK,
        subtitleColor=FAINT,
        subtitleFontSize=11,
        subtitlePadding=4,
        offset=12,
    )
    return alt.LayerChart(layer=layers, width=WIDTH, height=HEIGHT, title=title)


def question_chart(charts: Sequence[alt.LayerChart]) -> alt.HConcatChart:
    """The metrics of one question side by side, in the order given: the continuous one first, as a rule."""
    return alt.HConcatChart(hconcat=list(charts), spacing=48)


def specification(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The Vega-Lite specification of `chart` in the style of the house; all data are inside."""
    spec: dict[str, Any] = chart.to_dict()
    spec["background"] = "white"
    spec["padding"] = 14
    axis = {
        "labelColor": FAINT,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "titleFontSize": 12,
        "labelFontSize": 11,
        "gridColor": "#eef1f4",
        "domainColor": "#c5ccd3",
        "tickColor": "#c5ccd3",
        "titlePadding": 8,
    }
    spec["config"] = {"font": "Helvetica, Arial, Liberation Sans, sans-serif", "view": {"stroke": None}, "axis": axis}
    return spec


def write(chart: alt.TopLevelMixin, path: Path) -> None:
    """Write `chart` as .png (two pixels a point), .svg, or .html that needs nothing from the network.

    Raises SettingsError for any other suffix.
    """
    content = picture(chart, path.suffix.lower())
    if content is None:
        what = path.suffix or "no suffix"
        raise SettingsError(f"{path}: {what} is no kind of chart; name it .png, .svg or .html")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def picture(chart: alt.TopLevelMixin, suffix: str) -> bytes | None:
    """`chart` as .png, .svg or .html; None for any other suffix."""
    drawing = specification(chart)
    if suffix == ".png":
        return bytes(vl_convert.vegalite_to_png(drawing, scale=2, **OFFLINE))
    if suffix == ".svg":
        return svg(drawing)
    return page(drawing, VEGA_LITE).encode() if suffix == ".html" else None


def svg(drawing: dict[str, Any]) -> bytes:
    """A specification as a picture."""
    return str(vl_convert.vegalite_to_svg(drawing, **OFFLINE)).encode()


def _x(scene: Scene, frame: Frame) -> alt.X:
    spelling = "replace(format(datum.value, '~s'), 'G', 'B')"  # 6.7B parameters, not 6.7G
    if scene.axis in ("flop", "effective_compute", PLANE):
        spelling = "replace(format(datum.value, '~e'), '+', '')"
    ticks = ticks_of(frame.x)
    scale = alt.Scale(type="log", domain=list(frame.x), nice=False)
    axis = alt.Axis(title=AXES[scene.axis], labelExpr=spelling, values=ticks, grid=False, labelFlush=False)
    return alt.X("x:Q", scale=scale, axis=axis)


def _y(scene: Scene, frame: Frame, field: str) -> alt.Y:
    metric = scene.metric
    arrow = "higher" if metric.sign > 0 else "lower"
    scale = alt.Scale(type="log" if frame.log_y else "linear", domain=list(frame.y), nice=False, zero=False)
    form = ".0%" if is_share(metric) and frame.y[1] - frame.y[0] > 0.05 else "~g"
    axis = alt.Axis(title=f"{metric.name}  ({arrow} is more capable)", tickCount=6, format=form)
    if frame.log_y:
        axis.values = ticks_of(frame.y)
    return alt.Y(f"{field}:Q", scale=scale, axis=axis)


def _number(metric: Metric, value: float) -> str:
    text = f"{100 * value:.3g} %" if is_share(metric) else f"{value:.3g}"
    return text.replace("-", "−")


def _data(rows: Sequence[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=list(rows))


def _fan_layers(scene: Scene, frame: Frame) -> list[alt.Chart]:
    if not scene.fan:
        return []
    rows = [{name: row["x"] if name == "x" else frame.held(row[name]) for name in row} for row in scene.fan]
    base = alt.Chart(_data(rows)).encode(x=_x(scene, frame))
    layers = [
        base.mark_area(clip=True, color=BAND_COLOURS[band], opacity=1).encode(
            y=_y(scene, frame, f"low{band}"), y2=alt.Y2(f"high{band}")
        )
        for band in BANDS
    ]
    layers.append(base.mark_line(clip=True, color=BLUE, strokeWidth=2).encode(y=_y(scene, frame, "median")))
    layers.append(
        base.mark_line(clip=True, color=INK, strokeWidth=1.4, strokeDash=[5, 4]).encode(y=_y(scene, frame, "edge"))
    )
    return layers


def _rows(points: Sequence[Point], metric: Metric, frame: Frame) -> list[dict[str, Any]]:
    rows = []
    for p in points:
        error = 2 * math.sqrt(noise_of(metric, p))
        low, high = max(p.value - error, frame.y[0]), min(p.value + error, frame.y[1])
        row = {"x": p.x, "value": p.value, "low": low, "high": high, "run": p.run, "n": p.n}
        rows.append(row if p.plane is None else {**row, "params": p.plane[0], "tokens": p.plane[1]})
    return rows


def _tips(scene: Scene) -> list[alt.Tooltip]:
    metric = scene.metric
    names = ("params", "tokens") if scene.axis == PLANE else ()
    return [
        alt.Tooltip("run:N", title="run"),
        *(alt.Tooltip(f"{name}:Q", title=name, format=".4~s") for name in names),
        alt.Tooltip("x:Q", title="scale", format=".4~g"),
        alt.Tooltip("value:Q", title=metric.name, format=".4~g"),
        alt.Tooltip("n:Q", title="questions"),
    ]


def _ladder_layers(scene: Scene, frame: Frame) -> list[alt.Chart]:
    if not scene.ladder:
        return []
    metric, x = scene.metric, _x(scene, frame)
    base = alt.Chart(_data(_rows(scene.ladder, metric, frame))).encode(x=x)
    y = _y(scene, frame, "value")
    line = base.mark_line(color="#b8c0c8", strokeWidth=1).encode(y=y)
    layers = [
        line.encode(detail="params:N") if scene.axis == PLANE else line,
        base.mark_rule(color=INK, strokeWidth=1.3).encode(y=_y(scene, frame, "low"), y2="high"),
        base.mark_circle(color=INK, size=52, opacity=1).encode(y=y, tooltip=_tips(scene)),
    ]
    if scene.axis == PLANE:
        layers.append(_sizes(scene, frame))
    elif len(scene.ladder) <= 12:
        # Right-aligned, on the side a rising (or falling) curve leaves free, and clear of the fan at the last rung.
        side = -11 if metric.sign > 0 else 13
        names = base.mark_text(dx=1, dy=side, align="right", fontSize=10, color=FAINT)
        layers.append(names.encode(y=y, text="run:N"))
    if scene.later:
        later = alt.Chart(_data(_rows(scene.later, metric, frame))).encode(x=x, y=y, tooltip=_tips(scene))
        layers.append(later.mark_point(color=INK, size=52, filled=False, fill="white", opacity=1))
    return layers


def _sizes(scene: Scene, frame: Frame) -> alt.Chart:
    # Parameters above the first rung of each size, where the lines still lie apart.
    first = {p.place[0]: p for p in sorted(scene.ladder, key=lambda p: -p.x)}
    rows = [{"x": p.x, "value": p.value, "size": short_scale(params)} for params, p in first.items()]
    names = alt.Chart(_data(rows)).mark_text(dy=-11, fontSize=10, color=FAINT)
    drawn: alt.Chart = names.encode(x=_x(scene, frame), y=_y(scene, frame, "value"), text="size:N")
    return drawn


def _ceiling_layers(ceiling: float | None, frame: Frame) -> list[alt.Chart]:
    if ceiling is None:
        return []
    rule = alt.Chart(_data([{}])).mark_rule(color="#b00020", strokeWidth=1.6)
    return [rule.encode(y=alt.value(frame.pixel(ceiling)))]


def _trigger_layers(trigger: float | None, scene: Scene, frame: Frame) -> list[alt.Chart]:
    if trigger is None:
        return []
    base = alt.Chart(_data([{"x": trigger, "what": "next trigger"}])).encode(x=_x(scene, frame))
    return [
        base.mark_rule(color=FAINT, strokeWidth=1.2, strokeDash=[2, 3]),
        base.mark_text(align="right", baseline="top", dx=-4, fontSize=10, color=FAINT).encode(
            y=alt.value(2), text="what:N"
        ),
    ]


def _seen_layers(scene: Scene, verdict: Verdict | None, frame: Frame) -> list[alt.Chart]:
    if scene.seen is None:
        return []
    colour, shape = _look(scene.metric, verdict)
    at = scene.at_seen()
    x = _x(scene, frame)
    layers = []
    if at is not None and verdict is not None and verdict.detectable is not None:
        bracket = [{"x": at["x"], "low": min(at["median"], at["edge"]), "high": max(at["median"], at["edge"])}]
        base = alt.Chart(_data(bracket)).encode(x=x)
        # Shifted to the right of the observation, so that neither hides the other.
        layers.append(
            base.mark_rule(clip=True, xOffset=11, color=INK, strokeWidth=1.4).encode(
                y=_y(scene, frame, "low"), y2="high"
            )
        )
        layers += [
            base.mark_tick(clip=True, xOffset=11, color=INK, orient="horizontal", size=9, thickness=1.4).encode(
                y=_y(scene, frame, end)
            )
            for end in ("low", "high")
        ]
    base = alt.Chart(_data(_rows([scene.seen], scene.metric, frame))).encode(x=x)
    layers.append(base.mark_rule(color=colour, strokeWidth=2).encode(y=_y(scene, frame, "low"), y2="high"))
    layers.append(
        base.mark_point(
            shape=shape, size=190, filled=True, color=colour, stroke="white", strokeWidth=1.5, opacity=1
        ).encode(y=_y(scene, frame, "value"), tooltip=_tips(scene))
    )
    return layers


def _look(metric: Metric, verdict: Verdict | None) -> tuple[str, str]:
    """Colour and shape of the observation; a triangle points to where the value went, whichever way is capable."""
    if verdict is None:
        return INK, "square"
    colour, shape = OUTCOMES[verdict.outcome]
    if metric.sign < 0 and shape.startswith("triangle"):
        shape = {"triangle-up": "triangle-down", "triangle-down": "triangle-up"}[shape]
    return colour, shape


def _labels(scene: Scene, verdict: Verdict | None, ceiling: float | None) -> list[_Label]:
    metric, at = scene.metric, scene.at_seen()
    labels = []
    if scene.seen is not None:
        outcome = f": {verdict.outcome}" if verdict else ""
        text = f"{scene.seen.run} {_number(metric, scene.seen.value)}{outcome}"
        labels.append(_Label(scene.seen.value, text, _look(metric, verdict)[0], bold=True))
    if at is not None:
        edge = f"break line {_number(metric, at['edge'])} ({100 * scene.tail:.2g} % tail)"
        labels.append(_Label(at["edge"], edge, INK))
        labels.append(_Label(at["median"], f"forecast {_number(metric, at['median'])}", BLUE))
        if verdict is not None and verdict.detectable is not None:
            smallest = f"smallest visible break {_size(metric, verdict.detectable)}"
            if _out_of_reach(metric, at["edge"]):
                smallest = "interval ends at the best value: no break visible"
            labels.append(_Label((at["edge"] + at["median"]) / 2, smallest, FAINT))
    if ceiling is not None:
        labels.append(_Label(ceiling, f"ceiling {_number(metric, ceiling)}", "#b00020"))
    return labels


def _out_of_reach(metric: Metric, edge: float) -> bool:
    """Whether the break line lies on the best possible value, so that no result could cross it."""
    best = metric.upper if metric.sign > 0 else metric.lower
    return best is not None and abs(best - edge) <= 1e-6 * (1 + abs(best))


def _size(metric: Metric, difference: float) -> str:
    return f"{100 * difference:.2g} points" if is_share(metric) else f"{difference:.2g}"


def _margin(labels: list[_Label], frame: Frame) -> list[alt.Chart]:
    """Labels to the right of the plot, each level with its value as far as they do not cover one another."""
    ordered = sorted(labels, key=lambda label: frame.pixel(label.value))
    places = apart([frame.pixel(label.value) for label in ordered])
    layers = []
    for bold, size in ((False, 11.5), (True, 13)):
        rows = [
            {"y": place, "text": label.text, "colour": label.colour}
            for place, label in zip(places, ordered, strict=True)
            if label.bold == bold
        ]
        texts = alt.Chart(_data(rows)).mark_text(
            align="left", baseline="middle", fontSize=size, fontWeight="bold" if bold else "normal"
        )
        layers.append(
            texts.encode(
                x=alt.value(WIDTH + 8),
                y=alt.Y("y:Q", scale=None, axis=None),
                text="text:N",
                color=alt.Color("colour:N", scale=None),
            )
        )
    return layers


def _subtitle(
    forecast: Forecast | None, verdict: Verdict | None, scene: Scene, sealed_at: datetime | None
) -> list[str]:
    lines = []
    if verdict is not None:
        tail = verdict.tail_below if verdict.outcome == "below" else verdict.tail_above
        numbers = "" if tail is None else f", tail probability {tail:.1g}"
        meaning = WHY[verdict.why]
        lines.append(f"{verdict.outcome}{numbers}{': ' + meaning if meaning else ''}")
    if forecast is None:
        lines.append("no forecast")
        return lines
    sealed = "not sealed: exploratory" if sealed_at is None else f"sealed {sealed_at:%Y-%m-%d %H:%M} UTC"
    if verdict is not None and verdict.sealed_at is not None:
        sealed = f"sealed {verdict.sealed_at:%Y-%m-%d %H:%M} UTC, before the result"
    bands = ", ".join(str(band) for band in reversed(BANDS))
    what = "forecast" if scene.through is None else f"forecast for {short_scale(scene.through)} parameters"
    lines.append(f"{what} from {len(forecast.rungs)} rungs, {sealed}; bands {bands} %")
    return lines
