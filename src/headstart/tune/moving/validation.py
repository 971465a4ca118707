"""Validation of a network on held-out items, by the loss of its calibrated outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from headstart.tasks import is_classification, task_methods
from headstart.tasks.registry import Calibration
from headstart.tune.network.body_and_head import Network
from headstart.tune.network.frozen_prefix import FrozenPrefix
from headstart.tune.network.prefix_batches import kept_batches
from headstart.tune.training.batches import ItemBatches
from headstart.tune.training.device import autocast, to_device
from headstart.tune.training.settings import Precision, Training, Watch
from headstart.types import Dataset, FeatureMatrix, Source, Task

__all__ = ["Validation", "halved_losses", "network_rows"]

BATCH_SIZE = 64  # items in one forward pass


def network_rows(
    network: Network, batches: ItemBatches, device: str = "cpu", precision: Precision = "auto"
) -> FeatureMatrix:
    """The rows (n, d) of the network's body for items without augmentation, in evaluation mode.

    Args:
        network: body and head.
        batches: the n items.
        device: where the network is.
        precision: number format of the products.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> rows = network_rows(setting.network, setting.batches, precision="fp32")
        >>> np.allclose(rows, setting.source.encode(setting.items), atol=0.2)     # of a body that was not trained yet
        True
    """
    network.eval()
    order = batches.by_length()  # texts of similar length are padded little
    rows: list[FeatureMatrix] = []
    with torch.inference_mode(), autocast(device, precision):
        for start in range(0, len(order), BATCH_SIZE):
            inputs = to_device(batches.inputs(order[start : start + BATCH_SIZE].tolist()), device)
            rows.append(network.rows(inputs).float().cpu().numpy())
    return np.concatenate(rows)[np.argsort(order, kind="stable")]  # argsort inverts the permutation


class Validation:
    """The validation items, and the loss of a network on them.

    The loss is that of calibrated outputs. With more training a network becomes both more accurate and overconfident.
    The temperature that is fitted afterwards in any case corrects the overconfidence (Guo et al. 2017), so it must not
    count against the network.

    Args:
        task: the label schema.
        part: labelled validation items.
        source: reads the items.
        collate: makes a batch of prepared items.
        class_weights: (k,) weight of each class; None for 1.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> from headstart.sources.toy_shift import toy_shift
        >>> setting = toy_setting(LP_FT)
        >>> part = toy_shift().test.take(range(20))
        >>> validation = Validation(setting.task, part, setting.source, setting.network.trainable.collate)
        >>> scores = validation.scores(setting.network)
        >>> scores.shape, np.isclose(validation.loss(setting.network), validation.losses(scores).mean())
        ((20, 2), np.True_)
    """

    def __init__(
        self,
        task: Task,
        part: Dataset,
        source: Source,
        collate: Callable[[Sequence[Any]], Any],
        class_weights: NDArray[np.float64] | None = None,
    ) -> None:
        self.task, self.part = task, part
        self.y: NDArray[Any] = part.labelled()[1]
        self.weights = None if class_weights is None else class_weights[self.y.astype(np.intp)]
        targets = np.zeros((len(part), 1))
        self.batches = ItemBatches(part.items, targets, source.prepare, collate, Training(), seed=0)
        if part.modality == "text":
            self.batches.sort_by_length()
        self._item_batches = self.batches

    def use_prefix(self, network: Network, prefix: FrozenPrefix, training: Training) -> None:
        """Validate from the outputs of the network's frozen prefix, which are computed here, until `use_items`."""
        self._item_batches = self.batches
        self.batches = kept_batches(network, prefix, self.batches, training)

    def use_items(self) -> None:
        """Validate from the items again, by the complete network."""
        self.batches = self._item_batches

    def scores(self, network: Network) -> NDArray[np.float64]:
        """Logits, or values in the units of the data, (n, k)."""
        device = next(network.parameters()).device.type
        with np.errstate(over="ignore", invalid="ignore"):  # weights that diverged overflow here
            return network.head.fitted().scores(network_rows(network, self.batches, device))

    def loss(self, network: Network, watch: Watch | None = None) -> float:
        """The mean loss of the calibrated outputs, of which the watch is told; infinite if an output is not finite."""
        scores = self.scores(network)
        if not np.isfinite(scores).all():
            return math.inf
        losses = self.losses(scores)
        if watch is not None:
            watch.note(losses)
        return float(losses.mean())

    def calibration(self, scores: NDArray[np.float64]) -> Calibration:
        """The calibration parameters fitted on the scores (n, k) of these items."""
        return task_methods(self.task).calibrate(scores, self.y, self.weights)

    def losses(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The loss of each item (n,), times the weight of its class; each half is calibrated on the other half."""
        return halved_losses(scores, self.y, self.task, self.weights)


def halved_losses(
    scores: NDArray[np.float64], y: NDArray[Any], task: Task, weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """The loss of each item, where each half of the items is calibrated on the other half.

    The halves are stratified: every second item of a class is in the second half.

    Args:
        scores: (n, k) scores of held-out items.
        y: their labels, as in `headstart.types.Dataset`.
        task: the label schema.
        weights: (n,) weight of each item in the calibration, by which its loss is multiplied too; None for 1.

    Returns:
        (n,) losses.

    Examples:
        >>> task = Task("classification", ("a", "b"))
        >>> halved_losses(np.array([[2.0, -2.0], [2.0, -2.0]]), np.array([0, 1]), task).round(1).tolist()
        [0.7, 0.7]
    """
    methods, losses = task_methods(task), np.empty(len(y))
    halves = np.arange(len(y)) % 2
    if is_classification(task):  # plain alternation would fail where the items' classes alternate too
        halves[np.argsort(y, kind="stable")] = np.arange(len(y)) % 2
    for half in (0, 1):
        inside, outside = halves == half, halves != half
        if not outside.any():
            outside = inside
        known = None if weights is None else weights[outside]
        calibration = methods.calibrate(scores[outside], y[outside], known)
        losses[inside] = methods.loss(methods.outputs(scores[inside], calibration), y[inside])
    return losses if weights is None else losses * weights
