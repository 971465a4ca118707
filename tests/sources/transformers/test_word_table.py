"""Token embeddings outside of the body."""

import pickle

import numpy as np
import pytest

from headstart.errors import SourceError
from headstart.sources.transformers.word_table import RandomWords, RowTable, outside_words, save_with_words, word_table


def _rows(ids):
    return np.arange(24, dtype=np.float32).reshape(8, 3)[ids]


def test_rows_keep_the_shape_of_the_ids():
    ids = np.array([[1, 7], [0, 1]])
    assert np.array_equal(RowTable(_rows, (8, 3))(ids), _rows(ids))


def test_a_random_row_depends_on_seed_and_id_alone():
    words = RandomWords(5, (100, 4), 0.02, pad=1)
    some = words(np.array([[3, 1], [99, 3]]))
    assert np.array_equal(some[0, 0], some[1, 1])
    assert np.array_equal(words(np.array([99]))[0], some[1, 0])
    assert not some[0, 1].any()
    assert not np.array_equal(RandomWords(6, (100, 4), 0.02, pad=1)(np.array([3]))[0], some[0, 0])
    assert 0.015 < words(np.arange(2, 100)).std() < 0.025
    assert np.array_equal(pickle.loads(pickle.dumps(words))(np.array([3])), words(np.array([3])))


def test_a_file_of_safetensors_holds_all_rows_and_all_tensors(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    monkeypatch.setattr("headstart.sources.transformers.word_table.AT_ONCE", 3)
    tensors = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(1)}
    save_with_words(tensors, RowTable(_rows, (8, 3)), tmp_path / "model.safetensors")
    found = load_file(tmp_path / "model.safetensors")
    assert np.array_equal(found.pop("embeddings.word_embeddings.weight").numpy(), _rows(np.arange(8)))
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_a_body_with_its_own_table_has_none_outside():
    nn = pytest.importorskip("torch").nn
    with pytest.raises(SourceError, match="has its token embeddings inside"):
        word_table(nn.ModuleDict({"embeddings": nn.ModuleDict({"word_embeddings": nn.Embedding(3, 2)})}))
    assert not list(outside_words(RowTable(_rows, (8, 3))).parameters())
