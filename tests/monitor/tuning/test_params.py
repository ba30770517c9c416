"""What may be swept, and what is said of what may not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from checkpoints_db.errors import BadPolicy, PolicyError
from monitor.tuning import keys, parse, sizes
from monitor.tuning.params import changed, current
from policies.loader import shelf

POLICY = shelf("default")


def test_numbers_are_named_as_in_the_file() -> None:
    known = keys(POLICY)
    assert {"judging.tail", "judging.min_rungs", "budget.share", "waivers.max", "break.tail", "break.min_effect"} <= {
        *known
    }
    assert known["waivers.max"].unit == "d"
    assert known["release.quorum"].whole
    assert not any("exclude_owner" in name or "schema_version" in name for name in known)


def test_a_sweep_ends_where_it_was_told_to() -> None:
    param = parse(POLICY, "judging.tail=0.0005..0.05")
    values = param.values(13)
    assert (values[0], values[-1], len(values)) == (0.0005, 0.05, 13)
    assert values[1] / values[0] == pytest.approx(values[-1] / values[-2], rel=0.02)
    even = parse(POLICY, "judging.tail=0.01..0.05", log=False).values(5)
    assert even == pytest.approx((0.01, 0.02, 0.03, 0.04, 0.05))
    assert parse(POLICY, "judging.min_rungs=3..6").values(13) == (3, 4, 5, 6)


def test_units_are_those_of_the_file() -> None:
    param = parse(POLICY, "waivers.max=7d..30d")
    assert param.spelled(7.0) == "7d"
    assert changed(POLICY, [param], [7.0]).waivers.max == timedelta(days=7)
    assert current(POLICY, param) == 14
    assert parse(POLICY, "waivers.max=7..30d") == param


def test_a_tail_that_a_rule_leaves_out_is_that_of_judging() -> None:
    param = parse(POLICY, "break.tail=0.001..0.05")
    assert current(POLICY, param) == POLICY.judging.tail
    assert changed(POLICY, [param], [0.02]).digest != POLICY.digest


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("judging.tial=0.001..0.05", PolicyError, "did you mean 'judging.tail'"),
        ("brake.tail=0.001..0.05", PolicyError, "did you mean 'break.tail'"),
        ("judging.tail", PolicyError, "a name and a range with two dots"),
        ("judging.tail=0.05..0.001", PolicyError, "0.05 is not below 0.001"),
        ("judging.tail=a..b", PolicyError, "'a' is no number"),
        ("judging.tail=0.01..0.5", BadPolicy, "judging.tail"),
        ("waivers.max=7..30", BadPolicy, "unit"),
        ("waivers.max=7d..4w", PolicyError, "two units, d and w"),
        ("judging.tail=1d..2d", BadPolicy, "judging.tail"),
    ],
)
def test_what_cannot_be_swept_is_refused_by_name(text: str, error: type[PolicyError], says: str) -> None:
    with pytest.raises(error, match=says.replace("(", r"\(")):
        parse(POLICY, text)


@pytest.mark.parametrize("text", ["4", "0sd", "4sd;6sd", "", "4 sd", "nansd"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(PolicyError, match="no size of a break"):
        sizes(text)


def test_every_value_of_a_sweep_is_one_that_the_policy_may_have() -> None:
    for text in ("waivers.max=7d..30d", "evidence.max_age=30d..90d", "budget.share=0.01..0.2"):
        policy = shelf("strict")
        param = parse(policy, text)
        found = [changed(policy, [param], [value]) for value in param.values(13)]
        assert len({policy.digest for policy in found}) == 13


def test_multiples_are_spelled_as_multiples() -> None:
    policy = shelf("pf-beta-style")
    param = parse(policy, "evaluate-2x.factor=2x..6x")
    assert param.values(5) == (2, 3, 4, 5, 6)
    assert keys(changed(policy, [param], [3.0]))["evaluate-2x.factor"].value == 3
    with pytest.raises(BadPolicy, match="factor"):
        parse(policy, "evaluate-2x.factor=2..6")
