"""Kind: a source that does not know the language of the texts. What each sort of tokenizer counts."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from headstart.data.auditing.text_findings import unfamiliar
from headstart.data.auditing.token_counts import measure_texts
from headstart.sources import describe, open_source
from headstart.sources.bodies.model_card import stated_languages
from headstart.sources.fused import FusedSource
from headstart.sources.toy import ToySource
from headstart.sources.transformers.tokenizing import TokenizerSpec, Tokenizing, count_tokens, open_tokenizer, tokenize

ENGLISH = ["Where is my card?", "When is the money back?", "I can not log in", "My parcel is not here yet"] * 6
CHINESE = ["我的卡还没有到", "什么时候退款", "我无法登录", "包裹还没有送到"]


def byte_level():
    """As GPT-2 and RoBERTa have it: every byte is in the vocabulary, so nothing is ever unknown."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        ENGLISH, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    )
    return TokenizerSpec(made.to_str(), 64)


def byte_fallback():
    """As Llama has it: a letter that is not in the vocabulary falls into its bytes."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *"abcdefghijklmnopqrstuvwxyzWIM ?"]
    made = Tokenizer(
        models.BPE({piece: k for k, piece in enumerate(pieces)}, [], unk_token="<unk>", byte_fallback=True)
    )
    return TokenizerSpec(made.to_str(), 64, unknown=0)


def unigram():
    """As XLM-R has it."""
    pieces = [("<unk>", 0.0), ("▁", -1.0), *((letter, -2.0) for letter in "abcdefghijklmnopqrstuvwxyzWIM?我的卡")]
    made = Tokenizer(models.Unigram(pieces, unk_id=0))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    return TokenizerSpec(made.to_str(), 64, unknown=0)


def read(spec, texts, languages=()):
    return measure_texts(texts, count_tokens(spec, texts), source="s", languages=languages)


def test_bytes_of_a_letter_count_as_unknown():
    assert read(byte_fallback(), ENGLISH).unknown == 0
    found = read(byte_fallback(), CHINESE)
    assert found.unknown == 1
    assert found.unknown_letters == {"Han": 1.0}


def test_where_nothing_is_ever_unknown_pieces_tell():
    assert read(byte_level(), ENGLISH).unknown == read(byte_level(), CHINESE).unknown == 0
    assert unfamiliar(read(byte_level(), ENGLISH)) == []
    found = read(byte_level(), CHINESE)
    assert found.tokens_per_letter == pytest.approx(3)
    assert unfamiliar(found) == ["it breaks each letter into 3.0 tokens on average"]


def test_unknown_tokens_of_a_unigram_vocabulary():
    counts = count_tokens(unigram(), ["我的卡", "我的猫"])
    assert counts.unknown.tolist() == [0, 1]
    assert counts.unknown_letters == {"Han": 1}


def test_lost_tokens_are_those_beyond_what_the_body_reads():
    spec = byte_fallback()
    texts = ["a" * 60, "a" * 64, "a" * 100]
    counts = count_tokens(spec, texts)
    assert counts.lost.tolist() == [0, 0, 36]
    kept = tokenize(open_tokenizer(spec), texts)
    np.testing.assert_array_equal([len(row) for row in kept], counts.tokens - counts.lost)


def test_special_tokens_take_their_place_in_the_length():
    source = open_source("headstart:text")
    texts = ["a " * 254, "a " * 255, "a " * 300]
    counts = source.count_tokens(texts)
    assert counts.tokens.tolist() == [254, 255, 300]  # without [CLS] and [SEP]
    assert counts.lost.tolist() == [0, 1, 46]
    assert [len(row) for row in source.prepare_many(texts)] == [256, 256, 256]


def test_uncased_bert_takes_marks_away_and_says_which():
    source = open_source("headstart:text")
    counts = source.count_tokens(["Schön für Ärzte, schön", "plain words", "한국어"])
    assert counts.altered == {"Schön": "schon", "für": "fur", "Ärzte": "arzte", "schön": "schon"}
    assert source.count_tokens(["が", "हिन्दी"]).altered["が"] == "か"
    assert "हिन्दी" in source.count_tokens(["हिन्दी"]).altered


def test_an_added_token_that_is_unknown_to_the_texts_counts_nothing():
    made = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, "[UNK]"))
    made.pre_tokenizer, made.normalizer = pre_tokenizers.Whitespace(), normalizers.NFC()
    made.add_special_tokens([AddedToken("[UNK]")])
    assert count_tokens(TokenizerSpec(made.to_str(), 8, unknown=1), ["a b a"]).unknown.tolist() == [1]
    assert count_tokens(TokenizerSpec(made.to_str(), 8), ["a b a"]).unknown.tolist() == [0]


@pytest.mark.parametrize("text", ["Rückzahlung für Ärzte", "한국어 문장", "ガス", "Tiếng Việt"])
def test_forms_of_a_text_have_the_same_tokens(text):
    """A tokenizer that does not normalise gave other tokens, and other predictions, for a text from a Mac."""
    tokenizer = open_tokenizer(byte_level())
    composed, apart = tokenize(tokenizer, [unicodedata.normalize(form, text) for form in ("NFC", "NFD")])
    np.testing.assert_array_equal(composed, apart)


def test_empty_and_broken_texts_are_counted_without_an_error():
    assert count_tokens(byte_level(), []).tokens.shape == (0,)
    assert len(open_source("headstart:text").count_tokens(["\ud800 broken", "!"]).tokens) == 2


def test_who_can_count():
    assert isinstance(open_source("headstart:text"), Tokenizing)
    assert not isinstance(ToySource(), Tokenizing)


@pytest.mark.parametrize(
    ("front", "languages"),
    [
        ("language: en", ("en",)),
        ("language:\n- en\n- de\n- en", ("en", "de")),
        ("language: [zh, ja]", ("zh", "ja")),
        ("language: no", ("no",)),
        ("language: null", ()),
        ("language: {a: 1}", ()),
        ("license: mit", ()),
        ("language: [unclosed", ()),
        ("language: " + "x" * 500, ()),
    ],
)
def test_languages_of_a_model_card(tmp_path, front, languages):
    (tmp_path / "README.md").write_text(f"---\n{front}\n---\n# language\n", encoding="utf-8")
    assert stated_languages(tmp_path / "README.md") == languages
    assert stated_languages(tmp_path / "nowhere.md") == ()


def test_sources_say_their_languages():
    assert describe("headstart:text").languages == ("en",)
    assert open_source("headstart:text").untrained(0).info.languages == ("en",)
    assert FusedSource((open_source("headstart:text"), ToySource())).info.languages == ("en",)
    assert describe("headstart:image").languages == ()


def test_a_checkpoint_folder_tells_its_languages_and_unknown_token(bert):
    (bert / "README.md").write_text("---\nlanguage: de\n---\n")
    source = open_source(f"local:{bert}")
    assert source.info.languages == ("de",)
    assert source.count_tokens(["never heard", "good card"]).unknown.tolist() == [2, 0]
