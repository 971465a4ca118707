"""Matching of objects against brute force: above half of the union no object has two partners."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from headstart.decode.object_matches import object_matches

NUMBERS = arrays(np.int32, (4, 5), elements=st.sampled_from([0, 1, 2, 7]))


@given(NUMBERS, NUMBERS, arrays(np.bool_, (4, 5)))
def test_pairs_are_those_of_brute_force_and_unique(truth: np.ndarray, found: np.ndarray, ignored: np.ndarray) -> None:
    matches = object_matches(truth, found, ignored)
    wanted = {}
    for a in (1, 2, 7):
        for b in (1, 2, 7):
            one, other = (truth == a) & ~ignored, (found == b) & ~ignored
            union = (one | other).sum()
            if union and (one & other).sum() / union > 0.5:
                wanted[a, b] = (one & other).sum() / union
    names = [(matches.truth[i], matches.found[j]) for i, j in matches.pairs]
    assert dict(zip(names, matches.overlaps, strict=True)) == wanted
    assert len({a for a, _ in names}) == len({b for _, b in names}) == len(names)
    assert matches.truth.tolist() == np.unique(truth[~ignored & (truth > 0)]).tolist()
    assert matches.hits() == len(wanted)
