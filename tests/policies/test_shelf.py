"""The policies we ship: what each says of the same few runs, and that the chapter about them is true."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.records import Answer, Level, Metric, Reason
from policies import decide, reference, shelf, shelf_names
from policies.calendar_span import CalendarSpan
from policies.files import SHELF
from policies.loader import load_file
from policies.rules import RULES

# What each shipped policy answers: (default, strict, shadow).
GOLDEN: dict[str, tuple[Answer, Answer, Answer]] = {
    "on trend": (Answer.GO, Answer.GO, Answer.GO),
    "artefact": (Answer.WARN, Answer.HOLD, Answer.GO),
    "genuine break": (Answer.PAUSE, Answer.PAUSE, Answer.GO),
    "unexplained jump": (Answer.PAUSE, Answer.PAUSE, Answer.GO),
    "regression": (Answer.HOLD, Answer.PAUSE, Answer.GO),
    "blind": (Answer.HOLD, Answer.HOLD, Answer.GO),
    "thresholded only": (Answer.HOLD, Answer.PAUSE, Answer.GO),
    "tail 0.02": (Answer.GO, Answer.PAUSE, Answer.GO),
    "blindness 0.25": (Answer.GO, Answer.HOLD, Answer.GO),
    "four rungs": (Answer.GO, Answer.HOLD, Answer.GO),
    "bent derived metric": (Answer.WARN, Answer.PAUSE, Answer.GO),
    "missing": (Answer.HOLD, Answer.HOLD, Answer.GO),
    "stale": (Answer.GO, Answer.HOLD, Answer.GO),
    "never judged": (Answer.HOLD, Answer.HOLD, Answer.HOLD),
    "nothing": (Answer.HOLD, Answer.HOLD, Answer.HOLD),
}


def runs(made: SimpleNamespace) -> dict[str, Any]:
    def read(name: str, **more: Any) -> Any:
        diagnosis = made.diagnosis(name, **more)
        verdicts = tuple(v for v in (diagnosis.continuous, diagnosis.thresholded) if v is not None)
        return made.case(verdicts, diagnoses=(diagnosis,))

    prob = Metric(name="prob_answer", kind="continuous", lower=0.0, upper=1.0)
    artefact = read("metric_artefact", thresholded=made.verdict(metric=made.MATCH, outcome="above"))
    derived = made.verdict(metric=prob, outcome="above", observed=0.5)
    bent = artefact.model_copy(update={"verdicts": (*artefact.verdicts, derived)})
    seen = {"min": made.verdict(tail_above=0.02), "wide": made.verdict(blindness=0.25), "few": made.verdict(rungs=4)}
    return {
        "on trend": read("on_trend", continuous=made.verdict(rungs=6)),
        "artefact": artefact,
        "genuine break": read("genuine_break"),
        "unexplained jump": read("unexplained_jump"),
        "regression": read("regression"),
        "blind": read("inconclusive"),
        "thresholded only": read("unresolved_jump", continuous=None),
        "tail 0.02": read("on_trend", continuous=seen["min"]),
        "blindness 0.25": read("on_trend", continuous=seen["wide"]),
        "four rungs": read("on_trend", continuous=seen["few"]),
        "bent derived metric": bent,
        "missing": made.case(missing=(made.missing("bio", "acc"),)),
        "stale": made.case(last_at=made.T0 - timedelta(days=31)),
        "never judged": made.case(judged=False),
        "nothing": made.case(()),
    }


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(made: SimpleNamespace, name: str) -> None:
    case = runs(made)[name]
    answers = tuple(decide(shelf(p), case, (), (), made.T0).answer for p in ("default", "strict", "shadow"))
    assert answers == GOLDEN[name]


def test_forty_thresholded_metrics_that_cannot_see_hold_and_do_not_pause(made: SimpleNamespace) -> None:
    """The shape of a published few-shot suite: scores only, most of them flat, some of them risen."""
    flat, risen, plain = ([f"{word}-{n}" for n in range(count)] for word, count in (("f", 20), ("r", 10), ("p", 10)))
    verdicts = [made.verdict(t, made.MATCH, "inconclusive", why="plateau") for t in flat]
    verdicts += [made.verdict(t, made.MATCH, "above") for t in risen] + [made.verdict(t, made.MATCH) for t in plain]
    named = dict.fromkeys(flat, "inconclusive") | dict.fromkeys(risen, "unresolved_jump")
    named |= dict.fromkeys(plain, "on_trend")
    read = [made.diagnosis(named[v.task], v.task, continuous=None, thresholded=v, why=v.why) for v in verdicts]
    decision = decide(shelf("default"), made.case(tuple(verdicts), diagnoses=tuple(read)), (), (), made.T0)
    assert (decision.answer, decision.reason) == (Answer.HOLD, Reason.blind)
    assert len(decision.findings) == 30


def test_a_far_break_under_strict_is_beyond_release(made: SimpleNamespace) -> None:
    for tail, hard in ((1.1e-6, False), (0.9e-6, True)):
        case = made.case((made.verdict(outcome="above", tail_above=tail),), diagnoses=(made.diagnosis("latent_break"),))
        decision = decide(shelf("strict"), case, (), (), made.T0)
        assert any(f.level is Level.hard and f.answer is Answer.PAUSE for f in decision.findings) is hard


def test_every_shipped_policy_is_commented_and_named_after_its_file() -> None:
    for name in shelf_names():
        text = (Path(reference.__file__).parent / "shelf" / f"{name}.toml").read_text(encoding="utf-8")
        assert text.startswith("# ")
        assert shelf(name).name == name


STYLES = [name for name in shelf_names() if name.endswith("-style")]


def test_the_frameworks_that_are_expressed() -> None:
    wanted = ("rsp-2.2", "fsf-1", "fsf-3.1", "pf-beta", "rsp-3.4", "eu-code", "microsoft-2026")
    assert sorted(f"{name}-style" for name in wanted) == STYLES


@pytest.mark.parametrize("name", STYLES)
def test_every_figure_of_a_framework_cites_document_status_and_how_it_was_read(name: str) -> None:
    policy, ours = shelf(name), {rule.id for rule in shelf("default").rules}
    text = (Path(reference.__file__).parent / "shelf" / f"{name}.toml").read_text(encoding="utf-8")
    assert "no claim of" in text.partition("schema_version")[0]
    assert "No claim of compliance" in policy.description
    own = [rule for rule in policy.rules if rule.id not in ours]
    assert own
    for rule in own:
        assert re.search(r"20\d\d|as quoted in|AI Act", rule.cite), rule.id
        assert "in force" in rule.cite or "superseded" in rule.cite, rule.id
        assert re.search("primary|quoted|secondary", rule.cite), rule.id
        if "no figure is published" in rule.cite or "dropped in the final text" in rule.cite:
            assert "ours" in text or "draft" in text


@pytest.mark.parametrize(
    ("name", "rule", "factor"),
    [
        ("rsp-2.2-style", "assess-4x", 4.0),
        ("rsp-2.2-style", "needs-asl3", 1.0),
        ("fsf-1-style", "evaluate-6x", 6.0),
        ("pf-beta-style", "evaluate-2x", 2.0),
        ("eu-code-style", "milestone", 4.0),
    ],
)
def test_multiples_are_those_of_the_text(name: str, rule: str, factor: float) -> None:
    (terms,) = [terms for terms in shelf(name).rules if terms.id == rule]
    assert getattr(terms, "factor", None) == factor


@pytest.mark.parametrize(
    ("name", "rule", "every"),
    [
        ("rsp-2.2-style", "assess-6mo", 6),
        ("fsf-1-style", "evaluate-3mo", 3),
        ("rsp-3.4-style", "risk-report-6mo", 6),
        ("rsp-3.4-style", "risk-report-3mo", 3),
        ("eu-code-style", "report-6mo", 6),
        ("microsoft-2026-style", "assess-6mo", 6),
    ],
)
def test_months_are_those_of_the_text(name: str, rule: str, every: int) -> None:
    (terms,) = [terms for terms in shelf(name).rules if terms.id == rule]
    assert getattr(terms, "every", CalendarSpan()) == CalendarSpan(months=every)


def test_every_figure_has_its_test_on_both_sides() -> None:
    """Each policy of a framework carries tests that go on just below its figures and hold at them."""
    for name in STYLES:
        answers = {test.expect.answer for test in load_file(SHELF / f"{name}.toml").tests}
        assert {Answer.GO, Answer.HOLD} <= answers, name


def chapter() -> str:
    return (Path(reference.__file__).parent / "README.md").read_text(encoding="utf-8")


def test_the_table_of_keys_in_the_chapter_is_the_schema() -> None:
    page = chapter()
    assert page == reference.renewed(page), "write reference.renewed(page) back to policies/README.md"
    for rule in RULES:
        for key, field in rule.terms.model_fields.items():
            assert field.description, f"{rule.kind}.{key} has no sentence"


def test_the_chapter_names_every_shipped_policy() -> None:
    assert all(f"(shelf/{name}.toml)" in chapter() for name in shelf_names())


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the markers"):
        reference.renewed("no markers")
