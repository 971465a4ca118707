"""Fit of several label columns of one table, with one encoding and one eigendecomposition for all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from headstart.data.table.files import load_table
from headstart.engine.options import Engine
from headstart.errors import DataError, NoModelError, UsageError
from headstart.evaluate.formatting import bounds
from headstart.heads.spectral.spectra import shared_spectra
from headstart.io import check_writable, write_json
from headstart.model import TransferModel
from headstart.model.task_folders import INDEX, task_folders
from headstart.reporting import Reporter, chosen_reporter
from headstart.reporting.summary import summary_html, summary_text
from headstart.transfer.fit import fit
from headstart.transfer.ranking.default_choice import as_chosen_before
from headstart.transfer.run import Run
from headstart.transfer.stages.unread_blocks import with_shared_blocks
from headstart.types import Source

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TasksRun", "fit_tasks", "load_tasks"]


@dataclass(frozen=True)
class TasksRun:
    """The result of a fit of several label columns.

    Attributes:
        runs: the run of each column.
        path: the folder that holds a run folder for each column, or None if none was written.

    Examples:
        >>> TasksRun({}).predict([[1.0]])
        {}
    """

    runs: Mapping[str, Run]
    path: Path | None = None

    def __repr__(self) -> str:
        """The main metric of each column, one per line."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        mains = {column: run.evaluation for column, run in self.runs.items()}
        shown = [(column, f"{one.main.replace('_', ' ')} {one.metrics[one.main]}") for column, one in mains.items()]
        return f"TasksRun: {len(shown)} label columns", shown + ([("saved", str(self.path))] if self.path else [])

    def predict(self, items: Sequence[Any]) -> dict[str, list[Any]]:
        """Labels or values of new items, for each column."""
        return {column: run.predict(items) for column, run in self.runs.items()}


def fit_tasks(
    data: Any,
    tasks: Sequence[str],
    *,
    source: str | Source | Sequence[str | Source] | None = None,
    group_col: str | None = None,
    out: str | Path | None = None,
    engine: Engine = Engine(),
    verbose: bool = True,
    reporter: Reporter | None = None,
    **options: Any,
) -> TasksRun:
    """Fit a model for each of several label columns; classification and regression may be mixed.

    A row without a label in one column is used for the others. With the feature store each item is encoded once for all
    columns. Columns that are labelled in the same rows share one eigendecomposition per feature map; λ is chosen for
    each column.

    Args:
        data: the path of a table, a DataFrame, or a dict of columns.
        tasks: two or more label columns.
        source: as in `fit`.
        group_col: as in `fit`.
        out: folder for one run folder per column, ``README.md``, ``metrics.json`` and ``tasks.json``; default: none.
        engine: how items are encoded.
        verbose: as in `fit`.
        reporter: as in `fit`.
        **options: further arguments of `fit`, for every column.

    Raises:
        DataError: if the data are not a table, or a column is missing or named twice.
        UsageError: if ``out`` holds something other than a run of several columns.

    References:
        Caruana, "Multitask Learning", Machine Learning 1997.

    Examples:
        >>> rows = np.arange(60.0)
        >>> table = {"x": rows, "size": np.where(rows < 30, "small", "large"), "price": rows * 2 + 1}
        >>> done = fit_tasks(table, ["size", "price"], baselines="none")
        >>> sorted(done.runs), done.predict([[1.0]])["size"]
        (['price', 'size'], ['small'])
    """
    reporter = chosen_reporter(reporter, verbose=verbose)
    if out is not None:
        _check_out(Path(out), reporter, overwrite=options.get("overwrite", True))
    frame = _frame(data)
    columns = list(dict.fromkeys(tasks))
    missing = [column for column in columns if column not in frame.columns]
    if missing or len(columns) != len(tasks) or len(columns) < 2:
        known = ", ".join(map(str, frame.columns[:10]))
        what = f"'{missing[0]}' is not a column" if missing else f"got {', '.join(tasks) or 'none'}"
        raise DataError(f"Several tasks need two or more different label columns: {what}; the columns are {known}.")
    folders = _folder_names(columns)
    split = (
        None
        if group_col or options.get("group_pattern") or options.get("time_col")
        else _shared_split(frame, columns, options.get("seed", 0))
    )
    runs: dict[str, Run] = {}
    with shared_spectra(), ExitStack() as chosen:  # columns with the same rows reuse their eigendecomposition
        for column in columns:
            reporter.line("task", column)
            kept = frame if split is None else frame.assign(split=split)
            kept = kept.drop(columns=[name for name in columns if name != column]).dropna(subset=[column])
            place = None if out is None else Path(out) / folders[column]
            fitted = fit(
                kept.reset_index(drop=True), label=column, source=source, group_col=group_col, out=place,
                engine=engine, reporter=reporter, **options,
            )  # fmt: skip
            runs[column] = cast("Run", fitted)  # a frame's columns hold labels, no annotations
            choice = _default_of(runs[column]) if source is None and len(runs) == 1 else None
            if choice is not None:
                same_split = split is not None or "split" in frame.columns
                chosen.enter_context(as_chosen_before(column, choice, same_split=same_split))
                reporter.line("source", f"{choice['chosen']}, as chosen for '{column}', serves the other tasks too")
    models = with_shared_blocks({column: run.model for column, run in runs.items()})
    runs = {column: replace(run, model=models[column]) for column, run in runs.items()}
    done = TasksRun(runs, None if out is None else Path(out))
    if done.path is not None:
        _write(done.path, folders, runs)
    return done


