"""What is no mistake in a policy and still looks like a slip: `policy check` says it, `--strict` refuses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from checkpoints_db.records import STAGES, Level
from policies.files import nearest
from policies.lines import Place
from policies.loader import LoadedPolicy
from policies.rule_terms import RuleTerms
from policies.rules import rule_of
from policies.spelling import matches

WILD = frozenset("*?[")


class Remark(NamedTuple):
    """One thing that looks like a slip, the key it is about, and what would settle it."""

    place: Place
    what: str


def remarks(loaded: LoadedPolicy) -> list[tuple[str, int | None, str]]:
    """What looks like a slip in a policy: file, line where there is one, and the words, in the order of the file."""
    found = []
    for remark in (remark for lint in LINTS for remark in lint(loaded)):
        spot = loaded.gathered.spot(remark.place)
        found.append((spot.file.path, spot.file.lines.of(spot.place), remark.what))
    order = {file.path: number for number, file in enumerate(loaded.gathered.files)}
    return sorted(found, key=lambda each: (order[each[0]], each[1] or 0))


def _without_tests(loaded: LoadedPolicy) -> Iterator[Remark]:
    if not loaded.tests:
        yield Remark(
            (), "the file has no [[test]]; write down what the policy must say, and run `holdpoint policy test`"
        )


def _cannot_stop(loaded: LoadedPolicy) -> Iterator[Remark]:
    levels = {rule.level for rule in loaded.policy.rules}
    if levels == {Level.shadow}:
        yield Remark(("rules",), "every rule is a shadow rule: nothing can stop a run; give one the level soft or hard")
    elif not levels & {Level.soft, Level.hard}:
        yield Remark(("rules",), "no rule is soft or hard: the rules warn and stop nothing; give one the level soft")


def _judges_nothing(loaded: LoadedPolicy) -> Iterator[Remark]:
    parts = [part for rule in loaded.policy.rules for part in rule.parts]
    if not any(rule_of(part.kind).reads_verdicts for part in parts):
        yield Remark(("rules",), "no rule judges a result: a break would go unseen; add one of kind diagnosis or break")


def _nobody_in_a_role(loaded: LoadedPolicy) -> Iterator[Remark]:
    policy = loaded.policy
    for role in policy.release.require_roles:
        if not policy.roles.get(role):
            what = (
                f"roles.{role} names nobody, and release.require_roles asks for one: nothing can be released; name them"
            )
            yield Remark(("roles", role), what)


def _never_owned(loaded: LoadedPolicy) -> Iterator[Remark]:
    for pattern in loaded.policy.owners:
        if "/" not in pattern and not set(pattern) & WILD:
            yield Remark(
                ("owners", pattern), f"owners.{pattern!r} matches no family/run; write it as {pattern + '/*'!r}"
            )


def _never_applies(loaded: LoadedPolicy) -> Iterator[Remark]:
    for index, rule in enumerate(loaded.policy.rules):
        for part in rule.parts:
            for what in (*_metrics_apart(part), *_twice(loaded, index, part)):
                yield Remark(("rules", index), f"rule {part.id!r} {what}")
        for stage in dict.fromkeys(rule.stages):
            if not set(stage) & WILD and stage not in STAGES and (near := nearest(stage, STAGES)):
                what = (
                    f"rule {rule.id!r} speaks of the stage {stage!r}, which nobody else knows; did you mean {near!r}?"
                )
                yield Remark(("rules", index, "select", "stage"), what)


def _metrics_apart(rule: RuleTerms) -> Iterator[str]:
    """A rule that names its metrics in one key and selects others in another."""
    own = getattr(rule, "metric", ())
    if own and all(not set(name) & WILD for name in own) and not any(matches(m, rule.select.metric) for m in own):
        selected = ", ".join(rule.select.metric)
        yield f"can never apply: metric is {', '.join(own)}, and select.metric takes only {selected}; make them agree"


def _twice(loaded: LoadedPolicy, index: int, rule: RuleTerms) -> Iterator[str]:
    """A rule that an earlier one of the same kind, terms and level says already."""
    mine = {key: value for key, value in rule.body().items() if key not in ("id", "cite")}
    for other in loaded.policy.rules[:index]:
        if {key: value for key, value in other.body().items() if key not in ("id", "cite")} == mine:
            yield f"says what rule {other.id!r} says already; change its terms, or take it out"


LINTS: tuple[Callable[[LoadedPolicy], Iterator[Remark]], ...] = (
    _without_tests,
    _cannot_stop,
    _judges_nothing,
    _nobody_in_a_role,
    _never_owned,
    _never_applies,
)
"""To add one: write a function, name it here."""
