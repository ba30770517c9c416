"""Records as text a tired person can read: tables, short numbers, clean names."""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

COLOURS = {
    "GO": "green",
    "WARN": "yellow",
    "HOLD": "dark_orange",
    "PAUSE": "bold red",
    "expected": "green",
    "above": "bold red",
    "below": "dark_orange",
    "inconclusive": "dark_orange",
    "unforeseen": "dark_orange",
    "on_trend": "green",
    "metric_artefact": "yellow",
    "inverse_scaling": "yellow",
    "dip": "yellow",
    "genuine_break": "bold red",
    "latent_break": "bold red",
    "unexplained_jump": "bold red",
    "regression": "dark_orange",
    "unresolved_jump": "dark_orange",
    "firing": "bold red",
    "acknowledged": "yellow",
    "under_review": "yellow",
    "waived": "dim",
    "superseded": "dim",
    "withdrawn": "dim",
    "closed": "dim",
}


def console(*, error: bool = False) -> Console:
    """A console on standard output or standard error; wide enough for tables where nobody is watching."""
    made = Console(stderr=error, highlight=False, emoji=False, markup=False, soft_wrap=False)
    if not made.is_terminal:
        made = Console(stderr=error, highlight=False, emoji=False, markup=False, width=160)
    return made


def clean(text: object) -> str:
    """Text from logs without control, bidi and other invisible characters: names of models are hostile.

    >>> clean("a\\x1b[31mb\\u202ec")
    'a�[31mb�c'
    """
    return "".join(
        " " if c in "\n\t" else "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] == "C" else c
        for c in str(text)
    )


def number(value: float | None, digits: int = 4) -> str:
    """A number in few characters; a dash where there is none.

    >>> number(0.00061728), number(3.14e23), number(None), number(0.5)
    ('0.0006173', '3.14e+23', '–', '0.5')
    """
    if value is None:
        return "–"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits}g}"
    return f"{value:.{max(digits - 1, 1)}g}"


def probability(value: float | None) -> str:
    """A probability; far tails as a power of ten.

    >>> probability(0.0234), probability(3e-9), probability(1e-14), probability(0.99999)
    ('0.023', '3e-09', '< 1e-12', '1')
    """
    if value is None:
        return "–"
    if value < 1e-12:
        return "< 1e-12"
    return f"{value:.2g}"


def interval(lower: float | None, upper: float | None) -> str:
    """An interval, or a dash."""
    return "–" if lower is None or upper is None else f"[{number(lower, 3)}, {number(upper, 3)}]"


SI = ((1e24, "Y"), (1e21, "Z"), (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def scale(value: float | None) -> str:
    """A scale with an SI prefix.

    >>> scale(174.6e9), scale(4144), scale(None)
    ('174.6G', '4.144k', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    for size, prefix in SI:
        if value >= size:
            return f"{value / size:.4g}{prefix}"
    return f"{value:.4g}"


def short_scale(value: float) -> str:
    """A number of parameters as models are named by it.

    >>> short_scale(6.857e9), short_scale(70_426_624)
    ('6.86B', '70.4M')
    """
    return scale(float(f"{value:.3g}")).replace("G", "B")


def moment(at: datetime | None) -> str:
    """A time in UTC to the second, or a dash."""
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M:%S}Z"


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> Table:
    """A table; cells that name an answer, outcome or diagnosis carry its colour; those of `whole` are never folded."""
    made = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", expand=False, pad_edge=False
    )
    for column in columns:
        justify: JustifyMethod = "right" if column in right else "left"
        made.add_column(column, justify=justify, overflow="fold", no_wrap=column in whole)
    for row in rows:
        cells = [clean(cell) for cell in row]
        made.add_row(*[Text(cell, style=COLOURS.get(cell, "")) for cell in cells])
    return made


def json_text(value: Any) -> str:
    """The one spelling of JSON that commands print."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, sort_keys=True) + "\n"


def as_json(value: Any) -> None:
    """Print JSON to standard output."""
    sys.stdout.write(json_text(value))
