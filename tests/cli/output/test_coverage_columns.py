"""``predict --coverage``: the columns set, low and high, what is promised, and what is refused."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pandas as pd
import pytest
from command_line import write_csv

from headstart.cli.output.coverage_columns import joined
from headstart.io import read_json


def numbers(count: int, seed: int = 0) -> list[list[object]]:
    """A header, then rows of three numbers, a class that holds the separator, labels, and a value."""
    rng = np.random.default_rng(seed)
    rows: list[list[object]] = [["a", "b", "c", "kind", "tags", "value"]]
    for _ in range(count):
        x = rng.normal(size=3)
        kind = ("up|down", "back\\", "plain")[int(np.argmax(x + rng.normal(size=3) * 0.7))]
        tags = ";".join(name for name, on in zip("rst", x + rng.normal(size=3) * 0.5 > 0, strict=True) if on)
        rows.append([*(f"{value:.4f}" for value in x), kind, tags or "none", f"{x[0] + rng.normal():.4f}"])
    return rows


def fit(cli, label: str, *words: str, count: int = 90) -> None:
    """A run on the numbers and one label."""
    rows = numbers(count)
    keep = [*range(3), rows[0].index(label)]
    table = write_csv(cli.folder / "d.csv", [[row[k] for k in keep] for row in rows])
    cli.works("fit", table, "--label", label, "--baselines", "none", "--out", "run", *words)
    write_csv(cli.folder / "new.csv", [row[:3] for row in numbers(12, seed=1)])


def test_labels_of_a_set_are_joined_and_split_again():
    for labels in (["a"], ["a|b", "c\\"], ["\\|", "|"], []):
        cells, current, rest = [], "", iter(joined(labels))
        for letter in rest:  # as a reader undoes it
            if letter == "\\":
                current += next(rest)
            elif letter == "|":
                cells, current = [*cells, current], ""
            else:
                current += letter
        assert [*cells, current] == (labels or [""])


def test_sets_stand_beside_the_predictions(cli, few_penalties):
    fit(cli, "kind")
    told = cli.works("predict", "run", "new.csv", "--coverage", "0.9", "-o", "p.csv").told
    assert "sets hold the label for 90% of new items (cross-conformal, 90 leave-one-out scores" in told
    assert "at least 80% if λ and features were fixed" in told
    frame = pd.read_csv(cli.folder / "p.csv", dtype=str)
    assert list(frame.columns[4:7]) == ["prediction", "probability", "set"]
    done = json.loads(cli.works("predict", "run", "new.csv", "--coverage", "0.9", "--json").out)
    sets = [row["set"] for row in done["predictions"]]
    assert [row["prediction"] for row in done["predictions"]] == [one[0] for one in sets]
    assert frame["set"].tolist() == [joined(one) for one in sets]
    assert any(len(one) > 1 for one in sets)
    lines = cli.works("predict", "run", "new.csv", "--coverage", "0.9").out.splitlines()
    assert [line.split("\t")[3] for line in lines] == frame["set"].tolist()
    cli.works("predict", "run", "new.csv", "--coverage", "0.9", "-o", "p.parquet")
    assert [list(one) for one in pd.read_parquet(cli.folder / "p.parquet")["set"]] == sets


def test_intervals_stand_beside_the_values(cli, few_penalties):
    fit(cli, "value")
    told = cli.works("predict", "run", "new.csv", "--coverage", "0.8", "-o", "p.csv").told
    assert "intervals hold the value for 80% of new items (jackknife+, 90 leave-one-out scores; about 80%" in told
    assert "at least 60% if λ" in told
    frame = pd.read_csv(cli.folder / "p.csv")
    assert ((frame["low"] < frame["prediction"]) & (frame["prediction"] < frame["high"])).all()


def test_several_labels_and_classes_by_themselves(cli, few_penalties):
    fit(cli, "tags", "--task", "multilabel")
    told = cli.works("predict", "run", "new.csv", "--coverage", "0.8").told
    assert "sets hold a label for 80% of new items that have it" in told
    refused = cli.refuses(
        "predict", "run", "new.csv", "--coverage", "0.8", "--per-class", code=2, says=["needs classes"]
    )
    assert "multilabel" in refused


def test_per_class(cli, few_penalties):
    fit(cli, "kind")
    told = cli.works("predict", "run", "new.csv", "--coverage", "0.8", "--per-class").told
    assert "80% of new items of each class" in told


def test_the_record_says_what_was_promised_and_what_was_held(cli, few_penalties):
    fit(cli, "kind")
    found = read_json(cli.folder / "run" / "metrics.json")["certainty"]
    assert [one["promised"] for one in found["coverage"]] == [0.8, 0.9, 0.95]
    for one in found["coverage"]:
        assert one["low"] <= one["realised"] <= one["high"]
        assert (one["items"], 1 <= one["size"] <= 3) == (90, True)
        assert abs(one["realised"] - one["promised"]) < 0.15
    assert "Prediction sets hold the label for 95%" in found["coverage_method"]


def test_too_few_items_are_refused_before_anything_is_encoded(cli, few_penalties):
    fit(cli, "kind", count=18)
    found = read_json(cli.folder / "run" / "metrics.json")["certainty"]
    assert "at least 19 items. Got 18" in found["coverage_refused"][-1]
    cli.refuses("predict", "run", "new.csv", "--coverage", "0.95", code=2, says=["at least 19 items. Got 18"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--coverage", "90"), "between 0 and 1"),
        (("--coverage", "0"), "between 0 and 1"),
        (("--coverage", "nan"), "between 0 and 1"),
        (("--coverage", "much"), "--coverage"),
        (("--per-class",), "give it with --coverage"),
        (("--coverage", "0.9", "--priors", "uniform"), "give one of the two"),
    ],
)
def test_mistakes_are_refused_in_a_sentence(cli, run, words, says):
    outcome = cli("predict", run, "a text", *words)
    assert outcome.code == 2
    assert says in outcome.err


def test_a_model_that_has_seen_no_example_promises_nothing(cli):
    cli.works("fit", "--zero-shot", "parcel,refund", "--source", "toy", "--out", "zero")
    cli.refuses("predict", "zero", "a text", "--coverage", "0.9", code=2, says=["no left-out scores"])


def test_several_label_columns_have_sets_and_intervals_of_their_own(cli, few_penalties):
    rows = [[*row[:4], row[5]] for row in numbers(60)]
    table = write_csv(cli.folder / "d.csv", rows)
    cli.works("fit", table, "--tasks", "kind,value", "--baselines", "none", "--out", "runs")
    write_csv(cli.folder / "new.csv", [row[:3] for row in numbers(5, seed=1)])
    told = cli.works("predict", "runs", "new.csv", "--coverage", "0.8", "-o", "p.csv").told
    assert "coverage of kind" in told
    assert "coverage of value" in told
    frame = pd.read_csv(cli.folder / "p.csv")
    assert {"kind.set", "value.low", "value.high"} <= set(frame.columns)


def test_without_the_option_nothing_changes():
    from headstart.cli.output.coverage_columns import asked_predictor

    assert asked_predictor(argparse.Namespace(coverage=None, per_class=False, priors="uniform"), None) is None
