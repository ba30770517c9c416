"""`holdpoint export`: results, forecasts, verdicts, decisions and alerts for other tools."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from checkpoints_db import Store
from checkpoints_db.sheets import SHEETS, SheetName
from monitor.faces.cli import shell
from monitor.faces.render import as_json
from monitor.faces.sheet_files import WRITERS, Format
from monitor.settings import Settings


def export(
    what: Annotated[SheetName, typer.Argument(help="Which rows.", metavar="WHAT")],
    form: Annotated[Format, typer.Option("--format", "-f", help="How they are written.")] = "csv",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="To this file; else to standard output.")] = None,
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    since: Annotated[
        str, typer.Option(help="Only what was seen, made or changed from then on.", metavar="MOMENT")
    ] = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Write results, forecasts, verdicts, decisions or alerts as plain rows: CSV, JSON lines or Parquet.

    The store is read, not changed, however large it is in little memory, and a file is whole or not there. With --json
    standard output says how many rows went into --out. Exit code 1 where the file cannot be written.

    Example: holdpoint export results --format parquet --out results.parquet --family pythia
    """
    if out is None and (form == "parquet" or json):
        why = "Parquet is no text" if form == "parquet" else "--json tells of a file"
        raise typer.BadParameter(f"{why}; name a file", param_hint="--out")
    settings, begin = Settings.load(config), shell.moment_of(since, "--since")
    with Store.open(settings.at(settings.store), read_only=True) as store:
        pages = _told(what, store.size(what, family=family, since=begin), store.pages(what, family=family, since=begin))
        with _file(out) if out is not None else _standard() as stream:
            rows = WRITERS[form](stream, SHEETS[what].columns, pages)
    if out is None:
        return
    if json:
        as_json({"what": what, "format": form, "out": str(out), "rows": rows, "columns": list(SHEETS[what].columns)})
    else:
        shell.say(f"{rows} {what} in {out}")


def _told(what: str, of: int, pages: Iterable[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """The pages, with a bar where they take longer than a moment."""
    done = 0
    with shell.progress(after=1) as tell:
        for page in pages:
            yield page
            done += len(page)
            tell(what, done, of)


@contextmanager
def _standard() -> Iterator[IO[bytes]]:
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


@contextmanager
def _file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name when it is whole."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        raise shell.CannotWrite(path, error.strerror or str(error)) from error
    finally:
        part.unlink(missing_ok=True)
