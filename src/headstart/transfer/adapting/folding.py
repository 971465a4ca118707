"""An adaptation that is affine on the target's side, folded into the weights of a linear head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from headstart.heads import FittedHead
from headstart.transfer.adapting.candidates import AdapterCandidate

__all__ = ["folded_head"]

Array = NDArray[np.float64]
CHUNK = 512  # columns at once


def folded_head(head: FittedHead, candidate: AdapterCandidate, note: str) -> FittedHead:
    """The head of a candidate as a linear head on the rows of the source, with the same scores.

    The map of the target's rows and the feature map of the solved head are affine, and so are their scores f:
    the bias is f(0), and row i of the weights f(e_i) - f(0). What belongs to the fit on the old rows, such as moments
    and left-out outputs, is left out.

    Args:
        head: of the model; its feature map comes first.
        candidate: an adapter with its head, on rows of that feature map.
        note: a sentence about the adaptation.

    Examples:
        >>> from headstart.transfer.adapting.candidates import DomainPair, solve_candidate
        >>> from headstart.heads import select_head
        >>> from headstart.types import Task
        >>> rng = np.random.default_rng(0)
        >>> xs, xt = rng.normal(size=(40, 3)), 2 * rng.normal(size=(30, 3)) + 1
        >>> task = Task("classification", ("a", "b"))
        >>> ys = (xs[:, 0] > 0).astype(int)
        >>> head = select_head(xs, ys, task)
        >>> mapped = DomainPair(head.feature_map(xs), ys, head.feature_map(xt), task)
        >>> candidate = solve_candidate("standardisation", mapped)
        >>> scores = folded_head(head, candidate, "Adapted.").scores(xt)
        >>> bool(np.allclose(scores, candidate.target_scores(head.feature_map(xt)), atol=1e-12))
        True
    """
    width = head.feature_map.num_features
    bias = candidate.target_scores(np.zeros((1, width)))[0]
    weight = np.empty((width, len(bias)))
    for start in range(0, width, CHUNK):
        stop = min(start + CHUNK, width)
        unit = np.zeros((stop - start, width))
        unit[np.arange(stop - start), np.arange(start, stop)] = 1.0
        weight[start:stop] = candidate.target_scores(unit) - bias
    solved = candidate.head
    return replace(
        head, head=solved.head, lam=solved.lam, weight=weight, bias=bias, calibration=solved.calibration,
        loss=solved.loss, candidates=(), moments=None, evidence=None, estimator=None, prior=0.0,
        dropped=np.empty(0, np.intp), notes=(*head.notes, note), left_out=None, calibration_choice=None,
    )  # fmt: skip
