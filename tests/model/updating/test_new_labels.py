"""New labels of a multi-label model: the joint fit, their calibration, and one sentence where nothing can calibrate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_models import saved, solved

import headstart
from headstart.cli.main import main
from headstart.errors import DataError
from headstart.linear.moments import Moments
from headstart.model import TransferModel, Updater
from headstart.model.updating.solved_again import scored_again, solved_head
from headstart.tasks import task_methods
from headstart.transfer.forget import forget
from headstart.transfer.update import update

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(90, 5)).astype(np.float32)
Y = (ROWS[:, :3] + RNG.normal(scale=0.3, size=(90, 3)) > 0).astype(float)
OLD, NEW = slice(0, 60), slice(60, 90)
LISTS = [[f"y{k}" for k in np.flatnonzero(row)] for row in Y[NEW]]


def model(head: str = "ridge") -> TransferModel:
    return solved(ROWS[OLD], Y[OLD, :2], head=head, kind="multilabel")


def padded() -> np.ndarray:
    """The labels of all items; those of the fit have none that is new."""
    y = Y.copy()
    y[OLD, 2] = 0
    return y


@pytest.mark.parametrize("way", ["model", "updater", "chosen"])
def test_the_model_is_the_joint_fit_with_no_new_label_on_the_items_so_far(way):
    updater = Updater(model())
    if way == "model":
        found = model().update(ROWS[NEW], LISTS)
    else:
        updater.update(ROWS[NEW], LISTS)
        assert updater.choose() if way == "chosen" else True
        found = updater.complete()
    assert found.task.labels == ("y0", "y1", "y2")
    joint, spectrum = solved_head(found.head, found.task, Moments.from_rows(found.head.feature_map(ROWS), padded()))
    np.testing.assert_allclose(found.head.weight, joint.weight, atol=1e-8)
    scored = scored_again(replace(found.certainty), joint, found.task, spectrum)
    np.testing.assert_allclose(found.certainty.scores, scored.scores, atol=1e-8)
    np.testing.assert_array_equal(found.certainty.y, padded())


def test_new_labels_are_calibrated_on_left_out_scores_and_the_others_keep_theirs():
    before = model()
    found = before.update(ROWS[NEW], LISTS)
    wanted = task_methods(found.task).calibrate(found.certainty.scores, found.certainty.labels)
    for name in ("slope", "intercept"):
        np.testing.assert_allclose(found.head.calibration[name][2], wanted[name][2])
        np.testing.assert_array_equal(found.head.calibration[name][:2], before.head.calibration[name])


def test_until_it_is_calibrated_a_new_label_answers_with_its_base_rate():
    updater = Updater(model())
    quick = updater.update(ROWS[NEW], LISTS)
    share = (Y[NEW, 2].sum() + 1) / 92
    np.testing.assert_allclose(quick.predict_proba(ROWS)[:, 2], share)
    assert updater.complete().predict_proba(ROWS)[:, 2].std() > 0.03


def test_without_rows_a_new_label_is_one_sentence_and_nothing_changes():
    bare = replace(model(), certainty=None)
    with pytest.raises(DataError, match="label 'y2' is new, and its probabilities cannot be calibrated"):
        bare.update(ROWS[NEW], LISTS)
    updater = Updater(bare)
    with pytest.raises(DataError, match="the rows of the training items are not at hand"):
        updater.update(ROWS[NEW], LISTS)
    known = [[name for name in one if name != "y2"] for one in LISTS]
    assert updater.update(ROWS[NEW], known).task.labels == ("y0", "y1")


def test_a_head_without_a_closed_form_is_fitted_again_with_the_new_label():
    found = Updater(model("knn")).update(ROWS[NEW], LISTS)
    assert found.predict_proba(ROWS).shape == (90, 3)
    assert found.task.labels == ("y0", "y1", "y2")


def test_a_new_column_of_labels_by_the_command_line_and_forgotten_again(tmp_path, capsys):
    run = saved(tmp_path / "run", replace(model(), columns=tuple("abcde")))
    names = [*"abcde", "y0", "y1", "y2"]
    table = "\n".join(
        [",".join(names), *(",".join(map(str, [*x, *map(int, y)])) for x, y in zip(ROWS[NEW], Y[NEW], strict=True))]
    )
    (tmp_path / "new.csv").write_text(table + "\n")
    words = ["update", str(run), str(tmp_path / "new.csv"), "--label", "y0", "--label", "y1", "--label", "y2"]
    assert main([*words, "--keep-penalty"]) == 0
    out = capsys.readouterr().out
    assert "30 items were added; 1 label is new." in out
    assert "No item of the fit counts as 'y2'" in out
    taught = headstart.load(run)
    assert taught.task.labels == ("y0", "y1", "y2")
    again = forget(run, taught.certainty.ids[60:], choose=False, verbose=False).model
    np.testing.assert_allclose(again.head.weight[:, :2], model().head.weight, atol=1e-8)
    np.testing.assert_allclose(again.head.weight[:, 2], 0, atol=1e-8)


def test_test_data_with_the_new_label_judge_both_versions(tmp_path):
    run = saved(tmp_path / "run", model())
    found = update(run, (ROWS[NEW], LISTS), test=(ROWS[NEW], LISTS), task="multilabel", verbose=False)
    assert found.before.n == found.after.n == 30
    assert found.new_labels == ("y2",)
    again = update(run, (ROWS[NEW][:5], LISTS[:5]), task="multilabel", verbose=False)
    assert len(again.duplicates) == 5
