"""Why a decision was what it was: every rule's finding, what people did about it, and the lines of the policy."""

from __future__ import annotations

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import PolicyError
from checkpoints_db.records import Answer, Approval, Decision, Finding, PolicyText, Record, Waiver
from monitor.cases import case_of
from policies.engine import examine
from policies.loader import LoadedPolicy, from_body, rule_lines
from policies.schema import RESERVED, Policy

SHORTEST = 8
"""Characters of a digest that name a decision."""


class Explanation(Record):
    """One decision with everything behind it that the store still has."""

    decision: Decision
    checkpoint: str
    passes: tuple[Finding, ...]
    """What passed, judged again on the same evidence under the same policy; empty where that cannot be done."""
    notes: tuple[str, ...]
    """What a reader must know: another policy is in force, passes cannot be shown, a text was not kept."""
    places: dict[str, str]
    """Rule to the file and lines it stands on, `mine.toml:12-17`."""
    lines: str
    """The policy text of the rule that decided; empty for a GO, for the house, and where it was not kept."""
    waivers: tuple[Waiver, ...]
    """Waivers that let a finding pass."""
    approvals: tuple[Approval, ...]
    """Approvals and vetoes that were given for this evidence and policy."""


def found(store: Store, start: str) -> tuple[str, Decision] | None:
    """The checkpoint and the decision whose digest begins with `start`; None where there is none.

    Raises PolicyError where several begin so.
    """
    decisions = store.judgements.decisions_like(start)
    if len(decisions) > 1:
        raise PolicyError(f"several decisions begin with {start!r}; give more characters of the digest")
    return decisions[0] if decisions else None


def explained(
    store: Store, catalogue: Catalogue, configured: LoadedPolicy | None, checkpoint: str, decision: Decision
) -> Explanation:
    """The decision with everything behind it. `configured` is the policy that the settings name; None: none loads.

    Reads only. Raises LedgerBroken where a row was touched.
    """
    notes: list[str] = []
    policy, text = _policy_of(store, configured, decision, notes)
    passes = _passes(store, catalogue, policy, checkpoint, decision, notes)
    places = {} if text is None else _places(text, (*decision.findings, *passes))
    family, run = decision.family, decision.run
    covered = {(f.rule, f.subject) for f in decision.findings if f.waived_by}
    waivers = store.actions.waivers(family, run)
    votes = store.actions.approvals(family, run)
    return Explanation(
        decision=decision,
        checkpoint=checkpoint,
        passes=passes,
        notes=tuple(notes),
        places=places,
        lines=_lines(text, decision),
        waivers=tuple(w for w in waivers if (w.rule, w.subject) in covered and w.at <= decision.at < w.expires),
        approvals=tuple(
            v for v in votes if (v.evidence, v.policy) == (decision.evidence, decision.policy) and v.at <= decision.at
        ),
    )


def _policy_of(
    store: Store, configured: LoadedPolicy | None, decision: Decision, notes: list[str]
) -> tuple[Policy | None, PolicyText | None]:
    """The policy of the decision and its text: the configured one where it is the same, else what the store keeps."""
    if not decision.policy:
        notes.append("no policy was asked: none loaded, or the store could not be read")
        return None, None
    if configured is not None and configured.policy.digest == decision.policy:
        return configured.policy, configured.text
    named = f"{decision.policy_name} ({decision.policy[:12]})"
    now = "no policy loads now" if configured is None else f"now it is {configured.policy.digest[:12]}"
    notes.append(f"decided by policy {named}, which the settings no longer name as it was: {now}")
    kept = store.policy_texts.of(decision.policy)
    if kept is None:
        notes.append("its text was not kept, so neither its lines nor what passed can be shown")
        return None, None
    try:
        policy = from_body(kept.terms, kept.name)
    except PolicyError as error:
        notes.append(f"its text was kept and does not load any more: {error}")
        return None, kept
    return policy, kept


def _passes(
    store: Store, catalogue: Catalogue, policy: Policy | None, checkpoint: str, decision: Decision, notes: list[str]
) -> tuple[Finding, ...]:
    """What passed: the decision keeps their number; they are judged again, and shown if the evidence is the same."""
    if policy is None or not decision.passed:
        return ()
    case = case_of(store, catalogue, policy, decision.family, decision.run, checkpoint or None)
    if case.evidence != decision.evidence:
        notes.append(
            f"{decision.passed} tests passed; which ones is not kept, and the evidence is no longer what it was then"
        )
        return ()
    waivers = [w for w in store.actions.waivers(decision.family, decision.run) if w.at <= decision.at]
    said = examine(policy, case.model_copy(update={"latch": None}), waivers, (), decision.at).findings
    passes = tuple(finding for finding in said if finding.answer is Answer.GO)
    if len(passes) != decision.passed:
        notes.append(f"{decision.passed} tests passed then, {len(passes)} of the same evidence now; see the changelog")
    return passes


def _places(text: PolicyText, findings: tuple[Finding, ...]) -> dict[str, str]:
    places = {}
    for rule in dict.fromkeys(finding.rule for finding in findings if finding.rule not in RESERVED):
        if (at := rule_lines(text, rule)) is not None:
            path, lines = at
            places[rule] = f"{path}:{lines.first}-{lines.last}"
    return places


def _lines(text: PolicyText | None, decision: Decision) -> str:
    if text is None or decision.answer is Answer.GO or decision.findings[0].rule in RESERVED:
        return ""
    at = rule_lines(text, decision.findings[0].rule)
    return "" if at is None else at[1].text
