"""The walk of one result: from a file that landed to a gate that answers.

    arrivals -> read -> place -> record -> judge -> diagnose -> decide -> alert -> gate -> outbox; then seal again

From `record` to the outbox it is one transaction for each group of files that speak of the same runs: a result is
judged, alerted and gated, or it has not been seen. Every step is idempotent by digest, so a restart is the walk again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from checkpoints_db import File, Recorded, Store, UnplacedReading
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import (
    ConflictingResult,
    EvidenceError,
    ForecastError,
    IncompleteResult,
    Unplaced,
    UnreadableFile,
)
from checkpoints_db.evidence_rows import RESTATED
from checkpoints_db.items import ItemLog
from checkpoints_db.readers import MAX_BYTES, Reader, read
from checkpoints_db.readers.context import context_of
from checkpoints_db.records import (
    Answer,
    Checkpoint,
    Decision,
    Forecast,
    PolicyText,
    Reading,
    Record,
    Result,
    Series,
    digest_of,
)
from checkpoints_db.series import make_series
from monitor import adoption, alerts, cases, gate
from monitor.clock import Clock
from monitor.forecasting import CODE_VERSION, JUDGEMENT_VERSION, data_digest, forecast
from monitor.looks import progress
from monitor.prior import Prior, shipped
from monitor.settings import Settings
from policies.schema import Policy

MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, OSError)
"""What code raises over content nobody foresaw; a reader's gap becomes a quarantine, not a dead daemon."""

COPY_LIMIT = 64 << 20
"""Larger files are quarantined by name only, in bytes."""


