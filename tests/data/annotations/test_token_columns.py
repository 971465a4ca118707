"""Columns of words and tags: Parquet with the features of Hugging Face, JSON, and objects in memory."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headstart.annotations import Span
from headstart.data import read
from headstart.errors import DataError

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
WORDS = [["Ada", "Lovelace", "saw", "Paris"], ["Nobody"]]
CODES = [[1, 2, 0, 3], [0]]
TAGS = [[NAMES[code] for code in row] for row in CODES]
FOUND = [(Span(0, 2, "PER"), Span(3, 4, "LOC")), ()]


def found(data):
    return [tuple(spans) for spans in data.y]


def written(path, codes=CODES, *, named=True):
    features = {"ner_tags": {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "List"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})} if named else {}
    pq.write_table(pa.table({"tokens": WORDS, "ner_tags": codes}).replace_schema_metadata(about), path)
    return path


def test_parquet_files_of_the_hub_hold_the_names(tmp_path):
    written(tmp_path / "train-00000-of-00001.parquet")
    written(tmp_path / "validation-00000-of-00001.parquet")
    data = read(tmp_path)
    assert found(data) == FOUND * 2
    assert data.split.tolist() == ["train", "train", "val", "val"]


def test_numbers_without_names_are_refused_with_what_to_state(tmp_path):
    path = written(tmp_path / "a.parquet", named=False)
    with pytest.raises(DataError, match=r"numbers without names.*names=O B-PER"):
        read(path)
    assert found(read(path, annotations="tokens,names=" + " ".join(NAMES))) == FOUND


@pytest.mark.parametrize("form", ["lines", "list"])
def test_json(tmp_path, form):
    rows = [
        {"id": k, "tokens": words, "ner_tags": tags} for k, (words, tags) in enumerate(zip(WORDS, TAGS, strict=True))
    ]
    path = tmp_path / ("a.jsonl" if form == "lines" else "a.json")
    path.write_text("\n".join(map(json.dumps, rows)) if form == "lines" else json.dumps(rows))
    assert found(read(path)) == FOUND


COLUMNS = {"tokens": WORDS, "ner_tags": TAGS}


@pytest.mark.parametrize(
    "data",
    [
        COLUMNS,
        pd.DataFrame(COLUMNS),
        [{"tokens": words, "ner_tags": tags} for words, tags in zip(WORDS, TAGS, strict=True)],
        (WORDS, FOUND),
        (["Ada Lovelace saw Paris", "Nobody"], FOUND),
    ],
    ids=["dict", "frame", "list of dicts", "pair with spans", "texts with spans"],
)
def test_objects_in_memory(data):
    assert found(read(data)) == FOUND


def test_characters_of_texts_with_a_task():
    data = read((["Ada Lovelace saw Paris", "Nobody"], [[(0, 12, "PER"), (17, 22, "LOC")], []]), task="token")
    assert found(data) == FOUND


def test_datasets_of_hugging_face():
    datasets = pytest.importorskip("datasets")
    tags = datasets.Sequence(datasets.ClassLabel(names=NAMES))
    features = datasets.Features({"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": tags})
    one = datasets.Dataset.from_dict({"tokens": WORDS, "ner_tags": CODES}, features=features)
    assert found(read(one)) == FOUND
    both = read(datasets.DatasetDict({"train": one, "test": one}))
    assert both.split.tolist() == ["train", "train", "test", "test"]


def test_boxes_and_masks_in_memory():
    pictures = [np.zeros((4, 6, 3), np.uint8)] * 2
    boxes = read((pictures, [{"boxes": [[0, 0, 2, 2]], "labels": ["cup"]}, {"boxes": [], "labels": []}]))
    assert (boxes.task.kind, boxes.task.labels, len(boxes.y[1])) == ("box", ("cup",), 0)
    masks = read((pictures, [np.eye(4, 6, dtype=int)] * 2), task="mask")
    assert masks.task.labels == ("background", "object")


def test_a_list_of_words_without_tags_stays_what_it_was():
    assert read((["good", "bad", "fine"], ["+", "-", "+"])).task.kind == "classification"
