"""Which family, run, step, parameters, tokens and FLOP a result belongs to. Stated in TOML, never guessed.

```toml
[[family]]
name = "tiny-skills"
axis = "flop"                # optional: flop, params, tokens or effective_compute; what the rungs are ordered by.
                             # "params,tokens" is an axis of two: every checkpoint is a point of that plane
compare_at = "step"          # "step" (default): rungs are compared at equal step; "any": every checkpoint in one
                             # series, as always on two axes
params_counts = "total"      # optional: total or non-embedding; "non-embedding" never takes the count of a log
flop_within = 0.15           # optional: the FLOP of this family are only estimates, and may be off by this share
flop_counts = "6 * total params * tokens"            # optional, in words: what FLOP count in this family
flop_convention = "6nd"      # optional: 6nd, kaplan, chinchilla, palm or megatron (`flop.py` has the formulas); counts
                             # FLOP nobody states, from layers, width, context, ... of a [[run]], a size or a row
estimator = "ours, memo 12"  # optional, in words: where the factors of effective compute come from
efficiency = 1.0             # optional: effective compute = FLOP * this; a [[run]] or a row may give its own
[family.sizes]               # optional: what each {size} stands for, parameters or a table; others have no place
70m = 70_426_624
12b = { params = 11_846_072_320, tokens_per_step = 2_097_152 }      # or tokens

[[run]]
family = "tiny-skills"
match = "ckpt/{run}-seed0-step{step}"   # matched against the whole model name of the log
run = "{run}"                # optional; default "{run}" where it is captured, else "{size}"
tokens_per_step = 4096       # optional: tokens = step * this; the step may also be that of the source
params = 123                 # optional fixed values: params, tokens, flop, step
flop = "6*params*tokens"     # optional: exactly this text, or a number

[[run]]
table = "skills-models.csv"  # instead of match: a CSV beside this file; columns model, run, family, step, params,
                             # tokens, flop, efficiency, estimator, flop_counts; others are left alone. Keys beside
                             # `table` hold where a cell is empty.
[[target]]                   # a checkpoint to come: `holdpoint forecast plan` says what each series could see there
family = "tiny-skills"
name = "m9"
flop = 3e13                  # params, tokens, flop: as the axis asks; or params and tokens where the family counts FLOP
due = 2027-03-01             # optional
[[together]]
tasks = ["{task}", "{task}_ll"]         # read together in diagnosis, under the name the first one gives

[domains]                    # tags by which rules select parts of the suite (`select = { domain = "cyber" }`)
cyber = ["cyber_*", "ctf"]   # shell patterns of tasks; a task may have several tags

[[composition]]
task = "add3"                # succeeds only where each part does: what the parts give bounds it
parts = ["digit", "carry"]   # optional: tasks (or questions); one that is needed twice stands twice
steps = 3                    # optional: how often the parts are gone through; alone, the equal steps of the task
```

Placeholders of `match`: `{run}` text without "/", `{step}` digits, `{size}` as in 70m or 1.4b (gives params),
`{tokens}` digits, also with k, m, b, t; `*` any text; everything else is literal. Two patterns that match one
model, or one pattern that can be read in two ways, place nothing. The parameter count of a log is used only where
neither pattern nor table has one: harnesses count embeddings, ladders often do not. Two conventions of counting FLOP
and two estimators of effective compute are refused within a family; so is a stated FLOP that is not 6*params*tokens
where an entry of the family uses that formula. Where no axis is declared, a series whose results all have parameters
and tokens that vary apart from each other (`series.spans_plane`) has an axis of two, any other the first it can have
of flop, params, tokens. A family that declares an axis of two has no place for a model whose parameters or tokens are
unknown.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator

from checkpoints_db.catalogue.agreement import counts, disagreements, six_nd
from checkpoints_db.catalogue.convention import TOLERANCE as ALIKE
from checkpoints_db.catalogue.convention import near
from checkpoints_db.catalogue.entries import Composition, Domain, Family, Run, Size, Target, Together
from checkpoints_db.catalogue.flop import missing, training_flop
from checkpoints_db.catalogue.flop import six_nd as six_times
from checkpoints_db.catalogue.pattern import AmbiguousError, captures
from checkpoints_db.catalogue.placement import Placement
from checkpoints_db.catalogue.scales import TOLERANCE, by_entry, by_source, counted_alike, effective, facts_of, on_plane
from checkpoints_db.catalogue.toml_file import entries_of
from checkpoints_db.errors import SettingsError, Unplaced
from checkpoints_db.records import SCALES, Axis, Checkpoint, Compute, Reading, Record, Result

__all__ = [
    "TOLERANCE",
    "Catalogue",
    "Composition",
    "Domain",
    "Family",
    "Placement",
    "Run",
    "Size",
    "Target",
    "Together",
]


class Catalogue(Record):
    """The families we know, and which model names belong to which of their runs."""

    families: tuple[Family, ...] = ()
    runs: tuple[Run, ...] = ()
    together: tuple[Together, ...] = ()
    targets: tuple[Target, ...] = ()
    """Checkpoints to come, in order of the file."""
    compositions: tuple[Composition, ...] = ()
    domains: tuple[Domain, ...] = ()

    @model_validator(mode="after")
    def _agreed(self) -> Self:
        for complaint in disagreements(self.families, self.runs):
            raise ValueError(complaint)
        return self

    @classmethod
    def from_toml(cls, path: Path) -> Catalogue:
        """Read a catalogue file and its tables.

        Raises SettingsError naming file, line, key and the nearest known key.
        """
        found = entries_of(path)
        for complaint in disagreements(found.families, found.runs):
            raise SettingsError(f"{path}: {complaint}")
        return cls(
            families=found.families,
            runs=found.runs,
            together=found.together,
            targets=found.targets,
            compositions=found.compositions,
            domains=found.domains,
        )

    def axis(self, family: str) -> Axis | None:
        """The scale axis declared for `family`; None where none is."""
        return self._family(family).axis

    def flop_counts(self, family: str) -> str:
        """What the FLOP of `family` count, in words; empty where nothing says so."""
        return counts(self._family(family), self.runs)

    def question(self, task: str) -> str:
        """The question `task` asks: the name of the tasks read together with it, else the task itself."""
        found = [each for group in self.together if (each := group.question(task))]
        return max(found, key=lambda each: each[0])[1] if found else task

    def domains_of(self, task: str) -> tuple[str, ...]:
        """Domain tags of a task, in order of the file."""
        return tuple(domain.name for domain in self.domains if any(fnmatchcase(task, glob) for glob in domain.tasks))

    def compute(self, checkpoint: Checkpoint) -> Compute | None:
        """The training behind a checkpoint, with the other count there is and how far it may be off.

        Where nobody states FLOP they are estimated as 6 * parameters * tokens, and may be off by as much as two
        conventions differ (`convention.TOLERANCE`); None where parameters or tokens are not known either.
        """
        family, said = self._family(checkpoint.family), self.flop_counts(checkpoint.family)
        product = six_times(checkpoint.params, checkpoint.tokens) if checkpoint.params and checkpoint.tokens else None
        flop, also, within = checkpoint.flop, None, family.flop_within
        if flop is None and product is not None:
            flop, within = product, max(within, ALIKE)
            said = f"6 * {family.params_counts or '(not said which)'} params * tokens, estimated"
        elif flop is not None and product is not None and not said and not near(flop / product, 1.0, 1e-9):
            also = product
        if flop is None:
            return None
        effective, estimator = checkpoint.effective_compute, checkpoint.estimator
        return Compute(flop=flop, also=also, within=within, counts=said, effective=effective, estimator=estimator)

    def place(self, reading: Reading) -> Checkpoint:
        """The checkpoint a reading belongs to.

        Patterns and tables come first; a reading that names its own family and run (the plain table) is taken at
        its word where none matches. Raises Unplaced when nothing or too much matches, when a source and the
        catalogue differ by more than 1 %, and when no scale is known.
        """
        entry, found = self._match(reading.model)
        if entry is not None:
            fields = by_entry(entry, found, reading, self._family(entry.family))
        elif reading.family and reading.run:
            fields = by_source(reading, self._family(reading.family))
        else:
            raise Unplaced(reading.model, "no [[run]] matches it, and the source does not name family and run")
        family = self._family(fields["family"])
        if all(fields[axis] is None for axis in SCALES):
            why = "neither parameters nor tokens nor FLOP are known, so it has no position on any axis"
            raise Unplaced(reading.model, why)
        if family.name in self._six_nd:
            counted_alike(reading, fields)
        fields |= effective(reading, fields, entry, family)
        on_plane(reading, fields, family)
        staged = fields["step"] is not None and family.staged
        stage = f"step {fields['step']}" if staged else ""
        try:
            return Checkpoint(model=reading.model, stage=stage, **fields)
        except ValidationError as error:
            first = error.errors()[0]
            raise Unplaced(reading.model, f"{first['loc'][0]}: {first['msg']}") from error

    def scales(self, target: Target) -> dict[str, float]:
        """Where a target lies on every axis that is known of it: params, tokens, flop, effective_compute."""
        family = self._family(target.family)
        convention = "6nd" if family.name in self._six_nd else family.flop_convention
        facts = facts_of(target.params, target.tokens, family, target)
        flop = target.flop
        if flop is None and convention and not missing(convention, facts):
            flop = training_flop(convention, facts)
        factor = target.efficiency or family.efficiency
        known = {"params": target.params, "tokens": target.tokens, "flop": flop}
        known["effective_compute"] = flop * factor if flop and factor else None
        return {name: x for name, x in known.items() if x is not None}

    def explain(self, reading: Reading) -> Placement:
        """Where a reading goes and which entry says so; or why it has no place. What `place` refuses is told here."""
        told: dict[str, Any] = {"model": reading.model}
        try:
            entry, _ = self._match(reading.model)
            if entry is not None:
                told.update(by="table" if entry.match is None else "pattern", entry=entry.label)
                told.update(file=entry.file, line=entry.line)
            checkpoint = self.place(reading)
        except Unplaced as error:
            return Placement(**told, reason=str(error))
        return Placement(**{"by": "source", **told}, checkpoint=checkpoint)

    def today(self, result: Result) -> Placement:
        """What the catalogue of today says of a model that was placed before.

        What the log itself had said is not kept apart from what the catalogue added, so as little as possible is taken
        from the checkpoint: first its step and parameters, then every scale, then its family and run.
        """
        checkpoint = result.checkpoint
        few = {"step": checkpoint.step, "params": checkpoint.params}
        every = {**few, "tokens": checkpoint.tokens, "flop": checkpoint.flop}
        told = self.explain(_reading(result, **few))
        if told.checkpoint is None:
            told = self.explain(_reading(result, **every))
        if told.by == "nothing":
            told = self.explain(_reading(result, **every, family=checkpoint.family, run=checkpoint.run))
        return told

    def contradicts(self, result: Result) -> str:
        """How the catalogue of today contradicts where a result was placed, in words; empty where it does not.

        A scale that it does not state came from the log and stands; so does the step it was compared at.
        """
        then, now = result.checkpoint, self.today(result).checkpoint
        if now is None:
            return ""
        if (now.family, now.run) != (then.family, then.run):
            return f"was judged as {then.family}/{then.run}, and the catalogue now says {now.family}/{now.run}"
        for name in (self.axis(then.family) or ",".join(SCALES)).split(","):
            was, is_now = getattr(then, name), getattr(now, name)
            if was is not None and is_now is not None and not near(is_now / was, 1.0, TOLERANCE):
                return f"was judged at {name.replace('_', ' ')} {was:.4g}, and the catalogue now says {is_now:.4g}"
        return ""

    @cached_property
    def _declared(self) -> dict[str, Family]:
        return {family.name: family for family in self.families}

    def _family(self, name: str) -> Family:
        return self._declared.get(name) or Family(name=name)

    @cached_property
    def _six_nd(self) -> frozenset[str]:
        return frozenset(run.family for run in self.runs if six_nd(run.family, (run,)))

    @cached_property
    def _exact(self) -> dict[str, list[Run]]:
        exact: dict[str, list[Run]] = {}
        for run in self.runs:
            if run.model is not None:
                exact.setdefault(run.model, []).append(run)
        return exact

    @cached_property
    def _patterns(self) -> list[tuple[Run, str]]:
        return [(run, run.match) for run in self.runs if run.match is not None]

    def _match(self, model: str) -> tuple[Run | None, dict[str, str]]:
        found: list[tuple[Run, dict[str, str]]] = [(run, {}) for run in self._exact.get(model, [])]
        try:
            tried = [(run, captures(pattern, model)) for run, pattern in self._patterns]
        except AmbiguousError as error:
            raise Unplaced(model, f"pattern {error}") from error
        found += [(run, captured) for run, captured in tried if captured is not None]
        if len(found) > 1:
            labels = " and ".join(run.label for run, _ in found)
            raise Unplaced(model, f"{labels} match it; one of them has to give way")
        return found[0] if found else (None, {})


def _reading(result: Result, **said: Any) -> Reading:
    measured = {name: getattr(result, name) for name in ("task", "metric", "value")}
    return Reading(**measured, model=result.checkpoint.model, **said)
