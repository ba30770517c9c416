"""Generated answers in a samples file of lm-eval: edit distance to the target, and pass@k where answers were repeated.

The harness scores what its filters leave of the first answer. Here every answer counts, as it was given, without
surrounding white space and without full stops at its end; the same is taken off the target. pass@k needs right and
wrong: an answer is right when it then equals a target, with case and punctuation ignored where the task's own
`exact_match` ignores them. Before pass@k is derived, that must say of every first answer what the harness said.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from checkpoints_db import samples
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.lm_eval_log import Json
from checkpoints_db.readers.lm_eval_rows import Row, listed_in
from checkpoints_db.readers.strict import number_of
from checkpoints_db.records import Metric

CHARACTERS = Metric(name="edit_distance_characters", kind="continuous", direction="lower", lower=0)
WORDS = Metric(name="edit_distance_words", kind="continuous", direction="lower", lower=0)
Found = list[tuple[Metric, samples.Estimate]]


class Question(NamedTuple):
    """One document: its row, every answer to it, and every text that would be right."""

    row: Row
    answers: list[str]
    targets: list[str]


def generated(rows: list[Row], every: list[Row], config: Json, path: Path, notes: list[str]) -> Found:
    """Metrics of a generation task from its `rows` (one filter) and `every` row (all filters).

    Raises UnreadableFile naming row and field.
    """
    questions = [_question(row, path) for row in rows]
    found = _distances(questions, notes)
    fewest = min(len(question.answers) for question in questions)
    if fewest > 1:
        found += _passes(questions, fewest, every, config, path, notes)
    return found


def _question(row: Row, path: Path) -> Question:
    given, target = row.body.get("resps"), row.body.get("target")
    field = f"{row.where}, resps"
    if not isinstance(given, list) or len(given) != 1:
        raise UnreadableFile(str(path), field, "not the answers to one request")
    answers = given[0] if isinstance(given[0], list) else given
    if not answers or not all(isinstance(answer, str) for answer in answers):
        raise UnreadableFile(str(path), field, "not a list of texts")
    return Question(row, [_bare(answer) for answer in answers], _targets(target, row, path))


def _targets(target: object, row: Row, path: Path) -> list[str]:
    """What the harness wrote as text: one target, or a list of them. A list of anything but texts is one target."""
    listed = listed_in(target) if isinstance(target, str) and target.strip().startswith("[") else target
    if isinstance(listed, list) and listed and all(isinstance(each, str) for each in listed):
        return [_bare(each) for each in listed]
    if target is None or isinstance(target, dict):
        raise UnreadableFile(str(path), f"{row.where}, target", "missing")
    return [_bare(str(target))]


def _bare(text: str) -> str:
    return text.strip().rstrip(".").rstrip()


def _distances(questions: list[Question], notes: list[str]) -> Found:
    documents = [question.row.doc_id for question in questions for _ in question.answers]
    several_words = any(len(target.split()) > 1 for question in questions for target in question.targets)
    ways: list[tuple[Metric, samples.Tokens]] = [(CHARACTERS, "characters")]
    if several_words:  # of one word it would be exact match again
        ways.append((WORDS, "whitespace"))
    found: Found = []
    for metric, by in ways:
        try:
            distances = [samples.edit_distance(a, q.targets, by) for q in questions for a in q.answers]
        except ValueError as error:
            notes.append(f"no {metric.name}: {error}")
            continue
        found.append((metric, samples.mean(distances, documents)))
    return found


def _passes(
    questions: list[Question], fewest: int, every: list[Row], config: Json, path: Path, notes: list[str]
) -> Found:
    fold = _folding(config)
    marks = {q.row.doc_id: [fold(a) in {fold(t) for t in q.targets} for a in q.answers] for q in questions}
    why = _unverified({document: right[0] for document, right in marks.items()}, every, config, path)
    if why:
        notes.append(f"{fewest} answers to each document, and no pass@k: {why}")
        return []
    correct, drawn = [sum(right) for right in marks.values()], [len(right) for right in marks.values()]
    return [(_pass_at(k), samples.pass_at_k(correct, drawn, k)) for k in ladder_of(fewest)]


def _pass_at(k: int) -> Metric:
    return Metric(name=f"pass@{k}", kind="thresholded", lower=0, upper=1)


def ladder_of(n: int) -> list[int]:
    """The k of pass@k that n answers are read at: powers of 4 up to n, and n.

    >>> ladder_of(8), ladder_of(2)
    ([1, 4, 8], [1, 2])
    """
    return sorted({4**i for i in range(n.bit_length()) if 4**i <= n} | {n})


class _Folding:
    """Text as the task's `exact_match` compares it."""

    def __init__(self, case: bool, punctuation: bool) -> None:
        self.case = case
        self.gone = str.maketrans("", "", string.punctuation if punctuation else "")

    def __call__(self, text: str) -> str:
        return (text.lower() if self.case else text).translate(self.gone)


def _folding(config: Json) -> _Folding:
    listed = config.get("metric_list")
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and entry.get("metric") == "exact_match":
            return _Folding(entry.get("ignore_case") is True, entry.get("ignore_punctuation") is True)
    return _Folding(case=False, punctuation=False)


def _unverified(first: dict[int, bool], every: Sequence[Row], config: Json, path: Path) -> str:
    """Why our marks of the first answers cannot be trusted; empty when the harness gave the same."""
    deciding = _first_answer_filters(config)
    stated = [row for row in every if (deciding is None or row.filter in deciding) and "exact_match" in row.body]
    if not stated:
        return "no filter of the task scores the first answer by exact_match"
    for row in stated:
        value = row.body["exact_match"]
        said = float(value) if isinstance(value, bool) else number_of(value, path, f"{row.where}, exact_match")
        if row.doc_id not in first:
            return f"document {row.doc_id} is not there under every filter"
        if said != float(first[row.doc_id]):
            return f"exact_match of document {row.doc_id} is {said:g}, and its first answer as given says otherwise"
    return ""


def _first_answer_filters(config: Json) -> set[str] | None:
    """Filters that keep the first answer rather than a vote; None where the task names none: the first, then."""
    listed = config.get("filter_list")
    if not isinstance(listed, list):
        return None
    names = set()
    for entry in listed:
        steps = entry.get("filter") if isinstance(entry, dict) else None
        functions = (
            [step.get("function") for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
        )
        if "take_first" in functions and not {"majority_vote", "take_first_k"} & {str(name) for name in functions}:
            names.add(str(entry.get("name")))
    return names
