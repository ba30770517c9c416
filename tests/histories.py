"""Small histories as hypothesis draws them: what arrives, what people do, and time that goes by."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import strategies as st
from lab import Lab, rung

from checkpoints_db.errors import PolicyError
from checkpoints_db.records import Answer

Event = tuple[str, Any]

arrivals = st.tuples(
    st.just("arrive"),
    st.tuples(
        st.sampled_from([6, 7]), st.sampled_from(["on trend", "broken", "fallen", "half", "other value", "remarked"])
    ),
)
people = st.tuples(st.sampled_from(["release", "waive", "veto"]), st.sampled_from(["ann", "bea", "cem"]))
time = st.tuples(st.just("wait"), st.sampled_from([1, 30, 24 * 40]))
late = st.tuples(st.just("baseline"), st.just(None))

events = st.lists(st.one_of(arrivals, arrivals, people, people, time, late), min_size=2, max_size=7)


def happen(lab: Lab, history: list[Event]) -> None:
    """Let everything happen in a lab, with the daemon's jobs after each."""
    for i, (what, of) in enumerate(history):
        if what == "arrive":
            lab.arrive(_rows(*of), f"{i}-{of[0]}.csv")
        elif what == "baseline":
            lab.baseline(rung(5, family="lab", task="other"), f"late-{i}.csv")
        elif what == "wait":
            lab.clock.sleep(3600 * of)
        else:
            _act(lab, what, of)
        lab.cycle()
        lab.cycle("scan", "overdue")


def _rows(size: int, how: str) -> list[dict[str, Any]]:
    rows = {
        "on trend": lambda: rung(size),
        "broken": lambda: rung(size, loss=1.0),
        "fallen": lambda: rung(size, loss=2.6),
        "half": lambda: rung(size)[:1],
        "other value": lambda: rung(size, acc=0.9),
        "remarked": lambda: rung(size, remarks="limit"),
    }
    return rows[how]()


def _act(lab: Lab, what: str, name: str) -> None:
    with lab.store() as store:
        desk = lab.desk(store)
        for decision in {(d.family, d.run): d for d in store.judgements.decisions()}.values():
            stopping = [f for f in decision.findings if f.effect.rank >= Answer.HOLD.rank]
            place = (decision.family, decision.run)
            with suppress(PolicyError):
                if what == "waive" and stopping:
                    first = stopping[0]
                    desk.waive(*place, first.rule, first.subject, by=name, reason="seen", until=lab.later(hours=20))
                elif what != "waive":
                    desk.release(*place, by=name, reason="seen", evidence=decision.evidence, reject=what == "veto")
