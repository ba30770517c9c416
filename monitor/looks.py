"""The checkpoints of one run, as a budget for the whole run sees them: each a look at its suite."""

from __future__ import annotations

import math
from collections.abc import Iterable

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import Case, Checkpoint, Diagnosis, Look, Verdict
from policies.budget import surprises
from policies.schema import Policy


def progress(checkpoint: Checkpoint) -> tuple[int, float]:
    """How far its run had come: what checkpoints of one run are ordered by."""
    return checkpoint.step or 0, checkpoint.tokens or 0.0


def furthest(arrived: Iterable[Checkpoint]) -> Checkpoint:
    """The checkpoint at which a run had come furthest, of those that arrived in this order. ValueError without any.

    By step, where each states one. Final weights often state none: they are compared with the furthest of the others
    by tokens, then by FLOP, where both say them and differ, and else the one that arrived later is the further.
    """
    there = list({checkpoint.id: checkpoint for checkpoint in arrived}.values())
    bare, stepped = [c for c in there if c.step is None], [c for c in there if c.step is not None]
    if not bare or not stepped:
        return max(there, key=progress)
    one, other = max(bare, key=progress), max(stepped, key=progress)
    ahead = further(one, other) or there.index(one) - there.index(other)
    return one if ahead > 0 else other


def further(one: Checkpoint, other: Checkpoint) -> float:
    """By how much more tokens, or else FLOP, `one` was trained than `other`; 0 where neither tells them apart."""
    for mine, its in ((one.tokens, other.tokens), (one.flop, other.flop)):
        if mine is not None and its is not None and not math.isclose(mine, its, rel_tol=1e-9):
            return mine - its
    return 0.0


def questions(catalogue: Catalogue, verdicts: Iterable[Verdict]) -> dict[str, str]:
    """Task to the question it asks, where the catalogue reads several tasks together."""
    return {v.task: asked for v in verdicts if (asked := catalogue.question(v.task)) != v.task}


def looks(store: Store, catalogue: Catalogue, policy: Policy, latest: Checkpoint) -> tuple[Look, ...]:
    """What the earlier checkpoints of a run showed, as it was concluded then."""
    results = [
        seen.result for seen in store.evidence.results(family=latest.family, run=latest.run) if not seen.baseline
    ]
    ids = {result.checkpoint.id: progress(result.checkpoint) for result in results}
    earlier = sorted((at, name) for name, at in ids.items() if at < progress(latest))
    verdicts: dict[str, list[Verdict]] = {}
    for _, verdict in store.judgements.verdicts(latest.family, latest.run):
        verdicts.setdefault(verdict.checkpoint, []).append(verdict)
    diagnoses: dict[str, list[Diagnosis]] = {}
    for _, diagnosis in store.judgements.diagnoses(latest.family, latest.run):
        diagnoses.setdefault(diagnosis.checkpoint, []).append(diagnosis)
    found = []
    for _, name in earlier:
        own = verdicts.get(name, [])
        then = Case(
            family=latest.family,
            run=latest.run,
            judged=True,
            verdicts=tuple(own),
            diagnoses=tuple(diagnoses.get(name, ())),
            questions=questions(catalogue, own),
            domains={task: catalogue.domains_of(task) for task in {v.task for v in own}},
        )
        if own:
            found.append(Look(checkpoint=name, surprises=surprises(policy, then)))
    return tuple(found)
