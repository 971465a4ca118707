"""What an estimator can do is asked of Protocols; one with nothing but fit and a scoring method is served."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from headstart.errors import ParameterError
from headstart.heads import HEADS, HeadSearch, select_head
from headstart.heads.contenders.estimators import estimator_contenders
from headstart.heads.estimator.per_output import OneByOne
from headstart.heads.estimator.protocols import ChoosesParameters, Estimator, LeaveOneOutScores, Linear
from headstart.heads.estimator.scores import scoring
from headstart.heads.feature_map import FeatureMap
from headstart.heads.problem import Problem
from headstart.heads.registry import EstimatorHead, ScreenedHead
from headstart.types import Task

TASK = Task("classification", ("low", "high"))
CAPABLE = {
    "attention": (), "boosting": (), "forest": (), "gaussian_process": (), "mlp": (), "naive_bayes": (),
    "ordinal": (), "prototypes": (), "svm": (), "tree": (), "siamese": (), "laplace": (),
    "knn": (LeaveOneOutScores, ChoosesParameters), "nearest_mean": (LeaveOneOutScores, ChoosesParameters),
    "logistic": (LeaveOneOutScores, ChoosesParameters, Linear), "stacking": (LeaveOneOutScores,),
}  # fmt: skip


class CloserMean:
    """A user's classifier: fit and predict_proba, and no parent class."""

    def fit(self, rows, y):
        self.means = np.stack([rows[y == c].mean(axis=0) for c in (0, 1)])
        return self

    def predict_proba(self, rows):
        near = np.exp(-((rows[:, None] - self.means) ** 2).sum(axis=2))
        return near / near.sum(axis=1, keepdims=True)


def two_clouds(n=40):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    return rng.normal(size=(n, 2)) + 4 * y[:, None], y


@pytest.mark.parametrize("screen", [False, True])
def test_a_users_estimator_with_only_fit_and_predict_proba_is_a_head(screen):
    x, y = two_clouds()
    head = SimpleNamespace(
        name="closer_mean", tasks=frozenset({"classification"}), complexity=1, make=lambda _task, **_sizes: CloserMean()
    )
    assert isinstance(head, EstimatorHead)
    assert not isinstance(head, ScreenedHead)
    problem = Problem(x, y, TASK, (), None, 0)
    (found,), (tried,) = estimator_contenders(problem, FeatureMap("rows", ((0, 2),), "none"), [head], screen=screen)
    assert tried.loss < 0.1
    fitted = found.fitted((tried,))
    assert isinstance(fitted.estimator, CloserMean)
    np.testing.assert_array_equal(fitted.scores(x).argmax(axis=1), y)


@pytest.mark.parametrize("name", sorted(CAPABLE))
def test_each_estimator_says_what_it_can(name):
    made = HEADS[name].make(Task("classification", ("1", "2")), n=40, d=2, seed=0)
    assert isinstance(made, Estimator)
    found = tuple(kind for kind in (LeaveOneOutScores, ChoosesParameters, Linear) if isinstance(made, kind))
    assert found == CAPABLE[name]


def test_scikit_learns_estimators_are_asked_for_what_they_have_at_the_moment():
    pipeline = make_pipeline(StandardScaler(), GaussianNB())  # its class has a decision_function that it takes away
    assert scoring(pipeline)[0] == "predict_proba"
    assert scoring(make_pipeline(StandardScaler(), SVC()))[0] == "decision_function"
    assert scoring(OneByOne(Ridge()))[0] == "predict"
    assert scoring(OneByOne(GaussianNB()))[0] == "decision_function"


def test_an_estimator_that_scores_nothing_is_refused():
    with pytest.raises(ParameterError, match="Got a StandardScaler with none of them"):
        scoring(StandardScaler())


def test_columns_of_a_linear_estimator_are_one_linear_map():
    x, y = two_clouds()
    both = np.column_stack([y, 1 - y, np.ones_like(y)])  # the last label is always there
    fitted = HEADS["logistic"].make(Task("multilabel", ("a", "b", "c")), n=40, d=2, seed=0).fit(x, both)
    weight, bias = fitted.linear_map(3)
    np.testing.assert_allclose(x @ weight + bias, fitted.decision_function(x), atol=1e-9)
    assert OneByOne(GaussianNB()).fit(x, both).linear_map(3) is None


def test_a_linear_estimator_is_kept_as_its_map():
    x, y = two_clouds()
    fitted = select_head(x, y, TASK, search=HeadSearch(("logistic",)))
    assert fitted.linear
    assert fitted.weight.shape == (2, 2)
