"""The API: pages that end where the next begins, ETags, and what each role may do, route by route, under their name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from entering import browser, everybody, log_in, person, secret_of, token
from fuzzing import PROBES
from lab import Lab, rung
from pushing import lines, push, serving, web

from checkpoints_db.records.access import Role
from monitor import roles
from monitor.faces.web.api.verbs import VERBS

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def lived(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A run that goes on, one that stands, and people of every role."""
    lab = built.copy(tmp_path_factory.mktemp("lived") / "lab")
    lab.arrive(rung(6), "s6.csv")
    lab.arrive(rung(7, loss=0.9), "s7.csv")
    lab.cycle()
    with lab.store() as store:
        store.resign("test:1")
    web(lab)
    (lab.root / "shown.json").write_text(json.dumps(everybody(lab)))
    return lab


@contextmanager
def asked(lab: Lab, role: Role | None) -> Iterator[httpx.Client]:
    shown = json.loads((lab.root / "shown.json").read_text())
    with serving(lab) as client, browser(client) as visitor:
        visitor.headers.update(shown[role] if role else {})
        yield visitor


@pytest.fixture(scope="module")
def auditor(lived: Lab) -> Iterator[httpx.Client]:
    with asked(lived, Role.auditor) as client:
        yield client


def refused(got: httpx.Response, status: int) -> dict[str, Any]:
    assert (got.status_code, got.headers["content-type"]) == (status, PROBLEM), got.text
    told = got.json()
    assert told["status"] == status
    assert all(told[key] for key in ("title", "detail", "next"))
    return dict(told)


def walked(client: httpx.Client, path: str, limit: int) -> list[Any]:
    """Every row of a list, page by page, by the links."""
    rows, at = [], f"{path}{'&' if '?' in path else '?'}limit={limit}"
    for _ in range(200):
        got = client.get(at)
        assert got.status_code == 200, got.text
        page = got.json()
        assert len(page["rows"]) <= limit
        rows += page["rows"]
        link = re.fullmatch(r'<(.*)>; rel="next"', got.headers.get("link", ""))
        assert (link[1] if link else None) == page["next"]
        if page["next"] is None:
            return rows
        at = page["next"]
    raise AssertionError("a list without an end")


# -- lists ------------------------------------------------------------------------------------------------------------

LISTS = ("results", "verdicts", "forecasts", "leases", "policies", "ledger", "alerts", "gates")


@pytest.mark.parametrize("name", LISTS)
def test_pages_of_any_size_are_the_whole_list_once(auditor: httpx.Client, name: str) -> None:
    whole = walked(auditor, f"/api/v1/{name}", 500)
    assert walked(auditor, f"/api/v1/{name}", 7) == whole
    assert len({json.dumps(row, sort_keys=True) for row in whole}) == len(whole)
    assert whole or name == "leases"


def test_lists_say_what_the_store_has(lived: Lab, auditor: httpx.Client) -> None:
    with lived.store() as store:
        results, alerts = store.evidence.results(), store.actions.alerts()
        verdicts = [verdict for _, verdict in store.judgements.verdicts("lab", "s7")]
        gates, head = store.actions.gates(), store.ledger.head[0]
    told = walked(auditor, "/api/v1/results", 10)
    assert [row["result"] for row in told] == [seen.result.body() for seen in reversed(results)]
    assert {row["id"] for row in walked(auditor, "/api/v1/alerts", 10)} == {alert.id for alert in alerts}
    assert walked(auditor, "/api/v1/gates", 10) == [gate.body() for gate in gates]
    mine = walked(auditor, "/api/v1/verdicts?family=lab&run=s7", 10)
    assert [row["verdict"] for row in reversed(mine)] == [verdict.body() for verdict in verdicts]
    assert [row["seq"] for row in walked(auditor, "/api/v1/ledger", 500)] == list(range(head, 0, -1))


def test_filters_choose_and_pages_keep_them(auditor: httpx.Client) -> None:
    chosen = walked(auditor, "/api/v1/results?family=lab&run=s3", 1)
    assert len(chosen) == 2
    assert {row["result"]["checkpoint"]["run"] for row in chosen} == {"s3"}
    series = walked(auditor, "/api/v1/forecasts", 50)[0]["series"]
    assert {row["series"] for row in walked(auditor, f"/api/v1/forecasts?series={series}", 1)} == {series}
    assert walked(auditor, "/api/v1/results?family=l%27%20or%201%3D1--", 5) == []
    assert {row["kind"] for row in walked(auditor, "/api/v1/ledger?kind=seal", 5)} == {"seal"}


