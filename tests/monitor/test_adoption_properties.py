"""Whatever is configured and voted: no policy loosens without a quorum, and readers see what writers do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints_db import Store
from checkpoints_db.errors import BadAdoption
from checkpoints_db.records import COMES
from monitor import adoption
from policies.adoption import approve_change
from policies.change import compare
from policies.loader import from_body
from policies.schema import Policy

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
PEOPLE = ("alice", "bob", "carol", "erin")


def version(quorum: int, tail: float, resolve: float, author: str) -> Policy:
    rules = [{"id": "break", "kind": "break", "level": "soft", "tail": tail}]
    terms = {"quorum": quorum, "approval_ttl": "3d"}
    body = {"name": "p", "authors": [author], "rules": rules, "owners": {"f/*": ["alice"]}, "release": terms}
    return from_body({**body, "judging": {"resolve": resolve}})


VERSIONS = [
    version(quorum, tail, resolve, author)
    for quorum in (1, 2)
    for tail in (0.01, 0.02)
    for resolve in (0.3, 0.2)
    for author in ("erin", "bob")
]
ACTS = st.one_of(
    st.tuples(st.just("configure"), st.integers(0, len(VERSIONS) - 1)),
    st.tuples(st.just("vote"), st.integers(0, len(PEOPLE) - 1)),
    st.tuples(st.just("veto"), st.integers(0, len(PEOPLE) - 1)),
    st.tuples(st.just("wait"), st.sampled_from([1, 40, 80])),
    st.tuples(st.just("see"), st.just(0)),
)


def vote(store: Store, configured: Policy, by: str, at: datetime, *, veto: bool) -> None:
    """One vote on what waits, if anything does and it counts."""
    waiting = adoption.force(store, configured, at).waiting
    if waiting is None:
        return
    old = adoption.force(store, configured, at).policy
    try:
        given_ = approve_change(old, configured, waiting.id, by=by, reason="r", at=at, veto=veto)
    except BadAdoption:
        return
    store.actions.put_review(given_, given_.id, "", "")


@settings(max_examples=25, deadline=None, derandomize=True)
@given(acts=st.lists(ACTS, min_size=4, max_size=14))
def test_no_history_loosens_without_a_quorum(tmp_path_factory: object, acts: list[tuple[str, int]]) -> None:
    folder = tmp_path_factory.mktemp("policies")  # type: ignore[attr-defined]
    with Store.open(Path(folder) / "store.db", create=True) as store:
        configured, at, seen = VERSIONS[0], START, []
        for act, which in acts:
            at += timedelta(hours=which if act == "wait" else 1)
            with store.transaction():
                if act == "configure":
                    configured = VERSIONS[which]
                elif act in ("vote", "veto"):
                    vote(store, configured, PEOPLE[which], at, veto=act == "veto")
                read = adoption.force(store, configured, at)
                force = adoption.take_up(store, configured, at)
                if act == "see":
                    seen.append((store.ledger.head[0], force.policy))
            assert read.policy == force.policy
            assert read.pending == force.pending
            assert adoption.force(store, configured, at) == force
            for row, then in seen:
                asked = force.asked(row)
                assert then in asked
                assert asked[-1] == force.policy
        _check(store)
        store.ledger.verify()


def _check(store: Store) -> None:
    """Every policy that came into force came as it may."""
    rows = store.policies.in_force()
    assert [row.entry.event for row in rows[:1]] == ["first"]
    assert all(row.entry.event in COMES for row in rows)
    for before, after in pairwise(rows):
        old, new = adoption.policy_of(before.entry), adoption.policy_of(after.entry)
        change = compare(old, new)
        if not change.loosens:
            assert after.entry.event in ("tightened", "reworded")
            continue
        assert after.entry.event == "approved"
        votes = [v for v in store.actions.change_approvals(after.entry.change) if v.at <= after.entry.at]
        fresh = {v.by for v in votes if after.entry.at - v.at < timedelta(days=3)} - {"alice", *new.authors}
        assert len(fresh) >= old.release.quorum
        assert not any(v.veto for v in votes)
        assert all(v.at >= before.entry.at for v in votes)
