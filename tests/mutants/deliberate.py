"""Deliberate mistakes in what gates a run: each takes one guard away, and the tests it names must notice.

`make mutants` puts them in one by one; `tests/test_mutants.py` sees to it that each still fits the source.
"""

from __future__ import annotations

from typing import NamedTuple

MACHINE = ("tests/policies/test_gate_machine.py",)
ENGINE = ("tests/policies/test_engine.py",)
WAIVED = ("tests/policies/test_waivers_and_releases.py",)
VOTED = (*MACHINE, *WAIVED, "tests/policies/test_signed.py", "tests/policies/test_invariants.py")
BROKEN = (*MACHINE, "tests/policies/test_glass.py")
SEVERAL = (*MACHINE, "tests/policies/test_several.py")
GUARD = tuple(f"tests/monitor/adapters/test_{name}.py" for name in ("guard_machine", "guard", "document"))
STORED = ("tests/monitor/test_store_machine.py",)
LEASE = ("tests/monitor/test_lease.py",)
GATE = ("tests/monitor/test_gate.py",)
RETAINED = ("tests/monitor/test_retention.py",)
DOUBTFUL = ("tests/walk/test_doubtful_evidence.py",)
OUTLIERS = ("tests/walk/test_outliers.py",)
DRILLS = ("tests/monitor/daemon/test_drills.py",)
ACCESS = tuple(f"tests/monitor/{name}.py" for name in ("test_people", "faces/test_web_api", "faces/test_web_access"))
LEDGER = ("tests/checkpoints_db/test_ledger.py", "tests/checkpoints_db/test_rebuild.py")


class Mutant(NamedTuple):
    """One mistake: in `file`, which has `old` exactly once, `new` stands instead."""

    file: str
    old: str
    new: str
    why: str
    """What the gate would do then."""
    tests: tuple[str, ...]
    """Tests that are to notice, the quickest first."""


ENGINE_PY, HOUSE_PY, SEVERAL_PY = "policies/engine.py", "policies/house.py", "policies/several.py"
WAIVERS_PY, RELEASES_PY, GLASS_PY = "policies/waivers.py", "policies/releases.py", "policies/glass.py"
LEASE_PY, GATE_PY, LEDGER_PY = "monitor/lease.py", "monitor/gate.py", "checkpoints_db/ledger.py"
CASES_PY = "monitor/cases.py"
LOOKS_PY = "monitor/looks.py"
RETENTION_PY, ITEMS_PY = "monitor/retention.py", "checkpoints_db/item_table.py"
GUARD_PY, DOCUMENT_PY = "monitor/adapters/guard.py", "monitor/adapters/document.py"

