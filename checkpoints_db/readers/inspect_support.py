"""What stands behind a metric an Inspect log states: its standard error and n, recomputed from the samples.

The log's own standard error is taken where the samples cannot give it: no samples, a reducer or metric of somebody's
own, scores that are no numbers, or an error clustered by a field of the samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from checkpoints_db import samples
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.inspect_container import Container
from checkpoints_db.readers.inspect_samples import Sample, likelihoods, reducer_of, scored
from checkpoints_db.readers.strict import count_of, number_of
from checkpoints_db.samples import Estimate

Json = dict[str, Any]
_MEANS = ("accuracy", "mean")


class Support(NamedTuple):
    """Standard error and n of a value, and what speaks against it."""

    stderr: float | None
    n: int | None
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def supported(log: Container, score: Json, key: str, value: float) -> Support:
    """The support of the metric `key` of `score`, which the log says is `value`.

    Where the samples give another value, the reading is kept and marked `contradicted`. Raises UnreadableFile.
    """
    body = score["metrics"][key]
    again, sure = _again(log, score, key)
    if again is not None and math.isclose(again.value, value, rel_tol=1e-6, abs_tol=1e-9):
        clustered = _clustered(log, score) if body.get("group") is None else None
        return Support(max(filter(None, (again.stderr, clustered)), default=again.stderr), again.n)
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    if again is not None and sure:
        remarks = ("contradicted",)
        notes = (f"the log says {value:g}, its samples give {again.value:g}; kept, and marked",)
    if body.get("group") is not None or body.get("name") not in _MEANS:
        return Support(None, None if body.get("group") is not None else _n(log, score), remarks, notes)
    return Support(_stated(log, score), _n(log, score), remarks, notes)


def _again(log: Container, score: Json, key: str) -> tuple[Estimate | None, bool]:
    """The value as the samples give it, and whether the harness must have got the same."""
    body = score["metrics"][key]
    params = _params(body)
    inner = params["metric"].get("name") if isinstance(params.get("metric"), dict) else body.get("name")
    if inner in ("perplexity_per_token", "perplexity_per_seq"):
        return _perplexity(log, score, str(inner)), False
    reduce = reducer_of(score["reducer"] or "mean")
    if inner not in _MEANS or reduce is None:
        return None, False
    grouped = body.get("group") is not None
    name, scorer = score["name"], score["scorer"]
    given = scored(log.samples, name, scorer, _group(log, params, key)) if grouped else log.scored(name, scorer)
    if given.unclear or not given.values:
        return None, False
    estimate = samples.mean([reduce(values) for values in given.values.values()])
    return estimate, not grouped and not given.unscored and not log.remarks


def _perplexity(log: Container, score: Json, name: str) -> Estimate | None:
    """exp of a mean negative log-likelihood; its standard error by the delta method."""
    found = likelihoods(log.samples, score["scorer"], log.header.path)
    if found is None:
        return None
    if name == "perplexity_per_token":
        inner = samples.ratio(found.sums, found.tokens)
    else:
        inner = samples.mean([total / tokens for total, tokens in zip(found.sums, found.tokens, strict=True)])
    try:
        value = math.exp(-inner.value)
    except OverflowError:
        return None
    return Estimate(value, None if inner.stderr is None else value * inner.stderr, inner.n)


def _params(body: Json) -> Json:
    params = body.get("params")
    return params if isinstance(params, dict) else {}


def _every(_sample: Sample) -> bool:
    return True


def _group(log: Container, params: Json, key: str) -> Callable[[Sample], bool]:
    """Which samples a group holds: those whose metadata says so; all of them for a key that nobody has."""
    field = str(params.get("group_key"))

    def belongs(sample: Sample) -> bool:
        said = sample.metadata.get(field)
        return isinstance(said, str | int | float) and str(said) == key

    return belongs if any(map(belongs, log.samples)) else _every


def _clustered(log: Container, score: Json) -> float | None:
    """The stated standard error, where it was clustered: then it knows what the samples do not show."""
    body = score["metrics"].get("stderr", {})
    return _stated(log, score) if _params(body).get("cluster") else None


def _stated(log: Container, score: Json) -> float | None:
    value = score["metrics"].get("stderr", {}).get("value")
    if value is None or (isinstance(value, float) and not math.isfinite(value)) or (_n(log, score) or 0) < 2:
        return None  # of one sample the harness says 0, which is no standard error
    stderr = number_of(value, log.header.path, "results.scores.metrics.stderr.value")
    if stderr < 0:
        raise UnreadableFile(str(log.header.path), "results.scores.metrics.stderr.value", f"{stderr:g} is negative")
    return stderr


def _n(log: Container, score: Json) -> int | None:
    count = score.get("scored_samples")
    return None if not count else count_of(count, log.header.path, "results.scores.scored_samples", least=1)
