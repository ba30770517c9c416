"""`holdpoint policy diff`: which past decisions flip between two policies?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db.errors import EvidenceError
from monitor.faces.cli import policy_replay as terms
from monitor.faces.cli import shell
from monitor.faces.render import moment, table
from monitor.replay import Difference, Flip, differ
from monitor.replay.differing import Change
from policies.loader import find

CODES: dict[Change, int] = {"none": 0, "tightened": 4, "loosened": 5, "both": 6}
"""Exit codes of `policy diff`."""


def diff_command(
    old: Annotated[str, typer.Argument(help="A policy file, or a name from the shelf.", metavar="OLD")],
    new: Annotated[str, typer.Argument(help="The policy that would take its place.", metavar="NEW")],
    *,
    since: terms.Since = None,
    until: terms.Until = None,
    family: terms.Families = None,
    logs: terms.Logs = None,
    book: terms.Book = None,
    order: terms.InOrder = None,
    every: terms.Every = "1d",
    workers: terms.Workers = 0,
    rows: terms.Rows = terms.SHOWN,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a pull request that changes the policy.")
    ] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Every past decision that flips between two policies, in both directions, with the rule and the numbers.

    Both are walked over the same history as `policy replay` does; nothing is written.

    Example: holdpoint policy diff policy.toml candidate.toml --markdown >> comment.md

    Exit code: 0 nothing flips, 4 tightened (only to worse answers), 5 loosened (only to milder ones), 6 both,
    1 when there is no history or a policy is not sound.
    """
    if json and markdown:
        raise typer.BadParameter("choose one of --json and --markdown")
    before, after = find(old, Path.cwd()), find(new, Path.cwd())
    begins, ends = terms.day(since, "--from"), terms.day(until, "--to")
    with shell.progress(after=terms.PATIENCE) as tell:
        source = terms.source_of(config, logs, book, order, begins, tell)
        found = differ(
            source,
            before,
            after,
            since=begins,
            until=ends,
            families=family,
            every=terms.spacing(every),
            workers=workers,
            tell=tell,
        )
    if not found.moments:
        raise EvidenceError(terms.nothing(found.source, family, found.notes))
    if markdown:
        for line in in_markdown(found, rows):
            shell.plain(line)
    else:
        if json or found.flips:
            shell.show(found.body(), _drawn(found, rows), json=json)
        if not json:
            for line in _lines(found, rows):
                shell.say(line)
    if CODES[found.change]:
        raise typer.Exit(CODES[found.change])


def _drawn(found: Difference, rows: int) -> object:
    shown = found.flips[:rows] if rows else found.flips
    columns = ("when", "run", "old", "new", "rule", "because")
    lines = [(moment(f.at), f.checkpoint or f"{f.family}/{f.run}", f.old, f.new, f.rule, f.sentence) for f in shown]
    return table("From {} to {}: decisions that flip".format(*_names(found)), columns, lines)


def _names(found: Difference) -> tuple[str, str]:
    """Both policies as a reader tells them apart: by their digests too, where one name is that of both."""
    if found.old_name != found.new_name:
        return found.old_name, found.new_name
    return f"{found.old_name} {found.old[:12]}", f"{found.new_name} {found.new[:12]}"


def _lines(found: Difference, rows: int) -> Iterator[str]:
    if rows and len(found.flips) > rows:
        yield f"{len(found.flips) - rows} more flips; --rows 0 shows all."
    yield _counted(found)
    yield f"Old: {found.old_false_pauses.sentence}; {found.old_unseen:.0%} of results could not have shown a break."
    yield f"New: {found.new_false_pauses.sentence}; {found.new_unseen:.0%} of results could not have shown a break."
    yield from found.notes


def _counted(found: Difference) -> str:
    ways = [sum(f.way == way for f in found.flips) for way in ("tightened", "loosened")]
    said = {"none": "nothing flips", "both": "tightened and loosened"}.get(found.change, f"only {found.change}")
    moments = "1 moment" if found.moments == 1 else f"{found.moments} moments"
    return f"{moments} of {found.source}: {said}; {ways[0]} decisions become worse, {ways[1]} milder."


def in_markdown(found: Difference, rows: int) -> Iterator[str]:
    """The difference as Markdown, for a review of the change."""
    yield f"### Policy `{found.old_name}` → `{found.new_name}`: {_counted(found)}"
    yield ""
    shown: Sequence[Flip] = found.flips[:rows] if rows else found.flips
    if shown:
        yield "| when | run | old | new | rule | because |"
        yield "|---|---|---|---|---|---|"
    for f in shown:
        where = f.checkpoint or f"{f.family}/{f.run}"
        cells = (moment(f.at), f"`{where}`", f.old, f.new, f"`{f.rule}`", f.sentence)
        yield "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
    if len(shown) < len(found.flips):
        yield ""
        yield f"{len(found.flips) - len(shown)} more flips are left out."
    yield ""
    yield f"- old `{found.old[:12]}`: {found.old_false_pauses.sentence}"
    yield f"- new `{found.new[:12]}`: {found.new_false_pauses.sentence}"
    yield f"- results that could not have shown a break: {found.old_unseen:.0%}, new {found.new_unseen:.0%}"
    for note in found.notes:
        yield f"- {note}"
