"""The new process in which an exported folder is run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParityError

__all__ = ["Answers", "run_reader"]

LAST = 300  # characters of an error that are shown


@dataclass(frozen=True, eq=False)
class Answers:
    """What an exported folder answered.

    Attributes:
        outputs: (n, k).
        seconds: how long it took, without loading.
        packages: the versions of the packages that ran it.
    """

    outputs: NDArray[np.float64]
    seconds: float
    packages: Mapping[str, str]


def run_reader(reader: Path, items: Sequence[Any], packages: Sequence[str], banned: Sequence[str]) -> Answers:
    """Run a reader in a new process, in which packages that it must do without cannot be imported.

    Args:
        reader: the Python file, with a function ``probabilities(items)``.
        items: n files, texts or rows of numbers.
        packages: those whose versions are wanted.
        banned: those that must not be imported.

    Raises:
        ParityError: if it fails; the error names the last line of what it said.

    Examples:
        >>> file = Path(tempfile.mkdtemp()) / "model.py"
        >>> _ = file.write_text("def probabilities(items): return [[len(item)] for item in items]")
        >>> run_reader(file, ["ab", "c"], ["numpy"], ["torch"]).outputs
        array([[2.],
               [1.]])
    """
    with tempfile.TemporaryDirectory(prefix="headstart-export-") as place:
        listed, out = Path(place) / "items.json", Path(place) / "out.npy"
        listed.write_text(json.dumps(list(items)), encoding="utf-8")
        script = Path(__file__).with_name("guarded.py")
        alone = ["-I"] if "headstart" in banned else ["-P"]  # without -I, the paths of this process hold
        words = [sys.executable, *alone, "-B", str(script), str(reader.absolute()), str(listed), str(out)]
        done = subprocess.run(  # noqa: S603 - this interpreter, and files that were just written
            [*words, json.dumps(list(packages)), json.dumps(list(banned))], capture_output=True, text=True, check=False,
            cwd=place,
        )  # fmt: skip
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"it ended with the code {done.returncode}"]
            raise ParityError(f"The exported model does not run by itself: {said[-1][:LAST]}.")
        facts = json.loads(done.stdout.splitlines()[-1])
        return Answers(np.load(out, allow_pickle=False), float(facts["seconds"]), facts["packages"])
