"""Run folders on the command line: where a fit writes, and what ``--json`` tells of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import chain, count
from pathlib import Path
from typing import Any

from headstart.errors import ModelFolderError
from headstart.io import read_json

__all__ = ["default_out", "summary"]


def default_out(data: str) -> Path:
    """``runs/NAME`` for data called NAME; ``runs/NAME-2`` and so on where that is a run of other data.

    Examples:
        >>> default_out("data/photos.tar.gz").as_posix()
        'runs/photos'
    """
    name = Path(os.path.realpath(data)).name  # unlike Path.resolve, it takes a loop of links
    for suffix in (".gz", ".bz2", ".xz", ".tar", ".tgz", ".zip", ".csv", ".tsv", ".jsonl", ".json", ".parquet"):
        name = name.removesuffix(suffix)
    first = Path("runs") / (name or "data")
    further = (first.with_name(f"{first.name}-{number}") for number in count(2))
    return next(folder for folder in chain([first], further) if not _is_of_other_data(folder, data))


def _is_of_other_data(run: Path, data: str) -> bool:
    try:
        about = read_json(run / "manifest.json").get("data")
    except ModelFolderError:  # nothing is there, or no run: the fit says what to do
        return False
    if not isinstance(about, dict):
        return False
    if "path" not in about:  # a run of an earlier version
        return bool(about.get("origin") != f"'{data}'")
    return bool(about["path"] != os.path.realpath(Path(data).expanduser()))


def summary(record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a record that ``--json`` gives: task, source, metrics, baselines, transfer gain and encoding.

    Examples:
        >>> made = {"task": 1, "source": {"name": "vector"}, "head": 2, "transfer_gain": None, "baselines": {},
        ...         "encoding": {}, "evaluation": {"how": "by hand", "n": 3, "metrics": {}}}
        >>> summary(made)["source"]
        'vector'
    """
    return {
        "task": record["task"],
        "source": record["source"]["name"],
        "head": record["head"],
        "judged_by": record["evaluation"]["how"],
        "items_judged": record["evaluation"]["n"],
        "metrics": record["evaluation"]["metrics"],
        "baselines": {
            name: {"metrics": found["metrics"], "gain": found["gain"]} for name, found in record["baselines"].items()
        },
        "transfer_gain": record["transfer_gain"],
        "encoding": record["encoding"],
        **({"source_choice": record["source_choice"]} if "source_choice" in record else {}),
    }
