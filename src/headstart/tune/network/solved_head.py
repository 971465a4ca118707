"""The closed-form head as a torch layer: the same feature map, weight and bias, with gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import dropout

from headstart.errors import ParameterError
from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import FittedHead
from headstart.tasks import is_classification, is_multilabel
from headstart.tasks.classification import logit_terms
from headstart.tasks.registry import Calibration
from headstart.types import Task

__all__ = ["TorchHead", "neutral_calibration"]

TINY = 1e-12
CONSTANT = 1e-12  # of the largest deviation: below it a column is constant
UNSEEN = 30.0  # how far below the other biases that of a class without training items is put, in nats


def neutral_calibration(task: Task) -> Calibration:
    """The identity calibration, which takes scores as logits.

    Examples:
        >>> neutral_calibration(Task("classification", ("a", "b")))
        {'temperature': array([1.])}
    """
    if is_classification(task):
        return {"temperature": np.ones(1)}
    if is_multilabel(task):
        return {"slope": np.ones(task.num_outputs), "intercept": np.zeros(task.num_outputs)}
    return {}


class TorchHead(nn.Module):
    """A linear head on the mapped rows of a source.

    Its logits are the calibrated logits of the closed-form head, so training starts from there (LP-FT, Kumar et al.
    2022): scores / temperature for classes, slope · score + intercept for independent labels, and
    (value - centre) / spread for a regression.

    Args:
        head: a linear head.
        task: the label schema.
        dropped: share of the mapped rows' entries that are dropped in training (Srivastava et al. 2014), 0.
        centre: (k,) means of the training targets of a regression; None for 0.
        spread: (k,) standard deviations of these targets; None for 1.

    Raises:
        ParameterError: if the head is not linear.

    Examples:
        >>> from headstart.heads import select_head
        >>> x = np.array([[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]], np.float32)
        >>> task = Task("classification", ("low", "high"))
        >>> layer = TorchHead(select_head(x, np.array([0, 0, 0, 1, 1, 1]), task), task)
        >>> layer(torch.from_numpy(x)).argmax(dim=1).tolist()
        [0, 0, 0, 1, 1, 1]
    """

    shift: Tensor
    scale: Tensor
    columns: Tensor

    def __init__(
        self,
        head: FittedHead,
        task: Task,
        dropped: float = 0.0,
        *,
        centre: NDArray[np.float64] | None = None,
        spread: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__()
        if not head.linear:
            raise ParameterError(
                f"Training starts from a linear head. Got '{head.head}'; name 'ridge', 'lda' or 'logistic' with --head."
            )
        self._head, self._task, self._dropped = head, task, dropped
        self._map: FeatureMap = head.feature_map
        weight, bias = _as_logits(head, task)
        self._centre = np.zeros(len(bias)) if centre is None else centre
        self._spread = np.ones(len(bias)) if spread is None else spread
        weight, bias = weight / self._spread, (bias - self._centre) / self._spread
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float32))
        seen = np.isfinite(bias)  # a class without training items has prior 0, so its bias is -inf
        bias = np.where(seen, bias, bias[seen].min(initial=0.0) - UNSEEN)
        self.bias = nn.Parameter(torch.tensor(bias, dtype=torch.float32))
        self.register_buffer("shift", torch.tensor(self._map.shift, dtype=torch.float32), persistent=False)
        self.register_buffer("scale", torch.tensor(_usable(self._map.scale), dtype=torch.float32), persistent=False)
        self.register_buffer("columns", torch.tensor(self._map.columns, dtype=torch.int64), persistent=False)

    def mapped(self, rows: Tensor) -> Tensor:
        """Apply the feature map: rows (n, d) of the source to rows (n, num_features) of the head."""
        parts = []
        for (start, stop), scaling in zip(self._map.blocks, self._map.block_scalings, strict=True):
            part = rows[:, start:stop]
            parts.append(part / _lengths(part) if scaling == "unit_norm" else part)
        joined = torch.cat(parts, dim=1)
        joined = joined[:, self.columns] if len(self.columns) else joined
        joined = joined - self.shift if len(self.shift) else joined
        return joined / self.scale if len(self.scale) else joined

    def forward(self, rows: Tensor) -> Tensor:
        """Logits, or standardised values of a regression, (n, k), for a source's rows (n, d)."""
        with torch.autocast(rows.device.type, enabled=False):  # in float32, as the closed-form head
            mapped = dropout(self.mapped(rows.float()), self._dropped, self.training)
            return mapped @ self.weight + self.bias

    def fitted(self) -> FittedHead:
        """The head with its current weights as a `FittedHead`, whose scores are logits or values in data units."""
        weight = self.weight.detach().cpu().double().numpy() * self._spread
        bias = self.bias.detach().cpu().double().numpy() * self._spread + self._centre
        kept: dict[str, NDArray[Any]] = {k: v for k, v in self._head.calibration.items() if k == "shares"}
        feature_map = self._map
        if (constant := np.isinf(_usable(feature_map.scale))).any():  # the body may have moved these columns
            weight[constant] = 0.0
            feature_map = replace(feature_map, scale=np.where(constant, 1.0, feature_map.scale))
        return replace(
            self._head, head="trained", lam=float("nan"), weight=weight, bias=bias, prior=0.0, moments=None,
            feature_map=feature_map,
            evidence=None, calibration={**neutral_calibration(self._task), **kept}, candidates=(), notes=(),
        )  # fmt: skip

    def reset(self) -> None:
        """Reinitialise: normal weights with standard deviation 0.01, biases 0."""
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)


def _usable(scale: NDArray[Any]) -> NDArray[Any]:
    """Deviations by which columns are divided; those of columns that are constant up to rounding become infinite.

    Such a column says nothing, and gradients through a division by its deviation would be infinite: MiniLM has one with
    values around 1e-32.
    """
    return np.where(scale > CONSTANT * scale.max(initial=0.0), scale, np.inf)


def _lengths(rows: Tensor) -> Tensor:
    """Euclidean norms (n, 1) of rows (n, d), summed in float64, where squares do not overflow, as in the solver."""
    norm: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True, dtype=torch.float64)
    return norm.clamp(TINY, torch.finfo(rows.dtype).max).to(rows.dtype)


def _as_logits(head: FittedHead, task: Task) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weight (d, k) and bias (k,) with the calibration folded in."""
    if is_classification(task):
        factor, offset = logit_terms(head.calibration)
        return head.weight * factor, head.bias * factor + offset
    if is_multilabel(task):
        slope, intercept = head.calibration["slope"], head.calibration["intercept"]
        return head.weight * slope, head.bias * slope + intercept
    return head.weight, head.bias
