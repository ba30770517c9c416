"""What the continuous metrics of a checkpoint say its thresholded one should have been: the first link that applies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from checkpoints_db.records import Linked, Metric, Series, Verdict
from monitor.diagnosis.speaking import bare
from monitor.items import linked_by_items
from monitor.rungs import RESOLVED, on_floor, sampling_variance
from monitor.science.link import LEVELS, Ladder, ShareLaw, around, choice, fitted, item_product, mean_product, pass_law

VAGUE = 0.5
"""A fitted link whose 98 % band fills more of the range than this explains anything: another one is asked, and where
there is none, it neither excuses a score nor accuses it."""

MIN_MOVED = 3
UNKNOWN_SD = 3.0
"""Fewer rungs off the floor say nothing of how steeply the score follows: its law is then this wide, in logits."""

MOST_CHOICES = 20


@dataclass(frozen=True)
class Question:
    """One score to be explained: the verdicts of its checkpoint, and the smaller rungs by series."""

    c: Verdict
    t: Verdict
    own: Mapping[str, Verdict]
    """Every metric of the checkpoint by its bare name."""
    history: Mapping[str, Series]

    @property
    def n(self) -> float | None:
        """Items behind the score."""
        return None if self.t.n is None else items(self.t.metric, self.t.observed, self.t.stderr, self.t.n)

    @cached_property
    def curve(self) -> ShareLaw | None:
        """The monotone curve through the smaller rungs: asked for twice where it is vague."""
        return _curve(self)


def linked(c: Verdict, t: Verdict, verdicts: Sequence[Verdict], history: Mapping[str, Series]) -> Linked | None:
    """What the continuous metrics say the thresholded metric `t` should have been; None where no link applies.

    CANDIDATES in order: the first that has what it needs answers, with its law over the whole range of the metric;
    where none has, a fitted curve does that is `vague`.
    """
    lower, upper = t.metric.lower, t.metric.upper
    if lower is None or upper is None or t.metric.sign < 0:
        return None
    if any(v.series in history and v.metric.differs(history[v.series].metric) for v in (c, t)):
        return None  # per cent beside fractions: the smaller rungs say nothing of it
    asked = Question(c, t, {bare(v.metric.name): v for v in verdicts}, history)
    for method, candidate in CANDIDATES:
        law = candidate(asked)
        if law is not None:
            return _record(method, law, t, lower, upper)
    return None if asked.curve is None else _record("fitted", asked.curve, t, lower, upper)


def vague(link: Linked, t: Verdict) -> bool:
    """Whether the law of a fitted link is too wide to say what the score should have been."""
    lower, upper = t.metric.lower, t.metric.upper
    wide = lower is not None and upper is not None and link.upper - link.lower > VAGUE * (upper - lower)
    return link.method == "fitted" and wide


def _by_items(q: Question) -> ShareLaw | None:
    """What items as likely did on smaller rungs, where logs are kept item by item."""
    return linked_by_items(q.c, q.t, q.history)


def _answered(q: Question) -> ShareLaw | None:
    """Exact match by greedy decoding, from the mean probability of whole answers."""
    mean = q.own.get("prob_answer")
    name = bare(q.t.metric.name)
    if mean is None or (name.startswith("pass@") and name != "pass@1"):
        return None
    return item_product(mean.observed, q.n)


def _passed(q: Question) -> ShareLaw | None:
    """pass@k from the mean probability of whole answers and its spread over items."""
    mean, k = q.own.get("prob_answer"), bare(q.t.metric.name).removeprefix("pass@")
    if mean is None or not bare(q.t.metric.name).startswith("pass@") or not k.isdigit() or int(k) < 1:
        return None
    return pass_law(mean.observed, _spread(mean), int(k), q.n)


def _fitted(q: Question) -> ShareLaw | None:
    """A monotone curve through the smaller rungs, where they say enough."""
    law = q.curve
    if law is None:
        return None
    ends = law.quantile([LEVELS[0], LEVELS[-1]])
    return law if ends[1] - ends[0] <= VAGUE else None


def _curve(q: Question) -> ShareLaw | None:
    c, t = q.c, q.t
    lower, upper = t.metric.lower, t.metric.upper
    if c.series not in q.history or t.series not in q.history or lower is None or upper is None:
        return None
    width = upper - lower
    # By checkpoint: on two axes, or with every step in one series, a run is several rungs.
    values = {p.checkpoint: c.metric.sign * p.value for p in q.history[c.series].points}
    pairs = [p for p in q.history[t.series].points if p.checkpoint in values]
    if sum(not on_floor([p], t.metric) for p in pairs) < MIN_MOVED:
        return around(0.0, UNKNOWN_SD, q.n)
    best = c.metric.upper if c.metric.sign > 0 else c.metric.lower
    chance = 0.0 if t.metric.chance is None else min(max((t.metric.chance - lower) / width, 0.0), 0.95)
    return fitted(
        Ladder(
            np.array([values[p.checkpoint] for p in pairs]),
            np.array([(p.value - lower) / width for p in pairs]),
            np.array([items(t.metric, p.value, p.stderr, p.n) for p in pairs]),
            None if best is None else c.metric.sign * best,
            chance,
        ),
        c.metric.sign * c.observed,
        math.sqrt(sampling_variance(c.metric, c.observed, c.stderr, c.n) or 0.0),
        q.n,
    )


def _chosen(q: Question) -> ShareLaw | None:
    """Accuracy of multiple choice from the mean probability of the right choice; the number of choices from chance."""
    mean, chance = q.own.get("prob_choice"), q.t.metric.chance
    if mean is None or bare(q.t.metric.name).startswith("pass@"):
        return None
    if chance is None or not 1 / MOST_CHOICES <= chance <= 0.5:
        return item_product(mean.observed, q.n)
    return choice(mean.observed, round(1 / chance), q.n)


def _multiplied(q: Question) -> ShareLaw | None:
    """p**L with the spread of items, from the mean log-likelihood of whole answers."""
    mean = q.own.get("log_likelihood")
    if mean is None or bare(q.t.metric.name).startswith("pass@"):
        return None
    return mean_product(mean.observed, q.n, _spread(mean))


CANDIDATES: tuple[tuple[str, Callable[[Question], ShareLaw | None]], ...] = (
    ("items", _by_items),
    ("item_product", _answered),
    ("pass_at_k", _passed),
    ("fitted", _fitted),
    ("choice", _chosen),
    ("mean_product", _multiplied),
)
"""The links, best first: item by item where the checkpoint's own probabilities are known, then what its family did,
then what a model of any task would do."""


def items(metric: Metric, value: float, stderr: float | None, n: int | None) -> float:
    """Items that a score of the ladder is worth: those it has, fewer where its standard error says that they repeat."""
    lower, upper = metric.lower or 0.0, 1.0 if metric.upper is None else metric.upper
    width = upper - lower
    share = (value - lower) / width
    worth = math.inf if n is None else float(n)
    if stderr is not None and stderr > 0 and 0 < share < 1:
        worth = min(worth, share * (1 - share) * (width / stderr) ** 2)
    if math.isinf(worth):
        worth = max(share * (1 - share), 1e-3) / (0.5 * RESOLVED) ** 2
    return max(worth, 1.0)


def _spread(v: Verdict) -> float | None:
    """Standard deviation over items, from the standard error of their mean."""
    return None if v.stderr is None or v.n is None else v.stderr * math.sqrt(v.n)


def _record(method: str, law: ShareLaw, t: Verdict, lower: float, upper: float) -> Linked:
    width = upper - lower
    share = (t.observed - lower) / width
    at = [float(f"{lower + width * q:.9g}") for q in law.quantile(LEVELS)]
    return Linked.model_validate(
        {
            "method": method,
            "predicted": at[len(at) // 2],
            "lower": at[0],
            "upper": at[-1],
            "law": tuple(zip(LEVELS, at, strict=True)),
            "tail_above": _tail(law.sf(share)),
            "tail_below": _tail(law.cdf(share)),
        }
    )


def _tail(p: object) -> float:
    return float(f"{min(max(float(np.asarray(p)), 0.0), 1.0):.6g}")
