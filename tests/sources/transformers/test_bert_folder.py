"""Saved BERT bodies whose token embeddings stay on disk: the same rows as those of transformers."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from headstart.io import read_json, write_json
from headstart.sources.local import open_local
from headstart.sources.transformers.bert_folder import MARK, open_words_on_disk, words_on_disk

TEXTS = ["good morning", "where is my card", "a card never seen"]


@pytest.fixture
def on_disk(bert):
    """The tiny checkpoint of transformers, as a body that was trained without its token embeddings is written."""
    config = read_json(bert / "config.json")
    write_json(bert / "config.json", {**config, "position_embedding_type": "absolute", **words_on_disk(16, 0, 1)})
    return bert


def test_the_rows_are_those_of_transformers(bert):
    """Agreement: the same folder opened by transformers, which does not know the mark."""
    usual = open_local(bert).encode(TEXTS)
    config = read_json(bert / "config.json")
    write_json(bert / "config.json", {**config, "position_embedding_type": "absolute", **words_on_disk(16, 0, 1)})
    own = open_local(bert)
    assert own.parts.words is not None
    assert own.parts.direct is not None
    assert own.encode(TEXTS) == pytest.approx(usual, abs=2e-2, rel=2e-2)  # in bf16 where the CPU has it
    assert own.info.parameters == sum(p.numel() for p in own.trainable().module.parameters()) + np.prod(
        own.parts.words(None).shape
    )


def test_a_trained_body_is_saved_and_opened_so_again(on_disk, tmp_path):
    source = open_local(on_disk)
    body = source.trainable()
    body.module.get_parameter("encoder.layer.0.output.dense.bias").data[0] += 2  # a shift of all is normalised away
    tuned = source.with_module(body.module, "tuned")
    tuned.save(tmp_path / "again")
    again = open_local(tmp_path / "again")
    assert again.parts.words is not None
    assert MARK in read_json(tmp_path / "again" / "config.json")
    assert again.encode(TEXTS) == pytest.approx(tuned.encode(TEXTS), abs=2e-2, rel=2e-2)
    assert not np.allclose(again.encode(TEXTS), source.encode(TEXTS), atol=0.1)


def test_what_is_sent_to_another_process_is_no_copy_of_the_table(on_disk):
    parts = open_local(on_disk).parts
    parts.words(None)(np.array([3]))
    assert len(pickle.dumps(parts.build)) < 5000


@pytest.mark.parametrize(
    "change",
    [
        {MARK: {"max_length": 10**9, "pad": 0, "unknown": 1}}, {MARK: "yes"}, {"num_hidden_layers": 999},
        {"hidden_size": 10**6}, {"hidden_act": "relu"},
    ],
)  # fmt: skip
def test_a_folder_that_does_not_fit_is_left_to_transformers(on_disk, change):
    write_json(on_disk / "config.json", {**read_json(on_disk / "config.json"), **change})
    assert open_words_on_disk(on_disk, "a", "0" * 64, {}, None) is None
