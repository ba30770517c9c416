"""Per-sample logs of lm-evaluation-harness 0.4.x -> continuous metrics of one task.

0.4.3 and later write JSON lines with every leaf a string; 0.4.2 wrote one JSON array. The rows carry no model name:
it is in the results file beside them (`lm_eval_partner`). Continuous metrics per output type:

| output type | metrics |
|---|---|
| multiple_choice | log_likelihood, prob_answer, prob_choice, log_prob_choice, margin, expected_calibration_error |
| the same, one right answer | also log-likelihood per size, brier |
| loglikelihood | log_likelihood, log-likelihood per size, prob_answer |
| loglikelihood_rolling | log_likelihood, log-likelihood per size |
| generate_until | edit_distance_characters, edit_distance_words, pass@k (`lm_eval_generated`): there is no likelihood |

Per size: log_likelihood_per_byte, log_likelihood_per_character, bits_per_byte.

Before anything is derived, acc is recomputed and must equal the row's own acc on every row. A file is gone through in
blocks, so that its size does not matter: what stays in memory are a few numbers for each document.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from checkpoints_db.items import ItemLog, Items
from checkpoints_db.readers.likelihood_metrics import Found
from checkpoints_db.readers.lm_eval_answers import Answers
from checkpoints_db.readers.lm_eval_choices import Choices
from checkpoints_db.readers.lm_eval_file import Rows, first_of
from checkpoints_db.readers.lm_eval_generated import Generated
from checkpoints_db.readers.lm_eval_log import Json
from checkpoints_db.readers.lm_eval_partner import partner_of
from checkpoints_db.readers.lm_eval_stretch import Measure, Places
from checkpoints_db.readers.strict import reading_of
from checkpoints_db.records import Reading


class Counted:
    """Rows of an output type nothing is computed from; they are counted all the same."""

    def __init__(self, config: Json, path: Path) -> None:
        self.typed = dict[str, type]()
        self._sort = config.get("output_type")
        self.items: Items | None = None
        del path

    def block(self, rows: object, mine: object) -> bool:
        """Any rows will do."""
        return True

    def fast(self, row: object) -> bool:
        """Any row will do."""
        return True

    def strict(self, row: object) -> None:
        """Any row will do."""

    def passed(self, row: object) -> None:
        """Any row will do."""

    def settle(self) -> None:
        """Nothing was kept."""

    def taken(self) -> dict[str, object]:
        """Nothing was kept."""
        return {}

    def join(self, taken: object) -> None:
        """Nothing was kept."""

    def found(self, rows: Rows, kept: Places, notes: list[str]) -> Found:
        """Nothing."""
        notes.append(f"output type {self._sort!r} is not known; no continuous metric")
        return []


_MEASURES: dict[object, type[Choices | Answers | Generated]] = {
    "multiple_choice": Choices,
    "loglikelihood": Answers,
    "loglikelihood_rolling": Answers,
    "generate_until": Generated,
}


def readings_of(path: Path) -> tuple[tuple[Reading, ...], tuple[str, ...], tuple[ItemLog, ...]]:
    """The continuous readings of one samples file, notes on what it could not give, and its items.

    Raises IncompleteResult when rows or the results file are missing, UnreadableFile naming the row otherwise.
    """
    log, task = partner_of(path)
    notes: list[str] = []
    counts, config, filters = log.samples(task), log.config_of(task), log.filters(task)
    chosen = first_of(filters or {"none"})
    while True:
        rows = Rows(path, chosen, partial(measure_of, config, path), {"config": config})
        notes = []
        kept = rows.once(notes)
        named = rows.counted(kept, counts and counts[1], filters)
        if named == chosen:
            break
        chosen = named  # the results file has other filters than the rows: they are measured in a second pass
    if isinstance(rows.measure, Generated) and rows.measure.again:
        make = partial(measure_of, config, path, words=True)
        rows = Rows(path, chosen, make, {"config": config, "words": True})
    if counts is None:
        notes.append("the results file does not say how many documents were asked; rows could not be counted")
    if isinstance(rows.measure, Generated):
        notes.append("a generation task, its samples hold no likelihood; log the answer with a log-likelihood task too")
    shared = {
        "task": task,
        "model": log.model,
        "params": log.params,
        "date": log.date,
        "harness": log.harness,
        "conditions": log.conditions(task),
        "terms": log.terms(task),
        "remarks": log.remarks(task),
    }
    readings = tuple(
        reading_of(
            path,
            f"{task} · {metric.name}",
            {**shared, "metric": metric, "value": estimate.value, "stderr": estimate.stderr, "n": estimate.n},
        )
        for metric, estimate in rows.measure.found(rows, kept, notes)
    )
    items = rows.measure.items
    logs = () if items is None else (ItemLog(task=task, conditions=log.conditions(task), data=items.packed()),)
    if items is not None and items.sampled:
        notes.append(f"of {items.asked} documents a seeded sample of {len(items)} is kept item by item")
    return readings, tuple(f"{task}: {note}" for note in notes), logs


def measure_of(config: Json, path: Path, *, words: bool = False) -> Measure:
    """What is computed from the rows of a task, by its output type. `words`: as `Generated` has it."""
    sort = config.get("output_type")
    kind = _MEASURES.get(sort, Counted) if isinstance(sort, str) else Counted
    return Generated(config, path, words=words) if kind is Generated else kind(config, path)
