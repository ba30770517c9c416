"""The guard in a training job: reads the lease, and says at each step whether the run may go on.

It works without a network from a lease file, or asks a server beside the training loop. It never raises: what is wrong
is a `Check` that says so. Whoever controls the training code can leave it out: it shows, it does not force.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from monitor.adapters.document import Lease, Refused, Why, read, trusted
from monitor.adapters.fetch import source_of
from monitor.adapters.memory import Memory, Seen
from monitor.clock import SystemClock

logger = logging.getLogger("holdpoint.guard")

EXIT_CODE = 75
"""EX_TEMPFAIL, try again later: schedulers need not count it as a failure."""
TOLERANCE = 300.0
"""Seconds that the clocks of two machines may differ."""
AGAIN = 0.2
"""Seconds before a document that ends early, or is gone, is looked at once more: somebody may be copying it."""
IMPATIENT = 1.0
"""Seconds between two looks while the run may not go on."""
KEPT_EVERY = 60.0
"""Seconds between two notes of the time in the memory."""

HARD = frozenset({Why.flop_bound, Why.step_bound, Why.unmeasured})
"""What stops a run in flight under every mode: beyond a bound of compute lies the next scale."""


class Ticking(Protocol):
    """A clock on the wall and one that nobody can set."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class HoldpointStop(SystemExit):
    """The run is told to stop, and its checkpoint is saved; uncaught, the process ends with code 75."""

    def __init__(self, check: Check) -> None:
        super().__init__(EXIT_CODE)
        self.check = check

    def __str__(self) -> str:
        return f"stopped by holdpoint ({self.check.why}): {self.check.sentence}"


@dataclass(frozen=True, slots=True)
class Check:
    """What the guard says at one step. True where the run may go on as it is."""

    why: Why
    stop: bool
    """Whether to save a checkpoint now and stop; without it a run in flight may go on, and nothing new may start."""
    mode: str
    """How to stop: `checkpoint_and_hold` or `checkpoint_and_exit`; `gate_next` where there is no stopping now."""
    sentence: str
    seq: int = 0
    """Number of the lease it rests on; 0 where there was none."""
    left: float = 0.0
    """Seconds until that lease expires."""

    @property
    def go(self) -> bool:
        """Whether the lease is valid here: a next stage or scale may start too."""
        return self.why is Why.ok

    def __bool__(self) -> bool:
        return not self.stop


