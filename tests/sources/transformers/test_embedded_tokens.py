"""Bodies that run from embedded tokens give the rows of the source, with gradients, for several families."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headstart.errors import SourceError
from headstart.sources import open_source
from headstart.sources.bodies.embedded_text import TokenEmbedding, TokenSpans
from headstart.sources.transformers.embedded_tokens import embedder
from headstart.sources.transformers.tokenizing import TokenizerSpec, open_tokenizer

TEXT = "where is my card ?"


def rows_in_fp32(source, text=TEXT):
    """The rows of the body as a training would compute them."""
    body = source.trainable()
    with torch.inference_mode():
        blocks = body.forward(body.module, body.collate([source.prepare(text)]))
    return np.concatenate([block.numpy() for block in blocks], axis=1)


def rows_from_embeddings(source, text=TEXT):
    found = source.token_embedder()(text)
    return np.concatenate([block.numpy() for block in found.blocks(torch.from_numpy(found.embeddings)[None])], axis=1)


@pytest.mark.parametrize("name", ["headstart:text", "headstart:multilingual"])
def test_the_rows_of_the_install_are_the_same(name):
    source = open_source(name)
    assert isinstance(source, TokenEmbedding)
    assert isinstance(source, TokenSpans)
    assert np.abs(rows_from_embeddings(source) - rows_in_fp32(source)).max() < 1e-4


def test_only_the_blocks_that_are_read_are_given():
    source = open_source("headstart:text").only_blocks(["layer.2", "layer.4"])
    assert rows_from_embeddings(source).shape == (1, 2 * 384)


def test_a_checkpoint_of_transformers_gives_the_same_rows_and_gradients(bert):
    source = open_source(f"local:{bert}")
    assert np.abs(rows_from_embeddings(source) - rows_in_fp32(source)).max() < 1e-4
    found = source.token_embedder()(TEXT)
    leaf = torch.from_numpy(found.embeddings)[None].requires_grad_()
    (gradient,) = torch.autograd.grad(found.blocks(leaf)[-1].sum(), leaf)
    assert gradient.shape == leaf.shape
    assert float(gradient.abs().sum()) > 0


def test_special_tokens_are_no_part_of_the_text():
    found = open_source("headstart:text").token_embedder()("a card")
    assert found.own.tolist() == [False, True, True, False]
    assert [found.text[a:b] for a, b in found.spans] == ["", "a", "card", ""]
    assert set(found.baselines) == {"mask", "pad", "zero"}


def test_the_body_of_the_source_is_not_changed_by_it():
    source = open_source("headstart:text")
    source.token_embedder()(TEXT)
    assert all(parameter.requires_grad for parameter in source.trainable().module.parameters())


def test_a_module_without_a_table_of_tokens_is_refused():
    tokenizer = open_source("headstart:text").parts.tokenizer
    with pytest.raises(SourceError, match="leave_one_word_out"):
        embedder(
            torch.nn.Linear(1, 1), lambda module, batch: [module(batch["input_ids"].float()[:, :1])],
            open_tokenizer(tokenizer), TokenizerSpec("", 8), None,
        )  # fmt: skip
