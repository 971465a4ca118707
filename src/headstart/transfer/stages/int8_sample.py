"""The training items that int8 is calibrated and judged on: two disjoint samples that share no group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.data import union_groups
from headstart.engine.body.recipe import recipe_key
from headstart.errors import DataError
from headstart.tasks import is_classification
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.judge import make_plan
from headstart.transfer.stages.prepare import Audited, without_absent_classes
from headstart.types import Dataset, Source

__all__ = ["Int8Sample", "int8_sample"]

JUDGED = 256  # items in both formats
CALIBRATING = 128  # items whose activations give the ranges


@dataclass(frozen=True, eq=False)
class Int8Sample:
    """Training items to calibrate on, and other ones to judge on.

    Attributes:
        calibrating: items whose activations give the ranges.
        judged: labelled items of at least two groups, none of which is a calibrating one; None if ``unjudged``.
        units: codes of judged items that are left out together; None if each is its own unit.
        unjudged: why these items cannot tell whether int8 is as good; empty if they can.
        digest: identifies all of it.
        calibrating_rows: positions of the items in the audited data.
        judged_rows: the same.
    """

    calibrating: Dataset
    judged: Dataset | None
    units: NDArray[np.int64] | None
    unjudged: str
    digest: str
    calibrating_rows: NDArray[np.intp]
    judged_rows: NDArray[np.intp]


def int8_sample(audited: Audited, source: Source, context: RunContext) -> Int8Sample:
    """Draw both samples from the training part of the fit, about a third of its groups for calibrating.

    Held-out items are not used. Under cross-validation every item is in some training part, so the samples come from
    all items, as in the choice of a source.

    Args:
        audited: labelled items.
        source: the encoder, whose blocks may decide how the fit is evaluated.
        context: its seed is that of the split.

    Raises:
        DataError: if no split is possible.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy import ToySource
        >>> from headstart.transfer.stages.prepare import audit_items
        >>> context = RunContext(SilentReporter())
        >>> texts = [f"{word} {number}" for number in range(9) for word in ("a good film", "bad")]
        >>> audited = audit_items(read((texts, ["+", "-"] * 9)), context)
        >>> found = int8_sample(audited, ToySource(), context)
        >>> sorted({*found.calibrating_rows} & {*found.judged_rows})
        []
    """
    dataset = audited.dataset
    units = union_groups(dataset.groups, audited.clusters)
    rows = _training_rows(dataset, units, source, context)
    rng = np.random.default_rng(0)
    is_calibrating = _calibrating(units[rows], rng)
    calibrating, judged = _few(rows[is_calibrating], CALIBRATING, rng), _few(rows[~is_calibrating], JUDGED, rng)
    unjudged = _unjudged(dataset, units, judged)
    judged = judged[:0] if unjudged else judged
    own = np.unique(units[judged], return_inverse=True)[1].astype(np.int64)
    together = own if len(own) and own.max() + 1 < len(own) else None
    items = None if unjudged else without_absent_classes(dataset.take(judged))
    content = [[audited.audit.content[audited.kept[row]] for row in part] for part in (calibrating, judged)]
    y = [] if items is None else items.labelled()[1].tolist()
    digest = recipe_key(content, y, None if together is None else together.tolist(), unjudged)
    return Int8Sample(dataset.take(calibrating), items, together, unjudged, digest, calibrating, judged)


def _training_rows(dataset: Dataset, units: NDArray[np.int64], source: Source, context: RunContext) -> NDArray[np.intp]:
    """The training part; all items if folds evaluate all of them."""
    widths = [block.width for block in source.info.blocks]
    plan = make_plan(dataset, units, seed=context.seed, widths=widths)
    if len(plan.parts) > 1 and context.clock.limit is None:
        return np.arange(len(dataset))
    if len(plan.parts) > 1:  # once the limit is over, the fit holds out one part instead of folds
        plan = make_plan(dataset, units, seed=context.seed, once=True, widths=widths)
    return plan.parts[0][0]


def _calibrating(units: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """(n,) which items are of the groups for calibrating; at least two groups are left, if there are three."""
    codes = np.unique(units, return_inverse=True)[1]
    order = rng.permutation(codes.max() + 1)
    filled = np.cumsum(np.bincount(codes)[order])
    share = len(units) * CALIBRATING / (CALIBRATING + JUDGED)
    count = int(np.clip(np.searchsorted(filled, share, side="right"), 1, max(len(order) - 2, 1)))
    return np.isin(codes, order[:count])


def _few(rows: NDArray[np.intp], most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _unjudged(dataset: Dataset, units: NDArray[np.int64], judged: NDArray[np.intp]) -> str:
    """Why the items cannot be judged on; empty if they can."""
    if len(np.unique(units[judged])) < 2:
        return "the training items are of fewer than three groups: one to calibrate on, two to be judged on"
    task, y = dataset.labelled()
    try:
        if is_classification(task):
            without_absent_classes(dataset.take(judged))
    except DataError:
        return f"the {len(judged)} items that it would be judged on are all labelled '{task.labels[int(y[judged[0]])]}'"
    return ""
