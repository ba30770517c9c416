"""`holdpoint catalogue`: where every model was placed, by which entry, and whether its FLOP count alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from checkpoints_db import Seen, Store
from checkpoints_db.catalogue import Catalogue, Placement
from checkpoints_db.catalogue.convention import Counted, counted
from checkpoints_db.records import Checkpoint
from monitor.faces.cli import shell
from monitor.faces.render import number, table

SCALES = ("params", "tokens", "flop", "effective_compute")
app = typer.Typer(no_args_is_help=True, help="Catalogue: which model is which run of which family, and how large.")


@app.command()
def check(
    family: Annotated[str | None, typer.Option(help="Only this family, and what has no place.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Every model seen: its place, the entry that gives it, and what its FLOP count; 1 where something is wrong.

    Example: holdpoint catalogue check --family lab
    """
    with shell.opened(config) as (settings, store), shell.progress(after=1) as tell:
        shell.must_have(store, family)
        known = Catalogue.from_toml(settings.at(settings.catalogue))
        seen = _checkpoints(store, family, tick=partial(tell, "reading results"))
        homeless = {held.reading.model: known.explain(held.reading) for held in store.evidence.unplaced()}
    placed = [(one, known.today(first.result)) for one, first in zip(_counted(seen), seen, strict=True)]
    value = {
        "checkpoints": [_row(one, today) for one, today in placed],
        "families": _families(known, [one for one, _ in placed]),
        "unplaced": [told.body() for told in homeless.values()],
    }
    value["warnings"] = [w for row in value["checkpoints"] for w in row["warnings"]]
    shell.show(value, _drawn(value["checkpoints"]), json=json)
    if not json:
        _rest(value)
    if value["warnings"] or homeless:
        raise typer.Exit(1)


def _checkpoints(store: Store, family: str | None, tick: Callable[[int, int], object]) -> list[Seen]:
    """The first result of each checkpoint and model."""
    first: dict[tuple[str, str], Seen] = {}
    for seen in store.evidence.walked(family, tick):
        first.setdefault((seen.result.checkpoint.id, seen.result.checkpoint.model), seen)
    return list(first.values())


def _counted(seen: list[Seen]) -> list[Counted]:
    return counted(one.result.checkpoint for one in seen)


def _row(one: Counted, today: Placement) -> dict[str, Any]:
    warnings = []
    checkpoint = one.checkpoint
    if one.departs and one.ratio and one.usual:
        warnings.append(
            f"{checkpoint.id}: FLOP are {one.ratio:.3g} times 6 * params * tokens, and {one.usual:.3g} times elsewhere "
            f"in {checkpoint.family}; count them alike, or declare another family"
        )
    if today.checkpoint is None:
        warnings.append(f"{checkpoint.id}: the catalogue would not place it now: {today.reason}")
    elif _moved(today.checkpoint, checkpoint):
        warnings.append(f"{checkpoint.id}: the catalogue would now place it otherwise, {_spelled(today.checkpoint)}")
    return {
        "model": checkpoint.model,
        "checkpoint": checkpoint.id,
        "family": checkpoint.family,
        "by": today.by,
        "entry": today.entry,
        "file": today.file,
        "line": today.line,
        "where": today.where or ("the log itself" if today.by == "source" else ""),
        "ratio": one.ratio,
        "warnings": warnings,
    }


def _moved(now: Checkpoint, then: Checkpoint) -> bool:
    """Whether the catalogue contradicts a placement; a scale it does not state came from the log and stands."""
    scales = [(getattr(now, name), getattr(then, name)) for name in SCALES]
    differ = any(a is not None and (b is None or abs(a - b) > 1e-9 * b) for a, b in scales)
    place = (now.family, now.run, now.step, now.stage) != (then.family, then.run, then.step, then.stage)
    return place or differ or now.estimator != then.estimator


def _spelled(checkpoint: Checkpoint) -> str:
    scales = {name: getattr(checkpoint, name) for name in SCALES}
    told = [f"{name.replace('_', ' ')} {number(x)}" for name, x in scales.items() if x is not None]
    return ", ".join([checkpoint.id, *told, *([f"by {checkpoint.estimator}"] if checkpoint.estimator else [])])


def _families(known: Catalogue, every: list[Counted]) -> list[dict[str, Any]]:
    estimators: dict[str, set[str]] = {}
    for checkpoint in (one.checkpoint for one in every if one.checkpoint.estimator):
        estimators.setdefault(checkpoint.family, set()).add(checkpoint.estimator)
    usual = {one.checkpoint.family: one.usual for one in every}
    return [
        {
            "family": name,
            "flop_counts": known.flop_counts(name),
            "usual_ratio": middle,
            "estimators": sorted(estimators.get(name, ())),
        }
        for name, middle in usual.items()
    ]


def _drawn(rows: list[dict[str, Any]]) -> object:
    cells = [
        (
            r["model"],
            r["checkpoint"],
            r["where"] or "–",
            r["entry"] or "–",
            number(r["ratio"], 3),
            len(r["warnings"]) or "",
        )
        for r in rows
    ]
    columns = ("model", "checkpoint", "placed by", "entry", "FLOP / 6ND", "warnings")
    return table("Catalogue", columns, cells, right=columns[4:])


def _rest(value: dict[str, Any]) -> None:
    families = [
        (
            f["family"],
            f["flop_counts"] or "not declared",
            number(f["usual_ratio"], 3),
            "; ".join(f["estimators"]) or "–",
        )
        for f in value["families"]
    ]
    shell.say(table("What FLOP count", ("family", "flop_counts", "usual FLOP / 6ND", "estimator"), families))
    for warning in value["warnings"]:
        shell.say(f"warning: {warning}")
    if value["unplaced"]:
        rows = [(u["model"], u["reason"]) for u in value["unplaced"]]
        shell.say(table("Without a place", ("model", "why"), rows))