DECIDE = (
    Mutant(
        ENGINE_PY,
        "    answer = Answer.worst([f.effect for f in after])\n",
        "    answer = Answer.worst([f.effect for f in after[1:]])\n",
        "the worst finding does not decide",
        MACHINE,
    ),
    Mutant(
        ENGINE_PY,
        "    said += house.unread(policy, case, [look for look in looks if look.terms.id in binding])\n",
        "    said += house.unread(policy, case, looks)\n",
        "a shadow rule counts as one that looked",
        (*ENGINE, *MACHINE),
    ),
    Mutant(
        ENGINE_PY,
        "    said += house.absent(case)\n",
        "",
        "a run of which nothing was judged goes on",
        (*ENGINE, *MACHINE),
    ),
    Mutant(ENGINE_PY, "    said += house.unreviewed(case, at)\n", "", "a break-glass needs no review", BROKEN),
    Mutant(
        ENGINE_PY,
        "    if case.latch is not None:\n        said.append",
        "    if case.latch is not None and case.latch.hard:\n        said.append",
        "a pause is over when the value falls back",
        MACHINE,
    ),
    Mutant(
        ENGINE_PY,
        "        findings += tuple(house.blind(policy, case))\n",
        "        findings += ()\n",
        "doubts tuned down to a warning open a blind run",
        (*ENGINE, *MACHINE),
    ),
    Mutant(
        ENGINE_PY,
        "seen.get(v.id, {}).get(_key(finding), Answer.GO).rank >= finding.answer.rank]",
        "seen]",
        "an approval releases what its giver never saw",
        VOTED,
    ),
    Mutant(
        ENGINE_PY,
        " and seen.get(_key(f), Answer.GO).rank >= f.answer.rank\n",
        "\n",
        "a broken glass covers what came after it",
        BROKEN,
    ),
    Mutant(
        ENGINE_PY,
        "            answer=Answer.HOLD,\n            reason=Reason.fault,",
        "            answer=Answer.GO,\n            reason=Reason.fault,",
        "a rule that raises passes",
        ENGINE,
    ),
    Mutant(
        ENGINE_PY,
        "    if case.latch is not None and case.latch.at > at:\n",
        "    if case.latch is not None and case.latch.at > at and not case.latch:\n",
        "an approval releases a pause that came after it",
        (*MACHINE, *WAIVED),
    ),
    Mutant(
        HOUSE_PY,
        "(missing.task in read and not judged)",
        "not judged",
        "taking a doubtful result away opens the gate",
        (*MACHINE, "tests/policies/test_deletion.py"),
    ),
    Mutant(
        HOUSE_PY,
        "verdict.task not in read:",
        "verdict.task in ():",
        "a doubt that nobody reads is none",
        (*ENGINE, "tests/policies/test_invariants.py", *MACHINE),
    ),
    Mutant(
        HOUSE_PY,
        "    if not trouble:\n        return []\n    sentence",
        "    if True:\n        return []\n    sentence",
        "results that contradict each other pass where no rule looks",
        MACHINE,
    ),
    Mutant(
        HOUSE_PY,
        "    if not any(look.findings for look in looks):\n",
        "    if policy is None:\n",
        "a run that no rule looked at goes on",
        (*ENGINE, *MACHINE),
    ),
    Mutant(
        HOUSE_PY,
        "level=Level.hard if latch.hard else Level.soft,",
        "level=Level.soft,",
        "people release what a hard rule paused",
        (*WAIVED, *MACHINE),
    ),
    Mutant(HOUSE_PY, "    if not case.judged:\n", "    if False:\n", "baseline history counts as judged", ENGINE),
)

