"""A lease is given where the gate says GO after a complete cycle; it ends by time and compute, and with the daemon."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest
from lab import Lab, rung
from leasing import Hands

from checkpoints_db.errors import BadKey, BadLease, SelfTestFailed
from checkpoints_db.records import Answer, SignedLease
from checkpoints_db.signing import SigningKey, verified
from monitor import lease
from monitor.adapters import LeaseGuard, Why
from monitor.adapters.document import public_keys, read
from monitor.keys import Keys

JUDGED = 1e18 * 4.0**6
"""Training FLOP of s6."""


@pytest.fixture
def going(ladder: Lab) -> Lab:
    """A run whose gate says GO, and a key."""
    keys(ladder).new()
    ladder.arrive(rung(6), "s6.csv")
    assert ladder.cycle()
    return ladder


def keys(lab: Lab) -> Keys:
    return Keys(lab.settings.at(lab.settings.lease.key))


def issued(lab: Lab, run: str = "lab/s6", **bounds: object) -> SignedLease:
    with lab.store() as store:
        signed = lease.issue(
            store,
            lab.settings,
            run,
            keys(lab).signing(),
            lab.clock.now(),
            lease.Bounds(**bounds),  # type: ignore[arg-type]
        )
        lease.publish(lab.settings, signed)
    return signed


def newest(lab: Lab, run: str = "s6") -> SignedLease | None:
    with lab.store() as store:
        return store.leases.newest("lab", run)


def guard(lab: Lab, hands: Hands | None = None) -> LeaseGuard:
    clock = hands or Hands(lab.clock.now())
    path = lease.file_of(lab.settings, "lab", "s6")
    trusted = keys(lab).trusted_path
    return LeaseGuard(path, keys=trusted, run="lab/s6", memory=lab.root / "job" / "memory.json", clock=clock)


def with_policy(lab: Lab, table: str) -> None:
    lab.policy.write_text(lab.policy.read_text() + f"\n[lease]\n{table}\n")


# -- what is issued ---------------------------------------------------------------------------------------------------


def test_it_says_what_it_rests_on(going: Lab) -> None:
    one = issued(going).lease
    with going.store() as store:
        state = store.actions.gate("lab", "s6")
        judged_by = {v.forecast for _, v in store.judgements.verdicts("lab", "s6")}
        decision = store.judgements.decision(one.decision)
    assert state is not None
    assert (one.seq, one.answer, one.gate) == (1, Answer.GO, "lab/s6")
    assert (one.policy_sha256, one.evidence_root) == (state.policy, state.evidence)
    assert decision is not None
    assert decision.answer is Answer.GO
    assert set(one.forecast_ids) == judged_by - {None}
    assert len(one.forecast_ids) == 2
    assert one.expires_at - one.not_before == timedelta(hours=24)
    assert one.max_flop == 4 * JUDGED
    assert one.pause_mode == "gate_next"


def test_it_is_signed_by_the_key_it_names_and_in_the_ledger(going: Lab) -> None:
    signed = issued(going)
    key = keys(going).signing()
    assert signed.lease.key_id == key.id
    assert verified(key.public, "lease", signed.lease.body(), signed.signature)
    with going.store() as store:
        rows = list(store.ledger.entries("lease", "lab/s6"))
        store.ledger.verify()
    assert [row.value() for row in rows] == [signed.body()]


def test_numbers_only_grow(going: Lab) -> None:
    first, second = issued(going), issued(going)
    assert (first.lease.seq, second.lease.seq) == (1, 2)
    with going.store() as store, store.transaction(), pytest.raises(BadLease, match="not larger"):
        store.leases.put(second)


def test_a_person_may_ask_for_less_and_not_for_more(going: Lab) -> None:
    less = issued(going, max_flop=JUDGED * 2, max_step=50, life=timedelta(hours=1)).lease
    assert (less.max_flop, less.max_step, less.expires_at - less.not_before) == (JUDGED * 2, 50, timedelta(hours=1))
    more = issued(going, max_flop=JUDGED * 9, life=timedelta(days=9)).lease
    assert (more.max_flop, more.expires_at - more.not_before) == (4 * JUDGED, timedelta(hours=24))


@pytest.mark.parametrize(
    "bounds", [{"max_flop": 0.0}, {"max_flop": float("nan")}, {"max_step": 0}, {"life": timedelta(0)}]
)
def test_bounds_that_bound_nothing_are_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(BadLease):
        lease.Bounds(**bounds)  # type: ignore[arg-type]


def test_the_policy_says_how_far_it_reaches(going: Lab) -> None:
    with_policy(going, 'life = "6h"\nrenew = "30m"\ncompute_bound = "2x"\npause_mode = "checkpoint_and_hold"')
    assert going.cycle()
    one = issued(going).lease
    assert (one.expires_at - one.not_before, one.max_flop) == (timedelta(hours=6), 2 * JUDGED)
    assert one.pause_mode == "checkpoint_and_hold"


def test_a_store_from_a_backup_goes_on_above_what_jobs_have_seen(going: Lab) -> None:
    assert issued(going, above=41).lease.seq == 42
    assert issued(going, above=7).lease.seq == 43


def test_rows_of_leases_are_never_changed(going: Lab) -> None:
    issued(going)
    with going.store() as store:
        key = keys(going).signing()
        lease.revoke(store, "lab", "s6", key, going.clock.now(), by="carol", reason="x")
    with sqlite3.connect(going.root / "holdpoint.db") as file:
        for statement in ("UPDATE leases SET number = 9", "DELETE FROM leases", "DELETE FROM revocations"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                file.execute(statement)


def test_what_bounds_a_release_or_a_broken_glass_bounds_the_lease(going: Lab) -> None:
    state = going.ask("lab/s6")
    until = state.at + timedelta(hours=2)
    broken = state.model_copy(update={"break_glass": "g1", "until": until, "max_flop": JUDGED * 1.5})
    with going.store() as store:
        terms, key = going.rules().policy.lease, keys(going).signing()
        for bounds in (lease.Bounds(), lease.Bounds(max_flop=JUDGED * 3, life=timedelta(hours=9))):
            one = lease._signed(store, broken, terms, key, state.at, bounds).lease
            assert (one.break_glass, one.expires_at, one.max_flop) == ("g1", until, JUDGED * 1.5)
        less = lease.Bounds(max_flop=JUDGED * 1.1, life=timedelta(hours=1))
        one = lease._signed(store, broken, terms, key, state.at, less).lease
        assert (one.expires_at, one.max_flop) == (state.at + timedelta(hours=1), JUDGED * 1.1)
    assert "BREAK-GLASS g1" in lease.told(SignedLease(lease=one, signature="0" * 128))


def test_a_policy_that_did_not_decide_bounds_nothing(going: Lab) -> None:
    state = going.ask("lab/s6")
    with going.store() as store, pytest.raises(BadLease, match="none of this store"):
        lease._terms(store, going.settings, state.model_copy(update={"policy": "0" * 64}), state.at)


# -- what is refused --------------------------------------------------------------------------------------------------


def test_a_gate_that_holds_gives_none(going: Lab) -> None:
    with pytest.raises(BadLease, match="HOLD"):
        issued(going, "lab/s99")
    with pytest.raises(BadLease, match="HOLD"):
        issued(going, "lab/s1")  # history, never judged
    assert newest(going) is None


def test_a_gate_that_paused_gives_none(ladder: Lab) -> None:
    keys(ladder).new()
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    with pytest.raises(BadLease, match="PAUSE"):
        issued(ladder)


def test_a_policy_that_cannot_be_read_gives_none(going: Lab) -> None:
    going.policy.write_text("nonsense = 1\n")
    with pytest.raises(BadLease, match=r"HOLD \(fault\)"):
        issued(going)


@pytest.mark.parametrize(("minutes", "given"), [(60, True), (61, False)])
def test_it_needs_a_complete_cycle_lately(going: Lab, minutes: int, *, given: bool) -> None:
    with going.store() as store:
        cycle = store.fact("cycle")
    assert cycle is not None
    going.clock.sleep((cycle[1] + timedelta(minutes=minutes) - going.clock.now()).total_seconds())
    if given:
        assert issued(going)
        return
    with pytest.raises(BadLease, match="last complete cycle"):
        issued(going)


def test_a_cycle_that_failed_is_none(going: Lab) -> None:
    with going.store() as store, store.transaction():
        going.clock.sleep(1)
        store.note("fault", "job scan failed", going.clock.now())
    with pytest.raises(BadLease, match="cycle failed"):
        issued(going)


def test_code_that_does_not_decide_the_known_gives_none(going: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys(going).signing()

    def wrong(*, quick: bool = False) -> None:
        if not quick:
            raise SelfTestFailed(["a case"])

    monkeypatch.setattr("monitor.selftest.check", wrong)
    with going.store() as store, pytest.raises(SelfTestFailed):
        lease.issue(store, going.settings, "lab/s6", key, going.clock.now())
    assert newest(going) is None


def test_unknown_compute_gives_none(going: Lab) -> None:
    with going.store() as store:
        checkpoint = store.evidence.results(family="lab", run="s6")[0].result.checkpoint
    terms = going.rules().policy.lease
    blank = checkpoint.model_copy(update={"flop": None, "tokens": None})
    with pytest.raises(BadLease, match="FLOP are unknown"):
        lease.next_trigger(blank, terms)
    counted = blank.model_copy(update={"params": 1e9, "tokens": 2e10})
    assert lease.next_trigger(counted, terms) == 4 * 6 * 1e9 * 2e10


def test_no_key_or_one_that_others_read_signs_none(going: Lab) -> None:
    path = going.settings.at(going.settings.lease.key)
    path.chmod(0o644)
    with pytest.raises(BadKey, match="chmod 600"):
        issued(going)
    path.unlink()
    with pytest.raises(BadKey, match="keys new"):
        issued(going)


# -- renewal: the dead-man switch -------------------------------------------------------------------------------------


def test_the_daemon_renews_what_was_issued_and_nothing_else(going: Lab) -> None:
    assert going.cycle()
    assert newest(going) is None
    first = issued(going).lease
    going.clock.sleep(3500)  # and 30 for the cycle
    assert going.cycle()
    assert newest(going).lease == first  # type: ignore[union-attr]
    going.clock.sleep(70)
    assert going.cycle()
    last = newest(going)
    assert last is not None
    assert (last.lease.seq, last.lease.not_before - first.not_before) == (2, timedelta(hours=1))
    text = lease.file_of(going.settings, "lab", "s6").read_bytes()
    assert text == last.text.encode()
    assert read(text, public_keys(keys(going).trusted_path.read_text())).seq == 2


def test_what_was_narrowed_stays_narrow_until_there_is_news(going: Lab) -> None:
    issued(going, max_flop=JUDGED * 2, max_step=50)
    going.clock.sleep(3600)
    assert going.cycle()
    last = newest(going)
    assert last is not None
    assert (last.lease.seq, last.lease.max_flop, last.lease.max_step) == (2, JUDGED * 2, 50)


def test_a_dead_daemon_stops_the_run(going: Lab) -> None:
    with_policy(going, 'pause_mode = "checkpoint_and_exit"')
    going.cycle()
    issued(going)
    hands = Hands(going.clock.now())
    job = guard(going, hands)
    assert job.check(flop=JUDGED)
    hands.sleep(86399)
    assert job.check(flop=JUDGED)
    hands.sleep(1)
    assert (job.check(flop=JUDGED).stop, job.check(flop=JUDGED).why) == (True, Why.expired)


def test_a_pause_takes_the_lease_back_and_a_release_gives_a_new_one(going: Lab) -> None:
    with_policy(going, 'pause_mode = "checkpoint_and_exit"')
    going.cycle()
    issued(going)
    hands = Hands(going.clock.now())
    job = guard(going, hands)
    assert job.check(flop=JUDGED)
    going.arrive(rung(7, loss=0.6, acc=0.95, run="s6", step=2000), "more.csv")
    going.clock.sleep(60)
    assert going.cycle()
    state = going.ask("lab/s6")
    assert state.answer is Answer.PAUSE, state.sentence
    ended = newest(going)
    assert ended is not None
    assert (ended.lease.revoked, ended.lease.seq, ended.lease.answer) == (True, 2, Answer.PAUSE)
    hands.sleep(60)
    check = job.check(flop=JUDGED)
    assert (check.stop, check.why, check.mode) == (True, Why.revoked, "checkpoint_and_exit")
    assert going.cycle()
    assert newest(going) == ended  # taken back once
    for name in ("carol", "dan"):
        with going.store() as store:
            going.desk(store).release("lab", "s6", by=name, reason="looked into it", evidence=state.evidence)
    assert going.cycle()
    again = newest(going)
    assert again is not None
    assert (again.lease.revoked, again.lease.seq) == (False, 3)
    hands.sleep(11)
    assert job.check(flop=JUDGED)


# -- taking back by hand ----------------------------------------------------------------------------------------------


def test_what_people_took_back_only_people_give_again(going: Lab) -> None:
    issued(going)
    with going.store() as store:
        key = keys(going).signing()
        ended = lease.revoke(store, "lab", "s6", key, going.clock.now(), by="carol", reason="wrong data")
        told = store.leases.revocations("lab/s6")
        assert [row.kind for row in store.ledger.entries(subject="lab/s6")][-2:] == ["revocation", "lease"]
    assert (ended.lease.revoked, ended.lease.max_flop, ended.lease.max_step) == (True, 0, 0)
    assert [(one.up_to, one.by, one.reason) for one in told] == [(1, "carol", "wrong data")]
    going.clock.sleep(7200)
    assert going.cycle()
    assert newest(going) == ended
    assert lease.file_of(going.settings, "lab", "s6").read_text() == ended.text  # the daemon sees to that
    assert issued(going).lease.seq == 3


def test_taking_back_wants_a_name_a_reason_and_a_lease(going: Lab) -> None:
    key = keys(going).signing()
    with going.store() as store:
        with pytest.raises(BadLease, match="has no lease"):
            lease.revoke(store, "lab", "s6", key, going.clock.now(), by="carol", reason="x")
        with pytest.raises(BadLease, match="name and a reason"):
            lease.revoke(store, "lab", "s6", key, going.clock.now(), by=" ", reason="x")


# -- files and keys ---------------------------------------------------------------------------------------------------


def test_everybody_reads_the_file_and_only_the_daemon_writes_it(going: Lab) -> None:
    issued(going)
    path = lease.file_of(going.settings, "lab", "s6")
    assert path.relative_to(going.root).as_posix() == "leases/lab/s6.json"
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o755
    assert [file.name for file in path.parent.iterdir()] == ["s6.json"]


@pytest.mark.parametrize("name", ["..", "../..", ".hidden", "a/b", "/etc", "a\0b", "ü"])
def test_no_name_leads_out_of_the_folder(going: Lab, name: str) -> None:
    path = lease.file_of(going.settings, name, name)
    assert path.resolve().parent.parent == (going.root / "leases").resolve()
    assert "\0" not in str(path)


def test_a_folder_that_cannot_be_written_is_told_and_holds_nothing(going: Lab) -> None:
    issued(going)
    folder = going.root / "leases"
    for file in (folder / "lab").iterdir():
        file.unlink()
    (folder / "lab").rmdir()
    folder.rmdir()
    folder.write_text("in the way")
    going.clock.sleep(3600)
    assert going.cycle()
    with going.store() as store:
        told = [alert for alert in store.actions.alerts() if alert.state == "firing"]
    assert any("cannot be written" in alert.sentence for alert in told)
    assert going.ask("lab/s6").answer is Answer.GO
    folder.unlink()
    assert going.cycle()
    assert lease.file_of(going.settings, "lab", "s6").exists()


def test_rotation_keeps_two_keys_valid(going: Lab) -> None:
    ring = keys(going)
    old = ring.signing()
    before = issued(going)
    coming = ring.stage()
    assert [(k.id, k.signs, k.next) for k in ring.known()] == [(old.id, True, False), (coming.id, False, True)]
    assert issued(going).lease.key_id == old.id
    with pytest.raises(BadKey, match="already"):
        ring.stage()
    assert ring.finish().id == coming.id
    after = issued(going)
    assert after.lease.key_id == coming.id
    trusted = public_keys(ring.trusted_path.read_text())
    for signed in (before, after):
        assert read(signed.text.encode(), trusted).seq == signed.lease.seq
    with pytest.raises(BadKey, match="signs"):
        ring.retire(coming.id)
    assert ring.retire(old.id[:6]) == old.id
    assert set(public_keys(ring.trusted_path.read_text())) == {coming.id}
    assert ring.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadKey, match="no key waits"):
        ring.finish()


def test_a_key_that_is_not_trusted_signs_nothing(going: Lab) -> None:
    ring = keys(going)
    ring.trusted_path.write_text(SigningKey.new().public + "\n")
    with pytest.raises(BadKey, match="not trusted"):
        issued(going)
