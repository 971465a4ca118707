"""Spans of characters as doccano, Prodigy, Label Studio and spaCy export them, aligned to words."""

from __future__ import annotations

import json

import pytest

from headstart.annotations import Span
from headstart.data import read

TEXT = "Ada Lovelace saw Paris."
FOUND = (Span(0, 2, "PER"), Span(3, 4, "LOC"))
TOKENS = [{"orth": "Ada", "ner": "B-PER"}, {"orth": "Lovelace", "ner": "L-PER"}, {"orth": "saw", "ner": "O"},
          {"orth": "Paris", "ner": "U-LOC"}, {"orth": ".", "ner": "O"}]  # fmt: skip
TRIPLES = [[0, 12, "PER"], [17, 22, "LOC"]]
STARTS = [{"start": 0, "end": 12, "label": "PER"}, {"start": 17, "end": 22, "label": "LOC"}]
STUDIO = [
    {"from_name": "label", "to_name": "text", "type": "labels",
     "value": {"start": s, "end": e, "text": TEXT[s:e], "labels": [label]}} for s, e, label in TRIPLES
]  # fmt: skip
TOOLS = {
    "doccano": {"id": 1, "text": TEXT, "label": TRIPLES},
    "doccano 1.0": {"id": 1, "text": TEXT, "labels": TRIPLES, "meta": {}},
    "doccano with relations": {
        "id": 1, "text": TEXT, "relations": [],
        "entities": [{"id": k, "label": x, "start_offset": s, "end_offset": e} for k, (s, e, x) in enumerate(TRIPLES)],
    },
    "Prodigy": {"text": TEXT, "spans": STARTS, "answer": "accept", "_input_hash": 1, "_task_hash": 2},
    "Label Studio": {"id": 7, "data": {"text": TEXT}, "annotations": [{"id": 1, "result": STUDIO}]},
    "Label Studio, short": {"id": 7, "text": TEXT, "label": [one["value"] for one in STUDIO]},
    "spaCy": {"text": TEXT, "ents": STARTS, "tokens": []},
    "spaCy 2": {"id": 0, "paragraphs": [{"raw": TEXT, "sentences": [{"tokens": TOKENS, "brackets": []}]}]},
    "pairs": [TEXT, {"entities": TRIPLES}],
}  # fmt: skip


@pytest.mark.parametrize("form", ["lines", "list"])
@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_gives_the_same_spans(tmp_path, tool, form):
    records = [TOOLS[tool], TOOLS[tool]]
    path = tmp_path / ("data.jsonl" if form == "lines" else "data.json")
    path.write_text("\n".join(map(json.dumps, records)) if form == "lines" else json.dumps(records))
    data = read(path)
    assert data.task.labels == ("LOC", "PER")
    assert [tuple(spans) for spans in data.y] == [FOUND, FOUND]
    assert len(set(data.ids)) == 2


def test_the_ner_annotator_keeps_its_classes_beside(tmp_path):
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps({"classes": ["PER", "LOC"], "annotations": [TOOLS["pairs"], None, TOOLS["pairs"]]}))
    assert [tuple(spans) for spans in read(path).y] == [FOUND, FOUND]


def lines(path, *records):
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return read(path)


def test_a_span_that_cuts_a_word_is_moved_and_said(tmp_path):
    data = lines(tmp_path / "a.jsonl", {"text": "Newyorkers like Newyork", "label": [[0, 7, "LOC"], [16, 23, "LOC"]]})
    assert data.y[0] == (Span(0, 1, "LOC"), Span(2, 3, "LOC"))
    (note,) = [note for note in data.notes if "moved to whole words" in note]
    assert "1 span begins or ends inside a word" in note
    assert "line 1 (LOC: 'Newyork') to 'Newyorkers'" in note


def test_the_longest_of_spans_that_overlap_stays(tmp_path):
    data = lines(tmp_path / "a.jsonl", {"text": "Bank of China", "label": [[8, 13, "LOC"], [0, 13, "ORG"]]})
    assert data.y[0] == (Span(0, 3, "ORG"),)
    assert any("1 span overlaps a longer one" in note for note in data.notes)


def test_rejected_records_are_left_out_and_counted(tmp_path):
    good = TOOLS["Prodigy"]
    data = lines(tmp_path / "a.jsonl", good, good | {"answer": "reject"}, good | {"answer": "ignore"})
    assert len(data) == 1
    assert any(note.startswith("2 records were rejected or skipped") for note in data.notes)


def test_offsets_of_utf16_are_told_by_the_stated_texts(tmp_path):
    value = {"start": 3, "end": 6, "text": "Ada", "labels": ["PER"]}
    record = {"data": {"text": "😀 Ada"}, "annotations": [{"result": [{"type": "labels", "value": value}]}]}
    data = lines(tmp_path / "a.jsonl", record)
    assert data.items[0].surface(data.y[0][0]) == "Ada"
    assert any("UTF-16" in note for note in data.notes)


def test_words_that_the_tool_states_are_kept(tmp_path):
    tokens = [{"text": "Ada", "start": 0, "end": 3, "id": 0}, {"text": "'s here", "start": 3, "end": 10, "id": 1}]
    data = lines(
        tmp_path / "a.jsonl",
        {"text": "Ada's here", "tokens": tokens, "spans": [{"start": 0, "end": 3, "label": "P"}]},
    )
    assert data.items[0].words == ("Ada", "'s here")


def test_a_table_of_texts_with_classes_stays_a_classification(tmp_path):
    data = lines(tmp_path / "a.jsonl", *({"text": f"text {k}", "label": "ab"[k % 2]} for k in range(6)))
    assert data.task.kind == "classification"


def test_labels_in_label_studio_are_not_lost_in_silence(tmp_path):
    """An empty or cancelled first annotation, two labels of a span, a span without one, relations, other regions."""
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
    both = json.loads(json.dumps(STUDIO))
    both[0]["value"]["labels"] = ["PER", "POET"]
    none = {**STUDIO[1], "value": {**STUDIO[1]["value"], "labels": []}}
    web = {"type": "hypertextlabels", "value": {"start": "/p[1]", "end": "/p[1]", "hypertextlabels": ["PER"]}}
    answers = [
        [{"was_cancelled": True, "result": both}, {"result": []}, {"result": [*both, relation]}],
        [{"result": [web]}], [{"result": [none]}], [{"result": []}],
    ]  # fmt: skip
    (tmp_path / "data.json").write_text(json.dumps([{"data": {"text": TEXT}, "annotations": one} for one in answers]))
    data = read(tmp_path / "data.json")
    assert [tuple(spans) for spans in data.y] == [FOUND, ()]
    for words in (
        "1 annotation is a further one", "1 label is a further one of its region and was not read", "(POET)",
        "1 region is of a type that is not read", "(hypertextlabels)", "1 region has no label", "2 texts keep none",
    ):  # fmt: skip
        assert any(words in note for note in data.notes), (words, data.notes)
