"""Who comes in by browser, proxy or token, who does not, and what nobody can make a browser do."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from asking import answer, run
from certificates import self_signed
from entering import PASSWORD, browser, everybody, log_in, person, secret_of, token
from lab import START, Lab
from pushing import TOKEN, serving, web

from checkpoints_db.errors import SettingsError
from checkpoints_db.records.access import Role
from monitor import people
from monitor.daemon.door import Door
from monitor.faces.web import bounds
from monitor.faces.web.access import may
from monitor.faces.web.attempts import MOST, PER_ADDRESS, WINDOW, Attempts
from monitor.faces.web.prompt import Prompt
from monitor.faces.web.server import Server

ACK = "/api/v1/alerts/aaaaaaaaaaaa/acknowledge"
"""Of no alert: whoever gets through to it hears 404."""


@pytest.fixture(scope="module")
def manned(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab whose people have passwords."""
    lab = web(Lab(tmp_path_factory.mktemp("manned") / "lab"))
    person(lab, "Ada", Role.reviewer, password=True)
    person(lab, "vic", Role.viewer, password=True)
    return lab


@pytest.fixture
def house(manned: Lab, tmp_path: Path) -> Lab:
    return manned.copy(tmp_path / "lab")


@pytest.fixture
def door(house: Lab) -> Iterator[httpx.Client]:
    with serving(house) as client, browser(client) as visitor:
        yield visitor


def status(client: httpx.Client, **headers: str) -> int:
    return client.get("/api/v1/me", headers=headers).status_code


# -- logging in -------------------------------------------------------------------------------------------------------


def test_somebody_logs_in_acts_and_logs_out(house: Lab, door: httpx.Client) -> None:
    assert status(door) == 401
    came = log_in(door, " ADA ", after="/alerts/3f9a?tab=2")
    assert (came.status_code, came.headers["location"]) == (303, "/alerts/3f9a?tab=2")
    me = door.get("/api/v1/me").json()
    assert (me["name"], me["roles"], me["came"]) == ("Ada", ["reviewer"], "session")
    secret = secret_of(door.get("/login"))
    assert door.post(ACK, json={}, headers={"X-CSRF-Token": secret}).status_code == 404
    kept = door.cookies["holdpoint"]
    assert door.post("/logout", data={"csrf": secret}).headers["location"] == "/login"
    assert status(door) == 401
    assert status(door, Cookie=f"holdpoint={kept}") == 401  # gone from the store, too


def test_cookies_are_for_this_site_and_for_no_script(house: Lab, door: httpx.Client) -> None:
    set_by = log_in(door, "ada").headers.get_list("set-cookie")
    session = next(each for each in set_by if each.startswith("holdpoint="))
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in session.split(";")}
    assert "Secure" not in session
    assert "Domain" not in session


def test_behind_https_cookies_never_travel_in_the_clear(house: Lab) -> None:
    house.config.write_text(house.config.read_text() + 'url = "https://hold.example.org"\n')
    with serving(house) as client, browser(client) as visitor:
        (before,) = visitor.get("/login").headers.get_list("set-cookie")
        assert before.startswith("__Host-holdpoint-login=")
        assert "Secure" in before
        assert visitor.get("/login").headers["strict-transport-security"]


def test_a_login_begins_a_session_that_nobody_knew_before(house: Lab, door: httpx.Client) -> None:
    """Session fixation: what an intruder put into the browser opens nothing afterwards."""
    planted = "planted-by-an-intruder"
    door.cookies.set("holdpoint", planted)
    log_in(door, "ada")
    (fresh,) = {cookie.value for cookie in door.cookies.jar if cookie.name == "holdpoint"} - {planted}
    assert status(door, Cookie=f"holdpoint={planted}") == 401
    # And a session of their own, handed to the victim, is over when the victim logs in.
    with browser(door) as intruder:
        log_in(intruder, "vic")
        theirs = intruder.cookies["holdpoint"]
    assert status(door, Cookie=f"holdpoint={theirs}") == 200
    with browser(door) as victim:
        before = victim.get("/login")
        form = {"csrf": secret_of(before), "name": "ada", "password": PASSWORD}
        sent = f"holdpoint={theirs}; holdpoint-login={victim.cookies['holdpoint-login']}"
        assert victim.post("/login", data=form, headers={"Cookie": sent}).status_code == 303
    assert status(door, Cookie=f"holdpoint={theirs}") == 401
    assert fresh


