"""The life of an alert: what people make of it, what events make of it, and that no gate hears of either."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import Lab, rung

from checkpoints_db import Store
from checkpoints_db.errors import PolicyError
from checkpoints_db.rebuild import rebuild
from checkpoints_db.records import Alert, Answer, Decision, Finding, Level, Reason, Transition
from monitor import alert_history, alerts
from monitor.alert_desk import unchanged
from monitor.review import Desk
from policies.lifecycle import COMMANDS, may

ACTS: dict[str, Callable[[Desk, str], Alert]] = {
    "acknowledged": lambda desk, name: desk.acknowledge(name, by="ada", comment="", until=desk.at + timedelta(hours=1)),
    "under_review": lambda desk, name: desk.ask(name, by="ada", reviewer="bob", question="is it so?"),
    "confirmed": lambda desk, name: desk.confirm(name, by="bob", mitigation="assessed"),
    "false_alarm": lambda desk, name: desk.false_alarm(name, by="bob", cause="noise", reason="it is noise"),
    "evidence_invalid": lambda desk, name: desk.invalid(name, by="bob", rerun="sums"),
    "closed": lambda desk, name: desk.close(name, by="bob", reason="done"),
}


def finding(rule: str = "break", answer: Answer = Answer.HOLD, magnitude: float = 1.0, **more: Any) -> Finding:
    said = {"rule": rule, "kind": "break", "level": Level.soft, "answer": answer, "reason": Reason.broken}
    return Finding.model_validate({**said, "sentence": f"{rule} is broken", "magnitude": magnitude, **more})


def decision(*found: Finding, evidence: str = "one", **more: Any) -> Decision:
    worst = max((each.effect for each in found), key=lambda a: a.rank, default=Answer.GO)
    told = {"family": "lab", "run": "x", "answer": worst, "reason": Reason.broken, "sentence": "", "findings": found}
    told |= {"passed": 0, "policy": "", "policy_name": "", "evidence": evidence, "judgement_version": 1}
    return Decision.model_validate({**told, **more})


def raised(lab: Lab, store: Store, *found: Finding, checkpoint: str = "x@1", **more: Any) -> list[Alert]:
    lab.clock.sleep(60)
    at = lab.clock.now()
    window = more.pop("window", None)
    made = decision(*found, at=at, **more)
    with store.transaction():
        store.judgements.put_decision(made, checkpoint, at)
        return alerts.raise_for(store, made, ["file"], at, window=window)


def only(store: Store) -> Alert:
    (alert,) = store.actions.alerts("lab", "x")
    return alert


@pytest.fixture
def paused(ladder: Lab) -> Lab:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.PAUSE
    return ladder


def test_a_whole_life_with_reviews_of_its_own_that_changes_no_gate(paused: Lab) -> None:
    said = paused.ask("s6").answer
    with paused.store() as store:
        name = store.actions.alerts("lab", "s6")[0].id
        for state in ("acknowledged", "under_review", "false_alarm", "under_review", "confirmed", "closed"):
            paused.clock.sleep(60)
            alert = ACTS[state](paused.desk(store), name)
            assert alert.state == state
            assert "unchanged and says PAUSE" in unchanged(store, alert)
            assert "holdpoint gate release lab/s6" in unchanged(store, alert)
            assert paused.ask("s6").answer == said
        turns = store.actions.transitions(name)
        assert [(turn.to, turn.by, turn.episode) for turn in turns] == [
            ("under_review", "ada", 1),
            ("false_alarm", "bob", 1),
            ("under_review", "ada", 1),
            ("confirmed", "bob", 1),
            ("closed", "bob", 1),
        ]
        gate = store.actions.gate("lab", "s6")
        assert gate is not None
        assert {turn.evidence for turn in turns} == {gate.evidence}
        assert store.actions.acknowledgements(name)[0].evidence == gate.evidence
        # The last word counts, once for each episode.
        assert [(one.found, one.cause, one.count) for one in alert_history.causes(store)] == [("confirmed", "", 1)]
    before = paused.root / "alerts.jsonl"
    paused.cycle()
    told = before.read_text()
    for _ in range(2):
        paused.cycle()
    with paused.store() as store:  # settled again and again: what a person closed stays closed, and nobody is told
        alert = store.actions.alert(name)
        assert alert is not None
        assert (alert.state, alert.settled_by) == ("closed", "bob")
        assert not [a for a in store.actions.alerts("lab", "s6") if a.rule == "latch"]
    assert before.read_text() == told
    assert paused.ask("s6").answer == Answer.PAUSE


@pytest.fixture(scope="module")
def walked(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return built.copy(tmp_path_factory.mktemp("walked") / "lab")


@given(acts=st.lists(st.sampled_from(sorted(ACTS)), min_size=1, max_size=12))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_desk_does_what_the_table_allows_and_nothing_else(walked: Lab, acts: list[str]) -> None:
    with walked.store() as store:
        walked.clock.sleep(60)
        with store.transaction():
            (alert,) = alerts.raise_about(
                store, "quarantine", f"{walked.clock.now()}", "cannot be read", ["file"], walked.clock.now()
            )
        here = alert.state
        for to in acts:
            walked.clock.sleep(1)
            if may(here, to, person=True) and (here, to) != ("evidence_invalid", "closed"):  # type: ignore[arg-type]
                here = ACTS[to](walked.desk(store), alert.id).state
                assert here == to
                continue
            with pytest.raises(PolicyError):
                ACTS[to](walked.desk(store), alert.id)
            now = store.actions.alert(alert.id)
            assert now is not None
            assert now.state == here


def test_a_refusal_says_what_is_allowed_and_writes_nothing(paused: Lab) -> None:
    with paused.store() as store:
        alert, head = store.actions.alerts("lab", "s6")[0], store.ledger.head
        desk = paused.desk(store)
        with pytest.raises(PolicyError, match=r"firing and cannot become confirmed.*holdpoint alert review"):
            desk.confirm(alert.id, by="ada", mitigation="x")
        with pytest.raises(PolicyError, match="name of the person"):
            desk.ask(alert.id, by=" ", question="x")
        with pytest.raises(PolicyError, match="text: say it in words"):
            desk.ask(alert.id, by="ada", question="  ")
        with pytest.raises(PolicyError, match="rests on evidence"):
            desk.ask(alert.id, by="ada", question="x", evidence="0" * 12)
        with pytest.raises(PolicyError, match="no alert"):
            desk.comment("ffff", by="ada", text="x")
        for url in (
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://",
            "https://a b",
            "//x.org",
            "http://x\n.org",
        ):
            with pytest.raises(PolicyError, match="begins with http"):
                desk.attach(alert.id, by="ada", url=url, title="x")
        with pytest.raises(PolicyError, match="nobody"):
            desk.assign(alert.id, by="ada", to=" ")
        desk.ask(alert.id, by="ada", question="x", evidence=alert.evidence[:12])
        with pytest.raises(PolicyError, match="cause"):
            desk.false_alarm(alert.id, by="ada", cause="boredom", reason="x")  # type: ignore[arg-type]
        assert store.ledger.head[0] > head[0]
        assert len(store.actions.reviewed_of(alert.id)) == 1


def test_a_false_alarm_without_a_cause_cannot_be_made() -> None:
    body = {"id": "a", "alert": "b", "episode": 1, "by": "c", "at": "2026-11-23T09:00:00Z", "evidence": ""}
    with pytest.raises(ValueError, match="has a cause"):
        Transition.model_validate({**body, "to": "false_alarm", "text": "x"})
    with pytest.raises(ValueError, match="nothing else has one"):
        Transition.model_validate({**body, "to": "confirmed", "text": "x", "cause": "noise"})


def test_comments_links_and_whose_it_is(paused: Lab) -> None:
    with paused.store() as store:
        alert, desk = store.actions.alerts("lab", "s6")[0], paused.desk(store)
        assert desk.assign(alert.id, by="ada", to="Bob").assigned == "Bob"
        with pytest.raises(PolicyError, match="Bob's already"):
            desk.assign(alert.id, by="ada", to=" bob ")
        desk.comment(alert.id, by="ada", text="look at s4")
        assert desk.comment(alert.id, by="ada", text="look at s4")  # twice in one moment is once
        desk.attach(alert.id, by="ada", url="https://x.org/a?b=c", title="report")
        assert desk.assign(alert.id, by="ada", to="").assigned == ""
        assert [said.text for said in store.actions.comments(alert.id)] == ["look at s4"]
        assert [said.url for said in store.actions.attachments(alert.id)] == ["https://x.org/a?b=c"]
        story = alert_history.history(store, alert.id)
        assert [line.what for line in story if line.what != "told"] == [
            "opened",
            "assigned",
            "comment",
            "attachment",
            "unassigned",
        ]
        assert [line.to for line in story if line.what == "told"] == ["file", "log"]
        assert alert.state == "firing"
        assert {line.seq for line in story} > {0}
        assert len({line.seq for line in story if line.seq}) == 5


def test_the_same_stays_closed_and_worse_or_other_evidence_opens_the_next_episode(ladder: Lab, store: Store) -> None:
    lab = ladder
    (alert,) = raised(lab, store, finding())
    desk = Desk(store, lab.catalogue, lab.rules().policy, lab.clock.now())
    for act in ("under_review", "false_alarm", "closed"):
        ACTS[act](desk, alert.id)
    assert raised(lab, store, finding()) == []
    assert raised(lab, store, finding(magnitude=0.5)) == []  # milder, and of the same evidence
    (again,) = raised(lab, store, finding(magnitude=1.5))
    assert (again.state, again.episode, again.id) == ("firing", 2, alert.id)
    assert (again.settled_by, again.assigned) == ("", "")
    for act in ("under_review", "false_alarm", "closed"):
        ACTS[act](desk, alert.id)
    (third,) = raised(lab, store, finding(magnitude=0.7, sentence="another one"), evidence="two")
    assert third.episode == 3
    assert [turn.episode for turn in store.actions.transitions(alert.id)] == [1, 1, 1, 2, 2, 2]
    assert {event.episode for event in store.actions.history(alert.id)} == {1, 2, 3}
    found = alert_history.causes(store, by_rule=True)
    assert [(one.rule, one.cause, one.count) for one in found] == [("break", "noise", 2)]


def closed_by_hand(lab: Lab, store: Store, name: str) -> None:
    desk = Desk(store, lab.catalogue, lab.rules().policy, lab.clock.now())
    for act in ("under_review", "false_alarm", "closed"):
        ACTS[act](desk, name)


def test_what_was_gone_and_is_back_or_comes_at_a_newer_checkpoint_is_news(ladder: Lab, store: Store) -> None:
    (alert,) = raised(ladder, store, finding())
    closed_by_hand(ladder, store, alert.id)
    (gone,) = raised(ladder, store, evidence="two")
    assert (gone.state, gone.receded, gone.settled_by) == ("closed", True, "bob")
    assert raised(ladder, store, evidence="two") == []
    (back,) = raised(ladder, store, finding(), evidence="three")
    assert (back.state, back.receded, back.episode) == ("firing", False, 2)
    closed_by_hand(ladder, store, alert.id)
    assert raised(ladder, store, finding(), evidence="four") == []
    (newer,) = raised(ladder, store, finding(), evidence="five", checkpoint="x@2")
    assert newer.episode == 3


def test_a_file_that_breaks_again_is_news_though_somebody_closed_its_alert(ladder: Lab, store: Store) -> None:
    def broken() -> list[Alert]:
        return alerts.raise_about(store, "quarantine", "a.csv", "cannot be read", ["file"], ladder.clock.now())

    with store.transaction():
        (alert,) = broken()
    closed_by_hand(ladder, store, alert.id)
    with store.transaction():
        assert broken() == []
        for _ in range(3):  # every cycle settles what is well
            alerts.settle_about(store, "quarantine", "a.csv", ["file"], ladder.clock.now())
        (again,) = broken()
    assert (again.state, again.episode) == ("firing", 2)
    ACTS["under_review"](Desk(store, ladder.catalogue, ladder.rules().policy, ladder.clock.now()), alert.id)
    with store.transaction():
        for _ in range(3):
            alerts.settle_about(store, "quarantine", "a.csv", ["file"], ladder.clock.now())
    assert [e.event for e in store.actions.history(alert.id)].count("receded") == 2


def test_what_drops_back_under_a_latch_is_a_flag_and_no_state(ladder: Lab, store: Store) -> None:
    (alert,) = raised(ladder, store, finding(answer=Answer.PAUSE))
    latched = finding("latch", Answer.PAUSE, kind="latch", reason=Reason.latched)
    (receded,) = raised(ladder, store, latched, evidence="two")
    assert (receded.id, receded.state, receded.answer, receded.receded) == (alert.id, "firing", Answer.PAUSE, True)
    assert raised(ladder, store, latched, evidence="two") == []  # said once
    (back,) = raised(ladder, store, finding(answer=Answer.PAUSE), evidence="three")
    assert (back.state, back.receded) == ("firing", False)
    (partly,) = raised(ladder, store, finding(answer=Answer.WARN), evidence="four", answer=Answer.PAUSE)
    assert (partly.answer, partly.receded) == (Answer.PAUSE, True)
    assert raised(ladder, store, finding(answer=Answer.WARN), evidence="four", answer=Answer.PAUSE) == []
    (over,) = raised(ladder, store, evidence="four", released=True, approvals=("ada", "bob"))
    assert (over.state, over.settled_by) == ("closed", "")


def test_an_open_review_outlives_its_trouble_and_ends_by_worse_news(ladder: Lab, store: Store) -> None:
    (alert,) = raised(ladder, store, finding())
    desk = Desk(store, ladder.catalogue, ladder.rules().policy, ladder.clock.now())
    ACTS["under_review"](desk, alert.id)
    (kept,) = raised(ladder, store, evidence="two")
    assert (kept.state, kept.receded) == ("under_review", True)
    (worse,) = raised(ladder, store, finding(magnitude=9.0), evidence="three")
    assert (worse.state, worse.receded) == ("firing", False)
    assert len(store.actions.transitions(alert.id)) == 1  # what was asked is still there


def test_superseded_by_a_newer_checkpoint_and_closed_on_the_same(ladder: Lab, store: Store) -> None:
    raised(ladder, store, finding())
    (gone,) = raised(ladder, store, evidence="two", checkpoint="x@2")
    assert gone.state == "superseded"
    assert "no longer found at x@2" in gone.sentence
    (again,) = raised(ladder, store, finding(), checkpoint="x@3")
    assert (again.state, again.episode) == ("firing", 2)
    (shut,) = raised(ladder, store, evidence="three", checkpoint="x@3")
    assert shut.state == "closed"


def test_waived_is_at_the_side_and_comes_back_as_the_same_episode(ladder: Lab, store: Store) -> None:
    raised(ladder, store, finding())
    waived = finding(waived_by="carol")
    (aside,) = raised(ladder, store, waived)
    assert aside.state == "waived"
    assert "waived by carol" in aside.sentence
    assert raised(ladder, store, waived) == []
    (back,) = raised(ladder, store, finding(magnitude=2.0))
    assert (back.state, back.episode) == ("firing", 1)
    raised(ladder, store, waived)
    (gone,) = raised(ladder, store)
    assert gone.state == "closed"


def test_invalid_evidence_is_run_again_before_it_is_closed(paused: Lab) -> None:
    with paused.store() as store:
        name = store.actions.alerts("lab", "s6")[0].id
        for act in ("under_review", "evidence_invalid"):
            ACTS[act](paused.desk(store), name)
        with pytest.raises(PolicyError, match=r"run again what bob named \(sums\)"):
            ACTS["closed"](paused.desk(store), name)
    paused.arrive([{**row, "task": "words"} for row in rung(6)], "more.csv")
    paused.cycle()
    with paused.store() as store:
        assert ACTS["closed"](paused.desk(store), name).state == "closed"
    assert paused.ask("s6").answer == Answer.PAUSE


def window(lab: Lab, length: str) -> None:
    lab.policy.write_text(lab.policy.read_text() + f'\n[confirm]\nwindow = "{length}"\n')


def told(lab: Lab) -> int:
    path = lab.root / "alerts.jsonl"
    return len(path.read_text().splitlines()) if path.is_file() else 0


def test_a_hold_must_last_before_anybody_is_told_and_the_gate_waits_for_nothing(ladder: Lab) -> None:
    window(ladder, "10m")
    whole = rung(6)
    ladder.arrive([row for row in whole if row["metric"] == "nll"], "nll.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.HOLD
    with ladder.store() as store:
        (alert,) = store.actions.alerts("lab", "s6")
    assert (alert.state, told(ladder)) == ("pending", 0)
    ladder.arrive([row for row in whole if row["metric"] == "acc"], "acc.csv")
    ladder.cycle()
    with ladder.store() as store:
        (alert,) = store.actions.alerts("lab", "s6")
    assert (alert.state, told(ladder), ladder.ask("s6").answer) == ("withdrawn", 0, Answer.GO)


def test_a_hold_that_lasts_is_told_once_and_a_pause_at_once(ladder: Lab) -> None:
    window(ladder, "10m")
    ladder.arrive([row for row in rung(6) if row["metric"] == "nll"], "nll.csv")
    ladder.cycle()
    assert told(ladder) == 0
    ladder.clock.sleep(601)
    ladder.cycle()
    ladder.cycle()
    with ladder.store() as store:
        (alert,) = store.actions.alerts("lab", "s6")
    assert (alert.state, told(ladder)) == ("firing", 1)
    ladder.arrive(rung(7, loss=1.0), "s7.csv")
    ladder.cycle()
    with ladder.store() as store:
        assert {a.state for a in store.actions.alerts("lab", "s7") if a.answer == Answer.PAUSE} == {"firing"}
    assert told(ladder) > 1


def test_all_of_it_comes_out_of_the_ledger_again(paused: Lab) -> None:
    with paused.store() as store:
        name = store.actions.alerts("lab", "s6")[0].id
        desk = paused.desk(store)
        for act in ("under_review", "false_alarm", "closed", "under_review"):
            ACTS[act](desk, name)
        desk.comment(name, by="ada", text="=1+1")
        desk.assign(name, by="ada", to="bob")
        assert rebuild(store, paused.root / "fresh.db") == []
        with Store.open(paused.root / "fresh.db") as fresh:
            assert alert_history.history(fresh, name) == alert_history.history(store, name)


def test_every_command_of_the_table_is_tried_here() -> None:
    assert set(ACTS) == set(COMMANDS)
