"""The choice between temperature and vector scaling: folds by brute force, noise, groups, weights, and its refusals."""

import numpy as np
import pytest

from headstart.linear.calibration import fit_temperature, log_loss, log_softmax
from headstart.linear.calibration_choice import choose_calibration, cross_fitted_logits
from headstart.linear.vector_scaling import fit_vector_scaling, relative_scaling


def drawn(n: int = 400, classes: int = 4, shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, n)
    scores = np.eye(classes)[y] + rng.normal(size=(n, classes)) / 2
    scores[:, 0] += shift
    return scores, y


def test_the_chosen_log_loss_is_that_of_items_outside_of_the_folds() -> None:
    scores, y = drawn()
    found = choose_calibration(scores, y)
    temperature = fit_temperature(scores, y)
    fold = np.random.default_rng(0).permutation(len(y)) % 5
    losses = np.empty(len(y))
    for k in range(5):
        factor, offset = relative_scaling(scores[fold != k] / temperature, y[fold != k], np.ones((fold != k).sum()))
        logs = log_softmax(scores[fold == k] / temperature * factor + offset)
        losses[fold == k] = -logs[np.arange(len(logs)), y[fold == k]]
    plain = -log_softmax(scores / temperature)[np.arange(len(y)), y]
    assert found.chosen == "vector scaling"
    assert found.log_loss == pytest.approx(losses.mean(), abs=1e-9)
    assert found.temperature_log_loss == pytest.approx(log_loss(scores / temperature, y))
    assert found.difference == pytest.approx((losses - plain).mean(), abs=1e-9)
    assert found.standard_error == pytest.approx((losses - plain).std(ddof=1) / np.sqrt(len(y)), rel=1e-6)
    factor, offset = fit_vector_scaling(scores, y)
    assert found.factor / temperature == pytest.approx(factor, rel=1e-6)
    assert found.offset == pytest.approx(offset, abs=1e-6)


def test_scores_that_need_only_a_temperature_keep_it() -> None:
    rng = np.random.default_rng(1)
    kept = 0
    for _ in range(20):
        logits = rng.normal(size=(400, 4)) * 2
        y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        found = choose_calibration(3 * logits, y)
        kept += found.chosen == "temperature"
        assert found.log_loss == found.temperature_log_loss
    assert kept >= 18


def test_copies_in_groups_do_not_count_as_evidence() -> None:
    scores, y = drawn(160, 4, shift=0.25)
    rows = np.repeat(np.arange(160), 12)
    alone, together = choose_calibration(scores, y), choose_calibration(scores[rows], y[rows], groups=rows)
    assert together.chosen == alone.chosen
    assert choose_calibration(scores[rows], y[rows]).chosen == "vector scaling" != alone.chosen


def test_weights_of_whole_numbers_are_copies() -> None:
    scores, y = drawn()
    weights = np.random.default_rng(2).integers(1, 4, len(y)).astype(float)
    rows = np.repeat(np.arange(len(y)), weights.astype(int))
    weighted = fit_vector_scaling(scores, y, sample_weight=weights)
    # the penalty counts as many items as there are, so it is scaled with the number of copies
    copied = fit_vector_scaling(scores[rows], y[rows], penalty=len(rows) / len(y))
    for one, other in zip(weighted, copied, strict=True):
        assert one == pytest.approx(other, abs=1e-7)


@pytest.mark.parametrize(
    ("scores", "y", "groups", "why"),
    [
        (*drawn(79), None, "fewer than 80 left-out items"),
        (*drawn(100), np.arange(100) % 19, "fewer than 20 groups"),
        (np.column_stack([drawn(200)[0], np.full(200, -np.inf)]), drawn(200)[1], None, "a class without items"),
    ],
)
def test_too_few_items_keep_the_temperature(
    scores: np.ndarray, y: np.ndarray, groups: np.ndarray | None, why: str
) -> None:
    found = choose_calibration(scores, y, groups=groups)
    assert found.chosen == "temperature"
    assert why in found.sentence
    assert found.to_dict()["difference"] is None


def test_items_of_a_group_share_a_fold() -> None:
    scores, y = drawn(60)
    units = np.arange(60) // 3
    out = cross_fitted_logits(scores, y, (np.ones(4), np.zeros(4)), units, np.ones(60))
    # factors and offsets of an item follow from the logits of three items of its group
    for group in range(20):
        rows = np.flatnonzero(units == group)
        design = np.stack([scores[rows, 0], np.ones(3)], axis=1)
        assert np.linalg.matrix_rank(np.column_stack([design, out[rows, 0]]), tol=1e-9) == 2
