"""Functional forms: to add one, write a file with a `FORM` and put it in the tuple below."""

from __future__ import annotations

from monitor.science.forms.base import Form
from monitor.science.forms.joint_offset import FORM as JOINT_OFFSET
from monitor.science.forms.joint_power import FORM as JOINT_POWER
from monitor.science.forms.joint_sigmoid import FORM as JOINT_SIGMOID
from monitor.science.forms.logistic import FORM as LOGISTIC
from monitor.science.forms.offset import FORM as OFFSET
from monitor.science.forms.plane import FORM as PLANE
from monitor.science.forms.power import FORM as POWER
from monitor.science.forms.slow_down import FORM as SLOW_DOWN
from monitor.science.forms.take_off import FORM as TAKE_OFF

FORMS: tuple[Form, ...] = (
    POWER,
    OFFSET,
    LOGISTIC,
    TAKE_OFF,
    SLOW_DOWN,
    PLANE,
    JOINT_POWER,
    JOINT_OFFSET,
    JOINT_SIGMOID,
)
BY_NAME: dict[str, Form] = {form.name: form for form in FORMS}

__all__ = ["BY_NAME", "FORMS", "Form"]
