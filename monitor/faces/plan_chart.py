"""The plan as one picture: the smallest break each series could see against the policy's limit, a panel a target."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from monitor.faces.charts import FAINT, INK
from monitor.planning import CANNOT, Prospect

WIDTH, ROW, MOST, COLUMNS = 340, 17, 40, 2
FARTHEST = 1.25
"""Shares of the room beyond this are drawn here, and labelled with their number."""

SIGHTS = {"cannot see": ("#D55E00", "diamond"), "sees": ("#007a5e", "circle")}


def plan_chart(prospects: Sequence[Prospect], resolve: float) -> alt.ConcatChart:
    """One panel a target that not all series have reached, the blindest on top, at most MOST of them; the line is what
    the policy asks for."""
    ahead = [p for p in prospects if p.sight != "reached"]
    targets = list(dict.fromkeys(p.target for p in ahead))
    panels = [_panel(t, [p for p in ahead if p.target == t], resolve) for t in targets]
    title = alt.TitleParams(
        "The smallest break each series could see at checkpoints to come",
        subtitle=[
            f"as a share of the metric's room; right of the line (the policy's {resolve:.0%}) and where a reason",
            "stands the gate would hold",
        ],
        anchor="start",
        color=INK,
        subtitleColor=FAINT,
        fontSize=15,
        offset=12,
    )
    return alt.ConcatChart(concat=panels, columns=COLUMNS, title=title, spacing=40)


def _panel(target: str, mine: list[Prospect], resolve: float) -> alt.LayerChart:
    shown = mine[:MOST]
    families = {p.family for p in mine}
    rows = [_row(p, several=len(families) > 1) for p in shown]
    names = [row["series"] for row in rows]
    for row, p in zip(rows, shown, strict=True):
        if names.count(row["series"]) > 1:  # two conditions of one metric
            row["series"] = f"{row['series']} {p.series[:6]}"
    blind = sum(p.sight in CANNOT for p in mine)
    left_out = f"; the {len(mine) - MOST} that see best are left out" if len(mine) > MOST else ""
    data = alt.InlineData(values=rows)
    y = alt.Y("series:N", sort=None, axis=alt.Axis(title=None, labelLimit=260, grid=True, ticks=False, domain=False))
    scale = alt.Scale(domain=[0, FARTHEST], nice=False)
    axis = alt.Axis(title="smallest visible break, share of room", format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
    x = alt.X("share:Q", scale=scale, axis=axis)
    sights = list(SIGHTS)
    colour = alt.Color("sight:N", scale=alt.Scale(domain=sights, range=[c for c, _ in SIGHTS.values()]), legend=None)
    shape = alt.Shape("sight:N", scale=alt.Scale(domain=sights, range=[s for _, s in SIGHTS.values()]), legend=None)
    tips = [alt.Tooltip("series:N"), alt.Tooltip("said:N", title="smallest break"), alt.Tooltip("words:N", title="so")]
    limit = alt.Chart(alt.InlineData(values=[{"resolve": resolve}])).mark_rule(color=INK, strokeDash=[5, 4])
    dots = alt.Chart(data).mark_point(filled=True, size=70, opacity=1)
    words = alt.Chart(data)
    return alt.LayerChart(
        layer=[
            limit.encode(x=alt.X("resolve:Q", scale=scale, axis=axis)),
            dots.encode(x=x, y=y, color=colour, shape=shape, tooltip=tips),
            # Where words cross the line they stand before it.
            words.mark_text(align="left", dx=8, fontSize=10, stroke="white", strokeWidth=4).encode(
                x=x, y=y, text="label:N"
            ),
            words.mark_text(align="left", dx=8, fontSize=10, color=FAINT).encode(x=x, y=y, text="label:N"),
        ],
        width=WIDTH,
        height=ROW * max(len(rows), 3),
        title=alt.TitleParams(
            target,
            subtitle=f"{blind} of {len(mine)} series would hold the gate{left_out}",
            anchor="start",
            fontSize=13,
            color=INK,
            subtitleColor=FAINT,
        ),
    )


def _row(p: Prospect, *, several: bool) -> dict[str, object]:
    stage = f" {p.stage}" if p.stage else ""
    series = f"{p.task} · {p.metric.name}{stage}"
    # What has no number, or one beyond the picture, stands at its edge and says why.
    far = p.share is None or p.share > FARTHEST
    label = "" if p.sight in ("sees", "blind") else p.sight.replace("_", " ")
    nothing = "no forecast" if p.own is None else "no place on its axis"
    label = {"none": nothing, "too_few": "too few rungs"}.get(p.sight, label)
    if far and p.share is not None:
        label = f"{p.share:.0%}, {label}".removesuffix(", ")
    return {
        "series": f"{p.family}: {series}" if several else series,
        "share": FARTHEST if far else p.share,
        "sight": "cannot see" if p.sight in CANNOT else "sees",
        "label": label,
        "said": "–" if p.detectable is None else f"{p.detectable:.3g}",
        "words": p.sentence,
    }
