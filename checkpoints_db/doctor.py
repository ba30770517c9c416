"""Why a ladder is shorter than the runs that were evaluated: series that were split, and rungs that tell nothing.

Reads only, changes nothing. Results with remarks are no points of a series (`series.make_series`). Rungs at chance
below a take-off and saturated rungs at the top are, but train no forecast unless too few others are left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from checkpoints_db.records import Record, Result, Term
from checkpoints_db.series import make_series

NEAR = 2.0
"""Standard errors within which a value counts as the one it is compared with."""

WORDS = {
    "chat_template": "chat template",
    "fewshot_as_multiturn": "shown examples as a conversation",
    "harness": "version of the harness",
    "limit": "--limit",
    "n_shot": "number of shown examples",
    "samples_effective": "documents asked",
    "samples_original": "documents of the task",
    "system_instruction": "system instruction",
    "task_hash": "text of documents or prompts",
    "version": "version of the task",
}
"""What the terms of readers are called in a sentence; a term that is not here is called by its name."""

TEXTS = frozenset({"task_hash"})
"""Terms that follow from others: shots, limit and template change the text of the prompts too."""


class Side(Record):
    """One of the series that a split made, and what is particular to it."""

    series: str
    runs: tuple[str, ...]
    terms: dict[str, Term]
    """The terms that differ between the sides; empty where the source kept none."""
    remarks: tuple[str, ...] = ()


class Split(Record):
    """One metric of one task at one stage whose results lie in several series, because they cannot be compared."""

    family: str
    task: str
    metric: str
    stage: str
    differing: tuple[str, ...]
    """Names of the terms that differ; empty where none were kept, or the source says only that something differs."""
    sides: tuple[Side, ...]
    """Most runs first."""

    @property
    def why(self) -> str:
        """What differs, in words."""
        unkept = any(not side.terms for side in self.sides)
        if not self.differing:
            return "conditions, but what they were was not kept" if unkept else "conditions, but no term the log names"
        return ", ".join(_called(name) for name in self.differing)

    def words(self, side: Side) -> str:
        """`m3, m4: number of shown examples 5 (not 0)`: what sets a side apart from the one with most runs.

        The text of documents and prompts follows from the other terms, and is named only where none of them differs.
        """
        runs, main = ", ".join(side.runs), self.sides[0].terms
        marked = f" [{', '.join(side.remarks)}]" if side.remarks else ""
        if not side.terms:
            return f"{runs}: conditions not kept{marked}"
        if side is self.sides[0] or not main:
            kept = [name for name in side.terms if name not in TEXTS] or list(side.terms)
            told = [f"{_called(name)} {_spelled(name, side.terms)}" for name in kept]
        else:
            other = [name for name in side.terms if _told(side.terms, name) != _told(main, name)]
            kept = [name for name in other if name not in TEXTS] or other
            told = [f"{_called(name)} {_spelled(name, side.terms)} (not {_spelled(name, main)})" for name in kept]
        return f"{runs}: {', '.join(told) or 'conditions that no term names'}{marked}"

    @property
    def sentence(self) -> str:
        """What is split, where, by what, and what to do."""
        place = f"{self.task} · {self.metric}" + (f" at {self.stage}" if self.stage else "")
        small = ", ".join(dict.fromkeys(run for side in self.sides[1:] for run in side.runs))
        return (
            f"{self.family}: {place} is {len(self.sides)} series that differ in {self.why}: "
            f"{'; '.join(self.words(side) for side in self.sides)}. To join them evaluate {small} as "
            f"{', '.join(self.sides[0].runs)} {'was' if len(self.sides[0].runs) == 1 else 'were'}."
        )


class Short(Record):
    """A series with too few rungs that tell something; each run is under the first heading that fits it.

    Where two axes make several rungs of a run, what is called a run here is one of them (`run@step`).
    """

    series: str
    family: str
    task: str
    metric: str
    stage: str
    runs: tuple[str, ...]
    telling: tuple[str, ...]
    """Runs that are neither marked nor at either end of the metric."""
    needed: int
    remarked: dict[str, tuple[str, ...]]
    """Run -> its remarks; kept, and trains nothing."""
    unscaled: tuple[str, ...]
    """Runs without a position on the axis; they train nothing."""
    at_chance: tuple[str, ...]
    """Runs within NEAR standard errors of chance, or of the worst value of a thresholded metric without one."""
    saturated: tuple[str, ...]
    """Runs within NEAR standard errors of the best value the metric has."""

    @property
    def why(self) -> str:
        """What became of the other rungs."""
        parts = [f"{run} {', '.join(remarks)}" for run, remarks in self.remarked.items()]
        for runs, word in ((self.unscaled, "without scale"), (self.at_chance, "at chance")):
            parts += [f"{', '.join(runs)} {word}"] if runs else []
        parts += [f"{', '.join(self.saturated)} saturated"] if self.saturated else []
        return "; ".join(parts)

    @property
    def mark(self) -> str:
        """`saturated` or `at chance` where every rung that trains is; empty for a mixture."""
        if self.telling or bool(self.saturated) == bool(self.at_chance):
            return ""
        return "saturated" if self.saturated else "at chance"

    @property
    def sentence(self) -> str:
        """How many rungs tell something, and what became of the others."""
        place = f"{self.task} · {self.metric}" + (f" at {self.stage}" if self.stage else "")
        told = f"{len(self.telling)} of {len(self.runs)} runs tell something, {self.needed} are needed"
        return f"{self.family}: {place}: {told}: {self.why}"


def splits(results: Iterable[Result]) -> tuple[Split, ...]:
    """Every metric of a task at a stage of a family that lies in more than one series, in order of name."""
    places: dict[tuple[str, str, str, str], dict[str, list[Result]]] = {}
    for result in results:
        checkpoint = result.checkpoint
        place = (checkpoint.family, result.task, checkpoint.stage, result.metric.name)
        places.setdefault(place, {}).setdefault(result.series, []).append(result)
    found = []
    for (family, task, stage, metric), members in sorted(places.items()):
        if len(members) > 1:
            sides, differing = _sides(members)
            found.append(Split(family=family, task=task, metric=metric, stage=stage, differing=differing, sides=sides))
    return tuple(found)


def _sides(members: dict[str, list[Result]]) -> tuple[tuple[Side, ...], tuple[str, ...]]:
    terms = {name: next((r.terms for r in found if r.terms), {}) for name, found in members.items()}
    kept = [each for each in terms.values() if each]
    names = dict.fromkeys(name for each in kept for name in each)
    differing = tuple(sorted(name for name in names if len({_told(each, name) for each in kept}) > 1))
    sides = [
        Side(
            series=name,
            runs=tuple(dict.fromkeys(r.checkpoint.run for r in _by_size(found))),
            terms={key: terms[name].get(key) for key in differing} if terms[name] else {},
            remarks=tuple(dict.fromkeys(remark for r in found for remark in r.remarks)),
        )
        for name, found in members.items()
    ]
    return tuple(
        sorted(sides, key=lambda side: (-len(side.runs), bool(side.remarks), str(side.terms), side.series))
    ), differing


def _told(terms: dict[str, Term], name: str) -> tuple[bool, bool, Term]:
    value = terms.get(name)
    return name in terms, isinstance(value, bool), value  # True == 1, and yet another term


def shorts(results: Iterable[Result], needed: int) -> tuple[Short, ...]:
    """Every series in which fewer than `needed` runs tell something though there are others, in order of name."""
    series: dict[str, list[Result]] = {}
    for result in results:
        series.setdefault(result.series, []).append(result)
    found = [_examined(name, members, needed) for name, members in series.items()]
    short = [each for each in found if len(each.telling) < min(needed, len(each.runs))]
    return tuple(sorted(short, key=lambda each: (each.family, each.task, each.stage, each.metric, each.series)))


def _examined(name: str, members: Sequence[Result], needed: int) -> Short:
    made = make_series(members)
    names = made.names()
    placed = set(names.values())
    runs: dict[str, list[Result]] = {}
    for result in _by_size(members):
        runs.setdefault(names.get(result.checkpoint.id, result.checkpoint.run), []).append(result)
    headings: dict[str, list[str]] = {"unscaled": [], "at_chance": [], "saturated": [], "telling": []}
    remarked: dict[str, tuple[str, ...]] = {}
    for run, everything in runs.items():
        plain = [result for result in everything if not result.remarks]
        if not plain:
            remarked[run] = tuple(dict.fromkeys(remark for result in everything for remark in result.remarks))
        elif run not in placed:
            headings["unscaled"].append(run)
        elif all(at_chance(result) for result in plain):
            headings["at_chance"].append(run)
        elif all(saturated(result) for result in plain):
            headings["saturated"].append(run)
        else:
            headings["telling"].append(run)
    return Short(
        series=name,
        family=made.family,
        task=made.task,
        metric=made.metric.name,
        stage=made.stage,
        runs=tuple(runs),
        needed=needed,
        remarked=remarked,
        **{heading: tuple(found) for heading, found in headings.items()},
    )


def at_chance(result: Result) -> bool:
    """Whether a result lies within NEAR standard errors of what guessing reaches.

    Where a thresholded metric names no chance, guessing reaches its worst value.
    """
    metric = result.metric
    worst = metric.lower if metric.sign > 0 else metric.upper
    floor = metric.chance if metric.chance is not None else worst if metric.kind == "thresholded" else None
    return floor is not None and abs(result.value - floor) <= NEAR * noise(result) + 1e-12


def saturated(result: Result) -> bool:
    """Whether a result lies within NEAR standard errors of the best value its metric has.

    Only of a metric with two ends, and not where it is as near to chance: a perplexity of 900 with a standard error of
    500 is no perfect one, and a share of two documents is neither.
    """
    metric = result.metric
    best = metric.upper if metric.sign > 0 else metric.lower
    if best is None or metric.lower is None or metric.upper is None:
        return False
    return abs(result.value - best) <= NEAR * noise(result) + 1e-12 and not at_chance(result)


def noise(result: Result) -> float:
    """Standard error of a result; where the log has none, or 0, that of a share of n documents, else 0.

    All of 24 answers right is not certainty: width * sqrt(p (1 - p) / (n + 4)) with two right and two wrong answers
    added, p = (n s + 2) / (n + 4) (Agresti & Coull 1998). Only for a thresholded metric with two ends.
    """
    metric, n = result.metric, result.n
    if result.stderr:
        return result.stderr
    if n is None or metric.kind != "thresholded" or metric.lower is None or metric.upper is None:
        return 0.0
    width = metric.upper - metric.lower
    share = (n * min(max((result.value - metric.lower) / width, 0.0), 1.0) + 2) / (n + 4)
    return width * math.sqrt(share * (1 - share) / (n + 4))


def _by_size(found: Iterable[Result]) -> list[Result]:
    return sorted(found, key=lambda r: (r.checkpoint.flop or r.checkpoint.params or 0.0, r.checkpoint.run))


def _called(name: str) -> str:
    return WORDS.get(name, name.replace("_", " "))


def _spelled(name: str, terms: dict[str, Term]) -> str:
    value = terms.get(name)
    if value is None:
        return "not recorded" if name in TEXTS else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else value if len(value) <= 24 else value[:12]
