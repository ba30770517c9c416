"""What could not be taken in: files nobody could read, files that wait, readings without a place."""

from __future__ import annotations

from checkpoints_db import File, Store
from checkpoints_db.records import Record


class Unplaced(Record):
    """The readings of one model that the catalogue has no place for."""

    model: str
    reason: str
    readings: int
    tasks: tuple[str, ...]


class Quarantine(Record):
    """Everything that waits for a person before it can be judged."""

    quarantined: tuple[File, ...]
    waiting: tuple[File, ...]
    unplaced: tuple[Unplaced, ...]


def quarantine(store: Store) -> Quarantine:
    """Files and readings that were not taken in."""
    models: dict[tuple[str, str], list[str]] = {}
    for held in store.evidence.unplaced():
        models.setdefault((held.reading.model, held.reason), []).append(held.reading.task)
    return Quarantine(
        quarantined=tuple(store.evidence.files("quarantined")),
        waiting=tuple(store.evidence.files("waiting", "arrived")),
        unplaced=tuple(
            Unplaced(model=model, reason=reason, readings=len(tasks), tasks=tuple(sorted(set(tasks))))
            for (model, reason), tasks in models.items()
        ),
    )
