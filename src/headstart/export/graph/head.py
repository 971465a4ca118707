"""A head and its calibration in torch: from the rows of a source to what the model answers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.heads import FittedHead
from headstart.model import TransferModel

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["head_module"]

SMALLEST = 1e-18  # of a norm: its square is still a float32


def head_module(model: TransferModel) -> nn.Module:
    """A module of float32 that gives what `TransferModel.outputs` gives, (n, k), for rows (n, d).

    Args:
        model: with a head that `refuse_head` lets pass.

    Examples:
        >>> import torch
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> given = head_module(model)(torch.tensor([[0.2, 1.0]]))
        >>> bool(np.abs(given.numpy() - model.outputs(np.array([[0.2, 1.0]]))).max() < 1e-5)
        True
    """
    made: nn.Module = _module_class()(model)
    return made.eval()


def _linear(head: FittedHead) -> tuple[Any, Any]:
    """The weight (d, k) and the bias (k,) with the scale of the features folded in, computed in float64."""
    scale = head.feature_map.scale
    return (head.weight / scale[:, None] if scale.size else head.weight), head.bias


@cache
def _module_class() -> Any:
    import torch
    from torch import nn

    class HeadGraph(nn.Module):
        """Feature map, linear map and calibration."""

        weight: Tensor
        bias: Tensor
        shift: Tensor
        columns: Tensor
        temperature: Tensor
        factor: Tensor
        offset: Tensor
        slope: Tensor
        intercept: Tensor

        def __init__(self, model: TransferModel) -> None:
            super().__init__()
            found = model.head.feature_map
            self.kind = model.task.kind
            self.parts = list(zip(found.blocks, found.block_scalings, strict=True))
            weight, bias = _linear(model.head)
            self._keep("weight", weight)
            self._keep("bias", bias)
            self._keep("shift", found.shift)
            self.register_buffer("columns", torch.from_numpy(found.columns.astype(np.int64)))
            calibration = model.head.calibration
            for name in ("temperature", "factor", "offset", "slope", "intercept"):
                self._keep(name, calibration.get(name, np.empty(0)))
            self.chance = float(calibration["chance"][0]) if "chance" in calibration else 0.0

        def _keep(self, name: str, values: Any) -> None:
            self.register_buffer(name, torch.from_numpy(np.array(values, np.float32)))

        def forward(self, rows: Tensor) -> Tensor:
            blocks = [
                part / part.square().sum(1, keepdim=True).sqrt().clamp_min(SMALLEST) if scaling == "unit_norm" else part
                for part, scaling in ((rows[:, a:b], scaling) for (a, b), scaling in self.parts)
            ]
            x = blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=1)
            if self.columns.numel():
                x = x.index_select(1, self.columns)
            if self.shift.numel():
                x = x - self.shift
            return self._outputs(x @ self.weight + self.bias)

        def _outputs(self, scores: Tensor) -> Tensor:
            if self.kind == "classification":
                logits = scores / self.temperature
                if self.factor.numel():
                    logits = logits * self.factor + self.offset
                found = torch.softmax(logits, dim=1)
                return (1 - self.chance) * found + self.chance / scores.shape[1] if self.chance else found
            return torch.sigmoid(scores * self.slope + self.intercept) if self.kind == "multilabel" else scores

    return HeadGraph
