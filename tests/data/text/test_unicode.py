"""Names that look the same are one, and what was merged is said."""

import unicodedata

import pytest

from headstart.data.text.unicode import describe_merged, invalid_unicode, merged_names, normalized

KIND = ["Größe", "ガ", "한국", "naïve", "Ελλάδα", "नमस्ते", "می‌خواهم", "👩‍🔬"]


@pytest.mark.parametrize("name", KIND)
def test_composed_and_decomposed_forms_are_one(name):
    assert normalized(unicodedata.normalize("NFD", name)) == normalized(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "odd", ["\ufeffdog", "dog\u200b", "dog\u00a0", "d\u00adog", "dog \t", "\u200edog", "dog\r", "dog\x00"]
)
def test_invisible_characters_and_blanks_around_are_no_part_of_a_name(odd):
    assert normalized(odd) == "dog"
    assert merged_names([odd, "dog"]) == {"dog": (odd, "dog")}


def test_what_a_reader_can_see_stays():
    for name in ("Dog", "dog", "\uff44\uff4f\uff47", "d o g", "dög", "two  blanks", "a-b"):
        assert normalized(name) == name
    assert normalized("a\u3000b\u00a0c") == "a b c"
    assert describe_merged(["Dog", "dog"], "label") is None


def test_merged_spellings_are_shown_so_that_they_can_be_told_apart():
    said = describe_merged(["café", "cafe\u0301", "x", "x\u200b", "y"], "class")
    assert said == (
        "Merged spellings of 2 classes that differ only in invisible characters, whitespace or Unicode form: "
        "'café', 'cafe\\u0301'; 'x', 'x\\u200b'."
    )


def test_text_that_is_not_valid_unicode():
    assert invalid_unicode("a\ud83db") == "it contains half of a character (U+D83D)"
    assert invalid_unicode("a\udcff") == "it contains an undecodable byte (0xFF)"
    assert invalid_unicode("\U0001f600") is None
