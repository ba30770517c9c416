"""What people did about a run, as the ledger has it: every record reads, and every signature is of what it says."""

from __future__ import annotations

from checkpoints_db import Store
from checkpoints_db.records import Signed
from monitor.adoption import policy_of
from monitor.bundle.comparing import part
from monitor.bundle.records import Part
from policies.signed import refusal


def reviews_told(store: Store, family: str, run: str) -> Part:
    """The part `reviews`: waivers, votes and reviews of the run, and votes on policies; each signature is checked.

    A signature must stand under some policy of the history. A veto counts however it comes, so it may stand unsigned.
    """
    policies = [policy_of(row.entry) for row in store.policies.all() if row.entry.terms]
    actions = store.actions
    waivers = actions.waivers(family, run)
    votes: list[Signed] = [
        *actions.approvals(family, run),
        *actions.glasses(family, run),
        *actions.glass_reviews(family, run),
        *actions.change_approvals(),
    ]
    signed = [vote for vote in votes if vote.key or vote.signature]
    wrong = [
        f"{getattr(vote, 'by', '')}: {why[0]}"
        for vote in signed
        if not getattr(vote, "veto", False) and all(why := [refusal(policy, vote) for policy in policies])
    ]
    return part(
        "reviews", wrong, f"{len(waivers)} waivers, {len(votes)} votes and reviews, {len(signed)} of them signed"
    )
