"""Families and their ladders: which runs there are, how large, what came of them, what their gates say."""

from __future__ import annotations

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import Checkpoint, GateState, Record


class FamilyRow(Record):
    """One family in short."""

    family: str
    runs: int
    results: int
    worst: GateState | None
    """The gate of the family that says the worst; None where none was settled."""


class RungRow(Record):
    """One checkpoint of a ladder."""

    checkpoint: Checkpoint
    results: int
    news: int
    """How many of them were judged; the others came as history."""
    gate: GateState | None


class Ladder(Record):
    """The checkpoints of a family in order of scale."""

    family: str
    axis: str
    rungs: tuple[RungRow, ...]


def families(store: Store) -> tuple[FamilyRow, ...]:
    """Every family, by name."""
    gates = store.actions.gates()
    counts: dict[str, list[int]] = {}
    for (family, _), n in store.evidence.run_counts().items():
        counts.setdefault(family, []).append(n)
    return tuple(
        FamilyRow(
            family=family,
            runs=len(each),
            results=sum(each),
            worst=max((g for g in gates if g.family == family), key=lambda g: g.answer.rank, default=None),
        )
        for family, each in counts.items()
    )


def ladder(store: Store, catalogue: Catalogue, family: str) -> Ladder | None:
    """One family; None where no result of it is there."""
    found = store.evidence.rungs(family)
    if not found:
        return None
    gates = {gate.run: gate for gate in store.actions.gates() if gate.family == family}
    rows = [RungRow(checkpoint=c, results=n, news=news, gate=gates.get(c.run)) for c, n, news in found]
    rows.sort(key=lambda r: (r.checkpoint.flop or 0, r.checkpoint.params or 0, r.checkpoint.step or 0, r.checkpoint.id))
    return Ladder(family=family, axis=catalogue.axis(family) or "the best that all rungs have", rungs=tuple(rows))
