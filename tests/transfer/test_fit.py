"""`fit` from data to run folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes

import headstart
from headstart.errors import DataError, UsageError
from headstart.sources.toy import ToySource
from headstart.transfer.stages.judge import make_plan
from headstart.types import Dataset, Task

REQUESTS = Path(headstart.__file__).parent / "assets" / "support_requests.csv"
INTENTS = ["forgot_password", "gift_card_balance", "product_availability"]


@pytest.fixture(scope="module")
def requests() -> pd.DataFrame:
    frame = pd.read_csv(REQUESTS)
    return frame[frame["intent"].isin(INTENTS)].reset_index(drop=True)


@pytest.fixture
def table(tmp_path, requests):
    path = tmp_path / "requests.csv"
    requests.to_csv(path, index=False)
    return path


def test_the_run_folder_holds_what_the_design_says(table, tmp_path):
    run = headstart.fit(str(table), source="toy", out=tmp_path / "run")
    found = {path.name for path in (tmp_path / "run").iterdir()}
    assert found >= {
        "model.safetensors", "config.json", "moments.safetensors", "calibration.json", "metrics.json",
        "splits.parquet", "manifest.json", "predictions.parquet", "README.md", "report.html", "logs", "body",
    } - ({"body"} if not (tmp_path / "run" / "body").exists() else set())  # fmt: skip
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["evaluation"]["metrics"]["accuracy"]["value"] == run.evaluation.metrics["accuracy"].value
    predictions = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    accuracy = (predictions["label"] == predictions["predicted"]).mean()
    assert accuracy == pytest.approx(run.evaluation.metrics["accuracy"].value)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["seed"] == 0
    assert manifest["source"]["name"] == "toy"


def test_baselines_and_transfer_gain_are_those_of_the_issue(table):
    run = headstart.fit(str(table), source="toy")
    majority, terms, untrained_body = (baseline.name for baseline in run.baselines)
    assert (majority, untrained_body) == ("majority", "untrained body")
    assert terms in {f"TF-IDF of {what}" for what in ("words", "characters", "words and characters")} | {
        "TF-IDF of words or characters"  # where the parts of the cross-validation differ
    }
    gain = run.record["transfer_gain"]
    untrained = run.record["baselines"]["untrained body"]["metrics"]["accuracy"]["value"]
    assert gain["value"] == pytest.approx(run.evaluation.metrics["accuracy"].value - untrained)
    assert gain["low"] <= gain["value"] <= gain["high"]


def test_two_fits_are_the_same(table):
    first, second = (headstart.fit(str(table), source="toy", baselines="none") for _ in range(2))
    np.testing.assert_array_equal(first.model.head.weight, second.model.head.weight)
    assert first.evaluation.to_dict() == second.evaluation.to_dict()


def test_regression_and_multi_output():
    x, y = load_diabetes(return_X_y=True)
    run = headstart.fit((x, y), baselines="fast")
    assert run.evaluation.metrics["r2"].value > 0.4
    assert run.evaluation.metrics["r2"].low < run.evaluation.metrics["r2"].value
    assert [one.name for one in run.baselines] == ["mean"]
    assert "R² is" in run.record["baselines"]["mean"]["gain"]["verdict"]
    two = headstart.fit((x, np.column_stack([y, y**2])), task="regression", baselines="none")
    assert two.model.predict_proba(x[:3]).shape == (3, 2)


def test_multilabel():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 5))
    frame = pd.DataFrame(x, columns=list("abcde"))
    frame["warm"], frame["wet"] = (x[:, 0] > 0).astype(int), (x[:, 1] > 0.5).astype(int)
    run = headstart.fit(frame, label=["warm", "wet"], baselines="fast")
    assert run.model.task.kind == "multilabel"
    assert run.evaluation.metrics["average_precision"].value > 0.9


def test_groups_stay_together_and_are_said():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))
    frame["label"] = np.where(frame["a"] > 0, "yes", "no")
    frame["patient"] = [f"p{i % 6}" for i in range(60)]
    run = headstart.fit(frame, label="label", group_col="patient", baselines="none")
    assert "leave-one-group-out over 6 groups" in run.record["evaluation"]["how"]


def test_too_few_groups_for_a_learning_curve_are_said():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 4)), columns=list("abcd"))
    frame["label"] = np.where(frame["a"] > 0, "yes", "no")
    frame["patient"] = [f"p{i % 4}" for i in range(40)]
    run = headstart.fit(frame, label="label", group_col="patient", baselines="none")
    assert run.learning_curve is None
    assert "4 groups" in run.record["learning_curve_missing"]


def test_near_duplicates_never_stand_on_both_sides(tmp_path, requests):
    twice = pd.concat([requests, requests.assign(text=requests["text"] + "!")])
    headstart.fit(twice, source="toy", out=tmp_path / "run", baselines="none")
    splits = pd.read_parquet(tmp_path / "run" / "splits.parquet")
    assert splits.groupby("cluster")["part"].nunique().max() == 1
    assert len(splits) == 2 * len(requests)
    assert splits["cluster"].nunique() == len(requests)


def test_unreadable_items_are_set_aside_and_the_rest_goes_on(table):
    frame = pd.read_csv(table)
    frame.loc[3, "text"] = "   "
    run = headstart.fit(frame, label="intent", item="text", source="toy", baselines="none")
    assert run.record["data"]["items"] - run.record["data"]["used"] in (0, 1)
    assert run.evaluation.n == len(frame) - 1


def test_time_split_holds_out_the_latest():
    n = 200
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    data = Dataset(
        items=rng.normal(size=(n, 2)), ids=tuple(map(str, range(n))), modality="vector",
        task=Task("classification", ("a", "b")), y=y, times=np.arange(n, dtype=float),
    )  # fmt: skip
    plan = make_plan(data, np.arange(n), seed=0)
    assert plan.evaluated.min() > plan.fitted.max()


def test_a_foreign_folder_is_left_alone(table, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("words")
    with pytest.raises(UsageError, match="left alone"):
        headstart.fit(str(table), source="toy", out=tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "words"


def test_one_class_is_refused():
    with pytest.raises(DataError, match="at least two classes"):
        headstart.fit((["a", "b", "c"], ["x", "x", "x"]), source="toy")


def test_when_the_transfer_does_not_help_the_run_says_so():
    """Labels that are noise: nothing can be better than the majority, and the verdict must not claim it."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefghij"), 6)) for _ in range(120)]
    run = headstart.fit((texts, rng.integers(0, 2, 120).astype(str)), source="toy")
    assert not run.record["transfer_gain"]["verdict"].startswith("The transfer helped")


