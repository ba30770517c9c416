"""Tuning over a store: the same decisions as ever, breaks that are found, and one answer whoever does the work."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import sweeps
from distributed import LocalCluster

from checkpoints_db.errors import EvidenceError
from checkpoints_db.past import Past
from checkpoints_db.past.planted import Break, Planted
from checkpoints_db.records import Answer
from monitor import cases
from monitor.prior import shipped
from monitor.tuning import Asked, NoCluster, Tuning, here, on_cores, on_dask, parse, sizes, tune
from monitor.tuning.planting import PlantedSeals
from monitor.tuning.spread import Spread
from policies.schema import Policy

PARAM = "break.tail=0.001..0.1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "store.db"
    sweeps.build(path, tasks=("sums", "shift", "sort", "copy"))
    return path


def swept(
    path: Path, policy: Policy | None = None, param: str = PARAM, spread: Spread = here, **more: object
) -> Tuning:
    policy = policy or sweeps.policy()
    asked = Asked([parse(policy, param)], points=4, sizes=sizes("+6sd,-6sd"), places=6)._replace(**more)
    rng = np.random.default_rng(asked.seed)
    return tune(sweeps.source(path), policy, asked, prior=shipped(), rng=rng, spread=spread)


@pytest.fixture(scope="module")
def told(made: Path) -> Tuning:
    return swept(made)


def test_every_setting_decides_as_the_daemon_did(made: Path, told: Tuning) -> None:
    with sweeps.source(made).opened() as store:
        answers = [d.answer for d in store.judgements.decisions()]
    now = next(s for s in told.settings if s.current)
    assert told.checkpoints == len(answers) == 12
    assert now.false_pauses == answers.count(Answer.PAUSE)
    assert now.values == (0.01,)


def test_a_looser_tail_pauses_more_and_misses_less(told: Tuning) -> None:
    for one, other in zip(told.settings, told.settings[1:], strict=False):
        assert one.values < other.values
        assert one.false_pauses <= other.false_pauses
        assert one.missed >= other.missed
        assert one.delay >= other.delay
    assert told.settings[0].missed > told.settings[-1].missed
    assert told.planted == 12
    assert set(told.settings[-1].by_size) == {"+6sd", "-6sd"}


def test_the_store_is_left_as_it_was(made: Path) -> None:
    before = hashlib.sha256(made.read_bytes()).hexdigest()
    swept(made, places=2)
    assert hashlib.sha256(made.read_bytes()).hexdigest() == before


def test_one_answer_whoever_does_the_work(made: Path, told: Tuning) -> None:
    assert swept(made) == told
    assert swept(made, spread=on_cores(2)) == told
    assert swept(made, seed=1) != told
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        assert swept(made, spread=on_dask(cluster.scheduler_address)) == told


def test_a_cluster_that_is_not_there_is_named(made: Path) -> None:
    with pytest.raises(NoCluster, match=r"no dask scheduler answers at 'nonsense://x'.*tcp://HOST:8786"):
        swept(made, spread=on_dask("nonsense://x"))


def test_splicing_is_the_whole_case(made: Path, told: Tuning) -> None:
    """A drift rule makes every case be read whole; one that can only warn changes no stop."""
    policy = sweeps.policy()
    drift = {"id": "drift", "kind": "drift", "level": "soft", "answer": "warn", "tail": 0.01}
    with_drift = swept(made, type(policy).model_validate({**dict(policy), "rules": (*policy.rules, _terms(drift))}))
    same = {"policy": "", "settings": (), "recommended": told.recommended}
    assert with_drift.model_copy(update=same) == told.model_copy(update=same)
    for whole, part in zip(with_drift.settings, told.settings, strict=True):
        assert whole.model_copy(update={"policy": ""}) == part.model_copy(update={"policy": ""})


def _terms(table: dict[str, object]) -> object:
    from policies.loader import from_body  # noqa: PLC0415

    return from_body({"name": "one", "rules": [table]}).rules[0]


def test_judging_is_judged_again(made: Path) -> None:
    found = swept(made, param="judging.tail=0.001..0.1")
    assert len({s.policy for s in found.settings}) == len(found.settings) == 4
    # The rule has a tail of its own, so no threshold of it moves.
    assert len({(s.false_pauses, s.missed) for s in found.settings}) == 1


def test_confirmed_breaks_are_no_false_pauses(made: Path, told: Tuning) -> None:
    found = swept(made, confirmed=("fam0/s4", "fam1/s5"))
    assert (found.confirmed, found.checkpoints) == (2, 10)
    assert all(s.confirmed_missed <= 2 for s in found.settings)
    assert sum(s.confirmed_missed for s in told.settings) == 0


def test_without_history_it_says_so(made: Path) -> None:
    asked = Asked([parse(sweeps.policy(), PARAM)], 3, sizes("6sd"))
    with pytest.raises(EvidenceError, match=r"no checkpoint of nobody was judged"):
        tune(
            sweeps.source(made),
            sweeps.policy(),
            asked,
            prior=shipped(),
            rng=np.random.default_rng(0),
            families=["nobody"],
        )


def test_a_break_stays_where_it_is_planted_and_forecasts_learn_of_it(made: Path) -> None:
    source, policy = sweeps.source(made), sweeps.policy()
    with source.told("fam0") as told:
        past = Past(told.history)
        first, second = told.moments
        name = next(n for n, task in past.evidence.every_series().items() if task == "sums")
        since = min(seq for seq, seen in told.history.results if seen.result.checkpoint.run == "s4")
        broken = Break(since, {name: -0.3})
        evidence = past.evidence.moved(broken.shifts, "s5", broken.moved)
        seals = PlantedSeals(told.history.seals, evidence, broken, shipped())
        planted = Planted(past, evidence, seals)
        past.move(second.seq - 1)
        plain = cases.case_of(past, told.catalogues.at(second.seq), policy, "fam0", "s5")
        moved = cases.case_of(planted, told.catalogues.at(second.seq), policy, "fam0", "s5")
    before = {v.task: v for v in plain.verdicts}
    after = {v.task: v for v in moved.verdicts}
    assert after["sums"].observed == pytest.approx(before["sums"].observed - 0.3)
    assert after["sums"].median is not None
    assert before["sums"].median is not None
    # The forecast of the second checkpoint has seen the break of the first one.
    assert after["sums"].median < before["sums"].median - 0.05
    assert {t: v for t, v in after.items() if t != "sums"} == {t: v for t, v in before.items() if t != "sums"}
    assert first.run == "s4"


def test_what_leaves_the_range_stays_on_its_end(made: Path) -> None:
    with sweeps.source(made).told("fam0") as told:
        seq, seen = told.history.results[-1]
    assert Break(seq, {seen.result.series: -99.0}).moved(seq, seen.result).value == 0.0
    assert Break(seq + 1, {seen.result.series: -99.0}).moved(seq, seen.result) is seen.result
