"""What a catalogue is made of: families, runs, and tasks that are read together."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from checkpoints_db.catalogue.flop import Architecture, Convention
from checkpoints_db.catalogue.pattern import placeholders
from checkpoints_db.records import PLANE, Axis, Record
from checkpoints_db.records.evidence import Name, Positive

FORMULA: Literal["6*params*tokens"] = "6*params*tokens"
_TASK = "{task}"


class Entry(Record):
    """A table of the file: no silent typing, `params = true` is not 1."""

    model_config = ConfigDict(strict=True)


class Built(Entry, Architecture):
    """An entry that may say how its model is built."""


class Size(Built):
    """What a size in a name stands for: names round, and do not say whether they count embeddings."""

    params: Positive | None = None
    tokens: Positive | None = None
    tokens_per_step: Positive | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, body: object) -> object:
        return {"params": body} if isinstance(body, int | float) and not isinstance(body, bool) else body

    @model_validator(mode="after")
    def _tokens_once(self) -> Self:
        if self.tokens is not None and self.tokens_per_step is not None:
            raise ValueError("tokens and tokens_per_step both give the tokens; keep one of them")
        return self


class Family(Entry):
    """Runs that share data and recipe and differ only in scale."""

    name: Name
    axis: Axis | None = None
    """What the rungs are ordered by; None leaves the choice to the series. `params,tokens` is an axis of two."""
    compare_at: Literal["step", "any"] = "step"
    """`step`: rungs are compared at equal step; `any`: all checkpoints in one series."""
    flop_counts: str = Field(default="", max_length=200)
    """What the FLOP of this family count, in words: `6 * non-embedding params * tokens`. Never computed with; entries
    that say otherwise are refused."""
    flop_convention: Convention | None = None
    """How FLOP are counted where nobody states them; what is stated must agree with it."""
    flop_within: Annotated[float, Field(ge=0, le=1)] = 0.0
    """By what share of it the FLOP of this family may be off, where they are only estimated."""
    params_counts: Literal["total", "non-embedding"] | None = None
    """What the parameters of this family count. Where embeddings are left out, the count of a log, which has them in,
    is never used."""
    estimator: str = Field(default="", max_length=200)
    """Where the factors of effective compute come from, in words; one for the whole family."""
    efficiency: Positive | None = None
    """Effective compute = FLOP * this, where the entry of a run gives no factor of its own."""
    sizes: dict[Name, Size] = Field(default_factory=dict)
    """What each `{size}` stands for; without it a size gives the parameters it says."""

    @model_validator(mode="after")
    def _one_series(self) -> Self:
        if self.axis == PLANE and self.compare_at == "step" and "compare_at" in self.model_fields_set:
            raise ValueError(
                'compare_at = "step" cuts the plane of axis = "params,tokens" into a series a step; take one of them '
                "out"
            )
        return self

    @property
    def staged(self) -> bool:
        """Whether a step is a series of its own: on two axes all checkpoints of all steps are rungs of one."""
        return self.compare_at == "step" and self.axis != PLANE

    def size(self, captured: str) -> Size | None:
        """What a captured size stands for, upper and lower case alike; None where it is not listed."""
        return next((size for name, size in self.sizes.items() if name.lower() == captured.lower()), None)


class Run(Built):
    """Model names that belong to one family, and how to read run and scale from them."""

    family: Name
    match: str | None = None
    """Pattern of the model name; or, for a row of a table, nothing."""
    model: str | None = None
    """The exact model name (rows of a table)."""
    run: Name = ""
    """Name of the run, with placeholders of `match`."""
    step: Annotated[int, Field(ge=0)] | None = None
    params: Positive | None = None
    tokens: Positive | None = None
    flop: Positive | Literal["6*params*tokens"] | None = None
    tokens_per_step: Positive | None = None
    flop_counts: str = Field(default="", max_length=200)
    """What the FLOP of this entry count, where it says so itself: must agree with its family."""
    estimator: str = Field(default="", max_length=200)
    """Where `efficiency` comes from: must agree with its family."""
    efficiency: Positive | None = None
    """Effective compute = FLOP * this."""
    source: str = ""
    """Where it stands, for messages: `skills-models.csv, line 5`."""
    file: str = ""
    """The file it stands in: the catalogue, or a table beside it."""
    line: int | None = None
    """The line of its [[run]], or of its row."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, body: object) -> object:
        """Fill in the default name of the run."""
        if isinstance(body, dict) and isinstance(body.get("match"), str) and not body.get("run"):
            known = placeholders(body["match"])
            default = next((name for name in ("run", "size") if name in known), None)
            if default is None:
                raise ValueError("run is missing, and match captures neither {run} nor {size}")
            return {**body, "run": f"{{{default}}}"}
        return body

    @model_validator(mode="after")
    def _stated_once(self) -> Self:
        if (self.match is None) == (self.model is None):
            raise ValueError("give match, or table, and not both")
        if not self.run:
            raise ValueError("run is missing")
        if self.match is None:
            return self
        known = placeholders(self.match)
        for name in placeholders(self.run):
            if name not in known:
                raise ValueError(f"run uses {{{name}}}, which match does not capture")
        for fixed, name in (("step", "step"), ("params", "size"), ("tokens", "tokens")):
            if getattr(self, fixed) is not None and name in known:
                raise ValueError(f"{fixed} is given, and match captures {{{name}}}; keep one of them")
        if self.tokens_per_step is not None and (self.tokens is not None or "tokens" in known):
            raise ValueError("tokens and tokens_per_step both give the tokens; keep one of them")
        return self

    @property
    def label(self) -> str:
        """How messages name this entry."""
        return self.source or f"pattern {self.match!r}"


