"""Whether texts are English, by what MiniLM's tokenizer makes of them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from headstart.data import read
from headstart.data.auditing.english import english_figures, is_english
from headstart.data.auditing.token_counts import TextFacts
from headstart.sources import open_source
from headstart.sources.transformers.tokenizing import read_by

GERMAN = ["Meine Karte ist noch nicht angekommen.", "Wann wird die Überweisung endlich gutgeschrieben?"] * 10
ENGLISH = ["My card has not arrived yet.", "When will the transfer be credited to my account?"] * 10


@pytest.fixture(scope="module")
def english():
    return open_source("headstart:text")


def test_plain_english_is_english(english):
    assert is_english(read_by(english, ENGLISH)) == "yes"
    assert is_english(read_by(english, ["good", "bad"])) == "yes"  # too few words for a mean


def test_languages_of_the_same_script_are_not(english):
    facts = read_by(english, GERMAN)
    assert facts.unknown == 0.0  # the kind that a share of unknown tokens misses
    assert is_english(facts) == "no"
    assert "tokens per word" in english_figures(facts)


def test_a_tenth_of_another_script_is_not_english(english):
    assert is_english(read_by(english, ["我的卡还没有到", *ENGLISH[:3]])) == "no"


def test_a_third_of_german_among_english_is_unclear(english):
    assert is_english(read_by(english, [*ENGLISH[:14], *GERMAN[:6]])) == "unclear"


@pytest.mark.parametrize(
    ("pieces", "altered", "found"),
    [(1.25, 0.0, "yes"), (1.26, 0.0, "unclear"), (1.5, 0.0, "unclear"), (1.5, 0.03, "no"), (1.7, 0.0, "no"),
     (1.1, 0.03, "unclear")],
)  # fmt: skip
def test_terms_without_marks_are_unclear_until_they_are_many(pieces, altered, found):
    """Kind: chemistry, code and names in English, which break into pieces too but hold no marks."""
    facts = TextFacts(9, {"Latin": 1.0}, "", "x", ("en",), unknown=0.0, pieces_per_word=pieces, altered=altered)
    assert is_english(facts) == found


@pytest.mark.realdata
@pytest.mark.parametrize("table", ["banking77", "clinc150", "trec6", "twitter_financial_news"])
def test_real_english_tables_are_english(real_data, english, table):
    assert is_english(read_by(english, list(read(real_data / "text" / table / "train.csv").items))) == "yes"


@pytest.mark.realdata
@pytest.mark.parametrize(("language", "found"), [("en", "yes"), ("de", "no"), ("fr", "no")])
def test_real_captions_by_language(real_data: Path, english, language, found):
    with gzip.open(real_data / "translation" / "multi30k" / f"train.{language}.gz", "rt", encoding="utf-8") as file:
        assert is_english(read_by(english, [next(file) for _ in range(60)])) == found
