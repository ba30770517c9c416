"""Asks every operation of the API what nobody would, as every role: no fault, and no access that the table denies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import content_type_conformance, not_a_server_error, response_schema_conformance
from schemathesis.generation import GenerationMode

from checkpoints_db.records.access import Role
from monitor import roles
from monitor.faces.web.api.verbs import VERBS

CHECKS: tuple[Any, ...] = (not_a_server_error, response_schema_conformance, content_type_conformance)
VERB = {f"/api/v1/{'alerts/{alert}' if v.to == 'alerts' else 'gates/{family}/{run}'}/{v.name}": v for v in VERBS}
FRAME = {400: "There was an error parsing the body", 404: "Not Found", 405: "Method Not Allowed"}
"""What the frame says of what is no JSON, and of a path that a strange name has turned into another one."""


PROBES = ("/healthz", "/readyz", "/metrics")
"""Whoever is on this machine may ask these."""


def action_of(method: str, path: str) -> str:
    """What an operation asks for, told apart from the routes themselves; `open`: nothing, it is for probes."""
    if path in PROBES:
        return "open"
    if path in VERB:
        return VERB[path].action
    if (method.upper(), path) == ("POST", "/api/v1/results"):
        return "push"
    return "audit" if path == "/api/v1/ledger" else "read"


def cases(operation: Any, examples: int) -> list[Any]:
    """Requests for one operation: so many well made, and so many not."""
    found: list[Any] = []
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def make(case: Any) -> None:
            found.append(case)

        with suppress(Unsatisfiable):  # what takes nothing cannot be asked wrongly
            make()
    return found


def hunt(
    url: str,
    document: dict[str, Any],
    shown: Mapping[Role | None, Mapping[str, str]],
    places: Mapping[str, str],
    examples: int,
    tick: Callable[[float], object],
    tell: Callable[[str], object] = lambda line: None,
) -> Iterable[str]:
    """What is wrong, in words; `shown`: the headers of each role; `places`: names of things that are there.

    `tick` lets time pass: no two people do the same thing at the very same moment.
    """
    with requests.Session() as session:
        for made in schemathesis.openapi.from_dict(document).get_all_operations():
            operation: Any = made.ok()
            action, heard = action_of(operation.method, operation.path), Counter[str]()
            for nth, case in enumerate(cases(operation, examples)):
                if nth % 2 == 0:
                    case.path_parameters = {name: places[name] for name in case.path_parameters or {}}
                for role, headers in shown.items():
                    others = {k: v for k, v in (case.headers or {}).items() if k.lower() != "authorization"}
                    case.headers, case.cookies = {**others, **headers}, {}
                    tick(0.001)
                    got = case.call(base_url=url, session=session)
                    heard[f"{got.status_code}"] += 1
                    if wrong := _wrong(case, got, action, role):
                        yield f"{operation.method} {operation.path} as {role}: {wrong}"
            tell(f"{operation.method:5} {operation.path}: {dict(sorted(heard.items()))}")


def _wrong(case: Any, got: Any, action: str, role: Role | None) -> str:
    try:
        # Not ready is no fault of the server, and has its own number.
        checks = [check for check in CHECKS if (action, got.status_code, check) != ("open", 503, not_a_server_error)]
        case.validate_response(got, checks=checks)
    except BaseExceptionGroup as error:
        return f"{[str(each) for each in error.exceptions]} {got.status_code} {got.text[:500]}"
    if action == "open":
        return "" if got.status_code not in (401, 403) else f"a probe was turned away: {got.status_code}"
    if role is not None and roles.allowed([role], action):
        # A proxy's or a static token's own refusal is not the role table's.
        return "" if got.status_code not in (401, 403) else f"{action} is allowed, and the answer is {got.status_code}"
    if got.status_code in (401, 403, 422):
        return ""
    if got.status_code in FRAME and got.json().get("detail") == FRAME[got.status_code]:
        return ""
    return f"{action} is not allowed, and the answer is {got.status_code}: {got.text[:200]}"
