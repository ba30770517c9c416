from __future__ import annotations

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.science import forms
from monitor.science.dictionary import CATEGORIES, LINKS, full
from monitor.science.forms import BY_NAME, FORMS, Form
from monitor.science.forms.base import span
from monitor.science.view import Ladder, view

FOLDER = Path(forms.__file__).parent
each_form = pytest.mark.parametrize("form", FORMS, ids=lambda f: f.name)


def steps(axes: int) -> np.ndarray:
    """From far below a ladder of four nats to three nats beyond it, along the diagonal of its axes."""
    return np.repeat(np.linspace(-4.0, 3.0, 57)[:, None], axes, axis=1)


def on_ladder(axes: int) -> np.ndarray:
    return np.repeat(np.array([[-4.0], [-2.5], [-1.0], [0.0]]), axes, axis=1)


@each_form
def test_a_grid_is_a_table_without_doubles(form: Form) -> None:
    assert {len(p) for p in form.grid} == {len(form.grid[0])}
    assert len(set(form.grid)) == len(form.grid)
    assert np.isfinite(np.array(form.grid)).all()


@each_form
def test_every_shape_is_finite_and_rises_with_scale(form: Form) -> None:
    z = form.basis(steps(form.axes), np.array(form.grid), on_ladder(form.axes))
    assert z.shape == (len(form.grid), 57)
    assert np.isfinite(z).all()
    assert (np.diff(z, axis=1) >= -1e-12).all()
    assert (z[:, -1] > z[:, 0]).all()


@pytest.mark.parametrize("form", [f for f in FORMS if f.axes == 2], ids=lambda f: f.name)
def test_two_axes_rise_along_each_of_them(form: Form) -> None:
    line, still = np.linspace(-4.0, 3.0, 29), np.full(29, -1.0)
    for u in (np.stack([line, still], axis=1), np.stack([still, line], axis=1)):
        z = form.basis(u, np.array(form.grid), on_ladder(2))
        assert (np.diff(z, axis=1) >= -1e-12).all()


@each_form
@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-9, 1e9))
def test_units_of_scale_do_not_matter(form: Form, factor: float) -> None:
    scale = np.exp(on_ladder(form.axes)) * 1e6
    y, unknown = np.array([0.1, 0.2, 0.3, 0.4]), np.full(4, np.nan)
    own = view(Ladder(scale, scale[:, 0], y, unknown)).u
    other = view(Ladder(factor * scale, factor * scale[:, 0], y, unknown)).u
    grid = np.array(form.grid)
    np.testing.assert_allclose(form.basis(other, grid, other), form.basis(own, grid, own), rtol=1e-9, atol=1e-9)


@each_form
def test_shapes_do_not_depend_on_each_other(form: Form) -> None:
    u, own = steps(form.axes), on_ladder(form.axes)
    whole = form.basis(u, np.array(form.grid), own)
    for i in (0, len(form.grid) // 2, len(form.grid) - 1):
        np.testing.assert_array_equal(form.basis(u, np.array(form.grid[i : i + 1]), own)[0], whole[i])


@each_form
def test_a_shape_at_a_scale_does_not_depend_on_the_other_targets(form: Form) -> None:
    u, own, grid = steps(form.axes), on_ladder(form.axes), np.array(form.grid)
    np.testing.assert_allclose(form.basis(u[40:41], grid, own)[:, 0], form.basis(u, grid, own)[:, 40], rtol=1e-13)


def test_one_file_a_form_and_one_line_a_file() -> None:
    files = {p.stem for p in FOLDER.glob("*.py")} - {"__init__", "base"}
    assert files == set(BY_NAME) == {f.name for f in FORMS}
    for name in files:
        module = importlib.import_module(f"monitor.science.forms.{name}")
        assert module.FORM is BY_NAME[name]
        doc = module.__doc__ or ""
        assert re.search(r">>> .*FORM\.basis\(", doc), f"{name}: its docstring has no number to check it by"
        assert (FOLDER / "__init__.py").read_text().count(f"monitor.science.forms.{name} import") == 1


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(FORMS)


@each_form
def test_a_form_says_where_it_is_tried(form: Form) -> None:
    assert form.axes in (1, 2)
    assert form.links
    assert set(form.links) <= set(LINKS)


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda c: c.name)
def test_every_category_has_something_log_linear(category) -> None:  # type: ignore[no-untyped-def]
    """Where nothing bends, nothing has to: power with c -> 0 on one axis, a plane on two."""
    d = full(category)
    u = on_ladder(category.axes)
    z = d.basis(u, u)
    bend = np.abs((z[:, 1] - z[:, 0]) / 1.5 - (z[:, 3] - z[:, 2]))
    assert bend.min() < 1e-5


U = np.linspace(-3.0, 2.0, 11)[:, None]
OWN = np.array([[-3.0], [-1.5], [0.0]])


def shape(name: str, *parameters: float, u: np.ndarray = U, own: np.ndarray = OWN) -> np.ndarray:
    return BY_NAME[name].basis(u, np.array([parameters]), own)[0]


