"""`adapt`: what is chosen under each kind of shift, what the adapted model is, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import headstart
from headstart.cli.main import main
from headstart.errors import DataError, UnknownNameError
from headstart.transfer.adapt import adapt

NAMES = ("low", "high", "far")


@pytest.fixture(scope="module")
def made():
    """Three clusters of six columns: items, labels, and a run on the first half of them."""
    rng = np.random.default_rng(0)
    y = np.arange(360) % 3
    rows = rng.normal(size=(360, 6)) + 5 * np.eye(3, 6)[y]
    names = np.array(NAMES)[y]
    run = headstart.fit((rows[:180], names[:180].tolist()), baselines="none", verbose=False)
    return rows[180:], names[180:], run


def shifted(rows):
    return rows * np.array([3.0, 1, 0.5, 1, 1, 1]) + np.array([9.0, 0, -6, 0, 0, 0])


def accuracy(model, rows, names):
    return float(np.mean(np.array(model.predict(rows)) == names))


def test_items_without_a_shift_change_nothing(made):
    rows, _, run = made
    found = adapt(run, rows)
    assert (found.chosen, found.model) == ("none", run.model)


def test_a_remedy_is_found_kept_and_read_again(made, tmp_path):
    rows, names, run = made
    moved = shifted(rows)
    found = adapt(run, moved, test=(moved, names.tolist()), out=tmp_path / "adapted")
    assert found.chosen not in ("none", "label_shares")
    before, after = accuracy(run.model, moved, names), accuracy(found.model, moved, names)
    assert after > 0.95 > 0.6 > before
    judged = {name: one.metrics["accuracy"].value for name, one in found.judged.items()}
    assert judged["none"] == pytest.approx(before)
    assert judged[found.chosen] == pytest.approx(after)
    again = headstart.load(tmp_path / "adapted")
    np.testing.assert_allclose(again.predict_proba(moved), found.model.predict_proba(moved), atol=1e-12)
    assert json.loads((tmp_path / "adapted" / "adaptation.json").read_text())["chosen"] == found.chosen


def test_shares_alone_are_corrected():
    rng = np.random.default_rng(0)

    def drawn(y):
        return rng.normal(size=(len(y), 6)) + 2.5 * np.eye(3, 6)[y]

    y, unequal = np.arange(300) % 3, np.repeat([0, 1, 2], [200, 20, 20])
    run = headstart.fit((drawn(y), np.array(NAMES)[y].tolist()), baselines="none", verbose=False)
    rows, names = drawn(unequal), np.array(NAMES)[unequal]
    found = adapt(run, rows)
    assert found.chosen == "label_shares"
    shares = dict(zip(found.model.task.labels, found.model.head.calibration["shares"], strict=True))
    assert shares["low"] == pytest.approx(200 / 240, abs=0.06)
    assert accuracy(found.model, rows, names) > accuracy(run.model, rows, names)


def test_an_adapted_model_keeps_nothing_that_belongs_to_the_old_items(made):
    rows, _, run = made
    model = adapt(run, shifted(rows)).model
    assert model.moments is None
    assert model.certainty is None
    with pytest.raises(DataError):
        headstart.update(model, (rows[:3], ["low", "high", "far"]), verbose=False)


def test_the_command_names_what_was_chosen(made, tmp_path, capsys):
    rows, names, run = made
    run.save(tmp_path / "run")
    table = tmp_path / "new.csv"
    header = ",".join(f"c{k}" for k in range(6))
    np.savetxt(table, shifted(rows), delimiter=",", header=header, comments="")
    assert names.shape == (180,)
    assert main(["adapt", str(tmp_path / "run"), str(table), "-o", str(tmp_path / "run2"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["chosen"] != "none"
    assert {one["name"] for one in found["candidates"]} >= {"none", "coral", found["chosen"]}
    assert main(["predict", str(tmp_path / "run2"), str(table)]) == 0


def test_what_cannot_be_adapted_is_refused(made):
    rows, _, run = made
    with pytest.raises(UnknownNameError, match="coral"):
        adapt(run, rows, methods=["corral"])
    numbers = headstart.fit((rows, rows[:, 0]), baselines="none", verbose=False)
    with pytest.raises(DataError, match="regression"):
        adapt(numbers, rows)