PEOPLE = (
    Mutant(
        WAIVERS_PY, "waiver.at <= at < waiver.expires and", "waiver.at <= at and", "a waiver that ended lasts", VOTED
    ),
    Mutant(
        WAIVERS_PY,
        "waiver.at <= at < waiver.expires and",
        "at < waiver.expires and",
        "a waiver counts before it was granted",
        VOTED,
    ),
    Mutant(
        WAIVERS_PY,
        " and waiver.expires - waiver.at <= policy.waivers.max\n",
        "\n",
        "a waiver outlasts what the policy allows",
        VOTED,
    ),
    Mutant(WAIVERS_PY, " and finding.magnitude <= waiver.up_to\n", "\n", "a waiver covers a finding that grew", VOTED),
    Mutant(
        WAIVERS_PY, "finding.answer.rank <= waiver.answer.rank and ", "", "a waiver of a warning covers a pause", VOTED
    ),
    Mutant(WAIVERS_PY, "    if finding.level is Level.hard or ", "    if ", "one person waives a hard rule", VOTED),
    Mutant(
        WAIVERS_PY,
        "if (w.family, w.run) == (family, run)]",
        "if w.family == family]",
        "a waiver reaches another run",
        VOTED,
    ),
    Mutant(
        WAIVERS_PY,
        " and waiver.saw in (None, finding.reason)\n",
        "\n",
        "a waiver covers a finding of another reason",
        VOTED,
    ),
    Mutant(
        WAIVERS_PY,
        "        if count[what] <= 1 + policy.waivers.renewals:\n",
        "        if count[what]:\n",
        "a waiver is renewed for ever",
        VOTED,
    ),
    Mutant(
        RELEASES_PY,
        "if (a.family, a.run, a.evidence) == (case.family, case.run, evidence) and",
        "if (a.family, a.run) == (case.family, case.run) and",
        "an approval outlives the evidence it was given for",
        VOTED,
    ),
    Mutant(
        RELEASES_PY, "    if any(a.veto for a in about):\n", "    if not about:\n", "a veto counts as a vote", VOTED
    ),
    Mutant(
        RELEASES_PY,
        "[a for a in about if a.policy == digest and ",
        "[a for a in about if digest and ",
        "an approval outlives its policy",
        VOTED,
    ),
    Mutant(
        RELEASES_PY,
        " and person(a.by) not in owners]",
        " and owners is not None]",
        "the owner of a run releases it",
        VOTED,
    ),
    Mutant(
        RELEASES_PY,
        "[a for a in named if refusal(policy, a) is None]",
        "list(named)",
        "a forged signature counts",
        VOTED,
    ),
    Mutant(
        RELEASES_PY,
        " and at - approval.at < policy.release.approval_ttl:\n",
        ":\n",
        "an approval waits for ever for a second one",
        VOTED,
    ),
    Mutant(
        RELEASES_PY, "len(people) >= policy.release.quorum and", "len(people) >= 1 and", "one person is a quorum", VOTED
    ),
    Mutant(
        RELEASES_PY,
        " and all(people & held for held in holders)\n",
        " and holders is not None\n",
        "nobody needs to hold the role",
        VOTED,
    ),
    Mutant(
        RELEASES_PY,
        "finding.level is Level.soft and not doubtless",
        "not doubtless",
        "people release a hard rule",
        VOTED,
    ),
    Mutant(RELEASES_PY, " and finding.reason is not Reason.fault\n", "\n", "people release an error of ours", ENGINE),
    Mutant(
        GLASS_PY, "glass.at <= at < glass.expires and", "glass.at <= at and", "a break-glass that ended lasts", BROKEN
    ),
    Mutant(
        GLASS_PY,
        " and glass.expires - glass.at <= policy.break_glass.max\n",
        "\n",
        "a break-glass outlasts the policy",
        BROKEN,
    ),
    Mutant(
        GLASS_PY,
        "glass.evidence.get(policy.digest) == evidence",
        "policy.digest in glass.evidence",
        "a break-glass outlives its evidence",
        BROKEN,
    ),
    Mutant(
        SEVERAL_PY,
        "        if last or history[i + 1].since > seen_after:\n",
        "        if last:\n",
        "a loosened policy decides on evidence already seen",
        SEVERAL,
    ),
    Mutant(SEVERAL_PY, "    worst = max(range", "    worst = min(range", "the mildest policy decides", SEVERAL),
    Mutant(
        SEVERAL_PY,
        "        return None if decision.released and not broken else latch\n",
        "        return None\n",
        "a pause is forgotten when the value falls back",
        (*GATE, *SEVERAL),
    ),
    Mutant(
        SEVERAL_PY,
        "    return latch if hard & set(latch.rules) else",
        "    return latch if not hard else",
        "a hard pause stays hard, or softens, whatever the rules say",
        ("tests/policies/test_several.py",),
    ),
)

LEASES = (
    Mutant(
        LEASE_PY,
        "        if state.answer.rank >= Answer.HOLD.rank:\n",
        "        if state.answer is Answer.PAUSE:\n",
        "a gate that holds gives a lease",
        LEASE,
    ),
    Mutant(
        LEASE_PY,
        "    selftest.check()\n    with store.transaction():\n",
        "    with store.transaction():\n",
        "code that does not decide the known gives a lease",
        LEASE,
    ),
    Mutant(
        LEASE_PY,
        "at - cycle[1] > terms.renew:\n",
        "at - cycle[1] > terms.life:\n",
        "a lease is renewed though no cycle was complete",
        LEASE,
    ),
    Mutant(
        LEASE_PY,
        "max_flop=min(bound for bound",
        "max_flop=max(bound for bound",
        "a lease reaches as far as its widest bound",
        (*STORED, *LEASE),
    ),
    Mutant(
        LEASE_PY,
        "expires_at=min(end for end",
        "expires_at=max(end for end",
        "a lease outlives the release it rests on",
        (*STORED, *LEASE),
    ),
    Mutant(
        LEASE_PY,
        "        return bool(taken) and taken[-1].by == GATE\n",
        "        return bool(taken)\n",
        "the daemon gives again what a person took back",
        LEASE,
    ),
    Mutant(
        GUARD_PY,
        "if lease.seq < seen.seq or (lease.seq == seen.seq and lease.sha256 != seen.sha256):\n",
        "if lease.seq == seen.seq and lease.sha256 != seen.sha256:\n",
        "an older lease is believed again",
        GUARD,
    ),
    Mutant(
        GUARD_PY,
        "        return max(self._clock.now().timestamp(), self._anchor + ticks - self._anchored)\n",
        "        return self._clock.now().timestamp()\n",
        "a clock that was set back keeps a lease alive",
        GUARD,
    ),
    Mutant(
        GUARD_PY,
        "    if now >= lease.expires_at:\n",
        "    if now >= lease.expires_at + 3600:\n",
        "a lease that ended lasts",
        GUARD,
    ),
    Mutant(
        GUARD_PY,
        "    if flop is not None and not flop < lease.max_flop:",
        "    if flop is not None and flop > 2 * lease.max_flop:",
        "a fast cluster outruns its bound",
        GUARD,
    ),
    Mutant(
        GUARD_PY,
        "    if lease.revoked:\n",
        "    if lease.revoked and not lease.seq:\n",
        "a lease that was taken back only seems to have run out",
        GUARD,
    ),
    Mutant(
        DOCUMENT_PY,
        "    if not holds(key, message, bytes.fromhex(signature)):\n",
        "    if not signature:\n",
        "a forged lease is believed",
        GUARD,
    ),
)

