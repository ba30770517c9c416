from __future__ import annotations

import numpy as np
import pytest

from monitor.science.forms import BY_NAME, FORMS, Form


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.name)
def test_every_form_is_zero_at_the_last_rung_and_finite_far_from_it(form: Form) -> None:
    g = np.array(form.exponents)
    u = np.array([-6.0, -1.0, 0.0, 3.0])
    basis = form.basis(u, g)
    assert basis.shape[:2] == (g.size, 4)
    assert np.isfinite(basis).all()
    assert (basis[:, 2, :] == 0).all()
    assert 0 < form.prior <= 1


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(FORMS)


def test_power_has_a_closed_form() -> None:
    u = np.array([-2.0, 1.0])
    at_half = BY_NAME["power"].basis(u, np.array([0.5]))[0, :, 0]
    np.testing.assert_allclose(at_half, (1 - np.exp(-0.5 * u)) / 0.5, rtol=1e-14)


def test_power_tends_to_log_linear() -> None:
    u = np.linspace(-3, 1, 5)
    near = BY_NAME["power"].basis(u, np.array([1e-9]))
    np.testing.assert_allclose(near, BY_NAME["log_linear"].basis(u, np.array([0.0])), rtol=1e-6, atol=1e-12)


def test_negative_exponents_accelerate_and_positive_ones_saturate() -> None:
    u = np.array([1.0, 2.0])
    fast, slow = BY_NAME["power"].basis(u, np.array([-0.5, 0.5]))[:, :, 0]
    assert fast[1] - fast[0] > fast[0] > 1 > slow[0] > slow[1] - slow[0]
