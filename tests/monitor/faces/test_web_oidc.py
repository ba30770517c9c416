"""Logging in by OpenID Connect, against a real server of one: who is let in, and every answer that does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from entering import browser, person
from identity import CLIENT, SECRET, Identity, identifying
from joserfc.jwk import RSAKey
from lab import Lab
from pushing import serving, web

from checkpoints_db.errors import SettingsError
from checkpoints_db.records.access import Role
from monitor.daemon.door import Door
from monitor.faces.web.app import create_app

pytest.importorskip("authlib", reason="holdpoint[oidc] is not installed")


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture
def identity(lab: Lab, key: RSAKey) -> Iterator[Identity]:
    with identifying(Identity(lab.clock, key)) as identity:
        yield identity


def with_oidc(lab: Lab, issuer: str, **more: str) -> Lab:
    (lab.root / "oidc").write_text(SECRET + "\n")
    terms = {"issuer": issuer, "client_id": CLIENT, "client_secret_file": "oidc", **more}
    web(lab)
    lines = "".join(f'{name} = "{value}"\n' for name, value in terms.items())
    lab.config.write_text(lab.config.read_text() + "[web.oidc]\n" + lines)
    return lab


@pytest.fixture
def visitor(lab: Lab, identity: Identity) -> Iterator[httpx.Client]:
    person(with_oidc(lab, identity.url), "Ada@lab.example", Role.reviewer)
    with serving(lab) as client, browser(client) as visitor:
        yield visitor


def back(visitor: httpx.Client, after: str = "/") -> str:
    """Away to log in there; the address that leads back."""
    away = visitor.get("/login/oidc", params={"next": after})
    assert away.status_code == 303, away.text
    return httpx.get(away.headers["location"]).headers["location"]


def test_whoever_is_a_person_here_comes_in_by_it(visitor: httpx.Client) -> None:
    assert "/login/oidc?next=" in visitor.get("/login").text
    came = visitor.get(back(visitor, "/alerts/3f9a"))
    assert (came.status_code, came.headers["location"]) == (303, "/alerts/3f9a")
    me = visitor.get("/api/v1/me").json()
    assert (me["name"], me["came"], me["roles"]) == ("Ada@lab.example", "session", ["reviewer"])


def spoiled(**claims: object) -> Callable[[Identity], None]:
    return lambda identity: identity.claims.update(claims)


def another_key(identity: Identity) -> None:
    identity.signs = RSAKey.generate_key(2048, {"kid": "one"})


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoiled(email="eve@lab.example"), "nobody here is called"),
        (spoiled(email_verified=False), "nobody verified"),
        (spoiled(email_verified="true"), "nobody verified"),
        (spoiled(email=["ada@lab.example"]), "names nobody"),
        (spoiled(iss="https://evil.example"), "does not hold"),
        (spoiled(aud="another"), "does not hold"),
        (spoiled(nonce="another"), "does not hold"),
        (spoiled(exp=1), "does not hold"),
        (another_key, "does not hold"),
        (Identity.forge_with_public_key, "does not hold"),
    ],
)
def test_an_answer_that_does_not_hold_lets_nobody_in(
    identity: Identity, visitor: httpx.Client, spoil: Callable[[Identity], None], told: str
) -> None:
    spoil(identity)
    got = visitor.get(back(visitor))
    assert got.status_code == 403
    assert told in got.json()["detail"]
    assert visitor.get("/api/v1/me").status_code == 401


def test_a_code_comes_back_once_and_to_the_browser_that_left(lab: Lab, visitor: httpx.Client) -> None:
    address = back(visitor)
    with browser(visitor) as other:
        other.get("/login")
        assert "another browser" in other.get(address).json()["detail"]
    assert visitor.get(address).status_code == 403  # whoever tried it has used it up
    address = back(visitor)
    assert visitor.get(address).status_code == 303
    assert visitor.get(address).status_code == 403
    late = back(visitor)
    lab.clock.sleep(600)
    assert visitor.get(late).status_code == 403
    assert visitor.get("/login/oidc/back").status_code == 403


def test_one_that_is_away_lets_nobody_in(lab: Lab) -> None:
    with serving(with_oidc(lab, "http://127.0.0.1:9")) as client, browser(client) as visitor:
        got = visitor.get("/login/oidc")
    assert got.status_code == 403
    assert "does not answer" in got.json()["detail"]


def test_one_that_speaks_for_another_is_not_believed(identity: Identity, visitor: httpx.Client) -> None:
    identity.url += "/"
    assert "speaks for" in visitor.get("/login/oidc").json()["detail"]


@pytest.mark.parametrize(
    ("issuer", "more", "told"),
    [
        ("http://login.example.org", {}, "not https"),
        ("https://login.example.org", {"client_secret_file": "gone"}, "cannot be read"),
        ("https://login.example.org", {"client_secret": "x"}, "everybody reads this file"),
        ("https://login.example.org", {"claim": "name"}, "web.oidc.claim"),
    ],
)
def test_settings_that_cannot_be_meant_are_said(lab: Lab, issuer: str, more: dict[str, str], told: str) -> None:
    with_oidc(lab, issuer, **more)
    with pytest.raises(SettingsError, match=told):
        create_app(Door(lab.settings, lab.clock))
