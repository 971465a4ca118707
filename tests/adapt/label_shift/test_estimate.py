"""Label shift in one call: what is said where shares change, where they do not, and where it is another shift."""

from __future__ import annotations

import numpy as np
from adaptation_references import predictions

from headstart.adapt.label_shift import estimate_label_shift

LABELS = ("ant", "bee", "fly")


def test_other_shares_are_found_and_explained():
    found = estimate_label_shift(*predictions(5, n=300, m=300), resamples=60)
    assert found.differs
    assert found.explained
    assert "most of all that of" in found.sentence(LABELS)
    assert abs(found.em.shares - [0.2, 0.3, 0.5]).max() < 0.1
    assert found.bbse is not None
    assert abs(found.bbse.shares - found.em.shares).max() < 0.1
    assert found.to_dict()["bbse"]["method"] == "bbse"


def test_the_same_shares_are_no_finding():
    left_out, y, _ = predictions(6, n=400)
    found = estimate_label_shift(left_out[:200], y[:200], left_out[200:], resamples=60)
    assert not found.differs
    assert found.sentence(LABELS).startswith("The class shares of the new items do not differ")


def test_features_show_a_shift_that_no_mixture_explains():
    rng = np.random.default_rng(0)
    left_out, y, new = predictions(7, n=100, m=100)
    xs = 3.0 * np.eye(3)[y] + rng.normal(size=(100, 3))
    found = estimate_label_shift(left_out, y, new, xs=xs, xt=rng.normal(size=(100, 3)) + 6, resamples=60)
    assert not found.explained
    assert found.sentence(LABELS).startswith("No mixture of the known classes")


def test_bbse_that_is_refused_leaves_its_reason():
    rows = np.tile([[0.51, 0.49], [0.49, 0.51]], (20, 1)) + np.linspace(-0.005, 0.005, 40)[:, None] * [1, -1]
    found = estimate_label_shift(rows, np.arange(40) // 2 % 2, rows, resamples=20)
    assert found.bbse is None
    assert "condition number" in found.refused
