"""reproduce.py's report and check.py's class page in a real browser: on a desktop, a phone and paper.

To look at the pictures, give pytest --basetemp: they lie in test_*/.
"""

import random
import shutil

import numpy as np
import pytest
from conftest import runs_in_children, tiny_arrays
from playwright.sync_api import sync_playwright
from test_check_formats import POINTS, finding, judged

import reproduce
from checks import page
from checks.parts import PARTS, VERDICTS

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
NAMES = ["ada", "Maria Joana Albuquerque de Vasconcelos", "x" * 60, "<b>bold</b> & 'co'", "ist1103"]


@pytest.fixture(scope="module")
def report_path(tmp_path_factory):
    """A report on other data than the edition's: a comparison, weights, runs that are missing."""
    folder = tmp_path_factory.mktemp("report")
    data = folder / "a name with <b> & $x$ in it.npz"
    np.savez(data, **tiny_arrays(shape=(12, 12, 3), n_classes=6))

    def no_pdfs(patched):
        from lab import run

        drawn = run.save_figure
        patched.setattr(
            run, "save_figure", lambda f, p: p.touch() if p.suffix == ".pdf" else drawn(f, p)
        )

    with runs_in_children(no_pdfs):
        words = ["ist-2024", "-only", "1.2c", "-jobs", "1"]
        reproduce.main([*words, "-data_path", str(data), "-plots_dir", str(folder)])
    return folder / "ist-2024" / "report.html"


@pytest.fixture(scope="module")
def class_path(tmp_path_factory):
    """The page of a class of 12 with every verdict, long names and long lines."""
    rng = random.Random(1)
    wide = finding(title="A title as long as a sentence is, in which `update_weight` is named")
    wide["certificate"]["text"] = "W[2] = (2, -4), " * 12 + "\n  and so on"
    students = []
    for number in range(12):
        verdicts = {part: rng.choice(list(VERDICTS)) for part in PARTS}
        each = judged(f"{NAMES[number % len(NAMES)]} {number}", **verdicts)
        for part in each.parts.values():
            if part["verdict"] not in ("correct", "absent"):
                part["findings"] = [wide, finding("softmax_unstable", "fragile")]
        students.append(each)
    path = tmp_path_factory.mktemp("page") / "class.html"
    path.write_text(page.write(students, POINTS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """Open a page in a window so wide; at the end it has said nothing, and asked for itself alone."""
    opened = []

    def open_(path, width, **options):
        tab = browser.new_page(viewport={"width": width, "height": 900}, **options)
        tab.set_default_timeout(120_000)  # milliseconds; on a busy machine
        tab.said, tab.requested = [], set()
        opened.append((tab, path))
        tab.on("console", lambda message: tab.said.append(message.text))
        tab.on("pageerror", lambda error: tab.said.append(str(error)))
        tab.on("request", lambda request: tab.requested.add(request.url))
        tab.goto(path.as_uri())
        tab.wait_for_load_state("load")
        return tab

    yield open_
    for tab, path in opened:
        assert tab.said == []
        assert {url for url in tab.requested if not url.startswith("data:")} == {path.as_uri()}
        tab.close()


def assert_fits(tab, width, picture):
    """No wider than a window of this width; leaves a picture of it."""
    tab.set_viewport_size({"width": width, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    clip = {"x": 0, "y": 0, "width": width, "height": 4000}
    tab.screenshot(path=picture, full_page=True, clip=clip)
    assert picture.stat().st_size > 50_000


def assert_links_lead_somewhere(tab):
    links = tab.eval_on_selector_all("a", "links => links.map(a => a.getAttribute('href'))")
    ids = tab.eval_on_selector_all("[id]", "nodes => nodes.map(node => '#' + node.id)")
    assert links and set(links) <= set(ids)
    return links


# --------------------------------------------------------------------------------------------
# The report


def test_the_report_fits_with_its_images_and_tables(open_page, report_path, tmp_path):
    tab = open_page(report_path, 1280)
    for width in (1280, 390, 320):
        assert_fits(tab, width, tmp_path / f"report-{width}.png")
    tab.set_viewport_size({"width": 390, "height": 900})
    images = tab.evaluate(
        "[...document.images].map(i => [i.naturalWidth, i.alt, i.getBoundingClientRect().right])"
    )
    assert len(images) > 12
    for natural_width, alt, right in images:
        assert natural_width > 300
        assert alt
        assert right <= 390
    widths = tab.eval_on_selector_all(
        ".scroll", "boxes => boxes.map(b => [b.clientWidth, b.scrollWidth])"
    )
    assert any(inside > box for box, inside in widths)  # a wide table scrolls in its own box
    assert all(box <= 390 for box, _ in widths)
    tab.emulate_media(media="print")
    assert_fits(tab, 680, tmp_path / "report-print.png")


def test_the_words_of_the_report(open_page, report_path):
    """What the data is stands there, nothing is judged, and nothing in a name is part of the page."""
    tab = open_page(report_path, 1280)
    assert "#q2.2c" in assert_links_lead_somewhere(tab)
    assert tab.query_selector("td.out, td.in") is None
    cells = tab.eval_on_selector_all("td.none", "cells => cells.map(c => c.textContent)")
    assert "other data" in cells
    text = tab.inner_text("body")
    assert "not run yet" in text and "they are of other data" in text
    assert tab.query_selector("b") is None
    assert "a name with <b> & $x$ in it.npz" in text


# --------------------------------------------------------------------------------------------
# The class page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_class_page_fits_and_can_be_read(open_page, class_path, tmp_path, scheme):
    """A finger can meet its marks; every text's contrast is that of WCAG AA, 4.5, or better."""
    tab = open_page(class_path, 1280, color_scheme=scheme)
    for width in (1280, 390):
        assert_fits(tab, width, tmp_path / f"class-{width}.png")
        for cell in tab.locator(".matrix td .mark").all()[:14]:
            box = cell.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["height"] >= 20
    lowest = tab.evaluate("""() => {
        const rgb = color => color.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
            .map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
        const behind = node => {
            for (; node; node = node.parentElement) {
                const color = rgb(getComputedStyle(node).backgroundColor);
                if (color.length === 3 || color[3] === 1) return color;
            }
            return [255, 255, 255];
        };
        let lowest = [100, ""];
        for (const node of document.querySelectorAll("h1, h2, h3, h4, p, a, code, pre, .mark, td, th, li")) {
            const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))];
            const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            if (contrast < lowest[0]) lowest = [contrast, node.outerHTML.slice(0, 100)];
        }
        return lowest;
    }""")
    assert lowest[0] >= 4.5, lowest


def test_a_mark_leads_to_its_part_and_the_page_prints(open_page, class_path):
    tab = open_page(class_path, 1280)
    mark = tab.locator(".matrix tbody tr").nth(3).locator("td a").nth(2)
    assert mark.get_attribute("href") == "#s3-logistic_regression_l2"
    assert tab.locator("#s3-logistic_regression_l2").count() == 1
    assert mark.get_attribute("title").split(":")[0] in {*VERDICTS.values(), "a mistake"}
    assert_links_lead_somewhere(tab)
    assert tab.locator("b").count() == 0  # names are text
    assert tab.pdf(format="A4").startswith(b"%PDF")
