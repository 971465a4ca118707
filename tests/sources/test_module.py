"""Bodies of the user's own: when their rows may be kept, and what preparing may give."""

import numpy as np
import torch
from torch import nn

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.sources.module import module

ROWS = [[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]


def own(seed=0, **options):
    torch.manual_seed(seed)
    return module(nn.Linear(3, 2), torch.tensor, name="mine", modality="vector", **options)


def key(source):
    return source.choose(Engine(backend="torch"), 2, lambda: [source.prepare(row) for row in ROWS])


def test_rows_are_kept_only_where_a_version_was_given():
    assert key(own()) is None
    assert key(own(version="1")) == key(own(version="1"))
    assert len({key(own(version="1")), key(own(version="2")), key(own(1, version="1"))}) == 3
    assert key(own(version="1").untrained(5)) != key(own(version="1"))


def test_a_version_saves_the_body_its_second_run():
    rows = np.random.default_rng(4).normal(size=(3, 3)).tolist()
    first, second = (extract(own(version="kept"), rows) for _ in range(2))
    assert (first.encoded, second.encoded) == (3, 0)
    np.testing.assert_array_equal(first.rows, second.rows)


def test_nothing_is_chosen_where_nothing_can_be_prepared():
    source = own(version="1")
    assert source.choose(Engine(backend="torch"), 2, list) is None
    assert source.info.blocks == ()


def test_preparing_may_give_arrays():
    source = module(nn.Linear(3, 2), lambda row: np.asarray(row, np.float32), name="arrays", modality="vector")
    assert source.encode(ROWS).shape == (2, 2)
