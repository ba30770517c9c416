"""Which policy decides: tightenings at once, loosenings when a quorum has approved, and never for what was seen."""

from __future__ import annotations

import sqlite3
from functools import partial

import pytest
from lab import Lab, rung

from checkpoints_db.errors import BadAdoption, BadRelease
from checkpoints_db.records import Answer, Decision, GateState, Reason
from monitor import adoption, cases, ruling
from monitor.adoption import Force
from policies.loader import load

BLIND = ("resolve = 0.35", "resolve = 0.01")


def rewrite(lab: Lab, *changes: tuple[str, str], authors: str = "erin") -> None:
    """A new version of the policy, with the name of who wrote it."""
    text = lab.policy.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    lab.policy.write_text(text if "authors" in text else f'authors = ["{authors}"]\n{text}')


def adopt(lab: Lab, *people: str, reject: bool = False) -> Force:
    """Votes on the policy that the settings name."""
    for by in people:
        with lab.store() as store:
            new = load(lab.policy)
            _, force = lab.desk(store).adopt(new, by=by, reason="reviewed, ticket 9", reject=reject)
        lab.clock.sleep(60)
    return force


def arrive(lab: Lab, step: int, *, loss: float | None = None) -> GateState:
    """One more checkpoint of s6, half as far again as the last one, judged."""
    scale = 4.0**6 * 1.5 ** (step - 1)
    straight = 1.2 + 1.5 * scale**-0.12 if loss is None else loss
    more = {"step": step, "flop": 1e18 * scale}
    lab.arrive([{**row, **more} for row in rung(6, loss=straight)], f"s6-{step}.csv")
    lab.cycle()
    return lab.ask("s6")


def events(lab: Lab) -> list[str]:
    with lab.store() as store:
        assert store.ledger.verify()
        return [row.entry.event for row in store.policies.all()]


def changes(lab: Lab, state: str = "firing") -> list[str]:
    with lab.store() as store:
        return [a.sentence for a in store.actions.alerts() if a.rule == "policy_change" and a.state == state]


@pytest.fixture
def going(ladder: Lab) -> Lab:
    assert arrive(ladder, 1).answer == Answer.GO
    return ladder


@pytest.fixture
def held(ladder: Lab) -> Lab:
    """Under a policy so strict that every forecast is blind."""
    rewrite(ladder, BLIND)
    assert arrive(ladder, 1).reason == Reason.blind
    return ladder


def test_the_first_policy_is_in_force_at_once(going: Lab) -> None:
    assert events(going) == ["first"]
    with going.store() as store:
        (row,) = store.policies.in_force()
    assert row.entry.policy.sha256 == load(going.policy).digest
    assert row.entry.terms == load(going.policy).body()


def test_a_tightening_is_in_force_at_once(going: Lab) -> None:
    rewrite(going, BLIND)
    assert going.ask("s6").reason == Reason.blind  # before any daemon wrote it down
    going.cycle()
    assert going.ask("s6").reason == Reason.blind
    assert events(going) == ["first", "tightened"]
    assert changes(going) == []


def test_words_are_in_force_at_once(going: Lab) -> None:
    rewrite(going, ('version = "1"', 'version = "2"'))
    going.cycle()
    assert events(going) == ["first", "reworded"]


def test_a_loosening_waits_and_says_so(held: Lab) -> None:
    rewrite(held, BLIND[::-1])
    state = held.ask("s6")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.blind)
    assert "waits for approval" in state.sentence
    held.cycle()
    assert arrive(held, 2).reason == Reason.blind  # new evidence as well, while it waits
    assert events(held) == ["first", "proposed"]
    (told,) = changes(held)
    assert "judging.resolve: 0.01 becomes 0.35" in told
    assert "approval of 2 people, so far: none" in told


def test_a_quorum_brings_a_loosening_into_force_for_what_comes_after(held: Lab) -> None:
    rewrite(held, BLIND[::-1])
    assert adopt(held, "carol").waiting is not None
    assert adopt(held, "dan").waiting is None
    assert events(held) == ["first", "proposed", "approved"]
    held.cycle()
    assert changes(held) == []
    old = held.ask("s6")
    assert (old.answer, old.reason) == (Answer.HOLD, Reason.blind)
    assert "in force when this evidence arrived" in old.sentence
    assert arrive(held, 2).answer == Answer.GO
    assert events(held) == ["first", "proposed", "approved"]


