"""Story: the page of a server whose model annotates items: marked words, and boxes over a picture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from browser import Browser, installed
from servers import Server

from headstart import fit
from headstart.cli.demonstration.annotations import made_sentences
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

MASK = """
(async () => {
  const { annotationView } = await import("/page/annotations.js");
  const canvas = Object.assign(document.createElement("canvas"), { width: 40, height: 20 });
  canvas.getContext("2d").fillRect(0, 0, 40, 20);
  const file = await new Promise((done) => canvas.toBlob(done));
  const classes = { background: { share: 0.875 }, cell: { share: 0.125, counts: [0, 100, 700] } };
  const parts = annotationView({ size: [40, 20], classes, objects: 1 }, file, ["background", "cell"]);
  document.getElementById("answer").replaceChildren(...parts);
  const drawn = document.querySelector(".over canvas").getContext("2d").getImageData(0, 0, 40, 20).data;
  const at = (x, y) => drawn[4 * (40 * y + x) + 3];
  const bars = [...document.querySelectorAll(".bar span")].map((one) => getComputedStyle(one).backgroundColor);
  return [at(0, 0) > 0, at(4, 19) > 0, at(5, 0), bars[0] === bars[1], document.getElementById("label").textContent];
})()
"""
NAMES = """
(async () => {
  const { annotationView, foundNothing } = await import("/page/annotations.js");
  const box = (label, score, left) => ({ label, score, left, top: 30, right: left + 60, bottom: 70 });
  const boxes = [box("cup", 0.9, 20), box("plate", 0.6, 20), box("cup", 0.5, 40)];
  const canvas = Object.assign(document.createElement("canvas"), { width: 200, height: 100 });
  canvas.getContext("2d").fillRect(0, 0, 200, 100);
  const file = await new Promise((done) => canvas.toBlob(done));
  const parts = annotationView({ size: [200, 100], boxes }, file, ["plate", "cup"]);
  document.getElementById("answer").replaceChildren(...parts);
  await document.querySelector(".over img").decode();
  const places = [...document.querySelectorAll(".over text")].map((one) => one.getBBox());
  const meets = (one, other) => one.x < other.x + other.width && other.x < one.x + one.width
    && Math.abs(one.y - other.y) < 0.9 * one.height;
  const pairs = places.flatMap((one, k) => places.slice(k + 1).map((other) => meets(one, other)));
  const onTop = document.querySelector(".over g:last-child text").textContent;
  return [pairs.some(Boolean), onTop, foundNothing({ boxes: [] }), foundNothing({ boxes })];
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


@pytest.mark.ci
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
        assert browser.value(MASK) == [True, True, 0, False, "1 object"]
        shoot(browser, "mask-400")
        assert browser.value(NAMES) == [False, "cup 90%", True, False]
