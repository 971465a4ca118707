"""A second file of an export, run and compared as the first; it may leave out items that it does not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import ParityError
from headstart.export.checking.parity import Gap, Parity, difference
from headstart.export.checking.process import run_reader
from headstart.types import Task

__all__ = ["SECOND", "check_second", "run_second", "second_sentence"]

SECOND = "second_file"  # its record in `parity.json`


def run_second(
    reader: Path, items: Sequence[Any], packages: Sequence[str], *, banned: Sequence[str],
    reference: NDArray[np.float64], task: Task, seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """The record of a second file for `parity.json`.

    Args:
        reader: that runs it; it may answer NaN.
        items: n items as readers take them.
        packages: those whose versions are wanted.
        banned: packages that it must do without.
        reference: (n, k) the answers of the model, with the body in fp32.
        task: of the model.
        seconds: after which its process is ended.

    Raises:
        ParityError: if it fails, or answers for no item.

    Examples:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "model.py"
        >>> _ = file.write_text("def probabilities(items): return [[0.5, 0.5], [float('nan')] * 2]")
        >>> one = {"reference": np.full((2, 2), 0.5), "task": Task("classification", ("ant", "bee"))}
        >>> found = run_second(file, ["a", "b"], [], banned=(), seconds=99.0, **one)[SECOND]
        >>> found["items"], found["without_answer"], found["largest"]
        (1, 1, 0.0)
    """
    found = run_reader(reader, items, packages, banned, seconds=seconds)
    answered = ~np.isnan(found.outputs).any(axis=1)
    if found.outputs.shape != reference.shape or not answered.any():
        raise ParityError(
            f"The file that '{reader.name}' runs answers for none of the {len(items):,} items to compare on, since "
            "it would read each of them otherwise than the model, so nothing was written; leave out --with-decoder, or "
            "name other items with --check."
        )
    gap = difference(reference[answered], found.outputs[answered], task)
    record = {
        "reader": reader.name, "items": int(answered.sum()), "without_answer": int((~answered).sum()),
        **gap.to_dict(), "packages": dict(found.packages), "seconds": found.seconds,
    }  # fmt: skip
    return {SECOND: record}


def check_second(parity: Parity, name: str) -> None:
    """Raise if the answers of a second file differ too much.

    Args:
        parity: of the first file, with the record of the second among its facts.
        name: of the format.

    Raises:
        ParityError: with the comparison.

    Examples:
        >>> same, record = Gap(0.0, 0.0, 0, 0), {"items": 3, "largest": 0.2, "mean": 0.1, "flips": 1, "ties": 0}
        >>> parity = Parity(3, "items given", same, same, "", "", 0.01, {}, 0.1, {SECOND: record})
        >>> check_second(parity, "onnx")
        Traceback (most recent call last):
        headstart.errors.ParityError: The model exported as 'onnx with the decoder inside' answers otherwise than ...
    """
    record = parity.facts.get(SECOND)
    if record is not None:
        _as_parity(parity, record).check(f"{name} with the decoder inside")


def second_sentence(parity: Parity) -> str:
    """The comparison of a second file in a sentence; empty if there is none.

    Examples:
        >>> same = Gap(0.0, 0.0, 0, 0)
        >>> record = {"items": 3, "without_answer": 1, "largest": 0.0, "mean": 0.0, "flips": 0, "ties": 0}
        >>> second_sentence(Parity(4, "items given", same, same, "", "", 0.01, {}, 0.1, {SECOND: record}))[-56:]
        'no label does; 1 item has no answer there (parity.json).'
    """
    record = parity.facts.get(SECOND)
    if record is None:
        return ""
    left = record["without_answer"]
    more = f"; {left:,} item{'s have' if left > 1 else ' has'} no answer there (parity.json)." if left else "."
    return f"With the decoder inside: {_as_parity(parity, record).sentence.removesuffix('.')}{more}"


def _as_parity(parity: Parity, record: dict[str, Any]) -> Parity:
    gap = Gap(record["largest"], record["mean"], record["flips"], record["ties"])
    return replace(parity, items=record["items"], difference=gap)
