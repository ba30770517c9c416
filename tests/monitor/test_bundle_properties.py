"""Whatever happens in a lab, the bundle of each of its gates and alerts is verified."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bundling import bundled
from histories import Event, changing, happen
from hypothesis import HealthCheck, given, settings
from lab import Lab

from monitor.bundle import verify


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=changing)
def test_the_verifier_reproduces_each_decision_from_its_bundle(built: Lab, history: list[Event]) -> None:
    with TemporaryDirectory() as folder:
        lab = built.copy(Path(folder) / "lab")
        happen(lab, history)
        with lab.store() as store:
            gates = [f"{state.family}/{state.run}" for state in store.actions.gates() if state.decision]
            names = [*gates, *(alert.id for alert in store.actions.alerts() if alert.decision)]
        for name in names:
            report = verify(bundled(lab, name, Path(folder) / "one.bundle"))
            wrong = [part for part in report.parts if part.status != "verified" and part.name != "chart"]
            assert not wrong, (name, wrong)