def test_a_session_ends_when_left_alone_and_in_the_end(house: Lab, door: httpx.Client) -> None:
    log_in(door, "ada")
    for _ in range(6):
        assert status(door) == 200
        house.clock.sleep(110 * 60)
    assert status(door) == 200  # eleven hours, never idle for two
    house.clock.sleep(3600)
    assert status(door) == 401
    door.cookies.clear()
    log_in(door, "ada")
    house.clock.sleep(2 * 3600)
    assert status(door) == 401


def test_whoever_is_disabled_is_out_at_once(house: Lab, door: httpx.Client) -> None:
    log_in(door, "ada")
    answer(house, "people", "disable", "ada", "--by", "root")
    assert status(door) == 401
    assert log_in(door, "ada").status_code == 403


def test_nobody_is_told_whether_it_was_the_name_or_the_password(house: Lab, door: httpx.Client) -> None:
    pages, times = [], dict[str, list[float]]()
    with house.store() as store:
        people.set_password(store, "ada", PASSWORD, by="ada", at=house.clock.now())  # as dear as it is in life
    for name in ("ada", "nobody", "ada", "nobody"):
        begun = time.perf_counter()
        page = log_in(door, name, "wrong wrong wrong")
        times.setdefault(name, []).append(time.perf_counter() - begun)
        door.cookies.clear()
        assert page.status_code == 403
        pages.append(page.text.replace(secret_of(page), "").replace(f'value="{name}"', ""))
    assert len(set(pages)) == 1
    assert min(times["nobody"]) > min(times["ada"]) / 4  # as much work for nobody


def test_who_guesses_has_to_wait(house: Lab, door: httpx.Client) -> None:
    for _ in range(5):
        assert log_in(door, "ada", "guess guess guess").status_code == 403
    late = log_in(door, "Ada ")  # the right password, too late
    assert late.status_code == 429
    assert 0 < int(late.headers["retry-after"]) <= 15 * 60 + 1
    assert log_in(door, "vic").status_code == 303  # others may
    house.clock.sleep(15 * 60)
    door.cookies.clear()
    assert log_in(door, "ada").status_code == 303


def test_one_address_has_so_many_guesses_for_all_names_together() -> None:
    attempts = Attempts()
    for i in range(PER_ADDRESS):
        assert not attempts.wait(f"n{i}", "203.0.113.1", START)
        attempts.failed(f"n{i}", "203.0.113.1", START)
    assert attempts.wait("another", "203.0.113.1", START) == WINDOW
    assert not attempts.wait("another", "203.0.113.2", START)
    attempts.passed("n3", "203.0.113.1")
    assert not attempts.wait("another", "203.0.113.1", START)
    assert not attempts.wait("n5", "203.0.113.1", START + WINDOW)


def test_what_is_remembered_of_guesses_has_an_end() -> None:
    attempts = Attempts()
    for i in range(MOST):
        attempts.failed("ada", str(i), START)
    assert len(attempts._failures) <= MOST


@pytest.mark.parametrize(
    "after",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "/\0",
    ],
)
def test_a_login_leads_nowhere_else_and_sets_no_header(house: Lab, door: httpx.Client, after: str) -> None:
    """Open redirects and header injection: a target that is no page of ours is the front page."""
    came = log_in(door, "ada", after=after)
    assert came.headers["location"] == "/"
    assert all(each.startswith("holdpoint") for each in came.headers.get_list("set-cookie"))
    page = door.get("/login", params={"next": after})
    assert page.status_code == 200
    assert after not in page.text


def test_names_are_shown_as_text(house: Lab, door: httpx.Client) -> None:
    page = log_in(door, '"><script>alert(1)</script>', "wrong wrong wrong")
    assert "<script" not in page.text
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["x-content-type-options"] == "nosniff"


