"""What a person may do: acknowledge, waive, approve or reject a release; each is a record of its own, bound to what
they saw, and the gate is settled in the same transaction."""

from __future__ import annotations

from datetime import datetime

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import BadAdoption, BadRelease, BadWaiver, PolicyError
from checkpoints_db.records import Acknowledgement, Alert, Answer, ChangeApproval, Decision, Finding, Waiver, digest_of
from checkpoints_db.records.duration import spell_duration
from monitor import adoption, alerts, gate
from policies.adoption import approve_change
from policies.releases import approve
from policies.schema import Policy
from policies.several import Ruling, each_decides
from policies.waivers import grant


class Desk:
    """Where a reviewer sits: one store, the catalogue, the policy that the settings name, one moment."""

    def __init__(self, store: Store, catalogue: Catalogue, policy: Policy, at: datetime) -> None:
        self.store, self.catalogue, self.policy, self.at = store, catalogue, policy, at

    def acknowledge(self, name: str, *, by: str, comment: str, until: datetime) -> Alert:
        """Say that `by` has seen an alert; it fires again at `until`. Changes nothing else.

        Raises PolicyError when the alert is unknown or closed, nobody is named, or `until` is too far away.
        """
        alert = self.store.actions.alert(name)
        if alert is None:
            raise PolicyError(f"no alert {name!r}, or several; see `holdpoint alert list`")
        if alert.state == "closed":
            raise PolicyError(f"alert {alert.id} is closed; there is nothing to acknowledge")
        if not by.strip():
            raise PolicyError("an acknowledgement needs the name of the person who has seen the alert")
        force = adoption.force(self.store, self.policy, self.at)
        longest = force.policy.acknowledge.max
        if not self.at < until <= self.at + longest:
            raise PolicyError(f"an acknowledgement lasts at most {spell_duration(longest)} under this policy")
        ack = Acknowledgement(alert=alert.id, by=by.strip(), comment=comment.strip(), at=self.at, expires=until)
        with self.store.transaction():
            self.store.actions.put_review(ack, digest_of(ack.body())[:12], alert.family, alert.run)
            return alerts.acknowledged(self.store, alert, ack.by, force.told, self.at)

    def waive(
        self, family: str, run: str, rule: str, subject: str, *, by: str, reason: str, until: datetime
    ) -> tuple[Waiver, Decision]:
        """Let one finding of one rule pass for one run and subject until `until`; void as soon as it grows.

        Where several policies decide on the run, it is granted under each that has the finding; the one of the deciding
        policy is returned. Raises BadWaiver when there is no such finding or a policy does not allow it.
        """
        with self.store.transaction():
            decision = self._decide(family, run)
            given = {}
            for ruling, own in self._decisions(family, run):
                if own.policy != decision.policy and not _has(own, rule, subject):
                    continue
                seen = self._finding(own, rule, subject)
                given[own.policy] = grant(
                    ruling.policy, seen, family=family, run=run, by=by, reason=reason, at=self.at, until=until
                )
            for waiver in given.values():
                self.store.actions.put_review(waiver, waiver.id, family, run)
            return given[decision.policy], self._decide(family, run)

    def release(self, family: str, run: str, *, by: str, reason: str, evidence: str, reject: bool = False) -> Decision:
        """One person's vote on reopening the gate of a run; returns the decision after it.

        `evidence` is the digest (or its first characters, eight at least) of the evidence the person saw; the vote is
        refused when the gate rests on other evidence by now. Raises BadRelease.
        """
        with self.store.transaction():
            before = self._decide(family, run)
            if len(evidence) < 8 or not before.evidence.startswith(evidence):
                raise BadRelease(
                    f"gate of {family}/{run}: it rests on evidence {before.evidence[:12]}, not on {evidence!r}; "
                    "look again at `holdpoint gate status` and name the evidence you saw"
                )
            votes = [
                approve(ruling.policy, own, by=by, reason=reason, at=self.at, veto=reject)
                for ruling, own in self._decisions(family, run)
                if own.policy == before.policy or own.answer.rank >= Answer.HOLD.rank
            ]
            there = {given.id for given in self.store.actions.approvals(family, run)}
            for vote in votes:
                if vote.id not in there:
                    self.store.actions.put_review(vote, vote.id, family, run)
            return self._decide(family, run)

    def adopt(
        self, new: Policy, *, by: str, reason: str, reject: bool = False
    ) -> tuple[ChangeApproval, adoption.Force]:
        """One person's vote on a change that loosens the policy in force; with a quorum `new` comes into force.

        It does so at once where the settings name it, and else when they do, while the approvals last. Raises
        BadAdoption for what needs no approval, or for a vote that does not count.
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
            self.store.actions.put_review(vote, vote.id, "", "")
            force = gate.take_up(self.store, self.catalogue, self.policy, self.at)
            alerts.about_change(self.store, force, self.at)
            return vote, force

    def _decide(self, family: str, run: str) -> Decision:
        decision = gate.settle(self.store, self.catalogue, self.policy, family, run, self.at)
        force = adoption.force(self.store, self.policy, self.at)
        alerts.raise_for(self.store, decision, force.told, self.at)
        alerts.about_change(self.store, force, self.at)
        return decision

    def _decisions(self, family: str, run: str) -> list[tuple[Ruling, Decision]]:
        """What each policy that decides on the run says for itself."""
        force = adoption.force(self.store, self.policy, self.at)
        ruled = gate.rulings(self.store, self.catalogue, force, family, run)
        waivers, approvals = self.store.actions.waivers(family, run), self.store.actions.approvals(family, run)
        return list(zip(ruled, each_decides(ruled, waivers, approvals, self.at), strict=True))

    @staticmethod
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
                else f"; rules that speak: "
                f"{', '.join(sorted({finding.rule for finding in decision.findings})) or 'none'}"
            )
        )


def _has(decision: Decision, rule: str, subject: str) -> bool:
    return any((finding.rule, finding.subject) == (rule, subject) for finding in decision.findings)