class LeaseGuard:
    """Checks the lease of one run.

    `source` is a path or an http(s) address, `keys` the trusted public keys (a file of them, or the keys), `run` its
    gate as `family/run`, `memory` a file beside the checkpoints that remembers the newest lease. A file is read again
    every `refresh` seconds, a server asked that often from a thread, with `timeout`. Raises ValueError or OSError for
    keys or an address that are none; after that nothing raises.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        keys: str | Path | Iterable[str],
        run: str,
        memory: str | Path,
        token: str = "",
        refresh: float = 10.0,
        timeout: float = 5.0,
        clock: Ticking | None = None,
    ) -> None:
        self.run, self.refresh = run, refresh
        self._keys_from = keys if isinstance(keys, str | Path) else tuple(keys)
        self._keys = trusted(self._keys_from)
        self._source = source_of(source, token, timeout)
        self._memory = Memory(Path(memory), run)
        self._clock: Ticking = clock or SystemClock()
        self._lease: Lease | None = None
        self._refused: Refused | None = None
        self._text = b""
        self._seen: Seen | None = None
        self._begun = False
        self._next_look = self._next_note = float("-inf")
        self._asking: threading.Thread | None = None
        self._answer: bytes | Refused | None = None
        self._warned: tuple[int, str] = (0, "")
        self._told: tuple[Why, str] = (Why.ok, "")
        self._anchor, self._anchored = self._clock.now().timestamp(), self._clock.monotonic()

    # -- what a job asks ----------------------------------------------------------------------------------------------

    def check(self, *, step: int | None = None, flop: float | None = None, starting: bool = False) -> Check:
        """May the run go on, after `step` steps and `flop` training FLOP in all? Never raises.

        The first check of a process, and each with `starting`, is about starting something: then whatever is no valid
        lease says stop, under every pause mode.
        """
        ticks = self._clock.monotonic()
        if ticks >= self._next_look or self._answer is not None:
            self._look(ticks)
        now = self._now(ticks)
        why, sentence = self._found(now, step, flop)
        lease = self._lease
        left = max(lease.expires_at - now, 0.0) if lease is not None else 0.0
        if lease is not None and why is Why.ok:
            self._begun, self._told = True, (Why.ok, "")
            self._warn(lease, left)
            if ticks >= self._next_note:
                self._note(lease, now, ticks)
            return Check(why, stop=False, mode=lease.pause_mode, sentence="", seq=lease.seq, left=left)
        self._next_look = min(self._next_look, ticks + IMPATIENT)
        if (why, sentence) != self._told:
            self._told = (why, sentence)
            logger.warning("%s: not valid (%s): %s", self.run, why, sentence)
        mode = "checkpoint_and_exit" if lease is None else lease.pause_mode
        stop = starting or not self._begun or mode != "gate_next" or why in HARD
        if stop and mode == "gate_next":
            mode = "checkpoint_and_exit"
        return Check(why, stop, mode, sentence, 0 if lease is None else lease.seq, left)

    def wait(
        self, *, step: int | None = None, flop: float | None = None, at_most: float = 3600.0, every: float = 5.0
    ) -> Check:
        """Wait for a valid lease, at most so many seconds; the last check. What `checkpoint_and_hold` asks for."""
        end = self._clock.monotonic() + at_most
        while True:
            check = self.check(step=step, flop=flop, starting=True)
            left = end - self._clock.monotonic()
            if check or left <= 0:
                return check
            self._clock.sleep(min(every, left))

    # -- looking at the source ----------------------------------------------------------------------------------------

    def _look(self, ticks: float) -> None:
        self._next_look = ticks + self.refresh
        if not self._source.slow or (self._lease is None and self._answer is None and self._asking is None):
            self._take(self._got(), ticks)
            return
        if self._answer is not None:
            answer, self._answer = self._answer, None
            self._take(answer, ticks)
        elif self._asking is None or not self._asking.is_alive():
            self._asking = threading.Thread(target=self._ask, name="holdpoint-lease", daemon=True)
            try:
                self._asking.start()
            except RuntimeError as error:  # the machine has no thread left; the lease in hand runs on
                logger.warning("the lease could not be asked for: %s", error)

    def _ask(self) -> None:
        self._answer = self._got()

    def _got(self) -> bytes | Refused:
        try:
            return self._source.get()
        except Refused as refused:
            return refused

    def _take(self, answer: bytes | Refused, ticks: float) -> None:
        """Believe what the source gave, or remember why not; what may be a file half copied is looked at twice."""
        refused = self._believed(answer, ticks)
        if refused is not None and refused.why in (Why.absent, Why.truncated) and not self._source.slow and self._begun:
            self._clock.sleep(AGAIN)
            refused = self._believed(self._got(), ticks)
        if refused is not None and (self._refused is None or self._refused.why is not refused.why):
            logger.warning("%s: what is there is not believed (%s): %s", self.run, refused.why, refused.sentence)
        self._refused = refused

    def _believed(self, answer: bytes | Refused, ticks: float) -> Refused | None:
        if isinstance(answer, Refused):
            return answer
        if self._lease is not None and answer == self._text:
            return None
        try:
            lease = self._read(answer)
            seen = self._recalled(ticks)
            self._refuse(lease, seen, self._now(ticks))
            if lease.seq > seen.seq:
                self._remember(Seen(lease.seq, lease.sha256, max(seen.at, min(self._now(ticks), lease.expires_at))))
        except Refused as refused:
            return refused
        if lease.break_glass:
            logger.warning("%s: lease %d is by BREAK-GLASS: %s", self.run, lease.seq, lease.body["break_glass"])
        self._lease, self._text = lease, answer
        return None

    def _read(self, text: bytes) -> Lease:
        try:
            return read(text, self._keys)
        except Refused as refused:
            if refused.why is not Why.wrong_key:
                raise
        try:  # the keys may have been rotated meanwhile
            self._keys = trusted(self._keys_from)
        except (OSError, ValueError) as error:
            logger.warning("the trusted keys could not be read again: %s", error)
        return read(text, self._keys)

    def _refuse(self, lease: Lease, seen: Seen, now: float) -> None:
        """Raise Refused for a lease that is sound and not for here or now."""
        if f"{lease.family}/{lease.run}" != self.run:
            raise Refused(Why.wrong_run, f"the lease is of {lease.family}/{lease.run}, not of {self.run}")
        if lease.seq < seen.seq or (lease.seq == seen.seq and lease.sha256 != seen.sha256):
            raise Refused(Why.replayed, f"lease {lease.seq} is not newer than {seen.seq}, which was seen before")
        if lease.not_before > now + TOLERANCE:
            raise Refused(*judged(lease, now, None, None))

    # -- judging what is in hand --------------------------------------------------------------------------------------

    def _found(self, now: float, step: int | None, flop: float | None) -> tuple[Why, str]:
        lease, refused = self._lease, self._refused
        if refused is not None and (lease is None or refused.why is not Why.unreachable):
            return refused.why, refused.sentence
        if lease is None:
            return Why.absent, "there was no lease yet"
        why, sentence = judged(lease, now, step, flop)
        return why, sentence if refused is None or why is Why.ok else f"{sentence}; {refused.sentence}"

    def _now(self, ticks: float) -> float:
        """The later of the two clocks: one that was set back makes no lease live longer."""
        return max(self._clock.now().timestamp(), self._anchor + ticks - self._anchored)

    def _warn(self, lease: Lease, left: float) -> None:
        share = left / lease.life
        if share > 0.5:
            return
        mark = (lease.seq, "a quarter" if share <= 0.25 else "half")
        if mark != self._warned:
            self._warned = mark
            text = "%s: %s of the life of lease %d is left (%.0f s) and it was not renewed; is the daemon alive?"
            logger.warning(text, self.run, mark[1], lease.seq, left)

    # -- what is remembered -------------------------------------------------------------------------------------------

    def _recalled(self, ticks: float) -> Seen:
        """What was seen, by this process or one before it; the time then is the least that it can be now."""
        if self._seen is None:
            self._seen = self._memory.recall()
            if self._seen.at - self._now(ticks) > TOLERANCE:
                logger.warning("%s: the clock here went backwards, it was %s", self.run, _spelled(self._seen.at))
            self._anchor, self._anchored = max(self._now(ticks), self._seen.at), ticks
        return self._seen

    def _keep(self, seen: Seen) -> None:
        self._memory.keep(seen)
        self._seen = seen

    def _remember(self, seen: Seen) -> None:
        """Keep a newer lease in mind. Raises Refused at the start; in flight a full disk alone stops nobody."""
        try:
            self._keep(seen)
        except Refused as refused:
            if not self._begun:
                raise
            self._seen = seen
            logger.warning("%s: lease %d is remembered by this process alone: %s", self.run, seen.seq, refused.sentence)

    def _note(self, lease: Lease, now: float, ticks: float) -> None:
        self._next_note = ticks + KEPT_EVERY
        try:
            self._keep(Seen(lease.seq, lease.sha256, now))
        except Refused as refused:
            logger.warning("%s: the time could not be kept: %s", self.run, refused.sentence)


def judged(lease: Lease, now: float, step: int | None, flop: float | None) -> tuple[Why, str]:
    """Whether a lease allows a run that far at a time (seconds since 1970): `ok`, or why not, in words."""
    if lease.revoked:
        return Why.revoked, f"lease {lease.seq} takes back those before it"
    if lease.not_before > now + TOLERANCE:
        early = _spelled(lease.not_before)
        return Why.future, f"lease {lease.seq} is valid from {early} only; look at the clock here"
    if now >= lease.expires_at:
        return Why.expired, f"lease {lease.seq} ended {_spelled(lease.expires_at)} and was not renewed"
    try:
        flop, step = None if flop is None else float(flop), None if step is None else int(step)
    except (TypeError, ValueError, OverflowError):
        return Why.unmeasured, f"flop={flop!r} and step={step!r} are no numbers"
    if flop is not None and not flop < lease.max_flop:  # NaN reaches every bound
        return Why.flop_bound, f"{flop:g} FLOP of the {lease.max_flop:g} that lease {lease.seq} allows"
    if step is not None and lease.max_step is not None and step >= lease.max_step:
        return Why.step_bound, f"step {step} of the {lease.max_step} that lease {lease.seq} allows"
    if flop is None and (step is None or lease.max_step is None):
        wanted = f"{lease.max_flop:g} FLOP" + ("" if lease.max_step is None else f" or {lease.max_step} steps")
        return Why.unmeasured, f"lease {lease.seq} is bounded by {wanted}; pass flop= (or step=) to the check"
    return Why.ok, ""


def _spelled(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f} s after 1970"
