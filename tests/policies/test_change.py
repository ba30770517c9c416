"""What a change of policy tightens and what it loosens; and that what is called a tightening never helps a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from policies import shelf
from policies.change import change_id, compare
from policies.direction import Direction
from policies.loader import from_body
from policies.rule_terms import RuleTerms
from policies.rules import RULES
from policies.schema import Preamble
from policies.terms import Terms

BREAK: dict[str, Any] = {"kind": "break", "id": "break"}
EVIDENCE: dict[str, Any] = {"kind": "evidence", "id": "evidence"}
STEP: dict[str, Any] = {"kind": "scale_step", "id": "step", "factor": "4x"}
CALENDAR: dict[str, Any] = {"kind": "calendar", "id": "calendar", "every": "6mo"}
STAGE: dict[str, Any] = {"kind": "stage", "id": "stage", "before": "rl", "requires": "light"}
SAFEGUARD: dict[str, Any] = {"kind": "safeguard", "id": "safeguard", "attestations": "asl3"}
REACH: dict[str, Any] = {"kind": "reach", "id": "reach", "metric": "acc", "ceiling": 0.5, "until": "4x"}
RATE: dict[str, Any] = {"kind": "rate", "id": "rate", "metric": "acc", "knots": ["1e20"], "ratio": "2x"}
INSIDE: list[dict[str, Any]] = [{"kind": "break", "id": name} for name in ("a", "b")]
ANY: dict[str, Any] = {"kind": "any_of", "id": "any", "rules": INSIDE}
LEVEL: dict[str, Any] = {"kind": "level", "id": "level", "metric": "acc", "ceiling": 0.5}


@pytest.mark.parametrize(
    ("table", "key", "loose", "strict"),
    [
        ("judging", "resolve", 0.35, 0.34),
        ("judging", "min_rungs", 4, 5),
        ("judging", "excess", 0.2, 0.1),
        ("budget", "method", "harmonic", "none"),
        ("budget", "share", 0.05, 0.06),
        ("release", "quorum", 2, 3),
        ("release", "exclude_owner", False, True),
        ("release", "exclude_author", False, True),
        ("release", "require_roles", [], ["safety"]),
        ("release", "approval_ttl", "3d", "2d"),
        ("waivers", "max", "14d", "13d"),
        ("waivers", "renewals", 2, 1),
        ("acknowledge", "max", "8h", "7h"),
        ("confirm", "window", "10m", "9m"),
        ("break_glass", "allowed", True, False),
        ("break_glass", "max", "24h", "23h"),
        ("break_glass", "compute", "2x", "1.9x"),
        ("break_glass", "review_due", "7d", "6d"),
        ("change", "shadow", "30d", "31d"),
    ],
)
def test_a_key_of_the_file_has_a_stricter_side(
    made: SimpleNamespace, table: str, key: str, loose: Any, strict: Any
) -> None:
    roles = {"roles": {"safety": ["bob"]}}
    one, other = (made.policy(BREAK, **{table: {key: value}}, **roles) for value in (loose, strict))
    assert compare(one, other).name == "tightened"
    assert compare(other, one).name == "loosened"
    assert f"{table}.{key}: " in compare(other, one).loosened[0]


@pytest.mark.parametrize(
    ("rule", "key", "loose", "strict"),
    [
        (BREAK, "level", "advisory", "soft"),
        (BREAK, "level", "soft", "hard"),
        (BREAK, "tail", 0.01, 0.02),
        (BREAK, "min_effect", 0.1, 0.09),
        (BREAK, "side", "above", "either"),
        (BREAK, "answer", "hold", "pause"),
        (BREAK, "on_inconclusive", "warn", "hold"),
        (BREAK, "select", {"task": "cyber"}, {"task": ["cyber", "bio"]}),
        (BREAK, "select", {"run": "m4"}, {"run": "m*"}),
        (BREAK, "select", {"kind": "continuous"}, {}),
        (EVIDENCE, "require", None, "ladder"),
        (EVIDENCE, "max_age", None, "30d"),
        (EVIDENCE, "max_age", "31d", "30d"),
        (EVIDENCE, "tasks", ["a"], ["a", "b"]),
        (EVIDENCE, "hints", "hold", "pause"),
        (LEVEL, "confidence", 0.95, 0.96),
        (STEP, "factor", "4x", "2x"),
        (STEP, "warn_at", None, 0.8),
        (CALENDAR, "every", "6mo", "3mo"),
        (CALENDAR, "every", "1y", "90d"),
        (CALENDAR, "warn", ["7d"], ["7d", "30d"]),
        (STAGE, "before", "rl", ["rl", "sft"]),
        (STAGE, "requires", "light", ["light", "full"]),
        (SAFEGUARD, "attestations", "asl3", ["asl3", "asl4"]),
        (SAFEGUARD, "max_age", "1y", "6mo"),
        (REACH, "probability", 0.1, 0.09),
        (REACH, "until", "4x", "6x"),
        (RATE, "ratio", "2x", "1.5x"),
        (RATE, "confidence", 0.9, 0.8),
        (ANY, "at_least", 2, 1),
        (LEVEL, "assume_exact", True, False),
        (LEVEL, "metric", ["acc"], ["acc", "em"]),
    ],
)
def test_a_key_of_a_rule_has_a_stricter_side(
    made: SimpleNamespace, rule: dict[str, Any], key: str, loose: Any, strict: Any
) -> None:
    # A rule that looks at everything stands beside it, so that nothing was left to the house.
    wide = {"kind": "diagnosis", "id": "wide"}
    one, other = (made.policy({**rule, **({} if v is None else {key: v})}, wide) for v in (loose, strict))
    assert compare(one, other).name == "tightened", compare(one, other)
    assert compare(other, one).name == "loosened"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({**LEVEL, "ceiling": 0.5}, {**LEVEL, "ceiling": 0.4}),
        (BREAK, {**BREAK, "tail": 0.005}),
        ({**BREAK, "side": "above"}, {**BREAK, "side": "below"}),
        ({**EVIDENCE, "within": "1d"}, {**EVIDENCE, "within": "2d"}),
        ({**BREAK, "select": {"task": "a"}}, {**BREAK, "select": {"task": "b"}}),
        ({**CALENDAR, "every": "1mo"}, {**CALENDAR, "every": "30d"}),
        ({**STEP, "of": "family"}, {**STEP, "of": "run"}),
        ({**RATE, "knots": ["1e20"]}, {**RATE, "knots": ["1e20", "1e21"]}),
        ({**ANY, "rules": [BREAK]}, {**ANY, "rules": [BREAK, {**BREAK, "id": "more"}]}),
        ({"kind": "drift", "id": "x", "select": {"task": "a"}}, {"kind": "drift", "id": "x"}),
        ({**BREAK, "id": "x"}, {**EVIDENCE, "id": "x"}),
    ],
)
def test_what_has_no_stricter_side_loosens_both_ways(
    made: SimpleNamespace, before: dict[str, Any], after: dict[str, Any]
) -> None:
    wide = {"kind": "diagnosis", "id": "wide"}
    one, other = made.policy(before, wide), made.policy(after, wide)
    assert compare(one, other).loosens
    assert compare(other, one).loosens


def test_rules_come_and_go(made: SimpleNamespace) -> None:
    less, more = made.policy(EVIDENCE, BREAK), made.policy(EVIDENCE, BREAK, {**LEVEL, "level": "hard"})
    assert compare(less, more).tightened == ("rules.level: a hard rule of kind level came",)
    assert compare(more, less).loosened == ("rules.level: the hard rule of kind level left",)
    shadow = made.policy(EVIDENCE, BREAK, {**LEVEL, "level": "shadow"})
    assert compare(less, shadow).name == compare(shadow, less).name == "none"
    assert compare(shadow, more).name == "tightened"
    assert compare(more, shadow).name == "loosened"


def test_words_and_the_rules_that_stay_in_shadow_are_neither(made: SimpleNamespace) -> None:
    idle = {**LEVEL, "level": "shadow"}
    one = made.policy(BREAK, idle)
    other = made.policy({**BREAK, "cite": "x"}, {**idle, "ceiling": 0.1}, name="n", version="2", description="d")
    assert compare(one, other).name == "none"
    assert len(compare(one, other).other) == 5
    assert compare(one, one) == ((), (), ())


def test_names(made: SimpleNamespace) -> None:
    """More owners bar more people, more holders of a role let more people fill it, an author is not taken out."""
    roles = {"release": {"require_roles": ["safety"]}}
    one = made.policy(BREAK, owners={"a/*": ["x"]}, roles={"safety": ["bob", "carol"]}, authors=["erin"], **roles)
    for change, name in (
        ({"owners": {"a/*": ["x", "y"]}}, "tightened"),
        ({"owners": {"a/*": ["y"]}}, "loosened"),
        ({"roles": {"safety": ["bob"]}}, "tightened"),
        ({"roles": {"safety": ["bob", "carol", "dan"]}}, "loosened"),
        ({"authors": ["erin", "fay"]}, "none"),
        ({"authors": ["fay"]}, "loosened"),
        ({"notify": ["log"]}, "loosened"),
        ({"notify": ["log", "file", "page"]}, "tightened"),
    ):
        assert compare(one, from_body({**one.body(), **change})).name == name, change


def test_a_larger_tail_tightens_only_where_forecasts_must_see_as_much_more(made: SimpleNamespace) -> None:
    one = made.policy(BREAK)
    for tail, resolve, name in ((0.04, 0.175, "tightened"), (0.04, 0.176, "both"), (0.02, 0.35, "loosened")):
        assert compare(one, made.policy(BREAK, judging={"tail": tail, "resolve": resolve})).name == name
    assert compare(one, made.policy(BREAK, judging={"tail": 0.005, "resolve": 0.1})).loosens
    assert compare(shelf("default"), shelf("strict")).name == "tightened"
    own = {**BREAK, "tail": 0.02}
    budget = {"method": "holm"}
    outside, inside = (
        made.policy(own, judging={"tail": t, "resolve": r}, budget=budget) for t, r in ((0.01, 0.3), (0.03, 0.1))
    )
    assert compare(outside, inside).loosens


def test_a_budget_takes_pauses_back_and_no_holds(made: SimpleNamespace) -> None:
    hold, pause = {**BREAK, "answer": "hold"}, {**BREAK, "answer": "pause"}
    assert compare(made.policy(hold), made.policy(pause)).name == "tightened"
    budget = {"method": "holm"}
    assert compare(made.policy(hold, budget=budget), made.policy(pause, budget=budget)).name == "both"
    hard = [made.policy({**rule, "level": "hard"}, budget=budget) for rule in (hold, pause)]
    assert compare(*hard).name == "tightened"


def test_a_new_rule_that_makes_the_house_look_away_loosens(made: SimpleNamespace) -> None:
    narrow = {"kind": "diagnosis", "id": "d", "select": {"task": "a"}}
    one = made.policy(narrow)
    weak = {**BREAK, "on_inconclusive": "warn"}
    assert compare(one, made.policy(narrow, weak)).name == "both"
    assert compare(one, made.policy(narrow, {**weak, "select": {"task": "a"}})).name == "tightened"
    assert compare(one, made.policy(narrow, BREAK)).name == "tightened"
    assert compare(one, made.policy(narrow, LEVEL)).name == "both"  # a ceiling says nothing of doubt
    elsewhere = made.policy({**EVIDENCE, "select": {"family": "other"}})
    assert compare(elsewhere, made.policy({**EVIDENCE, "select": {"family": "other"}}, BREAK)).name == "both"
    budget = {"method": "holm"}
    shared = made.policy(narrow, BREAK, budget=budget)
    assert "share the false-alarm budget" in compare(made.policy(narrow, budget=budget), shared).loosened[0]


def test_a_composite_makes_the_house_look_away_as_its_parts_do(made: SimpleNamespace) -> None:
    narrow = {"kind": "diagnosis", "id": "d", "select": {"task": "a"}}
    weak = {**ANY, "rules": [{**rule, "on_inconclusive": "warn"} for rule in INSIDE]}
    assert compare(made.policy(narrow), made.policy(narrow, ANY)).name == "tightened"
    assert compare(made.policy(narrow), made.policy(narrow, weak)).name == "both"


def test_a_stage_or_domain_taken_out_loosens(made: SimpleNamespace) -> None:
    wide = {"kind": "diagnosis", "id": "wide"}
    for key in ("stage", "domain"):
        value = {"stage": "rl", "domain": "cyber"}[key]
        one, other = made.policy(BREAK, wide), made.policy({**BREAK, "select": {key: value}}, wide)
        assert (compare(one, other).name, compare(other, one).name) == ("loosened", "tightened")


def test_flips_loosen(made: SimpleNamespace) -> None:
    one, other = made.policy(BREAK), made.policy(BREAK, EVIDENCE)
    assert compare(one, other, ["a/b: PAUSE becomes GO"]).loosened == ("a/b: PAUSE becomes GO",)


def test_a_change_is_named_by_its_moment_too() -> None:
    names = {change_id(*args) for args in (("a", "b", 1), ("b", "a", 1), ("a", "b", 2))}
    assert len(names) == 3


UNDIRECTED = {
    "schema_version",
    "judging.tail",  # smaller hides breaks, larger lets forecasts call themselves seeing; see `_sharper`
    "budget.per",
    "id",
    "kind",
    "select",
    "ceiling",  # depends on the direction of the metric
    "within",
    "assessment",  # fewer that count are sooner due, unless the last of them was smaller than an earlier one
    "of",
    "at",  # a higher figure needs a larger assessment to lift it
    "axis",
    "counts",
    "since",
    "zone",
    "routes",  # another way is not known to reach the same people
    "inhibit",
    "when.rule",
    "forecasts",  # `on_few` says what is said below it, which may be less
    "min_generations",
    "knots",  # all must agree, so more fire less
    "over",
}


def test_every_key_has_a_direction_or_a_reason_to_have_none() -> None:
    """Without one a change counts as loosening: whoever adds a key decides here which it shall be."""

    def keys(model: type[Terms], prefix: str = "") -> list[tuple[str, bool]]:
        found = []
        for name, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, Terms) and name != "select":
                found += keys(inner, f"{prefix}{name}.")
            elif name != "rules":
                found.append((prefix + name, any(isinstance(mark, Direction) for mark in field.metadata)))
        return found

    models: list[type[Terms]] = [Preamble, RuleTerms, *(rule.terms for rule in RULES)]
    undirected = {name for model in models for name, directed in keys(model) if not directed}
    assert undirected == UNDIRECTED
