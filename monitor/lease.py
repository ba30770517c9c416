"""Leases: a GO that a training job carries with it, signed, bounded, and renewed only while everything works.

A lease is issued where the gate, asked this very moment by the one `decide()`, says GO or WARN. It ends after
`lease.life`, and at `lease.compute_bound` times the training FLOP of what was judged, whichever comes first, so that a
fast cluster cannot outrun a slow calendar. What takes a lease back is a newer one that allows nothing.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from checkpoints_db import Store
from checkpoints_db.errors import BadLease
from checkpoints_db.leases import Revocation
from checkpoints_db.records import Answer, Checkpoint, GateState, Lease, PauseMode, SignedLease
from checkpoints_db.records.base import stamp
from checkpoints_db.records.duration import spell_duration
from checkpoints_db.records.lease import PURPOSE
from checkpoints_db.signing import SigningKey
from monitor import adoption, gate, selftest
from monitor.looks import furthest
from monitor.settings import Settings
from policies.loader import find
from policies.spelling import spell_multiple
from policies.terms import LeaseTerms

GATE = "gate"
"""Who takes back the leases of a run that paused."""


class Bounds:
    """What a person asks of a lease: narrower than the policy's, never wider; a number `above` what jobs have seen."""

    def __init__(
        self,
        *,
        max_flop: float | None = None,
        max_step: int | None = None,
        life: timedelta | None = None,
        above: int = 0,
    ) -> None:
        self.max_flop, self.max_step, self.life, self.above = max_flop, max_step, life, above
        if max_flop is not None and not 0 < max_flop < math.inf:
            raise BadLease(f"{max_flop:g} FLOP bound nothing; write a number like 1e24")
        if max_step is not None and max_step < 1:
            raise BadLease(f"step {max_step} is no bound; write a whole number above 0")
        if life is not None and life <= timedelta(0):
            raise BadLease("a lease lives for some time; write a length like 6h")


def issue(
    store: Store, settings: Settings, name: str, key: SigningKey, at: datetime, bounds: Bounds | None = None
) -> SignedLease:
    """A new lease for a run whose gate says GO or WARN now; in the store and its ledger when this returns.

    The known-answer self-test runs first. Raises SelfTestFailed; and BadLease, with the gate's reason, where the gate
    says anything else, no cycle was completed lately, or how much compute was judged is not known.
    """
    selftest.check()
    with store.transaction():
        state = gate.ask_in(store, settings, name, at)
        if state.answer.rank >= Answer.HOLD.rank:
            raise BadLease(f"no lease for {name}: the gate says {state.answer} ({state.reason}): {state.sentence}")
        terms = _terms(store, settings, state, at)
        _cycled(store, terms, name, at)
        signed = _signed(store, state, terms, key, at, bounds or Bounds())
        store.leases.put(signed)
    return signed


def renew(store: Store, settings: Settings, name: str, key: SigningKey, at: datetime) -> SignedLease | None:
    """The next lease of a run that had one, if it is time; None where it is not, or people took the last one back.

    What a person narrowed stays narrow while the evidence is the same. Raises BadLease as `issue` does.
    """
    place = gate.find_run(store, name)
    last = store.leases.newest(*place) if place else None
    if last is None or not _due(store, settings, last.lease, at):
        return None
    with store.transaction():
        bounds = Bounds()
        state = gate.ask_in(store, settings, name, at)
        lasting = not (last.lease.revoked or last.lease.break_glass)
        if lasting and state.evidence == last.lease.evidence_root:
            bounds = Bounds(max_flop=last.lease.max_flop, max_step=last.lease.max_step)
        return issue(store, settings, name, key, at, bounds)


def _due(store: Store, settings: Settings, last: Lease, at: datetime) -> bool:
    if last.revoked:
        taken = store.leases.revocations(last.gate)
        return bool(taken) and taken[-1].by == GATE
    return at - last.not_before >= adoption.force(store, find(settings.policy, settings.base), at).policy.lease.renew


