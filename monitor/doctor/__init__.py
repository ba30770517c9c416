"""What ails an installation: one check after the other, each with what it found and what to do about it.

A further check is a function of `Patient` in one of these files, and its name in `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from checkpoints_db.errors import HoldpointError
from monitor.doctor.installation import package, selftest
from monitor.doctor.outside import catalogue, keys, policy, receivers, sources
from monitor.doctor.patient import Checked, Patient
from monitor.doctor.running import backup, calibration, cycle, fire_drill, leadership
from monitor.doctor.store import clock, disk, ledger, schema, store

__all__ = ["CHECKS", "Checked", "Patient", "examine", "worst"]

Check = Callable[[Patient], Iterator[Checked]]

CHECKS: tuple[Check, ...] = (
    package,
    selftest,
    disk,
    store,
    schema,
    clock,
    ledger,
    leadership,
    cycle,
    sources,
    policy,
    catalogue,
    keys,
    receivers,
    backup,
    fire_drill,
    calibration,
)
"""Ourselves first, then what we stand on, then what we do with it."""


def examine(patient: Patient) -> Iterator[Checked]:
    """Every check in turn; one that cannot be made has failed, and says why."""
    for check in CHECKS:
        try:
            yield from check(patient)
        except HoldpointError as error:
            yield Checked(name=check.__name__, state="fail", found=str(error))


def worst(found: list[Checked]) -> str:
    """The worst state of several: `fail`, `warn` or `ok`."""
    return next((state for state in ("fail", "warn") if any(one.state == state for one in found)), "ok")
