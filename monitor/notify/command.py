"""Notifier `command`: a program of the house, with the message as JSON on its standard input."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from typing import IO

from checkpoints_db.errors import DeliveryError, SettingsError
from checkpoints_db.records import canonical
from monitor.notify.base import Letter, printable
from monitor.notify.event import envelope
from monitor.settings import Receiver, Settings

ALWAYS = ("PATH", "HOME", "LANG", "TZ")
HEARD = 300
"""Bytes of what it says that are kept, for the reason; the rest is read and dropped."""
PERMANENT = (64, 67, 68, 77, 78)
"""Exit codes (sysexits.h) that no other attempt changes: usage, no such user or host, not permitted, misconfigured."""


class Command:
    """Runs a program as an argument vector, no shell, with an end in time; exit code 0 means that the message is told.

    The message is the event that `webhook` posts. HOLDPOINT_MESSAGE_ID is its idempotency key.
    """

    name = "command"

    def check(self, receiver: Receiver, settings: Settings) -> None:
        """Raises SettingsError without a program."""
        if not receiver.command or not receiver.command[0]:
            raise SettingsError("a receiver of kind 'command' needs `command`, a list of a program and its arguments")

    def send(self, letter: Letter, receiver: Receiver, settings: Settings) -> None:
        """Run the program. Raises DeliveryError: permanent where it cannot be run or exits by one of PERMANENT."""
        name, patience = letter.message.receiver, receiver.timeout.total_seconds()
        try:
            self.check(receiver, settings)
        except SettingsError as error:
            raise DeliveryError(name, str(error), permanent=True) from error
        told = canonical(envelope(letter)).encode("utf-8", "surrogatepass")
        seen = {key: os.environ[key] for key in (*ALWAYS, *receiver.env) if key in os.environ}
        try:
            program = subprocess.Popen(  # noqa: S603 - the settings name it; an argument vector, and no shell reads it
                receiver.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**seen, "HOLDPOINT_MESSAGE_ID": letter.message.id},
                cwd=settings.base,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = f"{receiver.command[0]}: cannot be run: {getattr(error, 'strerror', None) or type(error).__name__}"
            raise DeliveryError(name, why, permanent=True) from None
        code, said = _run(program, told, patience)
        if code is None:
            raise DeliveryError(name, f"{receiver.command[0]}: still ran after {patience:g} s", permanent=False)
        if code:
            why = f"{receiver.command[0]}: exit code {code}{': ' + said if said else ''}"
            raise DeliveryError(name, why, permanent=code in PERMANENT)


def _run(program: subprocess.Popen[bytes], told: bytes, patience: float) -> tuple[int | None, str]:
    """Exit code, None where time was up, and the beginning of what it said."""
    heard = bytearray()
    with program:
        talking = [
            threading.Thread(target=_tell, args=(program.stdin, told), daemon=True),
            threading.Thread(target=_hear, args=(program.stdout, heard), daemon=True),
        ]
        for each in talking:
            each.start()
        try:
            code: int | None = program.wait(patience)
        except subprocess.TimeoutExpired:
            code = None
        with suppress(ProcessLookupError, PermissionError):  # whatever it started ends with it
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        for each in talking:
            each.join(1.0)
    return code, printable(heard.decode("utf-8", "replace").strip().replace("\n", " "))


def _tell(stream: IO[bytes] | None, told: bytes) -> None:
    with suppress(OSError, ValueError):  # a program need not read it
        if stream is not None:
            stream.write(told)
            stream.close()


def _hear(stream: IO[bytes] | None, heard: bytearray) -> None:
    with suppress(OSError, ValueError):
        while stream is not None and (block := stream.read1(1 << 16)):  # type: ignore[attr-defined]
            heard += block[: HEARD - len(heard)]
