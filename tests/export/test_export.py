"""What every format shares: the folder, the check, and that nothing is left behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from headstart.errors import ParityError, UnknownNameError, UsageError
from headstart.export import FORMATS, Written, export
from headstart.heads import FittedHead
from headstart.heads.feature_map import FeatureMap
from headstart.model import TransferModel
from headstart.sources.vector import VectorSource
from headstart.types import Task

ROWS = [[0.0, 1.0], [1.0, 0.0], [0.2, 0.9]]


@dataclass(frozen=True)
class InPlainPython:
    """A format that writes the linear map as Python."""

    shift: float = 0.0
    name: str = "plain"
    title: str = "Python"
    banned: tuple[str, ...] = ("headstart", "torch", "numpy.ma")

    def write(self, model: TransferModel, folder: Path) -> Written:
        weight = model.head.weight.tolist()
        text = "import math\ndef probabilities(rows):\n    out = []\n    for row in rows:\n"
        text += f"        s = [math.exp(sum(x * w for x, w in zip(row, c))) for c in zip(*{weight})]\n"
        text += f"        out.append([v / sum(s) + {self.shift} for v in s])\n    return out\n"
        (folder / "model.py").write_text(text)
        return Written("model.py", ("numpy",), facts={"language": "Python"})


@pytest.fixture
def model():
    head = FittedHead(
        FeatureMap("rows", ((0, 2),), "none"), "ridge", 1.0, np.array([[3.0, 0.0], [0.0, 3.0]]), np.zeros(2),
        {"temperature": np.ones(1)}, 0.0, (),
    )  # fmt: skip
    return TransferModel(VectorSource(), Task("classification", ("left", "right")), head)


def test_the_folder_says_what_was_compared(model, tmp_path):
    found = model.export(InPlainPython(), tmp_path / "out", check=ROWS)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model.py", "parity.json"]
    record = json.loads((tmp_path / "out" / "parity.json").read_text())
    assert record["items"] == 3
    assert record["format"] == "plain"
    assert record["language"] == "Python"
    assert record["compared_with"]["flips"] == 0
    assert record["compared_with"]["largest"] < 1e-9
    assert set(record["sha256"]) == {"model.py"}
    assert found.parity.origin == "items given"


def test_other_answers_are_refused_and_nothing_is_left_behind(model, tmp_path):
    with pytest.raises(ParityError, match=r"differ by at most 0.02 \(0.01 is allowed\), and no label does"):
        export(model, InPlainPython(0.02), tmp_path / "out", check=ROWS)
    assert list(tmp_path.iterdir()) == []


def test_a_tolerance_of_ones_own_is_kept(model, tmp_path):
    found = export(model, InPlainPython(0.02), tmp_path / "out", check=ROWS, tolerance=0.03)
    assert found.parity.tolerance == 0.03


def test_an_earlier_export_is_kept_unless_it_may_be_replaced(model, tmp_path):
    export(model, InPlainPython(), tmp_path / "out", check=ROWS)
    with pytest.raises(UsageError, match="add --overwrite"):
        export(model, InPlainPython(), tmp_path / "out", check=ROWS)
    with pytest.raises(ParityError):
        export(model, InPlainPython(0.5), tmp_path / "out", check=ROWS, overwrite=True)
    assert (tmp_path / "out" / "parity.json").is_file()
    export(model, InPlainPython(), tmp_path / "out", check=ROWS, overwrite=True)


def test_other_folders_and_files_are_left_alone(model, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(UsageError, match="holds something other than an exported model"):
        export(model, InPlainPython(), tmp_path / "mine", check=ROWS, overwrite=True)
    with pytest.raises(UsageError, match="is a file"):
        export(model, InPlainPython(), tmp_path / "mine" / "letter.txt", check=ROWS)


def test_an_unknown_format_is_answered_with_the_nearest(model, tmp_path):
    with pytest.raises(UnknownNameError, match="onnx"):
        export(model, "onxx", tmp_path / "out", check=ROWS)
    assert "onnx" in FORMATS
