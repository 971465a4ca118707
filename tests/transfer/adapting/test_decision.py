"""When a candidate replaces the model as it is."""

from __future__ import annotations

import numpy as np

from headstart.transfer.adapting.decision import decide_adaptation
from headstart.transfer.adapting.scores import SCORES, CandidateScores

EVEN = np.array([0.5, 0.5])


def scores(rng, share, shares=EVEN, n=300, **others):
    items = {name: 1.0 * (rng.random(n) < others.get(name, share)) for name in SCORES}
    return CandidateScores(items, np.asarray(shares))


def test_equal_candidates_are_taken_seldom():
    rng = np.random.default_rng(0)
    taken = 0
    for _ in range(100):
        found = {name: scores(rng, 0.5) for name in ("none", "coral", "linear_monge", "standardisation")}
        taken += decide_adaptation(found, EVEN).adapts
    assert taken <= 3


def test_one_score_alone_is_not_enough_and_one_that_is_worse_refuses():
    rng = np.random.default_rng(1)
    one = {"none": scores(rng, 0.5), "coral": scores(rng, 0.5, circular=0.9)}
    decided = decide_adaptation(one, EVEN)
    assert not decided.adapts
    assert "only 1 of 4" in next(c.refused for c in decided.candidates if c.name == "coral")
    worse = {"none": scores(rng, 0.5), "coral": scores(rng, 0.9, neighbours=0.2)}
    assert "worse by neighbours" in next(
        c.refused for c in decide_adaptation(worse, EVEN).candidates if c.name == "coral"
    )


def test_impossible_shares_of_classes_refuse():
    rng = np.random.default_rng(2)
    found = {"none": scores(rng, 0.5), "coral": scores(rng, 0.9, shares=(1.0, 0.0))}
    decided = decide_adaptation(found, EVEN)
    assert not decided.adapts
    assert "shares of the classes" in decided.candidates[0].refused


def test_a_score_that_no_adaptation_lacks_is_not_used():
    rng = np.random.default_rng(3)
    none = scores(rng, 0.5)
    lacking = CandidateScores({name: none.items[name] for name in SCORES if name != "deep_embedded"}, EVEN)
    decided = decide_adaptation({"none": lacking, "coral": scores(rng, 0.9)}, EVEN)
    assert decided.chosen == "coral"
    assert "deep_embedded" not in decided.candidates[0].z


def test_a_score_that_one_candidate_lacks_still_refuses_another():
    rng = np.random.default_rng(4)
    lacking = scores(rng, 0.5)
    lacking = CandidateScores({name: lacking.items[name] for name in SCORES if name != "deep_embedded"}, EVEN)
    found = {"none": scores(rng, 0.5), "ulsif": lacking, "coral": scores(rng, 0.9, deep_embedded=0.2)}
    refused = {one.name: one.refused for one in decide_adaptation(found, EVEN).candidates}
    assert "worse by deep_embedded" in refused["coral"]
