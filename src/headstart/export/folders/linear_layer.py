"""A head and its calibration as one linear layer on the last layer of a body, as other libraries hold it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.errors import SourceError
from headstart.export.checking.heads import refuse_head
from headstart.heads import FeatureMap
from headstart.model import TransferModel
from headstart.tasks import Calibration

__all__ = ["LinearLayer", "activation_of", "calibration_terms", "linear_layer", "refuse_unit_norm"]

Array = NDArray[np.float64]
ACTIVATIONS = {"classification": "softmax", "multilabel": "sigmoid", "regression": "identity"}


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """From the last layer x of a body to logits: x (or x / ||x||) times ``weight``, plus ``bias``.

    Attributes:
        weight: (d, k).
        bias: (k,).
        unit_norm: whether x is divided by its Euclidean norm first.
        activation: what makes the outputs of the logits: ``"softmax"``, ``"sigmoid"`` or ``"identity"``.
        chance: the share of each probability that is 1/k, as in `Classification.outputs`; 0 for none.
    """

    weight: Array
    bias: Array
    unit_norm: bool
    activation: str
    chance: float


def activation_of(model: TransferModel) -> str:
    """What makes the outputs of a model's logits.

    Examples:
        >>> from headstart import zero_shot
        >>> activation_of(zero_shot(["parcel", "refund"], source="toy", verbose=False))
        'softmax'
    """
    return ACTIVATIONS[model.task.kind]


def linear_layer(model: TransferModel, name: str) -> LinearLayer:
    """The head of a model with its feature scaling and its calibration folded in, computed in float64.

    With features (x - m) / s, scores W and b, and logits f * score + o, the layer has the weight f W / s and the bias
    f (b - W m / s) + o.

    Args:
        model: the model.
        name: of the format, for messages.

    Raises:
        SourceError: if the head is no linear map of the last layer, or its calibration does not fold into it.

    Examples:
        >>> from headstart.heads import FittedHead
        >>> from headstart.sources.toy import ToySource
        >>> from headstart.types import Task
        >>> features = FeatureMap("last layer", ((32, 96),), "unit_norm")
        >>> head = FittedHead(features, "ridge", 1.0, np.eye(64)[:, :2], np.ones(2), {"temperature": np.ones(1)}, 0, ())
        >>> model = TransferModel(ToySource(), Task("classification", ("parcel", "refund")), head)
        >>> layer = linear_layer(model, "sentence-transformers")
        >>> rows = model.source.encode(["where is my parcel"])[:, -len(layer.weight):]
        >>> logits = rows / np.linalg.norm(rows) @ layer.weight + layer.bias
        >>> found = np.exp(logits) / np.exp(logits).sum()
        >>> bool(np.abs(found - model.predict_proba(["where is my parcel"])).max() < 1e-6)
        True
    """
    _refuse(model, name)
    head, features = model.head, model.head.feature_map
    weight, bias = head.weight, head.bias
    if features.scale.size:
        weight = weight / features.scale[:, None]
    if features.shift.size:
        bias = bias - features.shift @ weight
    factor, offset = calibration_terms(head.calibration)
    weight, bias = weight * factor, bias * factor + offset
    chance = float(head.calibration["chance"][0]) if "chance" in head.calibration else 0.0
    unit = features.block_scalings == ("unit_norm",)
    return LinearLayer(_on_all_columns(weight, features), bias, unit, activation_of(model), chance)


def calibration_terms(calibration: Calibration) -> tuple[Array, Array]:
    """The factors and offsets, (1,) or (k,), that turn the scores of a head into logits.

    Examples:
        >>> calibration_terms({"temperature": np.array([2.0])})
        (array([0.5]), array([0.]))
    """
    factor, offset = np.ones(1), np.zeros(1)
    if "temperature" in calibration:
        factor = factor / calibration["temperature"]
    if "factor" in calibration:
        factor, offset = factor * calibration["factor"], calibration["offset"]
    if "slope" in calibration:
        factor, offset = calibration["slope"], calibration["intercept"]
    return factor, offset


def _on_all_columns(weight: Array, features: FeatureMap) -> Array:
    if not features.columns.size:
        return weight
    ((start, stop),) = features.blocks
    full = np.zeros((stop - start, weight.shape[1]))
    full[features.columns] = weight
    return full


def _refuse(model: TransferModel, name: str) -> None:
    refuse_head(model, name)
    features, blocks = model.head.feature_map, model.source.info.blocks
    width = features.num_inputs
    last = (width - blocks[-1].width, width) if blocks else (0, 0)
    if features.blocks != (last,):
        raise SourceError(
            f"The format '{name}' has one classifier, which reads the last layer of the body, but the head of this "
            f"model reads '{features.name}'; fit again with --layers standardised or last, or use the format 'onnx', "
            "which holds every linear head."
        )


def refuse_unit_norm(layer: LinearLayer, name: str) -> None:
    """Raise if a head reads rows of unit norm, for a format whose classifier reads the last layer as it is.

    Args:
        layer: the head.
        name: of the format.

    Raises:
        SourceError: says which fit it can hold.

    Examples:
        >>> refuse_unit_norm(LinearLayer(np.eye(2), np.zeros(2), True, "softmax", 0.0), "timm")
        Traceback (most recent call last):
        headstart.errors.SourceError: The head of this model reads rows of unit norm, but a classifier of the format ...
    """
    if layer.unit_norm:
        raise SourceError(
            f"The head of this model reads rows of unit norm, but a classifier of the format '{name}' reads the last "
            "layer as it is; fit again with --layers standardised, or use the format 'onnx', which holds every linear "
            "head."
        )
