"""Story: the page of a server whose model annotates items: marked words, and boxes over a picture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from browser import Browser, installed
from servers import Server

from headstart import fit
from headstart.cli.demo_annotations import made_sentences
from headstart.engine.options import Engine

SHOTS = os.environ.get("HEADSTART_SHOTS")
"""A folder for pictures of the page, to be looked at."""
BOXES = """
(async () => {
  const { annotationView } = await import("/page/annotations.js");
  const canvas = Object.assign(document.createElement("canvas"), { width: 200, height: 100 });
  canvas.getContext("2d").fillRect(20, 30, 60, 40);
  const file = await new Promise((done) => canvas.toBlob(done));
  const one = { label: "cup", score: 0.93, left: 20, top: 30, right: 80, bottom: 70 };
  const parts = annotationView({ size: [200, 100], boxes: [one] }, file, ["plate", "cup"]);
  document.getElementById("answer").replaceChildren(...parts);
  await document.querySelector(".over img").decode();
  const [picture, box] = [".over img", ".over rect"].map((one) => document.querySelector(one).getBoundingClientRect());
  return [(box.x - picture.x) / picture.width, (box.y - picture.y) / picture.height, box.width / picture.width];
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = installed()
    if program is None:
        pytest.skip("no Chromium is installed; with one, the page is opened and used")
    started = Browser(program, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


def shoot(browser, name):
    if SHOTS:
        browser.screenshot(Path(SHOTS) / f"{name}.png")


def test_words_are_marked_and_boxes_are_drawn_over_the_picture(browser, tmp_path):
    quiet = {"source": "toy", "baselines": "none", "verbose": False, "engine": Engine(cache=False)}
    run = fit(made_sentences(60), **quiet).save(tmp_path / "names")
    with Server(run) as server:
        browser.open(server.url + "/", width=1400)
        browser.value("localStorage.setItem('language', 'en')")
        browser.wait_for("document.getElementById('ask').dataset.ready")
        assert "Marks words in texts" in browser.value("document.getElementById('facts').innerText")
        assert browser.value("document.getElementById('learning').hidden")
        browser.write("#item", "😀 We asked Viktor Santos why the bridge was closed .")
        browser.click("#go")
        browser.wait_for("!document.getElementById('answer').hidden")
        shown = browser.value(
            "[...document.querySelector('.marked').childNodes].map((one) => one.firstChild?.data ?? one.data).join('')"
        )
        assert shown == "😀 We asked Viktor Santos why the bridge was closed ."
        assert browser.value("[...document.querySelectorAll('mark')].every((one) => one.querySelector('.tag'))")
        shoot(browser, "words-1400")
        browser.click("#language")
        browser.wait_for("document.getElementById('facts').innerText.includes('标出文本中的词语')")
        browser.click("#language")
        for width in (1400, 400):
            browser.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
            )
            left, top, wide = browser.value(BOXES)
            assert (left, top, wide) == pytest.approx((0.1, 0.3, 0.3), abs=0.02)
            assert browser.value("document.documentElement.scrollWidth <= innerWidth")
            shoot(browser, f"boxes-{width}")
