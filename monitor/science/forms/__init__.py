"""Functional forms: to add one, write a file with a `FORM` and put it in the tuple below."""

from __future__ import annotations

from monitor.science.forms.base import Form
from monitor.science.forms.constant import FORM as CONSTANT
from monitor.science.forms.log_linear import FORM as LOG_LINEAR
from monitor.science.forms.persistence import FORM as PERSISTENCE
from monitor.science.forms.power import FORM as POWER

FORMS: tuple[Form, ...] = (PERSISTENCE, CONSTANT, LOG_LINEAR, POWER)
BY_NAME: dict[str, Form] = {form.name: form for form in FORMS}

__all__ = ["BY_NAME", "FORMS", "Form"]
