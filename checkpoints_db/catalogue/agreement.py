"""What the entries of one family must agree on: what FLOP count, what parameters count, whose factor is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from checkpoints_db.catalogue.entries import FORMULA, Family, Run
from checkpoints_db.catalogue.flop import words
from checkpoints_db.catalogue.pattern import placeholders


def disagreements(families: Iterable[Family], runs: Sequence[Run]) -> Iterator[str]:
    """Every way in which the entries of a family contradict it or each other, as sentences that name the entries."""
    declared = {family.name: family for family in families}
    grouped: dict[str, list[Run]] = {name: [] for name in declared}
    for run in runs:
        grouped.setdefault(run.family, []).append(run)
    for name, members in grouped.items():
        family = declared.get(name) or Family(name=name)
        yield from _said(family, members, "flop_counts", "what FLOP count")
        yield from _convention(family, members)
        yield from _said(family, members, "estimator", "the estimator of effective compute")
        yield from _factors(family, members)
        yield from _sizes(family, members)


def six_nd(name: str, runs: Iterable[Run]) -> bool:
    """Whether an entry of the family called `name` counts FLOP as 6 * params * tokens, so that all of them have to."""
    return any(run.family == name and run.flop == FORMULA for run in runs)


def counts(family: Family, runs: Iterable[Run]) -> str:
    """What the FLOP of a family count, in words; empty where nothing says so."""
    said = [run.flop_counts for run in runs if run.family == family.name and run.flop_counts]
    if family.flop_counts or said:
        return family.flop_counts or said[0]
    if family.flop_convention is not None:
        return words(family.flop_convention, family.params_counts)
    if not six_nd(family.name, runs):
        return ""
    return f"6 * {family.params_counts or '(not said which)'} params * tokens"


def _said(family: Family, members: Iterable[Run], key: str, what: str) -> Iterator[str]:
    """Complaints about entries that state `key` in other words than the family, or than the first that states it."""
    first, place = getattr(family, key), f"its [[family]] says {getattr(family, key)!r}"
    for run in members:
        own = getattr(run, key)
        if own and not first:
            first, place = own, f"{_where(run)} says {own!r}"
        elif own and _plain(own) != _plain(first):
            yield (
                f"{_where(run)}: {key} is {own!r}, and {place}: {what} is never mixed within a family; count "
                f"{run.family!r} in one way, or make two families"
            )


def _convention(family: Family, members: Iterable[Run]) -> Iterator[str]:
    if family.flop_convention in (None, "6nd"):
        return
    for run in members:
        if run.flop == FORMULA:
            yield (
                f"{_where(run)}: flop is {FORMULA!r}, and its [[family]] counts by {family.flop_convention!r}: remove "
                "one of them, two conventions are never mixed within a family"
            )


def _factors(family: Family, members: Sequence[Run]) -> Iterator[str]:
    named = family.estimator or any(run.estimator for run in members)
    given = [_where(run) for run in members if run.efficiency is not None]
    given += ["its [[family]]"] if family.efficiency is not None else []
    if given and not named:
        yield (
            f"family {family.name!r}: {given[0]} gives an efficiency, and no estimator is named; write "
            'estimator = "where the factor comes from" into its [[family]]'
        )
    if family.axis == "effective_compute" and not (named and given):
        missing = "an efficiency (1 for the recipe that others are compared with)" if named else "an estimator"
        yield f'family {family.name!r}: axis = "effective_compute" needs {missing}'


def _sizes(family: Family, members: Iterable[Run]) -> Iterator[str]:
    if family.params_counts is None or family.sizes:
        return
    for run in members:
        if run.match is not None and "size" in placeholders(run.match):
            yield (
                f"{_where(run)}: {{size}} in a name is round, and the family says that its parameters are "
                f"{family.params_counts}; give [family.sizes] with what each size counts"
            )


def _where(run: Run) -> str:
    return f"{run.file.rpartition('/')[2]}:{run.line}" if run.file and run.line else run.label


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
