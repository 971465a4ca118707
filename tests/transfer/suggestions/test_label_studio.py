"""Tasks for Label Studio: data, predictions and an interface whose names agree, for every task and kind of item."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from headstart.errors import DataError
from headstart.transfer.suggestions.label_studio import Answering, labelling_interface, studio_tasks
from headstart.transfer.suggestions.suggestion import Suggestion
from headstart.types import Task

TWO = Task("classification", ("ant", "bee & co <b>"))


def suggestion(prediction: object = "ant", probability: float | None = 0.6) -> Suggestion:
    return Suggestion(0, "new/a b.jpg", "", prediction, probability, 0.1, 3, None, "ant (0.60) or bee (0.40)")


def controls(about: Answering) -> dict[str, ET.Element]:
    view = ET.fromstring(labelling_interface(about))
    return {one.attrib["name"]: one for one in view.iter() if "name" in one.attrib}


@pytest.mark.parametrize(
    ("about", "item", "prediction"),
    [
        (Answering(TWO, "image", "run"), "new/a b.jpg", "ant"),
        (Answering(TWO, "audio", "run"), "new/a.wav", "ant"),
        (Answering(TWO, "text", "run"), "an ant", "bee & co <b>"),
        (Answering(TWO, "vector", "run"), np.array([0.5, 2.0]), "ant"),
        (Answering(Task("multilabel", ("sea", "sun")), "image", "run"), "a.jpg", ["sea", "sun"]),
        (Answering(Task("regression", ("u", "v")), "image", "run"), "a.jpg", [1.5, 2.0]),
        (Answering(TWO, "multimodal", "run", {"the text": "text", "price": "number"}), ("fine", 3.5), "ant"),
    ],
)
def test_predictions_refer_to_the_tags_of_the_interface(about, item, prediction):
    probability = None if about.task.kind == "regression" else 0.6
    (task,) = studio_tasks([suggestion(prediction, probability)], [item], about)
    tags = controls(about)
    for name, tag in tags.items():
        if "value" in tag.attrib:  # what is shown reads a field of data
            assert tag.attrib["value"].removeprefix("$") in task["data"]
        else:
            assert tag.attrib["toName"] in tags
            assert name in {one["from_name"] for one in task["predictions"][0]["result"]}
    (predicted,) = task["predictions"]
    assert predicted["model_version"] == "run"
    for one in predicted["result"]:
        assert one["to_name"] == tags[one["from_name"]].attrib["toName"]
        assert one["type"] in one["value"] or one["type"] == "choices"
    if about.task.kind != "regression":
        offered = {one.attrib["value"] for one in tags["label"]}
        assert set(predicted["result"][0]["value"]["choices"]) <= offered == set(about.task.labels)
        assert predicted["score"] == 0.6


def test_columns_never_overwrite_the_fields_of_a_task():
    """A column called id, and two whose names become the same tag: each keeps a field of its own."""
    columns = {"id": "text", "label": "text", "a b": "number", "a_b": "number"}
    about = Answering(TWO, "multimodal", "run", columns)
    assert about.renamed == {"id": "id_2", "label": "label_2", "a_b": "a_b_2"}
    (task,) = studio_tasks([suggestion()], [("seven", "big", 1.0, 2.0)], about)
    assert [task["data"][name] for name in ("id", "id_2", "label_2", "a_b", "a_b_2")] == [
        "new/a b.jpg", "seven", "big", "1.0", "2.0",
    ]  # fmt: skip
    names = [one.attrib["name"] for one in ET.fromstring(labelling_interface(about)).iter() if "name" in one.attrib]
    assert len(set(names)) == len(names)


def test_files_are_named_below_the_folder_that_is_served(tmp_path):
    items = [str(tmp_path / "one" / "a b.jpg"), str(tmp_path / "two" / "c.jpg")]
    tasks = studio_tasks([suggestion(), suggestion()], items, Answering(TWO, "image", "run"))
    assert [one["data"]["image"] for one in tasks] == [
        "/data/local-files/?d=one/a%20b.jpg",
        "/data/local-files/?d=two/c.jpg",
    ]


def test_a_picture_that_is_no_file_is_refused():
    with pytest.raises(DataError, match="Label Studio shows files, but an item is a ndarray"):
        studio_tasks([suggestion()], [np.zeros((4, 4, 3))], Answering(TWO, "image", "run"))