def test_the_majority_is_the_majority_under_cross_validation():
    """The majority of a training part runs against its test part; the baseline must not."""
    rng = np.random.default_rng(0)
    run = headstart.fit((rng.normal(size=(24, 3)), ["a", "b"] * 12), baselines="fast")
    assert run.baselines[0].evaluation.metrics["accuracy"].value >= 0.5


def test_up_to_twenty_groups_are_left_out_one_by_one():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(90, 4)), columns=list("abcd"))
    frame["label"] = np.where(frame["a"] > 0, "yes", "no")
    frame["patient"] = [f"p{i % 15}" for i in range(90)]
    run = headstart.fit(frame, label="label", group_col="patient", baselines="none")
    assert "leave-one-group-out over 15 groups" in run.record["evaluation"]["how"]


def test_a_split_column_with_one_name_is_no_split():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc")).assign(split="train")
    frame["label"] = np.where(frame["a"] > 0, "yes", "no")
    assert headstart.fit(frame, label="label", baselines="none").evaluation.n == 60


def test_a_source_without_finite_untrained_features_does_not_lose_the_run(table):
    class Broken(ToySource):
        def untrained(self, seed):
            return Infinite(seed)

    class Infinite(ToySource):
        def forward(self, prepared):
            return np.full_like(super().forward(prepared), np.inf)

    run = headstart.fit(str(table), source=Broken())
    assert run.record["transfer_gain"] is None
    assert run.evaluation.n == 96


def test_chinese_titles_are_compared_with_characters(tmp_path):
    """Kind: a baseline that is too weak is a wrong claim; where words are not set apart by spaces, characters tell."""
    words = {"股票": ["大涨", "下跌", "收盘", "分红"], "球队": ["获胜", "夺冠", "主场", "进球"]}
    texts = [f"{place}{noun}{verb}" for place in "京沪穗蓉汉" for noun, verbs in words.items() for verb in verbs]
    labels = [noun for _ in "京沪穗蓉汉" for noun, verbs in words.items() for _ in verbs]
    run = headstart.fit((texts, labels), source="toy", baselines="fast", out=tmp_path / "run")
    found = {baseline.name: baseline.evaluation.metrics["accuracy"].value for baseline in run.baselines}
    assert found["TF-IDF of characters"] > 0.9
    assert "TF-IDF of characters" in (tmp_path / "run" / "README.md").read_text()
