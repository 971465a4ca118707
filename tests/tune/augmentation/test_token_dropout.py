"""Token dropout."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.errors import DataError, ParameterError
from headstart.tune.augmentation.token_dropout import TokenDropout


def test_tokens_are_dropped_at_their_rate_in_order_and_never_at_the_ends():
    tokens = np.arange(100, 152)
    outs = [TokenDropout(0.2)(tokens, np.random.default_rng(k)) for k in range(400)]
    assert all(out[0] == 100 and out[-1] == 151 and (np.diff(out) > 0).all() for out in outs)
    assert 50 - np.mean([len(out) - 2 for out in outs]) == pytest.approx(10, abs=0.6)
    assert outs[0].dtype == np.int64


@pytest.mark.parametrize("n", [1, 2])
def test_short_texts_stay(n):
    tokens = np.arange(n)
    assert np.array_equal(TokenDropout(1.0)(tokens, np.random.default_rng(0)), tokens)


def test_one_token_stays_between_the_ends():
    outs = [TokenDropout(1.0)(np.arange(6), np.random.default_rng(k)) for k in range(60)]
    assert {tuple(out) for out in outs} == {(0, k, 5) for k in range(1, 5)}


def test_masking_replaces_and_removes_nothing():
    tokens = np.arange(100, 152)
    outs = [TokenDropout(0, mask=0.3, mask_id=4)(tokens, np.random.default_rng(k)) for k in range(200)]
    assert all(len(out) == 52 and out[0] == 100 and out[-1] == 151 for out in outs)
    assert all(((out == 4) | (out == tokens)).all() for out in outs)
    assert np.mean([(out == 4).sum() for out in outs]) == pytest.approx(15, abs=1)


def test_masking_needs_the_number_of_the_mask_token():
    with pytest.raises(ParameterError, match="'mask_id' parameter of TokenDropout must be an integer"):
        TokenDropout(mask=0.1)


def test_what_are_no_tokens_is_refused():
    with pytest.raises(DataError, match="token ids"):
        TokenDropout()(np.zeros(4), np.random.default_rng(0))
