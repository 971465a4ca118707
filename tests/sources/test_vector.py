"""vector, toy and module sources."""

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.extract import extract
from headstart.errors import ItemError, SourceError
from headstart.sources.module import module
from headstart.sources.registry import open_source
from headstart.sources.toy import ToySource
from headstart.sources.vector import VectorSource


def test_a_matrix_of_float32_is_given_on_as_it_is(tmp_path):
    np.save(tmp_path / "rows.npy", np.eye(3, dtype=np.float32))
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert VectorSource().encode(rows) is rows
    assert VectorSource().whole(rows) is rows
    assert VectorSource().encode(list(rows)).dtype == np.float64


def test_rows_that_have_to_be_looked_at_one_by_one_are_not_given_as_a_whole():
    assert VectorSource().whole([[1.0]]) is None
    assert VectorSource().whole(np.array([["a"]])) is None
    assert VectorSource().whole(np.array([[1.0], [np.nan]])) is None


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint8, bool])
def test_rows_are_given_on_as_float64(dtype):
    rows = np.array([[1, 0, 3], [4, 5, 6]]).astype(dtype)
    for out in (VectorSource().encode(rows), extract(VectorSource(), rows).rows, VectorSource().encode(rows.tolist())):
        assert out.dtype == np.float64
        np.testing.assert_array_equal(out, rows.astype(np.float64))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_must_be_finite(bad):
    rows = np.array([[1.0, 2.0], [3.0, bad]])
    with pytest.raises(ItemError, match="column 1"):
        VectorSource().encode(rows)
    assert list(extract(VectorSource(), rows).failures) == [1]


@pytest.mark.parametrize("item", ["text", None, [], [[1.0]], 3.0, ["a", "b"]])
def test_nonsense_rows(item):
    with pytest.raises(ItemError):
        VectorSource().prepare(item)


def test_ragged_rows():
    with pytest.raises(ItemError, match="equally long"):
        VectorSource().encode([[1.0], [1.0, 2.0]])


def test_vector_has_no_body(tmp_path):
    assert VectorSource().untrained(0) is None
    assert VectorSource().save(tmp_path) == {"name": "vector"}


def test_toy_is_deterministic_and_learnable():
    texts = ["a good day", "a good night", "bad weather", "bad luck"]
    rows = ToySource().encode(texts)
    np.testing.assert_array_equal(rows, open_source("toy").encode(texts))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    near = unit @ unit.T
    assert near[0, 1] > near[0, 2]
    assert not np.array_equal(ToySource().untrained(0).encode(texts), rows)
    assert not np.array_equal(ToySource().untrained(0).encode(texts), ToySource().untrained(1).encode(texts))


@pytest.mark.parametrize("item", ["", " ", None, [], ["a"]])
def test_nonsense_for_the_toy(item):
    with pytest.raises(ItemError):
        ToySource().prepare(item)


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
    with pytest.raises(SourceError, match="one shape"):
        source.encode([[1.0, 2.0, 3.0], [1.0]])
