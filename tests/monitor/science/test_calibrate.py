"""Widths from past misses: as wide as what was missed asks for, and never narrower."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from monitor.science.calibrate import DISTANCES, FACTORS, PATIENCE, widening
from monitor.science.dictionary import Category, Dictionary, full
from monitor.science.discrepancy import Noise
from monitor.science.fit import group
from monitor.science.law import Law
from monitor.science.learn import splits
from monitor.science.predict import Targets, mixtures
from monitor.science.view import Ladder, View, view

SCALE = np.exp(np.arange(8.0) * 0.8)


def believing(wander: float) -> Dictionary:
    """One straight shape, one noise, everything that is predicted arrives."""
    return replace(
        full(Category("free", 1, dense=False)),
        shapes=(("power", (0.1,)),),
        shape_weights=(1.0,),
        slopes=((2.0, 0.0),),
        slope_weights=(1.0,),
        noises=(Noise(wander, 0.0, 1.0, 1.0),),
        noise_weights=(1.0,),
        arrivals=(1.0,),
        arrival_weights=(1.0,),
    )


def ladders(sd: float, n: int = 80, seed: int = 0) -> list[View]:
    """Straight ladders with independent noise of `sd`, in units of their spread about."""
    rng = np.random.default_rng(seed)
    steps = np.linspace(0.0, 3.0, SCALE.size)
    values = [steps * rng.choice([-1.0, 1.0]) + sd * rng.standard_normal(SCALE.size) for _ in range(n)]
    return [view(Ladder(SCALE[:, None], SCALE, v, np.full(SCALE.size, np.nan))) for v in values]


def test_laws_that_are_wide_enough_are_left_alone() -> None:
    assert {f for _, f in widening(ladders(0.05), believing(0.4))} == {1.0}


def test_laws_that_are_too_narrow_are_widened_until_they_hold() -> None:
    views, narrow = ladders(0.4), believing(0.1)
    found = widening(views, narrow)
    assert [d for d, _ in found] == list(DISTANCES)
    # Nearly four times as narrow as what came, and asked to hold four in five.
    assert found[0] == (0.0, 1.0)  # no rung so near was hidden
    assert all(f > 1.5 for _, f in found[1:])
    held, held_before = (_held(views, d) for d in (replace(narrow, widening=found), narrow))
    assert held_before < 0.5
    assert held > held_before + 0.2


def test_few_ladders_move_little_and_none_nothing() -> None:
    narrow = believing(0.1)
    many, few = (dict(widening(ladders(0.4, n), narrow)) for n in (80, 3))
    assert 1.0 < few[1.0] < 1 + 3 / (3 + PATIENCE) * (FACTORS[-1] - 1) + 1e-3 < many[1.0]
    before = replace(narrow, widening=((0.0, 1.0), (1.0, 1.7)))
    assert widening([], before) == before.widening


def test_what_was_learnt_before_is_where_it_starts() -> None:
    before = replace(believing(0.4), widening=((0.0, 2.0),))
    # Twenty-five ladders say 1, and weigh as much as what stood there.
    assert widening(ladders(0.05, 25), before) == ((0.0, 2.0), *((d, 1.5) for d in DISTANCES[1:]))


def _held(views: list[View], d: Dictionary) -> float:
    inside = []
    for v in views:
        for s in splits(v):
            at = Targets(s.u, s.c, np.zeros((1, s.c.size)))
            m = mixtures(group([s.seen], d), s.seen.better, at)
            for j, z in enumerate(s.z):
                law = Law(s.seen, m.weight[0, j], m.mean[0, j], m.scale[0, j])
                low, high = s.seen.forward(law.quantile([0.1, 0.9]))
                inside.append(low <= z <= high)
    return float(np.mean(inside))
