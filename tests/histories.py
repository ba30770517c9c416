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

terms = st.tuples(st.just("policy"), st.sampled_from(["tail = 0.001", "tail = 0.02", "resolve = 0.01"]))
catalogue = st.tuples(st.just("catalogue"), st.just(None))
votes = st.tuples(st.just("adopt"), st.sampled_from(["ann", "bea", "cem"]))

events = st.lists(st.one_of(arrivals, arrivals, people, people, time, late), min_size=2, max_size=7)
"""Under one policy and catalogue."""
changing = st.lists(st.one_of(arrivals, arrivals, people, time, terms, terms, votes, catalogue), min_size=3, max_size=8)
"""Under policies that change, with votes on the changes, and a catalogue that does."""


def happen(lab: Lab, history: list[Event]) -> None:
    """Let everything happen in a lab, with the daemon's jobs after each."""
    for i, (what, of) in enumerate(history):
        if what == "arrive":
            lab.arrive(_rows(*of), f"{i}-{of[0]}.csv")
        elif what == "baseline":
            lab.baseline(rung(5, family="lab", task="other"), f"late-{i}.csv")
        elif what == "wait":
            lab.clock.sleep(3600 * of)
        elif what == "policy":
            _rewrite(lab, of)
        elif what == "catalogue":
            book = lab.root / "catalogue.toml"
            book.write_text(book.read_text() + f'[[together]]\ntasks = ["other-{i}", "sums"]\n')
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


def _rewrite(lab: Lab, term: str) -> None:
    key = term.partition(" ")[0]
    lines = [line for line in lab.policy.read_text().splitlines() if not line.startswith("authors")]
    first = next(i for i, line in enumerate(lines) if line.startswith(f"{key} ="))
    lines[first] = term
    lab.policy.write_text("\n".join(['authors = ["erin"]', *lines]))


def _act(lab: Lab, what: str, name: str) -> None:
    with lab.store() as store:
        desk = lab.desk(store)
        if what == "adopt":
            with suppress(PolicyError):
                desk.adopt(lab.rules().policy, by=name, reason="read it")
            return
        for decision in {(d.family, d.run): d for d in store.judgements.decisions()}.values():
            stopping = [f for f in decision.findings if f.effect.rank >= Answer.HOLD.rank]
            place = (decision.family, decision.run)
            with suppress(PolicyError):
                if what == "waive" and stopping:
                    first = stopping[0]
                    desk.waive(*place, first.rule, first.subject, by=name, reason="seen", until=lab.later(hours=20))
                elif what != "waive":
                    desk.release(*place, by=name, reason="seen", evidence=decision.evidence, reject=what == "veto")
