"""Input transforms: what each does to pictures, texts and sounds."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from headstart.errors import ItemError, ParameterError
from headstart.sources.preprocessing.input_transform import TRANSFORMS, InputTransform, parse_transform


def square(side=40, start=5, stop=15, ground=0, figure=200):
    pixels = np.full((side, side, 3), ground, np.uint8)
    pixels[start:stop, start:stop] = figure
    return Image.fromarray(pixels)


def test_inverting_twice_is_nothing():
    picture = square()
    once = InputTransform("invert")(picture)
    assert np.array_equal(np.asarray(once), 255 - np.asarray(picture))
    assert np.array_equal(np.asarray(InputTransform("invert")(once)), np.asarray(picture))


@pytest.mark.parametrize("ground", [0, 255])
def test_the_content_fills_its_share_of_the_frame_in_the_middle(ground):
    found = np.asarray(InputTransform("frame", 0.5)(square(ground=ground)))[:, :, 0]
    assert found.shape == (40, 40)
    rows, columns = np.nonzero(np.abs(found.astype(int) - ground) > 25)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 29, 10, 29)
    empty = Image.new("RGB", (8, 8), (9, 9, 9))
    assert np.array_equal(np.asarray(InputTransform("frame", 0.5)(empty)), np.asarray(empty))


def test_fewer_pixels_at_the_same_size():
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (32, 48, 3), dtype=np.uint8))
    found = InputTransform("side", 6)(picture)
    assert found.size == picture.size
    assert np.asarray(found).std() < 0.5 * np.asarray(picture).std()
    assert np.array_equal(np.asarray(InputTransform("side", 48)(picture)), np.asarray(picture))


def test_sounds_get_one_level_and_a_lower_bandwidth():
    time = np.arange(16_000) / 16_000
    sound = (0.01 * (np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 6000 * time))).astype(np.float32)
    levelled, rate = InputTransform("level")((sound, 16_000))
    assert rate == 16_000
    assert np.sqrt((levelled**2).mean()) == pytest.approx(0.1, rel=1e-4)
    narrow, rate = InputTransform("rate", 8000)((sound, 16_000))
    assert rate == 8000
    assert np.sqrt((narrow[500:-500] ** 2).mean()) == pytest.approx(0.01 / np.sqrt(2), rel=0.02)  # 440 Hz alone is left
    silent = np.zeros(100, np.float32)
    assert np.array_equal(InputTransform("level")((silent, 8000))[0], silent)


def test_texts_are_lower_case_and_nothing_else_is_a_text():
    assert InputTransform("lower")("STRASSE ÄÖ") == "strasse äö"
    with pytest.raises(ItemError, match="needs texts"):
        InputTransform("lower")(3)


@pytest.mark.parametrize("text", ["", "frame", "frame=2", "frame=x", "invert=1", "frame=nan", "blur=3"])
def test_other_words_are_refused(text):
    with pytest.raises(ParameterError):
        parse_transform(text)


@pytest.mark.parametrize("name", list(TRANSFORMS))
def test_a_transform_is_read_as_it_is_written(name):
    transform = InputTransform(name, TRANSFORMS[name].low or TRANSFORMS[name].high)
    assert parse_transform(str(transform)) == transform
