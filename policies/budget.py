"""The false-alarm budget: which breaks of a suite stand, and which its size explains.

A question is one test, however many metrics report it. Its p-value is the smallest tail among what its pauses rest on
(the continuous and the thresholded metric that speak for it, and what `break` rules read), times two where it has both
kinds: a likelihood under several names is one reading, and so are two spellings of an accuracy. A jump over a link
counts with the link's own tail. Doubt is no test and is never taken back; hard rules, and `break` rules looser than
`judging.tail`, stand outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from checkpoints_db.records import (
    Answer,
    Budget,
    BudgetMethod,
    Case,
    Diagnosis,
    Finding,
    Kind,
    Level,
    Look,
    Reason,
    Verdict,
)
from policies.evalues import SMALLEST, added_up, averaged, calibrated, harmonic_limit, weight
from policies.rule_terms import RuleTerms
from policies.rules.base import subject_of, takes_missing
from policies.rules.diagnosis import asks
from policies.schema import Policy
from policies.terms import BudgetTerms

COUNTED = ("expected", "above", "below")
"""Outcomes that count as tests: a doubtful result must not pay for the break of another."""

NOTED = 0.05
"""P-values up to this are remembered of an earlier checkpoint; larger ones are no evidence worth adding up."""

SD = 2.3263478740408408
"""Half a 98 % band in standard deviations of a normal law."""


def holm(p: Sequence[float], share: float, tests: int) -> list[bool]:
    """Which of `p` stand when `tests` tests share `share`: Holm's step-down (1979), valid under any dependence.

    >>> holm([0.02, 0.04, 0.0001], 0.05, 3)
    [True, True, True]
    >>> holm([0.02, 0.04, 0.0001], 0.05, 5)
    [False, False, True]
    """
    standing = [False] * len(p)
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[i] * (tests - rank) > share:
            break
        standing[i] = True
    return standing


def by(p: Sequence[float], share: float, tests: int) -> list[bool]:
    """The same by Benjamini & Yekutieli (2001): the share of false ones among those that stand, any dependence.

    >>> by([0.008, 0.008, 0.5], 0.05, 3)
    [True, True, False]
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    harmonic = sum(1 / k for k in range(1, tests + 1))
    last = max((k for k, i in enumerate(order, 1) if p[i] * tests * harmonic <= share * k), default=0)
    limit = p[order[last - 1]] if last else -1.0
    return [each <= limit for each in p]


def harmonic(p: Sequence[float], share: float, tests: int) -> list[bool]:
    """The same by the mean of 1 / p (Wilson 2019): nothing stands unless the suite as a whole left its trend.

    While the mean of all tests that are left passes its limit the smallest p-value stands and leaves; several
    moderate ones together may stand where none would alone.

    >>> harmonic([0.004, 0.004, 0.004], 0.05, 10), harmonic([0.004], 0.05, 10)
    ([True, True, True], [False])
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    weight_of = [1 / max(p[i], SMALLEST) for i in order]
    behind = [0.0] * (len(order) + 1)
    for k in range(len(order) - 1, -1, -1):
        behind[k] = behind[k + 1] + weight_of[k]
    limit = -1.0
    for k, i in enumerate(order):
        left = tests - k
        # What is still to come has a p-value of at most 1.
        if (behind[k] + tests - len(p)) / left < harmonic_limit(left, share):
            break
        limit = p[i]
    return [each <= limit for each in p]


def by_evidence(e: Sequence[float], share: float, tests: int) -> list[bool]:
    """Which e-values stand: averages over any group of dependent tests (`evalues.averaged`).

    >>> by_evidence([200.0, 1.0], 0.05, 2), by_evidence([200.0, 1.0], 0.05, 20)
    ([True, False], [False, False])
    """
    filled = [*e, *([0.0] * (tests - len(e)))]
    return [each * share >= 1 for each in averaged(filled)[: len(e)]]


BY_P: dict[str, Callable[[Sequence[float], float, int], list[bool]]] = {"harmonic": harmonic, "holm": holm, "by": by}


@dataclass(frozen=True)
class Account:
    """What a policy's budget says of a case: the record of it, and which questions it explains."""

    record: Budget
    p: Mapping[str, float]
    """Question to p-value, of every question that was tested."""
    explained: frozenset[str]
    question: Mapping[str, str]
    """Subject of a finding to its question, where its break is toward more capability."""
    rules: frozenset[str]
    """Ids of the rules that the budget is for."""

    def spend(self, finding: Finding) -> Finding:
        """The finding, as a warning where it pauses over a break that the size of the suite explains."""
        pauses = finding.answer is Answer.PAUSE and finding.reason is Reason.broken and finding.rule in self.rules
        question = self.question.get(finding.subject, "")
        if not pauses or question not in self.explained:
            return finding
        p, tests = self.p[question], self.record.tests
        words = (
            f"{finding.sentence}; within the false-alarm budget: {tests} tests, and one whose p-value is {p:.2g} comes "
            f"by chance in {100 * by_chance(p, tests):.2g} % of checkpoints"
        )
        return finding.model_copy(update={"answer": Answer.WARN, "sentence": words})


