"""Which items of a data set a model was fitted on, by the digests of their content in its run folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headstart.data import audit
from headstart.engine.pipeline.sketches import kept_sketches
from headstart.errors import ModelFolderError
from headstart.reporting import Reporter
from headstart.tasks import base_dataset
from headstart.types import Dataset

__all__ = ["are_among", "content_digests", "training_contents"]


def training_contents(folder: Path | None) -> frozenset[str]:
    """Digests of the contents of a run's training items; empty where they are not known.

    Args:
        folder: the run folder; None for a model without one.

    Raises:
        ModelFolderError: if the table of splits is damaged.

    Examples:
        >>> training_contents(None)
        frozenset()
    """
    path = None if folder is None else folder / "splits.parquet"
    if path is None or not path.is_file():  # a model that was saved without a run
        return frozenset()
    import pandas as pd

    try:
        splits = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"'{path}' is damaged ({error}); copy the run or fit it again.") from error
    if not {"content", "part"} <= set(splits.columns):  # a run of an earlier version
        return frozenset()
    part = splits["part"].astype(str)
    return frozenset(splits["content"][(part == "train") | part.str.startswith("fold ")].astype(str))


def content_digests(dataset: Dataset, reporter: Reporter, *, cache: bool) -> tuple[str, ...]:
    """The digest of each item's content, as run folders hold them.

    Args:
        dataset: n items.
        reporter: receives the progress.
        cache: whether the feature store is used.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> data = Dataset(["a", "b", "a"], ("0", "1", "2"), "text")
        >>> first, second, third = content_digests(data, SilentReporter(), cache=False)
        >>> first == third, first == second
        (True, False)
    """
    with reporter.progress("comparing with the training items") as step:
        read_all = kept_sketches(dataset.modality, cache=cache)
        return tuple(audit(base_dataset(dataset), near=False, progress=step, sketch_all=read_all).content)


def are_among(contents: Collection[str], dataset: Dataset, reporter: Reporter, *, cache: bool) -> NDArray[np.bool_]:
    """Whether each item's content is one of these.

    Args:
        contents: digests, from `training_contents`.
        dataset: n items.
        reporter: receives the progress.
        cache: whether the feature store is used.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> data, silent = Dataset(["a", "b"], ("0", "1"), "text"), SilentReporter()
        >>> are_among(content_digests(data.take([0]), silent, cache=False), data, silent, cache=False)
        array([ True, False])
    """
    return np.array([one in contents for one in content_digests(dataset, reporter, cache=cache)], dtype=bool)
