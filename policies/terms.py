"""The terms of a policy beside its rules and routes: judging, budget, release, waivers, lease, emergency, change."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from checkpoints_db.records import BudgetMethod, PauseMode, Record
from policies.direction import AT_ONCE, HIGHER, LOWER, MORE, Direction, ordered
from policies.spelling import Duration, Multiple, Several


class Terms(Record):
    """A table of the policy file; the sentence under each key is its line in policies/README.md."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Judging(Terms):
    """How results are compared with their sealed forecasts, for every rule of the policy."""

    tail: Annotated[float, Field(gt=0, le=0.2)] = 0.01
    """A result this improbable under its sealed forecast, on one side, is `above` or `below`."""
    resolve: Annotated[float, Field(gt=0, le=1), LOWER] = 0.35
    """A forecast that would miss a break of this share of the metric's room is `blind`."""
    min_rungs: Annotated[int, Field(ge=3), HIGHER] = 4
    """A forecast made from fewer rungs is inconclusive."""
    excess: Annotated[float, Field(ge=0, le=1), LOWER] = 0.2
    """A composite task further above what its parts give when they are independent is an `unexplained_jump`."""


NO_BUDGET = Direction("strictest", ("none",))
"""Without a budget every break pauses; which of two budgets is stricter depends on the suite."""


class BudgetTerms(Terms):
    """How often a suite on trend may be paused for nothing; what its size explains warns and does not pause."""

    method: Annotated[BudgetMethod, NO_BUDGET] = "none"
    """How tests share it: `harmonic` (mean of 1 / p), `holm`, `by` (Benjamini-Yekutieli), `e_average`, `e_process`."""
    share: Annotated[float, Field(gt=0, le=0.5), HIGHER] = 0.05
    """Probability of any false pause over a break, however many metrics there are."""
    per: Literal["checkpoint", "run"] = "checkpoint"
    """What `share` is for; a run spends 1/2 of it on its first checkpoint, then 1/6, 1/12, ..."""

    @model_validator(mode="after")
    def _looks(self) -> Self:
        if self.method == "e_process" and self.per != "run":
            raise ValueError('budget.method = "e_process" adds up the checkpoints of a run; write per = "run"')
        return self


class ReleaseTerms(Terms):
    """Who may reopen a gate that a `soft` rule closed."""

    quorum: Annotated[int, Field(ge=1, le=20), HIGHER] = 2
    """Number of different people who must approve."""
    exclude_owner: Annotated[bool, HIGHER] = True
    """Whether the owners of the run may not approve."""
    exclude_author: Annotated[bool, HIGHER] = True
    """Whether the authors of the policy (`authors`) may not approve, neither a release nor the change they wrote."""
    require_signed: Annotated[bool, HIGHER] = False
    """Whether only votes count that were signed with a key of `[principals]`."""
    require_roles: Annotated[Several, MORE] = ()
    """Each role named here must be held by at least one of the approvers."""
    approval_ttl: Annotated[Duration, LOWER] = timedelta(hours=72)
    """An approval waits this long for the others; a release once given lasts while evidence, policy and findings do."""


class WaiverTerms(Terms):
    """How long one person may let one finding pass."""

    max: Annotated[Duration, LOWER] = timedelta(days=14)
    """Longest waiver that may be granted."""
    renewals: Annotated[int, Field(ge=0, le=20), LOWER] = 2
    """How often the waiver of one finding may be granted again; after that the policy must change."""


class AcknowledgeTerms(Terms):
    """How long an alert may be called seen."""

    max: Annotated[Duration, LOWER] = timedelta(hours=8)
    """Longest acknowledgement; then the alert fires again."""


class ConfirmTerms(Terms):
    """How long trouble must last before people are told; gates say it from its first moment."""

    window: Annotated[Duration | None, AT_ONCE] = None
    """A warning or a hold that is gone within this time wakes nobody; a pause is told at once."""


class LeaseTerms(Terms):
    """How far a GO reaches that a training job carries with it."""

    life: Annotated[Duration, LOWER] = timedelta(hours=24)
    """A lease ends after this time; a daemon that died stops its runs within it."""
    renew: Annotated[Duration, LOWER] = timedelta(hours=1)
    """A lease is renewed when it is this old; a renewal needs a complete cycle no older than this."""
    compute_bound: Annotated[Multiple, LOWER] = 4.0
    """A lease ends at this multiple of the training FLOP of the newest checkpoint that was judged."""
    pause_mode: Annotated[PauseMode, ordered("gate_next", "checkpoint_and_hold", "checkpoint_and_exit")] = "gate_next"
    """What a run does without a valid lease: start nothing new, or save a checkpoint and hold, or save and exit."""

    @model_validator(mode="after")
    def _renewable(self) -> Self:
        if self.renew >= self.life:
            raise ValueError("lease.renew must be shorter than lease.life, or leases end before they are renewed")
        if self.compute_bound <= 1:
            raise ValueError('lease.compute_bound must be more than "1x", or the run may not go on at all')
        return self


class BreakGlassTerms(Terms):
    """How one person may let a run that `soft` rules stopped go on for a while, in an emergency."""

    allowed: Annotated[bool, LOWER] = True
    """Whether it may be done at all."""
    max: Annotated[Duration, LOWER] = timedelta(hours=24)
    """Longest time; then the gate holds until another person has filed a review."""
    compute: Annotated[Multiple, LOWER] = 2.0
    """How far training may go meanwhile, as a multiple of the FLOP of the checkpoint that was stopped."""
    review_due: Annotated[Duration, LOWER] = timedelta(days=7)
    """Time until the review is overdue, which is told again to every receiver."""


class ChangeTerms(Terms):
    """What happens when the policy itself changes."""

    shadow: Annotated[Duration, HIGHER] = timedelta(days=30)
    """How long the policy before this one goes on deciding in shadow: recorded, never gating."""
