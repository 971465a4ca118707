"""What the nodes of a cell compute, on arrays of numpy and of torch alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from headstart.heads.cells.plan import MATRICES, CellPlan

__all__ = ["Library", "apply_cell", "apply_operation", "numpy_library", "torch_library"]


@dataclass(frozen=True)
class Library:
    """The few functions that a cell needs besides operators.

    Attributes:
        relu: elementwise max(x, 0).
        sigmoid: elementwise 1 / (1 + exp(-x)).
        softmax: along the last axis.
    """

    relu: Callable[[Any], Any]
    sigmoid: Callable[[Any], Any]
    softmax: Callable[[Any], Any]


def numpy_library() -> Library:
    """The functions of numpy and scipy.

    Examples:
        >>> numpy_library().relu(-1.0)
        np.float64(0.0)
    """
    import numpy as np
    from scipy.special import expit, softmax

    return Library(lambda x: np.maximum(x, 0.0), expit, lambda x: softmax(x, axis=-1))


def torch_library() -> Library:
    """The functions of torch.

    Examples:
        >>> import torch
        >>> torch_library().sigmoid(torch.zeros(1)).item()
        0.5
    """
    import torch

    return Library(torch.relu, torch.sigmoid, lambda x: torch.softmax(x, dim=-1))


def apply_operation(operation: str, x: Any, matrices: Sequence[Any], biases: Sequence[Any], library: Library) -> Any:
    """One operation on tokens.

    Args:
        operation: ``"skip"`` (identity), ``"linear"``, ``"relu"`` (linear, then ReLU), ``"gate"`` (one linear map times
            the sigmoid of another) or ``"attention"`` (each token takes a weighted mean of all tokens of its item).
        x: (n, t, w) tokens.
        matrices: those of the operation, (w, w) each.
        biases: (w,) each.
        library: of the arrays.

    References:
        Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017 (gate); Vaswani et al.,
        "Attention is all you need", NeurIPS 2017.

    Examples:
        >>> import numpy as np
        >>> apply_operation("relu", np.array([[[-2.0, 3.0]]]), [np.eye(2)], [np.zeros(2)], numpy_library())
        array([[[0., 3.]]])
    """
    if operation == "skip":
        return x
    mapped = [x @ matrix + bias for matrix, bias in zip(matrices, biases, strict=True)]
    if operation == "linear":
        return mapped[0]
    if operation == "relu":
        return library.relu(mapped[0])
    if operation == "gate":
        return mapped[0] * library.sigmoid(mapped[1])
    query, key, value = mapped
    return library.softmax(query @ key.swapaxes(-1, -2) / sqrt(x.shape[-1])) @ value


def apply_cell(plan: CellPlan, x: Any, matrices: Any, biases: Any, library: Library) -> Any:
    """The output (n, w) of a cell: the mean over tokens of the mean over its output nodes.

    Args:
        plan: nodes of the cell.
        x: (n, t, w) tokens.
        matrices: (m, w, w) of all nodes, in order.
        biases: (m, w).
        library: of the arrays.

    Examples:
        >>> import numpy as np
        >>> x = np.array([[[1.0, -1.0], [3.0, -3.0]]])
        >>> apply_cell(CellPlan.parse("0:skip 0:relu"), x, np.eye(2)[None], np.zeros((1, 2)), numpy_library())
        array([[ 2., -1.]])
    """
    states, used = [x], 0
    for read, operation in plan.nodes:
        count = MATRICES[operation]
        own = slice(used, used + count)
        states.append(apply_operation(operation, states[read], matrices[own], biases[own], library))
        used += count
    outputs = [states[k] for k in plan.outputs]
    return (sum(outputs[1:], outputs[0]) / len(outputs)).mean(1)
