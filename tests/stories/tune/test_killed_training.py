"""A training that is killed again and again ends with the weights of the undisturbed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

SCRIPT = """
import sys, time
from pathlib import Path
import torch
from torch import nn
from headstart.io import file_digest
from array_batches import ArrayBatches
from headstart.tune.training.job import Job, ParameterGroup
from headstart.tune.training.loop import train
from headstart.tune.training.settings import Budget, Training

torch.set_num_threads(1)
torch.manual_seed(0)
body = nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1))
x = torch.randn(256, 4)
y = x.prod(dim=1, keepdim=True)

def loss(batch):
    return (body(batch[0]) - batch[1]).square().mean()

def validate():
    with torch.no_grad():
        return float((body.eval()(x) - y).square().mean())

def progress(done, total, detail=""):
    print(done, flush=True)
    time.sleep(pause)

folder, out, pause = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
names = tuple(name for name, _ in body.named_parameters())
groups = (ParameterGroup(names[:2], 0.5, begin=0.3), ParameterGroup(names[2:]))
job = Job(body, groups, ArrayBatches((x, y), 16, seed=0), loss, validate)
training = Training(epochs=12, learning_rate=0.01, ema=0.9, precision="fp32")
train(job, training, budget=Budget(folder=folder, checkpoint_seconds=0.02, progress=progress), key="k", seed=3)

from safetensors.torch import save_file
save_file({name: value.contiguous() for name, value in body.state_dict().items()}, out)
print(file_digest(out), flush=True)
"""


def start(folder: Path, out: Path, pause: float):
    command = [sys.executable, "-c", SCRIPT, str(folder), str(out), str(pause)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


@pytest.mark.slow
def test_ten_kills_do_not_change_the_weights(tmp_path):
    with start(tmp_path / "once", tmp_path / "once.safetensors", 0) as whole:
        digest = whole.stdout.read().split()[-1]
    rng, begun = np.random.default_rng(0), []
    for _ in range(10):
        with start(tmp_path / "often", tmp_path / "often.safetensors", 0.02) as process:
            begun.append(int(process.stdout.readline()))
            time.sleep(rng.uniform(0.02, 0.6))  # in a step, a validation or a checkpoint, wherever it is
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.returncode == -signal.SIGKILL
    with start(tmp_path / "often", tmp_path / "often.safetensors", 0) as process:
        lines = process.stdout.read().split()
    assert lines[-1] == digest
    assert begun[0] == 1
    assert begun == sorted(begun)
    assert 1 < int(lines[0]) <= 192  # it went on to the end, and did not begin anew
