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


CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""
CONLL_U = """# sent_id = 1
# text = Ada runs
1\tAda\tada\tPROPN\tB-PER
2\truns\trun\tVERB\tO

"""
MULTICONER = """# id 5f6b domain=en
ada _ _ B-PER
runs _ _ O
"""


def test_the_shared_task_of_2003(tmp_path):
    found = spans(tmp_path / "a.txt", CONLL_2003)
    assert found == [(Span(0, 1, "ORG"), Span(2, 3, "MISC")), (Span(0, 2, "PER"),)]
    chunks = spans(tmp_path / "a.txt", CONLL_2003.replace("-X- -X- O", "-X- O O"), label="3")
    assert chunks[0][:2] == (Span(0, 1, "NP"), Span(1, 2, "VP"))


@pytest.mark.parametrize("text", [CONLL_U, MULTICONER], ids=["CoNLL-U", "MultiCoNER"])
def test_comments_and_numbers_of_words(tmp_path, text):
    path = tmp_path / "a.conll"
    assert spans(path, text) == [(Span(0, 1, "PER"),)]
    assert read(path).items[0].words[0].lower() == "ada"


def test_a_word_that_is_a_number_sign_is_no_comment(tmp_path):
    (tmp_path / "a.conll").write_text("# O\nAda B-PER\n")
    assert read(tmp_path / "a.conll").items[0].words == ("#", "Ada")


def test_blank_lines_with_spaces_and_other_line_ends(tmp_path):
    (tmp_path / "a.conll").write_bytes(b"\xef\xbb\xbfAda\tB-PER\r\n \t\r\nBob\tB-PER\r\n\r\n\r\n")
    assert [item.words for item in read(tmp_path / "a.conll").items] == [("Ada",), ("Bob",)]


def test_i_without_b_is_repaired_and_counted(tmp_path):
    text = "Ada B-PER\nran O\nin O\nParis I-LOC\n\nBob B-PER\nEve I-LOC\n"
    assert spans(tmp_path / "a.conll", text)[0] == (Span(0, 1, "PER"), Span(3, 4, "LOC"))
    (note,) = [note for note in read(tmp_path / "a.conll").notes if "repaired" in note]
    assert note.startswith("2 tags do not fit the tags before them and were repaired: ")
    assert "a.conll', line 4 (I-LOC)" in note


def test_many_documents_are_groups(tmp_path):
    (tmp_path / "a.conll").write_text("".join(f"-DOCSTART- O\n\nw{k} B-PER\n\n" for k in range(10)))
    assert len(set(read(tmp_path / "a.conll").groups)) == 10


def test_words_without_an_end_in_another_encoding(tmp_path):
    (tmp_path / "a.conll").write_bytes("café O\nMüller B-PER".encode("latin-1"))
    data = read(tmp_path / "a.conll")
    assert data.items[0].words == ("café", "Müller")
    assert any("not UTF-8" in note for note in data.notes)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "counts"), [("wnut17", {"train": 3394, "val": 1009, "test": 1287}), ("wikigold", None)]
)
def test_real_files(real_data, name, counts):
    data = read(real_data / "ner" / name)
    assert counts is None or {split: int((data.split == split).sum()) for split in counts} == counts
    assert len(data) == (1696 if counts is None else 5690)
