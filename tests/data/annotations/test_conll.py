"""CoNLL files: columns, separators, schemes, comments, documents, splits."""

from __future__ import annotations

import pytest

from headstart.annotations import Span
from headstart.data import read

PER, LOC = Span(0, 2, "PER"), Span(3, 4, "LOC")


def spans(path, text, **options):
    path.write_text(text, encoding="utf-8")
    return [tuple(found) for found in read(path, **options).y]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IO", "I-PER I-PER O I-LOC"),
        ("IOB1", "I-PER I-PER O I-LOC"),
        ("IOB2", "B-PER I-PER O B-LOC"),
        ("BIOES", "B-PER E-PER O S-LOC"),
        ("BILOU", "B-PER L-PER O U-LOC"),
    ],
)
@pytest.mark.parametrize("gap", ["\t", " ", "   "])
def test_each_scheme_and_separator_gives_the_same_spans(tmp_path, scheme, tags, gap):
    words = ["Ada", "Lovelace", "saw", "Paris"]
    text = "\n".join(f"{word}{gap}{tag}" for word, tag in zip(words, tags.split(), strict=True))
    if scheme == "IOB1":  # without a B it is IO
        text += f"\nRome{gap}B-LOC"
    found = spans(tmp_path / "a.conll", text + "\n")
    assert found == [(PER, LOC, Span(4, 5, "LOC"))] if scheme == "IOB1" else found == [(PER, LOC)]
    assert f"the tags are {scheme}" in read(tmp_path / "a.conll").notes[0]


def test_files_named_like_splits_are_the_given_split(tmp_path):
    for name, word in {"train": "Ada", "dev": "Bob", "test": "Eve"}.items():
        (tmp_path / f"{name}.conll").write_text(f"{word} B-PER\nran O\n")
    data = read(tmp_path)
    assert dict(zip(data.split.tolist(), (item.words[0] for item in data.items), strict=True)) == {
        "train": "Ada", "val": "Bob", "test": "Eve",
    }  # fmt: skip
    assert data.ids == ("dev.conll:1", "test.conll:1", "train.conll:1")
