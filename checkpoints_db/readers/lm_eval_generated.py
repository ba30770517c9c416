"""Generated answers in a samples file of lm-eval: edit distance to the target, and pass@k where answers were repeated.

The harness scores what its filters leave of the first answer. Here every answer counts, as it was given, without
surrounding white space and without full stops at its end; the same is taken off the target. pass@k needs right and
wrong: an answer is right when it then equals a target, with case and punctuation ignored where the task's own
`exact_match` ignores them. Before pass@k is derived, that must say of every first answer what the harness said.
"""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from checkpoints_db import samples
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.items import UNKNOWN, Items
from checkpoints_db.readers.likelihood_metrics import Found
from checkpoints_db.readers.lm_eval_columns import Columns, Wrong
from checkpoints_db.readers.lm_eval_file import Rows
from checkpoints_db.readers.lm_eval_log import Json
from checkpoints_db.readers.lm_eval_rows import Row, listed_in
from checkpoints_db.readers.lm_eval_stretch import Places
from checkpoints_db.readers.strict import number_of
from checkpoints_db.records import Metric

CHARACTERS = Metric(name="edit_distance_characters", kind="continuous", direction="lower", lower=0)
WORDS = Metric(name="edit_distance_words", kind="continuous", direction="lower", lower=0)
_WAYS: tuple[tuple[Metric, samples.Tokens], ...] = ((CHARACTERS, "characters"), (WORDS, "whitespace"))
_NO_NUMBER = np.inf
"""In place of an exact_match that is none; NaN where the row has none."""


class Question(NamedTuple):
    """One document: every answer to it, and every text that would be right."""

    answers: list[str]
    targets: list[str]


