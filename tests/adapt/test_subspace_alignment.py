"""Subspace alignment: agreement with skada up to the signs of directions; ranks."""

from __future__ import annotations

import numpy as np
from adaptation_references import domains, references

from headstart.adapt import SubspaceAlignment


def test_it_agrees_with_skada():
    xs, _, xt = domains()
    adapter = SubspaceAlignment(components=2).fit(xs, xt)
    expected = references()["skada"]["subspace alignment"]
    target = adapter.transform(xt)
    signs = np.sign((target * expected["target"]).sum(axis=0))  # of the target's directions; the source's cancel
    np.testing.assert_allclose(target * signs, expected["target"], atol=1e-9)
    np.testing.assert_allclose(adapter.transform_source(xs) * signs, expected["source"], atol=1e-9)


def test_a_low_rank_gives_fewer_components():
    xs, _, xt = domains()
    assert SubspaceAlignment().fit(xs, xt[:3]).transform(xt).shape == (25, 2)
