"""``headstart evaluate``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from headstart.cli.console import ConsoleReporter, json_text, reporter_of, write_line
from headstart.cli.encoding import engine_of
from headstart.cli.fit import reading_options
from headstart.data.archives import is_archive, unpack
from headstart.data.tables import table_kind
from headstart.engine.options import Engine
from headstart.errors import DataError, ModelFolderError
from headstart.model import TransferModel
from headstart.tasks import encode_labels
from headstart.types import Dataset, Task

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Judge a saved model on labelled items.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["evaluate", "no-such-model", "no-such-folder"])     # the reason goes to standard error
        1
    """
    from headstart.cli.items import check_any_left, read_as_fitted
    from headstart.data import align_columns, read, union_groups
    from headstart.evaluate.evaluation import evaluate_predictions
    from headstart.evaluate.shift import loss_shift

    reporter = reporter_of(args)
    model = TransferModel.load(args.model, engine=engine_of(args))
    options = reading_options(args)
    options["task"] = options["task"] or model.task.kind
    if _holds_tables(args.data) and model.task.column != "folder":
        options["label"] = options["label"] or model.label_columns
        dataset = read_as_fitted(args.data, model, **options)
    else:
        dataset = read(args.data, **options)
    if dataset.modality != model.source.info.modality:
        raise DataError(
            f"'{args.data}' holds {dataset.modality} items, but the model '{args.model}' reads "
            f"{model.source.info.modality} items; give data of that kind."
        )
    dataset = align_columns(_in_words_of(dataset, model.task), model.columns)
    dataset, part = _part(dataset, args.split)
    for note in dataset.notes:
        reporter.line("read", note)
    with reporter.progress("predicting") as step:
        predicted = model.predict_readable(dataset.items, progress=step)
    check_any_left(len(predicted.index), dataset.ids, predicted.failures)
    for position, reason in predicted.failures.items():
        reporter.warning(f"Set aside {dataset.ids[position]}: {reason}")
    used = dataset.take(predicted.index)
    fitted_on = _count_fitted(Path(args.model), used, reporter, model.engine)
    if fitted_on:
        reporter.warning(
            f"{fitted_on} of {len(used)} items are ones that this model was fitted on, so these numbers are too good."
        )
    groups = None if used.groups is None else union_groups(used.groups, np.arange(len(used)))
    found = evaluate_predictions(model.task, used.labelled()[1], predicted.outputs, groups=groups, seed=args.seed)
    shift = None  # items that were fitted on cost less than new ones
    if not fitted_on:
        shift = loss_shift(model.head.left_out, model.task, predicted.outputs, used.labelled()[1], groups)
    if args.json:
        about = {"model": args.model, "data": args.data, "part": part, "fitted_on": fitted_on}
        write_line(json_text({**about, **found.to_dict(), "shift": None if shift is None else shift.to_dict()}))
        return 0
    reporter.line("data", f"{found.n} {used.modality} items ({part})")
    for name, metric in found.metrics.items():
        reporter.line(name.replace("_", " "), f"{metric.value:.3f}  [{metric.low:.3f}, {metric.high:.3f}]")
    if shift is not None and shift.differs:
        reporter.warning(shift.sentence)
    return 0


def _holds_tables(data: str) -> bool:
    """Whether the data are tables, whose columns must be named; folders of files name their labels themselves."""
    path = Path(data)
    if path.is_file() and is_archive(path):
        path = unpack(path)
    files = list(path.iterdir()) if path.is_dir() else [path]
    return any(table_kind(file) is not None for file in files)


def _count_fitted(run: Path, dataset: Dataset, reporter: ConsoleReporter, engine: Engine) -> int:
    """How many of the items have the content of one that the model was fitted on, as its run folder tells."""
    import pandas as pd

    from headstart.data import audit
    from headstart.transfer.sketching import kept_sketches

    path = run / "splits.parquet"
    if not path.is_file():  # a model that was saved by itself
        return 0
    try:
        splits = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"'{path}' is damaged ({error}); copy the run or fit it again.") from error
    if "content" not in splits.columns:  # a run of an earlier version
        return 0
    part = splits["part"].astype(str)
    fitted = set(splits["content"][(part == "train") | part.str.startswith("fold ")])
    with reporter.progress("comparing") as step:
        read_all = kept_sketches(dataset.modality, engine)
        contents = audit(dataset, near=False, progress=step, sketch_all=read_all).content
        return sum(content in fitted for content in contents)


def _part(dataset: Dataset, wanted: str | None) -> tuple[Dataset, str]:
    """The part of given splits that is judged: as asked, else test, else val, else everything."""
    if dataset.split is None:
        if wanted not in (None, "all"):
            raise DataError(
                f"The data {dataset.origin} come without a split, so there is no part '{wanted}'; leave --split out."
            )
        return dataset, "all of it"
    there = [name for name in ("test", "val", "train") if name in dataset.split]
    name = wanted or there[0]
    if name == "all":
        return dataset, "all of it"
    if name not in there:
        raise DataError(f"The data {dataset.origin} have no part '{name}'; its parts are {', '.join(there)}.")
    return dataset.take(np.flatnonzero(dataset.split == name)), f"its part '{name}'"


def _in_words_of(dataset: Dataset, task: Task) -> Dataset:
    """The data with labels coded as the model codes them."""
    found, codes = dataset.labelled()
    if found.kind != task.kind:
        raise DataError(
            f"The task of {dataset.origin} is {found.kind}, but the model does {task.kind}; set it with --task."
        )
    if task.kind == "classification":
        y = encode_labels([found.labels[code] for code in codes], task)
    elif task.kind == "multilabel":
        names = np.array(found.labels)
        y = encode_labels([names[row > 0.5].tolist() for row in codes], task)
    else:
        y = encode_labels(codes, task)
    return replace(dataset, task=task, y=y)
