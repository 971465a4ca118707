"""Venn-Abers: isotonic regression on each hypothetical label by brute force, and validity."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from headstart.errors import DataError, ParameterError
from headstart.linear.venn_abers import merged, venn_abers, venn_abers_classes


@pytest.mark.parametrize("decimals", [1, 6])
def test_both_probabilities_are_isotonic_fits_with_the_hypothetical_label(decimals: int) -> None:
    rng = np.random.default_rng(decimals)
    scores = np.round(rng.random(80), decimals)  # many ties with one decimal
    y = (rng.random(80) < scores).astype(int)
    new = np.round(np.concatenate([rng.random(15), [-1.0, 2.0], scores[:3]]), decimals)
    found = venn_abers(scores, y, new)
    for value, pair in zip(new, found, strict=True):
        for label in (0, 1):
            fit = IsotonicRegression().fit(np.append(scores, value), np.append(y, label))
            assert pair[label] == pytest.approx(fit.predict([value])[0], abs=1e-12)


def test_p0_never_exceeds_p1_and_the_merged_probability_lies_between() -> None:
    rng = np.random.default_rng(0)
    scores, new = rng.normal(size=60), rng.normal(size=40)
    pairs = venn_abers(scores, (rng.random(60) < 0.5).astype(int), new)
    one = merged(pairs)
    assert (pairs[:, 0] <= one).all()
    assert (one <= pairs[:, 1]).all()


def test_probabilities_of_classes_sum_to_one_and_are_never_certain() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 90)
    scores = np.eye(3)[y] * 5 + rng.normal(size=(90, 3))
    found = venn_abers_classes(scores, y, scores[:10] * 3)
    assert found.sum(axis=1) == pytest.approx(1)
    assert found.max() < 1


def test_bad_input_is_refused() -> None:
    with pytest.raises(ParameterError, match="labels 0 or 1"):
        venn_abers([0.1], [2], [0.5])
    with pytest.raises(DataError, match="finite"):
        venn_abers([0.1], [1], [np.nan])


def test_the_package_venn_abers_gives_the_same_where_it_is_installed() -> None:
    package = pytest.importorskip("venn_abers")
    rng = np.random.default_rng(3)
    scores, new = rng.random(300), rng.random(40)
    y = (rng.random(300) < scores).astype(int)
    theirs = package.VennAbers()
    theirs.fit(np.stack([1 - scores, scores], axis=1), y)
    one, pairs = theirs.predict_proba(np.stack([1 - new, new], axis=1))
    found = venn_abers(scores, y, new)
    assert found == pytest.approx(pairs, abs=1e-12)
    assert merged(found) == pytest.approx(one[:, 1], abs=1e-12)


def test_both_probabilities_grow_with_the_score_also_on_many_scores_with_ties() -> None:
    rng = np.random.default_rng(4)
    scores = np.round(rng.normal(size=5000), 2)
    y = (rng.random(5000) < 1 / (1 + np.exp(-scores))).astype(int)
    found = venn_abers(scores, y, np.linspace(-5, 5, 2001))
    assert (np.diff(found, axis=0) >= -1e-12).all()
    assert np.abs(found[1000] - 0.5).max() < 0.06
