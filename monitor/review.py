"""What a person may do: acknowledge, waive, approve or reject a release; each is a record of its own, bound to what
they saw, and the gate is settled in the same transaction."""

from __future__ import annotations

from datetime import datetime

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import BadRelease, BadWaiver, PolicyError
from checkpoints_db.records import Acknowledgement, Alert, Decision, Finding, Waiver, digest_of
from checkpoints_db.records.duration import spell_duration
from monitor import alerts, gate
from policies.releases import approve
from policies.schema import Policy
from policies.waivers import grant


class Desk:
    """Where a reviewer sits: one store, the catalogue and policy in force, one moment."""

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
        longest = self.policy.acknowledge.max
        if not self.at < until <= self.at + longest:
            raise PolicyError(f"an acknowledgement lasts at most {spell_duration(longest)} under this policy")
        ack = Acknowledgement(alert=alert.id, by=by.strip(), comment=comment.strip(), at=self.at, expires=until)
        with self.store.transaction():
            self.store.actions.put_review(ack, digest_of(ack.body())[:12], alert.family, alert.run)
            return alerts.acknowledged(self.store, alert, ack.by, self.policy.notify, self.at)

    def waive(
        self, family: str, run: str, rule: str, subject: str, *, by: str, reason: str, until: datetime
    ) -> tuple[Waiver, Decision]:
        """Let one finding of one rule pass for one run and subject until `until`; void as soon as it grows.

        Raises BadWaiver when there is no such finding or the policy does not allow it.
        """
        with self.store.transaction():
            finding = self._finding(self._decide(family, run), rule, subject)
            waiver = grant(self.policy, finding, family=family, run=run, by=by, reason=reason, at=self.at, until=until)
            self.store.actions.put_review(waiver, waiver.id, family, run)
            return waiver, self._decide(family, run)

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
            vote = approve(self.policy, before, by=by, reason=reason, at=self.at, veto=reject)
            if any(vote.id == given.id for given in self.store.actions.approvals(family, run)):
                return before
            self.store.actions.put_review(vote, vote.id, family, run)
            return self._decide(family, run)

    def _decide(self, family: str, run: str) -> Decision:
        decision = gate.settle(self.store, self.catalogue, self.policy, family, run, self.at)
        alerts.raise_for(self.store, decision, self.policy.notify, self.at)
        return decision

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
