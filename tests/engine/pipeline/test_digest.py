"""Digests of items: equal for equal content, different for anything that changes what a source sees."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from headstart.engine.pipeline.digest import item_digest


def png(**save: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(file, "PNG", **save)
    return file.getvalue()


@pytest.mark.parametrize("modality", ["image", "audio"])
def test_a_file_is_its_bytes_wherever_it_lies(tmp_path, modality):
    raw = png()
    for name in ("a.png", "b"):
        (tmp_path / name).write_bytes(raw)
    paths = [tmp_path / "a.png", str(tmp_path / "b")]
    items = [*paths, raw, {"bytes": raw, "path": None}, {"bytes": None, "path": str(paths[0])}]
    digests = {item_digest(item, modality) for item in items}
    assert len(digests) == 1
    assert len(digests.pop() or b"") == 16
    (tmp_path / "b").write_bytes(raw + b"\0")
    assert item_digest(tmp_path / "b", modality) != item_digest(raw, modality)


def test_a_text_is_a_text_and_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = item_digest("a.jpg", "text")
    Path("a.jpg").write_bytes(b"...")
    assert item_digest("a.jpg", "text") == before is not None
    assert item_digest("a.jpg", "image") != before


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_different_texts_have_different_digests(texts):
    first, second = (item_digest(text, "text") for text in texts)
    assert first != second or first is None


def different_pictures() -> list[Image.Image]:
    grey = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    palette = grey.convert("P")
    other_palette = palette.copy()
    other_palette.putpalette(list(range(255, -1, -1)) * 3)
    clear = palette.copy()
    clear.info["transparency"] = 3
    turned = grey.copy()
    turned.getexif()[0x0112] = 6
    return [
        grey, grey.resize((3, 4)), grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT), grey.convert("RGB"),
        grey.convert("LA"), palette, other_palette, clear, turned, Image.fromarray(np.arange(12.0).reshape(3, 4)),
    ]  # fmt: skip


def test_all_that_decides_how_a_picture_looks_counts():
    digests = [item_digest(picture, "image") for picture in different_pictures()]
    assert None not in digests
    assert len(set(digests)) == len(digests)
    assert digests == [item_digest(picture.copy(), "image") for picture in different_pictures()[:-2]] + digests[-2:]


def test_a_picture_of_a_file_that_is_read_late_is_read(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "cut.png").write_bytes(png()[:-30])
    with Image.open(tmp_path / "a.png") as late, Image.open(io.BytesIO(png())) as other:
        assert item_digest(late, "image") == item_digest(other, "image") is not None
    with Image.open(tmp_path / "cut.png") as cut:
        assert item_digest(cut, "image") is None


def test_arrays_and_sounds_of_another_type_shape_rate_or_number_differ():
    wave = np.arange(6, dtype=np.float32)
    items = [
        wave, wave.astype(np.float64), wave.reshape(2, 3), wave.reshape(3, 2), wave + 1, (wave, 8000), (wave, 16000),
        (wave[:5], 8000), (wave.reshape(2, 3), 8000), (wave.astype(np.int16), 8000),
    ]  # fmt: skip
    digests = [item_digest(item, "audio") for item in items]
    assert None not in digests
    assert len(set(digests)) == len(digests)
    assert item_digest({"array": wave, "sampling_rate": 8000, "path": "x"}, "audio") == digests[5]
    assert item_digest((wave.tolist(), np.int64(8000)), "audio") == item_digest((wave.astype(float), 8000), "audio")


def test_a_view_is_its_content():
    wide = np.arange(12).reshape(3, 4)
    assert item_digest(wide[:, ::2], "vector") == item_digest(wide[:, ::2].copy(), "vector")
    assert item_digest([0, 2], "vector") == item_digest(wide[0, ::2], "vector")


def test_kinds_do_not_collide():
    raw = b"abc"
    items = [
        (raw, "image"),
        ("abc", "text"),
        (np.frombuffer(raw, np.uint8), "image"),
        ((np.frombuffer(raw, "u1"), 1), "audio"),
    ]
    for (one, kind), (other, other_kind) in itertools.combinations(items, 2):
        assert item_digest(one, kind) != item_digest(other, other_kind)


@pytest.mark.parametrize(
    ("item", "modality"),
    [
        ("nowhere.png", "image"), ("a\0b.png", "image"), (b"", "image"), ("/dev/zero", "image"), (".", "image"),
        ({"bytes": None, "path": None}, "image"), ({}, "audio"), (None, "image"), (3.5, "image"), (object(), "audio"),
        (np.array([object()]), "image"), ((1, 2, 3), "audio"), ((np.zeros(3), "fast"), "audio"),
        ((np.zeros(3), None), "audio"),
        ("lone \ud800 surrogate", "text"), (b"bytes", "text"), (None, "text"), ({"a": 1}, "vector"),
        ([[1], [2, 3]], "vector"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_has_no_digest(item, modality):
    assert item_digest(item, modality) is None


def test_a_file_that_is_too_large_to_be_read_has_no_digest(tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(2**29 + 1)
    assert item_digest(tmp_path / "huge.png", "image") is None
