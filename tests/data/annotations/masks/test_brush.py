"""Brush strokes of Label Studio: the published beginning of a file, blocks of all kinds, and damaged streams."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.data.annotations.masks.brush import pack_brush, unpack_brush

# The beginning of a stroke in a published export of Label Studio, of a picture of 3332 x 2527 pixels.
PUBLISHED = [2, 1, 233, 240, 57, 27, 255, 255, 255, 0, 255, 255, 224, 31, 255, 252, 3, 255, 255, 128, 127, 255, 240, 15,
             255, 254, 1, 255, 255, 192, 63, 255, 248, 7, 255, 255, 0]  # fmt: skip


def stream(blocks: list[tuple[bool, list[int]]], count: int, sizes: tuple[int, ...] = (3, 4, 8, 16)) -> list[int]:
    """A stream of runs and literal words, written bit by bit."""
    bits = f"{count:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    for is_run, words in blocks:
        length = len(words)
        which = next(k for k, size in enumerate(sizes) if length <= 2**size)
        bits += f"{int(is_run)}{which:02b}{length - 1:0{sizes[which]}b}"
        bits += "".join(f"{word:08b}" for word in (words[:1] if is_run else words))
    bits += "0" * (-len(bits) % 8)
    return [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]


def test_an_empty_stroke_begins_as_a_published_one() -> None:
    assert pack_brush(np.zeros((2527, 3332), bool))[: len(PUBLISHED)] == PUBLISHED


@pytest.mark.parametrize("seed", range(6))
def test_masks_come_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random(tuple(rng.integers(1, 40, 2))) < rng.choice([0.0, 0.1, 0.5, 1.0])
    assert (unpack_brush(pack_brush(mask), mask.shape[::-1]) == mask).all()


def test_a_run_of_more_bytes_than_a_length_holds() -> None:
    mask = np.ones((200, 300), bool)
    assert unpack_brush(pack_brush(mask), (300, 200)).all()


@pytest.mark.parametrize("seed", range(6))
def test_blocks_may_begin_inside_of_a_pixel_and_alpha_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = np.repeat(rng.integers(0, 2, 40), rng.integers(1, 9, 40))
    channels = np.stack([*rng.integers(0, 256, (3, len(pixels))), pixels * 130], axis=1)
    words = channels.ravel().tolist()
    blocks: list[tuple[bool, list[int]]] = []
    at = 0
    while at < len(words):
        run = next((k for k in range(at, len(words)) if words[k] != words[at]), len(words)) - at
        length = min(run if run > 1 else int(rng.integers(1, 20)), len(words) - at)
        blocks.append((run > 1, words[at : at + length]))
        at += length
    found = unpack_brush(stream(blocks, len(words), (2, 5, 7, 12)), (len(pixels), 1))
    assert (found[0] == pixels.astype(bool)).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "ends before"),
        ([0, 0, 0, 24, 57, 27, 252], "ends before"),
        ([256] * 9, "whole numbers from 0 to 255"),
        ([0.5] * 9, "whole numbers from 0 to 255"),
        ([0] * 10_000, "no more than its pixels need"),
        ([255] * 20, "it holds 4294967295 bytes"),
        (stream([(True, [9] * 64)], 24), "more than 24 bytes"),
        ([0, 0, 0, 24, 41, 27, 252, 127, 224], "its words have"),
    ],
)
def test_damaged_streams_are_refused(values: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        unpack_brush(values, (3, 2))


def test_a_picture_is_bounded_before_anything_is_read() -> None:
    with pytest.raises(ValueError, match="too large or empty"):
        unpack_brush(PUBLISHED, (10**6, 10**6))
