"""Options for few, uneven, wrong and several labels, on the command line."""

from __future__ import annotations

import csv
import json

from command_line import texts, vectors, write_csv


def test_zero_shot_then_predict(cli):
    cli.works(
        "fit", "--zero-shot", "parcel, money back", "--source", "toy", "--out", "zero", says=["no examples were used"]
    )
    cli.works("predict", "zero", "where is my parcel", says=["parcel"])
    cli.refuses("fit", "--zero-shot", "one", "--source", "toy", code=2, says=["two or more"])
    cli.refuses("fit", "a.csv", "--zero-shot", "a,b", code=2, says=["no DATA"])
    cli.refuses("fit", code=2, says=["DATA"])


def test_labels_are_audited(cli):
    rows = texts(60)
    rows[7][1] = "delivery" if rows[7][1] == "refund" else "refund"
    write_csv(cli.folder / "texts.csv", rows)
    cli.works("inspect", "texts.csv", "--labels", "--source", "toy", "--out", "suspects.csv", says=["contradicted by"])
    with (cli.folder / "suspects.csv").open(newline="") as file:
        assert "6" in [row["id"] for row in csv.DictReader(file)]
    cli.refuses("inspect", "texts.csv", "--out", "a.csv", code=2, says=["--labels"])


def test_weights_suspects_and_priors(cli):
    write_csv(cli.folder / "rows.csv", vectors(60))
    cli.works("fit", "rows.csv", "--class-weight", "balanced", "--drop-suspects", "--baselines", "none", "--out", "run")
    (cli.folder / "priors.json").write_text(json.dumps({"a": 1, "b": 999}))
    cli.works("predict", "run", "rows.csv", "--priors", "estimate")
    told = json.loads(cli.works("predict", "run", "rows.csv", "--priors", "priors.json", "--json").out)
    assert sum(row["prediction"] == "b" for row in told["predictions"]) > 30
    cli.refuses("predict", "run", "rows.csv", "--priors", "even", code=2, says=["uniform, estimate or a JSON file"])


def test_several_columns(cli):
    header, *rows = vectors(60)
    write_csv(
        cli.folder / "rows.csv", [[*header, "price"], *([*row, 3.0 * row[0] + i / 100] for i, row in enumerate(rows))]
    )
    cli.works(
        "fit", "rows.csv", "--tasks", "label,price", "--baselines", "none", "--out", "run", says=["label", "price"]
    )
    told = json.loads(cli.works("predict", "run", "rows.csv", "--json").out)
    assert len(told["predictions"]) == 60
    assert {"label", "label.probability", "price"} <= set(told["predictions"][0])
    cli.works("predict", "run", "rows.csv", "--out", "out.csv")
    cli.refuses("fit", "rows.csv", "--tasks", "label", code=2, says=["two or more different label columns"])
    cli.refuses("predict", "run", "rows.csv", "--priors", "uniform", code=2, says=["one column"])
