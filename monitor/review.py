"""What a person may do: with alerts what `alert_desk` has; waive, approve or reject a release or a change of policy,
break the glass and review that. Each is a record of its own, bound to what they saw, and the gate settled with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import BadAdoption, BadRelease, BadWaiver
from checkpoints_db.records import Answer, Approval, BreakGlass, ChangeApproval, Decision, Finding, GlassReview, Waiver
from checkpoints_db.signing import SigningKey
from monitor import adoption, alerts, gate, ruling
from monitor.alert_desk import AlertDesk
from policies import glass
from policies.adoption import approve_change
from policies.releases import approve
from policies.schema import Policy
from policies.several import Ruling, each_decides
from policies.signed import refusal, sign
from policies.waivers import grant


class Desk(AlertDesk):
    """Where a reviewer sits: one store, the catalogue, the policy that the settings name, one moment, one person's key.

    `everybody` are the receivers of what nobody may silence, beside those the policy tells.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        policy: Policy,
        at: datetime,
        *,
        key: SigningKey | None = None,
        everybody: Sequence[str] = (),
    ) -> None:
        self.store, self.catalogue, self.policy, self.at = store, catalogue, policy, at
        self.key, self.everybody = key, everybody

    def waive(
        self, family: str, run: str, rule: str, subject: str, *, by: str, reason: str, until: datetime
    ) -> tuple[Waiver, Decision]:
        """Let one finding of one rule pass for one run and subject until `until`; void as soon as it grows.

        Where several policies decide on the run, it is granted under each that has the finding; the one of the deciding
        policy is returned. Raises BadWaiver when there is no such finding or a policy does not allow it.
        """
        with self.store.transaction():
            decision = self._decide(family, run)
            earlier = self._while_the_rule_stood(family, run, rule)
            given = {}
            for one, own in self._decisions(family, run):
                if own.policy == decision.policy or _has(own, rule, subject):
                    found, which = _finding(own, rule, subject), {"family": family, "run": run, "by": by}
                    given[own.policy] = grant(
                        one.policy, found, **which, reason=reason, at=self.at, until=until, earlier=earlier
                    )
            for waiver in given.values():
                self.store.actions.put_review(waiver, waiver.id, family, run)
            return given[decision.policy], self._decide(family, run)

    def release(
        self,
        family: str,
        run: str,
        *,
        by: str,
        reason: str,
        evidence: str,
        reject: bool = False,
        max_flop: float | None = None,
    ) -> Decision:
        """One person's vote on reopening the gate of a run; returns the decision after it.

        `evidence` is the digest (or its first characters, eight at least) of the evidence the person saw; the vote is
        refused when the gate rests on other evidence by now. It goes as far as `max_flop`, in FLOP, and reaches every
        policy that decides on the run. Raises BadRelease.
        """
        with self.store.transaction():
            before = self._decide(family, run)
            if len(evidence) < 8 or not before.evidence.startswith(evidence):
                raise BadRelease(
                    f"gate of {family}/{run}: it rests on evidence {before.evidence[:12]}, not on {evidence!r}; "
                    "look again at `holdpoint gate status` and name the evidence you saw"
                )
            there = {given.id for given in self.store.actions.approvals(family, run)}
            for one, own in self._stopping(family, run, before):
                vote = approve(one.policy, own, by=by, reason=reason, at=self.at, veto=reject, max_flop=max_flop)
                if vote.id not in there:
                    self.store.actions.put_review(self._signed(one.policy, vote), vote.id, family, run)
            return self._decide(family, run)

    def break_glass(
        self,
        family: str,
        run: str,
        *,
        by: str,
        reason: str,
        until: datetime | None = None,
        max_flop: float | None = None,
    ) -> tuple[BreakGlass, Decision]:
        """One person lets a run that soft rules stopped go on, for a while and so far (FLOP); everybody is told.

        For as long and as far as the policy allows where `until` and `max_flop` are left out. Raises BadRelease.
        """
        with self.store.transaction():
            before = self._decide(family, run)
            stopping = self._stopping(family, run, before)
            terms = [one.policy.break_glass for one, _ in stopping]
            most = ruling.reach(self.store, family, run, min(each.compute for each in terms))
            if max_flop is None and most is None:
                raise BadRelease(
                    f"gate of {family}/{run}: how much compute its newest checkpoint took is unknown; say how far the "
                    "run may go, with --max-flop"
                )
            broken = glass.BreakTerms(
                by=by,
                reason=reason,
                at=self.at,
                until=until or self.at + min(each.max for each in terms),
                max_flop=max_flop or most or 0.0,
                most=most,
                unreviewed=self.store.actions.open_glass(family, run),
            )
            evidence = {own.policy: own.evidence for _, own in self._decisions(family, run)}
            for one, own in stopping:
                made = self._signed(one.policy, glass.break_glass(one.policy, own, evidence, broken))
            self.store.actions.put_review(made, made.id, family, run)
            alerts.about_glass(self.store, made, self._all(), self.at)
            return made, self._decide(family, run)

    def review(self, family: str, run: str, *, by: str, reason: str) -> tuple[GlassReview, Decision]:
        """Another person's review of the break-glass of a run; `reason` says what was found. It ends the break-glass.

        Raises BadRelease when there is none, or by the person who broke the glass.
        """
        with self.store.transaction():
            open_ = self.store.actions.open_glass(family, run)
            said = glass.review(open_, f"gate of {family}/{run}", by=by, reason=reason, at=self.at)
            said = self._signed(self._force().policy, said)
            self.store.actions.put_review(said, said.id, family, run)
            alerts.settle_glass(self.store, said, self._all(), self.at)
            return said, self._decide(family, run)

    def adopt(
        self, new: Policy, *, by: str, reason: str, reject: bool = False
    ) -> tuple[ChangeApproval, adoption.Force]:
        """One person's vote on a change that loosens the policy in force; with a quorum `new` comes into force.

        It does so at once where the settings name it, and else when they do, while the approvals last. Raises
        BadAdoption for what needs no approval, BadAdoption or BadRelease for a vote that does not count.
        """
        with self.store.transaction():
            force = gate.take_up(self.store, self.catalogue, self.policy, self.at)
            old = force.policy
            if new.digest == old.digest:
                raise BadAdoption(f"policy {new.name} {new.version} is in force already; there is nothing to adopt")
            waiting = adoption.change_to(self.store, new, force.history, self.at)
            if not waiting.change.loosens:
                raise BadAdoption(
                    f"policy {new.name} {new.version} loosens nothing; name it in the settings and it is in force"
                )
            vote = approve_change(old, new, waiting.id, by=by, reason=reason, at=self.at, veto=reject)
            self.store.actions.put_review(self._signed(old, vote), vote.id, "", "")
            force = gate.take_up(self.store, self.catalogue, self.policy, self.at)
            alerts.about_change(self.store, force, self.at)
            return vote, force

    def _decide(self, family: str, run: str) -> Decision:
        drill = self.store.drills.of(family)
        if drill is not None:
            raise BadRelease(
                f"{family}/{run} is of fire drill {drill.id}, which ends by itself; nothing is to be decided"
            )
        decision = gate.settle(self.store, self.catalogue, self.policy, family, run, self.at)
        force = self._force()
        window = force.policy.confirm.window
        alerts.raise_for(self.store, decision, force.told, self.at, self.catalogue.domains_of, window=window)
        alerts.about_change(self.store, force, self.at)
        return decision

    def _all(self) -> tuple[str, ...]:
        return (*self._force().told, *self.everybody)

    def _decisions(self, family: str, run: str) -> list[tuple[Ruling, Decision]]:
        """What each policy that decides on the run says for itself."""
        ruled = gate.rulings(self.store, self.catalogue, self._force(), family, run)
        waivers, approvals = self.store.actions.waivers(family, run), self.store.actions.approvals(family, run)
        return list(zip(ruled, each_decides(ruled, waivers, approvals, self.at), strict=True))

    def _stopping(self, family: str, run: str, before: Decision) -> list[tuple[Ruling, Decision]]:
        """The policies whose answer a vote has to reach: those that stop the run, and the one that decided."""
        return [
            (one, own)
            for one, own in self._decisions(family, run)
            if own.policy == before.policy or own.answer.rank >= Answer.HOLD.rank
        ]

    def _while_the_rule_stood(self, family: str, run: str, rule: str) -> list[Waiver]:
        """Waivers of a rule of this run, granted under policies that had the rule as the one in force has it."""
        history = self._force().history
        terms = next((each for each in history[-1].policy.rules if each.id == rule), None)
        same = {one.policy.digest for one in history if terms in one.policy.rules}
        return [w for w in self.store.actions.waivers(family, run) if w.rule == rule and w.policy in same]

    def _signed(self, policy: Policy, vote: Vote) -> Vote:
        """The vote, signed where there is a key. Raises BadRelease where it would not count.

        A veto counts however it comes: doubt closes, and whoever cannot sign can still object.
        """
        vote = vote if self.key is None else sign(vote, self.key)
        why = refusal(policy, vote)
        if why is not None and not getattr(vote, "veto", False):
            raise BadRelease(
                f"{vote.by}: {why}; sign with --key, by a key that [principals] of policy {policy.name!r} names"
            )
        return vote


Vote = TypeVar("Vote", Approval, ChangeApproval, BreakGlass, GlassReview)


def _has(decision: Decision, rule: str, subject: str) -> bool:
    return any((finding.rule, finding.subject) == (rule, subject) for finding in decision.findings)


def _finding(decision: Decision, rule: str, subject: str) -> Finding:
    found = [finding for finding in decision.findings if finding.rule == rule]
    for finding in found:
        if finding.subject == subject:
            return finding
    there = "; ".join(f"{finding.subject or 'the run as a whole'}" for finding in found)
    raise BadWaiver(
        f"rule {rule!r} says nothing of {subject or 'the run as a whole'!r} now"
        + (
            f"; it speaks of: {there}"
            if there
            else f"; rules that speak: {', '.join(sorted({finding.rule for finding in decision.findings})) or 'none'}"
        )
    )