# -- forms of others --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "right", "got"),
    [
        ({}, True, 404),
        ({}, False, 403),
        ({"Origin": "https://evil.example"}, True, 403),
        ({"Origin": "null"}, True, 403),
        ({"Sec-Fetch-Site": "cross-site"}, True, 403),
        ({"Sec-Fetch-Site": "same-site"}, True, 403),
        ({"Sec-Fetch-Site": "same-origin"}, True, 404),
        ({"Sec-Fetch-Site": "same-origin"}, False, 403),
    ],
)
def test_a_form_of_another_site_does_nothing(
    house: Lab, door: httpx.Client, headers: dict[str, str], right: bool, got: int
) -> None:
    log_in(door, "ada")
    secret = secret_of(door.get("/login"))
    told = {"X-CSRF-Token": secret} if right else {}
    assert door.post(ACK, json={}, headers={**headers, **told}).status_code == got
    if got == 403:
        assert door.post("/logout", data={"csrf": secret if right else ""}, headers=headers).status_code == 403
        assert status(door) == 200


def test_the_secret_of_one_session_is_none_of_another(house: Lab, door: httpx.Client) -> None:
    log_in(door, "vic")
    other = secret_of(door.get("/login"))
    door.cookies.clear()
    log_in(door, "ada")
    assert door.post(ACK, json={}, headers={"X-CSRF-Token": other}).status_code == 403
    assert door.post(ACK, json={}, headers={"X-CSRF-Token": ""}).status_code == 403


def test_nobody_is_logged_in_by_a_form_of_another_site(house: Lab, door: httpx.Client) -> None:
    form = {"name": "ada", "password": PASSWORD}
    assert door.post("/login", data=form).status_code == 403
    with browser(door) as intruder:
        form["csrf"] = secret_of(intruder.get("/login"))
    assert door.post("/login", data=form).status_code == 403
    door.get("/login")
    assert door.post("/login", data=form).status_code == 403


def test_a_token_needs_no_form_and_a_wrong_one_hides_behind_no_cookie(house: Lab, door: httpx.Client) -> None:
    shown = {"Authorization": f"Bearer {token(house, 'ada', roles=[Role.reviewer])}"}
    assert door.post(ACK, json={}, headers={**shown, "Origin": "https://evil.example"}).status_code == 404
    log_in(door, "ada")
    assert status(door, Authorization="Bearer hp_nothing") == 401


# -- proxies ----------------------------------------------------------------------------------------------------------


def proxied(house: Lab, *addresses: str) -> Lab:
    terms = f'proxy_user_header = "X-Forwarded-User"\nproxies = {list(addresses)}\n'.replace("'", '"')
    house.config.write_text(house.config.read_text() + terms)
    return house


def test_a_trusted_proxy_names_people_and_nobody_else_does(house: Lab) -> None:
    with serving(proxied(house, "127.0.0.0/8")) as client, browser(client) as visitor:
        named = {"X-Forwarded-User": "ADA"}
        assert visitor.get("/api/v1/me", headers=named).json()["came"] == "proxy"
        assert status(visitor, **{"X-Forwarded-User": "mallory"}) == 401
        assert status(visitor, **{"X-Forwarded-User": ""}) == 401
        twice = [("X-Forwarded-User", "vic"), ("X-Forwarded-User", "ada")]
        assert visitor.get("/api/v1/me", headers=twice).status_code == 401
        assert visitor.post(ACK, json={}, headers=named).status_code == 403  # a browser is before the proxy


@pytest.mark.parametrize("addresses", [[], ["192.0.2.0/24"]])
def test_from_anybody_else_the_header_says_nothing(house: Lab, addresses: list[str]) -> None:
    if addresses:
        proxied(house, *addresses)
    with serving(house) as client, browser(client) as visitor:
        assert status(visitor, **{"X-Forwarded-User": "ada"}) == 401