def test_more_results_of_a_checkpoint_seen_before_stay_under_the_old_policy(held: Lab) -> None:
    rewrite(held, BLIND[::-1])
    adopt(held, "carol", "dan")
    held.arrive([{**row, "step": 1, "task": "more"} for row in rung(6)], "more.csv")
    held.cycle()
    with held.store() as store:
        decision = store.judgements.decisions("lab", "s6")[-1]
    assert len(decision.asked) == 2
    assert decision.answer.rank >= Answer.HOLD.rank


def test_approvals_given_before_the_settings_name_the_policy_wait_for_it(held: Lab) -> None:
    strict = held.policy.read_text()
    rewrite(held, BLIND[::-1])
    loose = held.policy.read_text()
    held.policy.write_text(strict)
    new = held.root / "next.toml"
    new.write_text(loose)
    for by in ("carol", "dan"):
        with held.store() as store:
            _, force = held.desk(store).adopt(load(new), by=by, reason="reviewed")
    assert force.policy.digest == load(held.policy).digest
    assert events(held) == ["first"]
    held.policy.write_text(loose)
    held.cycle()
    assert events(held) == ["first", "approved"]


@pytest.mark.parametrize(("hours", "after"), [(71, "approved"), (72, "proposed")])
def test_approvals_expire(held: Lab, hours: int, after: str) -> None:
    rewrite(held, BLIND[::-1])
    adopt(held, "carol")
    held.clock.sleep(hours * 3600 - 60)
    adopt(held, "dan")
    assert events(held)[-1] == after


def test_one_person_is_one_and_a_veto_stops(held: Lab) -> None:
    rewrite(held, BLIND[::-1])
    adopt(held, "carol", " CAROL ")
    assert events(held)[-1] == "proposed"
    adopt(held, "fay", reject=True)
    adopt(held, "dan")
    assert events(held)[-1] == "proposed"


def test_authors_owners_and_the_nameless_do_not_count(held: Lab) -> None:
    rewrite(held, ('# "my-family/*" = ["alice"]', '"lab/*" = ["alice"]'))
    held.cycle()
    rewrite(held, BLIND[::-1])
    for by, why in (("erin", "is an author"), ("Alice", "owns runs"), ("  ", "name of the person")):
        with pytest.raises(BadAdoption, match=why):
            adopt(held, by)
    unsigned = held.policy.read_text().replace('authors = ["erin"]\n', "")
    held.policy.write_text(unsigned)
    with pytest.raises(BadAdoption, match="names no author"):
        adopt(held, "carol")


def test_what_loosens_nothing_needs_no_vote(going: Lab) -> None:
    with pytest.raises(BadAdoption, match="in force already"):
        adopt(going, "carol")
    rewrite(going, BLIND)
    with going.store() as store, pytest.raises(BadAdoption, match="in force already"):
        going.desk(store).adopt(load(going.policy), by="carol", reason="r")  # naming it was enough


def test_the_quorum_is_that_of_the_old_policy(held: Lab) -> None:
    rewrite(held, BLIND[::-1], ("quorum = 2", "quorum = 1"))
    adopt(held, "carol")
    assert events(held)[-1] == "proposed"
    adopt(held, "dan")
    assert events(held)[-1] == "approved"


def test_approvals_are_not_used_a_second_time(held: Lab) -> None:
    strict = held.policy.read_text()
    rewrite(held, BLIND[::-1])
    loose = held.policy.read_text()
    adopt(held, "carol", "dan")
    held.policy.write_text(strict)
    held.cycle()
    held.policy.write_text(loose)
    held.cycle()
    assert events(held) == ["first", "proposed", "approved", "tightened", "proposed"]


def test_a_change_that_tightens_too_is_decided_under_both_while_it_waits(going: Lab) -> None:
    rewrite(going, BLIND, ("quorum = 2", "quorum = 1"))
    going.cycle()
    state = going.ask("s6")
    assert state.reason == Reason.blind
    assert "waits for approval and is stricter here" in state.sentence
    assert arrive(going, 2).reason == Reason.blind
    rewrite(going, BLIND[::-1], ("quorum = 1", "quorum = 2"))
    going.cycle()
    assert going.ask("s6").answer == Answer.GO
    assert events(going)[-1] == "reworded"  # the authors' names stayed


def test_the_old_policy_decides_on_in_shadow_for_its_time(held: Lab) -> None:
    rewrite(held, BLIND[::-1])
    adopt(held, "carol", "dan")
    assert arrive(held, 2).answer == Answer.GO

    def shadows() -> list[Decision]:
        with held.store() as store:
            return store.judgements.shadow_decisions("lab", "s6")

    (shadow,) = shadows()
    assert (shadow.answer, shadow.reason) == (Answer.HOLD, Reason.blind)
    held.cycle("overdue")
    assert shadows() == [shadow]
    held.clock.sleep(30 * 24 * 3600)
    assert arrive(held, 3).answer == Answer.GO
    assert shadows() == [shadow]


