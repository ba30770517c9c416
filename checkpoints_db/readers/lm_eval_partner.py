"""Which results file, and which task of it, a samples file of lm-eval belongs to."""

from __future__ import annotations

import re
from pathlib import Path

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.lm_eval_log import Log

_NAMED = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(\.\d+)?)\.jsonl?", re.DOTALL)
_OLD = "results.json"
_LETTERS = re.compile(r"[^A-Za-z0-9]+")


def partner_of(path: Path) -> tuple[Log, str]:
    """The results file of a samples file, and the task.

    From 0.4.3 on both names end in the same time; 0.4.2 writes `results.json` and puts model arguments and task in
    the name of the samples. Raises IncompleteResult naming the file it waits for, UnreadableFile when two could be
    meant or the one that is there is of another model.
    """
    named = _NAMED.fullmatch(path.name)
    if named is None:
        return _old_partner(path)
    task, found = named["task"], partners(path)
    if not found[0].is_file():
        why = f"{found[0].name} beside it names the model and is not there"
        raise IncompleteResult(str(path), why, waits_for=found[0].name)
    if len(found) > 1:
        names = ", ".join(other.name for other in found)
        raise UnreadableFile(str(path), "", f"{len(found)} results files share its time: {names}; keep one")
    log = _opened(path, found[0])
    if task not in log.results:
        raise UnreadableFile(str(path), "", f"{found[0].name} has no task {task!r}")
    return log, task


def partners(path: Path) -> list[Path]:
    """The results files that the samples in `path` may belong to; where there is none, the one they wait for."""
    named = _NAMED.fullmatch(path.name)
    if named is None:
        return [path.parent / _OLD]
    wanted = path.parent / f"results_{named['time']}.json"
    return [wanted] if wanted.is_file() else sorted(path.parent.glob(f"*_{named['time']}.json")) or [wanted]


def _opened(path: Path, partner: Path) -> Log:
    """The partner; while that one is damaged, the samples wait for it rather than being damaged themselves."""
    try:
        return Log.open(partner)
    except (IncompleteResult, UnreadableFile) as error:
        why = f"the results file beside it cannot be read ({error})"
        raise IncompleteResult(str(path), why, waits_for=f"a whole {partner.name}") from error


def _old_partner(path: Path) -> tuple[Log, str]:
    wanted = path.parent / _OLD
    if not wanted.is_file():
        why = f"{_OLD} beside it names the model and is not there (its own name is not samples_<task>_<time>.jsonl)"
        raise IncompleteResult(str(path), why, waits_for=_OLD)
    log = _opened(path, wanted)
    tasks = [task for task in log.results if path.stem.endswith(f"_{task}")]
    if not tasks:
        why = f"{_OLD} has no task that its name ends in; another run may have overwritten it"
        raise UnreadableFile(str(path), "", why)
    task = max(tasks, key=len)
    written = log.config.get("model_args")
    if isinstance(written, str) and _bare(written) != _bare(path.stem.removesuffix(f"_{task}")):
        why = f"{_OLD} beside it is of {written!r}; lm-eval 0.4.2 overwrites that file, keep one folder per run"
        raise UnreadableFile(str(path), "", why)
    return log, task


def _bare(text: str) -> str:
    """Letters and digits only: the harness replaces what a file system refuses, each version in its own way."""
    return _LETTERS.sub("", text)
