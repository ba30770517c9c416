"""A sweep as one picture: false pauses a year against missed breaks, and against how late breaks are stopped."""

from __future__ import annotations

from typing import Any

import altair as alt

from monitor.faces.charts import BLUE, FAINT, INK
from monitor.tuning import Setting, Tuning

WIDTH, HEIGHT = 340, 300

ROLES = {
    "recommended": ("#D55E00", "diamond"),
    "current": ("#1f2933", "square"),
    "on the front": (BLUE, "circle"),
    "other": ("#b4bcc6", "circle"),
}


def tune_chart(found: Tuning) -> alt.HConcatChart:
    """Two panels over false pauses a year; the line is the Pareto front, bars are the limits of what is labelled."""
    rows = [_row(i, s, found) for i, s in enumerate(found.settings)]
    rows.sort(key=lambda row: -list(ROLES).index(row["role"]))  # what matters is drawn over what lies in the same place
    limits = ("missed_low", "missed_high")
    missed = _panel(rows, "missed", "breaks missed", limits=limits, form=".0%")
    delay = _panel(rows, "delay", "checkpoints let through, on average", limits=None, form=".2~f")
    advice = found.settings[found.recommended.setting]
    advised = (
        f"take {', '.join(advice.spelled)} where a missed break costs {found.cost_ratio:g} false pauses and "
        f"{found.breaks_a_year:g} a year are expected"
    )
    if not found.recommended.better and not advice.current:
        advised += "; this history does not tell it from the current setting"
    tried = (
        f"{found.checkpoints} checkpoints of {found.runs} runs, {found.years:.2g} years; {found.planted} planted "
        f"breaks ({', '.join(found.sizes)}); bars are limits at 90 %"
    )
    title = alt.TitleParams(
        f"{' and '.join(found.params)} of policy {found.policy_name}: false pauses against missed breaks",
        subtitle=[advised, tried],
        anchor="start",
        color=INK,
        subtitleColor=FAINT,
        fontSize=15,
        offset=12,
    )
    return alt.HConcatChart(hconcat=[missed, delay], title=title, spacing=40)


def _row(i: int, s: Setting, found: Tuning) -> dict[str, Any]:
    role = "on the front" if s.front else "other"
    role = "recommended" if i == found.recommended.setting else "current" if s.current else role
    return {
        "false": s.a_year,
        "false_low": s.a_year_limits.lower,
        "false_high": s.a_year_limits.upper,
        "missed": s.missed,
        "missed_low": s.missed_limits.lower,
        "missed_high": s.missed_limits.upper,
        "delay": s.delay,
        "role": role,
        "front": s.front,
        "said": ", ".join(s.spelled),
        "label": _label(s, role),
        "cost": s.cost,
    }


def _label(s: Setting, role: str) -> str:
    values = ", ".join(text.partition(" = ")[2] for text in s.spelled)
    both = "recommended, as now" if role == "recommended" and s.current else role
    return f"{both}: {values}" if role in ("recommended", "current") else ""


def _panel(
    rows: list[dict[str, Any]], y: str, title: str, *, limits: tuple[str, str] | None, form: str
) -> alt.LayerChart:
    data = alt.InlineData(values=rows)
    x = alt.X("false:Q", axis=alt.Axis(title="false pauses a year"), scale=alt.Scale(zero=True))
    top = max(row[key] for row in rows for key in (y, *(limits or ()))) or 1.0
    scale = alt.Scale(domain=[0, 1.05 * top], nice=False)
    up = alt.Y(f"{y}:Q", axis=alt.Axis(title=title, format=form), scale=scale)
    roles = list(ROLES)
    colour = alt.Color(
        "role:N", scale=alt.Scale(domain=roles, range=[c for c, _ in ROLES.values()]), legend=alt.Legend(title=None)
    )
    shape = alt.Shape(
        "role:N", scale=alt.Scale(domain=roles, range=[s for _, s in ROLES.values()]), legend=alt.Legend(title=None)
    )
    tips = [
        alt.Tooltip("said:N", title="setting"),
        alt.Tooltip("false:Q", title="false pauses a year", format=".3~g"),
        alt.Tooltip("missed:Q", format=".1%"),
        alt.Tooltip("delay:Q", format=".2~f"),
        alt.Tooltip("cost:Q", format=".3~g"),
    ]
    front = [row for row in rows if row["front"]]
    layers = [
        alt.Chart(alt.InlineData(values=front))
        .mark_line(color=BLUE, opacity=0.5)
        .encode(x=x, y=up, order=alt.Order("false:Q"))
    ]
    for role, aside in (("recommended", -2), ("current", 2)):  # side by side, where both stand in one place
        own = alt.Chart(alt.InlineData(values=[row for row in rows if row["label"] and row["role"] == role]))
        along = own.mark_rule(color=ROLES[role][0], opacity=0.6, strokeWidth=2, yOffset=aside)
        layers.append(along.encode(x=alt.X("false_low:Q"), x2="false_high:Q", y=up))
        if limits is not None:
            upward = own.mark_rule(color=ROLES[role][0], opacity=0.6, strokeWidth=2, xOffset=aside)
            layers.append(upward.encode(x=x, y=alt.Y(f"{limits[0]}:Q"), y2=f"{limits[1]}:Q"))
    layers.append(
        alt.Chart(data)
        .mark_point(filled=True, size=70, opacity=1)
        .encode(x=x, y=up, color=colour, shape=shape, tooltip=tips)
    )
    for role, above in (("recommended", 9), ("current", 23)):  # one over the other, where both stand in one place
        own = alt.Chart(alt.InlineData(values=[row for row in rows if row["label"] and row["role"] == role]))
        for stroke in ({"stroke": "white", "strokeWidth": 4}, {"color": INK}):
            words = own.mark_text(align="left", dx=9, dy=-above, fontSize=10, **stroke)
            layers.append(words.encode(x=x, y=up, text="label:N"))
    return alt.LayerChart(layer=layers, width=WIDTH, height=HEIGHT)
