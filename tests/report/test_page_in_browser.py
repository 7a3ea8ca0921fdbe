"""The page in a real Chromium, if there is one: pip install playwright, and a `chromium` on the PATH."""

import os
import shutil
from pathlib import Path

import pytest

from seki_lib.report.page import page

api = pytest.importorskip("playwright.sync_api", reason="needs a browser: pip install playwright")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs a browser: chromium on the PATH (apt install chromium)")
REFERENCE = Path(__file__).parents[2] / "results" / "reference"
SEARCH = "searches-nas201-cifar10-local-smollm2-135m-default-seed-8"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page(REFERENCE), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    root = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses root, as in a container
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=root)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, address):
    """The page, opened at a size; what it complains of or asks of the network fails the test."""
    complaints, pages = [], []

    def open_page(width=1280, **options):
        shown = browser.new_page(viewport={"width": width, "height": 800}, **options)
        shown.on("console", lambda said: complaints.append(said.text))
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.on("request", lambda asked: asked.url.startswith(("file:", "data:")) or complaints.append(asked.url))
        shown.goto(address)
        pages.append(shown)
        return shown

    yield open_page
    assert not complaints
    for shown in pages:
        shown.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_no_page_scrolls_sideways_and_the_colours_are_the_readers(opened, width, scheme):
    shown = opened(width, color_scheme=scheme)
    shown.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    colour = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, colour[4:-1].split(","))) > 380) == (scheme == "light")


def test_every_link_within_the_page_leads_to_something_that_is_shown(opened):
    shown = opened()
    for target in shown.eval_on_selector_all("a[href^='#']", "links => links.map(a => a.getAttribute('href'))"):
        shown.evaluate(f"location.hash = {target!r}")
        shown.wait_for_function("target => document.querySelector(target).checkVisibility()", arg=target)


def test_the_filter_shows_the_rows_that_hold_such_values(opened):
    shown = opened()
    rows = shown.locator("tbody tr[data-row]")
    everything = rows.count()
    assert shown.locator("#shown").inner_text() == f"{everything} of {everything} rows are shown."
    shown.get_by_role("checkbox", name="paper").uncheck()
    left = shown.locator("tbody tr[data-row]:visible")
    assert 0 < left.count() < everything
    assert shown.locator("#shown").inner_text() == f"{left.count()} of {everything} rows are shown."
    assert not shown.locator("td[data-from=paper] > span:visible").count()
    assert shown.locator("td[data-from=measured] > span:visible").count()
    for kind in ("measured", "not run", "replayed"):
        shown.get_by_role("checkbox", name=kind).uncheck()
    assert not left.count()
    shown.get_by_role("checkbox", name="paper").check()
    assert shown.locator("td[data-from=paper] > span:visible").count()


def test_a_search_unfolds_by_the_keyboard_alone(opened):
    shown = opened()
    shown.locator(f"#{SEARCH} > summary").focus()
    shown.keyboard.press("Enter")
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.textContent") == "Open all rounds"
    shown.keyboard.press("Enter")
    assert shown.locator(f"#{SEARCH} details[open]").count() == 51
    assert shown.locator(f"#{SEARCH} pre.reply:visible").count() == 114
    shown.keyboard.press("Enter")
    assert not shown.locator(f"#{SEARCH} details[open]").count()


def test_paper_gets_neither_the_filter_nor_boxes_that_scroll(opened):
    shown = opened()
    shown.emulate_media(media="print")
    assert not shown.locator("#filter:visible, nav:visible, button:visible").count()
    assert shown.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
