"""`[[test]]`: what a policy must say of a ladder that everybody knows; no digest changes with a test."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from checkpoints_db.records import Answer, Instant, Reason
from policies.calendar_span import CalendarDuration, CalendarSpan
from policies.spelling import Duration, Globs, Multiple, Several, Text
from policies.terms import Terms

LadderName = Literal[
    "straight",
    "jump",
    "artefact",
    "unexplained_jump",
    "latent_break",
    "drop",
    "missing_evaluation",
    "late",
    "noisy",
    "too_short",
]


Said = Literal["GO", "WARN", "HOLD", "PAUSE", "go", "warn", "hold", "pause"]
"""An answer, as loud as one likes."""


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, dict) else tuple(value) if isinstance(value, list) else value


def _answer(value: Any) -> Any:
    return {"answer": value} if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _moment(value: Any) -> Any:
    """A moment that is text by now: inside a list that may be one table, nothing reads dates any more."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"{value!r} is no moment; write 2026-11-23T09:00:00Z") from error


Moment = Annotated[Instant, BeforeValidator(_moment, json_schema_input_type=datetime)]


class Assessed(Terms):
    """An assessment of the run that was recorded before it asks."""

    name: Text = "comprehensive"
    """Name of the assessment."""
    ago: CalendarDuration = CalendarSpan(length=timedelta(days=1))
    """How long before the question it was made; months are counted back on the calendar of UTC."""
    at: Moment | None = None
    """The moment it was made, instead of `ago`."""
    since: Multiple = 1.0
    """How many times the compute that was assessed the checkpoint has now."""
    flop: Annotated[float, Field(gt=0)] | None = None
    """The compute that was assessed, instead of `since`."""


class Attested(Terms):
    """An attestation of a safeguard that was recorded before the run asks."""

    safeguard: Text
    """Name of the safeguard."""
    ago: CalendarDuration = CalendarSpan(length=timedelta(days=1))
    """How long before the question it was given."""
    at: Moment | None = None
    """The moment it was given, instead of `ago`."""
    lasts: CalendarDuration | None = None
    """How long it is good for; left out: as long as the policy says."""


class Given(Terms):
    """What a test starts from: a fixture ladder, and what is different about it."""

    ladder: LadderName = "straight"
    """Which ladder; policies/README.md says what each is."""
    drop: Several = ()
    """Tasks or metrics, by name or pattern, that the checkpoint was not evaluated on."""
    late: Duration | None = None
    """How long ago the results of the checkpoint arrived; left out: an hour, and three days on the ladder `late`."""
    family: Text = "lab"
    """Name of the family."""
    run: Text = "big"
    """Name of the run that asks."""
    task: Globs = ("task-1", "task-2", "task-3")
    """Names of the tasks; what the ladder is named after happens to the first."""
    continuous: Text = "log_likelihood_per_byte"
    """Name of the continuous metric."""
    thresholded: Text = "exact_match"
    """Name of the thresholded metric."""
    domain: Several = ()
    """Domain tags of the tasks."""
    compute: Annotated[float, Field(gt=0)] | None = None
    """FLOP behind the checkpoint; the ladder below it keeps its steps of four."""
    compute_within: Annotated[float, Field(ge=0, le=1)] = 0.0
    """By what share the FLOP may be off; 0 where they were counted."""
    stage: Annotated[str, Field(max_length=500)] = ""
    """The stage the run is in."""
    stage_ago: CalendarDuration = CalendarSpan(length=timedelta(days=1))
    """How long ago it entered that stage."""
    entering: Annotated[str, Field(max_length=500)] = ""
    """The stage it asks to enter."""
    assessed: Annotated[
        tuple[Assessed, ...], BeforeValidator(_one_or_many, json_schema_input_type=Assessed | tuple[Assessed, ...])
    ] = ()
    """Assessments on record."""
    attested: Annotated[
        tuple[Attested, ...], BeforeValidator(_one_or_many, json_schema_input_type=Attested | tuple[Attested, ...])
    ] = ()
    """Attestations on record."""
    history: CalendarDuration = CalendarSpan(length=timedelta(days=30))
    """How long before the checkpoint the smaller rungs came in."""
    at: Instant | None = None
    """The moment the run asks; left out: 2026-11-02T09:00:00Z."""


class Expect(Terms):
    """What the gate must answer."""

    answer: Annotated[Answer, BeforeValidator(_upper, json_schema_input_type=Said)]
    """`GO`, `WARN`, `HOLD` or `PAUSE`."""
    rule: Text | None = None
    """A rule that says so; with `GO`, a rule that said otherwise and could not stop it."""
    reason: Reason | None = None
    """Its reason."""


class PolicyTest(Terms):
    """One `[[test]]` table."""

    name: Text
    """What the test shows, in a few words."""
    given: Given = Given()
    """What the run is like."""
    expect: Annotated[Expect, BeforeValidator(_answer, json_schema_input_type=Said | Expect)]
    """The answer, or a table of answer, rule and reason."""
