"""The run folder: every file of a fit, written at once or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from headstart.heads import Candidate
from headstart.io import atomic_folder, write_csv, write_json
from headstart.report import html_report, model_card
from headstart.tasks import task_methods
from headstart.transfer.judging import Judged
from headstart.transfer.preparing import Prepared

__all__ = ["write_run"]


def write_run(
    target: Path, prepared: Prepared, judged: Judged, record: Mapping[str, Any], *, logs: Path | None = None
) -> None:
    """Write the run folder atomically.

    Args:
        target: the folder to make or to replace.
        prepared: data and audit.
        judged: model, plan and outputs.
        record: the facts, from `make_record`.
        logs: folder of a training's logs, which are copied; None where nothing was trained.

    Raises:
        SaveError: if it cannot be written; what stood there is untouched.

    Examples:
        >>> import headstart, tempfile
        >>> place = Path(tempfile.mkdtemp()) / "run"
        >>> rows = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 3
        >>> run = headstart.fit((rows, ["low", "low", "low", "high", "high", "high"] * 3), out=place)
        >>> sorted(path.name for path in place.iterdir())[:3]
        ['README.md', 'calibration.json', 'config.json']
    """
    with atomic_folder(target) as scratch:
        judged.model.write(scratch)
        write_json(scratch / "metrics.json", {key: record[key] for key in record if key not in MANIFEST})
        data = {**record["data"], "path": _place(prepared.dataset.origin)}
        write_json(scratch / "manifest.json", {"data": data} | {key: record[key] for key in MANIFEST})
        _write_splits(scratch / "splits.parquet", prepared, judged)
        _write_predictions(scratch / "predictions.parquet", prepared, judged)
        (scratch / "logs").mkdir()
        for file in sorted(logs.iterdir()) if logs is not None and logs.is_dir() else ():
            shutil.copyfile(file, scratch / "logs" / file.name)
        _write_candidates(scratch / "logs" / "candidates.csv", judged)
        (scratch / "README.md").write_text(model_card(record, target.name), encoding="utf-8")
        (scratch / "report.html").write_text(html_report(record, target.name), encoding="utf-8")


MANIFEST = ("source", "encoding", "seed", "command", "environment")


def _place(origin: str) -> str | None:
    """The absolute path of data that were read from one, whose origin is quoted; None for a Python object."""
    return os.path.realpath(Path(origin[1:-1]).expanduser()) if origin.startswith("'") else None


def _write_parquet(path: Path, columns: Mapping[str, Any]) -> None:
    import pyarrow as pa  # by itself it loads in a fifth of the time that pandas takes
    from pyarrow import parquet

    parquet.write_table(pa.table(dict(columns)), path)


def _write_splits(path: Path, prepared: Prepared, judged: Judged) -> None:
    part = np.full(len(prepared.dataset), "train", dtype=object)
    for number, (_, test) in enumerate(judged.plan.parts):
        part[test] = "test" if len(judged.plan.parts) == 1 else f"fold {number}"
    unused = np.setdiff1d(np.arange(len(part)), np.union1d(judged.plan.fitted, judged.plan.evaluated))
    part[unused] = "unused"
    columns = {
        "id": list(prepared.dataset.ids),
        "part": part,
        "cluster": prepared.clusters,
        "content": prepared.content,
    }
    _write_parquet(path, columns)


def _write_predictions(path: Path, prepared: Prepared, judged: Judged) -> None:
    task, evaluated = judged.model.task, judged.plan.evaluated
    part = prepared.dataset.take(evaluated)
    methods = task_methods(task)
    truth = methods.targets(part.labelled()[1], task.num_outputs)
    names = {"id": list(part.ids), "label": methods.decode(truth, task)}
    outputs = {f"output.{label}": column for label, column in zip(task.labels, judged.outputs.T, strict=True)}
    _write_parquet(path, names | {"predicted": methods.decode(judged.outputs, task)} | outputs)


def _write_candidates(path: Path, judged: Judged) -> None:
    rows = [asdict(candidate) for candidate in judged.model.head.candidates]
    write_csv(path, rows, [field.name for field in fields(Candidate)])
