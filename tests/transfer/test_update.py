"""`update` and its command: new items and classes, copies, contradictions, corrections, test data, and what is said."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_models import clusters

import headstart
from headstart.cli.main import main
from headstart.errors import DataError, NoModelError
from headstart.io import read_parquet
from headstart.linear.moments import Moments
from headstart.model.updating.solved_again import solved_head
from headstart.model.versions import versions_of
from headstart.transfer.update import update

ROWS, LABELS = clusters(60)
NEW, NAMES = clusters(30, seed=0)
NEW = NEW + np.float32(0.01)


def table(path: Path, rows, labels) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "d", "kind"])
        writer.writerows([[*map(repr, map(float, row)), label] for row, label in zip(rows, labels, strict=True)])
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("made")
    known = [k for k in range(60) if LABELS[k] != "cat"]
    data = table(place / "train.csv", ROWS[known], [LABELS[k] for k in known])
    headstart.fit(data, label="kind", baselines="none", verbose=False, out=place / "run")
    return place / "run"


@pytest.fixture
def run(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def test_new_items_and_a_new_class_are_learnt_and_kept_as_a_version(run, tmp_path):
    test = table(tmp_path / "test.csv", *clusters(45, seed=0))
    found = update(run, table(tmp_path / "new.csv", NEW, NAMES), test=test, verbose=False)
    assert (len(found.added), found.new_labels, found.chosen) == (30, ("cat",), True)
    assert not any("name of an item" in note for note in found.notes)  # their names are numbers of rows
    assert found.after.metrics["accuracy"].value > found.before.metrics["accuracy"].value + 0.2
    model = headstart.load(run)
    assert model.task.labels == ("ant", "bee", "cat")
    assert model.certainty.units == model.moments.n == 70
    assert versions_of(run)[1].about["metrics"]["accuracy"]["value"] == found.after.metrics["accuracy"].value


def test_the_version_is_the_fit_on_all_items_at_the_penalty_that_was_chosen_anew(run, tmp_path):
    """Agreement: the weights in the run folder against the moments of the rows of all items."""
    found = update(run, table(tmp_path / "new.csv", NEW, NAMES), verbose=False)
    model = headstart.load(run)
    known = [k for k in range(60) if LABELS[k] != "cat"]
    every, labels = np.concatenate([ROWS[known], NEW]), [*(LABELS[k] for k in known), *NAMES]
    y = np.eye(3)[[model.task.labels.index(label) for label in labels]]
    wanted, _ = solved_head(model.head, model.task, Moments.from_rows(model.head.feature_map(every), y))
    np.testing.assert_allclose(model.head.weight, wanted.weight, atol=1e-8 * np.abs(wanted.weight).max())
    assert found.penalty[1] == model.head.lam != found.penalty[0]


def test_copies_are_not_counted_twice_and_contradictions_are_named(run, tmp_path):
    first = headstart.load(run)
    other = "ant" if LABELS[1] == "bee" else "bee"
    given = table(tmp_path / "new.csv", [ROWS[0], ROWS[1], NEW[0], NEW[0]], [LABELS[0], other, "ant", "ant"])
    found = update(run, given, verbose=False)
    assert (len(found.added), found.duplicates, found.contradictions) == (1, ("0", "3"), {"1": "1"})
    assert headstart.load(run).moments.n == first.moments.n + 1
    again = update(run, given, verbose=False)
    assert not again.changed
    assert again.version is None
    assert headstart.load(run).folder.name == "2"


def test_a_content_with_two_labels_among_the_new_ones_is_left_out_altogether(run, tmp_path):
    found = update(run, table(tmp_path / "new.csv", [NEW[0], NEW[0], NEW[1]], ["ant", "bee", "bee"]), verbose=False)
    assert (len(found.added), dict(found.contradictions)) == (1, {"1": "0", "0": "1"})


def test_a_correction_replaces_the_label_and_the_last_one_counts(run, tmp_path):
    other = "ant" if LABELS[1] == "bee" else "bee"
    given = table(tmp_path / "new.csv", [ROWS[1], ROWS[1]], [LABELS[1], other])
    before = headstart.load(run)
    found = update(run, given, relabel=True, choose=False, verbose=False)
    assert (found.sentence, found.removed) == ("1 item got another label.", ("1",))
    wanted = before.forget(ROWS[[1]], [LABELS[1]]).update(ROWS[[1]], [other])
    np.testing.assert_allclose(found.model.head.weight, wanted.head.weight, atol=1e-8)
    items = read_parquet(found.version.folder / "splits.parquet").to_pydict()
    assert items["label"][items["id"].index("1@2")] == other
    back = update(run, table(tmp_path / "back.csv", [ROWS[1]], [LABELS[1]]), relabel=True, choose=False, verbose=False)
    np.testing.assert_allclose(back.model.head.weight, before.head.weight, atol=1e-8)


def test_items_of_an_update_are_known_to_the_next_one(run, tmp_path):
    given = table(tmp_path / "new.csv", NEW[:4], NAMES[:4])
    assert len(update(run, given, verbose=False).added) == 4
    assert len(update(run, given, verbose=False).duplicates) == 4


def test_another_place_is_said_to_have_drifted(run, tmp_path):
    found = update(run, table(tmp_path / "far.csv", NEW[:20] + 5, NAMES[:20]), verbose=False)
    assert found.drift.differs
    found = headstart.rollback(run)
    assert not update(run, table(tmp_path / "near.csv", NEW[:20], NAMES[:20]), verbose=False).drift.differs


def test_penalty_and_calibration_are_kept_where_asked_or_where_the_rows_are_not_at_hand(run, tmp_path, capsys):
    first = headstart.load(run)
    given = table(tmp_path / "new.csv", NEW[:5], NAMES[:5])
    found = update(run, given, choose=False, verbose=False)
    assert (found.model.head.lam, found.chosen) == (first.head.lam, None)
    headstart.rollback(run)
    (run / "certainty.safetensors").unlink()
    config = json.loads((run / "config.json").read_text())
    del config["sha256"]["certainty.safetensors"]
    (run / "config.json").write_text(json.dumps(config))
    assert main(["update", str(run), str(given)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "are not at hand, so λ and calibration are those of the fit" in out
    assert "no coverage can be promised any more" in out
    assert headstart.load(run).head.lam == first.head.lam


def test_a_model_in_memory_is_updated_without_a_folder(made):
    model = headstart.load(made)
    found = update(model, (NEW[:3].tolist(), NAMES[:3]), verbose=False)
    assert found.version is None
    assert found.model.moments.n == model.moments.n + len(found.added)


def test_the_command_says_what_changed(run, tmp_path, capsys):
    test = table(tmp_path / "test.csv", *clusters(45, seed=0))
    assert main(["update", str(run), str(table(tmp_path / "new.csv", NEW, NAMES)), "--test", str(test)]) == 0
    out = capsys.readouterr().out
    for words in ("30 items were added; 1 class is new", "chosen anew", "accuracy", "2, in force"):
        assert words in out
    assert main(["update", str(run), str(tmp_path / "new.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["added"], len(found["duplicates"]), found["version"]) == (0, 30, None)


def test_bad_input_is_one_sentence_and_writes_nothing(run, tmp_path):
    with pytest.raises(DataError):
        update(run, tmp_path / "nowhere.csv", verbose=False)
    with pytest.raises(DataError):
        update(run, (["a text"], ["ant"]), verbose=False)
    with pytest.raises(NoModelError):
        update(tmp_path, (NEW[:3].tolist(), NAMES[:3]), verbose=False)
    assert [one.number for one in versions_of(run)] == [1]
