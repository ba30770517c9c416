"""The series explorer: every series of a family, and one of them with its rungs, verdicts and forecasts."""

from __future__ import annotations

from checkpoints_db import Store
from checkpoints_db.evidence_rows import SeriesHead
from checkpoints_db.records import Record, Sealed, Series, Tally, Verdict
from monitor.emergence import Emergence, emergence

PAGE = 100
"""Series on a page."""
SEALS = 20
"""Seals of a series that are listed."""


class SeriesList(Record):
    """One page of the series of a family."""

    families: tuple[str, ...]
    family: str
    text: str
    rows: tuple[SeriesHead, ...]
    sealed: frozenset[str]
    """Those of which a forecast is sealed."""
    count: int
    page: int
    pages: int


class SeriesPage(Record):
    """One series."""

    series: Series
    verdicts: dict[str, Verdict]
    """Result -> what was said of it."""
    sealed: tuple[Sealed, ...]
    """The newest seals, newest first."""
    live: Tally | None
    figures: Emergence | None


def series_list(store: Store, family: str, text: str, page: int) -> SeriesList:
    """Series whose task or metric has some words; of the first family where none is named."""
    names = tuple(dict.fromkeys(family for family, _ in store.evidence.run_counts()))
    family = family or (names[0] if names else "")
    wanted = text.lower()
    heads = [h for h in store.evidence.series_heads(family) if wanted in f"{h.task} {h.metric} {h.series}".lower()]
    pages = max(1, -(-len(heads) // PAGE))
    page = min(max(page, 1), pages)
    return SeriesList(
        families=names,
        family=family,
        text=text,
        rows=tuple(heads[(page - 1) * PAGE : page * PAGE]),
        sealed=frozenset(store.judgements.newest(family)),
        count=len(heads),
        page=page,
        pages=pages,
    )


def series_page(store: Store, name: str) -> SeriesPage | None:
    """One series by its id; None where there is none."""
    if not store.evidence.changed(name):
        return None
    sealed = store.judgements.sealed(name)
    series = store.evidence.series(name, sealed.forecast.axis if sealed else None)
    judged = {v.result: v for _, v in store.judgements.verdicts(series.family) if v.series == name}
    seals = [seal for seal, _ in zip(store.judgements.seals_of(name), range(SEALS), strict=False)]
    live = next((t for t in store.judgements.tallies("series", family=series.family) if t.series == name), None)
    figures = emergence(series)
    return SeriesPage(series=series, verdicts=judged, sealed=tuple(seals), live=live, figures=figures)
