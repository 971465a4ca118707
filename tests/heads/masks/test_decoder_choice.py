"""The decoder is the best of those tried, and its metrics are those of its masks."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.annotations import MaskArray
from headstart.decode.object_matches import object_matches
from headstart.evaluate.annotations.masks import evaluate_masks
from headstart.heads.masks.cells import pixel_codes
from headstart.heads.masks.decoder_choice import choose_decoder, smallest_object
from headstart.heads.masks.mask_decoder import MaskDecoder
from headstart.heads.masks.mask_head import grey
from headstart.heads.masks.toy import toy_masks
from headstart.types import Task


def test_a_low_level_is_chosen_where_the_foreground_is_faint() -> None:
    data = toy_masks(3, objects=False)
    faint = [
        np.stack([1 - 0.4 * (codes > 0), 0.4 * (codes > 0)], axis=2).astype(np.float32)
        for codes in (mask.classes() for mask in data.y)
    ]
    pictures = list(zip(data.y, faint, map(grey, data.items), strict=True))
    decoder, metrics = choose_decoder(pictures, 2, boundary=False)
    assert decoder.level == pytest.approx(0.35)
    assert metrics["miou"] == 1.0


def test_sure_outlines_find_every_object() -> None:
    data = toy_masks(3)
    sure = [np.eye(3, dtype=np.float32)[pixel_codes(mask, 2, boundary=True)] for mask in data.y]
    decoder, metrics = choose_decoder(
        list(zip(data.y, sure, map(grey, data.items), strict=True)), 2, boundary=True, least=5
    )
    assert metrics == {"miou": 1.0, "instance_f1": 1.0}
    assert decoder.least == 5


def test_the_smallest_object_follows_from_the_labelled_areas() -> None:
    numbers = np.zeros((10, 20), np.int32)
    numbers[:, :10] = 1
    numbers[:4, 12:17] = 2
    mask = MaskArray((numbers > 0).astype(np.int16), numbers)
    assert smallest_object([mask]) == 10
    assert smallest_object([MaskArray(np.zeros((2, 2), np.int16))]) == 1


def test_objects_are_found_only_by_those_of_their_class_as_in_the_metric() -> None:
    numbers = np.zeros((24, 24), np.int32)
    numbers[4:12, 4:12] = 1
    mask = MaskArray((numbers > 0).astype(np.int16), numbers)
    wrong = np.eye(4, dtype=np.float32)[np.where(numbers > 0, 2, 0)]  # the other class, in the same place
    pictures = [(mask, wrong, np.zeros((24, 24), np.float32))]
    decoder, metrics = choose_decoder(pictures, 3, boundary=True)
    found = decoder(wrong, pictures[0][2])
    task = Task("mask", ("background", "cell", "wall"))
    drawn = MaskDecoder(boundary=True, guided=False).decode(wrong).objects
    assert drawn is not None
    assert object_matches(numbers, drawn).hits() == 1  # without regard to the class it would be a hit
    assert metrics["instance_f1"] == evaluate_masks(task, [mask], [found]).metrics["instance_f1"].value == 0.0