def test_a_hard_pause_opens_by_a_change_and_new_evidence_together(ladder: Lab) -> None:
    rewrite(ladder, ('level = "soft"', 'level = "hard"'))
    assert arrive(ladder, 1, loss=1.0).answer == Answer.PAUSE

    def release(*people: str) -> Answer:
        for by in people:
            with ladder.store() as store:
                seen = ladder.ask("s6").evidence
                decision = ladder.desk(store).release("lab", "s6", by=by, reason="assessed", evidence=seen)
            ladder.clock.sleep(60)
        return decision.answer

    assert arrive(ladder, 2).answer == Answer.PAUSE
    with pytest.raises(BadRelease, match="hard"):  # new evidence alone
        release("carol")
    rewrite(ladder, ('level = "hard"', 'level = "soft"'))
    adopt(ladder, "carol", "dan")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.PAUSE
    with pytest.raises(BadRelease, match="hard"):  # the change alone
        release("carol")
    assert arrive(ladder, 3).answer == Answer.PAUSE
    assert release("carol") == Answer.PAUSE
    assert release("dan") == Answer.GO
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO


def test_one_vote_reaches_every_policy_that_decides(ladder: Lab) -> None:
    assert arrive(ladder, 1, loss=1.0).answer == Answer.PAUSE
    rewrite(ladder, ("tail = 0.01", "tail = 0.009"))
    adopt(ladder, "carol", "dan")
    for by, after in (("carol", Answer.PAUSE), ("dan", Answer.GO)):
        with ladder.store() as store:
            seen = ladder.ask("s6").evidence
            decision = ladder.desk(store).release("lab", "s6", by=by, reason="assessed", evidence=seen)
        assert len(decision.asked) == 2
        assert decision.answer == after


def test_a_policy_that_no_longer_loads_holds_and_is_no_change(going: Lab) -> None:
    text = going.policy.read_text()
    going.policy.write_text("nonsense = 1\n")
    assert going.ask("s6").reason == Reason.fault
    assert not going.cycle()
    going.policy.write_text(text)
    going.cycle()
    assert going.ask("s6").answer == Answer.GO
    assert events(going) == ["first"]


def test_a_policy_touched_in_the_store_holds(going: Lab) -> None:
    with sqlite3.connect(going.root / "holdpoint.db") as connection:
        connection.execute("DROP TRIGGER ledger_refuses_update")
        connection.execute(
            "UPDATE ledger SET body = replace(body, '\"quorum\":2', '\"quorum\":1') WHERE kind = 'policy'"
        )
    connection.close()
    assert going.ask("s6").reason == Reason.fault


def test_a_receiver_is_not_taken_out_before_that_is_approved(going: Lab) -> None:
    rewrite(going, ('version = "1"', 'version = "1"\nnotify = ["log"]'))
    going.cycle()
    arrive(going, 2, loss=1.0)
    assert (going.root / "alerts.jsonl").read_text().count('"PAUSE"')


def test_a_tightening_that_flips_a_decision_waits_like_a_loosening(going: Lab) -> None:
    old = load(going.policy)
    rewrite(going, BLIND)
    new = load(going.policy)
    with going.store() as store, store.transaction():
        asked = adoption.take_up(store, old, going.clock.now(), lambda *_: ["never asked"])
        assert asked.waiting is None
        force = adoption.take_up(store, new, going.clock.now(), lambda *_: ["lab/s6: PAUSE becomes GO"])
        assert force.waiting is not None
        assert force.waiting.change.loosened == ("lab/s6: PAUSE becomes GO",)
        assert adoption.force(store, new, going.clock.now()) == force
    assert events(going) == ["first", "proposed"]


def test_flips_are_found_on_the_present_evidence(going: Lab) -> None:
    loose = load(going.policy)
    strict = loose.model_copy(update={"judging": loose.judging.model_copy(update={"resolve": 0.01})})
    with going.store() as store:
        look = partial(cases.case_of, store, going.catalogue)
        at = going.clock.now()
        assert list(ruling.weaker(store, look, loose, strict, at)) == []
        (flip,) = ruling.weaker(store, look, strict, loose, at)
    assert flip.startswith("lab/s6: HOLD becomes GO")
