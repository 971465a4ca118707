"""Zero-shot models, names of labels, audits of labels and several label columns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.errors import DataError, ModelFolderError, ParameterError, SourceError, UsageError
from headstart.model import TransferModel
from headstart.transfer.audit_labels import audit_labels
from headstart.transfer.fit_tasks import fit_tasks, load_tasks
from headstart.transfer.stages.label_texts import label_words, read_label_texts
from headstart.transfer.zero_shot import CHANCE, zero_shot

pytestmark = pytest.mark.usefixtures("three_folds")

REQUESTS = Path(headstart.__file__).parent / "assets" / "support_requests.csv"


@pytest.fixture(scope="module")
def requests() -> pd.DataFrame:
    return pd.read_csv(REQUESTS)


def test_zero_shot_is_the_nearest_name_by_cosine(requests):
    labels = sorted(requests["intent"].unique())
    model = zero_shot(labels, source="toy")
    texts = requests["text"].tolist()[:50]
    rows, names = model.source.encode(texts), model.source.encode([label_words(label) for label in labels])
    last = slice(*model.head.feature_map.blocks[-1])
    unit = [part[:, last] / np.linalg.norm(part[:, last], axis=1, keepdims=True) for part in (rows, names)]
    cosine = 16 * unit[0] @ unit[1].T
    expected = np.exp(cosine) / np.exp(cosine).sum(axis=1, keepdims=True)
    bounded = (1 - CHANCE) * expected + CHANCE / len(labels)
    np.testing.assert_allclose(model.predict_proba(texts), bounded, atol=1e-5)


def test_a_zero_shot_model_is_saved_and_learns_exactly(requests, tmp_path):
    labels = sorted(requests["intent"].unique())[:4]
    some = requests[requests["intent"].isin(labels)]
    model = zero_shot(labels, source="toy", out=tmp_path / "zero")
    again = TransferModel.load(tmp_path / "zero")
    assert again.head.prior == 1.0
    texts, names = some["text"].tolist(), some["intent"].tolist()
    np.testing.assert_allclose(again.predict_proba(texts), model.predict_proba(texts), atol=1e-9)
    taught = again.update(texts, names)
    assert (np.array(taught.predict(texts)) == names).mean() > (np.array(model.predict(texts)) == names).mean()
    forgot = taught.forget(texts, names)
    np.testing.assert_allclose(forgot.predict_proba(texts), model.predict_proba(texts), atol=1e-6)


def test_names_are_in_the_running_where_examples_are_few(requests):
    few = requests.groupby("intent").head(4)
    run = headstart.fit(few[["text", "intent"]], label="intent", source="toy", baselines="none")
    assert {candidate.prior for candidate in run.model.head.candidates} == {0.0, 1.0, 2.0}
    off = headstart.fit(few[["text", "intent"]], label="intent", source="toy", baselines="none", label_text="none")
    assert {candidate.prior for candidate in off.model.head.candidates} == {0.0}


def test_a_class_without_items_comes_with_its_description(requests):
    frame = requests[["text", "intent"]]
    names = sorted(frame["intent"].unique())
    seen = frame[frame["intent"] != names[0]]
    run = headstart.fit(
        seen, label="intent", source="toy", baselines="none", label_text={names[0]: label_words(names[0])}
    )
    assert run.model.task.labels == (*names[1:], names[0])
    assert run.model.head.prior > 0
    proba = run.model.predict_proba(["hello"])
    assert proba[0, -1] > 0


def test_label_texts_are_read_from_files(tmp_path):
    (tmp_path / "a.json").write_text('{"x": "one", "y": "two"}')
    (tmp_path / "a.csv").write_text('label,text\nx,"one, or more"\n')
    assert read_label_texts(tmp_path / "a.json") == {"x": "one", "y": "two"}
    assert read_label_texts(tmp_path / "a.csv") == {"x": "one, or more"}
    (tmp_path / "bad.json").write_text("[1]")
    for bad in ("bad.json", "missing.json"):
        with pytest.raises(DataError, match=r"[Ll]abel texts"):
            read_label_texts(tmp_path / bad)


def test_zero_shot_refuses_what_it_cannot_do(requests):
    with pytest.raises(DataError, match="two or more"):
        zero_shot(["one"], source="toy")
    with pytest.raises(SourceError, match="no text tower"):
        zero_shot(["a", "b"], source=headstart.open_source("vector"))
    rows = np.arange(40.0).reshape(20, 2)
    with pytest.raises(ParameterError, match="classification only"):
        headstart.fit((rows, np.arange(20.0)), task="regression", label_text="names", baselines="none")


def test_flipped_labels_are_suspect_and_explained(requests):
    frame = requests[["text", "intent"]].reset_index(drop=True)
    labels = sorted(frame["intent"].unique())
    rng = np.random.default_rng(0)
    wrong = rng.choice(len(frame), len(frame) // 20, replace=False)
    for i in wrong:
        frame.loc[i, "intent"] = rng.choice([label for label in labels if label != frame.loc[i, "intent"]])
    found = audit_labels(frame, source="toy", label="intent", item="text")
    ids = {int(suspect.id) for suspect in found.suspects}
    assert found.items <= len(frame)
    assert len(ids & set(wrong.tolist())) / len(ids) > 0.2  # the body is a toy; one in twenty by chance
    assert all(len(suspect.because) == 3 and suspect.id not in suspect.because for suspect in found.suspects)


def test_class_weights_are_kept_for_update():
    rng = np.random.default_rng(0)
    y = np.array(["rare"] * 12 + ["common"] * 88)
    x = rng.normal(size=(100, 3)) + (y == "rare")[:, None]
    run = headstart.fit((x, y), class_weight="balanced", baselines="none")
    model = run.model
    again = model.forget(x[:5], y[:5]).update(x[:5], y[:5])
    np.testing.assert_allclose(again.head.weight, model.head.weight, atol=1e-8)
    even, as_is = model.predict_proba(x, priors="uniform"), model.predict_proba(x)
    np.testing.assert_allclose(even, as_is, atol=1e-6)  # balanced already
    assert model.predict_proba(x, priors={"rare": 1, "common": 99})[:, 1].mean() < as_is[:, 1].mean()


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    frame = pd.DataFrame(x, columns=list("abcd"))
    frame["colour"] = np.where(x[:, 0] > 0, "red", "blue")
    frame["price"] = 3 * x[:, 1] + 0.1 * rng.normal(size=120)
    return frame


def test_columns_of_several_kinds_are_fitted_together(table, tmp_path):
    done = fit_tasks(table, ["colour", "price"], out=tmp_path / "run", baselines="none")
    assert {column: run.model.task.kind for column, run in done.runs.items()} == {
        "colour": "classification", "price": "regression",
    }  # fmt: skip
    assert done.runs["colour"].evaluation.metrics["accuracy"].value > 0.9
    assert done.runs["price"].evaluation.metrics["r2"].value > 0.9
    assert done.runs["price"].model.columns == ("a", "b", "c", "d")
    models = load_tasks(tmp_path / "run")
    assert list(models) == ["colour", "price"]
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(metrics) == {"colour", "price"}
    assert "| [price](price/README.md) | regression |" in (tmp_path / "run" / "README.md").read_text()
    rows = table[list("abcd")].to_numpy()[:3]
    np.testing.assert_allclose(models["price"].predict(rows), done.runs["price"].predict(rows))


def test_one_factorisation_serves_all_columns(table):
    from headstart.heads.spectral.spectra import shared_spectra

    with shared_spectra() as shared:
        both = [
            headstart.fit(table[[*"abcd", name]], label=name, baselines="none").model.head
            for name in ("price", "price")
        ]
    assert shared.reused > 0
    np.testing.assert_allclose(both[0].weight, both[1].weight, atol=1e-10)


def test_rows_without_one_label_serve_the_others(table):
    table.loc[:59, "colour"] = None
    done = fit_tasks(table, ["colour", "price"], baselines="none")
    assert done.runs["colour"].evaluation.n == 60
    assert done.runs["price"].evaluation.n == 120


def test_tasks_that_are_none_are_refused(table, tmp_path):
    for columns in (["colour"], ["colour", "colour"], ["colour", "size"]):
        with pytest.raises(DataError, match="two or more different label columns"):
            fit_tasks(table, columns)
    with pytest.raises(ModelFolderError, match=r"no tasks\.json"):
        load_tasks(tmp_path)


def test_a_zero_shot_model_is_not_written_over_a_run_that_is_to_be_kept(tmp_path):
    """Kind: nothing good is overwritten silently; it is said before the classes are encoded."""
    zero_shot(["parcel", "money"], source="toy", out=tmp_path / "m", verbose=False)
    before = (tmp_path / "m" / "config.json").read_bytes()
    with pytest.raises(UsageError, match="holds a run, which is kept"):
        zero_shot(["ant", "bee"], source="no-such-source", out=tmp_path / "m", overwrite=False, verbose=False)
    assert (tmp_path / "m" / "config.json").read_bytes() == before
    zero_shot(["ant", "bee"], source="toy", out=tmp_path / "m", verbose=False)
    assert headstart.load(tmp_path / "m").task.labels == ("ant", "bee")


def test_a_run_of_several_columns_that_is_to_be_kept_is_not_written_over(tmp_path):
    (tmp_path / "tasks.json").write_text(json.dumps({"model_type": "headstart-tasks", "tasks": {"size": "size"}}))
    with pytest.raises(UsageError, match="holds a run, which is kept"):
        fit_tasks("no-such-table.csv", ["size", "price"], out=tmp_path, overwrite=False, verbose=False)
