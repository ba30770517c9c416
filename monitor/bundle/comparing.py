"""What was judged, beside what comes out when it is judged again: law, verdict, diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from checkpoints_db import Store
from checkpoints_db.records import Diagnosis, Verdict
from monitor.bundle.records import Part, PartName
from monitor.replay.likeness import first_difference
from policies.several import Ruling

LAW = ("forecast", "sealed_at", "median", "lower", "upper", "tail_above", "tail_below", "detectable", "pit", "crps")
"""Fields of a verdict that the sealed law gives, at the place of its checkpoint."""
SHOWN = 3
"""Differences of a part that are told."""

Judged = TypeVar("Judged", Verdict, Diagnosis)


def judged(store: Store, ruled: Sequence[Ruling], before: int) -> list[Part]:
    """The parts `forecast`, `verdict` and `diagnosis`: what the cases hold now, beside the rows before row `before`."""
    family, run = ruled[0].case.family, ruled[0].case.run
    verdicts = _each(verdict for one in ruled for verdict in one.case.verdicts)
    told = store.judgements.told(Verdict, family, run, before)
    laws, others = [], []
    for now in verdicts:
        was = _recorded(now, told)
        if was is None:
            others.append(f"{_name(now)}: no verdict on it is among the rows before the decision")
            continue
        law, rest = _apart(was, now)
        laws += [f"{_name(now)}: {law}"] if law else []
        others += [f"{_name(now)}: {rest}"] if rest else []
    by = {v.forecast for v in verdicts if v.forecast}
    return [
        part("forecast", laws, f"the laws of {len(by)} sealed forecasts, at the place of the checkpoint"),
        part("verdict", others, f"{len(verdicts)} verdicts"),
        _diagnoses(store, ruled, before),
    ]


def _diagnoses(store: Store, ruled: Sequence[Ruling], before: int) -> Part:
    family, run = ruled[0].case.family, ruled[0].case.run
    diagnoses = _each(diagnosis for one in ruled for diagnosis in one.case.diagnoses)
    told = store.judgements.told(Diagnosis, family, run, before)
    there, wrong = {one.digest for one in told}, []
    for now in diagnoses:
        if now.digest in there:
            continue
        like = [one for one in told if (one.checkpoint, one.question) == (now.checkpoint, now.question)]
        why = first_difference(like[-1].body(), now.body()) if like else "it is not among the rows before the decision"
        wrong.append(f"{now.question}: {why}")
    return part("diagnosis", wrong, f"{len(diagnoses)} diagnoses")


def part(name: PartName, wrong: Sequence[str], good: str) -> Part:
    """A part that differs as `wrong` says, or is verified."""
    if not wrong:
        return Part(name=name, status="verified", sentence=f"{good}: the same again")
    more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return Part(name=name, status="differs", sentence="; ".join(wrong[:SHOWN]) + more)


def _each(found: Iterable[Judged]) -> list[Judged]:
    return list({one.digest: one for one in found}.values())


def _recorded(now: Verdict, told: Sequence[Verdict]) -> Verdict | None:
    """The recorded verdict that is this one; else the last on the same result at the same level."""
    like = [one for one in told if (one.result, one.level) == (now.result, now.level)]
    same = [one for one in like if one == now]
    return [None, *like, *same][-1]


def _apart(was: Verdict, now: Verdict) -> tuple[str, str]:
    """How two verdicts differ in what the law gives, and how in the rest; empty where they do not."""
    one, other = was.body(), now.body()
    if one == other:
        return "", ""

    def only(body: dict[str, Any], law: bool) -> dict[str, Any]:
        return {name: value for name, value in body.items() if (name in LAW) is law}

    found = [(only(one, law), only(other, law)) for law in (True, False)]
    law, rest = (first_difference(a, b) if a != b else "" for a, b in found)
    return law, rest


def _name(verdict: Verdict) -> str:
    return f"{verdict.task} · {verdict.metric.name}"
