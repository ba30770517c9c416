"""Can our verdict tell tasks called emergent from smooth ones, beside the figures of the literature?

    python benchmarks/alarm_emergent.py --tables DIR [--json OUT] [--draws 2000] [--metric accuracy]

DIR (or HOLDPOINT_TABLES) holds `bigbench-bigg.csv`, a plain table of BIG-bench scores by model size. The last rung of
every task is forecast from all smaller ones as a seal would, and judged. Positive are the tasks that Wei et al. 2022
(arXiv:2206.07682, appendix E) call emergent with GPT-3 or LaMDA, negative those they call smoothly increasing; they
were set by eye, on other models and other shots. For each score: area under the curve, with a bootstrap interval over
tasks (each class drawn anew). `oracle`: what no score of the last step passes on these labels: it ranks the emergent
tasks that rose at all at the last rung before every smooth one, by the labels themselves, and the others by their step.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from checkpoints_db.errors import ForecastError
from checkpoints_db.readers.table import Table
from checkpoints_db.records import Checkpoint, Reading, Result, Sealed, Series, Verdict
from checkpoints_db.series import make_series
from monitor.clock import SystemClock
from monitor.diagnosis import diagnose
from monitor.forecasting import forecast
from monitor.rungs import sampling_variance
from monitor.science.emergence import figures
from monitor.verdicts import judge
from policies.terms import Judging

Array = npt.NDArray[np.float64]

EMERGENT = [
    "analytic_entailment",
    "codenames",
    "common_morpheme",
    "fact_checker",
    "figure_of_speech_detection",
    "gender_inclusive_sentences_german",
    "hindu_knowledge",
    "international_phonetic_alphabet_transliterate",
    "irony_identification",
    "logical_args",
    "logical_deduction",
    "misconceptions",
    "modified_arithmetic",
    "phrase_relatedness",
    "physical_intuition",
    "question_answer_creation",
    "repeat_copy_logic",
    "self_evaluation_tutoring",
    "social_iqa",
    "sports_understanding",
    "strange_stories",
    "strategyqa",
    "swahili_english_proverbs",
    "word_sorting",
    "word_unscrambling",
]
SMOOTH = [
    "abstract_narrative_understanding",
    "auto_categorization",
    "bbq_lite_json",
    "cause_and_effect",
    "chess_state_tracking",
    "conlang_translation",
    "context_definition_alignment",
    "contextual_parametric_knowledge_conflicts",
    "coqa_conversational_question_answering",
    "cryobiology_spanish",
    "date_understanding",
    "emojis_emotion_prediction",
    "empirical_judgments",
    "entailed_polarity",
    "evaluating_information_essentiality",
    "forecasting_subquestions",
    "gem",
    "general_knowledge",
    "hindi_question_answering",
    "human_organs_senses",
    "implicatures",
    "implicit_relations",
    "intent_recognition",
    "linguistic_mappings",
    "list_functions",
    "matrixshapes",
    "mult_data_wrangling",
    "multiemo",
    "natural_instructions",
    "nonsense_words_grammar",
    "object_counting",
    "operators",
    "penguins_in_a_table",
    "physics",
    "polish_sequence_labeling",
    "qa_wikidata",
    "reasoning_about_colored_objects",
    "rephrase",
    "riddle_sense",
    "sentence_ambiguity",
    "similarities_abstraction",
    "simp_turing_concept",
    "simple_arithmetic",
    "simple_arithmetic_json",
    "simple_arithmetic_json_multiple_choice",
    "simple_arithmetic_json_subtasks",
    "simple_arithmetic_multiple_targets_json",
    "simple_ethical_questions",
    "squad_shifts",
    "subject_verb_agreement",
    "swedish_to_german_proverbs",
    "undo_permutation",
    "unit_conversion",
    "unnatural_in_context_learning",
    "bridging_anaphora_resolution_barqa",
    "disfl_qa",
    "novel_concepts",
    "periodic_elements",
]
FEW = 25
"""Items below which a share has a standard error of ten points."""
BREAKS = ("genuine_break", "latent_break", "unexplained_jump", "unresolved_jump")


@dataclass(frozen=True)
class Case:
    """One task: what came at its last rung, and what every score says of it. Larger scores mean more emergent."""

    task: str
    emergent: bool
    items: int | None
    previous: float
    last: float
    outcome: str
    why: str
    diagnosis: str
    rise: float
    """Probability by sampling alone of a last rung this far above the best of the smaller ones."""
    tail: float
    """-log10 of the tail above of the forecast; 0 where there is none."""
    diagnosed: float
    """1 where it is diagnosed as a break or a jump, and the tail to rank by within."""
    breakthroughness: float
    linearity: float
    last_step: float


def result(r: Reading) -> Result:
    at = Checkpoint(family=r.family or "f", run=r.run or r.model, model=r.model, params=r.params, flop=r.flop)
    return Result(task=r.task, metric=r.metric, value=r.value, stderr=r.stderr, n=r.n, checkpoint=at)


def judged(rows: Sequence[Reading]) -> tuple[Verdict, Series]:
    """The verdict on the last rung by the forecast from all smaller ones, and the ladder it learnt from."""
    results = sorted((result(r) for r in rows), key=lambda r: r.checkpoint.flop or 0.0)
    ladder = make_series(results[:-1], "flop")
    try:
        sealed = Sealed(forecast=forecast(ladder), at=SystemClock().now(), seq=1)
    except ForecastError:
        sealed = None
    return judge(sealed, results[-1], Judging()), ladder


def case(task: str, by_metric: dict[str, list[Reading]], metric: str) -> Case:
    told = {name: judged(rows) for name, rows in by_metric.items()}
    verdict, ladder = told[metric]
    said = diagnose(task, [v for v, _ in told.values()], {v.series: s for v, s in told.values()})
    values = np.array([p.value for p in ladder.points] + [verdict.observed])
    shown = figures(values)
    tail = 0.0 if verdict.tail_above is None else -math.log10(max(verdict.tail_above, 1e-300))
    return Case(
        task=task,
        emergent=task in EMERGENT,
        items=verdict.n,
        previous=float(values[-2]),
        last=float(values[-1]),
        outcome=verdict.outcome,
        why=verdict.why,
        diagnosis=said.name,
        rise=_rise(verdict, ladder),
        tail=tail,
        diagnosed=1000.0 * (said.name in BREAKS) + tail,
        # Undefined where the median step is zero: what it tends to is infinite, with the sign of the gain.
        breakthroughness=_limit(float(shown.breakthroughness), float(shown.gain)),
        linearity=_limit(float(shown.linearity), 0.0),
        last_step=_limit(float(shown.last_step), 0.0),
    )


def _limit(figure: float, gain: float) -> float:
    if np.isfinite(figure):
        return figure
    return float(np.sign(gain) * 1e9)


def _rise(verdict: Verdict, ladder: Series) -> float:
    best = max(ladder.points, key=lambda p: p.value)
    noise = [
        sampling_variance(verdict.metric, v, e, n) or 0.0
        for v, e, n in ((best.value, best.stderr, best.n), (verdict.observed, verdict.stderr, verdict.n))
    ]
    return float(ndtr((best.value - verdict.observed) / math.sqrt(max(sum(noise), 1e-12))))


def area(positive: Array, negative: Array) -> float:
    """Probability that a positive ranks before a negative, ties a half.

    >>> area(np.array([2.0, 1.0]), np.array([1.0, 0.0]))
    0.875
    """
    more = (positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean()
    return float(more)


def interval(positive: Array, negative: Array, draws: int, rng: np.random.Generator) -> tuple[float, float]:
    """Percentile bootstrap of the area at 90 %, each class drawn anew."""
    p = positive[rng.integers(positive.size, size=(draws, positive.size))]
    n = negative[rng.integers(negative.size, size=(draws, negative.size))]
    each = (p[:, :, None] > n[:, None, :]).mean(axis=(1, 2)) + 0.5 * (p[:, :, None] == n[:, None, :]).mean(axis=(1, 2))
    low, high = np.quantile(each, [0.05, 0.95])
    return float(low), float(high)


def cases(path: Path, metric: str) -> list[Case]:
    """Every task of the table that either list names and that has the metric."""
    rows: dict[str, dict[str, list[Reading]]] = {}
    for r in Table().read(path).readings:
        if r.task in EMERGENT or r.task in SMOOTH:
            rows.setdefault(r.task, {}).setdefault(r.metric.name, []).append(r)
    return [case(task, own, metric) for task, own in sorted(rows.items()) if metric in own]


SCORES = ("tail", "diagnosed", "breakthroughness", "linearity", "last_step")


def areas(every: Sequence[Case], draws: int, seed: int) -> dict[str, dict[str, float]]:
    """Score -> its area and the ends of its interval, the oracle's among them."""
    up, down = [c for c in every if c.emergent], [c for c in every if not c.emergent]
    told = {}
    scored = {name: tuple(np.array([getattr(c, name) for c in own]) for own in (up, down)) for name in SCORES}
    step = tuple(np.array([c.last - c.previous for c in own]) for own in (up, down))
    scored["oracle"] = (np.where(step[0] > 0, 2.0, step[0]), step[1])
    for name, (positive, negative) in scored.items():
        low, high = interval(positive, negative, draws, np.random.default_rng(seed))
        told[name] = {"area": area(positive, negative), "low": low, "high": high}
    return told


