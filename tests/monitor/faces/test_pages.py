"""The pages: whoever came in reads and acts on them, nothing in a log becomes markup, nothing runs that is not ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from types import SimpleNamespace

import httpx
import pytest
from browsing import act, logged_in, secret, staff
from lab import Lab, rung
from pushing import serving, web

from checkpoints_db.records import Alert, DrillStep, FireDrill
from monitor.faces.web.headers import HEADERS
from monitor.notify.base import Letter

EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
PAGES = (
    "/alerts",
    "/alerts?state=all",
    "/gates",
    "/gates/run?family=lab&run=s7",
    "/families",
    "/families?family=lab",
    "/series",
    "/forecasts",
    "/policies",
    "/policies/replay?policy=configured",
    "/policies/diff?old=configured&new=strict",
    "/ledger",
    "/ledger?kind=alert&before=100000",
    "/ledger/verify",
    "/ledger/1",
    "/quarantine",
    "/drills",
    "/health",
)


@pytest.fixture(scope="module")
def house(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A run that goes on, one whose gate is paused, a file nobody can read; served, and one person of each kind in."""
    lab = built.copy(tmp_path_factory.mktemp("pages") / "lab")
    lab.arrive(rung(6), "s6.csv")
    lab.arrive(rung(7, loss=0.9), "s7.csv")
    (lab.inbox / "broken.json").write_text("{")
    lab.cycle()
    staff(web(lab))
    with lab.store() as store:
        alert = next(a for a in store.actions.alerts("lab", "s7") if a.rule == "diagnosis")
    with serving(lab) as server, logged_in(server, "sara") as sara, logged_in(server, "vic") as vic:
        yield SimpleNamespace(lab=lab, server=server, sara=sara, vic=vic, alert=alert)


def plain(page: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.mark.parametrize("path", [*PAGES, "/alerts/{alert}"])
def test_a_page_is_whole_and_runs_nothing_inline(house: SimpleNamespace, path: str) -> None:
    got = house.sara.get(path.format(alert=house.alert.id))
    assert got.status_code == 200, plain(got.text)
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    assert got.headers["cache-control"] == "no-store"
    assert {name: got.headers[name] for name in HEADERS} == HEADERS
    assert got.text.count("<h1") == 1
    assert 'href="#main"' in got.text
    assert 'id="main"' in got.text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", got.text)
    assert re.findall(r"<script[^>]*>", got.text) == ['<script type="module" src="/charts.js">']
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', got.text)


@pytest.mark.parametrize("path", [*PAGES, "/alerts/0", "/alerts/0/chart/0.svg", "/series/0/chart.json"])
def test_whoever_did_not_come_in_is_sent_to_log_in_and_comes_back(house: SimpleNamespace, path: str) -> None:
    with httpx.Client(base_url=house.server.base_url) as stranger:
        got = stranger.get(path)
    assert got.status_code == 303
    assert got.headers["location"].startswith("/login?next=%2F")


def test_only_those_who_audit_see_the_ledger(house: SimpleNamespace) -> None:
    got = house.vic.get("/ledger")
    assert got.status_code == 403
    assert "auditor" in plain(got.text)


def test_the_first_screen_answers_four_questions(house: SimpleNamespace) -> None:
    page = house.sara.get(f"/alerts/{house.alert.id}").text
    first = plain(page[page.index('class="answers"') : page.index('id="charts"')])
    happened, rest = first.split("What was expected")
    expected, rest = rest.split("How sure")
    sure, now = rest.split("What now")
    assert "sums: the likelihood left its forecast, and no score shows it yet" in happened
    assert re.search(r"nll 1\.\d+ \[1\.\d+, 2\.\d+\] 0\.9 above", expected)
    assert "before the result" in expected
    assert "latent break" in sure
    assert "this far above had probability" in sure
    assert "smallest visible break" in sure
    assert "The run stops, and stays stopped until people release it" in now
    assert "0 of 2 approvals" in now


def test_behind_it_stands_everything(house: SimpleNamespace) -> None:
    text = plain(house.sara.get(f"/alerts/{house.alert.id}").text)
    assert 'kind = "diagnosis"' in text
    assert "policy.toml, lines" in text
    assert "It is comparable" not in text
    assert "known conditions are those of lab/s6" in text
    assert "opened by holdpoint" in text
    assert "Next assessment due at" in text


def test_charts_are_pictures_and_specifications(house: SimpleNamespace) -> None:
    where = f"/alerts/{house.alert.id}/chart/0"
    picture, drawing = house.sara.get(f"{where}.svg"), house.sara.get(f"{where}.json")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "style=" not in picture.text
    for word in ("next trigger", "smallest visible break", "break line", "s7 0.9: above"):
        assert word in picture.text, word
        assert word in drawing.text
    tag = {"If-None-Match": picture.headers["etag"]}
    assert house.sara.get(f"{where}.svg", headers=tag).status_code == 304
    assert house.sara.get(f"/alerts/{house.alert.id}/chart/9.svg").status_code == 404
    assert house.sara.get(f"{where}.html").status_code == 422


def test_a_message_leads_here(house: SimpleNamespace) -> None:
    home = str(house.server.base_url)
    letter = Letter(None, house.lab.clock.now(), home=home, draw=lambda _: None, alerts=list)  # type: ignore[arg-type]
    assert house.sara.get(letter.link_to(house.alert)).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/alerts/nobody", "/series/none", "/families?family=none", "/gates/run?family=lab&run=no", "/ledger/999999"],
)
def test_what_is_not_there_is_said_on_a_page_with_what_to_do(house: SimpleNamespace, path: str) -> None:
    got = house.sara.get(path)
    assert got.status_code == 404
    assert "What to do:" in plain(got.text)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/alerts?state=<b>", 422),
        ("/alerts?after=1", 409),
        ("/alerts?answer=MAYBE", 422),
        ("/series?page=0", 422),
        ("/ledger?before=x", 422),
        ("/policies/replay?policy=../../etc/passwd", 404),
        ("/static/../frame.py", 404),
        ("/static/%2e%2e/frame.py", 404),
    ],
)
def test_what_cannot_be_asked_is_refused(house: SimpleNamespace, path: str, status: int) -> None:
    got = house.sara.get(path)
    assert got.status_code == status
    assert "<b>" not in got.text


