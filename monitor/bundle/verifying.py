"""Verifying a bundle without the store it came from: everything is made again from its rows, and compared as bytes.

The rows happen again in a store of their own, in a temporary folder; on that the case is put together and decided by
the functions that the daemon uses. What is not computed again is not called verified.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from checkpoints_db import Store
from checkpoints_db.chain import GENESIS
from checkpoints_db.errors import HoldpointError, LedgerBroken, StoreError
from checkpoints_db.judgements import NOWHERE, Moment
from checkpoints_db.ledger import Entry, Pin
from checkpoints_db.rebuild import restored
from checkpoints_db.records import Decision, canonical, digest_of
from monitor.bundle.comparing import judged, part
from monitor.bundle.making import About, Draw
from monitor.bundle.packing import Bundle
from monitor.bundle.policies_told import policies_told
from monitor.bundle.records import PARTS, Manifest, Part, PartName, Report
from monitor.bundle.remaking import Remade, Remaking
from monitor.bundle.reviews_told import reviews_told
from monitor.bundle.telling import Tell, counted, silent
from monitor.forecasting import CODE_VERSION, JUDGEMENT_VERSION
from monitor.replay.likeness import first_difference


def verify(path: Path, *, pins: Sequence[Pin] = (), draw: Draw | None = None, tell: Tell = silent) -> Report:
    """Make the decision of the bundle at `path` again, and say of each part whether it is the same.

    `pins`: heads written down elsewhere, which the rows must lead to; `draw` draws the chart again; `tell` is
    told what is being done, how much of it is done, and of how much. Raises BadBundle for a file that is no bundle, or
    not the one that was made.
    """
    with Bundle.open(path) as bundle, ExitStack() as open_:
        try:
            if wrong := _misled(bundle, tell):
                return _report(bundle.manifest, None, [_differs("ledger", wrong)])
            folder = Path(open_.enter_context(TemporaryDirectory()))
            rows = counted(bundle.rows(), "letting them happen again", bundle.manifest.head.seq, tell)
            store = open_.enter_context(restored(rows, bundle.items, folder / "bundle.db"))
        except LedgerBroken as error:
            return _report(bundle.manifest, None, [_differs("ledger", f"row {error.seq}: {error.why}")])
        return _Verifier(store, bundle, pins, draw, tell).report()


def _misled(bundle: Bundle, tell: Tell) -> str:
    """Why the rows do not lead to the head that is named; empty where they do. Nothing is made of them before that.

    Raises LedgerBroken naming a row that does not hold.
    """
    head, end = bundle.manifest.head, GENESIS
    last = 0
    for entry in counted(bundle.rows(), "reading rows", head.seq, tell):
        last, end = entry.seq, entry.sha256
    return "" if (last, end) == (head.seq, head.sha256) else f"its rows end at {last}:{end}, and it names {head}"


class _Verifier:
    """One bundle whose rows have happened again in `store`."""

    def __init__(self, store: Store, bundle: Bundle, pins: Sequence[Pin], draw: Draw | None, tell: Tell) -> None:
        self._store, self._bundle, self._pins, self._draw, self._tell = store, bundle, pins, draw, tell
        self._manifest = bundle.manifest

    def report(self) -> Report:
        """What is found of every part; what could not be reached is named as unproven."""
        parts = [self._ledger()]
        was = None
        if parts[0].status != "differs":
            try:
                entry = self._store.ledger.entry(self._manifest.seq)
                was = Decision.model_validate(entry.value()) if entry.kind == "decision" else None
                wrong = self._misnamed(entry, was)
                if wrong or was is None:
                    parts.append(_differs("decision", wrong))
                else:
                    parts += self._dated(list(self._decided(was)))
            except (LedgerBroken, ValueError, KeyError, TypeError) as error:
                parts.append(_differs("decision", f"a row behind it does not read: {error}"))
        return _report(self._manifest, was, parts)

    def _ledger(self) -> Part:
        """Whether the rows are a chain, end where they should, and lead to the heads that were written down."""
        manifest, ledger = self._manifest, self._store.ledger
        seq = manifest.head.seq
        within = [pin for pin in self._pins if pin.seq <= seq]
        try:
            ledger.verify(pins=[*manifest.pins, *within])
        except LedgerBroken as error:
            return _differs("ledger", f"row {error.seq}: {error.why}")
        holds = f"{seq} rows are a chain up to {manifest.head}"
        covering = [pin for pin in within if pin.seq >= manifest.seq]
        if covering:
            return Part(name="ledger", status="verified", sentence=f"{holds}; pinned elsewhere as {covering[0]}")
        if self._pins:
            why = f"no pin lies between the decision (row {manifest.seq}) and its last row ({seq}); give a later pin, "
            return Part(name="ledger", status="unproven", sentence=f"{holds}; but {why}or make the bundle anew")
        why = "whoever wrote all of it anew would have another head: compare this one with a pin (--pin FILE)"
        return Part(name="ledger", status="verified", sentence=f"{holds}; {why}")

    def _misnamed(self, entry: Entry, was: Decision | None) -> str:
        """Why the row is not the decision that the bundle says it is about; empty where it is."""
        manifest = self._manifest
        if was is None:
            return f"row {entry.seq} is a {entry.kind}, not a decision"
        if hashlib.sha256(entry.text.encode("utf-8", "surrogatepass")).hexdigest() != manifest.decision:
            return f"row {entry.seq} is not decision {manifest.decision[:12]}"
        place, about = f"{manifest.family}/{manifest.run}", f"{was.family}/{was.run}"
        if about != place:
            return f"row {entry.seq} is a decision on {about}, not on {place}"
        if entry.subject != (manifest.checkpoint or f"{place}{NOWHERE}"):
            return f"row {entry.seq} is a decision about {entry.subject}, not {manifest.checkpoint or 'the whole run'}"
        if manifest.alert:
            alert = self._store.actions.alert(manifest.alert)
            if alert is None or (alert.id, alert.decision) != (manifest.alert, manifest.decision):
                return f"alert {manifest.alert} is not about decision {manifest.decision[:12]}"
        return ""

    def _decided(self, was: Decision) -> Iterator[Part]:
        """Every part but the ledger: what was decided, made again."""
        manifest, store = self._manifest, self._store
        if was.judgement_version != JUDGEMENT_VERSION:
            newer = "newer" if was.judgement_version > JUDGEMENT_VERSION else "older"
            why = (
                f"decided by judgement version {was.judgement_version}, this holdpoint has {JUDGEMENT_VERSION}: verify"
            )
            yield _unproven("decision", f"{why} with the {newer} holdpoint that made it")
            return
        moments = [
            moment
            for moment in store.judgements.moments(manifest.family)
            if moment.run == manifest.run and moment.seq <= manifest.seq
        ]
        try:
            yield reviews_told(store, manifest.family, manifest.run)
            remaking = Remaking(store, manifest.family, manifest.run)
            yield _history(store, remaking, moments[:-1], self._tell, forgotten=bool(self._forgotten()))
            remade = remaking.again(moments[-1])
            yield policies_told(store, remade.ruled, was)
        except StoreError as error:
            yield _differs("case", f"what it was made of does not hold: {error}")
            return
        except HoldpointError as error:
            yield _unproven("case", f"it cannot be put together here: {error}")
            return
        case = self._case(was, remade)
        yield case
        if case.status == "unproven" and remade.case.evidence != was.evidence:
            return
        yield from judged(store, remade.ruled, manifest.seq)
        yield _decision(was, remade, remaking, manifest.seq)
        yield self._chart(was, moments[-1])

    def _case(self, was: Decision, remade: Remade) -> Part:
        """Whether the evidence is that of the decision, with every item that it may rest on."""
        now, (wrong, missing) = remade.case.evidence, self._items()
        gone = self._forgotten() if now != was.evidence and missing and not wrong else []
        if gone:
            told = f"rows {gone[0]} to {gone[-1]}" if len(gone) > 1 else f"row {gone[0]}"
            return _unproven("case", f"items of {len(gone)} logs were forgotten since, as the settings wanted ({told})")
        if now != was.evidence:
            wrong.append(f"the decision rests on evidence {was.evidence}; by the rows it is {now}")
        if missing and not wrong:
            return _unproven("case", f"items of {len(missing)} logs are not in the bundle, the first of {missing[0]}")
        return part("case", wrong, f"the evidence, {now[:12]}")

    def _forgotten(self) -> list[int]:
        """Rows of the ledger by which items of the family were forgotten that are not in the bundle."""
        sources = {seen.result.source for seen in self._store.evidence.results(family=self._manifest.family)}
        rows = ((entry.seq, entry.value()) for entry in self._store.ledger.entries("forgotten"))
        held = self._bundle.item_names
        return [seq for seq, said in rows if said["source"] in sources and said["id"] not in held]

    def _items(self) -> tuple[list[str], list[str]]:
        """What is wrong with the items in the bundle, and which of the family are not there."""
        sources = {seen.result.source for seen in self._store.evidence.results(family=self._manifest.family)}
        told = {}
        for entry in self._store.ledger.entries("items"):
            said = entry.value()
            told[digest_of([said["source"], said["task"], said["conditions"]])] = entry.seq, said
        held = self._bundle.item_names
        wrong = [f"items {name[:12]} are of no row" for name in sorted(held - set(told))]
        missing = []
        for name, (seq, said) in told.items():
            if name in held:
                same = hashlib.sha256(self._bundle.items(name) or b"").hexdigest() == said["sha256"]
                wrong += [] if same else [f"the items of {said['task']} (row {seq}) are not those that were kept"]
            elif said["source"] in sources:
                missing.append(f"row {seq}")
        return wrong, missing

    def _chart(self, was: Decision, moment: Moment) -> Part:
        manifest, kept = self._manifest, self._bundle.chart()
        named = "" if kept is None else hashlib.sha256(kept).hexdigest()
        if named != manifest.chart:
            return _differs("chart", "it is not the one that the bundle names")
        if self._draw is None:
            return _unproven("chart", "there is nothing here to draw it again with")
        drawing = self._draw(self._store, About(moment, was, manifest.alert))
        if drawing is None or kept is None:
            wrong = [] if drawing is None and kept is None else ["there is one too many, or it is missing"]
            return part("chart", wrong, "none, as there is nothing to draw")
        if drawing.drawn_by != manifest.drawn_by:
            why = f"it was drawn by {manifest.drawn_by}, here is {drawing.drawn_by}: the same numbers give other bytes"
            return _unproven("chart", why)
        wrong = [] if drawing.svg == kept else ["drawn from the same rows it is another one"]
        return part("chart", wrong, "drawn from the same rows")

    def _version(self) -> str:
        """The holdpoint that sealed the newest forecast of the family; empty where none is sealed."""
        seals = self._store.judgements.newest(self._manifest.family)
        return self._store.judgements.sealed_at(max(seals.values())).forecast.code_version if seals else ""

    def _dated(self, parts: Sequence[Part]) -> list[Part]:
        """The parts, those that are not the same with the version that made them, where it is not this one."""
        made_by = self._version()
        if made_by in ("", CODE_VERSION):
            return list(parts)
        newer = "a newer" if _order(made_by) > _order(CODE_VERSION) else "an older"
        told = f" (made by {newer} holdpoint, {made_by}; this is {CODE_VERSION}: verify it with that one)"
        return [
            one if one.status == "verified" else one.model_copy(update={"sentence": one.sentence + told})
            for one in parts
        ]


def _order(version: str) -> list[int]:
    """A version by its numbers."""
    return [int(number) for number in re.findall(r"\d{1,9}", version)]


def _history(store: Store, remaking: Remaking, moments: Sequence[Moment], tell: Tell, *, forgotten: bool) -> Part:
    """Whether the decisions before this one come out again: its latch, and what a run's budget counts, are theirs."""
    wrong, other, gone = [], 0, 0
    for moment in counted(moments, "making decisions again", len(moments), tell, each=1):
        was = store.judgements.decision_at(moment.seq)
        if was.judgement_version != JUDGEMENT_VERSION:
            other += 1
        else:
            now = remaking.again(moment).decision
            if canonical(now.body()) == canonical(was.body()):
                continue
            if forgotten and now.evidence != was.evidence:
                gone += 1
            else:
                wrong.append(f"row {moment.seq}: {first_difference(was.body(), now.body())}")
        remaking.go_on(was, moment)
    if gone and not wrong:
        return _unproven(
            "history", f"{gone} of {len(moments)} earlier decisions rest on items that were forgotten since"
        )
    if other and not wrong:
        return _unproven("history", f"{other} of {len(moments)} earlier decisions are of another judgement version")
    return part("history", wrong, f"{len(moments)} earlier decisions on the run" if moments else "no earlier decision")