def by_chance(p: float, tests: int) -> float:
    """Probability that the smallest of `tests` independent p-values is at most `p`: 1 - (1 - p)^tests.

    >>> round(by_chance(0.01, 100), 3)
    0.634
    """
    return -math.expm1(tests * math.log1p(-min(p, 1 - 1e-12)))


def account(policy: Policy, case: Case) -> Account:
    """The budget of `policy` on `case`. Pure and total; only `above` is ever explained, and never by doubt."""
    terms, rules = policy.budget, covered(policy, case)
    p = _p_values(rules, case)
    ahead = {_question(case, m.task) for m in case.missing if any(takes_missing(r, m, case) for r in rules)}
    tests, look = len(p.keys() | ahead), len(case.looks) + 1
    share = terms.share * (weight(look) if terms.per == "run" and terms.method != "e_process" else 1.0)
    share = max(share, SMALLEST)  # however little a late look may spend, it is divided by
    standing = _standing(terms, case.looks, p, share, tests)
    explained = frozenset(q for q, stands in zip(p, standing, strict=True) if not stands)
    upward = dict(_upward(case))
    record = _record(terms, p, share, tests, look)
    hit = tuple(sorted(explained & set(upward.values())))
    record = record.model_copy(update={"taken_back": hit})
    record = record.model_copy(update={"sentence": _sentence(record)})
    return Account(record, p, explained, upward, frozenset(rule.id for rule in rules))


def surprises(policy: Policy, case: Case) -> dict[str, float]:
    """Question to p-value of a case, where it is at most NOTED: what an earlier look is remembered by."""
    return {question: p for question, p in _p_values(covered(policy, case), case).items() if p <= NOTED}


def covered(policy: Policy, case: Case) -> list[RuleTerms]:
    """The rules that the budget is for, of those that apply to the run."""

    def shares(rule: RuleTerms) -> bool:
        # A looser rule fires on results that are no break yet; those could not be told from worse ones.
        loose = (getattr(rule, "tail", None) or 0.0) > policy.judging.tail
        return rule.kind in ("break", "diagnosis") and rule.level is not Level.hard and not loose

    return [r for r in policy.binding if shares(r) and r.applies(case)]


def _standing(
    terms: BudgetTerms, looks: Sequence[Look], p: Mapping[str, float], share: float, tests: int
) -> list[bool]:
    if terms.method == "none":
        return [True] * len(p)
    if terms.method in BY_P:
        return BY_P[terms.method](list(p.values()), share, tests)
    evidence = {question: calibrated(each) for question, each in p.items()}
    if terms.method == "e_process":
        past = {q: [calibrated(at.surprises[q]) if q in at.surprises else 0.0 for at in looks] for q in p}
        evidence = {q: added_up(past[q], now) for q, now in evidence.items()}
    return by_evidence(list(evidence.values()), share, tests)


def _record(terms: BudgetTerms, p: Mapping[str, float], share: float, tests: int, look: int) -> Budget:
    smallest = min(p.values(), default=None)
    before = terms.share * sum(weight(k) for k in range(1, look)) if terms.per == "run" else 0.0
    spent = 0.0 if terms.method == "none" else min(before + share * len(p) / max(tests, 1), terms.share)
    return Budget(
        method=terms.method,
        per=terms.per,
        nominal=terms.share,
        spent=_short(spent),
        left=0.0 if terms.method == "none" else _short(terms.share - spent),
        tests=tests,
        looks=look,
        smallest=smallest,
        limit=_limit(terms.method, share, max(tests, 1)),
        by_chance=None if smallest is None else _short(by_chance(smallest, tests)),
        sentence="",
    )


