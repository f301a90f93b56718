"""The report in a real browser: at a desktop's and a phone's width, and on paper.

To look at the pictures, give pytest --basetemp: they lie in test_the_page_fits*/.
"""

import shutil

import numpy as np
import pytest
from conftest import run_script, tiny_arrays
from playwright.sync_api import sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here"),
]

# What a Chromium does for itself is no request of the page's, but none is wanted either.
ARGUMENTS = [
    "--no-sandbox",  # which root, as in a container, cannot have
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]


@pytest.fixture(scope="module")
def report_path(tmp_path_factory):
    """A report on other data than the edition's: a comparison, weights, runs that are missing."""
    folder = tmp_path_factory.mktemp("report")
    data = folder / "a name with <b> & $x$ in it.npz"
    np.savez(data, **tiny_arrays(shape=(12, 12, 3), n_classes=6))
    done = run_script(
        "reproduce.py", "ist-2024", "-only", "1.2", "-jobs", 2, "-data_path", data,
        "-plots_dir", folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "ist-2024" / "report.html"


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, report_path):
    """Open the report in a window so wide; the page has `said`, its console, and `requested`."""
    pages = []

    def open_(width, media="screen"):
        page = browser.new_page(viewport={"width": width, "height": 900})
        pages.append(page)
        page.said, page.requested = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.requested.append(request.url))
        page.emulate_media(media=media)
        page.goto(report_path.as_uri())
        page.wait_for_load_state("load")
        return page

    yield open_
    for page in pages:
        page.close()


@pytest.mark.parametrize(
    ("width", "media"), [(1280, "screen"), (390, "screen"), (320, "screen"), (680, "print")]
)
def test_the_page_fits_and_asks_for_nothing(open_page, report_path, tmp_path, width, media):
    page = open_page(width, media)
    assert page.said == []
    asked = {url for url in page.requested if not url.startswith("data:")}
    assert asked == {report_path.as_uri()}
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=tmp_path / f"report-{media}-{width}.png", full_page=True)
    assert (tmp_path / f"report-{media}-{width}.png").stat().st_size > 50_000


def test_every_image_is_drawn_and_described(open_page):
    page = open_page(390)
    images = page.evaluate(
        "[...document.images].map(i => [i.naturalWidth, i.alt, i.getBoundingClientRect().right])"
    )
    assert len(images) > 12
    for natural_width, alt, right in images:
        assert natural_width > 300
        assert alt
        assert right <= 390


def test_links_lead_to_their_questions(open_page):
    page = open_page(1280)
    links = page.eval_on_selector_all("a", "links => links.map(a => a.getAttribute('href'))")
    assert "#q2.2c" in links
    for link in set(links):
        assert page.evaluate("id => document.getElementById(id) !== null", link[1:])


def test_a_wide_table_scrolls_in_its_own_box(open_page):
    page = open_page(390)
    widths = page.eval_on_selector_all(
        ".scroll", "boxes => boxes.map(b => [b.clientWidth, b.scrollWidth])"
    )
    assert any(inside > box for box, inside in widths)
    assert all(box <= 390 for box, _ in widths)


def test_what_the_data_is_stands_in_words_and_nothing_is_judged(open_page):
    page = open_page(1280)
    assert page.query_selector("td.out, td.in") is None
    cells = page.eval_on_selector_all("td.none", "cells => cells.map(c => c.textContent)")
    assert "other data" in cells
    text = page.inner_text("body")
    assert "not run yet" in text and "they are of other data" in text


def test_nothing_in_a_name_becomes_part_of_the_page(open_page):
    page = open_page(1280)
    assert page.query_selector("b") is None
    assert "a name with <b> & $x$ in it.npz" in page.inner_text("body")
