"""Pickled checkpoints are read as tensors only."""

import pickle

import pytest
import torch

from headstart.errors import SourceError
from headstart.sources.weight_files import torch_checkpoint
from headstart.sources.weight_files.torch_checkpoint import converted, read_tensors

NAMES = ["weight", "bias", "count"]


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    torch.save({"a": torch.ones(2, 3).t(), "b": torch.zeros(2), "c": torch.tensor(7)}, tmp_path / "model.pth")
    return tmp_path / "model.pth"


def test_the_pickle_is_read_once_and_its_order_survives(checkpoint, monkeypatch):
    first = converted(checkpoint, "0" * 64, NAMES)
    monkeypatch.setattr(torch_checkpoint, "read_tensors", lambda _: pytest.fail("read again"))
    again = converted(checkpoint, "0" * 64, NAMES)
    for found in (first, again):
        assert set(found) == set(NAMES)
        torch.testing.assert_close(found["weight"], torch.ones(3, 2))
        assert found["count"].item() == 7


def test_a_damaged_copy_in_the_cache_is_made_anew(checkpoint, tmp_path):
    converted(checkpoint, "0" * 64, NAMES)
    (copy,) = (tmp_path / "cache").rglob("model.safetensors")
    copy.write_bytes(copy.read_bytes()[:-3])
    assert converted(checkpoint, "0" * 64, NAMES)["bias"].tolist() == [0, 0]


def test_another_number_of_tensors_is_refused(checkpoint):
    with pytest.raises(SourceError, match="holds 3 tensors instead of 2"):
        converted(checkpoint, "0" * 64, NAMES[:2])


class Runs:
    def __reduce__(self):
        return print, ("this must not run",)


def _pickled(path):
    path.write_bytes(pickle.dumps({"a": Runs()}))


def _with_code(path):
    torch.save({"a": Runs()}, path)


def _truncated(path):
    torch.save({"a": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:-200])


def _list(path):
    torch.save([torch.ones(2)], path)


def _numbers(path):
    torch.save({"a": 3}, path)


def _empty(path):
    path.write_bytes(b"")


def _nan(path):
    torch.save({"a": torch.tensor([float("nan")])}, path)


@pytest.mark.parametrize(
    "write", [_pickled, _with_code, _truncated, _list, _numbers, _nan, lambda p: p.write_bytes(b"")]
)
def test_anything_but_finite_tensors_is_one_sentence_and_nothing_runs(write, tmp_path, capsys):
    write(tmp_path / "model.pth")
    with pytest.raises(SourceError) as caught:
        read_tensors(tmp_path / "model.pth")
    assert "\n" not in str(caught.value)
    assert "must not run" not in capsys.readouterr().out
