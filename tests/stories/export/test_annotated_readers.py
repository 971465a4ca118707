"""The readers of exported models that annotate: each step gives what the model's own step gives."""

from __future__ import annotations

import numpy as np
import pytest
from exported_readers import opened_reader
from PIL import Image
from scipy.ndimage import label

from headstart.annotations import Sentence
from headstart.data.annotations.words import sentence_of_text
from headstart.decode.guided_filter import guided_filter
from headstart.decode.instances import objects_of
from headstart.decode.nms import nms
from headstart.decode.tiles import tiles_of
from headstart.engine.body.machine import without_bf16
from headstart.engine.options import Engine
from headstart.export.annotations.comparing import annotation_gap
from headstart.export.annotations.files import as_given
from headstart.export.annotations.toy import (
    toy_box_model,
    toy_detector,
    toy_mask_decoder,
    toy_mask_model,
    toy_word_model,
)
from headstart.heads.boxes.tiled import TiledBoxes
from headstart.sources.preprocessing.local_statistics import local_statistics


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pictures of several sizes: with windows of their own, turned, with transparent parts."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(1)
    found = []
    for k, (height, width) in enumerate([(40, 90), (130, 70), (64, 64), (1, 9)]):
        small = rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3 + (k == 2))).astype(np.uint8)
        picture = Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR)
        exif = picture.getexif()
        exif[0x0112] = 6 if k == 1 else 1
        picture.save(folder / f"{k}.png", exif=exif)
        found.append(str(folder / f"{k}.png"))
    return found


def of_the_model(model, items):
    with without_bf16():
        return model.head.annotate(model.source, items, engine=Engine(backend="torch", cache=False))


@pytest.fixture(scope="module")
def mask_reader(tmp_path_factory):
    model = toy_mask_model(boundary=True, statistics=True)
    return model, opened_reader(model, tmp_path_factory.mktemp("mask"))


def test_masks_are_those_of_the_model(mask_reader, files):
    model, reader = mask_reader
    gap = annotation_gap(of_the_model(model, files), reader.annotations(files), model.task.labels)
    assert gap.least == 1
    assert gap.objects[0] > 2
    assert gap.objects[1] == 0


def test_a_large_picture_is_decoded_at_the_size_at_which_it_is_read(mask_reader, files, monkeypatch):
    model, reader = mask_reader
    monkeypatch.setitem(reader.SETTINGS, "decoded_at_full_size", 100)
    monkeypatch.setattr("headstart.heads.masks.mask_head.FULL_PIXELS", 100)
    gap = annotation_gap(of_the_model(model, files[:2]), reader.annotations(files[:2]), model.task.labels)
    assert gap.least == 1


def test_what_numpy_computes_in_place_of_scipy_is_the_same(mask_reader):
    reader, rng = mask_reader[1], np.random.default_rng(0)
    for density in (0.4, 0.6, 0.7):
        mask = rng.random((40, 37)) < density
        assert np.array_equal(reader.parts_of(mask), label(mask)[0])
        seeds = mask & (rng.random(mask.shape) < 0.3)
        assert np.array_equal(reader.objects_of(seeds, mask), objects_of(seeds, mask))
    pixels = rng.integers(0, 255, (21, 9, 3)).astype(np.uint8)
    assert np.allclose(reader.local_statistics(pixels), local_statistics(pixels, 8), atol=1e-6)
    scores, guide = rng.random((21, 9, 2)).astype(np.float32), rng.random((21, 9))
    assert np.allclose(reader.guided_filter(guide, scores), guided_filter(guide, scores), atol=1e-6)


def test_the_command_line_writes_masks(mask_reader, files, tmp_path, monkeypatch, capsys):
    reader = mask_reader[1]
    monkeypatch.chdir(tmp_path)
    assert reader.main([files[0]]) == 0
    assert "0.mask.png\tcell" in capsys.readouterr().out
    for name in ("0.mask.png", "0.objects.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (90, 40)


def test_boxes_are_those_of_the_model(files, tmp_path, capsys):
    model = toy_box_model()
    reader = opened_reader(model, tmp_path)
    gap = annotation_gap(of_the_model(model, files), reader.annotations(files), model.task.labels)
    assert gap.parts > 2
    assert gap.differing == 0
    assert gap.pixels < 1e-3
    assert reader.main([files[0]]) == 0
    assert capsys.readouterr().out.split("\t")[1] in ("cup", "plate")


def test_masks_of_a_trained_decoder(files, tmp_path):
    model = toy_mask_decoder()
    gap = annotation_gap(
        of_the_model(model, files), opened_reader(model, tmp_path).annotations(files), model.task.labels
    )
    assert gap.least == 1
    assert gap.objects[1] == 0


def test_boxes_of_a_trained_detector(files, tmp_path):
    model = toy_detector()
    gap = annotation_gap(
        of_the_model(model, files), opened_reader(model, tmp_path).annotations(files), model.task.labels
    )
    assert gap.parts > 2
    assert gap.differing == 0
    assert gap.pixels < 1e-3


SENTENCES = [
    "Ada Lovelace was born in London.",
    "Ada's \u6771\u4eac\u30bf\u30ef\u30fc \uff2e\uff21\uff33\uff21 caf\u0065\u0301 \u0e01\u0e02.",
    "See www.example.org, @you and #tag: 3.5 U.S. (1990)",
    "\u200b x",
    "a word " * 140 + "John Smith lives in a well-known place",
]  # fmt: skip


@pytest.mark.parametrize(("context", "pooling"), [(1, "first"), (0, "mean")])
def test_spans_are_those_of_the_model(tmp_path, capsys, context, pooling):
    """Also of long sentences in several windows, of words without tokens, and of scripts without spaces."""
    model = toy_word_model(context=context, pooling=pooling)
    reader = opened_reader(model, tmp_path)
    sentences = [*map(sentence_of_text, SENTENCES), Sentence.of_words(["A-b", "\u200b", "c.d", "New", "York"])]
    found = reader.annotations(as_given(sentences, tmp_path))
    gap = annotation_gap(of_the_model(model, sentences), found, model.task.labels)
    assert gap.parts > 20
    assert gap.differing == 0
    assert gap.score < 1e-4
    assert reader.main(SENTENCES[:2]) == 0
    assert capsys.readouterr().out.startswith("1\t")


def test_boxes_in_tiles_are_those_of_the_model(files, tmp_path):
    whole = toy_box_model()
    model = type(whole)(whole.source, whole.task, TiledBoxes(whole.head, 64))
    reader = opened_reader(model, tmp_path)
    assert len(tiles_of((90, 40), 64)) == 2
    gap = annotation_gap(of_the_model(model, files[:2]), reader.annotations(files[:2]), model.task.labels)
    assert gap.parts > 2
    assert gap.differing == 0


def test_overlapping_boxes_are_left_out_as_in_the_model(tmp_path):
    reader, rng = opened_reader(toy_box_model(), tmp_path), np.random.default_rng(0)
    corners = rng.random((200, 2)) * 60
    boxes, scores = np.concatenate([corners, corners + 5 + rng.random((200, 2)) * 20], axis=1), rng.random(200)
    labels = rng.integers(0, 2, 200)
    assert reader.nms(boxes, scores, labels, 7).tolist() == nms(boxes, scores, labels, most_each=7, most=1000).tolist()
