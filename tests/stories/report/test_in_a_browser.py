"""Story: reports and explanations in a real browser: they open without a script, fit the screen, and run nothing."""

from __future__ import annotations

import io

import pytest
from browser import Browser, installed
from explanations import every_kind

from headstart.report import Gallery, evaluation_report, html_report
from headstart.report.explanation import explanation_page
from headstart.report.gallery import DuplicateCluster, GalleryItem, PredictedItem, SuspectedItem, Thumbnail

HOSTILE = [
    "<script>document.title='run'</script>",
    '"><img src=x onerror="document.title=\'run\'">',
    "'><svg onload=document.title='run'>",
    "</style></script></title><script>document.title='run'</script>",
    "javascript:document.title='run'",
    "a\u202eb\u2066c\u200bd\n\r\t<b>e</b>\x00\x1b[31m",
    "x" * 10_000,
    "{{7*7}} ${7*7} <!-- --> &lt;script&gt; ]]>",
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = installed()
    if program is None:
        pytest.skip("no Chromium is installed; with one, reports are opened and looked at")
    started = Browser(program, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


def picture(colour):
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (96, 64), colour).save(file, "JPEG")
    return Thumbnail(file.getvalue(), 96, 64)


def record_of(labels, counts, **changes):
    from headstart.report.content.example import EXAMPLE

    n = sum(map(sum, counts))
    per_class = {label: {**EXAMPLE["evaluation"]["per_class"]["no"], "support": 6} for label in labels}
    evaluation = {**EXAMPLE["evaluation"], "n": n, "labels": labels, "confusion": counts, "per_class": per_class}
    return {**EXAMPLE, "task": {**EXAMPLE["task"], "labels": labels}, "evaluation": evaluation, **changes}


@pytest.fixture
def pictured(tmp_path):
    """The report of a model that took two pictures of ants for bees."""
    items = tuple(GalleryItem(f"ants/{k}.jpg", "ant", (picture((200, k * 40, 0)),)) for k in range(3))
    predictions = (
        PredictedItem(0, "bee", False, 0.9, 0.1, 2.3, (0, 1)),
        PredictedItem(1, "bee", False, 0.8, 0.2, 1.6, (0, 1)),
        PredictedItem(2, "ant", True, 0.9, 0.9, 0.1, (0, 0)),
    )
    page = tmp_path / "report.html"
    page.write_text(html_report(record_of(["ant", "bee"], [[4, 2], [0, 6]]), "ants", Gallery(items, predictions)))
    return page


SHOWN = """[...document.querySelectorAll('#cell-0-1 img')].filter(
  (one) => one.checkVisibility() && one.complete && one.naturalWidth === 96).length"""


@pytest.mark.parametrize("script", [True, False])
def test_a_cell_of_the_matrix_opens_its_items_with_and_without_script(browser, pictured, script):
    browser.open(pictured, script=script)
    assert browser.value("getComputedStyle(document.getElementById('cell-0-1')).display") == "none"
    browser.click('a[href="#cell-0-1"]')
    assert browser.value("location.hash") == "#cell-0-1"
    assert browser.value("Promise.all([...document.images].map((one) => one.decode())).then(() => 1)") == 1
    assert browser.value(SHOWN) == 2
    assert browser.value("getComputedStyle(document.getElementById('cell-0-0')).display") == "none"


def test_the_script_closes_a_cell_sorts_tables_and_opens_all(browser, pictured):
    browser.open(pictured)
    browser.click('a[href="#cell-0-1"]')
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="Escape", code="Escape")
    assert browser.value("location.hash") == "#confusion"
    names = "[...document.querySelector('#classes tbody').rows].map((row) => row.cells[0].textContent)"
    assert browser.value(names) == ["ant", "bee"]
    browser.click("#classes th:first-child button")
    assert browser.value(names) == ["bee", "ant"]
    browser.click("nav button")
    assert browser.value("document.querySelectorAll('details:not([open])').length") == 0


@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_the_page_does_not_scroll_sideways(browser, pictured, width):
    browser.open(pictured, width=width)
    browser.click("nav button")  # also with everything open
    assert browser.value("document.documentElement.scrollWidth") == width


def test_dark_and_light_follow_the_reader(browser, pictured):
    colours = []
    for dark in (False, True):
        browser.open(pictured, dark=dark)
        colours.append(browser.value("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]


def hostile_gallery():
    items = [
        GalleryItem(text, text, (picture((0, 0, 0)),), (text, text * 2), values=((text, text),), missing=text)
        for text in HOSTILE
    ]
    predictions = [
        PredictedItem(k, HOSTILE[k - 1], False, 0.9, 0.1, 3.0, (k, (k - 1) % len(HOSTILE))) for k in range(len(HOSTILE))
    ]
    suspects = tuple(SuspectedItem(k, HOSTILE[k - 1], 0.01, 0.9, (0, 1)) for k in range(len(HOSTILE)))
    copies = (DuplicateCluster((0, 1), 2, exact=False, conflicting=True),)
    return Gallery(tuple(items), tuple(predictions), suspects, copies, len(HOSTILE), 1)


@pytest.mark.parametrize("write", [html_report, evaluation_report])
def test_hostile_labels_texts_and_names_run_and_fetch_nothing(browser, tmp_path, write):
    from headstart.report.content.example import EVALUATION

    size = len(HOSTILE)
    counts = [[3 if i == j else int(j == (i - 1) % size) for j in range(size)] for i in range(size)]
    everything = {} if write is html_report else {**EVALUATION}
    record = {
        **record_of(HOSTILE, counts),
        **{key: everything[key] for key in ("model", "part", "warnings") if everything},
    }
    page = tmp_path / "hostile.html"
    page.write_text(write(record, HOSTILE[3], hostile_gallery()), encoding="utf-8")
    browser.open(page, width=400)
    browser.click("nav button")
    assert browser.value("document.title").startswith("</style></script></title><script>")
    assert browser.value("document.title") != "run"
    assert browser.requests() == [page.as_uri()]
    assert browser.value("document.scripts.length") == 1
    assert browser.value("document.querySelectorAll('[onerror], [onload], b').length") == 0
    assert browser.value("document.querySelectorAll('img:not([src^=\"data:image/jpeg\"])').length") == 0
    assert browser.value("document.documentElement.scrollWidth") == 400
    refused = [one for one in browser.events if one["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
    assert refused == []
    assert "\u202e" not in browser.value("document.documentElement.textContent")


@pytest.mark.parametrize("text", ["where is my parcel", *HOSTILE], ids=range(len(HOSTILE) + 1))
def test_an_explanation_is_readable_and_runs_and_fetches_nothing(browser, tmp_path, text):
    page = tmp_path / "explanation.html"
    page.write_text(explanation_page(every_kind(text), text), encoding="utf-8")
    colours = []
    for width, dark in ((400, True), (1400, False)):
        browser.open(page, width=width, dark=dark, script=False)
        colours.append(browser.value("getComputedStyle(document.body).backgroundColor"))
        browser.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert browser.value("document.documentElement.scrollWidth") == width
        assert browser.value("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
        assert browser.value("document.images.length") >= 2
        assert browser.value("[...document.querySelectorAll('h2')].every((one) => one.checkVisibility())")
    assert colours == ["rgb(13, 17, 23)", "rgb(255, 255, 255)"]
    browser.open(page)  # a script would run now
    assert browser.requests() == [page.as_uri()]
    assert browser.value("document.title") != "run"
    assert browser.value("document.scripts.length + document.querySelectorAll('[onerror], [onload], b').length") == 0
    assert [one for one in browser.events if one["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")] == []
