"""Columns of lists of numbers in text files: one broken list costs its row, and does not make a column of texts."""

import numpy as np
import pytest

from headstart.data import read
from headstart.data.formats.number_lists import read_vectors


@pytest.mark.parametrize("place", [0, 7, 19])
@pytest.mark.parametrize("broken", ["[1, 2", "", "nan", "[1, x, 2]"])
def test_one_broken_list_does_not_make_texts(tmp_path, place, broken):
    cells = [f"[{row}.5, 1, 2]" for row in range(20)]
    cells[place] = broken
    rows = (f'"{cell}",{"ab"[row % 2]}\n' for row, cell in enumerate(cells))
    (tmp_path / "a.csv").write_text("emb,label\n" + "".join(rows))
    data = read(tmp_path / "a.csv")
    assert (data.modality, data.items.shape) == ("vector", (20, 3))
    assert np.isnan(data.items).all(axis=1).nonzero()[0].tolist() == [place]
    assert any("1 other cell counts as missing" in note for note in data.notes)


@pytest.mark.parametrize("cells", [["[1, 2]", "[1, 2, 3]"], ["[1]", "[2]"], ["[1, 2]", "one"], []])
def test_lists_of_several_lengths_and_of_one_number_are_none(cells):
    assert read_vectors(cells) is None
