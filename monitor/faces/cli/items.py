"""`holdpoint items`: the questions of one task whose answers moved most since the smaller rung."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer

from checkpoints_db import Entry, Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.items import Items
from monitor import gate
from monitor.faces.cli import shell
from monitor.faces.render import number, table
from monitor.items import ItemLadder


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
        place = gate.find_run(store, checkpoint.partition("@")[0])
        if place is None:
            raise typer.BadParameter(f"unknown or ambiguous run {checkpoint!r}; name it as `family/run`")
        catalogue = Catalogue.from_toml(settings.at(settings.catalogue))
        name = f"{'/'.join(place)}@{checkpoint.partition('@')[2]}" if "@" in checkpoint else None
        measured = gate.measured(store, catalogue, *place, checkpoint=name)
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
    moved = _moved(ladder)
    against = ladder.rungs[-1][0] if ladder.rungs else None
    value = {
        "task": task,
        "documents": len(ladder.own),
        "asked": ladder.own.asked,
        "against": against,
        "moved": moved[:top],
        "faults": [fault.body() for fault in faults],
    }
    columns = ("document", "nats before", "nats", "moved", "right before", "right")
    rows = [(m["document"], *(number(m[key]) for key in ("before", "now", "moved")), m["was"], m["is"]) for m in moved]
    title = f"{task}: {len(ladder.own)} of {ladder.own.asked} documents against {against or 'no smaller rung'}"
    shell.show(value, table(title, columns, rows[:top], right=columns[1:4]), json=json)
    if not json:
        for fault in faults:
            shell.say(f"{fault.name}: {fault.sentence}")


def _gone(store: Store, place: tuple[str, str], name: str | None, task: str) -> list[Entry]:
    """Rows of the ledger that say that the items of a task were forgotten."""
    family, run = place
    results = store.evidence.results(family=family, run=run, checkpoint=name)
    return store.items.forgotten(sorted({seen.result.source for seen in results}), task)


def _moved(ladder: ItemLadder) -> list[dict[str, Any]]:
    """The documents both were asked, those first that moved most: in likelihood, else in right and wrong."""
    if not ladder.rungs:
        return [_told(ladder.own, i, None, None) for i in range(len(ladder.own))]
    before = ladder.rungs[-1][1]
    own, (below,) = ItemLadder(ladder.task, ladder.own, ladder.rungs[-1:]).common()
    steps = np.abs(ladder.own.ll[own] - before.ll[below])
    marks = np.abs(ladder.own.right[own].astype(float) - before.right[below])
    order = np.argsort(-np.where(np.isnan(steps), marks, steps), kind="stable")
    return [_told(ladder.own, int(own[i]), before, int(below[i])) for i in order]


def _told(own: Items, place: int, before: Items | None, below: int | None) -> dict[str, Any]:
    now, was = float(own.ll[place]), float("nan")
    mark = -1
    if before is not None and below is not None:
        was, mark = float(before.ll[below]), int(before.right[below])
    return {
        "document": int(own.doc_id[place]),
        "before": None if np.isnan(was) else was,
        "now": None if np.isnan(now) else now,
        "moved": None if np.isnan(now - was) else now - was,
        "was": _word(mark),
        "is": _word(int(own.right[place])),
    }


def _word(mark: int) -> str | None:
    return {1: "right", 0: "wrong"}.get(mark)