class Rules:
    """What the walk goes by: settings, catalogue, policy and its text, clock, prior, readers that settings add.

    `policy` is the one that the settings name; which one decides, `gate.settle` finds out.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        policy: Policy,
        clock: Clock,
        readers: Sequence[Reader] = (),
        prior: Prior | None = None,
        text: PolicyText | None = None,
    ) -> None:
        self.settings, self.catalogue, self.policy, self.clock = settings, catalogue, policy, clock
        self.readers, self.text = tuple(readers), text
        self.prior = shipped() if prior is None else prior

    def told(self, store: Store) -> tuple[str, ...]:
        """Receivers of alerts: those of the policy in force, and those of the one that waits."""
        return adoption.force(store, self.policy, self.clock.now()).told


class Opened(Record):
    """A file after reading and placing: results, readings without a place, or the reason why there are none."""

    file: File
    results: tuple[Result, ...] = ()
    unplaced: tuple[tuple[Reading, str], ...] = ()
    items: tuple[ItemLog, ...] = ()
    refused: str = ""
    field: str = ""
    """Where in the file the reason to refuse it lies, where a reader could say."""
    waits: bool = False

    @property
    def runs(self) -> frozenset[tuple[str, str]]:
        """The runs the file speaks of."""
        return frozenset((r.checkpoint.family, r.checkpoint.run) for r in self.results)


class Walked(Record):
    """What one pass of the walk did."""

    files: int = 0
    new: int = 0
    same: int = 0
    aside: int = 0
    conflicting: int = 0
    unplaced: int = 0
    quarantined: tuple[str, ...] = ()
    waiting: int = 0
    sealed: int = 0
    decisions: tuple[Decision, ...] = ()


def consider(store: Store, rules: Rules, files: Sequence[File]) -> Walked:
    """Walk `files` (as `daemon.inbox.arrivals` gives them) to the end, then seal the next forecasts."""
    last = store.evidence.last
    walked = take_in(store, rules, files)
    touched = store.evidence.families_since(last)
    return added(walked, Walked(sealed=sum(seal_missing(store, rules, family=family) for family in touched)))


def take_in(store: Store, rules: Rules, files: Sequence[File]) -> Walked:
    """The walk without the sealing at its end: read, place, record, judge, decide, alert; smaller scales first."""
    opened = [open_file(rules, file) for file in files]
    walked = Walked(files=len(files))
    for group in groups(opened):
        with store.transaction():
            walked = added(walked, _one_group(store, rules, group))
    return walked


def reconsider(store: Store, rules: Rules) -> Walked:
    """Try again to place what had no place: the catalogue may have learnt it since. One transaction for each run."""
    placed: dict[tuple[str, str], list[tuple[UnplacedReading, Result]]] = {}
    for held in store.evidence.unplaced():
        try:
            checkpoint = rules.catalogue.place(held.reading)
        except Unplaced:
            continue
        result = _result(held.reading, checkpoint, held.source)
        placed.setdefault((checkpoint.family, checkpoint.run), []).append((held, result))
    walked = Walked()
    for run, found in placed.items():
        with store.transaction():
            walked = added(walked, _place(store, rules, run, found))
    return walked


def _place(store: Store, rules: Rules, run: tuple[str, str], found: Sequence[tuple[UnplacedReading, Result]]) -> Walked:
    at, walked = rules.clock.now(), Walked()
    for held, result in found:
        recorded = store.evidence.record(
            [result], baseline=held.baseline, seen_at=held.seen_at, seen_after=held.seen_after, at=at
        )
        store.evidence.placed(held.id, at)
        alerts.settle_about(store, "unplaced", held.reading.model, rules.told(store), at)
        _tell_conflicts(store, rules, recorded, at)
        walked = added(walked, _counted(recorded))
    return added(
        walked, Walked(decisions=_settle(store, rules, [r.checkpoint for held, r in found if not held.baseline]))
    )


def open_file(rules: Rules, file: File) -> Opened:
    """Read one file and place what it says. Errors of evidence are told, never raised."""
    if file.size > MAX_BYTES:  # what lies behind a URL was not even fetched
        why = f"{file.size} bytes are more than the limit of {MAX_BYTES}; split the file"
        return Opened(file=file, refused=str(UnreadableFile(file.path, "size", why)), field="size")
    path = Path(file.path)
    if not path.is_file():  # it was seen: it is waited for, and read wherever its content turns up
        gone = IncompleteResult(file.path, "it was there and is gone", waits_for="the file")
        return Opened(file=file, refused=str(gone), waits=True)
    try:
        file = file.model_copy(update={"context": context_of(path, rules.readers)})
        readout = read(path, rules.readers)
    except IncompleteResult as error:
        return Opened(file=file, refused=str(error), waits=bool(error.waits_for))
    except UnreadableFile as error:
        return Opened(file=file, refused=str(error), field=error.field)
    except EvidenceError as error:
        return Opened(file=file, refused=str(error))
    except MALFORMED as error:
        why = f"{file.path}: the reader does not understand it ({type(error).__name__}: {error}); please report this"
        return Opened(file=file, refused=why)
    results, unplaced = [], []
    for reading in readout.readings:
        try:
            results.append(_result(reading, rules.catalogue.place(reading), file.sha256))
        except Unplaced as error:
            unplaced.append((reading, str(error)))
    known = file.model_copy(update={"reader": readout.reader, "notes": readout.notes})
    return Opened(file=known, results=tuple(results), unplaced=tuple(unplaced), items=readout.items)


def _result(reading: Reading, checkpoint: Checkpoint, source: str) -> Result:
    measured = {name: getattr(reading, name) for name in Result.model_fields if name in Reading.model_fields}
    return Result(**measured, checkpoint=checkpoint, source=source)


def groups(opened: Iterable[Opened]) -> list[list[Opened]]:
    """Files that share a run stay together; groups in order of the smallest scale they speak of."""
    joined: list[tuple[set[tuple[str, str]], list[Opened]]] = []
    for one in opened:
        touching = [group for group in joined if group[0] & one.runs]
        runs, members = set(one.runs), [one]
        for group in touching:
            runs |= group[0]
            members = [*group[1], *members]
            joined.remove(group)
        joined.append((runs, members))
    return [members for _, members in sorted(joined, key=lambda group: _smallest(group[1]))]


def _smallest(group: Iterable[Opened]) -> float:
    checkpoints = [result.checkpoint for one in group for result in one.results]
    scales = [c.flop or c.params or c.tokens or 0.0 for c in checkpoints]
    return min(scales, default=0.0)


def _one_group(store: Store, rules: Rules, group: Sequence[Opened]) -> Walked:
    """Steps 4 to 10 for one group of files; inside one transaction."""
    walked = Walked()
    news: list[Checkpoint] = []
    for one in group:
        if one.refused:
            walked = added(walked, _set_aside(store, rules, one))
            continue
        file, at = one.file, rules.clock.now()
        recorded = store.evidence.record(
            one.results, baseline=file.baseline, seen_at=file.seen_at, seen_after=file.seen_after, at=at
        )
        store.evidence.hold(
            one.unplaced,
            source=file.sha256,
            baseline=file.baseline,
            seen_at=file.seen_at,
            seen_after=file.seen_after,
            at=at,
        )
        store.items.put(file.sha256, one.items, at)
        store.evidence.put_file(file.model_copy(update={"status": "read", "reason": ""}), at)
        _tell(store, rules, one, recorded, at)
        if not file.baseline:
            news += [result.checkpoint for result in (*recorded.new, *(late for _, late in recorded.conflicting))]
        walked = added(added(walked, _counted(recorded)), Walked(unplaced=len(one.unplaced)))
    return added(walked, Walked(decisions=_settle(store, rules, news)))


def _tell(store: Store, rules: Rules, one: Opened, recorded: Recorded, at: datetime) -> None:
    """Alerts about what could not be placed or contradicts what is known; old troubles of the file are settled."""
    told = rules.told(store)
    for rule in ("quarantine", "waiting"):
        alerts.settle_about(store, rule, one.file.path, told, at)
    for reading, reason in {reading.model: (reading, reason) for reading, reason in one.unplaced}.values():
        alerts.raise_about(store, "unplaced", reading.model, reason, told, at)
    _tell_conflicts(store, rules, recorded, at)


def _counted(recorded: Recorded) -> Walked:
    return Walked(
        new=len(recorded.new), same=recorded.same, aside=len(recorded.aside), conflicting=len(recorded.conflicting)
    )


def _tell_conflicts(store: Store, rules: Rules, recorded: Recorded, at: datetime) -> None:
    told = rules.told(store)
    for old, new in recorded.conflicting:
        checkpoint = new.checkpoint
        differs = new.against(old)
        if RESTATED in new.remarks:
            elsewhere = "; ".join(old.checkpoint.moved(checkpoint))
            differs = f"is {new.value:g} as before, and the checkpoint is now said to stand elsewhere ({elsewhere}),"
        sentence = str(ConflictingResult(checkpoint.id, new.task, new.metric.name, differs))
        alerts.raise_about(store, "conflict", new.key, sentence, told, at, family=checkpoint.family, run=checkpoint.run)


def _set_aside(store: Store, rules: Rules, one: Opened) -> Walked:
    """Quarantine a file, or leave it waiting for its other half."""
    file, at, told = one.file, rules.clock.now(), rules.told(store)
    if fetched := [origin for origin in store.evidence.origins(file.sha256) if "://" in origin]:
        one = one.model_copy(update={"refused": f"{one.refused} (fetched from {', '.join(fetched)})"})
    if one.waits and at - file.seen_at <= rules.settings.daemon.patience:
        if (file.status, file.reason) != ("waiting", one.refused):
            store.evidence.put_file(file.model_copy(update={"status": "waiting", "reason": one.refused}), at)
        return Walked(waiting=1)
    status = "waiting" if one.waits else "quarantined"
    if (file.status, file.reason) != (status, one.refused):
        store.evidence.put_file(file.model_copy(update={"status": status, "reason": one.refused}), at)
    alerts.raise_about(store, "waiting" if one.waits else "quarantine", file.path, one.refused, told, at)
    if one.waits:
        return Walked(waiting=1)
    keep_copy(rules.settings, file, one.refused)
    return Walked(quarantined=(one.refused,))


def keep_copy(settings: Settings, file: File, reason: str) -> None:
    """Copy an unreadable file to the quarantine, with its reason beside it; the original stays where it is."""
    target = copy_of(settings, file)
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.size <= COPY_LIMIT and not target.exists() and Path(file.path).is_file():
        shutil.copyfile(file.path, target)
    target.with_name(target.name + ".reason.txt").write_text(reason + "\n", encoding="utf-8")


def copy_of(settings: Settings, file: File) -> Path:
    """Where the quarantine keeps its copy of a file."""
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in Path(file.path).name)[:100]
    return settings.at(settings.quarantine) / f"{file.sha256[:12]}-{name}"


def _settle(store: Store, rules: Rules, news: Iterable[Checkpoint]) -> tuple[Decision, ...]:
    """Settle the runs of the checkpoints that have news.

    A run's gate speaks of its newest checkpoint, but none is passed over: an earlier one is judged first, and what
    pauses there stays latched.
    """
    runs: dict[tuple[str, str], dict[str, Checkpoint]] = {}
    for checkpoint in news:
        runs.setdefault((checkpoint.family, checkpoint.run), {})[checkpoint.id] = checkpoint
    decisions = []
    for (family, run), touched in sorted(runs.items()):
        newest = cases.newest(store.evidence.results(family=family, run=run))
        for checkpoint in sorted(touched.values(), key=progress):
            if checkpoint.id != newest.id:
                _settle_earlier(store, rules, checkpoint)
        decisions.append(settle(store, rules, family, run))
    return tuple(decisions)


def _settle_earlier(store: Store, rules: Rules, checkpoint: Checkpoint) -> None:
    family, run, at = checkpoint.family, checkpoint.run, rules.clock.now()
    decision = gate.settle(store, rules.catalogue, rules.policy, family, run, at, checkpoint=checkpoint.id)
    if decision.answer == Answer.PAUSE:
        alerts.raise_for(store, decision, rules.told(store), at, rules.catalogue.domains_of)


def take_up(store: Store, rules: Rules) -> None:
    """Bring the policy that the settings name into force, or have it wait, with an alert. Wants a transaction."""
    at = rules.clock.now()
    alerts.about_change(store, gate.take_up(store, rules.catalogue, rules.policy, at), at)


def settle(store: Store, rules: Rules, family: str, run: str, *, known: bool = False) -> Decision:
    """Decide on one run and make gate, alerts and outbox say so; `known` as `gate.settle` has it.

    Wants a transaction around it.
    """
    at = rules.clock.now()
    if rules.text is not None:  # whoever asks why, later, finds the lines that decided
        store.policy_texts.keep(rules.text, at)
    decision = gate.settle(store, rules.catalogue, rules.policy, family, run, at, known=known)
    window = adoption.force(store, rules.policy, at).policy.confirm.window
    alerts.raise_for(store, decision, rules.told(store), at, rules.catalogue.domains_of, window=window)
    return decision


def tell_overdue(store: Store, rules: Rules) -> None:
    """Tell everybody of break-glasses whose review is overdue. Wants a transaction."""
    at = rules.clock.now()
    due = adoption.force(store, rules.policy, at).policy.break_glass.review_due
    reviewed = {review.glass for review in store.actions.glass_reviews()}
    for glass in store.actions.glasses():
        if glass.id not in reviewed and at - glass.at >= due:
            alerts.about_overdue(store, glass, (*rules.told(store), *rules.settings.receivers), at)


def settle_all(store: Store, rules: Rules) -> tuple[Decision, ...]:
    """Settle every run that has news: what became stale, overdue or expired since shows up here.

    Done every few minutes for all the years: where nothing landed, a run is decided on anew and not judged anew. Not
    those of fire drills: each is settled by its own walk, and over when the drill is.
    """
    decided, drills = [], store.drills.families()
    for family, run in store.evidence.runs_with_news():
        if family not in drills:
            with store.transaction():
                decided.append(settle(store, rules, family, run, known=True))
    return tuple(decided)


def seal_missing(
    store: Store, rules: Rules, tick: Callable[[], object] = lambda: None, *, family: str | None = None
) -> int:
    """Seal a forecast for every series whose newest seal does not know its rungs or the prior; returns how many.

    Of one family, where it is named. `tick` is called after each series, for those who watch.
    """
    sealed = 0
    for name in store.evidence.series_ids(family):
        tick()
        newest = store.judgements.sealed(name)
        series = learnt(store, rules.catalogue, name)
        if newest is not None and _knows(newest.forecast, series, rules.prior):
            continue
        try:
            made = forecast(series, rules.prior)
        except ForecastError:
            continue  # too few rungs: its next result will be `unforeseen`, and that verdict says why
        with store.transaction():
            store.judgements.seal(made, rules.clock.now())
        sealed += 1
    return sealed


def sealing_key(store: Store, rules: Rules) -> str:
    """Digest of all that seals are made of: while it stays, what is sealed stays what would be sealed."""
    return digest_of(
        [rules.catalogue.digest, rules.prior.digest, store.evidence.last, sorted(store.judgements.every_outlier())]
    )


def learnt(store: Store, catalogue: Catalogue, name: str) -> Series:
    """What a forecast of a series learns from: results that count, and did not break a forecast while nobody let their
    run go on."""
    counting = [seen.result for seen in store.evidence.results(series=name) if seen.counts]
    family = counting[0].checkpoint.family
    return make_series(counting, catalogue.axis(family)).without(store.judgements.outliers(family))


def _knows(forecast: Forecast, series: Series, prior: Prior) -> bool:
    """Whether a forecast made now from `series` and `prior` would be this very one."""
    made_by = (forecast.data_digest, forecast.axis, forecast.prior, forecast.code_version, forecast.judgement_version)
    return made_by == (data_digest(series), series.axis, prior.digest, CODE_VERSION, JUDGEMENT_VERSION)


def added(one: Walked, other: Walked) -> Walked:
    """What two passes did together."""
    return Walked(**{name: getattr(one, name) + getattr(other, name) for name in Walked.model_fields})
