"""Items of several lengths: each is in one batch, beside its equals only, and batches are bounded."""

import numpy as np

from headstart.sources.transformers.lengths import length_batches, padded_length


def test_each_item_is_once_in_a_batch_of_its_length_and_the_longest_come_first():
    lengths = np.random.default_rng(0).choice([4, 8, 32, 100], 50)
    groups = list(length_batches(lengths, 64))
    assert sorted(np.concatenate(groups)) == list(range(50))
    found = [set(lengths[group].tolist()) for group in groups]
    assert all(len(one) == 1 for one in found)
    assert [max(one) for one in found] == sorted((max(one) for one in found), reverse=True)
    assert all(len(group) == 1 or len(group) * lengths[group[0]] <= 64 for group in groups)


def test_padding_is_at_most_an_eighth_and_never_above_what_the_body_allows():
    for length in range(16, 600):
        padded = padded_length(length, 600)
        assert length <= padded <= min(length * 1.125, 600)
