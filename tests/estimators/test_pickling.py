"""Fitted estimators and models go through pickle, joblib and copy, in this process and into another one."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import headstart
from headstart import TransferClassifier, TransferEncoder, TransferRegressor
from headstart.errors import SourceError

TEXTS = [f"{word} {i}" for i in range(10) for word in ("sunny sky", "thunder storm")]
LABELS = ["sun", "storm"] * 10
ROWS = np.random.default_rng(0).normal(size=(20, 3)) + 2.0 * (np.arange(20)[:, None] % 2)


def fitted(name):
    return {
        "texts": lambda: (TransferClassifier(source="toy").fit(TEXTS, LABELS), TEXTS),
        "rows": lambda: (TransferClassifier(source="vector").fit(ROWS, LABELS), ROWS),
        "forest": lambda: (TransferClassifier(source="vector", head="forest").fit(ROWS, LABELS), ROWS),
        "regression": lambda: (TransferRegressor(source="toy").fit(TEXTS, np.arange(20.0)), TEXTS),
        "open source": lambda: (TransferClassifier(headstart.open_source("toy")).fit(TEXTS, LABELS), TEXTS),
        "pipeline": lambda: (make_pipeline(TransferEncoder("toy"), LogisticRegression()).fit(TEXTS, LABELS), TEXTS),
    }[name]()


@pytest.mark.parametrize("name", ["texts", "rows", "forest", "regression", "open source", "pipeline"])
def test_what_comes_back_predicts_the_same(tmp_path, name):
    estimator, items = fitted(name)
    joblib.dump(estimator, tmp_path / "kept.joblib")
    for again in (
        pickle.loads(pickle.dumps(estimator)),
        copy.deepcopy(estimator),
        joblib.load(tmp_path / "kept.joblib"),
    ):
        np.testing.assert_array_equal(again.predict(items), estimator.predict(items))


def test_models_and_runs_go_through_pickle():
    run = headstart.fit((TEXTS, LABELS), source="toy", baselines="none")
    for again in (pickle.loads(pickle.dumps(run)), pickle.loads(pickle.dumps(run.model))):
        assert again.predict(TEXTS) == run.predict(TEXTS)
    model = pickle.loads(pickle.dumps(run.model))
    assert model.engine == run.model.engine
    assert model.card == run.model.card


def test_a_body_with_weights_of_its_own_travels_with_the_estimator(tmp_path, body):
    pictures = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), dtype=np.uint8)
    pictures[::2] //= 4
    encoder = TransferEncoder(body).fit(pictures)
    expected = encoder.transform(pictures)
    (tmp_path / "sent").write_bytes(pickle.dumps(encoder))
    for place in (tmp_path / "body").iterdir():
        place.unlink()  # the other process has only what was sent
    script = (
        "import pickle, sys, numpy as np\nfrom pathlib import Path\n"
        "encoder = pickle.loads(Path(sys.argv[1]).read_bytes())\n"
        "pictures = np.load(sys.argv[2])\nnp.save(sys.argv[3], encoder.transform(pictures))\n"
    )
    np.save(tmp_path / "pictures.npy", pictures)
    places = [str(tmp_path / name) for name in ("sent", "pictures.npy", "rows.npy")]
    subprocess.run([sys.executable, "-c", script, *places], check=True, timeout=120)
    np.testing.assert_allclose(np.load(tmp_path / "rows.npy"), expected, rtol=0, atol=2e-2)


def test_a_module_of_the_users_own_says_what_to_do_instead():
    source = headstart.module(torch.nn.Linear(3, 2), np.asarray, name="mine", modality="vector")
    encoder = TransferEncoder(source).fit(ROWS.astype(np.float32))
    with pytest.raises(SourceError, match="save_pretrained"):
        pickle.dumps(encoder)


def test_unpacked_files_go_with_their_owner(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    estimator, items = fitted("texts")
    again = pickle.loads(pickle.dumps(estimator))
    again.predict(items)
    del again
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("headstart-")] == []
