"""Coverage on the evaluated items of a fit: the prediction sets of each part, and the block of the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.evaluate.coverage import LEVELS, CoveragePart, RealisedCoverage
from headstart.evaluate.held_out import HeldOut, SplitPlan
from headstart.heads import FittedHead
from headstart.model import TransferModel
from headstart.model.certainty import certainty_of_scores
from headstart.model.coverage import ConformalPredictor
from headstart.rows import take_rows
from headstart.transfer.stages.prepare import Prepared
from headstart.types import Rows, Task

__all__ = ["coverage_parts", "coverage_record"]


def coverage_parts(
    prepared: Prepared, plan: SplitPlan, held_out: HeldOut, model: TransferModel, groups: NDArray[np.int64] | None
) -> list[CoveragePart]:
    """The evaluated items of each part, with the prediction sets or intervals of the fit to its training part.

    A held-out part is predicted as the model does; in cross-validation, each fold is compared with the left-out scores
    of its own head, and with those of the items that this head set aside as suspect.

    Args:
        prepared: encoded items.
        plan: the splits.
        held_out: outputs and heads of the parts.
        model: the final model.
        groups: (n,) codes of rows that are left out together, or None.

    Examples:
        >>> from headstart.heads import HeadSearch
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> shift, silent = toy_shift(), SilentReporter()
        >>> prepared = prepare(shift.train.take(range(60)), shift.source, RunContext(silent))
        >>> [one.promised for one in judge(prepared, HeadSearch(("ridge",)), 0, silent, once=True).coverage]
        [0.8, 0.9, 0.95]
    """
    task, y = prepared.dataset.labelled()
    if len(plan.parts) == 1:
        if model.certainty is None:
            return []
        test = plan.evaluated
        rows, own = take_rows(prepared.rows, test), None if groups is None else groups[test]
        return [CoveragePart(model.conformal(), y[test], held_out.outputs, rows, own)]
    found, start = [], 0
    for head, (train, test) in zip(held_out.heads, plan.parts, strict=True):
        stop = start + len(test)
        suspect = take_rows(prepared.rows, train[head.dropped])
        predictor = _of_fold(head, task, suspect, y[train], None if groups is None else groups[train])
        if predictor is not None:
            own = None if groups is None else groups[test]
            scores = None if held_out.scores is None else held_out.scores[start:stop]
            found.append(CoveragePart(predictor, y[test], held_out.outputs[start:stop], None, own, scores))
        start = stop
    return found


def _of_fold(
    head: FittedHead, task: Task, suspect: Rows, y: NDArray[Any], groups: NDArray[np.int64] | None
) -> ConformalPredictor | None:
    evidence = head.evidence
    if evidence is None:
        return None
    index, scores = evidence.index, evidence.scores
    if len(head.dropped):  # as in the certainty of the model, which the items set aside as suspect belong to
        index = np.concatenate([index, head.dropped])
        scores = np.concatenate([scores, head.scores(suspect)])
    kept = certainty_of_scores(
        scores,
        y[index],
        ids=[""] * len(index),
        how="left-out",
        groups=None if groups is None else groups[index],
    )
    return ConformalPredictor(task, head, None, kept)


def coverage_record(model: TransferModel, coverage: Sequence[RealisedCoverage]) -> dict[str, Any]:
    """The block of the record on prediction sets: each level that is promised, and why the others are not.

    Args:
        model: the final model.
        coverage: from `headstart.evaluate.coverage.realised_coverage`.

    Examples:
        >>> from headstart import zero_shot
        >>> coverage_record(zero_shot(["parcel", "refund"], source="toy", verbose=False), ())
        {}
    """
    if model.certainty is None:
        return {}
    predictor, known = model.conformal(), {one.promised for one in coverage}
    record: dict[str, Any] = {"coverage": [one.to_dict() for one in coverage]}
    refused = [sentence for level in LEVELS if level not in known and (sentence := _refusal(predictor, level))]
    if known:
        record["coverage_method"] = f"Prediction {predictor.sentence(max(known))}.{_measured(coverage[0])}"
    if refused:
        record["coverage_refused"] = refused
    return record


def _measured(one: RealisedCoverage) -> str:
    """What the realised coverage is of, where that is not the model itself."""
    if one.fits == 1:
        return ""
    return (
        f" The coverage on held-out items is that of {one.fits} fits to parts of the data, by the {one.method} with "
        "the left-out scores of each; new items are answered by the model that is fitted on all."
    )


def _refusal(predictor: ConformalPredictor, level: float) -> str:
    try:
        predictor.check(level)
    except DataError as error:
        return str(error)
    return ""
