"""Kept predictions of two runs: which items both held out, and what a run folder may not hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.errors import DataError, ModelFolderError, NoModelError
from headstart.io import write_json
from headstart.model.files.format import describe_task
from headstart.transfer.comparing.kept import KeptRun, kept_by_all, read_kept
from headstart.types import Task

TASK = Task("classification", ("ant", "bee"))


def kept(parts, contents=None, labels=None, task=TASK):
    ids = [str(i) for i in range(len(parts))]
    contents = [f"c{i}" for i in ids] if contents is None else contents
    judged = [i for i, part in enumerate(parts) if part != "train"]
    labels = [task.labels[i % 2] for i in judged] if labels is None else labels
    outputs = {f"output.{label}": [0.5 + 0.1 * (label == "ant")] * len(judged) for label in task.labels}
    return KeptRun.of(
        task,
        {"id": ids, "part": parts, "cluster": list(range(len(parts))), "content": contents},
        {"id": [ids[i] for i in judged], "label": labels, **outputs},
    )


def test_items_that_both_runs_hold_out_are_compared_by_name_and_content():
    one = kept(["train", "train", "test", "test", "test"])
    other = kept(["train", "train", "test", "test", "test"], ["c0", "c1", "c2", "changed", "c4"])
    found = kept_by_all([one, other], ["a", "b"])
    assert found.ids == ("2", "4")
    assert found.y.tolist() == [0, 0]
    assert "1 others are held out by some of them only" in found.how


def test_folds_agree_whatever_their_numbers():
    folds = ["fold 0", "fold 0", "fold 1", "fold 1"]
    turned = ["fold 1", "fold 1", "fold 0", "fold 0"]
    assert kept_by_all([kept(folds), kept(turned)], ["a", "b"]).n == 4


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (["fold 0", "fold 0", "fold 1", "fold 1"], ["fold 0", "fold 1", "fold 0", "fold 1"], "different splits"),
        (["test"] * 4, ["fold 0", "fold 0", "fold 1", "fold 1"], "different splits"),
        (["train", "test", "test", "test"], ["test", "test", "test", "train"], "different splits"),
        (["train", "train", "test", "test"], ["test", "test", "train", "train"], "no items in common"),
    ],
)
def test_other_splits_are_refused_with_what_to_do(first, second, says):
    with pytest.raises(DataError, match=says) as refused:
        kept_by_all([kept(first), kept(second)], ["a", "b"])
    assert "headstart compare A B DATA" in str(refused.value)


def test_other_labels_are_refused():
    parts = ["test"] * 4
    with pytest.raises(DataError, match="different labels for the same items"):
        kept_by_all([kept(parts), kept(parts, labels=["bee"] * 4)], ["a", "b"])
    with pytest.raises(DataError, match="only 'a' has 'bee', and only 'b' has 'wasp'"):
        kept_by_all([kept(parts), kept(parts, task=Task("classification", ("ant", "wasp")))], ["a", "b"])


def test_columns_follow_the_labels_of_the_first_model():
    turned = Task("classification", ("bee", "ant"))
    labels = ["ant", "bee", "ant", "bee"]
    found = kept_by_all([kept(["test"] * 4), kept(["test"] * 4, labels=labels, task=turned)], ["a", "b"])
    assert np.array_equal(*found.outputs)


def test_clusters_are_groups():
    run = kept(["test"] * 4)
    joined = KeptRun(run.task, run.splits.assign(cluster=[5, 5, 9, 9]), run.predictions)
    assert kept_by_all([joined, joined], ["a", "b"]).groups.tolist() == [0, 0, 1, 1]
    assert kept_by_all([run, run], ["a", "b"]).groups is None


@pytest.fixture
def folder(tmp_path):
    run = kept(["test"] * 4)
    write_json(tmp_path / "config.json", describe_task(TASK))
    run.splits.to_parquet(tmp_path / "splits.parquet")
    run.predictions.to_parquet(tmp_path / "predictions.parquet")
    return tmp_path


def test_a_folder_is_read_without_opening_its_model(folder):
    assert kept_by_all([read_kept(folder)] * 2, ["a", "b"]).n == 4


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("predictions", lambda table: table.drop(columns="output.bee")),
        ("predictions", lambda table: table.assign(**{"output.ant": np.inf})),
        ("predictions", lambda table: table.assign(**{"output.ant": "much"})),
        ("predictions", lambda table: table.assign(label="wasp")),
        ("splits", lambda table: table.drop(columns="content")),
    ],
)
def test_a_damaged_table_is_one_sentence(folder, table, change):
    path = folder / f"{table}.parquet"
    change(pd.read_parquet(path)).to_parquet(path)
    with pytest.raises((ModelFolderError, DataError)):
        read_kept(folder)


def test_what_is_no_table_is_one_sentence(folder):
    (folder / "splits.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(ModelFolderError, match="is damaged"):
        read_kept(folder)
    (folder / "splits.parquet").unlink()
    with pytest.raises(NoModelError, match="keeps no predictions for held-out items; give labelled data"):
        read_kept(folder)


def test_items_of_a_group_of_the_data_are_one_unit(tmp_path):
    """Kind: only near duplicates were known as groups, so intervals over sites were too narrow."""
    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.normal(size=(120, 3))).assign(
        label=np.array(["a", "b"])[np.arange(120) % 2], site=[f"s{k}" for k in np.arange(120) // 10]
    )
    for name in ("ridge", "lda"):
        headstart.fit(
            data, label="label", group_col="site", heads=(name,), baselines="none", out=tmp_path / name, verbose=False
        )
    found = headstart.compare([tmp_path / "ridge", tmp_path / "lda"], verbose=False)
    assert found.record["units"] == 12


def test_a_model_that_annotates_items_is_not_called_damaged(tmp_path):
    write_json(tmp_path / "config.json", {"annotation_head": {}, "task_kind": "token"})
    with pytest.raises(NoModelError, match=r"annotates items.*'headstart evaluate' judges each"):
        read_kept(tmp_path)
