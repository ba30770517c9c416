"""Small ladders with known numbers: two families of tiny transformers, and the size ladder of GPT-3 (Brown et al.
2020)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from checkpoints_db.records import Checkpoint, Metric, Point, Result, Sealed, Series
from monitor.forecasting import forecast

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)

EXACT = Metric(name="exact_match", kind="thresholded", lower=0, upper=1)
LIKELIHOOD = Metric(name="log_likelihood_per_byte", kind="continuous", upper=0)
PROBABILITY = Metric(name="prob_answer", kind="continuous", lower=0, upper=1)

FACTS_X = (1.03e11, 2.3e11, 4.074e11, 6.35e11, 9.13e11, 1.62e12)
FACTS_LIKELIHOOD = (-2.549, -2.313, -1.96, -1.524, -1.205, -0.3112)
FACTS_LIKELIHOOD_SE = (0.018, 0.024, 0.029, 0.032, 0.02, 0.022)
FACTS_EXACT = (0.0, 0.0, 0.0, 0.0, 0.005, 0.55)
FACTS_PROBABILITY = (8.125e-07, 5.423e-06, 8.462e-05, 0.001629, 0.002894, 0.4137)

SKILLS_X = (3.055e11, 6.848e11, 1.215e12, 2.729e12, 4.846e12)
SHIFT_LIKELIHOOD = (-0.5916, -0.6933, -0.6837, -0.694, -0.0006194)
SHIFT_LIKELIHOOD_SE = (0.0081, 0.00043, 0.0026, 0.00044, 5.1e-05)
SHIFT_EXACT = (0.098, 0.08, 0.066, 0.068, 1.0)
REVERSE_LIKELIHOOD = (-0.7083, -1.381, -0.6728, -0.0001106, -0.0002502)
REVERSE_LIKELIHOOD_SE = (0.0015, 0.0018, 0.004, 1e-05, 1.5e-05)
REVERSE_EXACT = (0.052, 0.002, 0.104, 1.0, 1.0)

GPT3_X = (2.25e20, 6.41e20, 1.37e21, 2.38e21, 4.77e21, 1.2e22, 2.31e22, 3.14e23)
GPT3_SMOOTH = {
    "HellaSwag zero-shot": (0.337, 0.436, 0.51, 0.547, 0.628, 0.674, 0.709, 0.789),
    "HellaSwag few-shot": (0.335, 0.431, 0.513, 0.549, 0.629, 0.673, 0.713, 0.793),
    "PIQA zero-shot": (0.646, 0.702, 0.729, 0.751, 0.756, 0.78, 0.785, 0.81),
    "PIQA few-shot": (0.643, 0.694, 0.72, 0.743, 0.754, 0.778, 0.799, 0.823),
    "TriviaQA zero-shot": (0.0415, 0.0761, 0.14, 0.197, 0.313, 0.387, 0.418, 0.643),
    "TriviaQA few-shot": (0.0696, 0.163, 0.265, 0.321, 0.423, 0.516, 0.575, 0.712),
    "LAMBADA few-shot": (0.22, 0.404, 0.632, 0.57, 0.781, 0.791, 0.813, 0.864),
}
GPT3_JUMPS = {
    "2D+ zero-shot": (0.007, 0.0065, 0.007, 0.0085, 0.011, 0.0254, 0.154, 0.769),
    "2D+ few-shot": (0.02, 0.041, 0.035, 0.045, 0.089, 0.119, 0.555, 1.0),
    "2D- few-shot": (0.0115, 0.0145, 0.0225, 0.027, 0.0735, 0.136, 0.524, 0.989),
    "3D+ few-shot": (0.0015, 0.0045, 0.003, 0.0055, 0.0075, 0.009, 0.084, 0.804),
    "3D- zero-shot": (0.0005, 0.0005, 0.0005, 0.0005, 0.0005, 0.0045, 0.0135, 0.483),
    "4D+ few-shot": (0.0, 0.0005, 0.0005, 0.0, 0.0015, 0.0015, 0.004, 0.255),
    "4D- zero-shot": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.001, 0.075),
    "5D+ few-shot": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0005, 0.093),
    "5D- zero-shot": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.008),
    "2Dx few-shot": (0.0135, 0.029, 0.027, 0.0285, 0.0425, 0.061, 0.0705, 0.292),
    "Symbol Insertion few-shot": (0.0011, 0.0028, 0.0219, 0.0418, 0.0661, 0.11, 0.273, 0.672),
}


def result(
    metric: Metric,
    x: float | None,
    value: float,
    *,
    task: str = "task",
    stderr: float | None = None,
    n: int | None = None,
    remarks: tuple[str, ...] = (),
    run: str = "big",
) -> Result:
    """One result of family `f` at `x` FLOP."""
    at = Checkpoint(family="f", run=run, model=run, flop=x, params=None if x else 1.0)
    return Result(task=task, metric=metric, value=value, stderr=stderr, n=n, remarks=remarks, checkpoint=at)


def series(
    metric: Metric,
    x: Sequence[float],
    y: Sequence[float],
    *,
    task: str = "task",
    stderr: Sequence[float] | None = None,
    n: int | None = None,
) -> Series:
    """A series of family `f` along FLOP, with the id that `result` has."""
    points = tuple(
        Point(
            run=f"r{i}", checkpoint=f"f/r{i}", x=at, value=value, stderr=stderr[i] if stderr else None, n=n, result="r"
        )
        for i, (at, value) in enumerate(zip(x, y, strict=True))
    )
    made = result(metric, 1.0, y[0], task=task)
    return Series(
        id=made.series, family="f", task=task, metric=metric, stage="", conditions="", axis="flop", points=points
    )


def seal(of: Series) -> Sealed:
    """The forecast of a series, sealed."""
    return Sealed(forecast=forecast(of), at=AT, seq=1)
