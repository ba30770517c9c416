"""Rows of a samples file of lm-eval: one (document, filter) each, checked before anything is computed from them."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, NamedTuple

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.strict import count_of, number_of, object_of

Json = dict[str, Any]
_INDEX = re.compile(r"-?[0-9]{1,9}")
ROUNDING = 1e-6
"""A log-likelihood may exceed 0 by this much: half precision rounds."""
LOWEST = -1e12
"""No text is this unlikely; a number below it is damage."""


LARGEST_ID = 2**53
"""Larger whole numbers are not kept exactly by every program that writes JSON."""


class Row(NamedTuple):
    """One line (or, in 0.4.2, one element of the array)."""

    where: str
    doc_id: int
    filter: str
    body: Json


class Request(NamedTuple):
    """What the model was asked to continue, the continuation, and what it made of it (nats)."""

    context: str
    continuation: str
    ll: float
    greedy: bool


def row_of(where: str, body: Any, path: Path) -> Row:
    """One row from its JSON. Raises UnreadableFile naming line and field."""
    row = object_of(body, path, where)
    doc_id = count_of(row.get("doc_id"), path, f"{where}, doc_id", least=0)
    if doc_id > LARGEST_ID:
        raise UnreadableFile(str(path), f"{where}, doc_id", f"{doc_id:.3g} is no number of a document")
    return Row(where, doc_id, str(row.get("filter", "none")), row)


def requests_of(row: Row, path: Path) -> list[Request]:
    """The requests of one row of a log-likelihood task. Raises UnreadableFile naming row and field."""
    asked, answers = _asked(row, path), row.body.get("filtered_resps")
    field = f"{row.where}, filtered_resps"
    if not isinstance(answers, list) or not answers or len(answers) != len(asked):
        count = len(answers) if isinstance(answers, list) else "no list of"
        raise UnreadableFile(str(path), field, f"{count} answers to {len(asked)} requests")
    found = []
    for i, (pair, answer) in enumerate(zip(asked, answers, strict=True)):
        parts = answer if isinstance(answer, list) else [answer, False]
        if len(parts) != 2:
            raise UnreadableFile(str(path), f"{field}[{i}]", "not a pair of log-likelihood and is_greedy")
        found.append(Request(*pair, _nats(parts[0], path, f"{field}[{i}]"), str(parts[1]) == "True"))
    return found


def _asked(row: Row, path: Path) -> list[tuple[str, str]]:
    given, field = row.body.get("arguments"), f"{row.where}, arguments"
    if isinstance(given, dict):
        given = [[each.get("arg_0"), each.get("arg_1", "")] for each in given.values() if isinstance(each, dict)]
    if not isinstance(given, list) or not given:
        raise UnreadableFile(str(path), field, "missing")
    pairs = []
    for i, pair in enumerate(given):
        context, continuation = [*pair, ""][:2] if isinstance(pair, list) and pair else (None, None)
        if not isinstance(context, str) or not isinstance(continuation, str):
            raise UnreadableFile(str(path), f"{field}[{i}]", "not a pair of texts (context, continuation)")
        pairs.append((context, continuation))
    return pairs


def _nats(body: Any, path: Path, field: str) -> float:
    """A log-likelihood; from 0.4.3 on a string."""
    try:
        ll = float(body) if isinstance(body, str) else number_of(body, path, field)
    except ValueError as error:
        raise UnreadableFile(str(path), field, f"{body[:40]!r} is not a log-likelihood") from error
    if not LOWEST <= ll <= ROUNDING:  # NaN is not either
        raise UnreadableFile(str(path), field, f"log-likelihood {body!s:.40} is not a finite number of at most 0")
    return min(ll, 0.0)


def stated_acc(row: Row, path: Path) -> float | None:
    """The row's own `acc`, None where the task does not measure it."""
    body = row.body.get("acc")
    if body is None:
        return None
    return float(body) if isinstance(body, bool) else number_of(body, path, f"{row.where}, acc")


def right_answers(row: Row, requests: list[Request], config: Json, path: Path) -> tuple[int, ...] | None:
    """Indices of the right choices; empty where the harness says there is none (-100), None where the log cannot tell.

    Order of the rules: several contexts with one continuation (Winogrande) name the answer in the field that
    `doc_to_text` names; an integer target is the index; a list the indices; a text the choice itself. Raises
    UnreadableFile when an index lies outside the choices.
    """
    target, k = row.body.get("target"), len(requests)
    if several_contexts(requests):
        document, name = row.body.get("doc"), config.get("doc_to_text")
        target = document.get(name) if isinstance(document, dict) and isinstance(name, str) else None
        target = target if _index(target) is not None or isinstance(target, list) else None
    if isinstance(target, str) and target.strip().startswith("["):
        target = listed_in(target)
    indices = [_index(each) for each in (target if isinstance(target, list) else [target])]
    if None in indices and isinstance(target, str):
        delimiter = str(config.get("target_delimiter", " "))
        texts = [choice_text(request, delimiter) for request in requests]
        indices = [texts.index(target)] if target in texts else [None]
    whole = [index for index in indices if index is not None]
    if len(whole) != len(indices):
        return None
    if any(index >= k for index in whole):
        raise UnreadableFile(str(path), f"{row.where}, target", f"{max(whole)} where there are {k} choices")
    return tuple(sorted({index for index in whole if index >= 0}))


def several_contexts(requests: list[Request]) -> bool:
    """Whether the choices are contexts before one and the same continuation, as in Winogrande."""
    return len(requests) > 1 and len({r.continuation for r in requests}) == 1 and len({r.context for r in requests}) > 1


def choice_text(request: Request, delimiter: str) -> str:
    """The continuation without the delimiter the harness put before it."""
    return request.continuation.removeprefix(delimiter)


def listed_in(target: str) -> Any:
    """The list that the harness wrote as text; the text itself where it is none."""
    try:
        found = ast.literal_eval(target.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return target
    return found if isinstance(found, list) and found else target


def _index(body: Any) -> int | None:
    if isinstance(body, str) and _INDEX.fullmatch(body.strip()):
        return int(body)
    return body if isinstance(body, int) and not isinstance(body, bool) else None
