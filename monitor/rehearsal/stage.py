"""A stage for policies: a fixture ladder in a temporary store, and the walk that every result takes.

Nothing here judges: results are recorded, forecasts sealed, the case made and the decision taken by the very functions
that the daemon uses. Recording and sealing do not depend on a policy and are done once for each ladder.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue, Domain, Family
from checkpoints_db.errors import PolicyError
from checkpoints_db.records import (
    Answer,
    Assessment,
    Attestation,
    Decision,
    Finding,
    Reason,
    Record,
    Result,
    StageEntry,
)
from checkpoints_db.records.base import digest_of, stamp
from monitor import cases, watch
from monitor.clock import VirtualClock
from monitor.rehearsal.ladders import ASKED, LADDERS, checkpoint_of, idle_drops, rungs_of
from monitor.settings import Settings
from policies.calendar_span import before, due
from policies.engine import decide
from policies.policy_tests import Given, PolicyTest
from policies.schema import Policy

BY = "rehearsal"
NAMED = 3
"""So many rules are named that say what was not expected."""


class Outcome(Record):
    """What the gate said in one test, beside what it should have said."""

    name: str
    passed: bool
    expected: str
    got: str
    answer: Answer
    reason: Reason
    rules: tuple[str, ...]
    """Rules that say so, worst first; with GO, those that said otherwise and could not stop it."""
    sentence: str
    """The deciding sentence."""


class Stage:
    """Temporary stores for rehearsals. Use as a context manager: what was written is gone afterwards."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="holdpoint-rehearsal-")
        self._ready: dict[str, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def play(self, policy: Policy, test: PolicyTest) -> Outcome:
        """One test of a policy. Raises PolicyError for a test that drops what its ladder does not have."""
        try:
            decision = self.decision(policy, test.given)
        except PolicyError as error:
            raise PolicyError(f"test {test.name!r}: {error}") from error
        rules = _rules(decision)
        expect = test.expect
        passed = expect.answer is decision.answer
        passed &= expect.reason is None or any(f.reason is expect.reason for f in _said(decision, expect.rule))
        passed &= expect.rule is None or expect.rule in rules
        expected = _words(expect.answer, expect.reason, (expect.rule,) if expect.rule else ())
        return Outcome(
            name=test.name,
            passed=passed,
            expected=expected,
            got=_words(decision.answer, decision.reason, rules),
            answer=decision.answer,
            reason=decision.reason,
            rules=rules,
            sentence=decision.sentence,
        )

    def decision(self, policy: Policy, given: Given) -> Decision:
        """What the policy decides on the run of a test. Raises PolicyError for what its ladder does not have."""
        if idle := idle_drops(given):
            known = ", ".join(dict.fromkeys(name for r in rungs_of(given) for name in (r.task, r.metric.name)))
            raise PolicyError(f"given.drop names {idle[0]!r}, which ladder {given.ladder!r} lacks; it has: {known}")
        asked = given.at or ASKED
        catalogue = _catalogue(given)
        copy = Path(self._folder.name) / "played.db"
        shutil.copyfile(self._prepared(policy, given, catalogue), copy)
        with Store.open(copy) as store:
            case = cases.case_of(store, catalogue, policy, given.family, given.run)
        copy.unlink()
        return decide(policy, case.model_copy(update={"entering": given.entering}), (), (), asked)

    def _prepared(self, policy: Policy, given: Given, catalogue: Catalogue) -> Path:
        """A store with the ladder of a test, sealed, and its checkpoint: the same for every policy."""
        name = given.digest
        if name not in self._ready:
            path = Path(self._folder.name) / f"{name}.db"
            shutil.copyfile(self._sealed(policy, given, catalogue), path)
            asked = given.at or ASKED
            late = timedelta(hours=LADDERS[given.ladder].hours) if given.late is None else given.late
            with Store.open(path) as store:
                _record(store, checkpoint_of(given), asked - late, baseline=False)
                _state(store, given, catalogue, asked)
            self._ready[name] = path
        return self._ready[name]

    def _sealed(self, policy: Policy, given: Given, catalogue: Catalogue) -> Path:
        """A store with the smaller rungs and their forecasts."""
        late = timedelta(hours=LADDERS[given.ladder].hours) if given.late is None else given.late
        at, rungs = before((given.at or ASKED) - late, given.history), rungs_of(given)
        name = f"sealed-{digest_of([stamp(at), *(rung.digest for rung in rungs)])}"
        if name not in self._ready:
            path = Path(self._folder.name) / f"{name}.db"
            with Store.open(path, create=True) as store:
                _record(store, rungs, at, baseline=True)
                watch.seal_missing(store, watch.Rules(Settings.model_construct(), catalogue, policy, VirtualClock(at)))
            self._ready[name] = path
        return self._ready[name]


def _record(store: Store, results: list[Result], at: datetime, *, baseline: bool) -> None:
    with store.transaction():
        store.evidence.record(results, baseline=baseline, seen_at=at, seen_after=store.ledger.head[0], at=at)


def _catalogue(given: Given) -> Catalogue:
    family = Family(name=given.family, axis="flop", compare_at="any", flop_within=given.compute_within)
    return Catalogue(families=(family,), domains=tuple(Domain(name=name, tasks=given.task) for name in given.domain))


def _state(store: Store, given: Given, catalogue: Catalogue, asked: datetime) -> None:
    """Put down what people stated of the run: stage, assessments, attestations."""
    checkpoint = rungs_of(given)[-1].checkpoint.model_copy(update={"run": given.run, "model": given.run})
    checkpoint = next((r.checkpoint for r in checkpoint_of(given)), checkpoint)
    family, run, now = given.family, given.run, catalogue.compute(checkpoint)
    with store.transaction():
        if given.stage:
            at = before(asked, given.stage_ago)
            entry = StageEntry(id="stage", by=BY, at=at, recorded_at=at, family=family, run=run, stage=given.stage)
            store.actions.put_review(entry, entry.id, family, run)
        for number, made in enumerate(given.assessed):
            at = made.at or before(asked, made.ago)
            flop = None if now is None else made.flop or now.flop / made.since
            compute = None if now is None else now.model_copy(update={"flop": flop})
            found = Assessment(
                id=f"assessed-{number}",
                by=BY,
                at=at,
                recorded_at=at,
                family=family,
                run=run,
                name=made.name,
                checkpoint=checkpoint.id,
                compute=compute,
            )
            store.actions.put_review(found, found.id, family, run)
        for number, given_ in enumerate(given.attested):
            at = given_.at or before(asked, given_.ago)
            paper = Attestation(
                id=f"attested-{number}",
                by=BY,
                at=at,
                recorded_at=at,
                safeguard=given_.safeguard,
                family=family,
                run=run,
                expires=None if given_.lasts is None else due(at, given_.lasts),
            )
            store.actions.put_review(paper, paper.id, family, run)


def _rules(decision: Decision) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f.rule for f in _said(decision, None)))


def _said(decision: Decision, rule: str | None) -> list[Finding]:
    """The findings that make the answer; with GO, those that said otherwise and could not stop it."""
    go = decision.answer is Answer.GO
    making = [f for f in decision.findings if go or f.effect is decision.answer]
    return [f for f in making if rule in (None, f.rule)]


def _words(answer: Answer, reason: Reason | None, rules: tuple[str, ...]) -> str:
    named = ", ".join(rules[:NAMED]) + (", ..." if len(rules) > NAMED else "")
    return " ".join([answer.value, *([f"({reason.value})"] if reason else []), *([f"by {named}"] if named else [])])
