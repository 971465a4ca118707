"""The scikit-learn estimators: scikit-learn's own checks, and use inside its tools."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from headstart import TransferClassifier, TransferEncoder, TransferRegressor
from headstart.errors import DataError, HeadstartError, ModelFolderError, UsageError

TEXTS = [f"{word} {i}" for i in range(10) for word in ("sunny sky", "thunder storm")]
LABELS = ["sun", "storm"] * 10


# No check is left out. Two are skipped by scikit-learn itself for every estimator of the kind: check_array_api_input
# (needs SCIPY_ARRAY_API=1) and the multi-label output format of decision_function (there is none: predict_proba is it).
@parametrize_with_checks(
    [TransferClassifier(source="vector"), TransferRegressor(source="vector"), TransferEncoder(source="vector")]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_classifier_on_texts_in_cross_validation():
    scores = cross_val_score(TransferClassifier(source="toy"), np.array(TEXTS), LABELS, cv=4)
    assert scores.mean() == 1.0


def test_classifier_keeps_the_type_of_labels():
    x = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]]
    assert TransferClassifier(source="vector").fit(x, [7, 7, 7, 9, 9, 9]).predict([[2.05]]).tolist() == [9]


def test_grid_search_over_heads():
    digits = load_digits()
    search = GridSearchCV(TransferClassifier(source="vector"), {"head": ["ridge", "lda"]}, cv=3)
    search.fit(digits.data[:300], digits.target[:300])
    assert search.best_score_ > 0.85


def test_encoder_in_a_pipeline():
    pipeline = make_pipeline(TransferEncoder(source="toy", layers="all"), StandardScaler(), LogisticRegression())
    assert pipeline.fit(TEXTS, LABELS).score(TEXTS, LABELS) == 1.0
    assert TransferEncoder(source="toy").fit(TEXTS).transform(TEXTS).shape == (20, 64)
    assert TransferEncoder(source="toy").fit(TEXTS).get_feature_names_out()[0] == "trigrams_0"


def test_classifier_on_a_column_of_a_frame():
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS})
    classifier = TransferClassifier(source="toy").fit(frame["text"], frame["label"])
    assert classifier.score(frame["text"], frame["label"]) == 1.0


def test_multilabel_classifier():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    y = (x[:, :2] > 0).astype(int)
    classifier = TransferClassifier(source="vector").fit(x, y)
    assert classifier.predict_proba(x).shape == (120, 2)
    assert (classifier.predict(x) == y).mean() > 0.9


def test_multi_output_regressor_beats_the_mean():
    x, y = load_diabetes(return_X_y=True)
    both = np.column_stack([y, -2 * y])
    predicted = TransferRegressor(source="vector").fit(x[:300], both[:300]).predict(x[300:])
    np.testing.assert_allclose(predicted[:, 1], -2 * predicted[:, 0], rtol=1e-6)
    assert np.mean((predicted[:, 0] - y[300:]) ** 2) < 0.65 * np.var(y[300:])


@pytest.mark.parametrize("source", ["toy", "vector"])
def test_save_and_load_give_the_same_probabilities(tmp_path, source):
    x = TEXTS if source == "toy" else np.random.default_rng(0).normal(size=(20, 3)) + np.arange(20)[:, None] % 2
    classifier = TransferClassifier(source=source).fit(x, LABELS)
    classifier.save_pretrained(tmp_path / "model")
    loaded = TransferClassifier.from_pretrained(tmp_path / "model")
    np.testing.assert_allclose(loaded.predict_proba(x), classifier.predict_proba(x), rtol=0, atol=1e-6)
    assert loaded.predict(x).tolist() == classifier.predict(x).tolist()
    with pytest.raises(ModelFolderError, match="not for regression"):
        TransferRegressor.from_pretrained(tmp_path / "model")


def test_regressor_saves(tmp_path):
    x, y = load_diabetes(return_X_y=True)
    regressor = TransferRegressor(source="vector").fit(x, y)
    regressor.save_pretrained(tmp_path / "model")
    np.testing.assert_allclose(TransferRegressor.from_pretrained(tmp_path / "model").predict(x), regressor.predict(x))


def test_groups_are_used():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(40, 30)), 3, axis=0)
    y = np.repeat(rng.integers(0, 2, 40), 3)
    loose = TransferClassifier(source="vector").fit(x, y).model_.head.loss
    tight = TransferClassifier(source="vector").fit(x, y, groups=np.repeat(np.arange(40), 3)).model_.head.loss
    assert loose < 0.4 < tight


def test_mistakes_are_one_sentence():
    with pytest.raises(DataError, match="one label for each item"):
        TransferClassifier(source="toy").fit(TEXTS, LABELS[:-1])
    with pytest.raises(DataError, match="at least two classes"):
        TransferClassifier(source="toy").fit(TEXTS, ["same"] * 20)
    with pytest.raises(HeadstartError, match="Did you mean"):
        TransferClassifier(source="tooy").fit(TEXTS, LABELS)


def test_an_encoder_saves(tmp_path):
    encoder = TransferEncoder(source="toy", layers="all").fit(TEXTS)
    encoder.save_pretrained(tmp_path / "encoder")
    np.testing.assert_array_equal(
        TransferEncoder.from_pretrained(tmp_path / "encoder").transform(TEXTS), encoder.transform(TEXTS)
    )
    with pytest.raises(ModelFolderError, match="is an encoder"):
        TransferClassifier.from_pretrained(tmp_path / "encoder")


def test_whole_numbers_stay_labels(tmp_path):
    x, y = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]], [7, 7, 7, 9, 9, 9]
    TransferClassifier(source="vector").fit(x, y).save_pretrained(tmp_path / "model")
    assert TransferClassifier.from_pretrained(tmp_path / "model").score(x, y) == 1.0


def test_saving_leaves_a_foreign_folder_alone(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "precious.jpg").write_text("a picture")
    for fitted in (TransferClassifier(source="toy").fit(TEXTS, LABELS), TransferEncoder(source="toy").fit(TEXTS)):
        with pytest.raises(UsageError, match="left alone"):
            fitted.save_pretrained(tmp_path / "photos")
    assert (tmp_path / "photos" / "precious.jpg").read_text() == "a picture"
