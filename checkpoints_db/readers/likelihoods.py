"""Log-likelihoods of the choices of each document -> the continuous metrics, under the names every harness shares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from checkpoints_db import samples
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.likelihood_metrics import METRICS, Found
from checkpoints_db.readers.lm_eval_rows import LOWEST, ROUNDING
from checkpoints_db.readers.strict import number_of


class Asked(NamedTuple):
    """One document: the log-likelihood of each of its choices in nats, which are right, and what the right one weighs.

    `size`: UTF-8 bytes of the right answer, without the white space before it; 0 where the log does not say.
    """

    lls: tuple[float, ...]
    right: tuple[int, ...]
    size: int = 0


def nats_of(body: Any, path: Path, field: str) -> float:
    """A log-likelihood: finite, at most 0 (half precision rounds). Raises UnreadableFile naming `field`."""
    ll = number_of(body, path, field)
    if not LOWEST <= ll <= ROUNDING:
        raise UnreadableFile(str(path), field, f"log-likelihood {ll:g} is not a finite number of at most 0")
    return min(ll, 0.0)


def bytes_of(text: str, path: Path, field: str) -> int:
    """UTF-8 bytes of a text. Raises UnreadableFile naming `field` for half of a surrogate pair."""
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise UnreadableFile(str(path), field, "half of a surrogate pair is not text") from error


def continuous(documents: Sequence[Asked], *, choices: bool) -> Found:
    """log_likelihood, prob_answer and, where every byte count is known and one answer is right, the same per byte.

    `choices`: whether all choices of every document are there; then prob_choice too, and brier for one right answer.
    Every document needs a right answer.
    """
    lengths = [len(each.lls) for each in documents]
    starts = np.cumsum([0, *lengths[:-1]], dtype=np.intp)
    ll = np.array([one for each in documents for one in each.lls])
    right = np.array([i in each.right for each in documents for i in range(len(each.lls))])
    answer = np.minimum(samples.log_likelihood(ll, starts, right), 0.0)
    single = int(right.sum()) == len(documents)
    found: Found = [
        (METRICS["log_likelihood"], samples.mean(answer)),
        (METRICS["prob_answer"], samples.mean(np.exp(answer))),
    ]
    if single and all(each.size for each in documents):
        per_byte = samples.ratio(answer, [each.size for each in documents])
        found.append((METRICS["log_likelihood_per_byte"], per_byte))
    if choices and min(lengths) > 1:
        guess = METRICS["prob_choice"].model_copy(update={"chance": samples.chance(starts, right)})
        found.append((guess, samples.mean(samples.prob_choice(ll, starts, right))))
        if single:
            found.append((METRICS["brier"], samples.mean(samples.brier(ll, starts, right))))
    return found
