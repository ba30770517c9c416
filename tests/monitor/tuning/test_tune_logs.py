"""Tuning over raw logs that were never ingested: forecasts are made as the clock comes by, and again with a break."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from lab import START, Lab, rung, write_table

from monitor.prior import shipped
from monitor.replay import read_logs
from monitor.tuning import Asked, Tuning, here, on_cores, parse, sizes, tune
from monitor.tuning.spread import Spread

DAY = timedelta(days=1)


def swept(lab: Lab, spread: Spread) -> Tuning:
    for i in range(8):
        rows = [{**row, "date": (START + 30 * i * DAY).isoformat()} for row in rung(i)]
        write_table(lab.root / "logs" / f"{i}.csv", rows)
    rules = lab.rules()
    source = read_logs(lab.root / "logs", rules, since=START + 140 * DAY)
    asked = Asked([parse(rules.policy, "judging.tail=0.0001..0.05")], 3, sizes("+8sd,-8sd"), places=3)
    return tune(source, rules.policy, asked, prior=shipped(), rng=np.random.default_rng(0), spread=spread)


def test_logs_are_tuned_on_as_a_store_is(lab: Lab) -> None:
    found = swept(lab, here)
    assert (found.checkpoints, found.runs, found.planted) == (3, 3, 6)
    strict, *_, loose = found.settings
    assert strict.values < loose.values
    assert strict.missed >= loose.missed
    assert loose.missed < 0.5
    assert all(s.false_pauses == 0 for s in found.settings)
    assert any("too short to tell" in sentence for sentence in found.recommended.sentences)
    assert swept(lab, on_cores(2)) == found