def report(every: Sequence[Case], draws: int, seed: int) -> dict[str, dict[str, dict[str, float]]]:
    groups = {"all": list(every), f"{FEW} items or more": [c for c in every if (c.items or 0) >= FEW]}
    out = {}
    for name, own in groups.items():
        up = [c for c in own if c.emergent]
        if not up or len(up) == len(own):
            continue
        out[name] = areas(own, draws, seed)
        rose, clear = sum(c.last > c.previous for c in up), sum(c.rise < 0.05 for c in up)
        told = f"{rose} rose at the last rung, {clear} above all smaller ones beyond noise"
        print(f"\n{name}: {len(up)} emergent ({told}), {len(own) - len(up)} smooth")
        print(f"{'score':20s} {'AUC':>6s}  90 % interval")
        for score, a in out[name].items():
            print(f"{score:20s} {a['area']:6.2f}  {a['low']:.2f} to {a['high']:.2f}")
        alarms = [sum(c.outcome == "above" for c in g) for g in (up, [c for c in own if not c.emergent])]
        print(f"verdict above, tail 1 %: {alarms[0]} of {len(up)} emergent, {alarms[1]} of {len(own) - len(up)} smooth")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=Path, default=os.environ.get("HOLDPOINT_TABLES"), help="folder of tables")
    parser.add_argument("--metric", default="accuracy", help="metric that is told apart by")
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap draws")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write every case and every area here")
    chosen = parser.parse_args()
    path = None if chosen.tables is None else Path(chosen.tables) / "bigbench-bigg.csv"
    if path is None or not path.is_file():
        print("no bigbench-bigg.csv: give --tables DIR or HOLDPOINT_TABLES", file=sys.stderr)
        return 2
    every = cases(path, chosen.metric)
    head = f"{'task':34s} {'class':9s} {'n':>5s} {'before':>7s} {'last':>6s} {'rise p':>7s} {'tail':>8s}"
    print(f"{head}  verdict, diagnosis")
    for c in sorted(every, key=lambda c: (not c.emergent, -c.tail)):
        which = "emergent" if c.emergent else "smooth"
        row = f"{c.task:34s} {which:9s} {c.items or 0:5d} {c.previous:7.3f} {c.last:6.3f} {c.rise:7.3f}"
        print(f"{row} {10**-c.tail:8.1e}  {c.outcome} ({c.why}), {c.diagnosis}")
    told = report(every, chosen.draws, chosen.seed)
    if chosen.json is not None:
        body = {"areas": told, "cases": [asdict(c) for c in every], "draws": chosen.draws, "seed": chosen.seed}
        chosen.json.write_text(json.dumps(body, allow_nan=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
