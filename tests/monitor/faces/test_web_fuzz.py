"""A few strange requests for each operation, as each role; `benchmarks/api_fuzz.py` sends many."""

from __future__ import annotations

from pathlib import Path

import pytest
from entering import everybody
from fuzzing import hunt
from lab import Lab, rung
from pushing import serving, web

from checkpoints_db.records.access import Role


@pytest.fixture
def hunted(built: Lab, tmp_path: Path) -> Lab:
    lab = built.copy(tmp_path / "lab")
    lab.arrive(rung(7, loss=0.9), "s7.csv")
    lab.cycle()
    with lab.store() as store:
        store.resign("test:1")
    return web(lab, patience="0.2s")


def test_no_role_finds_a_fault_or_gets_what_the_table_denies(hunted: Lab) -> None:
    shown: dict[Role | None, dict[str, str]] = {**everybody(hunted), None: {"Authorization": "Bearer hp_nobody"}}
    with hunted.store() as store:
        alert, digest = store.actions.alerts()[0].id, store.listing.forecasts({}, None, 1)[0].sha256
    places = {"alert": alert, "digest": digest, "family": "lab", "run": "s7"}
    with serving(hunted) as client:
        document = client.get("/openapi.json").json()
        found = list(hunt(str(client.base_url), document, shown, places, 1, hunted.clock.sleep))
    assert not found, "\n".join(found)
