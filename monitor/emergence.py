"""A series -> the emergence figures of the literature, with what they are figures of: shown, never judged by."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from checkpoints_db.records import Kind, Point, Record, Series
from checkpoints_db.records.evidence import Name
from checkpoints_db.samples import success_rate
from monitor.science.emergence import figures

FLAT = "undefined: median step is zero"
NO_GAIN = "undefined: no gain"


class Emergence(Record):
    """Emergence figures of one metric in one family at the sizes that are named; None where one is undefined."""

    family: Name
    task: Name
    metric: Name
    kind: Kind
    sizes: Annotated[tuple[str, ...], Field(min_length=2)]
    """Runs, smallest first; each at its largest checkpoint."""
    gain: float
    """Signed range, more capability being more."""
    breakthroughness: float | None
    linearity: float | None
    last_step: float | None
    """Share of the gain that the step to the last size made."""
    undefined: dict[str, str] = Field(default_factory=dict)
    """Figure -> why it has none."""
    at_most: float | None = None
    """95 % bound of the rate at the last size, where nothing succeeded there."""

    @property
    def sentence(self) -> str:
        """All of it in one line: no figure goes without metric, family and sizes."""
        told = [
            f"{what} {self.undefined.get(name) or f'{getattr(self, name):.3g}'}"
            for what, name in (("breakthroughness", "breakthroughness"), ("linearity", "linearity"))
        ]
        last = self.undefined.get("last_step") or f"{self.last_step:.0%} of it"
        if self.at_most is not None:
            last += f"; none right at {self.sizes[-1]}, so a rate of at most {self.at_most:.2g} (95 %)"
        return (
            f"{self.task} · {self.metric} ({self.kind}) of {self.family} at {len(self.sizes)} sizes, {self.sizes[0]} "
            f"to {self.sizes[-1]}: gain {self.gain:.3g}, {', '.join(told)}, last step {last}; not judged by"
        )


def emergence(series: Series, up_to: float | None = None) -> Emergence | None:
    """The figures of `series`, of scales not beyond `up_to` where one is named; None with fewer than two sizes.

    Of each run its largest checkpoint counts; runs of one scale are one size, their mean.
    """
    last = {p.run: p for p in series.points if up_to is None or p.x <= up_to * (1 + 1e-9)}
    sizes: list[list[Point]] = []
    for p in sorted(last.values(), key=lambda p: p.x):
        if sizes and p.x <= sizes[-1][0].x * (1 + 1e-6):
            sizes[-1].append(p)
        else:
            sizes.append([p])
    if len(sizes) < 2:
        return None
    told = figures(series.metric.sign * np.array([float(np.mean([p.value for p in size])) for size in sizes]))
    values = {name: _known(getattr(told, name)) for name in ("breakthroughness", "linearity", "last_step")}
    why = {"breakthroughness": FLAT, "linearity": NO_GAIN, "last_step": NO_GAIN}
    return Emergence(
        family=series.family,
        task=series.task,
        metric=series.metric.name,
        kind=series.metric.kind,
        sizes=tuple(" and ".join(p.run for p in size) for size in sizes),
        gain=float(told.gain),
        **values,
        undefined={name: why[name] for name, value in values.items() if value is None},
        at_most=_at_most(series, sizes[-1]),
    )


def _known(figure: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float | None:
    return float(figure) if np.isfinite(figure) else None


def _at_most(series: Series, size: list[Point]) -> float | None:
    # Zero of few is not zero.
    metric = series.metric
    counted = metric.kind == "thresholded" and (metric.lower, metric.upper) == (0, 1) and metric.sign > 0
    n = sum(p.n or 0 for p in size)
    if not counted or n == 0 or any(p.n is None or p.value > 0 for p in size):
        return None
    return success_rate([0], [n]).upper