def _decision(was: Decision, remade: Remade, remaking: Remaking, seq: int) -> Part:
    """Whether the decision, and what the gate said after it, are the same, bit for bit."""
    wrong = []
    if canonical(remade.decision.body()) != canonical(was.body()):
        wrong.append(
            f"{first_difference(was.body(), remade.decision.body())}; was {was.answer}, now {remade.decision.answer}"
        )
    after = remaking.gate_after(seq)
    if after is None:
        wrong.append("no row says what the gate said after it")
    elif after.state != remade.state:
        wrong.append(f"the gate: {first_difference(after.state.body(), remade.state.body())}")
    elif after.latch != remade.latch:
        wrong.append(f"the latch of the gate (row {after.seq}) is not the one that follows")
    return part("decision", wrong, f"{was.answer}, bit for bit")


def _report(manifest: Manifest, was: Decision | None, parts: Iterable[Part]) -> Report:
    found = {one.name: one for one in parts}
    first = next((one for one in found.values() if one.status != "verified"), None)
    why = f"not reached, because of {first.name}" if first else "not reached"
    return Report(
        family=manifest.family,
        run=manifest.run,
        checkpoint=manifest.checkpoint,
        answer=None if was is None else was.answer,
        decision=manifest.decision,
        head=str(manifest.head),
        parts=tuple(found.get(name, _unproven(name, why)) for name in PARTS),
    )


def _differs(name: PartName, sentence: str) -> Part:
    return Part(name=name, status="differs", sentence=sentence)


def _unproven(name: PartName, sentence: str) -> Part:
    return Part(name=name, status="unproven", sentence=sentence)
