"""The size of batches, and the order in which items run."""

from __future__ import annotations

import numpy as np

from headstart.engine.pipeline import pace
from headstart.engine.pipeline.pace import Pace, running_order


def test_the_first_batch_is_bounded_by_what_is_free(monkeypatch):
    monkeypatch.setattr(pace, "available_memory", lambda: 256 * 2**20)
    assert Pace("image", 10_000).size == 8
    assert Pace("image", 10_000, streams=2).size == 4
    monkeypatch.setattr(pace, "available_memory", lambda: None)
    assert Pace("image", 10_000).size == pace.BATCH_SIZES["image"]
    assert Pace("image", 10_000, wanted=500).size == 500


def test_little_work_still_comes_in_several_batches():
    assert Pace("text", 448).size == 112
    assert Pace("text", 20).size <= pace.BATCH_SIZES["text"]


def test_texts_run_longest_first_and_pictures_as_they_are():
    assert running_order(["a", "ccc", "bb", None], np.array([0, 1, 3]), "text").tolist() == [1, 0, 3]
    assert running_order(["a", "ccc"], np.arange(2), "image").tolist() == [0, 1]
