"""Bounded readers of pictures and sounds."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from headstart.data import read_audio, read_image
from headstart.data.media import readers
from headstart.errors import ItemError


def encoded(picture, form="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_every_mode_becomes_rgb(mode):
    grey = Image.fromarray(np.full((4, 6), 200, np.uint8))
    if mode == "I;16":
        picture = Image.fromarray(np.full((4, 6), 200 * 257, np.uint16))
    else:
        picture = grey.convert("RGBA").convert("RGB").convert(mode) if mode == "CMYK" else grey.convert(mode)
    found = read_image(picture)
    assert (found.mode, found.size) == ("RGB", (6, 4))
    level = np.asarray(found).mean()
    assert level in (0, 255) or abs(level - 200) < 3 or mode == "1"


def test_transparency_lies_on_white():
    clear = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    assert np.asarray(read_image(encoded(clear))).min() == 255
    assert read_image(np.zeros((2, 2, 4), np.uint8)).getpixel((0, 0)) == (255, 255, 255)


def test_exif_orientation(picture):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_image(encoded(picture(0, (40, 20)), "JPEG", exif=exif)).size == (20, 40)


def test_draft_is_smaller_but_not_too_small(picture):
    raw = encoded(picture(0, (640, 480)), "JPEG")
    assert read_image(raw, draft_size=(72, 72)).size == (80, 60) or read_image(raw, draft_size=(72, 72)).size == (
        160,
        120,
    )


def test_arrays():
    assert read_image(np.zeros((4, 6))).size == (6, 4)
    assert read_image(np.ones((4, 6, 1))).getpixel((0, 0)) == (255, 255, 255)
    assert read_image(np.ones((4, 6), bool)).getpixel((0, 0)) == (255, 255, 255)
    for bad in (np.zeros(4), np.zeros((4, 4, 2)), np.full((4, 4), np.nan), np.full((4, 4), "a"), np.zeros((0, 4))):
        with pytest.raises(ItemError, match="picture array"):
            read_image(bad)


@pytest.mark.parametrize("draft", [None, (72, 72)])
def test_truncated_pictures(picture, draft):
    for form in ("JPEG", "PNG", "WEBP"):
        raw = encoded(picture(0, (300, 200)), form)
        with pytest.raises(ItemError, match="Cannot read"):
            read_image(raw[: len(raw) // 2], draft_size=draft)


def test_pictures_that_are_none(tmp_path, monkeypatch, picture):
    path = tmp_path / "a.jpg"
    path.write_text("a text file")
    with pytest.raises(ItemError, match=r"a\.jpg' as a picture: its content is text, not a known image format"):
        read_image(path)
    path.write_bytes(b"")
    with pytest.raises(ItemError, match="it is empty"):
        read_image(str(path))
    for missing in (tmp_path / "gone.jpg", tmp_path, "a\0b"):
        with pytest.raises(ItemError, match="Cannot read"):
            read_image(missing)
    with pytest.raises(ItemError, match="it is not a path"):
        read_image(3)
    monkeypatch.setattr(readers, "MAX_PIXELS", 100)
    with pytest.raises(ItemError, match="100 pixels at most"):
        read_image(encoded(picture(0)))
    monkeypatch.setattr(readers, "MAX_IMAGE_BYTES", 10)
    with pytest.raises(ItemError, match="at most 10 are allowed"):
        read_image(encoded(picture(0)))


def test_sounds(tmp_path):
    tone = np.sin(np.arange(800) / 5).astype(np.float32)
    for name in ("a.wav", "a.flac", "a.ogg", "a.mp3"):
        soundfile.write(tmp_path / name, np.stack([tone, -tone], axis=1), 8000)
        samples, rate = read_audio(tmp_path / name)
        assert (samples.ndim, samples.dtype, rate) == (1, np.float32, 8000)
        assert np.abs(samples).max() < 0.2
    samples, _ = read_audio(((tone * 32767).astype(np.int16), 8000))
    assert np.abs(samples - tone).max() < 1e-4
    assert read_audio({"array": np.zeros((2, 90)), "sampling_rate": 16000})[0].shape == (90,)
    assert read_audio({"bytes": (tmp_path / "a.wav").read_bytes(), "path": None})[0].shape == (800,)


def test_sounds_that_are_none(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    path.write_bytes(b"")
    with pytest.raises(ItemError, match="it is empty"):
        read_audio(path)
    path.write_text("no sound")
    with pytest.raises(ItemError, match=r"a\.wav' as a sound: its content is text, not a known sound format"):
        read_audio(path)
    soundfile.write(path, np.zeros(0, np.float32), 8000)
    with pytest.raises(ItemError, match="no samples"):
        read_audio(path)
    soundfile.write(path, np.zeros(800, np.float32), 8000)
    with pytest.raises(ItemError, match="are not finite"):
        read_audio((np.array([0, np.nan]), 8000))
    for bad in ((np.zeros(9), 0), (np.zeros((2, 2, 2)), 8000), (np.zeros(9), "fast")):
        with pytest.raises(ItemError, match="as a sound"):
            read_audio(bad)
    monkeypatch.setattr(readers, "MAX_SECONDS", 0.05)
    for item in (path, (np.zeros(800), 8000)):
        with pytest.raises(ItemError, match=r"at most (3600|0\.05) s"):
            read_audio(item)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "AIFF"])
def test_the_duration_of_a_sound_is_that_of_its_header(form, tmp_path):
    wave = np.random.default_rng(0).normal(scale=0.1, size=(12_000, 2))
    soundfile.write(tmp_path / "sound", wave, 8000, format=form)
    raw = (tmp_path / "sound").read_bytes()
    for item in (tmp_path / "sound", raw, {"bytes": raw}, (wave, 8000), (wave.T, 8000)):
        assert readers.sound_seconds(item) == pytest.approx(1.5)
    assert readers.sound_seconds({"array": wave[:, 0], "sampling_rate": 8000}) == 1.5


@pytest.mark.parametrize("item", ["no such file", b"", b"RIFF", None, 3, (np.zeros(0), 8000), (None, None)])
def test_a_sound_that_cannot_be_read_has_no_duration(item):
    """Bad files: the reader of the item says what is wrong, not the reader of its duration."""
    assert readers.sound_seconds(item) == 0.0