def test_a_proxy_header_without_proxies_is_refused(house: Lab) -> None:
    house.config.write_text(house.config.read_text() + 'proxy_user_header = "X-Forwarded-User"\n')
    with pytest.raises(SettingsError, match="name the addresses of the proxy"):
        _ = house.settings


def test_guesses_count_for_the_client_that_the_proxy_names(house: Lab) -> None:
    with serving(proxied(house, "127.0.0.1")) as client, browser(client) as visitor:
        page = visitor.get("/login")
        form = {"csrf": secret_of(page), "name": "ada", "password": "x"}
        guesses = [{"X-Forwarded-For": f"203.0.113.{i}, 198.51.100.7"} for i in range(6)]
        got = [visitor.post("/login", data=form, headers=each).status_code for each in guesses]
        assert got == [403] * 5 + [429]  # what the client wrote itself before it counts for nothing
        other = {"X-Forwarded-For": "198.51.100.8"}
        assert visitor.post("/login", data=form, headers=other).status_code == 403


# -- where it listens -------------------------------------------------------------------------------------------------


def listening(house: Lab, **terms: Any) -> Server:
    lines = [f"{key} = {value}\n" for key, value in terms.items()]
    text = house.config.read_text().replace('listen = "127.0.0.1:0"\n', "")
    house.config.write_text(text + "".join(lines))
    return Server(Door(house.settings, house.clock))


def test_others_are_not_served_in_the_clear_unless_a_setting_says_so(house: Lab) -> None:
    with pytest.raises(SettingsError, match="heard by others and nothing is encrypted"):
        listening(house, listen='"0.0.0.0:0"')
    house.config.write_text(house.config.read_text() + "plain = true\n")
    Server(Door(house.settings, house.clock)).stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of this machine's loopback, signed by itself."""
    return self_signed(tmp_path_factory.mktemp("tls"))


