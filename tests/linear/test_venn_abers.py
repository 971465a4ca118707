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
