"""What people had decided and which items had been kept, and the gates that follow now."""

from __future__ import annotations

from collections.abc import Sequence

from checkpoints_db.actions import Actions
from checkpoints_db.item_table import ItemTable, Logged
from checkpoints_db.items import Items
from checkpoints_db.ledger import Ledger
from checkpoints_db.past.history import History, Horizon
from checkpoints_db.policy_history import PolicyHistory, PolicyRow
from checkpoints_db.records import COMES, GateState, Latch
from checkpoints_db.tables import Tables


class PastActions(Actions):
    """What people had decided, as it was; and the gates that follow now, in memory."""

    def __init__(self, tables: Tables, ledger: Ledger, history: History, at: Horizon) -> None:
        super().__init__(tables, ledger)
        self._at, self._given = at, tuple(history.reviews)
        self._gates: dict[str, tuple[GateState, Latch | None]] = {}

    def gate(self, family: str, run: str) -> GateState | None:
        """What the gate of a run says now, or None."""
        return self._gates[f"{family}/{run}"][0] if f"{family}/{run}" in self._gates else None

    def gates(self) -> list[GateState]:
        """Every gate, by name."""
        return [self._gates[name][0] for name in sorted(self._gates)]

    def latch(self, family: str, run: str) -> Latch | None:
        """The pause of a run that nobody has released, or None."""
        return self._gates[f"{family}/{run}"][1] if f"{family}/{run}" in self._gates else None

    def put_gate(self, state: GateState, latch: Latch | None) -> None:
        """Set what the gate of a run says."""
        self._gates[f"{state.family}/{state.run}"] = state, latch

    def _reviews(self, kind: str, family: str | None, run: str | None) -> list[str]:
        given = (r for r in self._given if r.seq <= self._at.seq and r.kind == kind)
        return [r.text for r in given if family in (None, r.family) and run in (None, r.run)]


class PastLedger(Ledger):
    """Where the ledger had come to."""

    def __init__(self, tables: Tables, at: Horizon) -> None:
        super().__init__(tables)
        self._at = at

    @property
    def head(self) -> tuple[int, str]:
        """Row of the present; its digest is not asked for here."""
        return self._at.seq, ""


class PastPolicies(PolicyHistory):
    """Which policies had been in force, and what waited."""

    def __init__(self, tables: Tables, ledger: Ledger, history: History, at: Horizon) -> None:
        super().__init__(tables, ledger)
        self._at, self._rows = at, tuple(history.policies)

    def all(self) -> list[PolicyRow]:
        """Every entry up to the present, oldest first."""
        return [row for row in self._rows if row.seq <= self._at.seq]

    def in_force(self) -> list[PolicyRow]:
        """The entries with which a policy had come into force, oldest first."""
        return [row for row in self.all() if row.entry.event in COMES]

    def waiting(self) -> PolicyRow | None:
        """The proposal that waited: the newest entry, where it is one."""
        last = self.all()[-1:]
        return last[0] if last and last[0].entry.event == "proposed" else None


class PastItems(ItemTable):
    """The items that had been kept."""

    def __init__(self, tables: Tables, ledger: Ledger, history: History, at: Horizon) -> None:
        super().__init__(tables, ledger)
        self._at, self._source = at, history.items
        self._logged: dict[str, list[Logged]] = {}
        for each in history.logged:
            self._logged.setdefault(each.source, []).append(each)

    def places(self, sources: Sequence[str]) -> set[tuple[str, str, str]]:
        """(source, task, conditions) of everything that was kept of these files, without reading it."""
        there = (each for source in sources for each in self._logged.get(source, ()) if each.seq <= self._at.seq)
        return {(each.source, each.task, each.conditions) for each in there}

    def of(self, sources: Sequence[str], task: str) -> dict[tuple[str, str], Items]:
        """(source, conditions) -> the items of `task`, of the files among `sources` that had them."""
        if self._source is None:
            return {}
        there = {(source, conditions) for source, about, conditions in self.places(sources) if about == task}
        wanted = sorted({source for source, _ in there})
        return {key: items for key, items in self._source.of(wanted, task).items() if key in there} if wanted else {}
