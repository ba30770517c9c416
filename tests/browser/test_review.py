"""A reviewer's evening in a real browser: from the link in a message to the release; the policy of content keeps quiet.

Skipped where there is no Chromium or no playwright. `HOLDPOINT_SCREENSHOTS=DIR` keeps the pictures.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from browsing import PASSWORD, staff
from lab import Lab, rung
from pushing import serving, web

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TOLD = """
window.told = [];
document.addEventListener("securitypolicyviolation", (event) => window.told.push(event.violatedDirective));
"""
PAGES = {
    "inbox": "/alerts",
    "alert": "/alerts/{alert}",
    "gates": "/gates",
    "run": "/gates/run?family=lab&run=s7",
    "families": "/families",
    "ladder": "/families?family=lab",
    "series-list": "/series",
    "series": "/series/{series}",
    "forecasts": "/forecasts",
    "policies": "/policies",
    "replay": "/policies/replay?policy=configured",
    "ledger": "/ledger",
    "quarantine": "/quarantine",
    "drills": "/drills",
    "health": "/health",
}


@pytest.fixture(scope="module")
def house(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A paused run, served, and a browser."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed; `apt-get install chromium`")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    lab = built.copy(tmp_path_factory.mktemp("browser") / "lab")
    lab.arrive(rung(7, loss=0.9), "s7.csv")
    (lab.inbox / "broken.json").write_text("{")
    lab.cycle()
    staff(web(lab))
    with lab.store() as store:
        alert = next(a.id for a in store.actions.alerts("lab", "s7") if a.rule == "diagnosis")
        series = store.evidence.series_ids()[0]
    with serving(lab) as server, driver.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield SimpleNamespace(lab=lab, home=str(server.base_url), browser=browser, alert=alert, series=series)
        browser.close()


@contextmanager
def visit(house: SimpleNamespace, name: str, path: str, **how: Any) -> Iterator[Any]:
    """Open a link, log in, and be where the link leads; at the end nothing may have been refused or have failed."""
    context = house.browser.new_context(base_url=house.home, **how)
    context.add_init_script(TOLD)
    page, wrong = context.new_page(), list[str]()
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.goto(path)
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    yield page
    assert page.evaluate("window.told") == []
    assert wrong == []
    context.close()


def fill_in(page: Any, title: str, button: str, **fields: str) -> None:
    """Open a form by its name, fill it in, and send it."""
    form = page.locator("details", has=page.locator("summary", has_text=title)).first
    form.locator("summary").click()
    for name, text in fields.items():
        form.locator(f"[name={name}]").fill(text)
    form.get_by_role("button", name=button).click()


def test_every_page_fits_and_the_policy_reports_nothing(house: SimpleNamespace, tmp_path: Path) -> None:
    folder = Path(os.environ.get("HOLDPOINT_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    looks = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
    with visit(house, "sara", "/alerts") as page:
        for name, path in PAGES.items():
            page.goto(path.format(alert=house.alert, series=house.series))
            page.wait_for_load_state("networkidle")
            assert page.evaluate("window.told") == [], name
            for width, scheme in looks:
                page.set_viewport_size({"width": width, "height": 800})
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
                page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
    assert len(list(folder.glob("*.png"))) == len(PAGES) * len(looks)


def test_the_four_answers_stand_in_the_first_screen_of_a_laptop(house: SimpleNamespace) -> None:
    with visit(house, "vic", f"/alerts/{house.alert}", viewport={"width": 1280, "height": 720}) as page:
        box = page.locator(".answers").bounding_box()
        assert box["y"] + box["height"] <= 720
        assert page.locator(".answers h2").all_inner_texts() == [
            heading.upper() for heading in ("What happened", "What was expected", "How sure", "What now")
        ]


def test_without_a_script_everything_can_be_read(house: SimpleNamespace) -> None:
    with visit(house, "vic", f"/alerts/{house.alert}", java_script_enabled=False) as page:
        assert "likelihood left its forecast" in page.inner_text("h2 + .lead")
        assert page.locator("figure img").count() == 2
        picture = page.locator("figure img").first
        picture.scroll_into_view_if_needed()
        assert page.request.get(picture.get_attribute("src")).status == 200


def test_the_keyboard_reaches_the_content_first(house: SimpleNamespace) -> None:
    with visit(house, "vic", f"/alerts/{house.alert}") as page:
        page.wait_for_load_state("networkidle")
        page.keyboard.press("Tab")
        page.wait_for_function("document.activeElement.className === 'skip'")
        page.keyboard.press("Enter")
        page.wait_for_function("document.activeElement.id === 'main'")


def test_from_the_link_to_the_release(house: SimpleNamespace) -> None:
    link = f"/alerts/{house.alert}"
    with visit(house, "vic", link) as page:
        assert page.locator("details form, form.act").count() == 0
    with visit(house, "sara", link) as page:
        assert page.url.endswith(link)
        for figure in page.locator("figure").all():
            figure.locator("svg").wait_for()  # drawn by the program, in place of the picture
            assert "break line" in figure.text_content()
        fill_in(page, "Acknowledge", "I have seen it", comment="on it")
        assert "You have it" in page.inner_text("[role=status]")
        fill_in(page, "Comment", "Comment", text="the rows look right")
        assert "the rows look right" in page.inner_text(".history")
        fill_in(page, "Release the gate", "Approve", reason="assessed")
        assert "1 of 2 approvals (sara)" in page.inner_text(".answers")
    with visit(house, "abel", link) as page:
        fill_in(page, "Release the gate", "Approve", reason="assessed as well")
        assert "The run may go on" in page.inner_text(".answers")
    assert house.lab.ask("lab/s7").answer == "GO"
