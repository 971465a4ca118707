"""Blocks of masks: pictures side by side, and nothing untrusted in the page."""

from __future__ import annotations

import numpy as np

from headstart.annotations import MaskArray
from headstart.heads.masks.toy import toy_masks
from headstart.report.annotations.blocks import BLOCKS
from headstart.report.annotations.masks import mask_blocks
from headstart.transfer.annotating.mask_pictures import mask_examples


def test_pictures_of_a_fit_are_shown_with_what_was_found() -> None:
    data = toy_masks(3)
    nothing = MaskArray(np.zeros((24, 24), np.int16), np.zeros((24, 24), np.int32))
    [section] = BLOCKS["mask"]({"annotations": {"examples": mask_examples(data, [nothing, *data.y[1:]], 2)}})
    assert section.html.index("picture 0: 2 missed") < section.html.index("picture 1: 2 found")
    assert section.html.count("<image ") == 4
    assert "Orange: missed" in section.html


def test_without_objects_the_overlap_is_stated() -> None:
    data = toy_masks(1, objects=False)
    [section] = mask_blocks({"annotations": {"examples": mask_examples(data, list(data.y), 1)}})
    assert "mean IoU 1" in section.html


def test_pictures_that_cannot_be_read_are_named() -> None:
    one = {"name": "a", "size": [4, 4], "score": 0.0, "missing": "It is no picture."}
    [section] = mask_blocks({"annotations": {"examples": [one]}})
    assert "a cannot be shown: It is no picture." in section.html


def test_a_record_from_a_file_puts_nothing_into_the_page() -> None:
    bad = {"name": "<b>", "size": [4, 4], "score": 0.0, "labelled": '"/><script>', "found": "/9j/"}
    [section] = mask_blocks({"annotations": {"examples": [bad, {**bad, "labelled": "/9j/"}]}})
    assert "<script>" not in section.html
    assert "<b>" not in section.html
    assert section.html.count("<image ") == 2
    assert mask_blocks({"annotations": {"examples": []}}) == []
