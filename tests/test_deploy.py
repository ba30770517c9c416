"""The scripts under deploy/ start and stop what they should, with stand-ins for the schedulers on the PATH."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from leasing import KEY, lease, revocation, signed

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
SCRIPTS = sorted([*DEPLOY.rglob("*.sh"), *DEPLOY.rglob("*.sbatch")])
NOW = datetime.now(UTC)
VALID = signed(lease(not_before=NOW - timedelta(hours=1), expires_at=NOW + timedelta(days=1)))
REVOKED = signed(revocation(2, NOW))


class Cluster:
    """A folder of leases and keys, `holdpoint` on the PATH, and schedulers that write down what they are told."""

    def __init__(self, root: Path) -> None:
        self.root, self.bin = root, root / "bin"
        self.bin.mkdir()
        (self.bin / "holdpoint").write_text(f'#!/bin/sh\nexec {sys.executable} -m monitor "$@"\n')
        (self.bin / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {root}/told\n')
        (self.bin / "kubectl").write_text(
            f"#!/bin/sh\ncase $*/ in\n*spec.suspend*) cat {root}/suspended;;\n*running*) cat {root}/running;;\n"
            f'*exitCode*) cat {root}/codes;;\n*) echo "$@" >> {root}/told;;\nesac\n'
        )
        for file in self.bin.iterdir():
            file.chmod(0o755)
        (root / "trusted.pub").write_text(KEY.public + "\n")
        self.lease = root / "leases" / "lab" / "7b.json"
        self.lease.parent.mkdir(parents=True)
        self.env = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "PYTHONPATH": str(DEPLOY.parent),
            "HOLDPOINT_LEASES": str(root / "leases"),
            "HOLDPOINT_KEYS": str(root / "trusted.pub"),
            "SLURM_JOB_ID": "42",
        }

    def run(self, script: str, *words: str, **env: str) -> int:
        command = [str(DEPLOY / script), *words]
        return subprocess.run(command, env={**self.env, **env}, check=False, timeout=60).returncode

    @property
    def told(self) -> list[str]:
        file = self.root / "told"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_plain_shell_without_a_warning(script: Path) -> None:
    subprocess.run(["sh", "-n", str(script)], check=True)
    assert script.read_text().startswith("#!/bin/sh\n")
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", "-s", "sh", str(script)], check=True)


def test_prolog_lets_a_valid_lease_start_and_holds_the_job_otherwise(cluster: Cluster) -> None:
    comment = {"SLURM_JOB_COMMENT": "project=x holdpoint=lab/7b"}
    assert cluster.run("slurm/prolog.sh", **comment) == 1  # no lease
    assert cluster.told == ["hold 42"]
    cluster.lease.write_text(VALID)
    assert cluster.run("slurm/prolog.sh", **comment) == 0
    cluster.lease.write_text(REVOKED)
    assert cluster.run("slurm/prolog.sh", **comment) == 1
    assert cluster.run("slurm/prolog.sh", HOLDPOINT_RUN="lab/7b", SLURM_JOB_NODELIST="n1") == 1
    assert cluster.told == ["hold 42", "hold 42", "requeuehold 42"]


def test_prolog_leaves_other_jobs_alone(cluster: Cluster) -> None:
    assert cluster.run("slurm/prolog.sh", SLURM_JOB_COMMENT="nothing of ours") == 0
    assert cluster.told == []


@pytest.mark.parametrize(("code", "told"), [(0, []), (1, []), (75, ["requeuehold 42"])])
def test_requeue_hold_knows_a_pause_from_a_failure(cluster: Cluster, code: int, told: list[str]) -> None:
    assert cluster.run("slurm/requeue-hold.sh", "sh", "-c", f"exit {code}") == code
    assert cluster.told == told


def test_requeue_hold_passes_signals_on_and_waits(cluster: Cluster) -> None:
    ready, program = cluster.root / "ready", cluster.root / "train.sh"
    program.write_text(f"trap 'exit 75' USR1\ntouch {ready}\nwhile :; do sleep 0.05; done\n")
    command = [str(DEPLOY / "slurm/requeue-hold.sh"), "sh", str(program)]
    with subprocess.Popen(command, env=cluster.env) as running:
        while not ready.exists():
            time.sleep(0.01)
        running.send_signal(signal.SIGUSR1)
        assert running.wait(30) == 75
    assert cluster.told == ["requeuehold 42"]


@pytest.mark.parametrize(
    ("text", "suspended", "running", "codes", "told"),
    [
        (VALID, "false", "", "", []),
        (VALID, "true", "", "", ['patch job train --type=merge -p {"spec":{"suspend":false}}']),
        (REVOKED, "false", "2026-11-23T09:00:00Z", "", []),  # it trains: its own guard stops it
        (REVOKED, "false", "", "1 ", []),  # it failed: nobody said that a checkpoint is saved
        (REVOKED, "false", "2026-11-23T09:00:00Z", "75 ", []),
        (REVOKED, "false", "", "75 ", ['patch job train --type=merge -p {"spec":{"suspend":true}}']),
        (REVOKED, "true", "", "75 ", []),
    ],
)
def test_suspend_waits_for_the_checkpoint(
    cluster: Cluster, text: str, suspended: str, running: str, codes: str, told: list[str]
) -> None:
    cluster.lease.write_text(text)
    for name, content in (("suspended", suspended), ("running", running), ("codes", codes)):
        (cluster.root / name).write_text(content)
    words = ("train", "lab/7b", str(cluster.lease), cluster.env["HOLDPOINT_KEYS"])
    assert cluster.run("kubernetes/suspend.sh", *words) == 0
    assert cluster.told == told


class Leases(BaseHTTPRequestHandler):
    """Serves one lease to whoever shows the token, as the daemon does."""

    def do_GET(self) -> None:
        known = self.path == "/api/v1/leases/lab/7b" and self.headers["Authorization"] == "Bearer readers-token-1234"
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(VALID.encode() if known else b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Leases) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_lease_is_fetched_whole_or_stays_as_it_was(cluster: Cluster, served: str) -> None:
    file, token = cluster.root / "7b.json", cluster.root / "readers"
    env = {"HOLDPOINT_URL": served, "HOLDPOINT_TOKEN": str(token)}
    (cluster.bin / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (cluster.bin / "python").chmod(0o755)
    assert cluster.run("kubernetes/lease.sh", "lab/7b", str(file), **env) == 1  # no token
    token.write_text("readers-token-1234\n")
    assert cluster.run("kubernetes/lease.sh", "lab/7b", str(file), **env) == 0
    assert file.read_text() == VALID
    assert cluster.run("kubernetes/lease.sh", "lab/9b", str(file), **env) == 1
    assert file.read_text() == VALID
    assert [p.name for p in cluster.root.glob("7b.json*")] == ["7b.json"]


def test_usage_is_told() -> None:
    for script in ("slurm/requeue-hold.sh", "kubernetes/suspend.sh", "kubernetes/lease.sh"):
        done = subprocess.run([str(DEPLOY / script)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.startswith("usage: ")) == (2, True)
