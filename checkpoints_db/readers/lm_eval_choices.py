"""Multiple choice in a samples file of lm-eval: what the log-likelihoods of the choices give, document by document.

Before anything is derived, acc is recomputed and must equal the row's own acc on every row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from checkpoints_db import samples
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.items import Items
from checkpoints_db.readers.likelihood_metrics import METRICS, Found
from checkpoints_db.readers.lm_eval_columns import Columns, Wrong, likelihood_columns, sizes_of
from checkpoints_db.readers.lm_eval_file import Rows
from checkpoints_db.readers.lm_eval_log import Json
from checkpoints_db.readers.lm_eval_rows import (
    LOWEST,
    ROUNDING,
    Request,
    Row,
    requests_of,
    right_answers,
    several_contexts,
    stated_acc,
)
from checkpoints_db.readers.lm_eval_shape import likelihoods_in
from checkpoints_db.readers.lm_eval_stretch import Places
from checkpoints_db.samples.choices import Counts, Marks
from checkpoints_db.samples.estimate import Floats

_FLOATS = ("log_likelihood", "prob_choice", "log_prob_choice", "margin", "sure", "hit", "hit_norm", "brier", "guess")
_WHOLE = ("wrong", "right", "bytes", "characters")
_UNKNOWN = -1
"""In place of the number of right answers, where the log cannot tell."""


class Document(NamedTuple):
    """One document: its conditional requests, and which of them are right (None: the log cannot tell)."""

    requests: list[Request]
    right: tuple[int, ...] | None


class Choices:
    """The rows of a multiple-choice task, measured block by block."""

    def __init__(self, config: Json, path: Path) -> None:
        # Rows with mutual information have requests that are no choices; their type fits no row, so all go strictly.
        self.typed = {
            "target": str,
            "arguments": dict,
            "filtered_resps": msgspec.Raw,
            "acc": float,
            "acc_mutual_info": None,
        }
        self.config, self.path = config, path
        self._delimiter = str(config.get("target_delimiter", " "))
        self._columns = Columns(*_FLOATS, *_WHOLE)
        self._no_margin: set[str] = set()
        self.items: Items | None = None
        self._clear()

    def _clear(self) -> None:
        self._lls, self._texts, self._marked = list[float](), list[str](), list[int]()
        self._lengths, self._accs, self._known = list[int](), list[float | None](), list[int]()
        self._answers = list[int]()
        """Which of the texts is the right answer of each document, `_UNKNOWN` where none is."""

    def block(self, rows: list[Any], mine: list[Any]) -> bool:
        """Take rows whose targets are indices of one of several continuations."""
        lengths = [len(row.arguments) for row in mine]
        targets = [row.target for row in mine]
        if not mine:
            return True
        if mine[0].filtered_resps is None or targets[0] is None or min(lengths) < 2:
            return False
        together = "".join(targets)
        if not (together.isdigit() and together.isascii()) or max(map(len, targets)) > 9:
            return False
        texts = [asked.arg_1 for row in mine for asked in row.arguments.values()]
        starts = np.cumsum(lengths) - lengths
        if texts[0] is None or any(texts[start] == texts[start + 1] for start in starts.tolist()):
            return False
        try:
            right, pairs = np.array(list(map(int, targets))), likelihoods_in([row.filtered_resps for row in mine])
        except ValueError:  # no number, or an empty target
            return False
        if lengths != list(map(len, pairs)) or not np.all(right < lengths):
            return False
        places = (starts + right + len(self._lls)).tolist()
        self._marked += places
        self._answers += places
        self._lls += [pair.ll for each in pairs for pair in each]
        self._texts += texts
        self._lengths += lengths
        self._accs += [row.acc for row in mine]  # None becomes NaN
        self._known += [0] * len(mine)
        return True

    def fast(self, row: Any) -> bool:
        """Take a row whose target is the index or the text of one of several continuations."""
        target = row.target
        texts = [asked.arg_1 for asked in row.arguments.values()]
        k = len(texts)
        if k < 2 or row.filtered_resps is None or target is None or texts[0] is None or texts[0] == texts[1]:
            return False
        bare = [text.removeprefix(self._delimiter) for text in texts]
        if target.isdigit() and target.isascii() and len(target) < 10:
            right = int(target)
        elif target[:1].isalpha() and target in bare:
            right = bare.index(target)
        else:
            return False
        if right >= k:
            return False
        try:
            (pairs,) = likelihoods_in([row.filtered_resps])
        except ValueError:
            return False
        if len(pairs) != k:
            return False
        self._marked.append(len(self._lls) + right)
        self._answers.append(len(self._lls) + right)
        self._lls += [pair.ll for pair in pairs]
        self._texts += texts
        self._lengths.append(k)
        self._accs.append(row.acc)
        self._known.append(0)
        return True

    def strict(self, row: Row) -> None:
        """Take a row as it comes; of one that is wrong only that."""
        try:
            document, acc = document_of(row, self.config, self.path), stated_acc(row, self.path)
        except UnreadableFile:
            document, acc = None, None
        self._accs.append(acc)
        if document is None:
            self._lls.append(0.0)
            self._texts.append("")
            self._lengths.append(1)
            self._answers.append(_UNKNOWN)
            self._known.append(Wrong.ROW)
            return
        right = [len(self._lls) + index for index in document.right or ()]
        self._marked += right
        self._answers.append(right[0] if right else _UNKNOWN)
        self._lls += [request.ll for request in document.requests]
        self._texts += [request.continuation for request in document.requests]
        self._lengths.append(len(document.requests))
        self._known.append(0 if document.right is not None else _UNKNOWN)

    def passed(self, row: Any) -> None:
        """Likelihoods are the same under every filter."""

    def settle(self) -> None:
        """The numbers of each document of one block."""
        if not self._lengths:
            return
        lengths = np.array(self._lengths)
        starts: Counts = (np.cumsum(lengths) - lengths).astype(np.intp)
        ll, right = np.array(self._lls), np.zeros(len(self._lls), dtype=bool)
        right[self._marked] = True
        beyond = ~((ll >= LOWEST) & (ll <= ROUNDING))  # NaN is too
        ll = np.minimum(np.where(beyond, 0.0, ll), 0.0)
        known = np.array(self._known)
        wrong = np.where((known == Wrong.ROW) | np.logical_or.reduceat(beyond, starts), Wrong.ROW, 0)
        acc, again = np.array(self._accs, dtype=float), right[samples.best(ll, starts)]
        wrong[(wrong == 0) & (known != _UNKNOWN) & ~np.isnan(acc) & (acc != again)] = Wrong.ACC
        count = np.add.reduceat(right.astype(int), starts)
        found = {name: np.full(lengths.size, np.nan) for name in _FLOATS}
        widths, sizes = sizes_of(self._texts, self._delimiter)
        if (answered := count > 0).any():
            flat = np.repeat(answered, lengths)
            inside = lengths[answered]
            self._numbers(
                found, answered, (ll[flat], (np.cumsum(inside) - inside).astype(np.intp), right[flat]), widths[flat]
            )
        count[known == _UNKNOWN] = _UNKNOWN
        answers = np.array(self._answers)
        self._columns.add(
            **found,
            wrong=wrong.astype(np.int8),
            right=count.astype(np.int32),
            bytes=np.where(answers == _UNKNOWN, 0, sizes[answers]).astype(np.int32),
            characters=np.where(answers == _UNKNOWN, 0, widths[answers]).astype(np.int32),
        )
        self._clear()

    def _numbers(
        self, found: dict[str, Floats], at: NDArray[np.bool_], choices: tuple[Floats, Counts, Marks], widths: Places
    ) -> None:
        ll, starts, right = choices
        found["log_likelihood"][at] = np.minimum(samples.log_likelihood(ll, starts, right), 0.0)
        found["prob_choice"][at] = samples.prob_choice(ll, starts, right)
        found["log_prob_choice"][at] = samples.log_prob_choice(ll, starts, right)
        found["brier"][at] = samples.brier(ll, starts, right)
        found["guess"][at] = samples.guess(starts, right)
        chosen = samples.best(ll, starts)
        found["sure"][at] = np.minimum(samples.shares(ll, starts)[chosen], 1.0)
        found["hit"][at] = right[chosen]
        found["hit_norm"][at] = right[samples.best(ll / np.maximum(widths, 1), starts)]
        try:
            found["margin"][at] = samples.margin(ll, starts, right, widths)
        except ValueError as error:
            self._no_margin.add(str(error))

    def taken(self) -> dict[str, Any]:
        """What was kept of the rows so far, in arrays and plain values."""
        return {"columns": self._columns.taken(), "no_margin": sorted(self._no_margin)}

    def join(self, taken: list[dict[str, Any]]) -> None:
        """Put what was kept of the stretches of a file, in their order, together."""
        for each in taken:
            self._columns.add(**each["columns"])
            self._no_margin.update(each["no_margin"])

    def found(self, rows: Rows, kept: Places, notes: list[str]) -> Found:
        """The metrics over the rows that count. Raises UnreadableFile naming the first row that is wrong."""
        mine = rows.measured(kept)
        wrong, rights = self._columns.of("wrong")[mine], self._columns.of("right")[mine]
        if (bad := np.flatnonzero(wrong == Wrong.ROW)).size:
            document_of(row := rows.again(rows.place_of(mine[bad[0]])), self.config, self.path)
            stated_acc(row, self.path)
        if (bad := np.flatnonzero(wrong == Wrong.ACC)).size:
            if self.config.get("process_results"):
                notes.append("the task computes its own acc, its samples could not be verified; no continuous metric")
                return []
            raise self._contradicted(rows.again(rows.place_of(mine[bad[0]])))
        if (unknown := np.flatnonzero(rights == _UNKNOWN)).size:
            # Leaving out only the documents answered wrongly would flatter the model.
            first = rows.doc_ids[rows.place_of(mine[unknown[0]])]
            notes.append(
                f"the log does not say the right answer of {unknown.size} documents (the first is {first}); "
                "no continuous metric"
            )
            return []
        answered = rights > 0
        if left := int((~answered).sum()):
            notes.append(f"{left} documents have no right answer among their choices and were left out")
        if not answered.any():
            return []
        table = self._columns.at(mine[answered])
        self.items = _items_of({name: each[answered] for name, each in rows.identified(kept).items()}, table)
        return self._estimates(table, rows, mine[answered], notes)

    def _contradicted(self, row: Row) -> UnreadableFile:
        document, acc = document_of(row, self.config, self.path), stated_acc(row, self.path)
        lls = [request.ll for request in document.requests]
        again = float(lls.index(max(lls)) in (document.right or ()))
        why = f"acc is {acc:g}, recomputed from the log-likelihoods it is {again:g}"
        return UnreadableFile(str(self.path), row.where, why)

    def _estimates(self, table: dict[str, NDArray[Any]], rows: Rows, mine: Places, notes: list[str]) -> Found:
        answer = table["log_likelihood"]
        guess = METRICS["prob_choice"].model_copy(update={"chance": float(np.mean(table["guess"]))})
        found: Found = [
            (METRICS["log_likelihood"], samples.mean(answer)),
            (METRICS["prob_answer"], samples.mean(np.exp(answer))),
            (guess, samples.mean(table["prob_choice"])),
            (METRICS["log_prob_choice"], samples.mean(table["log_prob_choice"])),
            (METRICS["expected_calibration_error"], samples.calibration_error(table["sure"], table["hit"])),
        ]
        if not np.isnan(table["margin"]).any():
            found.append((METRICS["margin"], samples.mean(table["margin"])))
        else:
            notes.append(f"no margin: {min(self._no_margin)}")
        if table["right"].max() > 1:
            notes.append(
                "documents with several right answers: log-likelihood per byte or character, bits_per_byte and brier "
                "are not defined for them"
            )
            return found
        found += likelihood_columns(table, rows, mine, notes)
        found.append((METRICS["brier"], samples.mean(table["brier"])))
        return found


def _items_of(identified: dict[str, NDArray[Any]], table: dict[str, NDArray[Any]]) -> Items:
    return Items.of(
        **identified,
        ll=table["log_likelihood"],
        # Several right ones may have more than half together, and a wrong one be the likeliest all the same.
        log_share=np.where(table["right"] == 1, table["log_prob_choice"], np.nan),
        margin=table["margin"],
        right=table["hit"],
        right_norm=table["hit_norm"],
        length=table["characters"],
    )


def document_of(row: Row, config: Json, path: Path) -> Document:
    """The choices of one row and the right ones among them. Raises UnreadableFile naming row and field."""
    requests = requests_of(row, path)
    half = len(requests) // 2
    alone = requests[half:]
    if "acc_mutual_info" in row.body and len(requests) % 2 == 0 and all(r.context == "" for r in alone):
        requests = requests[:half]  # the second half is unconditional
    if len(requests) < 2:
        raise UnreadableFile(str(path), f"{row.where}, arguments", "fewer than two choices")
    right = right_answers(row, requests, config, path)
    return Document(requests, _deduced(row, requests, path) if right is None else right)


def _deduced(row: Row, requests: list[Request], path: Path) -> tuple[int, ...] | None:
    """The right answer as acc gives it away: the chosen one where it is 1, the other of two contexts where it is 0.

    Only of two contexts: a target that is none of the choices has acc 0 whatever the model says.
    """
    acc, lls = stated_acc(row, path), [request.ll for request in requests]
    chosen = lls.index(max(lls))
    if acc == 1:
        return (chosen,)
    return (1 - chosen,) if acc == 0 and len(requests) == 2 and several_contexts(requests) else None