STORES = (
    Mutant(
        GATE_PY,
        "    if cycle is None or at - cycle[1] > longest:\n",
        "    if cycle is None:\n",
        "a dead daemon leaves the gate open",
        (*GATE, *STORED),
    ),
    Mutant(
        GATE_PY,
        "    if cycle[1] - at > TOLERANCE:\n",
        "    if cycle[1] - at > 99999 * TOLERANCE:\n",
        "a clock that went back leaves the gate open",
        (*GATE, *STORED),
    ),
    Mutant(
        GATE_PY,
        "    if fault and (cycle is None or fault[1] > cycle[1]):\n",
        "    if fault and cycle is None:\n",
        "a failed cycle leaves the gate open",
        GATE,
    ),
    Mutant(
        GATE_PY,
        "    if waiting:\n",
        "    if waiting and not at:\n",
        "a file that arrived and was not judged leaves the gate open",
        (*GATE, *STORED),
    ),
    Mutant(
        "checkpoints_db/case_table.py",
        '"stageentry", "withdrawal")\n',
        '"stageentry")\n',
        "a safeguard that was withdrawn leaves the settled case standing",
        ("tests/monitor/test_known_case.py",),
    ),
    Mutant(
        CASES_PY,
        "str(JUDGEMENT_VERSION), policy.digest, catalogue.digest]",
        "str(JUDGEMENT_VERSION), policy.digest]",
        "a changed catalogue leaves the settled case standing",
        ("tests/monitor/test_known_case.py",),
    ),
    Mutant(
        "monitor/judging.py",
        "ladder[name].axis).without(outliers)\n",
        "ladder[name].axis)\n",
        "a fall is a dip because of breaks that nobody accepted",
        OUTLIERS,
    ),
    Mutant(
        "checkpoints_db/judgements.py",
        "(Answer.GO, Answer.WARN) and not decision.break_glass\n",
        "(Answer.GO, Answer.WARN)\n",
        "one person who broke the glass makes a break the trend",
        OUTLIERS,
    ),
    Mutant(
        CASES_PY,
        "    if differs := result.metric.differs(series.metric):\n",
        "    if differs := ():\n",
        "a loss that is called a score is read by no rule",
        DOUBTFUL,
    ),
    Mutant(
        CASES_PY,
        "    have = {seen.result.series: seen.result for seen in here if seen.counts}\n",
        "    have = {seen.result.series: seen.result for seen in here}\n",
        "a marked result stands for one that was never judged",
        DOUBTFUL,
    ),
    Mutant(
        CASES_PY,
        "    missing = tuple(dict.fromkeys((*missing, *_dropped(latest, everything))))\n",
        "",
        "a doubtful task is asked no more, and the gate opens",
        DOUBTFUL,
    ),
    Mutant(
        CASES_PY,
        "    there = [seen for seen in everything if seen.result.checkpoint.id == latest.id]\n",
        "    there = list(here)\n",
        "history that contradicts what was judged is not seen",
        DOUBTFUL,
    ),
    Mutant(
        CASES_PY,
        "        conflicts=(*_conflicts(there), *_scales(there)),\n",
        "        conflicts=tuple(_conflicts(there)),\n",
        "a checkpoint that stands at two scales is judged at the first",
        DOUBTFUL,
    ),
    Mutant(
        "checkpoints_db/evidence_rows.py",
        "    if not known.checkpoint.moved(result.checkpoint):\n",
        "    if known.checkpoint:\n",
        "a scale that is put right is not heard where the numbers are known",
        DOUBTFUL,
    ),
    Mutant(
        CASES_PY,
        "*_out_of_order(latest, everything), ",
        "",
        "an older checkpoint speaks for a run whose steps began anew",
        DOUBTFUL,
    ),
    Mutant(
        CASES_PY,
        "    if unknown and result.n is not None and result.n * FEWER <= fewest:\n",
        "    if not fewest and unknown and result.n is not None:\n",
        "ten items of two thousand are as good as all of them",
        DOUBTFUL,
    ),
    Mutant(
        CASES_PY,
        "        elif not seen.result.remarks or INVALIDATED in seen.result.remarks:\n",
        "        elif not seen.result.remarks:\n",
        "an evaluation that was taken back leaves the gate open",
        DOUBTFUL,
    ),
    Mutant(
        CASES_PY,
        ", *_elsewhere(catalogue, here)),\n",
        "),\n",
        "a scale that was mended after the judgement leaves the gate open",
        DOUBTFUL,
    ),
    Mutant(
        LOOKS_PY,
        "    if not bare or not stepped:\n",
        "    if there:\n",
        "final weights without a step are never the newest",
        DOUBTFUL,
    ),
    Mutant(
        "policies/rules/level.py",
        "        if words := out_of_range(terms.ceiling, verdict.metric):\n",
        "        if words := '':\n",
        "a ceiling in other units than the metric never fires, and nobody hears of it",
        ("tests/policies/test_rules_fire_and_hold.py",),
    ),
    Mutant(
        "policies/rules/evidence.py",
        '            subject=subject,\n            magnitude=1.0,\n            remedy="it were',
        '            magnitude=1.0,\n            remedy="it were',
        "who waives one contradiction waives every other",
        DOUBTFUL,
    ),
    Mutant(
        CASES_PY,
        "    store.judgements.must_be_sealed(v.forecast for v in kept.verdicts if v.forecast)\n",
        "",
        "a forecast that was touched goes unseen",
        GATE,
    ),
    Mutant(
        LEDGER_PY,
        "            if entry.previous != previous:\n",
        "            if entry.previous == entry.sha256:\n",
        "a row written anew goes unseen",
        LEDGER,
    ),
    Mutant(
        LEDGER_PY,
        '            if row["seq"] != seq + 1:\n',
        '            if row["seq"] < seq + 1:\n',
        "a dropped row goes unseen",
        LEDGER,
    ),
    Mutant(
        LEDGER_PY,
        '            if link(seq, **columns) != row["digest"]:\n',
        "            if not link(seq, **columns):\n",
        "a flipped byte goes unseen",
        LEDGER,
    ),
    Mutant(
        LEDGER_PY,
        "        if digest != pin.sha256:\n",
        "        if not digest:\n",
        "a ledger written anew keeps its pins",
        LEDGER,
    ),
)