class Generated:
    """The rows of a generation task, measured block by block."""

    def __init__(self, config: Json, path: Path, *, words: bool = False) -> None:
        """`words`: whether targets of several words are known to come, from an earlier pass over the file."""
        self.typed = {"target": str, "resps": list[list[str]], "exact_match": float}
        self.config, self.path = config, path
        self.several_words, self._words = words, words
        self._fold = _folding(config)
        self._columns = Columns("wrong", "drawn", "correct", "first", "length")
        self.items: Items | None = None
        self._answers, self._said = Columns("characters", "whitespace"), Columns("said")
        self._too_long: dict[str, tuple[int, str]] = {}
        self._questions, self._documents, self._stated = list[Question | None](), list[int](), list[float | None]()
        self._plain: tuple[list[int], list[str], list[str]] = ([], [], [])
        """Documents, answers and targets of the rows with one of each."""
        self._settled = 0

    @property
    def again(self) -> bool:
        """Whether a target of several words came after blocks that had none: their distances in words are missing."""
        return self.several_words and not self._words

    def block(self, rows: list[Any], mine: list[Any]) -> bool:
        """Take rows with one answer each and a target that is a text."""
        if rows[0].resps is None or rows[0].target is None:
            return False
        try:
            answers = [answer for row in mine for ((answer,),) in (row.resps,)]
        except ValueError:  # more or less than one
            return False
        targets = [row.target for row in mine]
        if "[" in "".join(targets):
            return False
        self._stated += [row.exact_match for row in rows]  # None becomes NaN
        self._take_questions()
        self._plain[0].extend([row.doc_id for row in mine])
        self._plain[1].extend(_all_bare(answers))
        self._plain[2].extend(_all_bare(targets))
        return True

    def fast(self, row: Any) -> bool:
        """Take a row with the answers to one request, and a target that is a text."""
        given, target = row.resps, row.target
        if given is None or len(given) != 1 or not given[0] or target is None or target.lstrip()[:1] == "[":
            return False
        self._take_plain()
        self._questions.append(Question([_bare(answer) for answer in given[0]], [_bare(target)]))
        self._documents.append(row.doc_id)
        self.passed(row)
        return True

    def strict(self, row: Row) -> None:
        """Take a row as it comes; of one that is wrong only that."""
        self._take_plain()
        try:
            self._questions.append(question_of(row, self.path))
        except UnreadableFile:
            self._questions.append(None)
        self._documents.append(row.doc_id)
        self.passed(row)

    def passed(self, row: Any) -> None:
        """Under every filter the row's own exact_match is kept."""
        if not isinstance(row, Row):
            self._stated.append(np.nan if row.exact_match is None else row.exact_match)
        elif "exact_match" not in row.body:
            self._stated.append(np.nan)
        else:
            try:
                self._stated.append(_said_of(row, self.path))
            except UnreadableFile:
                self._stated.append(_NO_NUMBER)

    def settle(self) -> None:
        """The numbers of each answer of one block."""
        self._said.add(said=np.array(self._stated, dtype=float))
        self._stated = []
        self._take_plain()
        self._take_questions()

    def _take_questions(self) -> None:
        """The rows that were taken one by one."""
        if not self._questions:
            return
        whole = [question or Question([""], [""]) for question in self._questions]
        self._look_for_words([target for question in whole for target in question.targets])
        self._answers.add(**{by: self._distances(whole, by) for by in self._ways()})
        marks = [self._marks(question) for question in whole]
        self._columns.add(
            wrong=np.array([Wrong.ROW if question is None else 0 for question in self._questions], dtype=np.int8),
            drawn=np.array([len(question.answers) for question in whole], dtype=np.int32),
            correct=np.array([sum(right) for right in marks], dtype=np.int32),
            first=np.array([right[0] for right in marks], dtype=float),
            length=np.array([len(question.targets[0]) for question in whole], dtype=np.int32),
        )
        self._settled += len(whole)
        self._questions, self._documents = [], []

    def _take_plain(self) -> None:
        """The rows of one answer and one target each."""
        documents, answers, targets = self._plain
        if not documents:
            return
        self._plain = ([], [], [])
        self._look_for_words(targets)
        for by in self._ways():
            try:
                distances = samples.edit_distance_pairs(answers, targets, by)
            except ValueError:
                self._documents = documents
                whole = [Question([answer], [target]) for answer, target in zip(answers, targets, strict=True)]
                distances = self._distances(whole, by)
                self._documents = []
            self._answers.add(**{by: distances})
        n = len(answers)
        nothing = np.zeros(n, dtype=np.int32)
        sizes = np.fromiter(map(len, targets), dtype=np.int32, count=n)
        self._columns.add(
            wrong=nothing.astype(np.int8), drawn=nothing + 1, correct=nothing, first=np.zeros(n), length=sizes
        )
        self._settled += n

    def _look_for_words(self, targets: list[str]) -> None:
        if not self.several_words and len("\0".join(targets).split()) > 1:  # they have no white space at their ends
            self.several_words, self._words = True, not self._settled

    def _ways(self) -> list[samples.Tokens]:
        return [by for _, by in _WAYS if by == "characters" or self._words]

    def _distances(self, whole: list[Question], by: samples.Tokens) -> Any:
        answers = [answer for question in whole for answer in question.answers]
        targets = [question.targets for question in whole for _ in question.answers]
        try:
            return samples.edit_distances(answers, targets, by)
        except ValueError:
            self._first_too_long(whole, by)
            return np.zeros(len(answers), dtype=np.int64)

    def _first_too_long(self, whole: list[Question], by: samples.Tokens) -> None:
        """Of the answers that are too long to compare, the one of the first document is told."""
        for document, question in sorted(zip(self._documents, whole, strict=True), key=lambda pair: pair[0]):
            try:
                samples.edit_distances(question.answers, [question.targets] * len(question.answers), by)
            except ValueError as error:
                self._too_long[by] = min(self._too_long.get(by, (document, str(error))), (document, str(error)))
                return

    def _marks(self, question: Question) -> list[bool]:
        """Which answers are right; of a single one nobody asks."""
        if len(question.answers) == 1:
            return [False]
        right = {self._fold(target) for target in question.targets}
        return [self._fold(answer) in right for answer in question.answers]

    def taken(self) -> dict[str, Any]:
        """What was kept of the rows so far, in arrays and plain values."""
        return {
            "columns": self._columns.taken(),
            "answers": self._answers.taken(),
            "said": self._said.taken(),
            "too_long": self._too_long,
            "several_words": self.several_words,
            "words": self._words or not self._settled,  # none are missing
        }

    def join(self, taken: list[dict[str, Any]]) -> None:
        """Put what was kept of the stretches of a file, in their order, together."""
        for each in taken:
            self._columns.add(**each["columns"])
            self._answers.add(**each["answers"])
            self._said.add(**each["said"])
            for by, (document, why) in each["too_long"].items():
                self._too_long[by] = min(self._too_long.get(by, (document, why)), (document, why))
        several = [each["several_words"] for each in taken]
        self.several_words, self._words = any(several), all(each["words"] for each in taken)

    def found(self, rows: Rows, kept: Places, notes: list[str]) -> Found:
        """The metrics over the rows that count. Raises UnreadableFile naming the first row that is wrong."""
        mine = rows.measured(kept)
        drawn = self._columns.of("drawn")
        table = self._columns.at(mine)
        if (bad := np.flatnonzero(table["wrong"])).size:
            question_of(rows.again(rows.place_of(mine[bad[0]])), self.path)
        chosen = kept[rows.is_chosen[kept]]
        doc_ids, said = rows.doc_ids[chosen], self._said.of("said")[chosen]
        right = np.where((said == 0) | (said == 1), said, UNKNOWN)
        self.items = Items.of(**rows.identified(kept), right=right, length=table["length"])
        found: Found = []
        single = bool(np.all(drawn == 1))
        places = mine if single else _answers_of(drawn, mine)
        for metric, by in _WAYS:
            if by == "whitespace" and not self.several_words:  # of one word it would be exact match again
                continue
            if by in self._too_long:
                notes.append(f"no {metric.name}: {self._too_long[by][1]}")
                continue
            distances = self._answers.of(by)[places]
            found.append((metric, samples.mean(distances, doc_ids if single else np.repeat(doc_ids, table["drawn"]))))
            del distances
        if (fewest := int(table["drawn"].min())) > 1:
            found += self._passes(table, fewest, rows, kept, doc_ids, notes)
        return found

    def _passes(self, table: Any, fewest: int, rows: Rows, kept: Places, doc_ids: Any, notes: list[str]) -> Found:
        why = self._unverified(dict(zip(doc_ids.tolist(), table["first"].tolist(), strict=True)), rows, kept)
        if why:
            notes.append(f"{fewest} answers to each document, and no pass@k: {why}")
            return []
        correct, drawn = table["correct"].tolist(), table["drawn"].tolist()
        return [(_pass_at(k), samples.pass_at_k(correct, drawn, k)) for k in ladder_of(fewest)]

    def _unverified(self, first: dict[int, float], rows: Rows, kept: Places) -> str:
        """Why our marks of the first answers cannot be trusted; empty when the harness gave the same."""
        deciding = _first_answer_filters(self.config)
        names = np.array([deciding is None or name in deciding for name in rows.names])
        said = self._said.of("said")
        stated = kept[names[rows.filters[kept]] & ~np.isnan(said[kept])]
        if not stated.size:
            return "no filter of the task scores the first answer by exact_match"
        for place, document, value in zip(
            stated.tolist(), rows.doc_ids[stated].tolist(), said[stated].tolist(), strict=True
        ):
            if value == _NO_NUMBER:
                _said_of(rows.again(place), self.path)
            if document not in first:
                return f"document {document} is not there under every filter"
            if value != first[document]:
                return f"exact_match of document {document} is {value:g}, and its first answer as given says otherwise"
        return ""


