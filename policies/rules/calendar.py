"""Rule `calendar`: the time since the last assessment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator

from checkpoints_db.records import Answer, Case, Finding, Reason
from checkpoints_db.records.duration import spell_duration
from policies.assessed import SinceTerms, counted, named
from policies.calendar_span import CalendarDuration, due
from policies.direction import ANSWERS, LOWER, MORE
from policies.rules.base import found, spoken
from policies.schema import Policy
from policies.spelling import Duration, several

TOLERANCE = timedelta(minutes=5)
"""A clock may have started this much after now, because clocks differ."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'{name!r} is no time zone of the IANA data base; write "UTC" or "Europe/Berlin"') from None
    return name


class CalendarTerms(SinceTerms):
    """Keys of a `calendar` rule; where no assessment was made, its clock starts with the first result."""

    kind: Literal["calendar"]
    """Kind of rule."""
    every: Annotated[CalendarDuration, LOWER]
    """Time after an assessment at which the next one is due."""
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """Time zone on whose wall clock months are counted."""
    warn: Annotated[
        tuple[Duration, ...], BeforeValidator(several, json_schema_input_type=Duration | tuple[Duration, ...]), MORE
    ] = ()
    """Lengths of time before it is due from which the rule warns."""
    answer: Annotated[Literal["warn", "hold", "pause"], ANSWERS] = "hold"
    """What the rule says when an assessment is due."""


class CalendarRule:
    """Fires at the very moment at which the next assessment is due."""

    kind = "calendar"
    terms = CalendarTerms
    reads_verdicts = False

    def look(self, terms: CalendarTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding; HOLD where neither an assessment nor a first result starts the clock."""
        place, made = f"{case.family}/{case.run}", counted(terms, case, at)
        if made:
            return (self._since(terms, place, made[-1].at, named(made[-1]), at),)
        start = case.family_since if terms.of == "family" else case.run_since
        if start is None:
            why = (
                f"{place}: no assessment is recorded, and nobody knows when the first result of its {terms.of} arrived"
            )
            remedy = f"{terms.wanted} were recorded"
            return (found(terms, Answer.HOLD, Reason.no_data, why, remedy=remedy, magnitude=1.0),)
        if start - at > TOLERANCE:
            why = f"{place}: the first result of its {terms.of} arrives after now; a clock is wrong"
            return (found(terms, Answer.HOLD, Reason.fault, why, remedy="the clocks agreed", magnitude=1.0),)
        first = (
            f"first result of its {terms.of} on {start:%Y-%m-%d} (no {terms.wanted.removeprefix('an ')} is recorded)"
        )
        return (self._since(terms, place, start, first, at),)

    def _since(self, terms: CalendarTerms, place: str, start: datetime, what: str, at: datetime) -> Finding:
        end = due(start, terms.every, terms.zone)
        left = (end - at) / timedelta(days=1)
        numbers = {"days_since": (at - start) / timedelta(days=1), "days_left": left}
        moment = _spelled(end, terms.zone)
        sentence = f"{place}: {terms.every} after the {what}, the next assessment is due on {moment}"
        remedy = f"{terms.wanted} were recorded"
        reason = Reason.assessment_due
        if at >= end:
            late, answer = 1.0 - left, spoken(terms.answer)
            return found(terms, answer, reason, sentence, numbers=numbers, remedy=remedy, magnitude=late)
        passed = [warning for warning in terms.warn if end - at <= warning]
        if passed:
            said = f"{sentence}, in less than {spell_duration(min(passed))}"
            size = 1 / (1 + left)
            return found(terms, Answer.WARN, reason, said, numbers=numbers, remedy=remedy, magnitude=size)
        return found(terms, Answer.GO, Reason.ok, sentence, numbers=numbers)


def _spelled(moment: datetime, zone: str) -> str:
    try:
        return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"
    except OverflowError:  # the first and the last day there are
        return f"{moment:%Y-%m-%d %H:%M} UTC"
