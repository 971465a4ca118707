"""The space of fine-tunings: genes that have no effect, and bodies of few blocks."""

from __future__ import annotations

import numpy as np

from headstart.search.tuning_space import tuning_space


def test_genes_of_other_strategies_have_no_effect():
    space = tuning_space([f"layer{k}" for k in range(6)])
    rng = np.random.default_rng(0)
    for point in (space.sample(rng) for _ in range(50)):
        one = space.decode(point)
        assert (one.rank > 0) == (one.strategy == "lora")
        assert (one.blocks > 0) == (one.strategy == "partial")
        assert one.freeze in (0, 2, 4)
        assert one.strategy != "partial" or one.freeze == 0


def test_a_body_of_one_block_has_nothing_to_freeze():
    genes = {gene.name: gene.values for gene in tuning_space(["last"]).genes}
    assert (genes["freeze"], genes["blocks"]) == ((0, 1), (1,))