def _answers_of(drawn: Any, mine: Places) -> Places:
    """Where the answers to the documents `mine` lie, when those to all documents lie one after another."""
    starts = np.cumsum(drawn) - drawn
    lengths = drawn[mine]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    places: Places = (np.repeat(starts[mine], lengths) + within).astype(np.intp)
    return places


def _said_of(row: Row, path: Path) -> float:
    value = row.body["exact_match"]
    return float(value) if isinstance(value, bool) else number_of(value, path, f"{row.where}, exact_match")


def question_of(row: Row, path: Path) -> Question:
    """The answers and targets of one row. Raises UnreadableFile naming row and field."""
    given, target = row.body.get("resps"), row.body.get("target")
    field = f"{row.where}, resps"
    if not isinstance(given, list) or len(given) != 1:
        raise UnreadableFile(str(path), field, "not the answers to one request")
    answers = given[0] if isinstance(given[0], list) else given
    if not answers or not all(isinstance(answer, str) for answer in answers):
        raise UnreadableFile(str(path), field, "not a list of texts")
    return Question([_bare(answer) for answer in answers], _targets(target, row, path))


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


def _all_bare(texts: list[str]) -> list[str]:
    return [text.rstrip(".").rstrip() if text[-1:] == "." else text for text in map(str.strip, texts)]


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