@pytest.mark.parametrize("c", [-0.3, 0.5, 2.5])
def test_power_has_a_closed_form(c: float) -> None:
    np.testing.assert_allclose(shape("power", c), (1 - np.exp(-c * U[:, 0])) / c, rtol=1e-13, atol=1e-14)


def test_power_tends_to_log_linear() -> None:
    np.testing.assert_allclose(shape("power", 1e-6), U[:, 0], rtol=1e-5, atol=1e-12)


def test_negative_exponents_accelerate_and_positive_ones_saturate() -> None:
    fast, slow = (np.diff(shape("power", c)) for c in (-0.3, 0.5))
    assert (np.diff(fast) > 0).all()
    assert (np.diff(slow) < 0).all()
    assert shape("power", 0.5, u=np.array([[1e3]]))[0] == pytest.approx(2.0)  # the asymptote 1 / c


@pytest.mark.parametrize(("k", "c"), [(0.1, 0.3), (0.7, 1.1)])
def test_offset_is_the_log_of_a_power_law_above_a_floor(k: float, c: float) -> None:
    loss = 5.0 * (k + (1 - k) * np.exp(-c * U[:, 0]))
    np.testing.assert_allclose(shape("offset", k, c), np.log(5.0) - np.log(loss), rtol=1e-12, atol=1e-14)


def test_logistic_is_symmetric_about_its_middle() -> None:
    m = -1.5  # half of three nats
    d = np.array([[0.4], [1.0], [2.2]])
    low, high = (shape("logistic", -0.5, 0.7, u=m + side * d) for side in (-1, 1))
    np.testing.assert_allclose(low + high, 1.0, rtol=1e-14)


def test_take_off_is_flat_then_a_line_and_slow_down_is_what_is_left_of_one() -> None:
    u = np.array([[-9.0], [-8.0], [5.0], [6.0]])
    off, down = shape("take_off", -0.33, u=u), shape("slow_down", -0.33, 0.3, u=u)
    np.testing.assert_allclose(np.diff(off)[[0, 2]], [0.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(np.diff(down)[[0, 2]], [1.0, 0.3], atol=1e-9)
    np.testing.assert_allclose(u[:, 0] - 0.7 * off, down, rtol=1e-13)


@pytest.mark.parametrize("name", ["logistic", "take_off", "slow_down"])
def test_bends_are_placed_in_spans_of_the_ladder(name: str) -> None:
    """A ladder of twice the nats has its bend twice as far back."""
    parameters = {"logistic": (-0.65, 0.5), "take_off": (-0.57,), "slow_down": (-0.57, 0.3)}[name]
    steepest = [
        u[int(np.argmax(np.abs(np.diff(shape(name, *parameters, u=u, own=own), 1 if name == "logistic" else 2))))][0]
        for own in (OWN, 2 * OWN)
        for u in [np.linspace(-7, 1, 801)[:, None]]
    ]
    assert steepest[1] == pytest.approx(2 * steepest[0], abs=0.03)


def test_a_plane_is_a_plane() -> None:
    u = np.array([[-1.0, -2.0], [0.5, 3.0]])
    np.testing.assert_allclose(shape("plane", 1.0, 0.25, u=u), u @ [1.0, 0.25], rtol=1e-15)


def test_the_joint_law_is_chinchilla() -> None:
    """L = E + A N^-a + B D^-b with r = B D0^-b / (A N0^-a) and E a share k of the loss at the corner."""
    n, d = np.array([1e8, 1e9]), np.array([2e9, 2e10])
    E, A, B, a, b = 1.69, 406.4, 410.7, 0.34, 0.28
    loss = E + A * n**-a + B * d**-b
    r = B * d[-1] ** -b / (A * n[-1] ** -a)
    k = E / loss[-1]
    u = np.stack([np.log(n / n[-1]), np.log(d / d[-1])], axis=1)
    found = shape("joint_offset", a, b, r, k, u=u, own=u)
    np.testing.assert_allclose(found, np.log(loss[-1]) - np.log(loss), rtol=1e-12, atol=1e-14)
    reducible = shape("joint_power", a, b, r, u=u, own=u)
    np.testing.assert_allclose(reducible, -(loss - E) / (loss[-1] - E), rtol=1e-12)


def test_a_joint_sigmoid_is_half_way_where_it_says() -> None:
    """m = 0.2: a fifth of the reducible loss's span above its least value on the ladder."""
    own = np.array([[-3.0, -3.0], [0.0, 0.0]])
    q = -shape("joint_power", 0.35, 0.35, 0.6, u=own, own=own)
    aim = q.min() + 0.2 * np.ptp(q)
    at = np.full((1, 2), -np.log(aim) / 0.35)
    assert shape("joint_sigmoid", 0.35, 0.35, 0.6, 0.2, 0.3, u=at, own=own)[0] == pytest.approx(0.5, abs=1e-12)


def test_a_ladder_of_one_scale_still_has_a_span() -> None:
    assert span(np.zeros((3, 1))) == 0.3
