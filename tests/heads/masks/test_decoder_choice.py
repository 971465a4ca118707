"""The decoder is the best of those tried, and its metrics are those of its masks."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.annotations import MaskArray
from headstart.heads.masks.cells import pixel_codes
from headstart.heads.masks.decoder_choice import choose_decoder, smallest_object
from headstart.heads.masks.mask_head import grey
from headstart.heads.masks.toy import toy_masks


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
