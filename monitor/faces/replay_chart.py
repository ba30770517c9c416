"""A replay as one picture: a line for each run, coloured where its gate would not have been open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import altair as alt

from checkpoints_db.records import Answer
from monitor.faces.charts import FAINT, INK
from monitor.replay import Replay, Stretch

WIDTH, ROW, MOST = 720, 16, 60
COLOURS = {Answer.WARN: "#E69F00", Answer.HOLD: "#8899aa", Answer.PAUSE: "#D55E00"}


def replay_chart(found: Replay) -> alt.LayerChart:
    """When the gate of each run would have warned, held or paused; at most MOST runs, those that paused first."""
    runs = sorted(
        dict.fromkeys(f"{s.family}/{s.run}" for s in found.stretches),
        key=lambda run: -max(s.answer.rank for s in found.stretches if f"{s.family}/{s.run}" == run),
    )[:MOST]
    rows = [_row(s, found) for s in found.stretches if f"{s.family}/{s.run}" in runs]
    y = alt.Y("run:N", sort=runs, axis=alt.Axis(title=None, labelLimit=220, ticks=False, domain=False))
    answers = [str(answer) for answer in COLOURS]
    colour = alt.Color(
        "gate:N",
        scale=alt.Scale(domain=answers, range=list(COLOURS.values())),
        legend=alt.Legend(title=None, orient="top"),
    )
    tips = [alt.Tooltip(f"{name}:N") for name in ("run", "gate", "since", "until", "rule", "because")]
    base = alt.Chart(alt.InlineData(values=rows))
    bars = base.mark_bar(height=9).encode(
        x=alt.X("begin:T", axis=_axis(found), scale=_time(found)), x2="end:T", y=y, color=colour, tooltip=tips
    )
    starts = base.mark_tick(thickness=2, height=13, opacity=1).encode(x="begin:T", y=y, color=colour, tooltip=tips)
    title = alt.TitleParams(
        f"What policy {found.policy_name} would have done",
        subtitle=[
            f"{found.moments} moments of {found.source}, {found.judged} results judged;",
            f"expected pauses for nothing: {found.false_pauses.expected:.2g}; gates that stayed open are not drawn",
        ],
        anchor="start",
        color=INK,
        subtitleColor=FAINT,
        fontSize=15,
        offset=12,
    )
    return alt.LayerChart(layer=[bars, starts], width=WIDTH, height=alt.Step(ROW), title=title)


def _time(found: Replay) -> alt.Scale:
    """From the beginning of what was walked to its end, so that a reader sees how much of it was open."""
    if found.begins is None or found.ends is None or found.begins == found.ends:
        return alt.Scale(type="utc")
    return alt.Scale(type="utc", domain=[alt.DateTime(**_utc(found.begins)), alt.DateTime(**_utc(found.ends))])


def _axis(found: Replay) -> alt.Axis:
    """Dates with their years, or hours where all of it was within a few days."""
    short = found.begins is not None and found.ends is not None and found.ends - found.begins < timedelta(days=4)
    return alt.Axis(title=None, grid=True, tickCount=6, format="%m-%d %H:%M" if short else "%Y-%m-%d")


def _utc(at: datetime) -> dict[str, Any]:
    at = at.astimezone(UTC)
    own = {"year": at.year, "month": at.month, "date": at.day, "hours": at.hour, "minutes": at.minute}
    return {**own, "seconds": at.second, "utc": True}


def _row(s: Stretch, found: Replay) -> dict[str, str]:
    end = s.until or found.ends or s.since
    return {
        "run": f"{s.family}/{s.run}",
        "gate": str(s.answer),
        "begin": s.since.isoformat(),
        "end": end.isoformat(),
        "since": f"{s.since:%Y-%m-%d %H:%M}",
        "until": s.ended,
        "rule": s.causes[0].rule if s.causes else "latch",
        "because": s.causes[0].sentence if s.causes else "",
    }