TOLD = (
    Mutant(
        "monitor/measures.py",
        "        least = Answer.HOLD if held else Answer.GO\n",
        "        least = Answer.GO\n",
        "a dashboard shows an open gate while every gate holds",
        ("tests/monitor/faces/test_scrape.py",),
    ),
    Mutant(
        "monitor/overview.py",
        "    answer = max(state.answer, Answer.HOLD, key=lambda a: a.rank) if held else state.answer\n",
        "    answer = state.answer\n",
        "the status shows an open gate while every gate holds",
        ("tests/monitor/faces/test_status.py",),
    ),
    Mutant(
        "monitor/daemon/reload.py",
        "    rules = load_rules(settings, clock)\n    notify.check(rules.policy, settings)\n",
        "",
        "a reload takes a policy or a catalogue that does not read",
        ("tests/monitor/daemon/test_reload.py",),
    ),
)

KEPT = (
    Mutant(
        RETENTION_PY,
        "                if not chosen or evidence(store, catalogue, policy, family, at) == was:\n",
        "                if not chosen or evidence(store, catalogue, policy, family, at):\n",
        "questions that a gate rests on are forgotten",
        RETAINED,
    ),
    Mutant(
        RETENTION_PY,
        "        elif alert:\n",
        "        elif alert is None:\n",
        "questions are forgotten while people look into an alert",
        RETAINED,
    ),
    Mutant(
        RETENTION_PY,
        "        elif log in compared:\n",
        "        elif not log:\n",
        "the next size has nothing to be compared with",
        RETAINED,
    ),
    Mutant(
        ITEMS_PY,
        '        if entry.kind != "forgotten" or entry.value().get("id") != name:\n',
        "        if entry.seq != seq:\n",
        "whoever says that questions were forgotten is believed",
        RETAINED,
    ),
)

