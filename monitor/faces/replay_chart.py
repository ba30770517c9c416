"""A replay as one picture: a line for each run, coloured where its gate would not have been open."""

from __future__ import annotations

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
        x=alt.X("begin:T", axis=alt.Axis(title=None, grid=True)), x2="end:T", y=y, color=colour, tooltip=tips
    )
    starts = base.mark_tick(thickness=2, height=13).encode(x="begin:T", y=y, color=colour, tooltip=tips)
    title = alt.TitleParams(
        f"What policy {found.policy_name} would have done",
        subtitle=[
            f"{found.moments} moments of {found.source}, {found.judged} results judged;",
            f"expected pauses for nothing: {found.false_pauses.expected:.2g}",
        ],
        anchor="start",
        color=INK,
        subtitleColor=FAINT,
        fontSize=15,
        offset=12,
    )
    return alt.LayerChart(layer=[bars, starts], width=WIDTH, height=alt.Step(ROW), title=title)


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