def test_somebody_who_looks_gets_no_buttons_and_no_way_around(house: SimpleNamespace) -> None:
    page = house.vic.get(f"/alerts/{house.alert.id}").text
    assert re.findall(r'<form[^>]*action="([^"]+)"', page) == ["/logout"]
    for verb in ("acknowledge", "comment", "assign", "ask", "confirm", "false-alarm", "invalid", "close", "attach"):
        fields = {"csrf": secret(page), "text": "x", "url": "https://a.example", "title": "x", "cause": "noise"}
        assert house.vic.post(f"/alerts/{house.alert.id}/{verb}", data=fields).status_code == 403, verb
    for verb in ("release", "reject", "waive", "break-glass", "review-glass"):
        fields = {"csrf": secret(page), "family": "lab", "run": "s7", "reason": "x", "evidence": "0" * 8, "rule": "x"}
        assert house.vic.post(f"/gates/run/{verb}", data=fields).status_code == 403, verb


def test_a_form_from_elsewhere_changes_nothing(house: SimpleNamespace) -> None:
    where = f"/alerts/{house.alert.id}/comment"
    assert house.sara.post(where, data={"text": "forged"}).status_code == 403
    fields = {"text": "forged", "csrf": secret(house.sara.get("/alerts").text)}
    assert house.sara.post(where, data=fields, headers={"Origin": "https://evil.example"}).status_code == 403
    assert "forged" not in house.sara.get(f"/alerts/{house.alert.id}").text


def test_people_act_and_two_of_them_release(house: SimpleNamespace) -> None:
    alert, page = house.alert, f"/alerts/{house.alert.id}"
    seen = {"evidence": alert.evidence}
    for verb, fields, said in (
        ("acknowledge", {**seen, "comment": "looking", "lasting": "4h"}, "You have it"),
        ("comment", {"text": "odd <b>rows</b>"}, "Your comment is kept"),
        ("attach", {"url": "https://notes.example/7", "title": "notes"}, "The link is kept"),
        ("assign", {"to": "sara"}, "It is assigned"),
        ("ask", {**seen, "text": "is it the data?"}, "It is under review"),
        ("confirm", {**seen, "text": "assessed"}, "It is confirmed"),
    ):
        done = act(house.sara, page, f"{page}/{verb}", **fields)
        assert done.status_code == 303, plain(done.text)
        assert said in plain(house.sara.get(done.headers["location"]).text)
    text = house.sara.get(page).text
    assert "odd &lt;b&gt;rows&lt;/b&gt;" in text
    assert 'href="https://notes.example/7"' in text
    assert act(house.sara, page, f"{page}/false-alarm", text="no", cause="noise").status_code == 409
    assert act(house.sara, page, f"{page}/attach", url="javascript:alert(1)", title="x").status_code == 409
    vote = {"family": "lab", "run": "s7", "reason": "assessed", "alert": alert.id}
    with house.lab.store() as store:
        evidence = store.actions.gate("lab", "s7").evidence
    stale = act(house.sara, page, "/gates/run/release", **vote, evidence="0123456789")
    assert stale.status_code == 409
    assert "it rests on evidence" in plain(stale.text)
    assert act(house.sara, page, "/gates/run/release", **vote, evidence=evidence).status_code == 303
    assert "1 of 2 approvals ( sara )" in plain(house.sara.get(page).text).replace("(sara)", "( sara )")
    with logged_in(house.server, "abel") as abel:
        assert act(abel, page, "/gates/run/release", **vote, evidence=evidence).status_code == 303
        assert "The run may go on" in plain(abel.get(page).text)
    assert house.lab.ask("lab/s7").answer == "GO"
    with house.lab.store() as store:
        assert {vote.by for vote in store.actions.approvals("lab", "s7")} == {"sara", "abel"}