class Target(Built):
    """A checkpoint to come, which forecasts are asked about before anybody trains it."""

    family: Name
    name: Name
    params: Positive | None = None
    tokens: Positive | None = None
    flop: Positive | None = None
    """Left out, they are counted from params and tokens as the family counts them."""
    efficiency: Positive | None = None
    """Effective compute = FLOP * this; left out, what its [[family]] says."""
    due: date | None = None
    """When it will be evaluated; told, never computed with."""
    file: str = ""
    line: int | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.params is None and self.tokens is None and self.flop is None:
            raise ValueError("a target needs a scale: params, tokens or flop, as the axis of its family asks")
        return self

    @property
    def where(self) -> str:
        """`catalogue.toml:12`."""
        return f"{self.file.rpartition('/')[2]}:{self.line}" if self.line else self.file


class Together(Entry):
    """Tasks that ask one question under several metrics, and are read together in diagnosis."""

    tasks: Annotated[tuple[Name, ...], Field(strict=False, min_length=2)]

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if any(task.replace(_TASK, "", 1).count("{") + task.replace(_TASK, "", 1).count("}") for task in self.tasks):
            raise ValueError(f"a task may hold {_TASK} once, and no other brace")
        if _TASK in self.tasks[0] and not all(_TASK in task for task in self.tasks):
            raise ValueError(f"the first task names the question with {_TASK}, so each of them needs it")
        return self

    def question(self, task: str) -> tuple[int, str] | None:
        """The question `task` belongs to, with the number of literal characters that matched; None where it does not.

        >>> Together(tasks=("{task}", "{task}_ll")).question("add2_ll")
        (3, 'add2')
        """
        found: list[tuple[int, str]] = []
        for template in self.tasks:
            before, brace, after = template.partition(_TASK)
            matched = re.fullmatch(re.escape(before) + ("(.+)" if brace else "") + re.escape(after), task, re.DOTALL)
            if matched:
                name = matched[1] if brace else ""
                found.append((len(before) + len(after), self.tasks[0].replace(_TASK, name)))
        return max(found, key=lambda each: each[0], default=None)


class Domain(Entry):
    """A part of the suite that rules may select by its tag."""

    name: Name
    tasks: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]
    """Shell patterns of tasks; case counts."""


class Composition(Entry):
    """A task that only succeeds where each of its parts does, `steps` times over."""

    task: Name
    parts: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """Tasks, or the names of tasks read together; one that is needed twice stands twice."""
    steps: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often the parts are gone through; without parts, the number of equal steps of the task."""

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if self.task in self.parts:
            raise ValueError(f"{self.task!r} cannot be a part of itself")
        if len(self.parts) < 2 and self.steps < 2:
            raise ValueError("a composition needs two parts, or parts and steps = 2 or more, or steps alone")
        return self

    @property
    def counted(self) -> dict[str, int]:
        """Each part once, in order, with how often it is done."""
        return {part: self.parts.count(part) * self.steps for part in self.parts}

    @property
    def formula(self) -> str:
        """What it says, in one line.

        >>> Composition(task="add3", parts=("digit", "carry"), steps=3).formula
        'add3 = digit^3 and carry^3'
        """
        made = [part if n == 1 else f"{part}^{n}" for part, n in self.counted.items()]
        return f"{self.task} = {' and '.join(made) or f'{self.steps} steps'}"
