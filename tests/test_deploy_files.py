"""What lies under deploy/ is so: settings load, commands exist, what is asked is measured, one version, one user."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from checkpoints_db.catalogue import Catalogue
from monitor import measures, notify
from monitor.faces.cli import app
from monitor.settings import Settings, Timetable
from policies.loader import find

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
FILES = sorted(
    p for p in DEPLOY.rglob("*") if p.is_file() and p.parent.name not in ("lab", "results", "prometheus.data")
)
PARSED = [p for p in FILES if p.suffix in (".yaml", ".yml", ".json", ".toml")]
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
DOCKERFILE = (DEPLOY / "docker/Dockerfile").read_text("utf-8").replace("\\\n", " ")
README = (DEPLOY / "README.md").read_text("utf-8")


def documents(path: Path) -> list[Any]:
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return [json.loads(text)]
    return [tomllib.loads(text)] if path.suffix == ".toml" else list(yaml.safe_load_all(text))


@pytest.mark.parametrize("path", PARSED, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_file_reads(path: Path) -> None:
    assert all(document for document in documents(path))


@cache
def rules() -> list[dict[str, Any]]:
    return [
        rule for group in documents(DEPLOY / "prometheus/holdpoint.rules.yml")[0]["groups"] for rule in group["rules"]
    ]


def queries() -> list[str]:
    """What rules and dashboards ask Prometheus."""
    asked = [rule["expr"] for rule in rules()]
    for dashboard in (documents(path)[0] for path in DASHBOARDS):
        asked += [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
        asked += [each["definition"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    return asked


def test_rules_and_dashboards_ask_for_what_is_measured() -> None:
    told = {measure.name: {*measure.labels} for measure in measures.MEASURES}
    by_scraping = {"job", "instance"}
    for query in queries():
        named = set(re.findall(r"\bholdpoint_\w+", query))
        assert named <= set(told), query
        for name, selected in re.findall(r"\b(holdpoint_\w+)\{([^}]*)\}", query):
            assert set(re.findall(r"(\w+)\s*[=!]", selected)) <= told[name] | by_scraping, query
    for rule in rules():
        known = by_scraping.union(*(told[name] for name in re.findall(r"\bholdpoint_\w+", rule["expr"])))
        for sentence in rule["annotations"].values():
            assert set(re.findall(r"\$labels\.(\w+)", sentence)) <= known, rule["alert"]


def test_every_rule_says_what_why_and_what_next_and_has_a_test() -> None:
    tried = set(re.findall(r'alertname="(\w+)"', (DEPLOY / "prometheus/holdpoint.test.yml").read_text("utf-8")))
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "description", "next"}, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
    assert tried == {rule["alert"] for rule in rules()}


def test_the_table_of_rules_is_that_of_the_file() -> None:
    rows = [f"| `{r['alert']}` | {r['labels']['severity']} | {r['annotations']['description']} |\n" for r in rules()]
    table = "| alert | severity | it means |\n|---|---|---|\n" + "".join(rows)
    begin, end = "<!-- rules: of prometheus/holdpoint.rules.yml; a test compares -->\n\n", "\n<!-- /rules -->"
    assert README.partition(begin)[2].partition(end)[0] == table, f"put this between the markers:\n{table}"


@cache
def commands() -> Any:
    return typer.main.get_command(app)


def exists(words: list[str]) -> bool:
    """Whether the first words name a command."""
    command = commands()
    for word in words:
        if not hasattr(command, "commands"):
            return True  # what follows are arguments
        if word not in command.commands:
            return False
        command = command.commands[word]
    return not hasattr(command, "commands")


def test_every_command_that_is_named_exists() -> None:
    named = 0
    for path in FILES:
        if path.suffix in (".py", ".txt", ".json"):
            continue
        text = path.read_text("utf-8")
        told = text.replace("exec holdpoint holdpoint", "&& holdpoint")  # the service, then the command
        before = r"(?:`|^\s*|&& |exec |--rm |do |; |-- |/bin/|run: )"
        spoken = re.findall(before + r"holdpoint ([a-z]+)(?: ([a-z-]+))?", told, re.MULTILINE)
        for words in [*spoken, *re.findall(r"\bhp ([a-z]+)(?: ([a-z-]+))?", text)]:
            assert exists([word for word in words if word]), f"{path.relative_to(ROOT)}: holdpoint {' '.join(words)}"
            named += 1
    assert named > 20


def test_settings_of_the_cluster_load_with_their_catalogue_and_policy() -> None:
    settings = Settings.load(KUBERNETES / "holdpoint.toml")
    assert settings.web is not None
    assert settings.web.address == ("0.0.0.0", 8470)  # noqa: S104 - the policy of the network says who comes in
    notify.check(find(settings.policy, settings.base), settings)
    Catalogue.from_toml(settings.at(settings.catalogue))
    written = (settings.store, settings.quarantine, settings.spool, settings.lease.key, settings.lease.folder)
    assert all(path.is_relative_to("/var/lib/holdpoint") for path in written)


def image() -> dict[str, str]:
    """The environment of the image."""
    return dict(re.findall(r"(HOLDPOINT_\w+)=(\S+)", DOCKERFILE))


def test_settings_of_the_container_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compose = documents(DEPLOY / "docker/compose.yaml")[0]["services"]["holdpoint"]
    assert CliRunner().invoke(app, ["init", str(tmp_path)]).exit_code == 0
    environment = {**image(), **compose["environment"]}
    assert Path(environment.pop("HOLDPOINT_CONFIG")) == Path("/var/lib/holdpoint/holdpoint.toml")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    web = Settings.load(tmp_path / "holdpoint.toml").web
    assert web is not None
    assert (web.address[1], web.token_file, web.reader_token_file) == (8470, Path("token"), Path("readers"))
    assert compose["ports"] == ["127.0.0.1:8470:8470"]
    assert compose["image"] == f"holdpoint:{VERSION}"


def test_every_service_is_kept_in() -> None:
    for name, service in documents(DEPLOY / "docker/compose.yaml")[0]["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name


def test_the_image_is_made_of_what_the_builder_is_given() -> None:
    given = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    copied = [
        word
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert sorted(copied) == sorted(given)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) < set(copied)


def test_the_image_is_pinned_and_nobody_is_root() -> None:
    bases = {base for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if ":" in base}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", bases.pop())
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert "/healthz" in DOCKERFILE


def test_the_cluster_runs_one_daemon_that_may_do_nothing_else() -> None:
    stated = {d["kind"]: d for p in KUBERNETES.glob("*.yaml") if p.stem not in ("job", "suspend") for d in documents(p)}
    listed = set(stated["Kustomization"]["resources"])
    assert listed == {p.name for p in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml", "job.yaml", "suspend.yaml"}
    spec = stated["StatefulSet"]["spec"]
    pod, labels = spec["template"]["spec"], spec["template"]["metadata"]["labels"]
    assert spec["replicas"] == 1
    assert spec["volumeClaimTemplates"][0]["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert not stated["ServiceAccount"]["automountServiceAccountToken"]
    assert not pod["automountServiceAccountToken"]
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    daemon = pod["containers"][0]
    paths = {probe: daemon[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    mounted = {mount["mountPath"] for mount in daemon["volumeMounts"]}
    assert mounted == {"/var/lib/holdpoint", "/etc/holdpoint", "/run/secrets/holdpoint", "/tmp"}  # noqa: S108
    selected = [
        spec["selector"]["matchLabels"],
        stated["Service"]["spec"]["selector"],
        stated["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        stated["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(each == labels for each in selected)
    assert stated["Kustomization"]["images"][0]["newTag"] == VERSION


def test_the_unit_runs_a_command_that_exists_as_the_user_that_is_made() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "systemd/holdpoint.service")
    service = unit["Service"]
    program, *words = service["ExecStart"].split()
    assert program.endswith("/bin/holdpoint")
    assert exists(words)
    assert (service["Type"], service["WatchdogSec"], service["ProtectSystem"]) == ("notify", "1h", "strict")
    assert Timetable().scan.total_seconds() < 3600
    assert f"u {service['User']} " in (DEPLOY / "systemd/holdpoint.sysusers").read_text("utf-8")
    assert "3" in service["RestartPreventExitStatus"].split()
