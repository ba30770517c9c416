"""What all commands share: the options, the settings, the store, and how an error leaves."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from checkpoints_db import Store
from checkpoints_db.errors import HoldpointError
from checkpoints_db.records import Forecast, Place, Sealed, Series
from checkpoints_db.records.duration import parse_duration
from checkpoints_db.signing import SigningKey
from monitor.clock import SystemClock
from monitor.faces.render import as_json, clean, console
from monitor.settings import FILE, Settings

Config = Annotated[
    Path, typer.Option("--config", "-c", envvar="HOLDPOINT_CONFIG", help="The settings file.", show_default=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
By = Annotated[str, typer.Option("--by", help="Your name; it is kept with what you did.")]
Because = Annotated[str, typer.Option("--reason", help="Why, in words a reviewer can check.")]
Key = Annotated[
    Path | None,
    typer.Option("--key", help="Sign with this private key; the policy names its public half.", metavar="FILE"),
]
Chart = Annotated[
    Path | None, typer.Option("--chart", help="Also draw a chart to this file: .png, .svg or .html.", metavar="FILE")
]
DEFAULT = Path(FILE)
SHOWN = 5
"""Names that are told where a name is unknown."""
T = TypeVar("T")

CLOCK = SystemClock()


class CannotWrite(HoldpointError):
    """The answer could not be written down."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: cannot be written: {why}; name a file in a folder that is there")


def now() -> datetime:
    """This moment."""
    return CLOCK.now()


@contextmanager
def opened(config: Path) -> Iterator[tuple[Settings, Store]]:
    """Settings and store of a command."""
    settings = Settings.load(config)
    with Store.open(settings.at(settings.store)) as store:
        yield settings, store


def until(text: str, option: str) -> datetime:
    """The moment a length of time from now."""
    return now() + lasting(text, option)


def lasting(text: str, option: str) -> timedelta:
    """A length of time an option spells; a usage error when it does not."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def moment_of(text: str, option: str) -> datetime | None:
    """The moment that an option spells, or None where it is left out; a usage error where it is none."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no date; write 2026-11-23T09:00:00Z", param_hint=option) from error
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no zone; write 2026-11-23T09:00:00Z", param_hint=option)
    return at


def signing_key(path: Path | None) -> SigningKey | None:
    """The private key of `--key`. Raises BadKey where the file is none, or others may read it."""
    return None if path is None else SigningKey.read(path)


def say(text: object) -> None:
    """One line or one table to standard output."""
    console().print(text)


def plain(text: str) -> None:
    """One line to standard output as it is, neither folded nor coloured."""
    sys.stdout.write(clean(text) + "\n")


def show(value: Any, table: object, *, json: bool) -> None:
    """The same answer as JSON or as a table."""
    if json:
        as_json(value)
    else:
        say(table)


def draw(drawn: Sequence[Any], chart: Path | None, *, quiet: bool) -> None:
    """Write the first of some charts to the file of `--chart`, if there is a chart and a file."""
    if chart is None or not drawn:
        return
    from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import

    charts.write(drawn[0], chart)
    if not quiet:
        say(f"chart: {chart}")


def beside(store: Store, series: str, sealed: Sealed | None) -> Series:
    """A series along the axis of the forecast it is shown with, which the catalogue may have declared."""
    return store.evidence.series(series, sealed.forecast.axis if sealed else None)


@contextmanager
def progress(after: float = 0.0) -> Iterator[Callable[[str, int, int], None]]:
    """Bars on standard error: told what is being done, how much of it is done, and of how much.

    Nothing is shown in the first `after` seconds.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars = Progress(*columns, console=console(error=True), transient=True)
    begin, tasks, shown = now(), dict[str, TaskID](), [False]

    def tell(what: str, done: int, of: int) -> None:
        if not shown[0] and now() - begin >= timedelta(seconds=after):
            shown[0] = True
            bars.start()
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=of)
        bars.update(tasks[what], completed=done, total=of)

    try:
        yield tell
    finally:
        if shown[0]:
            bars.stop()


def each(what: str, things: Sequence[T]) -> Iterator[T]:
    """One thing after the other, with a bar where that takes longer than a moment."""
    with progress(after=1) as tell:
        for done, thing in enumerate(things, 1):
            yield thing
            tell(what, done, len(things))


def must_have(store: Store, family: str | None) -> None:
    """Refuse a family of which nothing ever arrived: an empty table would say that it has nothing to show."""
    known = store.evidence.families_since(0)
    if family is None or family in known:
        return
    nearest = difflib.get_close_matches(family, known, n=1)
    told = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known[:SHOWN])}" if known else ""
    more = f" and {len(known) - SHOWN} more" if known[SHOWN:] and not nearest else ""
    raise typer.BadParameter(
        f"no result of family {family!r} is in the store; {told or 'none is of any family yet'}{more}",
        param_hint="--family",
    )


def find_series(store: Store, name: str) -> Series:
    """The series with this id (or its first characters), or `family/task/metric` where that is unique."""
    every = [store.evidence.series(found) for found in each("reading series", store.evidence.series_ids())]
    matching = [s for s in every if s.id.startswith(name) or name in (f"{s.family}/{s.task}/{s.metric.name}", s.task)]
    exact = [s for s in matching if s.id == name]
    chosen = exact or matching
    if len(chosen) != 1:
        several = ", ".join(f"{s.id} ({s.task} · {s.metric.name} {s.stage})" for s in chosen[:5])
        why = f"is ambiguous: {several}" if chosen else "is unknown; see `holdpoint series list`"
        raise typer.BadParameter(f"series {name!r} {why}")
    return chosen[0]


def place(text: str, forecast: Forecast) -> Place:
    """The place that `--at` names: one number, or parameters and tokens with a comma between them."""
    axes = forecast.axis.split(",")
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != len(axes) or not all(0 < each < math.inf for each in found):
        example = "7e9,2e12" if len(axes) == 2 else "7e23"
        raise typer.BadParameter(f"{text!r} is no place on {forecast.axis}; write it as {example}", param_hint="--at")
    return found