def test_each_thing_is_found_by_its_name(lived: Lab, auditor: httpx.Client) -> None:
    (first, *_) = auditor.get("/api/v1/forecasts").json()["rows"]
    whole = auditor.get(f"/api/v1/forecasts/{first['sha256'][:12]}").json()
    assert (whole["seq"], whole["forecast"]["series"]) == (first["seq"], first["series"])
    (alert, *_) = auditor.get("/api/v1/alerts").json()["rows"]
    assert auditor.get(f"/api/v1/alerts/{alert['id']}").json() == alert
    (opened, *_) = auditor.get(f"/api/v1/alerts/{alert['id']}/history").json()["rows"]
    assert (opened["event"], opened["by"]) == ("opened", "holdpoint")
    force = auditor.get("/api/v1/policies/in-force").json()
    assert force["terms"]["name"] == force["policy"]["name"] == "default"
    health = auditor.get("/api/v1/health").json()
    assert (health["fresh"], health["gates"], health["alerts"]) == (True, {"GO": 1, "PAUSE": 1}, 2)
    lived.clock.sleep(25 * 3600)
    assert auditor.get("/api/v1/health").json()["fresh"] is False
    lived.clock.sleep(-25 * 3600)


def test_who_has_it_already_is_told_so(auditor: httpx.Client) -> None:
    first = auditor.get("/api/v1/alerts")
    tag = first.headers["etag"]
    for known in (tag, f'"x", W/{tag}', "*"):
        again = auditor.get("/api/v1/alerts", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert auditor.get("/api/v1/alerts", headers={"If-None-Match": '"x"'}).status_code == 200
    assert auditor.get("/api/v1/alerts?limit=1").headers["etag"] != tag


@pytest.mark.parametrize(
    "path",
    [
        "results?limit=0",
        "results?limit=501",
        "results?limit=x",
        "results?before=0",
        "results?before=99999999999999999999",
        "alerts?before=x",
        "alerts?state=happy",
        "alerts/xyz",
        "alerts/%25%25%25%25",
        "forecasts/zz",
        "results?family=",
        "results?run=s6",
        "results?family=" + "x" * 501,
    ],
)
def test_what_does_not_read_is_said(auditor: httpx.Client, path: str) -> None:
    refused(auditor.get(f"/api/v1/{path}"), 422)


@pytest.mark.parametrize("path", ["alerts/aaaaaaaaaaaa", "alerts/aaaaaaaaaaaa/history", "forecasts/aaaaaaaa"])
def test_what_is_not_there_is_said(auditor: httpx.Client, path: str) -> None:
    refused(auditor.get(f"/api/v1/{path}"), 404)


def test_pages_are_found_by_an_index(lived: Lab) -> None:
    """However long a list is, SQLite reads one page of it and sorts nothing."""
    with lived.store() as store:
        for table in ("results", "verdicts", "forecasts", "leases", "ledger", "policies"):
            plan = store._tables._db.execute(
                f"explain query plan select * from {table} where seq < 9 order by seq desc limit 51"  # noqa: S608
            ).fetchall()
            assert "SCAN" not in str(plan), (table, plan)
            assert "TEMP B-TREE" not in str(plan), (table, plan)
        for where in ("family = 'lab'", "task = 'sums'", "series = 'x'", "family = 'lab' and run = 's6'"):
            plan = store._tables._db.execute(
                f"explain query plan select * from results where {where} and seq < 9 order by seq desc limit 51"  # noqa: S608
            ).fetchall()
            assert "SCAN" not in str(plan), (where, plan)
        plan = store._tables._db.execute(
            "explain query plan select * from alerts where (opened_at, fingerprint) < ('x', 'y') "
            "order by opened_at desc, fingerprint desc limit 51"
        ).fetchall()
        assert "SEARCH" in str(plan)
        assert "TEMP B-TREE" not in str(plan)


def test_a_store_that_is_gone_is_said(lived: Lab, tmp_path: Path) -> None:
    lab = lived.copy(tmp_path / "lab")
    with asked(lab, Role.viewer) as client:
        (lab.root / "holdpoint.db").rename(lab.root / "moved.db")
        assert "no store" in refused(client.get("/api/v1/results"), 503)["detail"]


# -- who may, route by route ------------------------------------------------------------------------------------------


def routes(client: httpx.Client) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Method, path, action and body of everything that people are served, as the document has it."""
    actions = {f"/api/v1/{'alerts/{alert}' if v.to == 'alerts' else 'gates/{family}/{run}'}/{v.name}": v for v in VERBS}
    audited = {"/api/v1/ledger": "audit"}
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method in methods:
            if path in PROBES:
                continue
            if path in actions:
                yield method.upper(), path, actions[path].action, {}
            elif path == "/api/v1/results" and method == "post":
                yield "POST", path, "push", {}
            else:
                yield method.upper(), path, audited.get(path, "read"), {}


@pytest.mark.parametrize("role", [*Role, None])
def test_each_route_lets_in_whom_the_role_table_says(lived: Lab, role: Role | None) -> None:
    """Every route of the document with every role: 401 for nobody, 403 for who may not, something else for who may."""
    with asked(lived, role) as client:
        told = list(routes(client))
        assert len(told) >= 25
        for method, path, action, body in told:
            real = path.format(alert="aaaaaaaaaaaa", digest="aaaaaaaa", family="lab", run="s99")
            got = client.request(method, real, json=body)
            may = role is not None and roles.allowed([role], action)
            if role is None:
                assert got.status_code == 401, (method, path)
            else:
                assert (got.status_code not in (401, 403)) is may, (role, method, path, got.text)
                assert got.status_code == 403 or may, (role, method, path)


def test_a_narrow_token_does_what_it_is_for_and_nothing_else(lived: Lab, tmp_path: Path) -> None:
    lab = lived.copy(tmp_path / "lab")
    shown = {"Authorization": f"Bearer {token(lab, 'run_owner', actions=['push'])}"}
    with serving(lab) as client, browser(client) as visitor:
        visitor.headers.update(shown)
        assert push(visitor, lines(rung(6, run="s8"))).status_code == 200
        assert visitor.get("/api/v1/results").status_code == 403
        got = visitor.get("/api/v1/gates/lab/s6")
        assert (got.status_code, got.headers["content-type"]) == (403, "application/json")
    with asked(lab, Role.viewer) as visitor:
        assert push(visitor, lines(rung(6, run="s9"))).status_code == 403
        assert visitor.get("/api/v1/gates/lab/s6").status_code == 200


# -- what people do ---------------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(lived: Lab, tmp_path: Path) -> Lab:
    return lived.copy(tmp_path / "lab")


def test_two_people_release_and_each_is_named(stopped: Lab) -> None:
    with asked(stopped, Role.viewer) as viewer:
        evidence = next(row for row in viewer.get("/api/v1/gates").json()["rows"] if row["run"] == "s7")["evidence"]
        said = {"reason": "looked at it, ticket 12", "evidence": evidence[:12]}
        refused(viewer.post("/api/v1/gates/lab/s7/release", json=said), 403)
    answers = []
    for role in (Role.safety, Role.safety, Role.approver):
        with asked(stopped, role) as client:
            got = client.post("/api/v1/gates/lab/s7/release", json=said)
            answers.append((got.status_code, got.json()["answer"]))
    assert answers == [(200, "PAUSE"), (200, "PAUSE"), (200, "GO")]  # one person twice is one person
    with stopped.store() as store:
        votes = [entry.value() for entry in store.ledger.entries("review")]
    assert [(vote["kind"], vote["by"]) for vote in votes] == [("approval", "safety"), ("approval", "approver")]


def test_an_alert_is_acknowledged_and_waived_under_a_name(stopped: Lab) -> None:
    with asked(stopped, Role.reviewer) as client:
        alerts = {row["rule"]: row["id"] for row in client.get("/api/v1/alerts").json()["rows"]}
        got = client.post(f"/api/v1/alerts/{alerts['break']}/acknowledge", json={"comment": "mine", "lasting": "2h"})
        assert got.json()["state"] == "acknowledged"
        (*_, event) = client.get(f"/api/v1/alerts/{alerts['break']}/history").json()["rows"]
        assert (event["event"], event["by"]) == ("acknowledged", "reviewer")
    waived = {"rule": "break", "subject": "sums · nll", "reason": "known scorer bug", "lasting": "1d"}
    with asked(stopped, Role.safety) as client:
        assert client.post(f"/api/v1/alerts/{alerts['break']}/waive", json=waived).status_code == 200
    with stopped.store() as store:
        assert [waiver.by for waiver in store.actions.waivers()] == ["safety"]


def test_an_alert_is_examined_found_false_and_closed_and_the_gate_stays(stopped: Lab) -> None:
    with asked(stopped, Role.reviewer) as client:
        name = next(row["id"] for row in client.get("/api/v1/alerts").json()["rows"] if row["rule"] == "break")
        alert = f"/api/v1/alerts/{name}"
        said = {"cause": "evaluation_bug", "reason": "the scorer was changed"}
        assert "may become" in refused(client.post(f"{alert}/false-alarm", json=said), 409)["detail"]
        for verb, body, state in (
            ("assign", {"to": "grace"}, "firing"),
            ("comment", {"text": "<b>see the log</b>"}, None),
            ("attach", {"url": "https://lab.example/run/7", "title": "the run"}, None),
            ("examine", {"question": "was it the scorer?"}, "under_review"),
            ("false-alarm", said, "false_alarm"),
            ("close", {"reason": "fixed in eval 1.3"}, "closed"),
        ):
            got = client.post(f"{alert}/{verb}", json=body)
            assert got.status_code == 200, (verb, got.text)
            assert got.json().get("state") == state, verb
        refused(client.post(f"{alert}/attach", json={"url": "javascript:alert(1)", "title": "x"}), 409)
        refused(client.post(f"{alert}/false-alarm", json={"reason": "no cause"}), 422)
        assert client.get("/api/v1/gates/lab/s7").json()["answer"] == "PAUSE"
    with stopped.store() as store:
        told = [entry.value() for entry in store.ledger.entries("review")]
    assert {review["by"] for review in told} == {"reviewer"}


def test_glass_is_broken_by_one_and_reviewed_by_another(stopped: Lab) -> None:
    said = {"reason": "the cluster is lost at noon", "lasting": "4h", "max_flop": 2e22}
    with asked(stopped, Role.approver) as client:
        got = client.post("/api/v1/gates/lab/s7/break-glass", json=said)
        assert got.json()["break_glass"], got.text
        refused(client.post("/api/v1/gates/lab/s7/review-glass", json={"reason": "by myself"}), 409)
    with asked(stopped, Role.auditor) as client:
        assert client.post("/api/v1/gates/lab/s7/review-glass", json={"reason": "right to go on"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "said", "status"),
    [
        ("gates/lab/s7/release", {"reason": "fine", "evidence": "00000000"}, 409),
        ("gates/lab/s7/release", {"reason": "fine"}, 422),
        ("gates/lab/s7/release", {"reason": "", "evidence": "00000000"}, 422),
        ("gates/lab/s7/release", {"reason": "fine", "evidence": "00000000", "max_flop": 1e999}, 422),
        ("gates/lab/s7/release", {"reason": "fine", "evidence": "00000000", "by": "ada"}, 422),
        ("gates/lab/s99/release", {"reason": "fine", "evidence": "00000000"}, 404),
        ("gates/lab/s7/waive", {"rule": "no such rule", "reason": "fine"}, 409),
        ("gates/lab/s7/waive", {"rule": "break", "reason": "fine", "lasting": "4000d"}, 422),
        ("alerts/aaaaaaaaaaaa/acknowledge", {}, 404),
    ],
)
def test_what_may_not_be_done_is_said_and_changes_nothing(
    stopped: Lab, path: str, said: dict[str, Any], status: int
) -> None:
    with stopped.store() as store:
        before = store.ledger.head
    with asked(stopped, Role.safety) as client:
        body = json.dumps(said)
        headers = {"Content-Type": "application/json"}
        refused(client.post(f"/api/v1/{path}", content=body, headers=headers), status)
    with stopped.store() as store:
        assert store.ledger.head == before


def test_rules_that_cannot_be_read_decide_nothing(stopped: Lab) -> None:
    stopped.policy.write_text("not a policy")
    with asked(stopped, Role.safety) as client:
        got = client.post("/api/v1/gates/lab/s7/waive", json={"rule": "break", "reason": "fine"})
    assert "the rules cannot be read" in refused(got, 503)["detail"]


def test_a_browser_acts_under_the_name_that_logged_in(stopped: Lab) -> None:
    person(stopped, "Grace", Role.reviewer, password=True)
    with asked(stopped, None) as client:
        log_in(client, "grace")
        listed = client.get("/api/v1/alerts")
        assert listed.status_code == 200, listed.text
        (alert, *_) = listed.json()["rows"]
        told = {"X-CSRF-Token": secret_of(client.get("/login"))}
        assert client.post(f"/api/v1/alerts/{alert['id']}/acknowledge", json={}, headers=told).status_code == 200
        (*_, event) = client.get(f"/api/v1/alerts/{alert['id']}/history").json()["rows"]
    assert event["by"] == "Grace"