def _default_of(run: Run) -> Mapping[str, Any] | None:
    """The choice of a run's default source, so that one body serves all tasks; None for items of several columns."""
    choice: Mapping[str, Any] = run.record.get("source_choice", {})
    return choice if "chosen_on" in choice else None


def _check_out(out: Path, reporter: Reporter, *, overwrite: bool) -> None:
    """Raise before any work unless the folder may be written, and report runs that will be replaced."""
    check_writable(out)
    if not out.exists():
        return
    if not out.is_dir() or (any(not path.name.startswith(".") for path in out.iterdir()) and task_folders(out) is None):
        raise UsageError(
            f"'{out}' holds something other than a run of several columns and is left alone; name another with --out."
        )
    if task_folders(out) is not None:
        if not overwrite:
            raise UsageError(f"'{out}' holds a run, which is kept; name another folder, or allow overwriting it.")
        reporter.line("run folder", f"{out} holds a run of several columns, which this one replaces")


def _frame(data: object) -> pd.DataFrame:
    import pandas as pd

    if isinstance(data, Mapping):
        return pd.DataFrame({name: list(values) for name, values in data.items()})
    if isinstance(data, pd.DataFrame):
        return data
    path = Path(data) if isinstance(data, str | Path) else None
    if path is None or not path.is_file():
        raise DataError(f"Several tasks need a table (CSV, TSV, JSONL, Parquet) or a DataFrame. Got {data!r:.80}.")
    frame, _ = load_table(path)
    for name in frame.columns:  # relative paths in a table are relative to its folder
        first = next((value for value in frame[name] if isinstance(value, str) and value.strip()), None)
        if first is not None and len(first) < 1000 and (path.parent / first).is_file():
            frame[name] = [str(path.parent / value) if isinstance(value, str) else value for value in frame[name]]
    return frame


def _shared_split(frame: pd.DataFrame, columns: Sequence[str], seed: int) -> np.ndarray[Any, Any] | None:
    """One held-out fifth for all columns, so that they share their training rows; None below 1,000 rows."""
    from headstart.transfer.stages.judge import FEW_ITEMS

    # few rows are evaluated by cross-validation, and with missing labels the training rows differ anyway
    if "split" in frame.columns or len(frame) < FEW_ITEMS or frame[list(columns)].isna().any(axis=None):
        return None
    features = [name for name in frame.columns if name not in columns]
    # duplicate rows must be on the same side of the split
    codes = frame.groupby(features, sort=False, dropna=False).ngroup().to_numpy()
    drawn = np.random.default_rng(seed).permutation(codes.max() + 1) < 0.2 * (codes.max() + 1)
    return np.where(drawn[codes], "test", "train")


def _folder_names(columns: Sequence[str]) -> dict[str, str]:
    """A unique file name for each column, such as ``"unit_price"`` for ``"unit price"``."""
    names: dict[str, str] = {}
    for column in columns:
        name = re.sub(r"[^\w.-]+", "_", column).strip("._") or "task"
        while name in names.values():
            name += "_"
        names[column] = name
    return names


def _write(place: Path, folders: Mapping[str, str], runs: Mapping[str, Run]) -> None:
    write_json(place / "metrics.json", {column: run.evaluation.to_dict() for column, run in runs.items()})
    write_json(place / INDEX, {"model_type": "headstart-tasks", "tasks": dict(folders)})
    lines = [f"# {place.name}: {len(runs)} label columns from one encoding", ""]
    lines += [
        "| column | task | evaluated items | metric | value | 95% interval | head |",
        "|---|---|---|---|---|---|---|",
    ]
    for column, run in runs.items():
        name, metric = next(iter(run.evaluation.metrics.items()))
        interval = " to ".join(bounds(metric.low, metric.high) or ["none"])
        lines.append(
            f"| [{column}]({folders[column]}/README.md) | {run.model.task.kind} | {run.evaluation.n} | "
            f"{name.replace('_', ' ')} | {metric.value:.3f} | {interval} | "
            f"{run.model.head.head} on {run.model.head.feature_map.name} |"
        )
    lines += ["", f"`headstart predict {place} ITEM` gives all columns; each folder is a model of its own.", ""]
    (place / "README.md").write_text("\n".join(lines), encoding="utf-8")


def load_tasks(folder: str | Path, *, engine: Engine = Engine()) -> dict[str, TransferModel]:
    """Load the model of each column.

    Args:
        folder: written by `fit_tasks`.
        engine: how items are encoded.

    Raises:
        NoModelError: if the folder was not written by a fit of several columns.
        ModelFolderError: if it is damaged.

    Examples:
        >>> load_tasks("no-such-folder")
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'no-such-folder' holds no tasks.json; give the folder of a fit with --tasks.
    """
    folders = task_folders(folder)
    if folders is None:
        raise NoModelError(f"'{folder}' holds no {INDEX}; give the folder of a fit with --tasks.")
    models = {column: TransferModel.load(place, engine=engine) for column, place in folders.items()}
    return with_shared_blocks(models)
