"""Masked parts: what is hidden is asked, and nothing else."""

import numpy as np
import pytest
import torch

from headstart.errors import DataError, ParameterError
from headstart.sources.bodies.trainable import Trainable
from headstart.tune.objectives.contrastive import ContrastiveViews
from headstart.tune.objectives.masked import Masked, covered


def body(kind):
    return Trainable(torch.nn.Identity(), lambda _, x: [x], list, (), kind)


def test_a_hidden_cell_shows_nothing_of_the_picture():
    picture = np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    changed, colours, hidden = covered(picture, 0.25, np.random.default_rng(1))
    where = np.repeat(np.repeat(hidden.astype(bool), 4, axis=0), 6, axis=1)
    assert hidden.sum() == 16  # 4 of 16 cells of 2 by 2 points
    assert len(np.unique(changed[where], axis=0)) == 1
    assert np.array_equal(changed[~where], picture[~where])
    assert np.allclose(colours[0, 0], picture[:4, :6].mean(axis=(0, 1)) / 255)


def test_removed_words_are_asked_and_special_tokens_stay():
    texts = [np.array([1, 5, 6, 7, 8, 2]), np.array([1, 9, 2])]
    task = Masked().task(body("tokens"), 4, texts)
    seen, asked = task.change(texts[0], np.random.default_rng(0))
    assert (seen[0], seen[-1], len(seen), len(asked)) == (1, 2, 4, 2)
    words = np.array([5, 6, 7, 8, 9])
    assert sorted([*seen[1:-1], *words[asked]]) == [5, 6, 7, 8]
    batch = task.collate([(seen, asked), task.change(texts[1], np.random.default_rng(0))])
    assert batch["bags"].sum(dim=1).tolist() == [1.0, 0.0]  # nothing is removed of a text of one word
    sure = torch.where(batch["bags"] > 0, 0.0, -40.0)
    assert task.loss(sure, batch).item() == pytest.approx(np.log(2), abs=1e-5)  # the entropy of two words


def test_other_items_are_refused():
    with pytest.raises(DataError, match="contrastive"):
        Masked().task(body("pictures"), 4, [])


def test_a_share_that_leaves_nothing_to_learn_from_is_refused():
    for share in (0, 1, -1, 2.0, "half"):
        with pytest.raises(ParameterError, match="'share' parameter of Masked"):
            Masked(share=share)
    for wrong in ({"temperature": 0.0}, {"projection": 0}):
        with pytest.raises(ParameterError, match="of ContrastiveViews"):
            ContrastiveViews(**wrong)
