"""What a policy file says beside its terms: the digest of the policy does not change with it."""

from __future__ import annotations

from policies.policy_tests import PolicyTest
from policies.spelling import Several
from policies.terms import Terms


class FileTerms(Terms):
    """Keys of a policy file that are no terms of the policy."""

    include: Several = ()
    """Files that this one builds on: paths relative to it, below the folder of the policy, or names from the shelf."""
    test: tuple[PolicyTest, ...] = ()
    """What the policy must say of ladders that everybody knows; `holdpoint policy test` runs them."""


REPLACES = "Whether this rule takes the place of an included rule with the same id; only `true` may stand here."
"""The one key of a `[[rules]]` table that is no term of the rule."""
