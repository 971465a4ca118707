"""The new process in which an exported folder is run."""

from __future__ import annotations

import json
import os
import signal
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

__all__ = ["Answers", "run_reader", "time_limit"]

LAST = 300  # characters of an error that are shown
LOADING = 300.0  # seconds for the libraries and the model, on a slow disk
EACH = 2.0  # seconds for an item
SLOWER = 20.0  # times as long as the model may take: it runs batches, on all cores, in bf16


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


def time_limit(items: int, model_seconds: float = 0.0) -> float:
    """The seconds after which a reader is taken to hang.

    Args:
        items: how many it reads.
        model_seconds: how long the model itself took for them.

    Examples:
        >>> time_limit(500), time_limit(500, 100.0)
        (1300.0, 2300.0)
    """
    return LOADING + max(EACH * items, SLOWER * model_seconds)


def run_reader(
    reader: Path, items: Sequence[Any], packages: Sequence[str], banned: Sequence[str], *, seconds: float | None = None
) -> Answers:
    """Run a reader in a new process, in which packages that it must do without cannot be imported.

    Args:
        reader: the Python file, with a function ``probabilities(items)``.
        items: n files, texts or rows of numbers.
        packages: those whose versions are wanted.
        banned: those that must not be imported.
        seconds: after which it and the processes that it started are ended; None for `time_limit` of the items.

    Raises:
        ParityError: if it fails; the error names the last line of what it said. Also if it takes too long.

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
        limit = time_limit(len(items)) if seconds is None else seconds
        try:
            code, out_text, error_text = _run(
                [*words, json.dumps(list(packages)), json.dumps(list(banned))], place, limit
            )
        except subprocess.TimeoutExpired as error:
            raise ParityError(
                f"The exported model did not answer for {len(items):,} items within {limit:,.0f} s, so it was ended "
                "and nothing was written; give fewer items to compare on with --check, or use another format."
            ) from error
        if code:
            said = error_text.strip().splitlines() or [f"it ended with the code {code}"]
            raise ParityError(f"The exported model does not run by itself: {said[-1][:LAST]}.")
        facts = json.loads(out_text.splitlines()[-1])
        return Answers(np.load(out, allow_pickle=False), float(facts["seconds"]), facts["packages"])


def _run(words: Sequence[str], place: str, limit: float) -> tuple[int, str, str]:
    """The exit code and what was said; the process and those that it started end with an error or an interruption."""
    with subprocess.Popen(  # noqa: S603 - this interpreter, and files that were just written
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=place,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            said, errors = process.communicate(timeout=limit)
        except BaseException:
            _end(process)
            raise
        return process.returncode, said, errors


def _end(process: subprocess.Popen[str]) -> None:
    """End a process; where it leads a group, what it started too."""
    if os.name == "posix" and process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
