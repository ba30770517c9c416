"""The second process of `lm_eval_twin`: told a task, then stretches of a file, it answers with what they gave."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

from checkpoints_db.errors import EvidenceError
from checkpoints_db.readers.lm_eval_samples import measure_of
from checkpoints_db.readers.lm_eval_stretch import Stretch
from checkpoints_db.readers.lm_eval_twin import received, send


def answer(orders: IO[bytes], answers: IO[bytes]) -> None:
    """Go through one stretch after the other, until there are no more; of a damaged one the answer is nothing."""
    job = received(orders)
    path = Path(job["path"])
    send(answers, "ready")
    while True:
        try:
            start, end = received(orders)
        except ValueError:
            return
        stretch = Stretch(path, job["chosen"], measure_of(job["config"], path, words=job.get("words", False)))
        try:
            stretch.through_lines(start, end)
        except EvidenceError:
            send(answers, None)
        else:
            send(answers, stretch.taken())


if __name__ == "__main__":
    answer(sys.stdin.buffer, sys.stdout.buffer)