def revoke(
    store: Store,
    family: str,
    run: str,
    key: SigningKey,
    at: datetime,
    *,
    by: str,
    reason: str,
    mode: PauseMode | None = None,
) -> SignedLease:
    """Take back every lease of a run: a newer one that allows nothing and has ended, and a row that says who and why.

    A job that sees it pauses by `mode` (default: that of the lease). Raises BadLease where there is none to take back.
    """
    if not (by.strip() and reason.strip()):
        raise BadLease(f"lease of {family}/{run}: taking it back needs your name and a reason")
    with store.transaction():
        last = store.leases.newest(family, run)
        if last is None:
            raise BadLease(f"{family}/{run} has no lease; see `holdpoint lease show`")
        state = store.actions.gate(family, run)
        ended = last.lease.model_copy(
            update={
                "seq": last.lease.seq + 1,
                "not_before": at,
                "expires_at": at,
                "max_flop": 0.0,
                "max_step": 0,
                "answer": state.answer if state else Answer.HOLD,
                "decision": state.decision if state else "",
                "pause_mode": mode or last.lease.pause_mode,
                "revoked": True,
                "key_id": key.id,
            }
        )
        signed = SignedLease(lease=ended, signature=key.sign(PURPOSE, ended.body()))
        gate_name, up_to = last.lease.gate, last.lease.seq
        store.leases.revoke(Revocation(gate=gate_name, up_to=up_to, by=by.strip(), reason=reason.strip(), at=at))
        store.leases.put(signed)
    return signed


def withdraw(store: Store, key: SigningKey, at: datetime) -> list[SignedLease]:
    """Take back the leases of every run whose gate says PAUSE; the runs pause by the mode of their policy."""
    ended = []
    for family, run in store.leases.runs():
        state, last = store.actions.gate(family, run), store.leases.newest(family, run)
        if state and state.answer is Answer.PAUSE and last is not None and not last.lease.revoked:
            why = f"{state.reason}: {state.sentence}"
            ended.append(revoke(store, state.family, state.run, key, at, by=GATE, reason=why))
    return ended


def _terms(store: Store, settings: Settings, state: GateState, at: datetime) -> LeaseTerms:
    """How far a lease reaches: as far as the policy in force and the one that decided both allow, and none that waits.

    Raises BadLease where the policy that decided was never in force here and does not wait either.
    """
    force = adoption.force(store, find(settings.policy, settings.base), at)
    known = [entry.policy for entry in force.history] + ([force.waiting.policy] if force.waiting else [])
    deciding = [policy for policy in known if policy.digest == state.policy][-1:]
    if not deciding:
        raise BadLease(
            f"no lease for {state.family}/{state.run}: the policy that decided ({state.policy[:12]}) is none of this "
            "store; see `holdpoint policy history`"
        )
    return narrower(force.policy.lease, deciding[0].lease)


def narrower(one: LeaseTerms, other: LeaseTerms) -> LeaseTerms:
    """What two tables of terms both allow: the shorter life, the smaller bound, the stronger pause.

    >>> narrower(LeaseTerms(compute_bound="2x"), LeaseTerms(pause_mode="checkpoint_and_exit")).pause_mode
    'checkpoint_and_exit'
    """
    return LeaseTerms(
        life=spell_duration(min(one.life, other.life)),
        renew=spell_duration(min(one.renew, other.renew)),
        compute_bound=spell_multiple(min(one.compute_bound, other.compute_bound)),
        pause_mode=max(one.pause_mode, other.pause_mode, key=get_args(PauseMode).index),
    )


def _cycled(store: Store, terms: LeaseTerms, name: str, at: datetime) -> None:
    cycle = store.fact("cycle")
    if cycle is None or at - cycle[1] > terms.renew:
        last = "never" if cycle is None else cycle[1].isoformat(timespec="seconds")
        raise BadLease(
            f"no lease for {name}: the last complete cycle was {last}, and a lease needs one within "
            f"{spell_duration(terms.renew)} (lease.renew); is the daemon alive?"
        )


