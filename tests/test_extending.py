"""The rule and the notifier of examples/acme-reader/README.md, installed as pip would do it and used."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from acme import SOURCE
from asking import answer, run
from lab import Lab, rung
from played import documents

from policies.loader import load_file
from policies.rules import rule_of

PAGE = (SOURCE / "README.md").read_text("utf-8")
WEEKEND = '\n[[rules]]\nid = "weekend"\nkind = "weekend"\nlevel = "soft"\n'


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    site, names = tmp_path / "site", list[str]()
    info = site / "acme_more-1.dist-info"
    info.mkdir(parents=True)
    for name, text in re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL):
        (site / f"{name}.py").write_text(text, "utf-8")
        names.append(name)
    table = r"^\[project\.entry-points\.\"(holdpoint\.(?:rules|notifiers))\"\]\n(\w+) = \"(.+)\"$"
    points = re.findall(table, PAGE, re.MULTILINE)
    assert (len(names), len(points)) == (2, 2)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-more\nVersion: 1\n")
    (info / "entry_points.txt").write_text("".join(f"[{group}]\n{name} = {at}\n" for group, name, at in points))
    monkeypatch.syspath_prepend(str(site))
    rule_of.cache_clear()
    yield
    rule_of.cache_clear()
    for name in names:
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("installed")
def test_a_policy_that_names_the_rule_is_judged_by_it(ladder: Lab) -> None:
    assert SOURCE / "README.md" in documents()
    ladder.policy.write_text(ladder.policy.read_text() + WEEKEND)
    policy = load_file(ladder.policy).policy
    assert policy.rules[-1].kind == "weekend"
    ladder.arrive(rung(6), "s6.csv")
    assert ladder.cycle()
    assert weekend_of(ladder) == "GO"
    ladder.clock.sleep(timedelta(days=5).total_seconds())  # a Monday and five days
    ladder.arrive(rung(7), "s7.csv")
    assert ladder.cycle()
    assert weekend_of(ladder, "lab/s7") == "HOLD"


@pytest.mark.usefixtures("installed")
def test_a_rule_that_is_not_in_its_package_holds_and_says_so(ladder: Lab, tmp_path: Path) -> None:
    ladder.arrive(rung(6), "s6.csv")
    assert ladder.cycle()
    (tmp_path / "site" / "acme_weekend.py").unlink()
    importlib.invalidate_caches()
    ladder.policy.write_text(ladder.policy.read_text() + WEEKEND)
    said = ladder.ask("lab/s6")
    assert said.answer == "HOLD"
    assert "rule 'weekend' is installed by acme-more as acme_weekend:RULE, which cannot be imported" in said.sentence
    assert run(ladder, "policy", "check", str(ladder.policy))[0] == 1


def weekend_of(lab: Lab, run: str = "lab/s6") -> str:
    findings = answer(lab, "gate", "status", run)["decision"]["findings"]
    return next((str(f["answer"]) for f in findings if f["rule"] == "weekend"), "GO")


@pytest.mark.usefixtures("installed")
def test_a_receiver_of_its_kind_is_told(ladder: Lab) -> None:
    config = ladder.config.read_text()
    ladder.config.write_text(config + '[receivers.night]\nkind = "pager"\npath = "pages"\n')
    ladder.policy.write_text(ladder.policy.read_text() + '[[routes]]\nreceivers = "night"\n')
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    assert ladder.cycle()
    (page, *_) = (ladder.root / "pages").iterdir()
    assert "lab/s6" in page.read_text()