def _sentence(b: Budget) -> str:
    tests = f"{b.tests} test{'' if b.tests == 1 else 's'}"
    least = "" if b.smallest is None else f", the smallest p-value is {b.smallest:.2g}"
    if b.limit is None:
        return f"no false-alarm budget; {tests}{least}"
    back = f"; it explains {', '.join(b.taken_back)}" if b.taken_back else ""
    return (
        f"false-alarm budget of {b.nominal:.2g} per {b.per} ({b.method}): {b.spent:.2g} spent, {b.left:.2g} left at "
        f"look {b.looks}; {tests}{least}, one of at most {b.limit:.2g} stands alone{back}"
    )


def _limit(method: BudgetMethod, share: float, tests: int) -> float | None:
    """The p-value at which a single test stands beside others that show nothing; None without a budget."""
    if method == "none":
        return None
    if method == "harmonic":
        return _short(min(1.0, 1 / (tests * harmonic_limit(tests, share) - tests + 1)))
    if method == "holm":
        return _short(share / tests)
    if method == "by":
        return _short(share / tests / sum(1 / k for k in range(1, tests + 1)))
    low, high = math.log(SMALLEST), 0.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if calibrated(math.exp(middle)) >= tests / share else (low, middle)
    return _short(math.exp(low))


def _p_values(rules: Sequence[RuleTerms], case: Case) -> dict[str, float]:
    """Question to p-value, of every question that a pause could rest on."""
    found: dict[str, list[tuple[Kind, float]]] = {}

    def note(question: str, verdict: Verdict) -> None:
        if verdict.outcome in COUNTED and verdict.tail_above is not None:
            found.setdefault(question, []).append((verdict.metric.kind, verdict.tail_above))

    for verdict in case.verdicts:
        if any(r.kind == "break" and r.takes_verdict(verdict, case) for r in rules):
            note(_question(case, verdict.task), verdict)
    for d in case.diagnoses:
        speakers = [v for v in (d.continuous, d.thresholded) if v is not None]
        if any(r.kind == "diagnosis" and asks(r, d, case) for r in rules):
            for verdict in speakers:
                note(d.question, verdict)
            if (excess := _over_link(d)) is not None:
                found.setdefault(d.question, []).append(("thresholded", excess))
    return {q: min(1.0, min(p for _, p in tails) * len({kind for kind, _ in tails})) for q, tails in found.items()}


def _question(case: Case, task: str) -> str:
    return case.questions.get(task, task)


def _over_link(d: Diagnosis) -> float | None:
    """Tail of a score above what its link says; None unless the diagnosis rests on it.

    A link without a law is read as a normal one about its band.
    """
    if d.name != "unexplained_jump" or d.linked is None or d.thresholded is None:
        return None
    if d.linked.tail_above is not None:
        return d.linked.tail_above
    off = SD * (d.thresholded.observed - d.linked.predicted) / max(d.linked.upper - d.linked.predicted, 1e-12)
    return 0.5 * math.erfc(off / math.sqrt(2))


def _upward(case: Case) -> Iterator[tuple[str, str]]:
    """(subject of a finding, question) of what is above its forecast and nowhere below it."""
    for v in case.verdicts:
        if _above([v]):
            yield subject_of(v.task, v.metric.name), _question(case, v.task)
    for d in case.diagnoses:
        if _above([v for v in (d.continuous, d.thresholded) if v is not None]):
            yield d.question, d.question


def _above(verdicts: Sequence[Verdict]) -> bool:
    def rose(v: Verdict) -> bool:
        return v.tail_above is not None and v.tail_above < (1.0 if v.tail_below is None else v.tail_below)

    told = [v for v in verdicts if v.broke]
    return bool(told) and all(v.outcome == "above" and rose(v) for v in told)


def _short(number: float) -> float:
    return float(f"{number:.6g}")
