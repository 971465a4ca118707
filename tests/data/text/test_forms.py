"""Kind: one text in several Unicode forms is one text, in fitting, in predicting and in the audit."""

from __future__ import annotations

import unicodedata

import pytest

from headstart.data import audit
from headstart.data.text.forms import canonical_text
from headstart.types import Dataset

TEXTS = ["Rückzahlung für Ärzte", "한국어 문장", "カードが届きません", "Tiếng Việt", "résumé naïf", "हिन्दी में"]


@pytest.mark.parametrize("text", TEXTS)
def test_composed_and_decomposed_texts_are_one(text):
    apart = unicodedata.normalize("NFD", text)
    assert canonical_text(apart) == canonical_text(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("\uff21\uff22\uff23\uff11\uff12", "ABC12"),
        ("ｶﾞｽ ﾊﾟﾝ", "ガス パン"),
        ("\uffa1", "\u1100"),
        ("ﻣﺮﺣﺒﺎ", "مرحبا"),
        ("ﻻ", "لا"),
    ],
)
def test_width_and_arabic_shapes_are_made_plain(typed, plain):
    assert canonical_text(typed) == plain


@pytest.mark.parametrize("text", ["x² + ½", "ﬁn…", "①", "好\uff01\uff1f\uff0c", "™", "plain ascii", "🙂 ok", ""])
def test_what_says_more_than_a_shape_stays(text):
    assert canonical_text(text) == text


def test_it_is_a_normal_form():
    everything = "".join(chr(k) for k in range(0x20, 0x20000) if not 0xD800 <= k < 0xE000)
    once = canonical_text(everything)
    assert canonical_text(once) == once
    assert unicodedata.is_normalized("NFC", once)


def test_texts_that_differ_by_composition_only_are_exact_copies():
    texts = ["Rückzahlung für Ärzte", unicodedata.normalize("NFD", "Rückzahlung für Ärzte"), "etwas anderes"]
    found = audit(Dataset(texts, ("0", "1", "2"), "text"))
    assert [finding.kind for finding in found.findings] == ["exact_duplicates"]
    assert found.clusters[0] == found.clusters[1] != found.clusters[2]


def test_texts_that_differ_by_width_only_are_near_copies():
    found = audit(Dataset(["ﾊﾟｽﾜｰﾄﾞ を 忘れた", "パスワード を 忘れた"], ("0", "1"), "text"))
    assert [finding.kind for finding in found.findings] == ["near_duplicates"]


def test_lone_surrogates_are_no_error():
    assert canonical_text("\ud800 é") == "\ud800 é"
    audit(Dataset(["\ud800 é", "b"], ("0", "1"), "text"))
