"""Groups that names suggest are proposed where neighbours share them and it matters, and only there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.cli.main import main
from headstart.transfer.stages.group_proposal import Agreement, _finding, candidate_keys, neighbour_agreement
from headstart.types import Dataset, Task


def table(seed, spread, names):
    """Two classes of weak signal; what belongs together shares a place, and each group leans to one class or other."""
    rng = np.random.default_rng(seed)
    group, y = np.repeat(np.arange(16), 6), np.tile([0, 1], 48)
    places = spread * rng.normal(size=(2, 16, 8))  # of a group's items of each class
    x = places[y, group] + 0.5 * rng.normal(size=(96, 8)) + 0.4 * y[:, None]
    frame = pd.DataFrame(x, columns=list("abcdefgh"))
    frame["file"] = [names(g, k) for k, g in enumerate(group)]
    frame["label"] = np.array(["no", "yes"])[y]
    last = frame.tail(12).assign(split="test")  # judged once, which is quicker than in folds
    return pd.concat([frame.assign(split="train"), last.assign(file=[f"new{k}_speaker99.wav" for k in range(12)])])


def proposals(frame):
    run = headstart.fit(frame, label="label", baselines="none")
    found = [finding for finding in run.audit.findings if finding.kind == "possible_groups"]
    assert [f["kind"] for f in run.record["data"]["audit"] if f["kind"] == "possible_groups"] == [f.kind for f in found]
    return found


def test_a_speaker_in_the_name_is_proposed_with_the_option_to_use():
    (found,) = proposals(table(0, 2.0, lambda g, k: f"take{k}_speaker{g:02}.wav"))
    assert r"fit with --group-col file --group-pattern 'speaker(\d+)', and give the folder" in found.message
    assert "if these are left out together" in found.message
    assert "have a nearest neighbour of their class with" in found.message
    assert found.count == 16
    assert len(found.examples) == 5


def test_the_option_groups_and_silences_the_proposal(tmp_path, capsys):
    table(0, 2.0, lambda g, k: f"take{k}_speaker{g:02}.wav").to_csv(tmp_path / "a.csv", index=False)
    words = ["fit", str(tmp_path / "a.csv"), "--label", "label", "--baselines", "none", "--out", str(tmp_path / "run")]
    assert main([*words, "--group-col", "file", "--group-pattern", r"speaker(\d+)"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Found 17 groups in the names" in out
    assert "In that case fit with" not in out


def test_names_that_say_nothing_are_not_proposed():
    """Kind: a false proposal. Groups that are alike, and names that are drawn at random."""
    for seed in range(3):
        random = np.random.default_rng(seed).integers(9, size=(96, 2)).tolist()
        assert not proposals(table(seed, 2.0, lambda _, k, parts=random: f"{parts[k][0]}_{parts[k][1]}_{k}.wav"))


def test_groups_that_are_not_alike_are_not_proposed():
    for seed in range(3):
        assert not proposals(table(seed, 0.0, lambda g, k: f"take{k}_speaker{g:02}.wav"))


def test_agreement_is_the_share_with_its_chance_by_brute_force():
    rng = np.random.default_rng(0)
    classes, codes = np.repeat([0, 1], 30), rng.integers(0, 4, 60)
    near = np.array([rng.choice([k for k in np.flatnonzero(classes == classes[i]) if k != i]) for i in range(60)])
    near[::2] = [
        next(k for k in np.flatnonzero((classes == classes[i]) & (codes == codes[i])) if k != i)
        for i in range(0, 60, 2)
    ]
    found = neighbour_agreement(near, codes, classes)
    assert found.share == (codes == codes[near]).mean()
    by_hand = []
    for _ in range(4000):
        shuffled = codes.copy()
        for code in (0, 1):
            rows = np.flatnonzero(classes == code)
            shuffled[rows] = rng.permutation(codes[rows])
        by_hand.append((shuffled == shuffled[near]).mean())
    assert found.chance == pytest.approx(np.mean(by_hand), abs=0.01)
    assert found.p <= 0.01


@pytest.mark.realdata
def test_subjects_of_the_parkinsons_voices_are_proposed(real_data):
    frame = pd.read_csv(real_data / "medical/parkinsons_voice/parkinsons.data")
    frame["status"] = np.where(frame["status"] == 1, "ill", "well")
    (found,) = proposals(frame.rename(columns={"status": "label"}))
    assert found.message.endswith(r"In that case fit with --group-col name --group-pattern 'S(\d+)'")
    assert found.count == 32


@pytest.mark.parametrize(("task", "of"), [("classification", " of their class"), ("regression", "")])
def test_a_class_is_named_only_where_the_labels_are_classes(task, of):
    names = [f"{i % 2}_{'anna' if i < 10 else 'ben'}_{i}.wav" for i in range(20)]
    labels = ("0", "1") if task == "classification" else ("y",)
    data = Dataset(names, names, "audio", task=Task(task, labels), y=np.repeat([0, 1], 10))
    found = _finding(data, candidate_keys(data)[0], Agreement(0.79, 0.03, 0.001), (0.1, 0.2))
    assert f"79% have a nearest neighbour{of} with the same value, 3% by chance" in found.message
