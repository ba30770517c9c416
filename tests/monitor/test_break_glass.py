"""Break-glass, waiver renewals and signed votes in a lab: what the gate says, who is told, what the ledger keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from asking import answer, run
from lab import Lab, rung

from checkpoints_db.errors import BadRelease, BadWaiver, PolicyError
from checkpoints_db.records import Answer, Reason
from checkpoints_db.signing import SigningKey
from monitor.review import Desk
from policies.waivers import renewals, tally

HOUR = 3600


@pytest.fixture
def paused(ladder: Lab) -> Lab:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.PAUSE
    return ladder


def desk(lab: Lab, store: object, key: SigningKey | None = None) -> Desk:
    rules = lab.rules()
    everybody = tuple(lab.settings.receivers)
    return Desk(store, rules.catalogue, rules.policy, lab.clock.now(), key=key, everybody=everybody)  # type: ignore[arg-type]


def open_alerts(lab: Lab) -> list[str]:
    with lab.store() as store:
        return sorted(a.rule for a in store.actions.alerts() if a.state != "closed")


def told(lab: Lab, word: str) -> int:
    return (lab.root / "alerts.jsonl").read_text().count(word)


def test_its_whole_life(paused: Lab) -> None:
    with paused.store() as store:
        made, decision = desk(paused, store).break_glass("lab", "s6", by="carol", reason="power cut at noon")
    assert decision.answer == Answer.WARN
    state = paused.ask("s6")
    assert (state.exit_code, state.break_glass, state.until) == (0, made.id, made.expires)
    assert state.max_flop == made.max_flop == 2 * 1e18 * 4.0**6
    assert state.sentence.startswith("BREAK-GLASS by carol")
    paused.cycle()
    assert open_alerts(paused).count("break_glass") == 1
    assert told(paused, "BREAK-GLASS: carol")
    paused.clock.sleep(24 * HOUR)
    paused.cycle()
    assert paused.ask("s6").answer == Answer.PAUSE
    with paused.store() as store, pytest.raises(BadRelease, match="not reviewed"):
        desk(paused, store).break_glass("lab", "s6", by="dan", reason="again")
    paused.clock.sleep(6 * 24 * HOUR)
    paused.cycle("scan", "overdue", "expire", "deliver")
    assert "review_overdue" in open_alerts(paused)
    assert told(paused, "not reviewed in time")
    with paused.store() as store:
        with pytest.raises(BadRelease, match="somebody else"):
            desk(paused, store).review("lab", "s6", by="CAROL", reason="fine")
        _, decision = desk(paused, store).review("lab", "s6", by="dan", reason="it was right to go on")
    assert decision.answer == Answer.PAUSE
    assert not {"break_glass", "review_overdue"} & set(open_alerts(paused))
    with paused.store() as store:
        assert [g.id for g in store.actions.glasses()] == [made.id]
        assert store.ledger.verify()
        assert desk(paused, store).break_glass("lab", "s6", by="dan", reason="again")[1].answer == Answer.WARN


def test_a_review_ends_it(paused: Lab) -> None:
    with paused.store() as store:
        desk(paused, store).break_glass("lab", "s6", by="carol", reason="power cut")
        assert desk(paused, store).review("lab", "s6", by="dan", reason="no need")[1].answer == Answer.PAUSE


def test_it_cannot_be_silenced(paused: Lab) -> None:
    with paused.store() as store:
        desk(paused, store).break_glass("lab", "s6", by="carol", reason="power cut")
        (loud,) = [a for a in store.actions.alerts() if a.rule == "break_glass"]
        with pytest.raises(PolicyError, match="cannot be silenced"):
            desk(paused, store).acknowledge(loud.id, by="carol", comment="", until=paused.later(hours=1))


def test_new_evidence_ends_it(paused: Lab) -> None:
    with paused.store() as store:
        desk(paused, store).break_glass("lab", "s6", by="carol", reason="power cut")
    paused.arrive([{**row, "task": "more"} for row in rung(6)], "more.csv")
    paused.cycle()
    assert paused.ask("s6").answer == Answer.PAUSE


def test_a_quorum_releases_beside_it(paused: Lab) -> None:
    with paused.store() as store:
        desk(paused, store).break_glass("lab", "s6", by="carol", reason="power cut")
        desk(paused, store).review("lab", "s6", by="dan", reason="seen")
    for by in ("carol", "dan"):
        with paused.store() as store:
            seen = paused.ask("s6").evidence
            decision = desk(paused, store).release("lab", "s6", by=by, reason="assessed", evidence=seen, max_flop=1e24)
        paused.clock.sleep(1)
    assert (decision.answer, decision.max_flop) == (Answer.GO, 1e24)


def test_a_waiver_is_renewed_twice(ladder: Lab) -> None:
    ladder.arrive([row for row in rung(6) if row["metric"] == "nll"], "s6.csv")
    ladder.cycle()

    def waive() -> Answer:
        with ladder.store() as store:
            day = ladder.later(days=1)
            made = desk(ladder, store).waive("lab", "s6", "evidence", "sums · acc", by="carol", reason="r", until=day)
        ladder.clock.sleep(25 * HOUR)
        ladder.cycle()
        return made[1].answer

    assert [waive() for _ in range(3)] == [Answer.GO] * 3
    assert ladder.ask("s6").answer == Answer.HOLD
    with pytest.raises(BadWaiver, match="waived 3 times, and the policy allows 2 renewals"):
        waive()
    text = ladder.policy.read_text()
    ladder.policy.write_text(text.replace('version = "1"', 'version = "2"'))
    with pytest.raises(BadWaiver, match="waived 3 times"):  # other words are no other rule
        waive()
    ladder.policy.write_text(text.replace('require = "ladder"', 'require = "ladder"\nhints = "pause"'))
    assert waive() == Answer.HOLD  # granted under the new rule; under the old policy it stays used up
    with ladder.store() as store:
        granted = store.actions.waivers("lab", "s6")
    at = ladder.clock.now()
    assert (tally(granted, None, at).ever, renewals(granted, at)) == (4, 3)


def keys(lab: Lab, names: Sequence[str]) -> dict[str, Path]:
    """A key file each, and a policy that names their public halves."""
    found = {}
    lines = ["[principals]"]
    for name in names:
        key, path = SigningKey.new(), lab.root / f"{name}.key"
        key.write(path)
        found[name] = path
        lines.append(f'{name} = "{key.public}"')
    text = lab.policy.read_text().replace("quorum = 2", "quorum = 2\nrequire_signed = true")
    lab.policy.write_text(text.replace("[waivers]", "\n".join([*lines, "", "[waivers]"])))
    return found


def test_signed_releases_on_the_command_line(ladder: Lab) -> None:
    held = keys(ladder, ["carol", "dan"])
    stranger = ladder.root / "mallory.key"
    SigningKey.new().write(stranger)
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    # The commands read the clock of this machine, and so have to judge afresh.
    evidence = answer(ladder, "gate", "status", "lab/s6")["state"]["evidence"]
    vote = ("gate", "release", "lab/s6", "--reason", "assessed", "--evidence", evidence)
    for by, key, word in (
        ("carol", None, "not signed"),
        ("carol", stranger, "not one of this person's"),
        ("dan", held["carol"], "not one of this person's"),
        ("mallory", stranger, "names no key of this person"),
    ):
        code, text = run(ladder, *vote, "--by", by, *(() if key is None else ("--key", str(key))))
        assert (code, word in text) == (1, True), text
    for by in held:
        code, text = run(ladder, *vote, "--by", by, "--key", str(held[by]))
        assert code == 0, text
    said = answer(ladder, "gate", "status", "lab/s6")
    assert said["state"]["answer"] == "GO"
    assert [(v["by"], v["counts"]) for v in said["votes"]] == [("carol", True), ("dan", True)]
    held["carol"].chmod(0o644)
    code, text = run(ladder, *vote, "--by", "carol", "--key", str(held["carol"]))
    assert code == 1
    assert "others than its owner" in text


def test_break_glass_on_the_command_line(paused: Lab) -> None:
    words = ("gate", "break-glass", "lab/s6", "--by", "carol", "--reason", "power cut")
    code, text = run(paused, *words, "--for", "25h")
    assert (code, "at most" in text) == (1, True), text
    said = answer(paused, *words, "--for", "2h", "--max-flop", "5e21")
    assert said["break_glass"]["max_flop"] == 5e21
    assert said["decision"]["answer"] == "WARN"
    code, text = run(paused, "gate", "review", "lab/s6", "--by", "carol", "--reason", "fine")
    assert (code, "somebody else" in text) == (1, True), text
    said = answer(paused, "gate", "review", "lab/s6", "--by", "dan", "--reason", "right")
    assert said["decision"]["answer"] == "PAUSE"


def test_a_hard_rule_is_not_broken(ladder: Lab) -> None:
    ladder.policy.write_text(ladder.policy.read_text().replace('level = "soft"', 'level = "hard"'))
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    with ladder.store() as store, pytest.raises(BadRelease, match="hard"):
        desk(ladder, store).break_glass("lab", "s6", by="carol", reason="power cut")


def test_how_far_must_be_known(lab: Lab) -> None:
    lab.baseline([{**row, "flop": ""} for i in range(6) for row in rung(i)])
    lab.arrive([{**row, "flop": ""} for row in rung(6)], "s6.csv")
    lab.cycle()
    assert lab.ask("s6").reason != Reason.ok
    with lab.store() as store, pytest.raises(BadRelease, match="max-flop"):
        desk(lab, store).break_glass("lab", "s6", by="carol", reason="power cut")
