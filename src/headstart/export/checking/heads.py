"""Which heads and calibrations an export holds exactly: one rule for graphs and for folders of other libraries."""

from __future__ import annotations

from headstart.errors import SourceError
from headstart.model import TransferModel

__all__ = ["refuse_head"]

# What each kind of task may hold besides for an export to be exact; shares are only read where priors are asked for.
KNOWN = {
    "classification": {"temperature", "factor", "offset", "chance", "shares", "class_weight"},
    "multilabel": {"slope", "intercept", "shares", "class_weight"},
    "regression": {"class_weight"},
}


def refuse_head(model: TransferModel, name: str) -> None:
    """Raise unless a head is one linear map, with a calibration that exports hold.

    Args:
        model: the model.
        name: of the format.

    Raises:
        SourceError: names what it cannot hold, and what to do.

    Examples:
        >>> import numpy as np
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> run = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["knn"], verbose=False)
        >>> refuse_head(run.model, "onnx")
        Traceback (most recent call last):
        headstart.errors.SourceError: The format 'onnx' holds heads that are one linear map, which 'knn' is not; ...
    """
    if not model.head.linear:
        raise SourceError(
            f"The format '{name}' holds heads that are one linear map, which '{model.head.head}' is not; fit again "
            "with --head ridge, lda or logistic_regression."
        )
    if model.task.kind not in KNOWN or model.task.unit != "item":
        raise SourceError(
            f"The format '{name}' holds classification, multi-label classification and regression of items. Got a "
            f"model of the task '{model.task.kind}' for each {model.task.unit}, whose outputs only Headstart computes."
        )
    others = sorted(set(model.head.calibration) - KNOWN[model.task.kind])
    if others:
        raise SourceError(
            f"The format '{name}' does not hold the calibration of this model ({', '.join(others)}); fit again with "
            "the default calibration."
        )
