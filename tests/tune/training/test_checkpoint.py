"""The state of a training: whole or not at all, and a full disk is said in one sentence."""

from __future__ import annotations

import errno
import subprocess
from dataclasses import replace

import pytest
import safetensors.torch
import torch
from array_batches import ArrayBatches
from torch import nn

from headstart.errors import SaveError
from headstart.tune.training.checkpoint import FILE, read_state, write_state
from headstart.tune.training.job import Job, ParameterGroup
from headstart.tune.training.loop import train
from headstart.tune.training.settings import Budget, Training


def full(*_args, **_options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_is_written_is_read_and_a_damaged_file_is_none(tmp_path):
    shared = torch.arange(3.0)
    tensors = {"a": shared, "b": shared, "t": torch.ones(2, 3).T, "n": torch.tensor(2)}
    write_state(tmp_path, tensors, {"step": 3, "loss": float("inf")})
    found, facts = read_state(tmp_path)
    assert facts == {"step": 3, "loss": float("inf")}
    assert all(torch.equal(found[name], value) for name, value in tensors.items())
    whole = (tmp_path / FILE).read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"\xff" * 40):
        (tmp_path / FILE).write_bytes(damaged)
        assert read_state(tmp_path) is None


def test_a_full_disk_leaves_the_state_before(tmp_path, monkeypatch):
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(SaveError) as first:
        write_state(tmp_path, {"w": torch.ones(2)}, {})
    begin = f"The training checkpoint could not be written to '{tmp_path}': No space left on device: the disk at '"
    assert str(first.value).startswith(begin)
    assert str(first.value).endswith("; free space and run the same command again.")
    monkeypatch.undo()
    write_state(tmp_path, {"w": torch.ones(2)}, {"step": 1})
    before = (tmp_path / FILE).read_bytes()
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(SaveError, match=r"No space left .*; the checkpoint before it is kept: free space"):
        write_state(tmp_path, {"w": torch.zeros(2)}, {"step": 2})
    assert (tmp_path / FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def job(module):
    x = torch.linspace(-1, 1, 32)[:, None]
    groups = (ParameterGroup(tuple(name for name, _ in module.named_parameters())),)
    return Job(
        module, groups, ArrayBatches((x,), 8, seed=0), lambda batch: (module(batch[0]) - batch[0].abs()).square().mean()
    )


def body(width=8):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, 1))


TRAINING = Training(epochs=2, learning_rate=0.02, precision="fp32")


def test_a_training_whose_disk_is_full_goes_on_when_there_is_room(tmp_path, monkeypatch):
    undisturbed = body()
    train(job(undisturbed), TRAINING)
    heard = []

    def progress(done, *_):
        heard.append(done)
        if done == 5:
            monkeypatch.setattr(safetensors.torch, "save_file", full)

    budget = Budget(folder=tmp_path, checkpoint_seconds=0)
    with pytest.raises(SaveError, match=r"No space left on device: .*; the checkpoint before it is kept"):
        train(job(body()), TRAINING, budget=Budget(folder=tmp_path, checkpoint_seconds=0, progress=progress), key="a")
    assert read_state(tmp_path)[1]["step"] == 4
    monkeypatch.undo()
    again = body()
    train(job(again), TRAINING, budget=budget, key="a")
    assert heard == [1, 2, 3, 4, 5]
    assert all(torch.equal(one, other) for one, other in zip(undisturbed.parameters(), again.parameters(), strict=True))


def test_a_log_on_a_full_disk_is_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.tune.training.log.find_spec", lambda _: None)
    monkeypatch.setattr("csv.DictWriter.writerow", full)
    with pytest.raises(
        SaveError, match=r"^The log of the training could not be written to .*: No space left on device;"
    ):
        train(job(body()), TRAINING, budget=Budget(logs=tmp_path))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("a file system cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_real_full_disk_leaves_the_state_before(small_disk):
    write_state(small_disk, {"w": torch.ones(30_000)}, {"step": 1})
    with pytest.raises(SaveError, match=r"No space left on device.* the checkpoint before it is kept"):
        write_state(small_disk, {"w": torch.zeros(40_000)}, {"step": 2})
    found, facts = read_state(small_disk)
    assert facts == {"step": 1}
    assert torch.equal(found["w"], torch.ones(30_000))
    assert [path.name for path in small_disk.iterdir()] == [FILE]


def test_a_training_that_was_killed_in_one_number_format_does_not_go_on_in_another(tmp_path, monkeypatch):
    """Kind: every CPU. The same command on a machine with bf16 and on one without it."""
    heard = []

    class KilledError(Exception):
        pass

    def progress(done, *_):
        heard.append(done)
        if len(heard) == 5:
            raise KilledError

    budget = Budget(folder=tmp_path, checkpoint_seconds=0, progress=progress)
    with pytest.raises(KilledError):
        train(job(body()), replace(TRAINING, precision="bf16"), budget=budget, key="a")
    before = read_state(tmp_path)[1]
    assert (before["format"], before["step"]) == ("bf16", 4)
    train(job(body()), TRAINING, budget=budget, key="a")
    assert heard[5] == 1
    assert read_state(tmp_path)[1]["format"] == "fp32"
