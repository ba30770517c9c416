"""One run under every setting, as it was and with each break planted: which checkpoints would have been stopped.

Cases are made by the gate and decided on by `decide`, as ever. Forecasts depend on no threshold: a law is made once for
all settings, and verdicts and diagnoses again only for settings that judge by other terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from checkpoints_db.judgements import Known, Moment
from checkpoints_db.past import Past
from checkpoints_db.past.planted import Planted
from checkpoints_db.records import Answer, Case, Decision, Finding, Level, Reason
from monitor.cases import case_of
from monitor.prior import Prior
from monitor.replay import Source
from monitor.replay.source import Told
from monitor.tuning.planting import Plant, PlantedSeals
from monitor.tuning.survey import Sitting
from policies.schema import Policy
from policies.several import Ruling, decide_all

PAUSED, HELD = 1, 2
"""What a decision did over a break: PAUSE, or a HOLD because something broke, as over a fall."""

ONLY_DECIDES = frozenset(
    ("break", "diagnosis", "level", "evidence", "drift", "scale_step", "calendar", "stage", "skill", "safeguard")
)
"""Kinds of rule whose numbers no case depends on: a setting of theirs needs only to be decided again."""

ADDED_UP = frozenset(("drift", "skill"))
"""Those of them that read more of a case than single questions, one by one."""

Codes = tuple[int, ...]
"""For each setting, what was done."""


class Job(NamedTuple):
    """What another process is asked: one run. It holds no open file."""

    source: Source
    family: str
    run: str
    policies: tuple[Policy, ...]
    """One a setting."""
    sittings: tuple[Sitting, ...]
    """Of this run."""
    plants: tuple[tuple[int, Plant], ...]
    """With their numbers: those that can be seen on this run."""
    prior: Prior


class Sat(NamedTuple):
    """What every setting did on one checkpoint as it was."""

    order: int
    at: datetime
    codes: Codes


class Caught(NamedTuple):
    """Which settings stopped one checkpoint over one planted break."""

    plant: int
    order: int
    at: datetime
    codes: Codes


class Looked(NamedTuple):
    """What came of one run."""

    family: str
    run: str
    sat: tuple[Sat, ...]
    caught: tuple[Caught, ...]


def look(job: Job) -> Looked:
    """Every checkpoint of a run under every setting, as it was and with each break."""
    sat: list[Sat] = []
    caught: list[Caught] = []
    with job.source.told(job.family) as told:
        bench = _Bench(told, job)
        for moment, sitting in sorted(((m, s) for s in job.sittings for m in s.moments), key=lambda each: each[0].seq):
            codes, hits = bench.sit(moment, sitting)
            sat.append(Sat(sitting.order, moment.at, codes))
            caught += [Caught(number, sitting.order, moment.at, hit) for number, hit in hits]
    return Looked(job.family, job.run, tuple(sat), tuple(caught))


def stops(decision: Decision) -> tuple[Finding, ...]:
    """The findings that stop a run over what happened: every PAUSE, and HOLDs because something broke."""
    return tuple(
        f
        for f in decision.findings
        if f.effect is Answer.PAUSE or (f.effect is Answer.HOLD and f.reason is Reason.broken)
    )


def code(found: Sequence[Finding]) -> int:
    """PAUSED, HELD, both or nothing."""
    pauses = any(f.effect is Answer.PAUSE for f in found)
    return PAUSED * pauses | HELD * any(f.effect is Answer.HOLD for f in found)


def due_to(found: Sequence[Finding], before: Sequence[Finding], questions: Sequence[str]) -> tuple[Finding, ...]:
    """Of the findings with a break planted, those about its questions, and those that were not there without it."""
    were = {(f.rule, f.subject, f.effect) for f in before}
    return tuple(
        f for f in found if f.subject.partition(" · ")[0] in questions or (f.rule, f.subject, f.effect) not in were
    )


def settled(policies: Sequence[Policy], cases: Sequence[Case], at: datetime) -> list[tuple[Finding, ...]]:
    """What stops a run under each policy, each with its own case; no waiver or release, which were given for others."""
    alone = ([Ruling(policy, case)] for policy, case in zip(policies, cases, strict=True))
    return [stops(decide_all(ruled, (), (), at)) for ruled in alone]


class _Bench:
    """Where one run is looked at again."""

    def __init__(self, told: Told, job: Job) -> None:
        self._told, self._job = told, job
        self._past, self._known = Past(told.history), Known()
        readings = list(dict.fromkeys(map(_reading, job.policies)))
        self._which = [readings.index(_reading(policy)) for policy in job.policies]
        self._read_by = [job.policies[self._which.index(i)] for i in range(len(readings))]
        self._known.together = tuple(dict.fromkeys(policy.judging for policy in job.policies))
        self._splices = all(map(_splices, job.policies)) and not told.catalogues.present.compositions
        self._plain = [Planted(self._past, self._past.evidence, told.history.seals) for _ in readings]
        self._series = self._of_questions() if self._splices else {}
        self._planted = {number: self._with(plant) for number, plant in job.plants}

    def _of_questions(self) -> dict[str, list[str]]:
        """Question to every series of it."""
        found: dict[str, list[str]] = {}
        for name, task in self._past.evidence.every_series().items():
            found.setdefault(self._told.catalogues.present.question(task), []).append(name)
        return found

    def _with(self, plant: Plant) -> list[Planted]:
        """The past with a break in it, once for each way of reading it: what is concluded in one stays there."""
        broken, run = plant.broken, self._job.run
        alone = [name for question in plant.questions for name in self._series.get(question, ())]
        evidence = self._past.evidence.moved(broken.shifts, run, broken.moved, alone=alone)
        seals = PlantedSeals(self._told.history.seals, evidence, broken, self._job.prior)
        return [Planted(self._past, evidence, seals) for _ in self._read_by]

    def sit(self, moment: Moment, sitting: Sitting) -> tuple[Codes, list[tuple[int, Codes]]]:
        """What each setting does at a moment as it was, and with each break that can be seen there."""
        job = self._job
        self._past.move(moment.seq - 1)
        self._known.verdicts.clear()
        self._known.diagnoses.clear()
        cases = self._cases(self._plain, self._known, moment, sitting)
        plain = self._settled(cases, moment.at)
        hits = []
        for number, plant in job.plants:
            if sitting.order in plant.looks:
                known = Known() if self._splices else self._but(plant)
                known.together = self._known.together
                broken = self._cases(self._planted[number], known, moment, sitting)
                if self._splices:
                    broken = [spliced(case, other) for case, other in zip(cases, broken, strict=True)]
                found = self._settled(broken, moment.at)
                due = [due_to(f, before, plant.questions) for f, before in zip(found, plain, strict=True)]
                hits.append((number, tuple(map(code, due))))
        return tuple(map(code, plain)), hits

    def _settled(self, cases: Sequence[Case], at: datetime) -> list[tuple[Finding, ...]]:
        return settled(self._job.policies, [cases[i] for i in self._which], at)

    def _cases(self, views: Sequence[Planted], known: Known, moment: Moment, sitting: Sitting) -> list[Case]:
        """One case for each way of reading the past."""
        catalogue, made = self._told.catalogues.at(moment.seq), []
        for view, policy in zip(views, self._read_by, strict=True):
            view.judgements.known = known
            case = case_of(view, catalogue, policy, self._job.family, self._job.run, sitting.checkpoint)
            if policy.budget.per == "run":  # its later checkpoints look back at this one
                for verdict in case.verdicts:
                    view.judgements.put_verdict(verdict, moment.at)
                for diagnosis in case.diagnoses:
                    view.judgements.put_diagnosis(diagnosis, moment.at)
            made.append(case)
        return made

    def _but(self, plant: Plant) -> Known:
        """What is known without the break, but of its own questions."""
        known, moved = Known(), plant.broken.shifts
        known.verdicts = {key: made for key, made in self._known.verdicts.items() if made[0].series not in moved}
        known.diagnoses = {key: d for key, d in self._known.diagnoses.items() if d.question not in plant.questions}
        return known


def spliced(case: Case, other: Case) -> Case:
    """A case with what another one says of its own series and questions."""
    verdicts = {verdict.series: verdict for verdict in other.verdicts}
    diagnoses = {diagnosis.question: diagnosis for diagnosis in other.diagnoses}
    return case.model_copy(
        update={
            "verdicts": tuple(verdicts.get(verdict.series, verdict) for verdict in case.verdicts),
            "diagnoses": tuple(diagnoses.get(diagnosis.question, diagnosis) for diagnosis in case.diagnoses),
        }
    )


def _splices(policy: Policy) -> bool:
    """Whether nothing that could stop a run reads more of a case than single questions, one by one.

    A drift adds them up, and so do parts of compositions and checkpoints of a run; `skill` and others read forecasts.
    """
    rules = [rule for rule in policy.rules if rule.level not in (Level.shadow, Level.advisory)]
    return policy.budget.per != "run" and all(rule.kind in ONLY_DECIDES - ADDED_UP for rule in rules)


def _reading(policy: Policy) -> tuple[object, ...]:
    """All of a policy that a case depends on."""
    rules = tuple(rule.model_dump_json() for rule in policy.rules if rule.kind not in ONLY_DECIDES)
    return policy.judging, policy.budget.per, policy.budget.method, rules


def runs_of(sittings: Mapping[str, Sequence[Sitting]]) -> list[tuple[str, str]]:
    """(family, run) of every run that was judged, in order of first decision."""
    return list(dict.fromkeys((s.family, s.run) for own in sittings.values() for s in own))
