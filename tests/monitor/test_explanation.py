"""Why a decision was what it was: found by its digest, told with its lines, also after the policy has changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asking import answer, run
from lab import Lab, rung

from checkpoints_db.records import Answer, Decision
from monitor.explanation import Explanation


def decided(lab: Lab) -> Decision:
    with lab.store() as store:
        return store.judgements.decisions("lab", "s6")[-1]


@pytest.fixture
def broken(ladder: Lab) -> Lab:
    """A ladder whose s6 broke its trend and is paused."""
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    ladder.cycle()
    assert decided(ladder).answer is Answer.PAUSE
    return ladder


def told(lab: Lab, digest: str) -> Explanation:
    return Explanation.model_validate(answer(lab, "policy", "explain", digest))


def test_a_decision_is_told_with_its_findings_passes_and_lines(broken: Lab) -> None:
    decision = decided(broken)
    shown = told(broken, decision.digest[:8])
    assert shown.decision == decision
    assert shown.notes == ()
    assert len(shown.passes) == decision.passed > 0
    assert all(finding.answer is Answer.GO for finding in shown.passes)
    rule = decision.findings[0].rule
    assert shown.lines.startswith(f'[[rules]]\nid = "{rule}"')
    lines = broken.policy.read_text().split("\n")
    path, span = shown.places[rule].rsplit(":", 1)
    first, last = (int(number) for number in span.split("-"))
    assert path == str(broken.policy)
    assert "\n".join(lines[first - 1 : last]) == shown.lines
    code, text = run(broken, "policy", "explain", decision.digest[:12])
    assert code == 0
    flat = "".join(text.split())
    assert "".join(f"Decided by {rule}, {broken.policy}:{span}:[[rules]]".split()) in flat
    assert "Budget:" in text


def test_a_changed_policy_is_said_and_the_text_that_decided_is_shown(broken: Lab) -> None:
    decision, before = decided(broken), told(broken, decided(broken).digest)
    broken.policy.write_text('# new\nname = "new"\n[[rules]]\nid = "b"\nkind = "break"\nlevel = "soft"\n')
    shown = told(broken, decision.digest)
    assert shown.decision == decision
    assert (shown.lines, shown.places, shown.passes) == (before.lines, before.places, before.passes)
    assert "which the settings no longer name as it was" in shown.notes[0]
    broken.policy.write_text("this is no policy")
    (note,) = told(broken, decision.digest).notes
    assert note.endswith("no policy loads now")


def test_new_evidence_hides_passes_and_says_so(broken: Lab) -> None:
    decision = decided(broken)
    more = [{**row, "task": "facts"} for row in rung(6)]
    broken.arrive(more, "more.csv")
    broken.cycle()
    broken.cycle()
    shown = told(broken, decision.digest)
    assert shown.passes == ()
    assert f"{decision.passed} tests passed; which ones is not kept" in shown.notes[0]


def test_waivers_and_approvals_are_told(broken: Lab) -> None:
    finding = decided(broken).findings[0]
    with broken.store() as store, store.transaction():
        desk = broken.desk(store)
        until = broken.clock.now() + timedelta(days=1)
        desk.waive("lab", "s6", finding.rule, finding.subject, by="mary", reason="known", until=until)
        state = store.actions.gate("lab", "s6")
        assert state is not None
        desk.release("lab", "s6", by="nina", reason="seen", evidence=state.evidence)
    shown = told(broken, decided(broken).digest)
    assert [(waiver.by, waiver.reason) for waiver in shown.waivers] == [("mary", "known")]
    assert [(vote.by, vote.veto) for vote in shown.approvals] == [("nina", False)]


def test_what_is_no_decision_is_refused_or_taken_for_a_policy(broken: Lab) -> None:
    code, text = run(broken, "policy", "explain", "0123456789")
    assert (code, "no decision begins with '0123456789'" in text) == (1, True)
    assert answer(broken, "policy", "explain", "strict")["name"] == "strict"
    assert answer(broken, "policy", "explain")["name"] == "default"
    assert {f["rule"] for f in answer(broken, "policy", "explain", "--run", "lab/s6")} >= {"break", "diagnosis"}


def test_the_text_is_kept_once(broken: Lab) -> None:
    broken.policy.write_text(broken.policy.read_text() + "\n# a comment changes no digest\n")
    broken.cycle()
    with broken.store() as store:
        kept = list(store.ledger.entries("policy_text"))
    assert [entry.subject for entry in kept] == [decided(broken).policy]
