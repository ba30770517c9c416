"""The text of every policy that ever decided, kept in the ledger under the digest of the policy."""

from __future__ import annotations

from datetime import datetime

from checkpoints_db.ledger import Ledger
from checkpoints_db.records import PolicyText

KIND = "policy_text"


class PolicyTexts:
    """Which files a policy was written in."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def keep(self, text: PolicyText, at: datetime) -> None:
        """Keep a text; the first one of a policy stays, and nothing happens. Wants a transaction around it."""
        if self.of(text.policy) is None:
            self._ledger.append(KIND, text.policy, text.body(), at)

    def of(self, policy: str) -> PolicyText | None:
        """The text of the policy with this digest; None where none was kept. Raises LedgerBroken for a touched one."""
        for entry in self._ledger.entries(KIND, policy):
            return PolicyText.model_validate(entry.value())
        return None
