"""The choice of an augmentation, and what every one of them must hold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from headstart.errors import ParameterError
from headstart.tune.augmentation.choice import augmentation_for

CHOICES = [(kind, strength) for kind in ("picture", "pictures", "tokens") for strength in ("light", "standard")]


def item(kind):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return {"picture": picture, "pictures": [picture, picture[:, ::-1].copy()], "tokens": np.arange(40)}[kind]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("kind", ["picture", "pictures", "tokens", "array"])
def test_none_changes_nothing(kind):
    assert augmentation_for(kind, "none") is None


def test_nothing_is_known_of_arrays():
    assert augmentation_for("array", "standard") is None


@pytest.mark.parametrize(("kind", "strength"), CHOICES)
def test_it_is_pure(kind, strength):
    augment = augmentation_for(kind, strength)
    given, untouched = item(kind), item(kind)
    drawn = [augment(given, np.random.default_rng([0, 1, k])) for k in range(20)]
    again = [augment(given, np.random.default_rng([0, 1, k])) for k in range(20)]
    assert all(same(a, b) for a, b in zip(drawn, again, strict=True))
    assert same(given, untouched)
    assert any(len(one) != len(given) or not same(one, given) for one in drawn)
    assert not any(np.shares_memory(a, b) for one in drawn for a, b in zip(one, given, strict=False) if np.ndim(a))


@pytest.mark.parametrize(("kind", "strength"), CHOICES)
def test_threads_draw_what_one_thread_draws(kind, strength):
    augment, given = augmentation_for(kind, strength), item(kind)

    def one(k):
        return augment(given, np.random.default_rng([7, k]))

    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(one, range(40)))
    assert all(same(one(k), threaded[k]) for k in range(40))


@pytest.mark.parametrize("strength", ["light", "standard"])
@pytest.mark.parametrize("kind", ["picture", "pictures"])
def test_shape_and_type_stay(kind, strength):
    augment, given = augmentation_for(kind, strength), item(kind)
    for k in range(30):
        out = augment(given, np.random.default_rng(k))
        pairs = [(out, given)] if kind == "picture" else zip(out, given, strict=True)
        assert all(a.shape == b.shape and a.dtype == b.dtype and a.flags.writeable for a, b in pairs)


def test_unknown_words_are_refused():
    with pytest.raises(ParameterError, match="'strength' parameter of augmentation_for must be one of 'none'"):
        augmentation_for("picture", "heavy")
    with pytest.raises(ParameterError, match="'kind' parameter of augmentation_for must be one of 'picture'"):
        augmentation_for("text", "light")
