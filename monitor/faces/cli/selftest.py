"""`holdpoint selftest`: does this installation still decide what is known?"""

from __future__ import annotations

from monitor import selftest as known
from monitor.faces.cli import shell


def selftest(json: shell.Json = False) -> None:
    """Decide and judge fixed cases whose answers are known. Exit code 0 when all of them come out, 1 naming the first.

    The daemon does so before each heartbeat, and `gate ask` decides three of them. Example: holdpoint selftest
    """
    known.check()
    decisions, verdicts = len(known.cases()), len(known.VERDICTS)
    told = f"the self-test passed: {decisions} decisions and {verdicts} verdicts as known"
    shell.show({"passed": True, "decisions": decisions, "verdicts": verdicts}, told, json=json)
