"""What people stated is kept as rows that are only added; what the catalogue says of domains and of compute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue, Domain, Family
from checkpoints_db.errors import SettingsError
from checkpoints_db.records import Assessment, Attestation, Checkpoint, Compute, StageEntry, Withdrawal

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)
EVENING = T0 + timedelta(hours=9)


def paper(kind: Any, row: str, **more: Any) -> Any:
    return kind(id=row, by="alice", at=T0, recorded_at=EVENING, **more)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store.open(tmp_path / "s.db", create=True) as store:
        yield store


def keep(store: Store, *papers: Any) -> None:
    with store.transaction():
        for each in papers:
            store.actions.put_review(each, each.id, getattr(each, "family", ""), getattr(each, "run", ""))


def test_an_assessment_is_found_by_family_and_a_withdrawn_one_is_not(store: Store) -> None:
    one = paper(Assessment, "a1", family="f", run="r", name="comprehensive", checkpoint="f/r")
    other = paper(Assessment, "a2", family="g", run="r", name="comprehensive", checkpoint="g/r")
    keep(store, one, other)
    assert store.actions.assessments("f") == [one]
    assert store.actions.assessments() == [one, other]
    keep(store, paper(Withdrawal, "w1", of="a1"))
    assert store.actions.assessments("f") == []
    assert [w.of for w in store.actions.withdrawals()] == ["a1"]


def test_the_ledger_has_when_it_was_recorded_and_when_it_was_so(store: Store) -> None:
    keep(store, paper(Attestation, "s1", safeguard="asl3"))
    (entry,) = store.ledger.entries("review")
    assert entry.at == EVENING
    assert entry.value()["at"] == "2026-11-02T09:00:00Z"
    assert entry.value()["kind"] == "attestation"
    store.ledger.verify()


def test_an_attestation_of_every_run_speaks_of_each(store: Store) -> None:
    every = paper(Attestation, "s1", safeguard="asl3")
    family = paper(Attestation, "s2", safeguard="asl3", family="f")
    own = paper(Attestation, "s3", safeguard="asl3", family="f", run="r")
    keep(store, every, family, own)
    assert store.actions.attestations("f", "r") == [every, family, own]
    assert store.actions.attestations("f", "other") == [every, family]
    assert store.actions.attestations("g", "r") == [every]


def test_stages_stand_in_the_order_in_which_they_were_entered(store: Store) -> None:
    late = StageEntry(id="e1", by="a", at=EVENING, recorded_at=EVENING, family="f", run="r", stage="rl")
    early = paper(StageEntry, "e2", family="f", run="r", stage="sft")
    keep(store, late, early)
    assert [entry.stage for entry in store.actions.stages("f", "r")] == ["sft", "rl"]


def test_a_task_has_the_tags_of_every_pattern_that_takes_it() -> None:
    catalogue = Catalogue(domains=(Domain(name="cyber", tasks=("ctf", "cyber_*")), Domain(name="risk", tasks=("c*",))))
    assert catalogue.domains_of("cyber_mcq") == ("cyber", "risk")
    assert catalogue.domains_of("arc") == ()


def test_domains_are_read_from_the_catalogue_file(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text('[domains]\ncyber = ["ctf"]\nbio = "bio_*"\n')
    assert Catalogue.from_toml(path).domains_of("bio_mcq") == ("bio",)
    path.write_text("[domains]\ncyber = 3\n")
    with pytest.raises(SettingsError, match=r"catalogue.toml:2: cyber: write a list of task patterns"):
        Catalogue.from_toml(path)


def checkpoint(**more: Any) -> Checkpoint:
    return Checkpoint(family="f", run="r", model="m", **more)


def test_compute_that_somebody_states_is_exact_and_its_convention_is_said() -> None:
    catalogue = Catalogue(families=(Family(name="f", flop_counts="ours"),))
    assert catalogue.compute(checkpoint(flop=1e20, params=1e9, tokens=1e10)) == Compute(flop=1e20, counts="ours")


def test_two_counts_are_both_kept_where_nothing_says_how_flop_were_counted() -> None:
    found = Catalogue().compute(checkpoint(flop=6.6e19, params=1e9, tokens=1e10))
    assert found is not None
    assert (found.flop, found.also, found.low, found.high) == (6.6e19, 6e19, 6e19, 6.6e19)
    alike = Catalogue().compute(checkpoint(flop=6e19, params=1e9, tokens=1e10))
    assert alike == Compute(flop=6e19)


def test_compute_that_nobody_states_is_an_estimate() -> None:
    found = Catalogue().compute(checkpoint(params=1e9, tokens=1e10))
    assert found is not None
    assert found.estimated
    assert (found.flop, found.within) == (6e19, 0.15)
    assert found.counts == "6 * (not said which) params * tokens, estimated"
    assert Catalogue().compute(checkpoint(params=1e9)) is None


def test_the_catalogue_may_say_that_its_flop_are_estimates() -> None:
    catalogue = Catalogue(families=(Family(name="f", flop_counts="ours", flop_within=0.1),))
    found = catalogue.compute(checkpoint(flop=1e20))
    assert found is not None
    assert (found.low, found.high) == (1e20 / 1.1, 1e20 * 1.1)
