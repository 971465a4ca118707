"""Bodies of the user's own: when their rows may be kept, and what preparing may give."""

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import ItemError, SourceError
from headstart.sources.module import module
from headstart.sources.registry import open_source

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


def body():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def test_module_with_blocks():
    inner = body()
    source = module(inner, torch.tensor, name="mine", modality="vector", blocks=["0"])
    rows = source.encode([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
    with torch.inference_mode():
        x = torch.tensor([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
        wanted = torch.cat([inner[0](x), inner(x)], dim=1).numpy()
    np.testing.assert_allclose(rows, wanted, atol=0.02)
    assert [(b.name, b.width) for b in source.info.blocks] == [("0", 4), ("last", 2)]
    assert source.info.num_features == 2


def test_module_is_not_stored(tmp_path):
    source = module(body(), torch.tensor, name="mine", modality="vector")
    assert source.save(tmp_path) == {"name": "module:mine"}
    with pytest.raises(SourceError, match="pass it as source="):
        open_source("module:mine")


def test_changed_weights_are_another_source():
    first, changed = body(), body()
    with torch.no_grad():
        changed[0].weight[0, 0] += 1
    digests = {module(b, torch.tensor, name="m", modality="vector").info.sha256 for b in (first, body(), changed)}
    assert len(digests) == 2


def test_module_untrained():
    inner = body()
    source = module(inner, torch.tensor, name="mine", modality="vector")
    before = source.encode([[1.0, 2.0, 3.0]])
    first, same, other = (source.untrained(seed).encode([[1.0, 2.0, 3.0]]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)
    np.testing.assert_array_equal(source.encode([[1.0, 2.0, 3.0]]), before)

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x * self.scale

    assert module(Own(), torch.tensor, name="own", modality="vector").untrained(0) is None


def test_module_errors_are_sentences():
    with pytest.raises(SourceError, match="no submodule 'nine'"):
        module(body(), torch.tensor, name="mine", modality="vector", blocks=["nine"])
    source = module(body(), torch.tensor, name="mine", modality="vector")
    with pytest.raises(ItemError, match="preprocessing of 'module:mine' failed"):
        source.prepare("text")
    with pytest.raises(SourceError, match="the same shape"):
        source.encode([[1.0, 2.0, 3.0], [1.0]])
