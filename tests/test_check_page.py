"""The class page of check.py in a real browser: at a desktop's and a phone's width, and on paper.

Where there is no Chromium these tests are skipped, and say so. To look at the pictures, give pytest
--basetemp: they lie in test_the_page_fits*/.
"""

import random
import shutil

import pytest
from playwright.sync_api import sync_playwright
from test_check_formats import POINTS, finding, judged

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
def class_page(tmp_path_factory):
    """A class of 12 with every verdict, long names and long lines."""
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
def open_page(browser, class_page):
    """Open the page in a window so wide; it has `said`, its console, and `requested`."""
    pages = []

    def open_(width, **options):
        tab = browser.new_page(viewport={"width": width, "height": 900}, **options)
        pages.append(tab)
        tab.set_default_timeout(120_000)  # milliseconds; on a busy machine
        tab.said, tab.requested = [], []
        tab.on("console", lambda message: tab.said.append(message.text))
        tab.on("pageerror", lambda error: tab.said.append(str(error)))
        tab.on("request", lambda request: tab.requested.append(request.url))
        tab.goto(class_page.as_uri())
        return tab

    yield open_
    for tab in pages:
        tab.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits(open_page, tmp_path, width, scheme):
    tab = open_page(width, color_scheme=scheme)
    clip = {"x": 0, "y": 0, "width": width, "height": 4000}
    tab.screenshot(path=tmp_path / "page.png", full_page=True, clip=clip)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert len(tab.requested) == 1  # itself
    assert tab.said == []
    for cell in tab.locator(".matrix td .mark").all()[:14]:
        box = cell.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 20  # a finger can meet it


def test_a_mark_leads_to_its_part_and_says_its_verdict(open_page):
    tab = open_page(1280)
    mark = tab.locator(".matrix tbody tr").nth(3).locator("td a").nth(2)
    target = mark.get_attribute("href")
    assert target == "#s3-logistic_regression_l2"
    assert tab.locator(target).count() == 1
    assert mark.get_attribute("title").split(":")[0] in {*VERDICTS.values(), "a mistake"}
    links = {a.get_attribute("href") for a in tab.locator("a").all()}
    ids = {f"#{each.get_attribute('id')}" for each in tab.locator("[id]").all()}
    assert links <= ids
    assert tab.locator("b").count() == 0  # names are text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read(open_page, scheme):
    """Every text's contrast is that of WCAG AA, 4.5, or better."""
    tab = open_page(1280, color_scheme=scheme)
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


def test_the_page_prints_on_a4(open_page, tmp_path):
    tab = open_page(1280)
    pdf = tab.pdf(format="A4", path=tmp_path / "page.pdf")
    assert pdf.startswith(b"%PDF")
