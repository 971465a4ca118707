"""Pickled checkpoints: what is refused, and what is kept of those that are read. Agreement and hostile input."""

import hashlib
import io
import pickle
import struct
import zipfile

import pytest
import torch
from torch import nn

from headstart.errors import DigestError, SourceError
from headstart.io import cache_folder
from headstart.sources.weight_files.torch_checkpoint import KeptCheckpoint, read_torch_checkpoint

AGAIN = "install it again"


def saved(value, *, legacy=True):
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


def read(path, content):
    path.write_bytes(content)
    return read_torch_checkpoint(path, size=len(content), sha256=hashlib.sha256(content).hexdigest(), again=AGAIN)


def refused(path, content, kind=SourceError):
    with pytest.raises(kind) as caught:
        read(path, content)
    message = str(caught.value)
    assert message.endswith(f"{AGAIN}.")
    assert str(path) in message
    assert "\n" not in message
    return message


def one_layer(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("legacy", [True, False], ids=["before 1.6", "zip"])
def test_both_formats_of_torch_are_read_in_order(tmp_path, legacy):
    state = one_layer().state_dict()
    found = read(tmp_path / "a.pth", saved(state, legacy=legacy))
    assert list(found) == ["weight", "bias"]
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_nothing_is_parsed_before_size_and_digest_are_right(tmp_path, monkeypatch):
    def parsed(*_args, **_kwargs):
        raise AssertionError("parsed")

    content = saved(one_layer().state_dict())
    sha256 = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr("torch.load", parsed)
    monkeypatch.setattr("pickletools.genops", parsed)
    path = tmp_path / "a.pth"
    for wrong, says in (
        (content[:-1], f"has {len(content) - 1:,} bytes instead of {len(content):,}"),
        (content + b"x", "has more bytes instead of"),
        (content[:-1] + bytes([content[-1] ^ 1]), "instead of " + sha256[:16]),
    ):
        path.write_bytes(wrong)
        with pytest.raises(DigestError, match=says) as caught:
            read_torch_checkpoint(path, size=len(content), sha256=sha256, again=AGAIN)
        assert str(caught.value).endswith(f"{AGAIN}.")


class Code:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("legacy", [True, False])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, legacy, capsys):
    message = refused(tmp_path / "a.pth", saved({"w": torch.ones(1), "x": Code()}, legacy=legacy))
    assert "no checkpoint of tensors alone" in message
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"x" * 50, pickle.dumps({"w": 1}), saved([1])[:60]])
def test_other_content_is_refused(tmp_path, content):
    refused(tmp_path / "a.pth", content)


@pytest.mark.parametrize("value", [[torch.ones(2)], {"w": 1}, {1: torch.ones(2)}, {"w": torch.ones(2).to_sparse()}, 7])
def test_only_dense_tensors_by_name_are_taken(tmp_path, value):
    assert "other things than dense tensors" in refused(tmp_path / "a.pth", saved(value))


@pytest.mark.parametrize("legacy", [True, False])
def test_tensors_larger_than_their_file_are_refused_unread(tmp_path, legacy):
    message = refused(tmp_path / "a.pth", saved({"w": torch.ones(1).expand(10**6, 10**6)}, legacy=legacy))
    assert "which is refused" in message


def test_a_storage_larger_than_the_file_is_refused_before_it_is_allocated(tmp_path, monkeypatch):
    content = saved({"w": torch.ones(200)})
    lie = content.replace(b"K\xc8", b"\x8a\x08" + struct.pack("<q", 2**46))  # BININT1 200 to LONG1 2^46
    assert lie != content
    monkeypatch.setattr("torch.load", lambda *_args, **_kwargs: pytest.fail("parsed"))
    assert "which is refused" in refused(tmp_path / "a.pth", lie)


def test_a_number_that_is_stored_for_repeated_use_is_refused(tmp_path):
    content = saved({"w": torch.ones(200)})
    assert "repeats a number" in refused(tmp_path / "a.pth", content.replace(b"K\xc8", b"K\xc8q\xf0"))


def test_an_archive_that_unpacks_to_more_than_it_has_is_refused(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10**6)
    assert "which is refused" in refused(tmp_path / "a.pth", stream.getvalue())


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(tmp_path, number):
    assert "'w'" in refused(tmp_path / "a.pth", saved({"w": torch.tensor([1.0, number])}))


class Kept:
    """A pickle of one layer, and how often it was looked for."""

    def __init__(self, folder, state):
        self.path, self.found = folder / "a.pth", 0
        self.path.write_bytes(saved(state))
        self.sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()
        self.size = self.path.stat().st_size

    def find(self):
        self.found += 1
        return self.path

    def load(self, module=None):
        checkpoint = KeptCheckpoint(self.find, self.size, self.sha256, AGAIN)
        module = module or one_layer(9)
        checkpoint.load_into(module)
        return module, checkpoint.problem


def test_tensors_are_converted_once_and_read_without_the_pickle_after_that(tmp_path):
    state = {"a.w": torch.ones(2, 3), "a.b": torch.zeros(2)}
    kept = Kept(tmp_path, state)
    module, problem = kept.load()
    assert (kept.found, problem) == (1, "")
    assert torch.equal(module.weight, state["a.w"])
    kept.path.unlink()
    again, _ = kept.load()
    assert kept.found == 1
    assert torch.equal(again.bias, state["a.b"])


@pytest.mark.parametrize("damage", ["cut", "other", "removed"])
def test_a_damaged_or_removed_entry_is_made_anew(tmp_path, damage):
    kept = Kept(tmp_path, one_layer(1).state_dict())
    kept.load()
    (file,) = cache_folder().rglob("model.safetensors")
    if damage == "removed":
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes(content[:-4] if damage == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    module, problem = kept.load()
    assert (kept.found, problem) == (2, "")
    assert torch.equal(module.weight, one_layer(1).weight)
    kept.load()
    assert kept.found == 2


def test_a_full_cache_is_reported_and_the_pickle_read_each_time(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE_LIMIT", "0")
    kept = Kept(tmp_path, one_layer(1).state_dict())
    for times in (1, 2):
        module, problem = kept.load()
        assert "the converted weights are not kept" in problem
        assert "HEADSTART_CACHE_LIMIT" in problem
        assert kept.found == times
        assert torch.equal(module.weight, one_layer(1).weight)


def test_a_cache_that_cannot_be_written_is_reported(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "file"))
    module, problem = Kept(tmp_path, one_layer(1).state_dict()).load()
    assert "the converted weights are not kept" in problem
    assert torch.equal(module.weight, one_layer(1).weight)


def test_tensors_that_do_not_fit_the_module_are_refused(tmp_path):
    with pytest.raises(SourceError, match=r"holds 2 tensors instead of 1; install it again\.$"):
        Kept(tmp_path, one_layer().state_dict()).load(nn.Linear(3, 2, bias=False))
    with pytest.raises(SourceError, match=r"has the shape \(2, 3\), and \(2, 4\) is needed for 'weight'"):
        Kept(tmp_path, one_layer().state_dict()).load(nn.Linear(4, 2))
