"""A composite task beside its parts: told apart, shown, and at the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from lab import Lab, rung
from ladders import EXACT

from checkpoints_db.catalogue import Composition
from checkpoints_db.records import Answer, Diagnosis, Metric, Reason, Verdict
from monitor.composition import compose
from policies.terms import Judging

ADD = Composition(task="add", parts=("digit", "carry"))
JUDGING = Judging()


def verdict(task: str, observed: float, metric: Metric = EXACT, **more: Any) -> Verdict:
    body: dict[str, Any] = {
        "family": "f",
        "run": "big",
        "checkpoint": "f/big",
        "series": task,
        "result": task,
        "forecast": None,
        "outcome": "expected",
        "why": "ok",
        "level": 0.98,
        "sentence": "",
        "judgement_version": 3,
        "n": 1000,
    }
    return Verdict(task=task, metric=metric, observed=observed, **{**body, **more})


def asked(*verdicts: Verdict) -> dict[str, Sequence[Verdict]]:
    return {v.task: [v] for v in verdicts}


def only(composition: Composition, *verdicts: Verdict, judging: Judging = JUDGING) -> Diagnosis:
    (found,) = compose([composition], asked(*verdicts), judging)
    return found


@pytest.mark.parametrize(
    ("observed", "name"),
    [(0.42, "on_trend"), (0.10, "on_trend"), (0.60, "on_trend"), (0.68, "unexplained_jump"), (0.9, "unexplained_jump")],
)
def test_the_excess_decides(observed: float, name: str) -> None:
    """Parts at .6 and .7: .42 when independent, .3 to .6 at all; .2 above independence is allowed."""
    found = only(ADD, verdict("add", observed), verdict("digit", 0.6), verdict("carry", 0.7))
    assert found.name == name, found.sentence
    assert found.composed is not None
    assert (found.composed.independent, found.composed.most) == (pytest.approx(0.42), pytest.approx(0.6))
    assert found.composed.least == pytest.approx(0.3)
    assert found.question == "add = digit and carry"


def test_below_the_bound_is_said_and_is_no_jump() -> None:
    found = only(ADD, verdict("add", 0.5), verdict("digit", 0.95), verdict("carry", 0.95))
    assert found.name == "on_trend"
    assert "needs more than them" in found.sentence


def test_above_independence_is_for_the_policy_to_weigh() -> None:
    given = verdict("add", 0.58), verdict("digit", 0.6), verdict("carry", 0.6)
    assert only(ADD, *given).name == "on_trend"
    strict = only(ADD, *given, judging=Judging(excess=0.1))
    assert strict.name == "unexplained_jump"
    assert "above independence by more than the policy allows (0.1" in strict.sentence


def test_what_is_missing_or_has_no_noise_cannot_tell() -> None:
    absent = only(ADD, verdict("add", 0.5), verdict("digit", 0.6))
    assert (absent.name, absent.why) == ("inconclusive", "no_parts")
    assert "no score of 'carry'" in absent.sentence
    remarked = verdict("carry", 0.6, outcome="inconclusive", why="remarked")
    assert only(ADD, verdict("add", 0.5), verdict("digit", 0.6), remarked).why == "no_parts"
    unknown = only(ADD, verdict("add", 0.5), verdict("digit", 0.6, n=None), verdict("carry", 0.7))
    assert (unknown.name, unknown.why) == ("inconclusive", "blind")
    few = [verdict(task, 0.5, n=10) for task in ("add", "digit", "carry")]
    assert (only(ADD, *few).name, only(ADD, *few).why) == ("inconclusive", "blind")


def test_a_composition_without_its_composite_or_of_steps_alone_asks_nothing() -> None:
    assert not list(compose([ADD], asked(verdict("digit", 0.5), verdict("carry", 0.5)), JUDGING))
    assert not list(compose([Composition(task="add", steps=3)], asked(verdict("add", 0.5)), JUDGING))


def test_steps_are_pushed_through_with_their_interval() -> None:
    found = only(Composition(task="add", parts=("digit",), steps=5), verdict("add", 0.59049), verdict("digit", 0.9))
    assert found.name == "on_trend"
    assert found.composed is not None
    assert found.composed.independent == pytest.approx(0.59049)
    step = found.composed.step
    assert step is not None
    assert step.value == pytest.approx(0.9)
    assert step.lower**5 == pytest.approx(found.composed.observed.lower)
    assert step.upper**5 == pytest.approx(found.composed.observed.upper)


def test_guessing_is_taken_off_first() -> None:
    """At chance .25, .7 is .6 above it; the product of raw accuracies would be .49 for parts of no ability .4375."""
    guess = Metric(name="acc", kind="thresholded", lower=0, upper=1, chance=0.25)
    found = only(ADD, *(verdict(task, 0.7, guess) for task in ("add", "digit", "carry")))
    assert found.composed is not None
    assert found.composed.independent == pytest.approx(0.36)


def test_forecasts_of_the_parts_foresee_the_composite() -> None:
    sealed = {"median": 0.5, "lower": 0.4, "upper": 0.7}
    found = only(ADD, verdict("add", 0.3), verdict("digit", 0.5, **sealed), verdict("carry", 0.5, **sealed))
    assert found.composed is not None
    foreseen = found.composed.foreseen
    assert foreseen is not None
    assert (foreseen.value, foreseen.lower, foreseen.upper) == pytest.approx((0.25, 0.16, 0.49))


COMPOSITION = '[[composition]]\ntask = "sums"\nparts = ["digit", "carry"]\n'


def of(task: str, i: int, acc: float) -> list[dict[str, Any]]:
    """Both metrics of rung `i` under another task, `acc` moved so far."""
    rows = rung(i, task=task)
    rows[1]["value"] += acc
    return rows


@pytest.fixture(scope="module")
def parted(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A ladder of `sums` with its parts, which the catalogue declares."""
    lab = Lab(tmp_path_factory.mktemp("parted") / "lab")
    text = (lab.root / "catalogue.toml").read_text()
    (lab.root / "catalogue.toml").write_text(text + COMPOSITION)
    lab.baseline([row for i in range(6) for row in (*rung(i), *of("digit", i, 0.2), *of("carry", i, 0.1))])
    return lab


@pytest.mark.parametrize(("moved", "answer"), [(0.1, Answer.GO), (-0.15, Answer.PAUSE)])
def test_a_composite_that_outruns_its_parts_closes_the_gate(
    parted: Lab, tmp_path: Any, moved: float, answer: Answer
) -> None:
    """The composite comes as forecast; one of its parts, below it by more than noise, says that it cannot be."""
    lab = parted.copy(tmp_path / "lab")
    lab.arrive([*rung(6), *of("digit", 6, 0.2), *of("carry", 6, moved)], "s6.csv")
    lab.cycle()
    state = lab.ask("s6")
    assert state.answer == answer, state.sentence
    with lab.store() as store:
        (kept,) = [d for _, d in store.judgements.diagnoses("lab", "s6") if d.composed is not None]
    assert kept.name == ("on_trend" if answer is Answer.GO else "unexplained_jump")


def test_a_part_that_was_never_evaluated_holds(make_lab: Any) -> None:
    lab = make_lab("alone")
    text = (lab.root / "catalogue.toml").read_text()
    (lab.root / "catalogue.toml").write_text(text + COMPOSITION)
    lab.baseline([row for i in range(6) for row in rung(i)])
    lab.arrive(rung(6), "s6.csv")
    lab.cycle()
    state = lab.ask("s6")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.no_data)
    assert "no score of 'digit', 'carry'" in state.sentence
