"""`headstart.drift` and the command: which items are compared, what is written, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.cli.main import main
from headstart.errors import DataError, ParameterError


def frame(n, seed, moved=0.0):
    rng = np.random.default_rng(seed)
    found = pd.DataFrame(rng.normal(size=(n, 3)), columns=["age", "size", "dose"])
    found["size"] += moved
    found["label"] = np.where(found["age"] + 0.3 * rng.normal(size=n) > 0, "ill", "well")
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("drift") / "run"
    return headstart.fit(frame(200, 0), label="label", out=out, baselines="none", verbose=False)


def test_a_moved_column_is_named(run):
    found = headstart.drift(run, frame(100, 1, moved=1.5), permutations=99)
    assert found.verdict == "covariate shift"
    assert (found.columns[0].name, found.columns[0].test) == ("size", "KS")
    assert found.columns[0].moved == pytest.approx(1.5, abs=0.4)
    assert found.columns[1].p_holm > 0.05


def test_the_command_writes_tables_or_json(run, tmp_path, capsys):
    frame(60, 2, moved=2).to_csv(tmp_path / "new.csv", index=False)
    assert main(["drift", str(run.path), str(tmp_path / "new.csv")]) == 0
    out = capsys.readouterr().out
    assert "proxy A-distance" in out
    assert "headstart suggest" in out.splitlines()[-1]
    assert main(["drift", str(run.path), str(tmp_path / "new.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "covariate shift"
    assert set(found["tests"]) == {"mmd", "classifier", "frechet", "outputs"}
    assert 0.5 < found["a_distance"]["low"] <= found["a_distance"]["value"] <= 2
    assert found["items"] == 60
    assert found["label_shift"]["em"]["method"] == "em"


def test_predict_and_evaluate_say_one_line(run, tmp_path, capsys):
    for name, moved in (("same", 0.0), ("moved", 2.0)):
        frame(80, 3, moved).to_csv(tmp_path / f"{name}.csv", index=False)
    for command in ("predict", "evaluate"):
        assert main([command, str(run.path), str(tmp_path / "same.csv")]) == 0
        same = "".join(capsys.readouterr())
        assert "none found (80 items against" in same
        assert main([command, str(run.path), str(tmp_path / "moved.csv")]) == 0
        moved = "".join(capsys.readouterr())
        assert "These items differ from the training items (80 items" in moved
    judged = headstart.evaluate(run, frame(80, 3, 2.0), verbose=False)
    assert judged.record["items_shift"]["differs"]


def test_a_given_reference_replaces_the_training_items(run):
    here = headstart.drift(run, frame(60, 4, 2), reference=frame(80, 5, 2), permutations=99)
    assert here.verdict == "none"
    assert here.reference == 80
    assert here.label_shift is None


def test_what_cannot_be_compared_is_refused_in_one_sentence(run):
    texts = headstart.zero_shot(["parcel", "refund"], source="toy", verbose=False)
    with pytest.raises(DataError, match=r"kept nothing of its training items; name .* --reference DATA"):
        headstart.drift(texts, ["where is it"] * 12)
    with pytest.raises(DataError, match=r"at least 10 new items\. Got 5"):
        headstart.drift(run, frame(5, 6))
    with pytest.raises(ParameterError, match="'level' parameter of drift"):
        headstart.drift(run, frame(20, 6), level=0)


def test_texts_in_copies_count_as_one_and_copies_of_training_texts_are_mentioned(tmp_path):
    words = ["red", "green", "blue", "warm", "cold", "old", "new", "big"]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.permutation(words)[:5]) + f" {k}" for k in range(120)]
    labels = ["+" if "red" in text else "-" for text in texts]
    run = headstart.fit((texts[:80], labels[:80]), source="toy", out=tmp_path / "run", baselines="none", verbose=False)
    found = headstart.drift(run, [*texts[80:], *texts[:10]], permutations=49)
    assert found.items == 50
    assert "10 new items are copies of training items" in found.notes[0]
    with pytest.raises(DataError, match="were read as vector"):
        headstart.drift(run, np.zeros((12, 3)))