def test_over_tls_cookies_are_secure(house: Lab, certificate: tuple[Path, Path]) -> None:
    files = {"tls_certificate": f'"{certificate[0]}"', "tls_key": f'"{certificate[1]}"'}
    server = listening(house, listen='"127.0.0.1:0"', **files)
    server.start()
    try:
        trusted = ssl.create_default_context(cafile=str(certificate[0]))
        with httpx.Client(base_url=server.url, verify=trusted) as client:
            assert server.url.startswith("https://")
            came = log_in(client, "ada")
            assert came.status_code == 303
            assert "__Host-holdpoint=" in came.headers["set-cookie"]
            assert "Secure" in came.headers["set-cookie"]
            assert status(client) == 200
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"tls_certificate": '"gone"', "tls_key": '"gone"'}, "No such file"),
        ({"tls_certificate": '"token"', "tls_key": '"token"'}, "tls_certificate, web.tls_key"),
        ({"tls_certificate": '"token"'}, "give tls_certificate and tls_key"),
    ],
)
def test_a_certificate_that_is_none_is_said_before_anybody_is_served(
    house: Lab, files: dict[str, str], told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        listening(house, listen='"127.0.0.1:0"', **files)


# -- requests that are none -------------------------------------------------------------------------------------------


PATHS = (
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/login/..%2f..%2fholdpoint.toml",
    "/api/v1/alerts/..%2f..%2ftoken",
    "/api/v1/forecasts/%2e%2e%2f%2e%2e%2fholdpoint.db",
    "/api/v1/alerts/%00",
    "/api/v1/alerts/%25",
    "//etc/passwd",
    "/..%5c..%5ctoken",
)


def test_no_path_leads_out(house: Lab) -> None:
    """Path traversal: what is no name of ours is 404 or 422, and no file is ever told of."""
    shown = everybody(house)[Role.viewer]
    with serving(house) as client:
        for path in PATHS:
            raw = client.base_url.copy_with(raw_path=path.encode())
            got = client.send(client.build_request("GET", raw, headers=shown))
            assert got.status_code in (404, 422), (path, got.text)
            assert not {TOKEN, "root:", "SQLite"} & set(got.text.split())


def test_a_body_that_is_too_large_is_refused_and_not_kept(house: Lab, door: httpx.Client) -> None:
    page = door.get("/login")
    form = {"csrf": secret_of(page), "name": "ada", "password": "x" * (bounds.LARGEST + 1)}
    got = door.post("/login", data=form)
    assert got.status_code == 413
    assert got.headers["content-type"] == "application/problem+json"

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    assert door.post(ACK, content=endless()).status_code == 413


def _dropped(house: Lab, sent: bytes, after: float = 3.0) -> bytes:
    """What a client hears that sends this and then nothing, until it is hung up on."""
    with serving(house) as client:
        url = client.base_url
        with socket.create_connection((url.host, url.port or 80)) as slow:
            slow.settimeout(after)
            slow.sendall(sent)
            heard = b""
            with suppress(ConnectionResetError):  # hung up on before it had said all
                while chunk := slow.recv(65536):
                    heard += chunk
            return heard


def test_a_head_that_is_too_large_is_refused(house: Lab) -> None:
    heard = _dropped(house, b"GET /login HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 200_000)
    assert heard.startswith(b"HTTP/1.1 400 ") or not heard


@pytest.mark.parametrize("sent", [b"", b"GET /login HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_whoever_is_slow_to_ask_is_hung_up_on(house: Lab, sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prompt, "patience", 0.2)
    assert b"200 OK" not in _dropped(house, sent)


def test_a_body_that_does_not_come_is_not_waited_for(house: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "SLOWEST", 0.2)
    sent = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nContent-Type: text/plain\r\n\r\nxx"
    assert b"408 Request Timeout" in _dropped(house, sent)


def test_one_who_is_slow_now_and_then_is_served(house: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prompt, "patience", 0.5)
    with serving(house) as client, browser(client) as visitor:
        for _ in range(3):
            assert visitor.get("/login").status_code == 200
            time.sleep(0.25)


# -- the command line -------------------------------------------------------------------------------------------------


def test_the_first_admin_is_made_on_the_command_line(lab: Lab) -> None:
    (lab.root / "pw").write_text(PASSWORD + "\n")
    made = answer(
        lab, "people", "add", "Ada", "--role", "admin", "--by", "Ada", "--password-file", str(lab.root / "pw")
    )
    assert (made["name"], made["roles"]) == ("Ada", ["admin"])
    answer(lab, "people", "role", "ada", "--add", "safety", "--by", "Ada")
    shown = answer(lab, "token", "make", "ada", "--role", "safety", "--for", "7d", "--label", "ci", "--by", "Ada")
    assert shown["token"].startswith("hp_")
    (listed,) = answer(lab, "token", "list")
    assert (listed["label"], "token" in listed, listed["revoked"]) == ("ci", False, False)
    assert answer(lab, "token", "revoke", listed["id"], "--by", "Ada")["revoked"]
    (ada,) = answer(lab, "people", "list")
    assert (ada["roles"], ada["password"], ada["tokens"]) == (["safety", "admin"], True, 1)
    assert PASSWORD not in run(lab, "ledger", "list")[1]
    with serving(web(lab)) as client, browser(client) as visitor:
        assert log_in(visitor, "ada").status_code == 303


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("people", "add", "bob", "--role", "viewer", "--by", "a", "--password-file", "gone"), 1, "cannot be read"),
        (("people", "add", "bob", "--role", "king", "--by", "a"), 2, "king"),
        (("people", "role", "nobody", "--role", "viewer", "--by", "a"), 1, "nobody of this name"),
        (("people", "role", "nobody", "--by", "a"), 2, "--role"),
        (("token", "make", "nobody", "--role", "viewer", "--by", "a"), 1, "nobody of this name"),
        (("token", "revoke", "x", "--by", "a"), 1, "no token"),
    ],
)
def test_the_command_line_says_what_is_wrong(lab: Lab, words: tuple[str, ...], code: int, told: str) -> None:
    got, text = run(lab, *words)
    assert (got, told in text) == (code, True), text


def test_a_route_for_an_action_that_is_none_is_never_made() -> None:
    with pytest.raises(KeyError):
        may("aknowledge")
