"""Fast decoding, bf16 and OpenVINO leave the accuracy where plain features have it (`benchmarks/_same_accuracy.py`)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "_same_accuracy.py"
POINTS = 0.3  # one of hymenoptera's 153 test items is 0.65 points, one of clothing10's 372 is 0.27


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize(
    ("archive", "weights", "items"),
    [("hymenoptera", "tv_in1k", 153), ("hymenoptera", "tf_in1k", 153), ("clothing10_cc0", "tv_in1k", 372)],
)
def test_the_accuracy_is_that_of_plain_features(real_data, archive, weights, items):
    data = real_data / "images" / f"{archive}.tar"
    checkpoint = real_data / "weights" / f"mobilenetv2_100.{weights}.safetensors"
    done = subprocess.run([sys.executable, SCRIPT, data, checkpoint], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["n"] == items
    assert 0.9 < found["cosine"] < 1, "the rows are alike, and not the same ones twice"
    assert 100 * abs(found["ours"] - found["plain"]) <= POINTS
