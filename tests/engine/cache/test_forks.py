"""What a process has started must not hang in a forked child: `multiprocessing` on Linux, preloading servers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.ci, pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")]

SCRIPT = """
import os, signal, sys
import numpy as np, torch
from headstart import Engine, TransferModel
from headstart.data import read
from headstart.heads import HeadSearch
from headstart.sources import module
from headstart.tune import FrozenFeatures

def answers_in_a_child(name, answer):
    there = answer()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)  # ends a child that hangs
        same = np.allclose(answer(), there, atol=1e-3)
        sys.exit(0 if same else 3)
    print(name, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

torch.set_num_threads(2)
rng = np.random.default_rng(0)
pictures = rng.normal(size=(64, 3, 40, 40)).astype(np.float32)
body = torch.nn.Sequential(torch.nn.Conv2d(3, 32, 5), torch.nn.ReLU(), torch.nn.Conv2d(32, 16, 5), torch.nn.Flatten())
for backend in sys.argv[1:]:
    source = module(body, np.asarray, name="mine", modality="image", version=backend)
    source.choose(Engine(backend, cache=False), 64, lambda: list(pictures[:4]))
    answers_in_a_child(backend, lambda: source.body(pictures))
rows = rng.normal(size=(100, 8))
data = read((rows, np.where(rows[:, 0] > 0, "up", "down").tolist()))
from headstart.sources import open_source
boosted = FrozenFeatures(HeadSearch(("boosting",))).fit(open_source("vector"), data)
answers_in_a_child("boosting", lambda: boosted.predict_proba(rows))
"""


def test_a_forked_child_answers_as_its_parent():
    backends = ["torch"]
    try:
        import openvino  # noqa: F401
    except ImportError:
        pass
    else:
        backends.insert(0, "openvino")
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, *backends],
        capture_output=True, text=True, env=environment, timeout=300, check=False,
    )  # fmt: skip
    assert run.stdout.split("\n")[:-1] == [f"{name} 0" for name in (*backends, "boosting")], run.stderr[-2000:]
