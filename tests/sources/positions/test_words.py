"""Rows of words: their places, what the store keeps, and blocks that are left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from headstart.annotations import Sentence
from headstart.engine.body.machine import BF16_SWITCH
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import SourceError, UnknownNameError
from headstart.sources import open_source
from headstart.sources.local import open_local
from headstart.sources.positions.words import words_of
from headstart.sources.preprocessing.word_shapes import COLUMNS
from headstart.sources.toy import ToySource

SENTENCES = [
    Sentence.of_words(["Where", "is", "my", "cards", "?"]),
    Sentence.of_words(["\u200b", "card"]),
    Sentence.of_words(["is"]),
]
PLAIN = Engine(cache=False, backend="torch")
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "where", "is", "my", "card", "##s", "?"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A text body of two layers in torch, in fp32."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(PIECES), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    facts = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 32}
    (folder / "tokenizer_config.json").write_text(json.dumps(facts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(BF16_SWITCH, "0")
        yield open_local(folder)


def test_the_row_of_a_word_is_that_of_its_first_token(small):
    source = words_of(small)
    found = extract(source, SENTENCES, engine=PLAIN)
    assert found.offsets.tolist() == [0, 5, 7, 8]
    tokens = extract(small.with_layers("blocks", positions=True), ["Where is my cards ?"], engine=PLAIN).rows
    (read,) = small.read_words([SENTENCES[0].words])
    np.testing.assert_allclose(found.rows[:5, :-COLUMNS], tokens[read.places[:, 1]], atol=1e-5)


def test_a_word_that_the_tokenizer_drops_keeps_a_row_of_zeros(small):
    rows = extract(words_of(small), SENTENCES, engine=PLAIN).rows
    assert not rows[5, :-COLUMNS].any()
    assert rows[6, :-COLUMNS].any()


def test_the_mean_of_a_words_tokens_is_an_option(small):
    source = words_of(small, pooling="mean")
    found = extract(source, [Sentence.of_words(["cards"])], engine=PLAIN).rows
    (read,) = small.read_words([["cards"]])
    tokens = extract(small.with_layers("blocks", positions=True), ["cards"], engine=PLAIN).rows
    _, begin, end = read.places[0]
    assert end - begin > 1
    np.testing.assert_allclose(found[0, :-COLUMNS], tokens[begin:end].mean(axis=0), atol=1e-5)


def test_words_of_a_long_sentence_have_rows_and_short_ones_are_not_cut(small):
    limit = small.info.input["max_length"]
    long = Sentence.of_words(["card"] * (3 * limit))
    found = extract(words_of(small), [long, SENTENCES[0]], engine=PLAIN)
    assert found.offsets.tolist() == [0, 3 * limit, 3 * limit + 5]
    assert np.abs(found.rows[: 3 * limit, :-COLUMNS]).sum(axis=1).all()
    alone = extract(words_of(small), [SENTENCES[0]], engine=PLAIN).rows
    np.testing.assert_allclose(found.rows[3 * limit :], alone, atol=1e-5)


def test_rows_do_not_depend_on_the_other_sentences(small):
    together = extract(words_of(small), SENTENCES, engine=PLAIN).rows
    backwards = extract(words_of(small), SENTENCES[::-1], engine=PLAIN).rows
    np.testing.assert_allclose(together[:5], backwards[3:], atol=1e-5)


def test_blocks_that_are_left_out_are_columns_of_the_wider_rows(small):
    source = words_of(small)
    names = [block.name for block in source.all_blocks()]
    some = source.only_blocks(names[1:2])
    wide, narrow = (extract(one, SENTENCES, engine=PLAIN).rows for one in (source, some))
    width = source.info.blocks[0].width
    np.testing.assert_allclose(narrow[:, :width], wide[:, width : 2 * width], atol=1e-5)
    np.testing.assert_array_equal(narrow[:, width:], wide[:, -COLUMNS:])
    with pytest.raises(UnknownNameError):
        source.only_blocks(["nothing"])


def test_rows_of_words_are_stored_and_found_also_with_fewer_blocks():
    """A fault that would encode the sentences again for every choice of blocks."""
    source, engine = words_of(open_source("headstart:text")), Engine(backend="torch")
    assert extract(source, SENTENCES, engine=engine).encoded == 3
    assert extract(source, SENTENCES, engine=engine).hits == 3
    some = source.only_blocks(["layer.3"])
    found = extract(some, SENTENCES, engine=engine)
    assert (found.hits, found.encoded) == (3, 0)
    assert found.rows.shape == (8, 384 + COLUMNS)


def test_the_toy_has_a_row_for_each_word():
    rows = extract(words_of(ToySource()), [Sentence.of_words(["a b", " ", "c"])], engine=PLAIN).rows
    assert rows.shape == (3, 96 + COLUMNS)
    assert not rows[1, :96].any()
    assert words_of(ToySource()).only_blocks(["letters"]).info.blocks[0].width == 32


def test_items_that_are_no_sentences_are_set_aside_with_a_reason():
    found = extract(words_of(ToySource()), ["a text", Sentence((), "", ()), SENTENCES[2]], engine=PLAIN)
    assert found.failures == {
        0: "A sentence must be a Sentence of words. Got str instead.",
        1: "The sentence has no words.",
    }
    with pytest.raises(SourceError, match="cannot give a row for each word"):
        words_of(open_source("vector"))