def _signed(
    store: Store, state: GateState, terms: LeaseTerms, key: SigningKey, at: datetime, bounds: Bounds
) -> SignedLease:
    checkpoint = _judged(store, state)
    flop = [next_trigger(checkpoint, terms), state.max_flop, bounds.max_flop]
    ends = [at + terms.life, state.until, None if bounds.life is None else at + min(bounds.life, terms.life)]
    last = store.leases.newest(state.family, state.run)
    verdicts = store.judgements.verdicts(state.family, state.run)
    lease = Lease(
        family=state.family,
        run=state.run,
        gate=f"{state.family}/{state.run}",
        seq=max(last.lease.seq if last else 0, bounds.above) + 1,
        not_before=at,
        expires_at=min(end for end in ends if end is not None),
        max_flop=min(bound for bound in flop if bound is not None),
        max_step=bounds.max_step,
        answer=state.answer,
        decision=_decision(store, state),
        policy_sha256=state.policy,
        forecast_ids=tuple(sorted({v.forecast for _, v in verdicts if v.forecast and v.checkpoint == checkpoint.id})),
        evidence_root=state.evidence,
        pause_mode=terms.pause_mode,
        break_glass=state.break_glass,
        key_id=key.id,
    )
    return SignedLease(lease=lease, signature=key.sign(PURPOSE, lease.body()))


def _decision(store: Store, state: GateState) -> str:
    """Digest of the decision in the store that says what the gate says now; of the one made now where none does."""
    settled = store.actions.gate(state.family, state.run)
    told = (state.answer, state.reason, state.sentence, state.evidence, state.policy)
    if settled and (settled.answer, settled.reason, settled.sentence, settled.evidence, settled.policy) == told:
        return settled.decision
    return state.decision


def _judged(store: Store, state: GateState) -> Checkpoint:
    """The furthest checkpoint of a run that was judged: what its last assessment was of."""
    results = store.evidence.results(family=state.family, run=state.run)
    judged = [seen.result.checkpoint for seen in results if not seen.baseline]
    if not judged:
        raise BadLease(f"no lease for {state.family}/{state.run}: nothing of it was judged")
    return furthest(judged)


def next_trigger(checkpoint: Checkpoint, terms: LeaseTerms) -> float:
    """Training FLOP at which the next assessment is due: the policy's multiple of those of the last one.

    FLOP as the catalogue states them, else 6 * parameters * tokens. Raises BadLease where neither is known.
    """
    flop = checkpoint.flop
    if flop is None and checkpoint.params is not None and checkpoint.tokens is not None:
        flop = 6 * checkpoint.params * checkpoint.tokens
    if flop is None:
        raise BadLease(
            f"no lease for {checkpoint.id}: its training FLOP are unknown, so nothing would bound it by compute; state "
            "`flop`, or `params` and `tokens`, in the catalogue"
        )
    return flop * terms.compute_bound


# -- where jobs find it ----------------------------------------------------------------------------------------------


def file_of(settings: Settings, family: str, run: str) -> Path:
    """Where the newest lease of a run is written: FAMILY/RUN.json in the folder of the settings."""
    return settings.at(settings.lease.folder) / _plain(family) / f"{_plain(run)}.json"


def _plain(name: str) -> str:
    """A name as one part of a path."""
    spelled = quote(name, safe=" +=,@:~")
    return "%2E" + spelled[1:] if spelled.startswith(".") else spelled


def publish(settings: Settings, signed: SignedLease) -> Path:
    """Write a lease where jobs read it, whole or not at all: everybody may read it, nobody else may write it.

    Raises BadLease where it cannot be written.
    """
    path, text = file_of(settings, signed.lease.family, signed.lease.run), signed.text.encode()
    beside = path.with_name(f".{path.name}.tmp")
    try:
        if path.is_file() and path.read_bytes() == text:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in (path.parent, path.parent.parent):
            folder.chmod(0o755)
        with beside.open("wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise BadLease(
            f"lease {path}: cannot be written: {error.strerror or error}; jobs see the one before"
        ) from error
    return path


def told(signed: SignedLease) -> str:
    """One line about a lease, for people."""
    lease = signed.lease
    if lease.revoked:
        return f"lease {lease.seq} of {lease.gate}: takes back those before it ({stamp(lease.not_before)[:19]}Z)"
    step = "" if lease.max_step is None else f", step {lease.max_step}"
    loud = f"; BREAK-GLASS {lease.break_glass}" if lease.break_glass else ""
    ends = f"until {stamp(lease.expires_at)[:19]}Z, {lease.max_flop:.3g} FLOP{step}"
    return f"lease {lease.seq} of {lease.gate}: {lease.answer}, {ends}, by key {lease.key_id}{loud}"
