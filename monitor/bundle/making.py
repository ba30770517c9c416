"""Making a bundle: which decision it is about, and everything that decision came from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from checkpoints_db import Store
from checkpoints_db.errors import BundleError
from checkpoints_db.judgements import Moment
from checkpoints_db.ledger import Pin
from checkpoints_db.ledger_lines import line_of
from checkpoints_db.records import Decision
from monitor import gate
from monitor.bundle import packing
from monitor.bundle.records import Manifest
from monitor.bundle.telling import Tell, counted, silent, ticked


class About(NamedTuple):
    """The decision that a bundle is about."""

    moment: Moment
    decision: Decision
    alert: str = ""


class Drawing(NamedTuple):
    """A chart as SVG, and the versions of what drew it."""

    svg: bytes
    drawn_by: str


Draw = Callable[[Store, About], Drawing | None]
"""Draws what a decision is about; None where there is nothing to draw."""


def about(store: Store, name: str) -> About:
    """What a bundle on `name` is about: the newest decision behind an alert, or that of the gate of a run.

    Raises BundleError where nothing of that name was decided on.
    """
    alert = store.actions.alert(name)
    if alert is not None:
        if not alert.decision:
            raise BundleError(f"alert {alert.id}: it is about no decision on a run ({alert.sentence}); name a run")
        return _at(store, alert.family, alert.run, alert.decision, alert.id)
    place = gate.find_run(store, name)
    if place is None:
        raise BundleError(
            f"{name!r} is no alert and no run, or several; see `holdpoint alert list --all` and `holdpoint gate status`"
        )
    state = store.actions.gate(*place)
    if state is None or not state.decision:
        raise BundleError(f"{'/'.join(place)}: nothing was decided on it yet; run `holdpoint ingest` first")
    return _at(store, *place, state.decision)


def _at(store: Store, family: str, run: str, digest: str, alert: str = "") -> About:
    for moment in store.judgements.moments(family):
        if (moment.run, moment.digest) == (run, digest):
            return About(moment, store.judgements.decision_at(moment.seq), alert)
    raise BundleError(
        f"{family}/{run}: its decision {digest[:12]} is not in the ledger; run `holdpoint ledger verify --deep`"
    )


def make(
    store: Store, of: About, path: Path, *, pins: Sequence[Pin] = (), draw: Draw | None = None, tell: Tell = silent
) -> Manifest:
    """Write the bundle of a decision to `path`: the ledger up to its head, the items of the family, and a chart.

    `pins`: heads written down elsewhere, which the ledger is compared with first; `tell` as in `verify`. Raises
    LedgerBroken naming a row that does not hold, BundleError where the file cannot be written.
    """
    rows = store.ledger.head[0]
    seq, digest = store.ledger.verify(pins=pins, tick=lambda seq: ticked("verifying", seq, rows, tell))
    drawing = draw(store, of) if draw is not None else None
    manifest = Manifest(
        family=of.moment.family,
        run=of.moment.run,
        checkpoint=of.moment.checkpoint,
        seq=of.moment.seq,
        decision=of.moment.digest,
        alert=of.alert,
        head=Pin(seq=seq, sha256=digest),
        pins=tuple(pins),
        chart=hashlib.sha256(drawing.svg).hexdigest() if drawing else "",
        drawn_by=drawing.drawn_by if drawing else "",
    )
    packing.write(
        path,
        manifest.as_text(),
        counted(_rows(store, seq), "writing", seq, tell),
        _items(store, of.moment.family),
        drawing.svg if drawing else None,
    )
    return manifest


def _rows(store: Store, last: int) -> Iterable[bytes]:
    """The rows up to `last`: whoever writes meanwhile writes behind it."""
    for entry in store.ledger.entries():
        if entry.seq > last:
            return
        yield line_of(entry)


def _items(store: Store, family: str) -> Iterable[tuple[str, bytes]]:
    sources = sorted({seen.result.source for seen in store.evidence.results(family=family)})
    for name in store.items.ids(sources):
        body = store.items.packed(name)
        if body is not None:
            yield name, body
