"""Log-likelihood tasks in a samples file of lm-eval: one request a document, for a text or a whole one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from checkpoints_db import samples
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.items import UNKNOWN, Items
from checkpoints_db.readers.likelihood_metrics import METRICS, Found
from checkpoints_db.readers.lm_eval_columns import Columns, Wrong, likelihood_columns, size_of
from checkpoints_db.readers.lm_eval_file import Rows
from checkpoints_db.readers.lm_eval_log import Json
from checkpoints_db.readers.lm_eval_rows import LOWEST, ROUNDING, Row, choice_text, requests_of, stated_acc
from checkpoints_db.readers.lm_eval_shape import Pair
from checkpoints_db.readers.lm_eval_stretch import Places


class Answers:
    """The rows of a log-likelihood task, measured block by block."""

    def __init__(self, config: Json, path: Path) -> None:
        self.path = path
        self._rolling = config["output_type"] == "loglikelihood_rolling"
        self._checked = not self._rolling and not config.get("process_results")
        self._delimiter = str(config.get("target_delimiter", " "))
        self.typed = {"arguments": dict, "filtered_resps": list[str] if self._rolling else list[Pair], "acc": float}
        self._columns = Columns("log_likelihood", "wrong", "bytes", "characters", "greedy")
        self.items: Items | None = None
        self._clear()

    def _clear(self) -> None:
        self._lls, self._wrong, self._bytes, self._characters = list[float](), list[int](), list[int](), list[int]()
        self._greedy = list[bool]()

    def _take(self, ll: float, text: str, greedy: bool, wrong: int = 0) -> None:
        self._lls.append(ll)
        self._greedy.append(greedy)
        self._wrong.append(wrong)
        self._bytes.append(size_of(text))
        self._characters.append(len(text))

    def block(self, rows: list[Any], mine: list[Any]) -> bool:
        """One row after the other is fast enough: each has one text."""
        return False

    def fast(self, row: Any) -> bool:
        """Take a row with one request and one answer."""
        answers = row.filtered_resps
        if answers is None or len(answers) != 1 or len(row.arguments) != 1:
            return False
        (asked,) = row.arguments.values()
        text = asked.arg_0 if self._rolling else asked.arg_1
        said, greedy = (answers[0], "") if self._rolling else (answers[0].ll, answers[0].greedy)
        try:
            ll = float(said)
        except ValueError:
            return False
        odd = self._checked and row.acc is not None and row.acc != float(greedy == "True")
        if odd or asked.arg_0 is None or text is None or not LOWEST <= ll <= ROUNDING:
            return False
        self._take(min(ll, 0.0), text if self._rolling else text.removeprefix(self._delimiter), greedy == "True")
        return True

    def strict(self, row: Row) -> None:
        """Take a row as it comes; of one that is wrong only that."""
        try:
            self._take(*self._answer(row))
        except UnreadableFile:
            self._take(0.0, "", greedy=False, wrong=Wrong.ROW)

    def _answer(self, row: Row) -> tuple[float, str, bool]:
        requests = requests_of(row, self.path)
        if len(requests) != 1:
            why = f"{len(requests)} requests where there is one"
            raise UnreadableFile(str(self.path), f"{row.where}, arguments", why)
        request, acc = requests[0], stated_acc(row, self.path)
        if self._checked and acc is not None and acc != float(request.greedy):
            raise UnreadableFile(str(self.path), row.where, f"acc is {acc:g}, but is_greedy is {request.greedy}")
        text = request.context if self._rolling else choice_text(request, self._delimiter)
        return request.ll, text, request.greedy

    def passed(self, row: Any) -> None:
        """Likelihoods are the same under every filter."""

    def settle(self) -> None:
        """Keep the numbers of one block."""
        self._columns.add(log_likelihood=self._lls, wrong=self._wrong, bytes=self._bytes, characters=self._characters)
        self._columns.add(greedy=np.array(self._greedy, dtype=np.int8))
        self._clear()

    def taken(self) -> dict[str, Any]:
        """What was kept of the rows so far, in arrays and plain values."""
        return {"columns": self._columns.taken()}

    def join(self, taken: list[dict[str, Any]]) -> None:
        """Put what was kept of the stretches of a file, in their order, together."""
        for each in taken:
            self._columns.add(**each["columns"])

    def found(self, rows: Rows, kept: Places, notes: list[str]) -> Found:
        """The metrics over the rows that count. Raises UnreadableFile naming the first row that is wrong."""
        mine = rows.measured(kept)
        table = self._columns.at(mine)
        if (bad := np.flatnonzero(table["wrong"])).size:
            self._answer(rows.again(rows.place_of(mine[bad[0]])))
        lls = table["log_likelihood"]
        right = np.full(lls.size, UNKNOWN) if self._rolling else table["greedy"]
        self.items = Items.of(**rows.identified(kept), ll=lls, right=right, length=table["characters"])
        found = [(METRICS["log_likelihood"], samples.mean(lls)), *likelihood_columns(table, rows, mine, notes)]
        return found if self._rolling else [*found, (METRICS["prob_answer"], samples.mean(np.exp(lls)))]
