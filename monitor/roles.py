"""Who may do what: for each action the roles that may.

A role says who may cast a vote; the policy in force says whose votes count.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from checkpoints_db.records.access import Role

EVERYBODY = frozenset(Role)
HANDS_ON = frozenset({Role.reviewer, Role.safety, Role.approver, Role.run_owner})
REVIEW = frozenset({Role.reviewer, Role.safety})
VOTE = frozenset({Role.safety, Role.approver})


class Action(NamedTuple):
    """One thing a person may do, and who may."""

    means: str
    roles: frozenset[Role]


ACTIONS: dict[str, Action] = {
    "read": Action("see results, forecasts, verdicts, alerts, gates, leases, policies and health", EVERYBODY),
    "audit": Action(
        "see the ledger, deliveries, people and tokens", frozenset({Role.safety, Role.auditor, Role.admin})
    ),
    "acknowledge": Action("say that one has seen an alert", HANDS_ON),
    "comment": Action("write a comment, attach a link", HANDS_ON | {Role.auditor}),
    "assign": Action("say whose alert it is", HANDS_ON - {Role.run_owner}),
    "examine": Action("take an alert under review, confirm it, close it", REVIEW),
    "false_alarm": Action("say that an alert was a false one, or its evidence invalid", REVIEW),
    "waive": Action("let one finding pass for a time", frozenset({Role.safety})),
    "release": Action("vote for reopening a gate", VOTE),
    "reject": Action("vote against reopening a gate", VOTE | {Role.reviewer, Role.auditor}),
    "break_glass": Action("let a stopped run go on for a while, alone", VOTE),
    "review_glass": Action("review a break-glass", VOTE | {Role.auditor}),
    "adopt": Action("vote on a change of policy", VOTE),
    "assess": Action("record an assessment, an attestation or a stage", frozenset({Role.safety, Role.run_owner})),
    "lease": Action("issue a lease, or take one back", VOTE),
    "repair": Action("try a file in quarantine, or a message, again", frozenset({Role.run_owner, Role.admin})),
    "push": Action("push results", frozenset({Role.run_owner, Role.admin})),
    "drill": Action("start a fire drill", frozenset({Role.safety, Role.admin})),
    "people": Action("make and change people and their tokens", frozenset({Role.admin})),
}
"""An admin says who may decide, and decides nothing."""


def allowed(roles: Iterable[Role], action: str) -> bool:
    """Whether somebody with these roles may; nobody may what is no action.

    >>> allowed([Role.viewer], "read"), allowed([Role.viewer], "release"), allowed(list(Role), "rule the world")
    (True, False, False)
    """
    found = ACTIONS.get(action)
    return found is not None and not found.roles.isdisjoint(roles)


def table() -> str:
    """The table as the README has it."""
    head = ["| action | it is to | " + " | ".join(f"`{role}`" for role in Role) + " |", "|---" * (2 + len(Role)) + "|"]
    rows = [
        f"| `{name}` | {action.means} | " + " | ".join("yes" if role in action.roles else "–" for role in Role) + " |"
        for name, action in ACTIONS.items()
    ]
    return "\n".join([*head, *rows])
