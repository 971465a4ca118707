"""The result of head selection: the fitted head, the candidates, and the out-of-fold outputs behind the choice."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from headstart.heads.estimator.protocols import Estimator
from headstart.heads.estimator.scores import estimator_scores
from headstart.heads.estimator.threads import threads_for
from headstart.heads.feature_map import FeatureMap
from headstart.heads.loss_summary import LossSummary
from headstart.linear.calibration_choice import CalibrationChoice
from headstart.linear.checks import CHUNK
from headstart.linear.leave_out import LeftOut
from headstart.linear.moments import Moments
from headstart.tasks import Calibration
from headstart.types import Rows

__all__ = ["Candidate", "Evidence", "FittedHead"]


@dataclass(frozen=True)
class Candidate:
    """A combination of feature map, head and penalty, with its loss.

    Attributes:
        features: name of the feature map.
        head: name of the head.
        lam: the ridge penalty λ of a closed-form head; nan for other heads.
        loss: mean leave-one-out or out-of-fold loss (log-loss in nats, or squared error in units of the target's
            variance).
        prior: the weight, in rows, of each class's name or description; 0 for none.
        note: why the head was skipped or stopped early, if its loss is nan; else empty.
    """

    features: str
    head: str
    lam: float
    loss: float
    prior: float = field(default=0.0, kw_only=True)
    note: str = field(default="", kw_only=True)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Leave-one-out or out-of-fold outputs of a head for the rows that the selection used.

    Attributes:
        index: (m,) positions of these rows among the n training rows; all of them up to n = 5,000.
        outputs: (m, k) calibrated out-of-fold probabilities or values.
        losses: (m,) out-of-fold loss of each row, as in `TaskMethods.loss`.
        scores: (m, k) out-of-fold scores before calibration.
        left_out: leave-one-out least squares behind the scores of a closed-form head; None for other heads.
        within: (C, C) residuals Yᵀ(I-H)Y of the least-squares fit, for the C classes with rows; None without
            ``left_out``, and for tasks other than classification.

    Examples:
        >>> Evidence(np.arange(2), np.full((2, 2), 0.5), np.full(2, 0.69), np.zeros((2, 2))).losses.mean()
        np.float64(0.69)
    """

    index: NDArray[np.intp]
    outputs: NDArray[np.float64]
    losses: NDArray[np.float64]
    scores: NDArray[np.float64]
    left_out: LeftOut | None = None
    within: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A head with its features, calibration and evidence.

    Attributes:
        feature_map: from source rows to head rows.
        head: name of the head.
        lam: the chosen λ; nan for a head without one.
        weight: (num_features, k) float64 of a linear head; empty (0, k) for one that is not linear.
        bias: (k,) float64; zeros for a head that is not linear.
        calibration: parameters that turn scores into outputs.
        loss: mean out-of-fold loss of the chosen head.
        candidates: all candidates, in the order of the search.
        moments: of the mapped rows, if the head was solved from them; None if there were fewer rows than features.
        evidence: out-of-fold outputs and losses; None for a head loaded from disk.
        estimator: the fitted scikit-learn estimator of a head that is not linear, else None.
        prior: the weight, in rows, of each class's name or description; 0 for none. ``moments`` include them.
        dropped: positions of the rows that were dropped as suspect; empty for none.
        notes: further findings, one sentence each, such as whether fusing sources helps.
        left_out: mean out-of-fold loss, which is saved with the head; None if unknown.
        calibration_choice: why the calibration was taken; None if there was no choice, or for a head loaded from disk.

    Examples:
        >>> from headstart.heads import select_head
        >>> from headstart.types import Task
        >>> x = np.array([[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]], np.float32)
        >>> fitted = select_head(x, np.array([0, 0, 0, 1, 1, 1]), Task("classification", ("low", "high")))
        >>> fitted.scores(x).argmax(axis=1), fitted.linear
        (array([0, 0, 0, 1, 1, 1]), True)
    """

    feature_map: FeatureMap
    head: str
    lam: float
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    calibration: Calibration
    loss: float
    candidates: tuple[Candidate, ...]
    moments: Moments | None = None
    evidence: Evidence | None = None
    estimator: Estimator | None = None
    prior: float = field(default=0.0, kw_only=True)
    dropped: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp), kw_only=True)
    notes: tuple[str, ...] = ()
    left_out: LossSummary | None = None
    calibration_choice: CalibrationChoice | None = None

    @property
    def linear(self) -> bool:
        """Whether the head is one linear map of its features."""
        return self.estimator is None

    @property
    def uncalibrated(self) -> bool:
        """Whether the head was made of class texts alone, so that no labelled item was there to calibrate it on."""
        return self.prior > 0 and bool(np.isnan(self.loss))

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        """Scores (n, k) of source rows (n, d)."""
        scores = np.empty((len(rows), len(self.bias)))
        # in chunks, since rows may be a memory map larger than memory
        for i in range(0, len(rows), CHUNK):
            mapped = self.feature_map(rows[i : i + CHUNK])
            if self.estimator is not None:
                with threads_for(*mapped.shape):
                    scores[i : i + CHUNK] = estimator_scores(self.estimator, mapped, len(self.bias))
            else:
                np.matmul(mapped, self.weight, out=scores[i : i + CHUNK], dtype=np.float64)
        scores += self.bias
        return scores
