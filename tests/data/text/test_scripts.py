"""Kind: a text that is not English. Scripts of letters, and words in scripts whose vowels are marks."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest

from headstart.data.text.scripts import script_of, script_shares, unspaced_share
from headstart.data.text.words import split_words

SCRIPTS = re.findall(
    r"\w+",
    "Latin Han Hiragana Katakana Hangul Cyrillic Greek Arabic Hebrew Devanagari Thai Khmer Lao Myanmar Tibetan Bengali "
    "Tamil Telugu Kannada Malayalam Gujarati Gurmukhi Georgian Armenian Ethiopic Sinhala Mongolian Bopomofo Yi",
)


def test_scripts_agree_with_the_unicode_property_for_every_letter():
    regex = pytest.importorskip("regex")
    letters = "".join(
        chr(k) for k in range(0x30000) if unicodedata.category(chr(k))[0] == "L" and not 0xD800 <= k < 0xE000
    )
    differ = [
        one for name in SCRIPTS for one in regex.findall(rf"\p{{Script={name}}}", letters) if script_of(one) != name
    ]
    assert len(differ) < 40, [unicodedata.name(one) for one in differ]
    assert not any(unicodedata.normalize("NFKC", one) == one for one in differ if script_of(one) in SCRIPTS)


@pytest.mark.parametrize("mark", ["1", "!", "。", "😀", " ", "\u0301", "_"])
def test_what_is_no_letter_has_no_script(mark):
    assert script_of(mark) == ""


def test_shares_of_a_mixed_text_and_of_its_widths():
    assert script_shares(["\uff21\uff22\uff23 ｱ"]) == {"Latin": 0.75, "Katakana": 0.25}
    assert script_shares(["1 2 3 !"]) == {}


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("退款什么时候到", 1.0),
        ("カードが届きません", 1.0),
        ("บัตรหาย", 1.0),
        ("កាតបាត់", 1.0),
        ("환불", 0.0),
        ("वापसी", 0.0),
    ],
)
def test_scripts_without_spaces_between_words(text, share):
    assert unspaced_share([text]) == share


@pytest.mark.parametrize("text", ["Where is my card?", "a_b c-d 1,5 x", "naïve café", "Где моя карта", "我的卡 在哪"])
def test_words_without_marks_are_those_of_the_usual_pattern(text):
    assert split_words(text) == re.findall(r"(?u)\b\w+\b", text)


@pytest.mark.parametrize("text", ["मेरा कार्ड खो गया", "என் அட்டை", "আমার কার্ড", "אֲנִי רוֹצֶה", "مُحَمَّد هنا"])
def test_marks_stay_in_their_word(text):
    assert split_words(text) == text.split()
    assert len(re.findall(r"(?u)\b\w+\b", text)) > len(text.split())  # what the usual pattern makes of it


def test_decomposed_umlauts_stay_in_their_word():
    apart = unicodedata.normalize("NFD", "Rückzahlung für Ärzte")
    assert [unicodedata.normalize("NFC", word) for word in split_words(apart)] == ["Rückzahlung", "für", "Ärzte"]


def test_every_character_is_split_without_an_error():
    assert all(isinstance(split_words(chr(k)), list) for k in range(0, sys.maxunicode, 997) if not 0xD800 <= k < 0xE000)
