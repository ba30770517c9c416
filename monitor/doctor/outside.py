"""Checks of what others give us: sources, policy, catalogue, keys, and whom we tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import DeliveryError, EvidenceError, PolicyError, SettingsError
from checkpoints_db.records import Alert, Answer, Message, digest_of
from monitor import notify
from monitor.daemon import inbox
from monitor.daemon.jobs import guarded
from monitor.daemon.rules import prior_of, readers_of
from monitor.doctor.patient import Checked, Patient, roughly
from monitor.keys import Keys
from policies.loader import find

OLD = timedelta(days=365)
"""A signing key of this age should be rotated."""
WAITS = timedelta(days=7)
"""How long a rotation may stand half done."""


def sources(patient: Patient) -> Iterator[Checked]:
    """Each source answers; how many files lie there."""
    settings = patient.settings
    readers_of(settings)
    for source in settings.source:
        where = source.url or str(settings.at(source.path or settings.base))
        name = f"source {where}"
        if source.path is not None and not settings.at(source.path).is_dir():
            do = "make the folder, mount it, or name another one: nothing will ever arrive from there"
            yield Checked(name=name, state="warn", found="there is no such folder", do=do)
            continue
        try:
            files = inbox.names_of([source], settings.base, settings.at(settings.spool))
        except EvidenceError as error:
            yield Checked(name=name, state="fail", found=str(error))
        else:
            yield Checked(name=name, state="ok", found=f"{len(files)} files below {source.pattern}")


def policy(patient: Patient) -> Iterator[Checked]:
    """The policy loads, and its receivers are in the settings."""
    loaded = find(patient.settings.policy, patient.settings.base)
    notify.check_names(loaded, patient.settings)
    found = f"{loaded.name} {loaded.version}, {len(loaded.rules)} rules, digest {loaded.digest[:12]}"
    yield Checked(name="policy", state="ok", found=found)


def catalogue(patient: Patient) -> Iterator[Checked]:
    """Catalogue and prior read, and every reading has its place."""
    path = patient.settings.at(patient.settings.catalogue)
    Catalogue.from_toml(path)
    prior_of(patient.settings)
    homeless = {each.reading.model for each in patient.opened.evidence.unplaced()} if patient.opened else set()
    if homeless:
        found = f"{path}: {len(homeless)} models have no place, one is {min(homeless)!r}"
        yield Checked(name="catalogue", state="warn", found=found, do="see `holdpoint catalogue check`")
    else:
        yield Checked(name="catalogue", state="ok", found=f"{path} reads; every model has its place")


def keys(patient: Patient) -> Iterator[Checked]:
    """The key that signs leases is there, ours alone, trusted and not old; no rotation stands half done."""
    files = Keys(patient.settings.at(patient.settings.lease.key))
    leases = patient.opened.leases.runs() if patient.opened else []
    if not files.path.exists() and not leases:
        yield Checked(name="keys", state="ok", found="no signing key, and no lease was ever issued")
        return
    key, at = files.signing(), patient.clock.now()
    age = at - datetime.fromtimestamp(files.path.stat().st_mtime, UTC)
    staged = files.next_path.exists()
    waits = at - datetime.fromtimestamp(files.next_path.stat().st_mtime, UTC) if staged else timedelta(0)
    found = f"key {key.id} signs, is ours alone and trusted; {roughly(age)} old"
    if waits > WAITS:
        told = f"{found}; the next one has waited {roughly(waits)}"
        do = "give trusted.pub to every job, then `holdpoint keys rotate --finish`"
        yield Checked(name="keys", state="warn", found=told, do=do)
    elif age > OLD:
        yield Checked(
            name="keys", state="warn", found=found, do="rotate it in three steps: `holdpoint keys rotate --help`"
        )
    else:
        yield Checked(name="keys", state="ok", found=found)
    old = [known.id for known in files.known() if not known.signs and not known.next]
    if old:
        do = "when no lease of theirs lives: `holdpoint keys retire KEY`"
        yield Checked(name="keys", state="warn", found=f"still trusted, and signing nothing: {', '.join(old)}", do=do)


def receivers(patient: Patient) -> Iterator[Checked]:
    """The settings of each receiver are complete and its secrets are there; with `send` each is told so."""
    for name, receiver in patient.settings.receivers.items():
        checked = f"receiver {name}"
        try:
            notifier = notify.NOTIFIERS.get(receiver.kind)
            notifier.check(receiver, patient.settings)
            if patient.send:
                guarded(notifier, _letter(patient, name), receiver, patient.settings)
        except (SettingsError, PolicyError, DeliveryError) as error:
            yield Checked(name=checked, state="fail", found=f"{receiver.kind}: {error}")
            continue
        told = "was told" if patient.send else "complete; nothing was sent (--send tells it)"
        held = _held(patient, name)
        do = "see `holdpoint outbox list --state owed`" if held else ""
        found = f"{receiver.kind}: {told}{held}"
        yield Checked(name=checked, state="warn" if held else "ok", found=found, do=do)


def _held(patient: Patient, name: str) -> str:
    """That a receiver could not be reached lately."""
    reach = patient.opened.outbox.reach(name) if patient.opened else None
    return f"; its last {reach.failures} attempts failed" if reach is not None and reach.failures else ""


def _letter(patient: Patient, name: str) -> notify.Letter:
    at = patient.clock.now()
    print_ = digest_of(["doctor", name, at.isoformat()])
    alert = Alert(
        id=print_[:12],
        fingerprint=print_,
        family="",
        run="",
        rule="doctor",
        answer=Answer.WARN,
        state="closed",
        opened_at=at,
        changed_at=at,
        sentence="this is a test of `holdpoint doctor --send`; nothing happened, and nothing is to be done",
    )
    message = Message(id=print_, receiver=name, event="opened", alert=alert, at=at)
    home = patient.settings.web.url if patient.settings.web else ""
    return notify.Letter(message, at, home=home, draw=lambda _: None, alerts=lambda: [alert])