def test_names_out_of_logs_never_become_markup(lab: Lab) -> None:
    names = {"task": f"t{EVIL}", "family": f"f{EVIL}"}
    rows = [{**row, **names, "run": f"r{i}{EVIL}"} for i in range(5) for row in rung(i)[:1]]
    (lab.root / "catalogue.toml").write_text(
        f"[[family]]\nname = '''{names['family']}'''\naxis = \"flop\"\ncompare_at = \"any\"\n"
    )
    lab.baseline(rows[:4])
    lab.arrive([{**rows[4], "value": 0.2}], "news.csv")
    lab.cycle()
    staff(web(lab))
    with lab.store() as store:
        alerts = store.actions.alerts()
        series = store.evidence.series_ids()
    assert alerts
    assert all(EVIL in alert.run for alert in alerts)
    with serving(lab) as server, logged_in(server, "sara") as sara:
        place = {"family": names["family"], "run": rows[4]["run"]}
        where = f"/alerts/{alerts[0].id}"
        assert act(sara, where, f"{where}/comment", text=f"{EVIL}\u202ehsup\x1b[31m").status_code == 303
        pages = [
            *(sara.get(f"/alerts/{alert.id}") for alert in alerts),
            *(
                sara.get(path)
                for path in ("/alerts?state=all", "/gates", "/families", "/series", "/forecasts", "/ledger")
            ),
            sara.get("/gates/run", params=place),
            sara.get("/families", params={"family": names["family"]}),
            sara.get("/series", params={"family": names["family"], "text": EVIL}),
            sara.get(f"/series/{series[0]}"),
            sara.get("/alerts", params={"family": EVIL, "rule": EVIL}),
        ]
    for page in pages:
        assert page.status_code == 200, plain(page.text)
        assert "<img src=x" not in page.text
        assert "<script>alert" not in page.text
        assert "\u202e" not in page.text
        assert "\x1b" not in page.text
    assert sum("&lt;script&gt;alert(2)" in page.text for page in pages) >= 9


def test_the_inbox_is_paged_and_filtered(lab: Lab) -> None:
    staff(web(lab))
    at = lab.clock.now()
    with lab.store() as store, store.transaction():
        for i in range(120):
            body = {"id": f"{i:012x}", "fingerprint": f"{i:064x}", "family": "lab", "run": f"s{i}", "rule": "diagnosis"}
            body |= {"state": "closed" if i % 4 == 0 else "firing", "sentence": f"number {i}."}
            body |= {"opened_at": at + timedelta(seconds=i), "changed_at": at, "answer": "PAUSE" if i % 2 else "HOLD"}
            store.actions.put_alert(Alert.model_validate(body), "opened", "holdpoint", at)
    with serving(lab) as server, logged_in(server, "vic") as vic:
        shown, path = [], "/alerts"
        while path:
            page = vic.get(path).text
            shown += [int(n) for n in re.findall(r"number (\d+)\.", page)]
            onward = re.search(r'rel="next" href="([^"]+)"', page)
            path = unescape(onward[1]) if onward else ""
        held = vic.get("/alerts?state=all&answer=HOLD").text
        assert "Nothing of this kind" in plain(vic.get("/alerts?whose=mine").text)
    assert shown == [*(i for i in range(120) if i % 2), *(i for i in range(120) if i % 4 == 2)]
    assert "60 alerts" in plain(held)


def test_drills_say_what_happened_when_and_what_to_do(house: SimpleNamespace) -> None:
    at = house.lab.clock.now()
    steps = (
        DrillStep(what="alert", seconds=0.4, within=60),
        DrillStep(what="message", to=EVIL, within=60, said="nobody listens", do="start the receiver"),
    )
    told = {"id": "0123456789ab", "by": EVIL, "at": at, "until": at + timedelta(minutes=1), "within": 60}
    with house.lab.store() as store, store.transaction():
        store.drills.put(FireDrill.model_validate({**told, "state": "failed", "steps": steps}), at)
    page = house.vic.get("/drills").text
    assert "<script>alert" not in page
    text = plain(page)
    assert all(
        part in text for part in ("failed", "alert 0.4 s 60 s yes", "never 60 s no nobody listens start the receiver")
    )
