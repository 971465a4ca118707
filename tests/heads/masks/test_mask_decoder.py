"""From probabilities to masks."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.heads.masks.mask_decoder import MaskDecoder, cell_pixels

NO_EDGES = np.zeros((3, 8))


def test_the_level_moves_the_border_of_the_foreground() -> None:
    probabilities = np.linspace(0, 1, 8, dtype=np.float32)[None, :, None].repeat(3, axis=0)
    probabilities = np.concatenate([1 - probabilities, probabilities], axis=2)
    sizes = [
        int(MaskDecoder(boundary=False, guided=False, level=level)(probabilities, NO_EDGES).classes().sum())
        for level in (0.2, 0.5, 0.8)
    ]
    assert sizes == [18, 12, 6]


def test_of_several_classes_the_largest_wins() -> None:
    probabilities = np.array([[[0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.4, 0.35, 0.25]]], np.float32)
    found = MaskDecoder(boundary=False, guided=False)(probabilities, np.zeros((1, 3)))
    assert found.classes().tolist() == [[0, 2, 0]]
    assert found.instances() is None
    lower = MaskDecoder(boundary=False, guided=False, level=0.4)(probabilities, np.zeros((1, 3)))
    assert lower.classes().tolist() == [[0, 2, 1]]


def test_outlines_part_objects_of_each_class() -> None:
    # background, two classes, outline: A A | A A   B B
    columns = [
        [0, 1, 0, 0],
        [0, 1, 0, 0],
        [0, 0.2, 0, 0.8],
        [0, 1, 0, 0],
        [0, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 0],
    ]
    found = MaskDecoder(boundary=True, guided=False)(np.array([columns], np.float32), np.zeros((1, 8)))
    assert found.classes().tolist() == [[1, 1, 1, 1, 1, 0, 2, 2]]
    assert found.instances().tolist() == [[1, 1, 1, 2, 2, 0, 3, 3]]


def test_small_objects_leave_the_classes_too() -> None:
    probabilities = np.array([[[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]]], np.float32)
    found = MaskDecoder(boundary=True, guided=False, least=2)(probabilities, np.zeros((1, 4)))
    assert found.classes().tolist() == [[0, 0, 1, 1]]
    assert found.instances().tolist() == [[0, 0, 1, 1]]


def test_settings_survive_json_and_are_checked() -> None:
    decoder = MaskDecoder(boundary=True, level=0.35, least=7)
    assert MaskDecoder.from_dict(decoder.to_dict()) == decoder
    with pytest.raises(ValueError, match="damaged"):
        MaskDecoder.from_dict({"boundary": True})
    with pytest.raises(ValueError, match="damaged"):
        MaskDecoder.from_dict({**decoder.to_dict(), "guided": 1})
    with pytest.raises(ParameterError, match="level"):
        MaskDecoder.from_dict({**decoder.to_dict(), "level": 2.0})


def test_cells_at_the_border_are_cut_to_the_picture() -> None:
    cells = np.random.default_rng(0).random((3, 4, 2)).astype(np.float32)
    assert cell_pixels(cells, 4, (10, 13)).shape == (10, 13, 2)
    np.testing.assert_array_equal(cell_pixels(cells, 1, (3, 4)), cells)
