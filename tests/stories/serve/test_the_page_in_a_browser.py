"""Story: the page of a server in a real browser: ask, look at the reasons, correct, teach, see it change, go back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from browser import Browser, installed
from servers import Server

from headstart import fit

SHOTS = os.environ.get("HEADSTART_SHOTS")
"""A folder for pictures of the page, to be looked at."""
NEW = ("what a kind courier", "thanks for the kind words", "so kind of you")


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


def text(browser, selector):
    return browser.value(f"document.querySelector({selector!r})?.innerText ?? ''")


def open_page(browser, server, **how):
    browser.open(server.url + "/", **how)
    browser.value("localStorage.setItem('language', 'en')")
    browser.wait_for("document.getElementById('ask').dataset.ready")


def ask(browser, question):
    browser.value("document.getElementById('item').value = ''")
    browser.write("#item", question)
    browser.value("document.getElementById('answer').hidden = true")
    browser.click("#go")
    browser.wait_for("!document.getElementById('answer').hidden")
    return text(browser, "#label")


def correct(browser, label):
    browser.write("#correction input", label)
    browser.click("#correction form button")
    browser.wait_for("document.getElementById('thanks') !== null")


def test_a_text_is_asked_explained_corrected_taught_and_rolled_back(browser, text_run, tmp_path):
    run = shutil.copytree(text_run, tmp_path / "support")
    (tmp_path / "pool.csv").write_text("text\nwhere is my thing\nmy refund parcel 7 please\na kind word\n")
    with Server(run, "--pool", str(tmp_path / "pool.csv")) as server:
        open_page(browser, server, width=1400)
        shoot(browser, "1-start-1400")
        before = ask(browser, NEW[0])
        assert before in ("delivery", "refund")
        browser.click("#reasons summary")
        browser.wait_for("document.querySelector('#reasons iframe') !== null")
        shoot(browser, "2-answer-1400")
        for place, one in enumerate(NEW):
            ask(browser, one)
            correct(browser, "praise")
            browser.wait_for(f"document.getElementById('counter').textContent.includes('{place + 1} waiting')")
        browser.click("#teach")
        browser.wait_for("document.getElementById('taught').textContent.includes('version 2')")
        assert ask(browser, NEW[0]) == "praise"
        assert "3 corrections learnt, 0 waiting" in text(browser, "#counter")
        browser.click("#history summary")
        shoot(browser, "3-taught-1400")
        browser.click("#suggested li .chips button")
        browser.wait_for("document.getElementById('counter').textContent.includes('1 waiting')")
        open_page(browser, server, width=400, dark=True)
        ask(browser, NEW[0])
        shoot(browser, "4-taught-400-dark")
        browser.click("#history summary")
        browser.click("#versions li:last-child button")
        browser.wait_for("document.getElementById('taught').textContent.includes('Version 1')")
        assert ask(browser, NEW[0]) == before
        shoot(browser, "5-back-400-dark")
        assert browser.value("document.documentElement.scrollWidth <= innerWidth")
        browser.click("#language")
        browser.wait_for("document.getElementById('counter').textContent.includes('待学习')")
        assert browser.value("document.getElementById('item').value") == NEW[0]
        shoot(browser, "6-chinese-400-dark")
        open_page(browser, server, width=1400, dark=True)
        ask(browser, NEW[0])
        shoot(browser, "7-dark-1400")
        asked = browser.requests()
        assert asked
        assert all(one.startswith((server.url, "blob:")) for one in asked)  # nothing leaves for another machine


@pytest.mark.slow
def test_a_picture_is_uploaded_corrected_and_taught(browser, tiny_image_run, tmp_path):
    from PIL import Image

    run = shutil.copytree(tiny_image_run, tmp_path / "photos")
    picture = tmp_path / "green.png"
    Image.new("RGB", (80, 60), (20, 200, 40)).save(picture)
    with Server(run) as server:
        open_page(browser, server, width=400)
        root = browser.call("DOM.getDocument")["root"]["nodeId"]
        node = browser.call("DOM.querySelector", nodeId=root, selector="#item")["nodeId"]
        browser.call("DOM.setFileInputFiles", nodeId=node, files=[str(picture)])
        browser.click("#go")
        browser.wait_for("!document.getElementById('answer').hidden")
        first = text(browser, "#label")
        shoot(browser, "8-picture-400")
        correct(browser, "green")
        browser.click("#teach")
        browser.wait_for("document.getElementById('taught').textContent.includes('version 2')")
        browser.value("document.getElementById('answer').hidden = true")
        browser.click("#go")
        browser.wait_for("!document.getElementById('answer').hidden")
        assert first != "green" == text(browser, "#label")
        shoot(browser, "9-picture-taught-400")


@pytest.mark.slow
def test_several_labels_are_switched_on_and_off(browser, tmp_path):
    texts = ["red box", "blue box", "red car", "blue car", "a tree"] * 6
    labels = [["red", "box"], ["blue", "box"], ["red"], ["blue"], []] * 6
    run = fit((texts, labels), task="multilabel", source="toy", baselines="none", verbose=False).save(tmp_path / "run")
    with Server(run) as server:
        open_page(browser, server, width=1400)
        assert set(ask(browser, "red crate").split(", ")) <= {"red", "box", "blue", "–"}
        chosen = "[...document.querySelectorAll('#correction .chosen')].map((one) => one.textContent).join()"
        if "box" not in browser.value(chosen):
            browser.click("#correction .chips button:nth-child(2)")
        assert browser.value("document.querySelector('#correction .chips button:nth-child(2)').textContent") == "box"
        wanted = browser.value(chosen)
        browser.click("#correction form button")
        browser.wait_for("document.getElementById('thanks') !== null")
        browser.wait_for("!document.getElementById('teach').disabled")
        browser.click("#teach")
        browser.wait_for("document.getElementById('taught').textContent.includes('version 2')")
        assert ask(browser, "red crate").replace(", ", ",") == wanted
        shoot(browser, "10-several-labels-1400")
