"""Sealed forecasts and their track record."""

from __future__ import annotations

from checkpoints_db import Store
from checkpoints_db.records import Record, Sealed, Tally
from monitor.track import Row, rows

PAGE = 100
"""Forecasts on a page."""


class Forecasts(Record):
    """The record of every family, and the newest seals of one."""

    track: tuple[Row, ...]
    families: tuple[str, ...]
    family: str
    sealed: tuple[Sealed, ...]
    live: dict[str, Tally]
    """Series -> how its sealed forecasts did on what came."""
    count: int
    page: int
    pages: int


def forecasts(store: Store, family: str, page: int) -> Forecasts:
    """The track record, and one page of the newest seals of a family (the first one where none is named)."""
    names = tuple(dict.fromkeys(family for family, _ in store.evidence.run_counts()))
    family = family or (names[0] if names else "")
    newest = list(store.judgements.newest(family).values())
    pages = max(1, -(-len(newest) // PAGE))
    page = min(max(page, 1), pages)
    mine = newest[(page - 1) * PAGE : page * PAGE]
    return Forecasts(
        track=tuple(rows(store.judgements.tallies("run"))),
        families=names,
        family=family,
        sealed=tuple(store.judgements.sealed_at(seq) for seq in mine),
        live={tally.series: tally for tally in store.judgements.tallies("series", family=family)},
        count=len(newest),
        page=page,
        pages=pages,
    )