LEARNT = (
    Mutant(
        "monitor/watch.py",
        "    return make_series(counting, catalogue.axis(family)).without(store.judgements.outliers(family))\n",
        "    return make_series(counting, catalogue.axis(family))\n",
        "a break that repeats is learnt",
        OUTLIERS,
    ),
    Mutant(
        CASES_PY,
        "    return {name: series.without(outliers) for name, series in ladder.items()}\n",
        "    return ladder if outliers else {}\n",
        "a break that nobody accepted is what the next one is measured by",
        OUTLIERS,
    ),
    Mutant(
        "checkpoints_db/judgements.py",
        "    return decision.answer in (Answer.GO, Answer.WARN) and",
        "    return decision.answer is not Answer.PAUSE and",
        "a fall that holds is learnt while it holds",
        OUTLIERS,
    ),
)

DRILLED = (
    Mutant(
        GATE_PY,
        "    if drill is not None and drill.ended_at is not None:\n",
        "    if drill is not None and drill.ended_at is None:\n",
        "the run of a fire drill goes on as any other once the drill is over",
        DRILLS,
    ),
    Mutant(
        "checkpoints_db/drills.py",
        'NO_DRILL = "family not in (select family from drills)"\n',
        "NO_DRILL = \"family not like 'fire-drill-%'\"\n",
        "whoever calls a family so is hidden from status and metrics",
        DRILLS,
    ),
    Mutant(
        "monitor/notify/plan.py",
        "    return digest_of([topic, alert.drill]) if alert.drill else topic\n",
        "    return topic\n",
        "a real pause is told of in the message of a fire drill",
        DRILLS,
    ),
    Mutant(
        "monitor/notify/plan.py",
        "        return self.roots.of(alert) if self.roots is not None and not alert.drill else None\n",
        "        return self.roots.of(alert) if self.roots is not None else None\n",
        "a fire drill waits for a real alert",
        DRILLS,
    ),
)


ACCESS_PY, PEOPLE_PY = "monitor/faces/web/access.py", "monitor/people.py"
DOORS = (
    Mutant(
        ACCESS_PY,
        "        if not person.may(action):\n",
        "        if not person.roles:\n",
        "whoever came in may release",
        ACCESS,
    ),
    Mutant(
        ACCESS_PY,
        "    if not people.same(given, secret):\n",
        "    if not given:\n",
        "a form of another site acts for whoever is logged in",
        ACCESS,
    ),
    Mutant(
        ACCESS_PY,
        '    if site is not None and site not in ("same-origin", "none"):\n',
        "    if site is None:\n",
        "a page of another site is taken for ours",
        ACCESS,
    ),
    Mutant(
        PEOPLE_PY,
        '    return Person(name=account.name, roles=frozenset(account.roles) & frozenset(token.roles), came="token")\n',
        '    return Person(name=account.name, roles=frozenset(token.roles), came="token")\n',
        "a token may what its person no longer may",
        ACCESS,
    ),
    Mutant(
        PEOPLE_PY,
        "    if not session.at <= at < session.ends_at or at - session.seen_at >= life.idle:\n",
        "    if not session.at <= at < session.ends_at:\n",
        "a browser left alone for hours may still release",
        ACCESS,
    ),
)

MUTANTS = (*DECIDE, *PEOPLE, *LEASES, *STORES, *KEPT, *LEARNT, *TOLD, *DOORS, *DRILLED)
