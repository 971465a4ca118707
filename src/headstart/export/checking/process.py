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

__all__ = ["AnnotatedAnswers", "Answers", "run_annotator", "run_reader", "time_limit"]

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


@dataclass(frozen=True, eq=False)
class AnnotatedAnswers:
    """What an exported folder that annotates items answered.

    Attributes:
        found: arrays by name for each of n items.
        seconds: how long it took, without loading.
        packages: the versions of the packages that ran it.
    """

    found: list[dict[str, NDArray[Any]]]
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
    limit = time_limit(len(items)) if seconds is None else seconds
    with tempfile.TemporaryDirectory(prefix="headstart-export-") as place:
        out = Path(place) / "out.npy"
        facts = _answer(reader, items, packages, banned, out=out, limit=limit)
        return Answers(np.load(out, allow_pickle=False), float(facts["seconds"]), facts["packages"])


def run_annotator(
    reader: Path, items: Sequence[Any], packages: Sequence[str], banned: Sequence[str], *, seconds: float
) -> AnnotatedAnswers:
    """As `run_reader`, for a reader with a function ``annotations(items)``, which returns arrays by name for each item.

    Args:
        reader: the Python file.
        items: n files, texts or lists of words.
        packages: those whose versions are wanted.
        banned: those that must not be imported.
        seconds: after which it and the processes that it started are ended.

    Raises:
        ParityError: if it fails, or takes too long.

    Examples:
        >>> file = Path(tempfile.mkdtemp()) / "reader.py"
        >>> _ = file.write_text("def annotations(items): return [{'size': len(item)} for item in items]")
        >>> run_annotator(file, ["ab", "c"], ["numpy"], ["torch"], seconds=99).found
        [{'size': array(2)}, {'size': array(1)}]
    """
    with tempfile.TemporaryDirectory(prefix="headstart-export-") as place:
        out = Path(place) / "out.npz"
        facts = _answer(reader, items, packages, banned, out=out, limit=seconds)
        found: list[dict[str, NDArray[Any]]] = [{} for _ in items]
        with np.load(out, allow_pickle=False) as arrays:
            for name in arrays.files:
                position, _, key = name.partition(".")
                found[int(position)][key] = arrays[name]
        return AnnotatedAnswers(found, float(facts["seconds"]), facts["packages"])


def _answer(
    reader: Path, items: Sequence[Any], packages: Sequence[str], banned: Sequence[str], *, out: Path, limit: float
) -> dict[str, Any]:
    """Run a reader; its answers go into ``out``, and its facts are returned."""
    with tempfile.TemporaryDirectory(prefix="headstart-export-") as place:
        listed = Path(place) / "items.json"
        listed.write_text(json.dumps(list(items)), encoding="utf-8")
        script = Path(__file__).with_name("guarded.py")
        alone = ["-I"] if "headstart" in banned else ["-P"]  # without -I, the paths of this process hold
        words = [sys.executable, *alone, "-B", str(script), str(reader.absolute()), str(listed), str(out)]
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
        facts: dict[str, Any] = json.loads(out_text.splitlines()[-1])
        return facts


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
