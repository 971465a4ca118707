"""Predictions that runs keep for their held-out items, where two or more runs held out the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError, HeadstartError, ModelFolderError, NoModelError
from headstart.io import is_file, read_json, read_parquet
from headstart.model.files.annotation_model import annotation_kind
from headstart.model.files.format import read_task
from headstart.model.versions import current_version
from headstart.tasks import encode_labels
from headstart.transfer.comparing.predictions import PredictedByAll, check_same_labels, in_order_of
from headstart.types import Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KeptRun", "kept_by_all", "read_kept"]

GIVE_DATA = "give labelled data to compare them on, as in: headstart compare A B DATA"


@dataclass(frozen=True, eq=False)
class KeptRun:
    """What a run keeps of its evaluation.

    Attributes:
        task: the label schema.
        splits: id, part, cluster and content of every item.
        predictions: id, label and ``output.LABEL`` of every evaluated item.

    Examples:
        >>> import pandas as pd
        >>> KeptRun(Task("regression", ("y",)), pd.DataFrame(), pd.DataFrame()).task.kind
        'regression'
    """

    task: Task
    splits: pd.DataFrame
    predictions: pd.DataFrame

    @classmethod
    def of(cls, task: Task, splits: Mapping[str, Any], predictions: Mapping[str, Any]) -> KeptRun:
        """The tables of a run that was not written."""
        import pandas as pd

        return cls(task, pd.DataFrame(dict(splits)), pd.DataFrame(dict(predictions)))


def read_kept(folder: Path) -> KeptRun:
    """The predictions that a run folder keeps; the model itself is not opened.

    Args:
        folder: the run folder.

    Raises:
        NoModelError: if it is no folder of a run, or its model annotates items.
        ModelFolderError: if a table is damaged, or larger than one of a run.

    Examples:
        >>> read_kept(Path("nowhere"))
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'nowhere' keeps no predictions for held-out items; give labelled data ...
    """
    number = current_version(folder)
    if number > 1:
        raise NoModelError(
            f"'{folder}' is at version {number}, but the predictions that it keeps are those of its fit; {GIVE_DATA}"
        )
    if annotation_kind(folder) is not None:
        raise NoModelError(
            f"'{folder}' holds a model that annotates items, and such models are not compared item by item; 'headstart "
            "evaluate' judges each of them on the same data."
        )
    for name in ("config.json", "splits.parquet", "predictions.parquet"):
        if not is_file(folder / name):
            raise NoModelError(f"'{folder}' keeps no predictions for held-out items; {GIVE_DATA}")
    config = read_json(folder / "config.json")
    try:
        kept = KeptRun(
            read_task(config),
            read_parquet(folder / "splits.parquet").to_pandas(),
            read_parquet(folder / "predictions.parquet").to_pandas(),
        )
        _check_columns(kept)
        _truth(kept.task, kept.predictions)
    except HeadstartError:
        raise
    except (AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError, MemoryError) as error:
        raise ModelFolderError(
            f"What '{folder}' keeps of its evaluation is damaged ({error!r:.300}); copy the run or fit it again."
        ) from error
    return kept


def _check_columns(kept: KeptRun) -> None:
    outputs = {f"output.{label}" for label in kept.task.labels}
    missing = ({"id", "label"} | outputs) - set(kept.predictions.columns)
    missing |= {"id", "part", "cluster", "content"} - set(kept.splits.columns)
    if missing:
        raise ValueError(f"no column '{min(missing)}'")
    if not np.isfinite(kept.predictions[sorted(outputs)].to_numpy(np.float64)).all():
        raise ValueError("outputs that are not finite")


def kept_by_all(runs: Sequence[KeptRun], names: Sequence[str]) -> PredictedByAll:
    """The items that all runs held out, if they split the data in the same way.

    Items are the same where their name and the digest of their content are. Splits agree where the runs put the same of
    these items together into a part (the test part, or a fold), and no run was fitted on a test item of another.

    Args:
        runs: what each run keeps.
        names: the name of each.

    Raises:
        DataError: if labels, splits or items differ.

    Examples:
        >>> splits = {"id": ["0", "1"], "part": ["test"] * 2, "cluster": [0, 1], "content": ["x", "y"]}
        >>> rows = {"id": ["0", "1"], "label": ["a", "b"], "output.a": [0.9, 0.2], "output.b": [0.1, 0.8]}
        >>> run = KeptRun.of(Task("classification", ("a", "b")), splits, rows)
        >>> kept_by_all([run, run], ["one", "two"]).ids
        ('0', '1')
    """
    check_same_labels([run.task for run in runs], names)
    tables = [_evaluated(run) for run in runs]
    common = tables[0].index
    for table in tables[1:]:
        common = common.intersection(table.index, sort=False)
    if len(common) == 0:
        raise DataError(f"The runs held out no items in common; {GIVE_DATA}")
    for run, table, name in zip(runs[1:], tables[1:], names[1:], strict=True):
        _check_same_split((runs[0], tables[0]), (run, table), common, (names[0], name))
    chosen = [table.loc[common] for table in tables]
    first = runs[0].task
    truths = [_truth(first, table) for table in chosen]
    for truth, name in zip(truths[1:], names[1:], strict=True):
        if not np.array_equal(truths[0], truth):
            raise DataError(f"'{names[0]}' and '{name}' have different labels for the same items; {GIVE_DATA}")
    outputs = [
        in_order_of(first, run.task, table[[f"output.{label}" for label in run.task.labels]].to_numpy(np.float64))
        for run, table in zip(runs, chosen, strict=True)
    ]
    groups = np.unique(chosen[0]["cluster"].to_numpy(), return_inverse=True)[1].astype(np.int64)
    left = max(len(table) for table in tables) - len(common)
    how = "the items that all runs held out" + (f" ({left:,} others are held out by some of them only)" if left else "")
    return PredictedByAll(
        first, tuple(str(name) for name, _ in common), truths[0], outputs,
        groups if len(np.unique(groups)) < len(groups) else None, (0,) * len(runs), how,
    )  # fmt: skip


def _evaluated(run: KeptRun) -> pd.DataFrame:
    """Evaluated items by name and content, with part and cluster; copies of one name and content count once."""
    splits = run.splits.assign(id=run.splits["id"].astype(str), content=run.splits["content"].astype(str))
    predictions = run.predictions.assign(id=run.predictions["id"].astype(str))
    joined = predictions.merge(splits.drop_duplicates("id"), on="id", how="inner", validate="many_to_one")
    return joined.drop_duplicates(["id", "content"]).set_index(["id", "content"])


def _check_same_split(
    one: tuple[KeptRun, pd.DataFrame], other: tuple[KeptRun, pd.DataFrame], common: pd.Index, names: tuple[str, str]
) -> None:
    parts = [table.loc[common, "part"].astype(str).to_numpy() for _, table in (one, other)]
    pairs = set(zip(*parts, strict=True))
    differ = len(pairs) != len({a for a, _ in pairs}) or len(pairs) != len({b for _, b in pairs})
    for (run, _), (_, table) in ((one, other), (other, one)):
        fitted = set(run.splits["content"][run.splits["part"].astype(str) == "train"].astype(str))
        differ = differ or bool(fitted & set(table.index.get_level_values("content")))
    if differ:
        raise DataError(f"'{names[0]}' and '{names[1]}' were evaluated on different splits of the data; {GIVE_DATA}")


def _truth(task: Task, table: pd.DataFrame) -> NDArray[Any]:
    labels = [one.tolist() if isinstance(one, np.ndarray) else one for one in table["label"]]
    return encode_labels(labels, task)
