"""What a training job imports brings nothing heavy along, and works where nothing else is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from leasing import KEY, RUN, lease, signed

ROOT = Path(__file__).resolve().parents[3]

HEAVY = [
    "numpy",
    "scipy",
    "pydantic",
    "sqlite3",
    "sqlite_utils",
    "fastapi",
    "apscheduler",
    "rich",
    "typer",
    "torch",
    "checkpoints_db",
    "policies",
]


def test_importing_the_guard_pulls_in_nothing_heavy() -> None:
    code = "import sys, monitor.adapters, monitor.adapters.pytorch; print(' '.join(sorted(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    loaded = told.split()
    assert "monitor.adapters.guard" in loaded
    assert [name for name in loaded if name.partition(".")[0] in HEAVY] == []
    ours = {name for name in loaded if name.startswith("monitor")}
    assert {name for name in ours if not name.startswith("monitor.adapters")} == {"monitor", "monitor.clock"}


def test_works_on_the_standard_library_alone(tmp_path: Path) -> None:
    (tmp_path / "lease.json").write_text(signed(lease()))
    code = (
        "import sys, datetime\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from monitor.adapters import LeaseGuard, ed25519\n"
        "assert not ed25519.FAST\n"
        "class Clock:\n"
        "    def now(self): return datetime.datetime(2026, 11, 23, 10, tzinfo=datetime.timezone.utc)\n"
        "    def monotonic(self): return 1.0\n"
        "    def sleep(self, seconds): pass\n"
        f"guard = LeaseGuard('lease.json', keys=[{KEY.public!r}], run={RUN!r}, memory='memory.json', clock=Clock())\n"
        "print(guard.check(step=1, flop=1e20).why)\n"
        "open('lease.json', 'a').write(' ')\n"
        "guard = LeaseGuard('lease.json', keys=['" + KEY.public + f"'], run={RUN!r}, memory='m2', clock=Clock())\n"
        "print(guard.check(step=1, flop=1e20).why)\n"
    )
    # -S and -I: no site-packages, so that nothing that is installed can be found.
    command = [sys.executable, "-I", "-S", "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert told.stdout.split() == ["ok", "truncated"], told.stderr
