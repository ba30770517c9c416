from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitor.science.dictionary import CATEGORIES, LINKS, Category, full
from monitor.science.forms import BY_NAME

each_category = pytest.mark.parametrize("category", CATEGORIES, ids=lambda c: c.name)


def test_categories_are_known_by_their_names() -> None:
    assert len({c.name for c in CATEGORIES}) == len(CATEGORIES) == 3 * len(LINKS)
    assert all(Category.named(c.name) == c for c in CATEGORIES)
    with pytest.raises(ValueError, match="no category of series; there are log-1"):
        Category.named("logit-1")


@each_category
def test_a_whole_dictionary_believes_in_every_form_alike(category: Category) -> None:
    d = full(category)
    for part in ("shape", "slope", "noise", "arrival"):
        weights, entries = getattr(d, f"{part}_weights"), getattr(d, f"{part}s")
        assert len(weights) == len(entries) == len(set(entries))
        assert sum(weights) == pytest.approx(1.0)
    forms: dict[str, float] = {}
    for (form, _), weight in zip(d.shapes, d.shape_weights, strict=True):
        forms[form] = forms.get(form, 0.0) + weight
    np.testing.assert_allclose(list(forms.values()), 1 / len(forms))
    assert all(BY_NAME[f].axes == category.axes and category.link in BY_NAME[f].links for f in forms)


@each_category
def test_shapes_come_in_the_order_of_their_entries(category: Category) -> None:
    d = full(category)
    u = np.repeat(np.array([[-3.0], [-1.0], [0.0], [1.0]]), category.axes, axis=1)
    table = d.basis(u, u[:3])
    assert table.shape == (len(d.shapes), 4)
    for i in range(0, len(d.shapes), max(1, len(d.shapes) // 9)):
        form, parameters = d.shapes[i]
        np.testing.assert_array_equal(table[i], BY_NAME[form].basis(u, np.array([parameters]), u[:3])[0])


def test_widening_is_a_staircase() -> None:
    d = replace(full(CATEGORIES[0]), widening=((0.0, 1.0), (0.5, 1.5), (2.0, 3.0)))
    np.testing.assert_array_equal(d.factor(np.array([-1.0, 0.0, 0.49, 0.5, 1.99, 2.0, 1e9])), [1, 1, 1, 1.5, 1.5, 3, 3])


@each_category
def test_sparse_leaves_out_the_light_and_keeps_proportions(category: Category) -> None:
    d = full(category)
    weights = np.geomspace(1.0, 1e-6, len(d.shapes))
    d = replace(d, shape_weights=tuple(weights / weights.sum()))
    small = d.sparse(1e-2)
    kept = len(small.shapes)
    assert kept == (weights >= 1e-2).sum()
    assert small.shapes == d.shapes[:kept]
    np.testing.assert_allclose(small.shape_weights, weights[:kept] / weights[:kept].sum())
    assert small.slopes == d.slopes
    assert small.temper == d.temper
