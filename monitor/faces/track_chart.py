"""The track record as one picture: where results fell in their laws, a panel for each family and kind of metric."""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt

from monitor.faces.charts import BLUE, FAINT, INK
from monitor.track import Row

WIDTH, HEIGHT, COLUMNS = 230, 120, 3


def track_chart(rows: Sequence[Row]) -> alt.VConcatChart:
    """PIT histograms in tenths, each with the line of honest widths and the band that chance allows it."""
    panels = [_panel(row) for row in rows]
    lines = [alt.HConcatChart(hconcat=panels[i : i + COLUMNS], spacing=36) for i in range(0, len(panels), COLUMNS)]
    title = alt.TitleParams(
        "Where results fell in the laws that were sealed before them",
        subtitle=[
            "share of results in each tenth of their law; the line is what honest widths give, the band what chance",
            "allows (95 %, independent results); a U says too narrow, a hump too wide, a slope that forecasts lean",
        ],
        anchor="start",
        color=INK,
        subtitleColor=FAINT,
        fontSize=15,
        offset=12,
    )
    return alt.VConcatChart(vconcat=lines, title=title, spacing=30)


def _panel(row: Row) -> alt.LayerChart:
    bins = len(row.pit)
    data = [
        {"from": i / bins, "to": (i + 1) / bins, "share": count / row.forecasts, "count": count}
        for i, count in enumerate(row.pit)
    ]
    even, n = 1 / bins, row.forecasts
    margin = 1.96 * math.sqrt(even * (1 - even) / n)
    top = 1.1 * max(even + margin, *(each["share"] for each in data))
    y = alt.Scale(domain=[0, min(top, 1.05)], nice=False)
    axis = alt.Axis(title=None, format=".0%", tickCount=3)
    band = alt.Chart(alt.InlineData(values=[{"low": max(even - margin, 0), "high": even + margin}]))
    bars = alt.Chart(alt.InlineData(values=data)).mark_bar(color=BLUE, opacity=0.75, stroke="white")
    line = alt.Chart(alt.InlineData(values=[{"even": even}])).mark_rule(color=INK, strokeDash=[5, 4])
    return alt.LayerChart(
        layer=[
            band.mark_rect(color="#e6eaee").encode(y=alt.Y("low:Q", scale=y, axis=axis), y2="high"),
            bars.encode(
                x=alt.X("from:Q", axis=alt.Axis(title=None, format=".1f", values=[0, 0.5, 1], grid=False)),
                x2="to",
                y2=alt.datum(0),
                y=alt.Y("share:Q", scale=y, axis=axis),
                tooltip=[alt.Tooltip("count:Q", title="results")],
            ),
            line.encode(y=alt.Y("even:Q", scale=y, axis=axis)),
        ],
        width=WIDTH,
        height=HEIGHT,
        title=alt.TitleParams(
            f"{row.family} · {row.kind}",
            subtitle=f"{_counted(n, 'forecast')}, {_counted(row.runs, 'run')}; {row.inside_80.share:.0%} inside 80 %",
            anchor="start",
            fontSize=12,
            color=INK,
            subtitleColor=FAINT,
        ),
    )


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
