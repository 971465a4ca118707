"""Kind: a source that does not know the language of the texts. What is measured, and when it is said."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.data.auditing.text_findings import check_texts, percent, unfamiliar
from headstart.data.auditing.token_counts import TextFacts, TokenCounts, draw_texts, measure_texts, plain_words
from headstart.data.text.languages import language_names, language_scripts


def facts(**given):
    plain = {"scripts": {"Latin": 1.0}, "source": "s", "languages": ("en",), "unknown": 0.0, "pieces_per_word": 1.1}
    return TextFacts(100, **{**plain, **given})


def kinds(one):
    return [(found.kind, found.severity) for found in check_texts(one)]


def test_english_texts_are_nothing_to_speak_of():
    assert kinds(facts()) == []


@pytest.mark.parametrize(
    "given",
    [
        {"unknown": 0.67},
        {"scripts": {"Cyrillic": 0.9, "Latin": 0.1}},
        {"scripts": {"Latin": 0.85, "Han": 0.15}},
        {"pieces_per_word": 1.97},
        {"pieces_per_word": 2.6, "languages": ()},
        {"unknown": 0.2, "languages": ("multilingual",)},
        {"scripts": {"Han": 1.0}, "languages": (), "tokens_per_letter": 2.4},
    ],
)
def test_what_a_source_hardly_knows_is_warned_of(given):
    (finding,) = check_texts(facts(**given))
    assert (finding.kind, finding.severity) == ("unknown_language", "warning")
    assert "--source" in finding.message
    assert finding.message.count(". ") == 1  # what is wrong, and what to do


@pytest.mark.parametrize(
    "given",
    [
        {"scripts": {"Han": 1.0}, "languages": ("zh",), "tokens_per_letter": 1.0, "pieces_per_word": None},
        {"scripts": {"Hiragana": 0.6, "Han": 0.4}, "languages": ("ja",), "pieces_per_word": None},
        {"scripts": {"Cyrillic": 1.0}, "languages": ("multilingual",), "pieces_per_word": 1.8},
        {"pieces_per_word": 2.0, "languages": ("fi",)},
        {"pieces_per_word": 1.6, "languages": ()},
        {"scripts": {"Latin": 0.95, "Greek": 0.05}},
        {"scripts": {"Arabic": 1.0}, "languages": ("qxx",)},
    ],
)
def test_what_a_source_may_know_is_not_warned_of(given):
    assert kinds(facts(**given)) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scripts": {"Han": 1.0}, "unknown": 0.67, "unknown_letters": {"Han": 0.8}}, "hardly knows these texts"),
        ({"scripts": {"Latin": 0.8, "Han": 0.2}}, "does not know part of these texts"),
        ({"pieces_per_word": 2.0}, "knows little of the language or the terms of these texts"),
    ],
)
def test_how_much_is_foreign_is_told(given, words):
    assert words in next(check_texts(facts(**given))).message


def test_unknown_signs_are_no_unknown_language():
    (finding,) = check_texts(facts(unknown=0.12, unknown_signs=0.11, sign="\N{SLIGHTLY SMILING FACE}"))
    assert (finding.kind, finding.severity) == ("unknown_signs", "info")
    assert "11% of the tokens are signs that s does not know, such as '\N{SLIGHTLY SMILING FACE}'" in finding.message


def test_texts_that_are_cut_off():
    (finding,) = check_texts(facts(truncated=0.38, median_lost=120, max_length=256))
    assert finding.severity == "warning"
    assert "38% of the texts are longer than the 256 tokens" in finding.message
    assert "loses 120 tokens" in finding.message
    assert kinds(facts(truncated=0.02, median_lost=3, max_length=256)) == [("truncated", "info")]


def test_marks_that_are_taken_away():
    (finding,) = check_texts(facts(altered=0.08, example=("Schön", "schon")))
    assert finding.severity == "info"
    assert "8% of the words are read without them, such as 'schön' as 'schon'" in finding.message
    assert kinds(facts(altered=0.01, example=("Café", "cafe"))) == []


def test_without_a_source_nothing_is_said_of_one():
    assert kinds(TextFacts(10, {"Han": 1.0})) == []


def test_shares_are_those_of_the_counts():
    counts = TokenCounts(
        tokens=np.array([10, 30]), unknown=np.array([0, 10]), lost=np.array([0, 7]), max_length=20,
        unknown_letters={"Han": 3}, pieces=np.repeat([1, 2], 15), altered={},
    )  # fmt: skip
    found = measure_texts(["abcdef", "字字字字gh"], counts, source="s", languages=["en"])
    assert (found.unknown, found.hardly_read, found.truncated, found.median_lost) == (0.25, 0.5, 0.5, 7)
    assert found.pieces_per_word == 1.5
    assert found.unknown_letters == {"Han": 0.75}
    assert found.tokens_per_letter == 40 / 12


def test_a_mean_of_few_words_is_not_told():
    few = np.ones(3, np.int64)
    counts = TokenCounts(few, few * 0, few * 0, 20, {}, np.array([5, 5, 5]), {})
    assert measure_texts(["a", "b", "c"], counts, source="s").pieces_per_word is None


def test_addresses_handles_and_numbers_are_no_words():
    text = "Buy $AAPL now https://t.co/xYz @trader #stocks v2.0 3 items a_b www.shop.example"
    assert plain_words([text]) == ["Buy", "now", "items"]


def test_the_draw_is_bounded_and_the_same_again():
    texts = [f"text {k} " + "x" * 3000 for k in range(5000)]
    drawn = draw_texts(texts)
    assert drawn == draw_texts(texts)
    assert sum(map(len, drawn)) < 1_010_000
    assert max(map(len, draw_texts(["y" * 10_000_000]))) == 50_000
    assert draw_texts(["", "  ", "a"]) == ["a"]
    assert draw_texts([]) == []


def test_languages_in_words_and_their_scripts():
    assert language_names(("zh-CN", "EN")) == "Chinese, English"
    assert language_names(tuple("abcdefgh")) == "8 languages"
    assert language_scripts(("sr",)) == {"Cyrillic", "Latin"}
    assert language_scripts(("en", "qxx")) is None


def test_shares_are_never_rounded_to_none_or_all():
    assert [percent(share) for share in (0.0, 1e-6, 0.004, 0.5, 0.996, 1.0)] == [
        "0%", "less than 1%", "less than 1%", "50%", "more than 99%", "100%",
    ]  # fmt: skip
    assert unfamiliar(facts(unknown=0.9999))[0].startswith("more than 99%")


def test_the_advice_never_installs_what_is_there():
    chinese = facts(scripts={"Han": 1.0}, unknown=0.67)
    assert "comes with pip install 'headstart[multilingual]'" in next(check_texts(chinese)).message
    assert "headstart:multilingual is installed" in next(check_texts(chinese, multilingual=True)).message
    own = facts(scripts={"Han": 1.0}, unknown=0.67, source="headstart:multilingual")
    assert next(check_texts(own, multilingual=True)).message.endswith("--source (local:PATH is a checkpoint on disk).")
