"""A change of policy: what it tightens, what it loosens, and what is only words. Pure; decides nothing.

By terms alone: each key of the schema says which way it is stricter (`policies.direction`), and one that does not say
so counts as loosened by any change. What a comparison of terms cannot see, a replay can: decisions that the new policy
answers less severely are handed in as `flips`, and count as loosening too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from checkpoints_db.records import Level, digest_of
from policies.direction import Direction, covers
from policies.rule_terms import RuleTerms, Select
from policies.rules import rule_of
from policies.schema import Policy
from policies.terms import Terms


class Change(NamedTuple):
    """What a change of policy does, as sentences that name the key, the old value and the new one."""

    tightened: tuple[str, ...]
    loosened: tuple[str, ...]
    other: tuple[str, ...]
    """Words for people, and rules in shadow: no answer depends on them."""

    @property
    def loosens(self) -> bool:
        """Whether it needs the approval of a quorum of the old policy before it takes effect."""
        return bool(self.loosened)

    @property
    def name(self) -> str:
        """`tightened`, `loosened`, `both` or `none`."""
        if self.tightened and self.loosened:
            return "both"
        return "loosened" if self.loosened else "tightened" if self.tightened else "none"


class Difference(NamedTuple):
    """One key that differs, and which way."""

    turn: str
    sentence: str


def change_id(old: str, new: str, since: int) -> str:
    """The name of the change from one digest to another while the old policy is in force since ledger row `since`.

    The row makes it one change and no later one between the same two policies: approvals of it are never used twice.

    >>> change_id("a" * 64, "b" * 64, 7) == change_id("a" * 64, "b" * 64, 8)
    False
    """
    return digest_of(["policy change", old, new, since])[:12]


def compare(old: Policy, new: Policy, flips: Iterable[str] = ()) -> Change:
    """What changes from one policy to another, by their terms; `flips` are past decisions that became less severe.

    A rule that left, a lower level, a narrower selection, a lower quorum, a longer waiver and whatever has no direction
    are loosenings; a new rule and a higher level are tightenings, unless they make the house look away from what it
    held before. Rules are the same when their `id` is.
    """
    found = [*_keys(old, new, "", skip=("rules",)), *_rules(old, new)]
    found = [d._replace(turn="stricter") if _sharper(d, old, new) else d for d in found]
    told = {turn: tuple(d.sentence for d in found if d.turn == turn) for turn in ("stricter", "looser", "neutral")}
    return Change(told["stricter"], (*told["looser"], *flips), told["neutral"])


def _keys(old: Terms, new: Terms, prefix: str, skip: Sequence[str] = ()) -> Iterator[Difference]:
    for name, field in type(new).model_fields.items():
        before, after = getattr(old, name, None), getattr(new, name)
        if name in skip or before == after:
            continue
        way = next((mark for mark in field.metadata if isinstance(mark, Direction)), None)
        if way is None and isinstance(before, Terms) and isinstance(after, Terms) and type(before) is type(after):
            yield from _keys(before, after, f"{prefix}{name}.")
            continue
        turn = way.turn(before, after) if way is not None else "looser"
        yield Difference(turn, f"{prefix}{name}: {_spelt(old, name)} becomes {_spelt(new, name)}{_why(way, turn)}")


def _sharper(difference: Difference, old: Policy, new: Policy) -> bool:
    """Whether a larger `judging.tail` is a tightening: more results are breaks, and no more forecasts count as seeing.

    A forecast that must only be sure to `tail` sees smaller breaks, by at most the square root of the factor while its
    law has no heavier tails than Student's t with two degrees of freedom; so `resolve` must fall by as much. A rule
    whose own tail the larger one overtakes comes under the budget, which may take its pauses back.
    """
    was, now = old.judging, new.judging
    if not difference.sentence.startswith("judging.tail:") or now.tail <= was.tail:
        return False
    own = [float(getattr(rule, "tail", None) or 0.0) for rule in new.rules if rule.kind in BUDGETED]
    overtaken = new.budget.method != "none" and any(was.tail < tail <= now.tail for tail in own)
    return not overtaken and now.resolve <= was.resolve * math.sqrt(was.tail / now.tail)


def _spelt(terms: Terms, name: str) -> str:
    value: Any = terms.body().get(name)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{key} = {_plain(part)}" for key, part in value.items()) or "none"
    return "none" if value in (None, "") else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _why(way: Direction | None, turn: str) -> str:
    undirected = way is None or (way.way == "ordered" and not way.order and way.absent == "unknown")
    return " (neither side is stricter whatever the evidence)" if turn == "looser" and undirected else ""


def _rules(old: Policy, new: Policy) -> Iterator[Difference]:
    before, after = {rule.id: rule for rule in old.rules}, {rule.id: rule for rule in new.rules}
    for name, rule in before.items():
        if name not in after:
            turn = "neutral" if rule.level is Level.shadow else "looser"
            yield Difference(turn, f"rules.{name}: the {rule.level} rule of kind {rule.kind} left")
    for name, rule in after.items():
        if name not in before:
            turn = "neutral" if rule.level is Level.shadow else "stricter"
            yield Difference(turn, f"rules.{name}: a {rule.level} rule of kind {rule.kind} came")
            yield from _looks_away(rule, old, new)
        elif before[name] != rule:
            yield from _rule(before[name], rule, old, new)


def _rule(before: RuleTerms, after: RuleTerms, old: Policy, new: Policy) -> Iterator[Difference]:
    """What changed in one rule; while it stays in shadow nothing of it is a tightening or a loosening."""
    prefix = f"rules.{after.id}."
    if type(before) is not type(after):
        yield Difference("looser", f"{prefix}kind: {before.kind} becomes {after.kind}; it is another test")
        return
    idle = before.level is Level.shadow
    for difference in _keys(before, after, prefix):
        shadow = idle and not difference.sentence.startswith(f"{prefix}level")
        yield difference._replace(turn="neutral") if shadow else difference
    yield from _taken_back(before, after, new)
    if _binds(after, new) and not (_binds(before, old) and before.select == after.select):
        yield from _looks_away(after, old, new)


def _binds(rule: RuleTerms, policy: Policy) -> bool:
    return any(rule.id == each.id for each in policy.binding)


def _taken_back(before: RuleTerms, after: RuleTerms, new: Policy) -> Iterator[Difference]:
    """A HOLD that becomes a PAUSE is weaker where a false-alarm budget takes pauses back, which it never does holds."""
    shares = any(part.kind in BUDGETED for part in after.parts)
    if new.budget.method == "none" or after.level is Level.hard or not shares:
        return
    was, now = _answers(before), _answers(after)
    for key in now:
        if (was.get(key), now[key]) == ("hold", "pause"):
            yield Difference("looser", f"rules.{after.id}.{key}: the budget takes a pause back, and never a hold")


BUDGETED = ("break", "diagnosis")
"""Kinds of rule whose pauses a false-alarm budget may take back."""


def _answers(rule: RuleTerms) -> dict[str, str]:
    body = rule.body()
    table = body.get("answers")
    named = {f"answers.{key}": str(value) for key, value in table.items()} if isinstance(table, dict) else {}
    return {**named, **({"answer": str(body["answer"])} if "answer" in body else {})}


def _looks_away(rule: RuleTerms, old: Policy, new: Policy) -> Iterator[Difference]:
    """What a rule that now binds takes from the house, which held for what no binding rule looked at.

    Not where a binding rule of the old policy looked at all of it already.
    """
    if not _binds(rule, new):
        return
    there = [each for each in old.binding if _takes_runs(each.select, rule.select)]
    what = f"rules.{rule.id}: it selects"
    if not there:
        yield Difference("looser", f"{what} runs that were held because no binding rule looked at them")
        return
    for part in rule.parts:
        reading = [each for each in there if rule_of(each.kind).reads_verdicts and _takes(each.select, part.select)]
        if _lets_doubt_pass(part) and not reading:
            yield Difference("looser", f"{what} tasks whose doubts were held because no binding rule looked at them")
        budgeted = [each for each in reading if each.kind in BUDGETED and each.level is not Level.hard]
        spends = part.kind in BUDGETED and rule.level is not Level.hard and new.budget.method != "none"
        if spends and not budgeted:
            yield Difference("looser", f"{what} tests that share the false-alarm budget, and leave less to the others")


def _takes_runs(wide: Select, narrow: Select) -> bool:
    return covers(wide.family, narrow.family) and covers(wide.run, narrow.run) and covers(wide.stage, narrow.stage)


def _takes(wide: Select, narrow: Select) -> bool:
    names = covers(wide.task, narrow.task) and covers(wide.metric, narrow.metric)
    # A domain of "*" takes tasks without a tag too, which no list of patterns does.
    names = names and (wide.domain == ("*",) or (narrow.domain != ("*",) and covers(wide.domain, narrow.domain)))
    return _takes_runs(wide, narrow) and names and wide.kind in (None, narrow.kind)


def _lets_doubt_pass(rule: RuleTerms) -> bool:
    """Whether the house takes the rule's word for a doubtful verdict, and the rule does not hold for it."""
    body = rule.body()
    table = body.get("answers")
    said = (body.get("on_inconclusive"), table.get("inconclusive") if isinstance(table, dict) else None)
    return bool(rule_of(rule.kind).reads_verdicts) and not {"hold", "pause"} & set(said)
