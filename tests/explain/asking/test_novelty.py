"""Whether an explanation says that the item is novel, with the p-value of `predict` and in one sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import headstart
from headstart.cli.main import main
from headstart.model.novelty import FALSE_ALARM


def fitted(count, **options):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(count, 3))
    rows[:, 0] += 2 * (np.arange(count) % 2)
    labels = [("low", "high")[k % 2] for k in range(count)]
    return headstart.fit((rows, labels), heads=["ridge"], baselines="none", verbose=False, **options)


def test_a_novel_item_is_called_novel_with_the_p_value_of_the_model():
    run = fitted(300)
    far, near = np.array([30.0, -30.0, 30.0]), np.array([2.0, 0.5, -0.5])
    found = [run.explain(item, method="linear_attribution").novelty for item in (far, near)]
    assert [one.p_value for one in found] == pytest.approx(run.model.novelty(np.array([far, near])).tolist())
    assert [one.is_novel for one in found] == [True, False]
    assert found[0].p_value <= FALSE_ALARM
    assert found[0].sentence.startswith("Novel: at most 1 in 100 of the training items")
    assert found[0].sentence.endswith("(p = 0.0033), so do not rely on the answer.")
    assert found[1].sentence.startswith("Not novel: ")


def test_with_few_training_items_none_is_called_novel_and_that_is_said():
    """Kind: nothing is promised that so few items cannot show."""
    found = fitted(40).explain([30.0, -30.0, 30.0], method="linear_attribution").novelty
    assert found.is_novel is None
    assert found.sentence.startswith("The 40 training items are too few to call an item novel")
    assert found.p_value == pytest.approx(1 / 41)


def test_a_model_that_kept_nothing_says_nothing():
    model = replace(fitted(40).model, certainty=None)
    found = model.explain([0.0, 0.0, 0.0], method="linear_attribution")
    assert found.novelty is None
    assert found.to_dict()["novelty"] is None


def test_the_command_the_page_and_the_json_say_it(tmp_path, capsys):
    fitted(300, out=tmp_path / "run")
    (tmp_path / "row.csv").write_text("column_0,column_1,column_2\n30,-30,30\n")
    page = tmp_path / "page.html"
    assert main(["explain", str(tmp_path / "run"), str(tmp_path / "row.csv"), "-o", str(page)]) == 0
    assert "Novel: at most 1 in 100" in " ".join(capsys.readouterr().out.split())
    assert '<p class="novel">Novel: at most' in page.read_text()
