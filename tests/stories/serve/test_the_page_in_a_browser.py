"""Story: the page of a server in a real browser: ask, look at the reasons, correct, teach, see it change, go back."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import Browser, installed
from command_line import sounds
from servers import Server

from headstart import fit
from headstart.serve.store.sql import open_store
from headstart.serve.teaching.opening import store_name

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


def choose_file(browser, path):
    root = browser.call("DOM.getDocument")["root"]["nodeId"]
    node = browser.call("DOM.querySelector", nodeId=root, selector="#item")["nodeId"]
    browser.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])


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


@pytest.mark.ci
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
        waiting = browser.value("document.querySelectorAll('#suggested > li').length")
        press = "const one = document.querySelector('#suggested li .chips button'); "
        browser.value(f"{{ {press} one.click(); one.click(); }}")  # a double click is one correction
        browser.wait_for("document.getElementById('counter').textContent.includes('1 waiting')")
        assert browser.value("document.querySelectorAll('#suggested > li').length") == waiting - 1
        open_page(browser, server, width=400, dark=True)
        ask(browser, NEW[0])
        shoot(browser, "4-taught-400-dark")
        browser.click("#history summary")
        browser.click("#versions li:last-child button")
        browser.wait_for("document.getElementById('taught').textContent.includes('Version 1')")
        assert ask(browser, NEW[0]) == before
        shoot(browser, "5-back-400-dark")
        assert "3 set aside by going back" in text(browser, "#counter")
        browser.click("#again")
        browser.wait_for("document.getElementById('taught').textContent.includes('Learnt 4 corrections')")
        assert ask(browser, NEW[0]) == "praise"
        assert text(browser, "#counter") == "4 corrections learnt, 0 waiting."
        assert not browser.value("document.getElementById('again').checkVisibility()")
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
        choose_file(browser, picture)
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


@pytest.mark.slow
def test_a_sound_is_uploaded_and_corrected_and_those_of_the_pool_too(browser, tiny_body, tmp_path):
    sounds(tmp_path / "calls", count=8)
    sounds(tmp_path / "new", count=1)
    for place in (tmp_path / "new").rglob("*.wav"):
        place.write_bytes(tone(330 if place.parent.name == "low" else 2900))
    run = fit(tmp_path / "calls", source=tiny_body, baselines="none", verbose=False).save(tmp_path / "run")
    with Server(run, "--pool", str(tmp_path / "new")) as server:
        open_page(browser, server, width=400)
        (tmp_path / "hum.wav").write_bytes(tone(3333))
        choose_file(browser, tmp_path / "hum.wav")
        browser.click("#go")
        browser.wait_for("!document.getElementById('answer').hidden")
        assert browser.value("document.querySelector('.drop audio').src.startsWith('blob:')")
        correct(browser, "hum")
        browser.wait_for("document.getElementById('counter').textContent.includes('1 waiting')")
        browser.wait_for("document.querySelector('#suggested audio')?.duration === 0.5")  # it can be played
        shoot(browser, "11-sound-400")
        browser.click("#suggested li .chips button")
        browser.wait_for("document.getElementById('counter').textContent.includes('2 waiting')")
        browser.click("#teach")
        browser.wait_for("document.getElementById('taught').textContent.includes('Learnt 2 corrections')")
        assert "3 classes" in text(browser, "#facts")


def tone(pitch):
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.sin(np.arange(4000) / 8000 * 2 * np.pi * pitch) / 2, 8000, format="WAV")
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["values", "labels"])
def test_the_queue_takes_several_values_and_several_labels(browser, tmp_path, kind):
    rows = np.random.default_rng(0).normal(size=(60, 2))
    frame = pd.DataFrame(rows, columns=["height", "width"])
    if kind == "values":
        frame, asked = frame.assign(price=rows[:, 0], weight=2 * rows[:, 1]), {"label": ["price", "weight"]}
    else:
        named = [";".join(name for name, value in zip("ab", row, strict=True) if value > 0) for row in rows]
        frame, asked = frame.assign(labels=named), {"label": "labels", "task": "multilabel"}
    run = fit(frame, baselines="none", verbose=False, **asked).save(tmp_path / "run")
    (tmp_path / "pool.csv").write_text("height,width\n5.5,6.5\n-7.5,3.25\n")
    with Server(run, "--pool", str(tmp_path / "pool.csv")) as server:
        open_page(browser, server, width=400)
        line = "#suggested > li:first-child"
        browser.wait_for(f"document.querySelector('{line} form') !== null")
        if kind == "values":
            for place, value in enumerate(("1.5", "-2.5"), 1):
                browser.write(f"{line} .field:nth-child({place}) input", value)
        else:
            browser.click(f"{line} .chips button:nth-child(2)")
        browser.click(f"{line} form button[type=submit]")
        browser.wait_for("document.getElementById('counter').textContent.includes('1 waiting')")
        for place in (1, 2):
            browser.write(f"#inputs label:nth-child({place}) input", "0.5")
        browser.click("#go")
        browser.wait_for("!document.getElementById('answer').hidden")
        shoot(browser, f"12-{kind}-400")
        assert browser.value("document.documentElement.scrollWidth <= innerWidth")
        browser.click("#correction form button[type=submit]")  # as it was answered
        browser.wait_for("document.getElementById('thanks') !== null")
        assert server.ask("POST", "/teach", {})[1]["items"] == 2
    store = open_store(run / "feedback.db", store_name(run))
    kept = [one.feedback for one in store.events()]
    store.close()
    if kind == "values":
        assert kept[0].label == [1.5, -2.5]
        assert kept[1].label == pytest.approx([0.5, 1.0], abs=1e-4)
        assert kept[1].predicted == pytest.approx(kept[1].label, abs=1e-5)
    else:
        assert kept[0].label == ["b"]
        assert kept[1].label == kept[1].predicted == ["a", "b"]
