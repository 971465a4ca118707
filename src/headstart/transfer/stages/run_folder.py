"""The run folder: all files of a fit, written atomically."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from headstart.data import union_groups
from headstart.engine.pipeline.kept_rows import row_keys
from headstart.errors import ModelFolderError
from headstart.heads import Candidate
from headstart.io import atomic_folder, check_replaceable, is_run, remove_leftovers, write_csv, write_json
from headstart.model import TransferModel
from headstart.model.files.fit_facts import fitted_when
from headstart.report import EMPTY, html_report, model_card
from headstart.reporting import Reporter
from headstart.tasks import task_methods
from headstart.transfer.stages.gallery import GalleryPlan
from headstart.transfer.stages.judge import Judged
from headstart.transfer.stages.prepare import Prepared

__all__ = ["RunTables", "check_run_folder", "fitted_contents", "run_tables", "write_run"]


@dataclass(frozen=True)
class RunTables:
    """Contents of a run folder besides the model and the record: small tables, and training logs.

    Attributes:
        splits: columns of ``splits.parquet``.
        predictions: columns of ``predictions.parquet``.
        logs: contents of the training logs, by file name.
        gallery: the items that the report shows; None for none.
    """

    splits: Mapping[str, Any]
    predictions: Mapping[str, Any]
    logs: Mapping[str, bytes]
    gallery: GalleryPlan | None = None


def check_run_folder(out: Path, reporter: Reporter, *, overwrite: bool) -> None:
    """Raise before any work unless the run folder may be written, and report a run that would be replaced.

    Args:
        out: the folder.
        reporter: receives a line if a run would be replaced.
        overwrite: whether an existing run may be replaced.

    Raises:
        UsageError: if the folder holds anything else, or a run that must be kept.
        SaveError: if the folder is not writable.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> check_run_folder(Path(__file__), SilentReporter(), overwrite=True)
        Traceback (most recent call last):
        headstart.errors.UsageError: '...run_folder.py' is a file, not a folder; name another run folder with --out.
    """
    check_replaceable(out, overwrite=overwrite)
    remove_leftovers(out)
    if is_run(out):
        made = datetime.fromisoformat(fitted_when(out)[0]).astimezone().strftime("%Y-%m-%d %H:%M")
        count = 1 + len(list(out.glob("versions/[0-9]*")))
        held = f"a run of {made}" if count < 2 else f"a run of {made} in {count} versions"
        reporter.line("run folder", f"{out} holds {held}, which this one replaces when it is complete")


def run_tables(
    prepared: Prepared, judged: Judged, logs: Path | None = None, gallery: GalleryPlan | None = None
) -> RunTables:
    """The tables of a run.

    Args:
        prepared: data and audit.
        judged: model, plan and outputs.
        logs: folder of the training logs; None without a training.
        gallery: the items that the report shows; None for none.

    Examples:
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.heads import HeadSearch
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> shift, silent = toy_shift(), SilentReporter()
        >>> prepared = prepare(shift.train.take(range(40)), shift.source, RunContext(silent))
        >>> tables = run_tables(prepared, judge(prepared, HeadSearch(("ridge",)), 0, silent, once=True))
        >>> list(tables.predictions), len(tables.splits["id"])
        (['id', 'label', 'predicted', 'output.alike', 'output.different'], 40)
    """
    files = [] if logs is None else sorted(file for file in logs.rglob("*") if file.is_file())
    return RunTables(
        _splits(prepared, judged),
        _predictions(prepared, judged),
        {"-".join(file.relative_to(logs or file).parts): file.read_bytes() for file in files},
        gallery,
    )


def write_run(target: Path, model: TransferModel, record: Mapping[str, Any], tables: RunTables) -> None:
    """Write the run folder atomically.

    Args:
        target: the folder to make or to replace.
        model: the fitted model.
        record: from `make_record`.
        tables: from `run_tables`.

    Raises:
        SaveError: if it cannot be written; the previous content is then unchanged.

    Examples:
        >>> import headstart, tempfile
        >>> place = Path(tempfile.mkdtemp()) / "run"
        >>> rows = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 3
        >>> run = headstart.fit((rows, ["low", "low", "low", "high", "high", "high"] * 3), out=place, verbose=False)
        >>> sorted(path.name for path in place.iterdir())[:4]
        ['README.md', 'calibration.json', 'certainty.safetensors', 'config.json']
    """
    with atomic_folder(target) as scratch:
        model.write(scratch)
        write_json(scratch / "metrics.json", {key: record[key] for key in record if key not in MANIFEST})
        data = {**record["data"], "path": _place(record["data"]["origin"])}
        write_json(
            scratch / "manifest.json",
            {"data": data} | {key: record[key] for key in (*MANIFEST, *BOTH) if key in record},
        )
        _write_parquet(scratch / "splits.parquet", tables.splits)
        _write_predictions(scratch / "predictions.parquet", tables)
        (scratch / "logs").mkdir()
        for name, content in tables.logs.items():
            (scratch / "logs" / name).write_bytes(content)
        _write_candidates(scratch / "logs" / "candidates.csv", model)
        (scratch / "README.md").write_text(model_card(record, target.name), encoding="utf-8")
        gallery = EMPTY if tables.gallery is None else tables.gallery.build()
        (scratch / "report.html").write_text(html_report(record, target.name, gallery), encoding="utf-8")


def fitted_contents(run: Path) -> frozenset[str]:
    """Digests of the exact content of the items that the model of a run folder was fitted on.

    Args:
        run: the folder; empty for a model that was saved without a run, or by an earlier version.

    Raises:
        ModelFolderError: if the table of items is damaged.

    Examples:
        >>> fitted_contents(Path("no-such-folder"))
        frozenset()
    """
    import pandas as pd

    path = run / "splits.parquet"
    if not path.is_file():
        return frozenset()
    try:
        splits = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"'{path}' is damaged ({error}); copy the run or fit it again.") from error
    if "content" not in splits.columns:
        return frozenset()
    part = splits["part"].astype(str)
    return frozenset(splits["content"][(part == "train") | part.str.startswith("fold ")])


MANIFEST = ("source", "encoding", "seed", "command", "when", "environment")
BOTH = ("source_choice",)  # in metrics.json and manifest.json


def _place(origin: str) -> str | None:
    """The absolute path of data that were read from a path, whose origin is quoted; None for a Python object."""
    return os.path.realpath(Path(origin[1:-1]).expanduser()) if origin.startswith("'") else None


def _write_parquet(path: Path, columns: Mapping[str, Any]) -> None:
    import pyarrow as pa  # loads in a fifth of the time of pandas
    from pyarrow import parquet

    parquet.write_table(pa.table(dict(columns)), path)


def _splits(prepared: Prepared, judged: Judged) -> dict[str, Any]:
    part = np.full(len(prepared.dataset), "train", dtype=object)
    for number, (_, test) in enumerate(judged.plan.parts):
        part[test] = "test" if len(judged.plan.parts) == 1 else f"fold {number}"
    unused = np.setdiff1d(np.arange(len(part)), np.union1d(judged.plan.fitted, judged.plan.evaluated))
    part[unused] = "unused"
    return {
        "id": list(prepared.dataset.ids),
        "part": part,
        "cluster": union_groups(prepared.dataset.groups, prepared.clusters),
        "content": prepared.content,
    } | _row_keys(prepared, judged)


def _row_keys(prepared: Prepared, judged: Judged) -> dict[str, Any]:
    """Where the feature store keeps the rows that the folder is too small for; files are not read again for fewer."""
    modality, kept = prepared.dataset.modality, judged.model.certainty
    if not prepared.engine.cache or kept is None or modality not in ("text", "image", "audio"):
        return {}
    return {"row_key": row_keys(prepared.dataset.items, modality)} if modality == "text" or kept.rows is None else {}


def _predictions(prepared: Prepared, judged: Judged) -> dict[str, Any]:
    task, evaluated = judged.model.task, judged.plan.evaluated
    part = prepared.dataset.take(evaluated)
    methods = task_methods(task)
    truth = methods.targets(part.labelled()[1], task.num_outputs)
    names = {"id": list(part.ids), "label": methods.decode(truth, task)}
    outputs = {f"output.{label}": column for label, column in zip(task.labels, judged.outputs.T, strict=True)}
    return names | {"predicted": methods.decode(judged.outputs, task)} | outputs


def _write_predictions(path: Path, tables: RunTables) -> None:
    _write_parquet(path, tables.predictions)


def _write_candidates(path: Path, model: TransferModel) -> None:
    rows = [asdict(candidate) for candidate in model.head.candidates]
    write_csv(path, rows, [field.name for field in fields(Candidate)])
