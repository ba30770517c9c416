"""`holdpoint items`: the questions of one task whose answers moved most since the smaller rung."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from checkpoints_db import Entry, Store
from checkpoints_db.catalogue import Catalogue
from monitor import cases
from monitor.faces.cli import naming, shell
from monitor.faces.render import number, table
from monitor.items import Moved, moved


def items(
    checkpoint: Annotated[str, typer.Argument(help="Run or checkpoint, as `family/run` or `family/run@step`.")],
    task: Annotated[str, typer.Argument(help="Task.")],
    top: Annotated[int, typer.Option(min=1, help="How many documents are shown.")] = 20,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """The documents of TASK that moved most against the largest smaller rung, and faults of the measurement.

    Example: holdpoint items lab/7b arithmetic
    """
    with shell.opened(config) as (settings, store):
        place = naming.run_of(store, checkpoint.partition("@")[0])
        catalogue = Catalogue.from_toml(settings.at(settings.catalogue))
        name = f"{'/'.join(place)}@{checkpoint.partition('@')[2]}" if "@" in checkpoint else None
        measured = cases.measured(store, catalogue, *place, checkpoint=name)
        gone = _gone(store, place, name, task)
        ladder = next((each for each in measured.ladders if each.task == task), None)
        faults = [fault for fault in measured.faults if fault.task == task]
    if ladder is None and gone:
        raise typer.BadParameter(
            f"the questions of {task!r} on {checkpoint!r} were forgotten on {gone[-1].at:%Y-%m-%d} "
            f"({gone[-1].value()['why']}; ledger row {gone[-1].seq}); its results are there: `holdpoint series list`"
        )
    if ladder is None:
        raise typer.BadParameter(
            f"no per-sample log of {task!r} on {checkpoint!r} is kept item by item; evaluate with `--log_samples`"
        )
    rows = moved(ladder, top)
    against = ladder.rungs[-1][0] if ladder.rungs else None
    value = {
        "task": task,
        "documents": len(ladder.own),
        "asked": ladder.own.asked,
        "against": against,
        "moved": [_told(row) for row in rows],
        "faults": [fault.body() for fault in faults],
    }
    columns = ("document", "nats before", "nats", "moved", "right before", "right")
    cells = [(m.document, number(m.before), number(m.now), number(m.moved), m.was, m.right) for m in rows]
    title = f"{task}: {len(ladder.own)} of {ladder.own.asked} documents against {against or 'no smaller rung'}"
    shell.show(value, table(title, columns, cells, right=columns[1:4]), json=json)
    if not json:
        for fault in faults:
            shell.say(f"{fault.name}: {fault.sentence}")


def _gone(store: Store, place: tuple[str, str], name: str | None, task: str) -> list[Entry]:
    """Rows of the ledger that say that the items of a task were forgotten."""
    family, run = place
    results = store.evidence.results(family=family, run=run, checkpoint=name)
    return store.items.forgotten(sorted({seen.result.source for seen in results}), task)


def _told(row: Moved) -> dict[str, Any]:
    told = row.body()
    right = told.pop("right")
    return {**told, "is": right}
