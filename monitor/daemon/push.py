"""A push: files handed over instead of left in a folder. Taken whole, walked as any file, answered row by row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from pathlib import Path, PurePosixPath

from checkpoints_db import File, Store
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.records import Decision, Record, Result
from monitor import alerts, watch
from monitor.daemon import inbox
from monitor.daemon.inbox.place import Kept, passed_over
from monitor.daemon.spool import LONGEST, Held
from monitor.settings import Source

DEEPEST = 8
"""Folders a name may go through."""
REPAIR = (
    "repair what the reason names and push it again; the bytes are kept in quarantine (`holdpoint quarantine show`)"
)
COMPLETE = "push it once more, in one push with the file it waits for; these bytes are kept"

Consider = Callable[[Store, watch.Rules, Sequence[File]], watch.Walked]


class Row(Record):
    """One result that was pushed."""

    file: str
    checkpoint: str
    task: str
    metric: str
    value: float
    was: float | None = None
    """The value that counts, where this one does not."""


class Homeless(Record):
    """A reading that was pushed and has no place yet."""

    file: str
    model: str
    task: str
    metric: str
    value: float
    reason: str


class Refused(Record):
    """A file nothing was taken of."""

    file: str
    field: str
    reason: str
    next: str


class Waiting(Record):
    """A file that says nothing without another one."""

    file: str
    reason: str
    next: str


class Pushed(Record):
    """What became of a push. Every result is in one of `new`, `same`, `aside`, `conflicting`, `unplaced`, or its file
    in `refused` or `waiting`."""

    files: tuple[Held, ...]
    left: str = ""
    """Who walks it, where a daemon leads this store; nothing else is known then."""
    new: tuple[Row, ...] = ()
    same: tuple[Row, ...] = ()
    aside: tuple[Row, ...] = ()
    """Remarked, beside a whole result: kept, and counting for nothing."""
    conflicting: tuple[Row, ...] = ()
    unplaced: tuple[Homeless, ...] = ()
    refused: tuple[Refused, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    notes: tuple[str, ...] = ()
    sealed: int = 0
    decisions: tuple[Decision, ...] = ()


def confined(name: str) -> PurePosixPath:
    """A name of a file, with folders if it has any, as a path that stays where it is put.

    Raises UnreadableFile for one that leads elsewhere, and for one that no scan would look at.

    >>> str(confined("m1/results.json"))
    'm1/results.json'
    """
    parts = name.split("/")
    shown = ascii(name[:100])
    for part in parts:
        if part in ("", ".", "..") or "\\" in part or not part.isprintable():
            why = "leads elsewhere or cannot be shown; give a plain name such as m1/results.json"
            raise UnreadableFile(shown, "name", why)
    if passed_over(parts):
        why = "is hidden, or has the name of a temporary file, which no scan looks at; give another name"
        raise UnreadableFile(shown, "name", why)
    if len(parts) > DEEPEST or max(len(part.encode("utf-8", "surrogatepass")) for part in parts) > LONGEST:
        raise UnreadableFile(shown, "name", f"is longer than {LONGEST} bytes, or deeper than {DEEPEST} folders")
    return PurePosixPath(name)


def distinct(names: Sequence[str]) -> list[PurePosixPath]:
    """The names of one push, confined. Raises UnreadableFile where one is given twice, or is the folder of another."""
    paths = [confined(name) for name in names]
    for path in paths:
        if paths.count(path) > 1 or any(path in other.parents for other in paths):
            why = "is given twice, or is also the folder of another file; give each file a name of its own"
            raise UnreadableFile(ascii(str(path)), "name", why)
    return paths


def known_of(store: Store, rules: watch.Rules, held: Sequence[Held], untold: Collection[Path] = ()) -> frozenset[str]:
    """Which of the files were read before this push. What a scan read faster than the push itself was not, as long as
    its folder is `untold`."""
    found = ((one, file_of(store, rules, one)) for one in held)
    return frozenset(
        file.sha256
        for one, file in found
        if file is not None and file.status == "read" and not (file.path == one.path and folder_of(one) in untold)
    )


def file_of(store: Store, rules: watch.Rules, one: Held) -> File | None:
    """The file of the store that a pushed one is: by its bytes, and by what it is read with."""
    return store.evidence.file(inbox.identified(store, Kept(one.sha256, Path(one.path)), rules.readers)[0])


def settled(
    store: Store,
    rules: watch.Rules,
    held: Sequence[Held],
    *,
    baseline: bool = False,
    consider: Consider = watch.consider,
    untold: Collection[Path] = (),
) -> Pushed:
    """Walk a push that lies in the spool to the end, and say what became of it. Wants leadership."""
    known = known_of(store, rules, held, untold)
    again(store, rules, held)
    files = arrived(store, rules, held, baseline=baseline)
    walked = consider(store, rules, [file for file in files if file.status in ("arrived", "waiting")])
    return answered(store, rules, held, walked, known=known, untold=untold)


def again(store: Store, rules: watch.Rules, held: Sequence[Held]) -> None:
    """Let what was refused or waits be read again, where it lies now: by whoever leads, so this wants no leadership."""
    at, told = rules.clock.now(), rules.told(store)
    for one in held:
        before = file_of(store, rules, one) or _without_its_half(store, one)
        if before is None or before.status == "read":
            continue
        if before.path == one.path and before.status != "quarantined":
            continue
        with store.transaction():
            if before.path != one.path:  # should it be refused once more, the alert will name this path
                for rule in ("quarantine", "waiting"):
                    alerts.settle_about(store, rule, before.path, told, at)
            update = {"status": "arrived", "reason": "", "path": one.path}
            store.evidence.put_file(before.model_copy(update=update), at)


def _without_its_half(store: Store, one: Held) -> File | None:
    """The same bytes, which wait in the folder of another push: nothing will ever be written beside them there."""
    pushes = folder_of(one).parent
    for file in store.evidence.with_bytes(one.sha256):
        if file.status == "waiting" and pushes in Path(file.path).parents:
            return file
    return None


def arrived(store: Store, rules: watch.Rules, held: Sequence[Held], *, baseline: bool) -> list[File]:
    """Note the files of a push as arrived; each content once."""
    folders = dict.fromkeys(folder_of(one) for one in held)
    # It is whole already, so there is nothing to wait for.
    sources = [Source(path=folder) for folder in folders]
    inbox.arrivals(store, sources, Path.cwd(), rules.clock, timedelta(0), readers=rules.readers, baseline=baseline)
    found = {}
    for one in held:
        file = file_of(store, rules, one)
        if file is None:
            raise UnreadableFile(one.path, "", "it was changed while it was taken in; push it again")
        found[file.sha256] = file
    return list(found.values())


def folder_of(one: Held) -> Path:
    """The folder of the spool that its whole push lies in."""
    return Path(one.path).parents[one.name.count("/")]


def answered(
    store: Store,
    rules: watch.Rules,
    held: Sequence[Held],
    walked: watch.Walked,
    *,
    known: frozenset[str],
    untold: Collection[Path] = (),
) -> Pushed:
    """What became of each row, by what the store says now."""
    rows: dict[str, list[Row]] = {"new": [], "same": [], "aside": [], "conflicting": []}
    unplaced: list[Homeless] = []
    refused: list[Refused] = []
    waiting: list[Waiting] = []
    notes: list[str] = []
    decided = {(d.family, d.run): d for d in walked.decisions}
    for one in held:
        file = file_of(store, rules, one)
        if file is None:
            continue
        opened = _opened(rules, file.model_copy(update={"path": one.path}))
        for result in opened.results:
            what, row = _fate(store, one.name, result, known=file.sha256 in known)
            rows[what].append(row)
            place = (result.checkpoint.family, result.checkpoint.run)
            if what == "new" and place not in decided and folder_of(one) in untold:
                # A scan was faster than the push itself: what it decided is what became of the push.
                decided.update((place, last) for last in store.judgements.decisions(*place)[-1:])
        unplaced += [
            Homeless(file=one.name, model=r.model, task=r.task, metric=r.metric.name, value=r.value, reason=why)
            for r, why in opened.unplaced
        ]
        if opened.waits:
            waiting.append(Waiting(file=one.name, reason=opened.refused, next=COMPLETE))
        elif opened.refused:
            refused.append(Refused(file=one.name, field=opened.field, reason=opened.refused, next=REPAIR))
        notes += opened.file.notes
    return Pushed(
        files=tuple(held),
        new=tuple(rows["new"]),
        same=tuple(rows["same"]),
        aside=tuple(rows["aside"]),
        conflicting=tuple(rows["conflicting"]),
        unplaced=tuple(unplaced),
        refused=tuple(refused),
        waiting=tuple(waiting),
        notes=tuple(notes),
        sealed=walked.sealed,
        decisions=tuple(decided.values()),
    )


def _opened(rules: watch.Rules, file: File) -> watch.Opened:
    opened = watch.open_file(rules, file)
    if file.status == "quarantined" and not opened.refused:  # whoever leads has other readers than we have
        return watch.Opened(file=file, refused=file.reason)
    return opened


def _fate(store: Store, name: str, result: Result, *, known: bool) -> tuple[str, Row]:
    kept, counting = store.evidence.kept(result.identity), store.evidence.counting(result.key)
    row = Row(
        file=name, checkpoint=result.checkpoint.id, task=result.task, metric=result.metric.name, value=result.value
    )
    if counting is not None and kept is not None and not kept.counts:
        aside = kept.result.remarks and not counting.result.remarks
        return "aside" if aside else "conflicting", row.model_copy(update={"was": counting.result.value})
    is_new = kept is not None and kept.result.source == result.source and not known
    return ("new" if is_new else "same"), row
