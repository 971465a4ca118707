"""A randomly initialised linear head on the unscaled rows of a body's last block, like an architecture's classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads import FeatureMap, FittedHead
from headstart.tasks import is_regression, task_methods
from headstart.tune.moving.plan import Setting
from headstart.tune.network.solved_head import TorchHead, neutral_calibration
from headstart.types import Task

__all__ = ["last_layer_head", "random_head_weights", "target_units"]

DEVIATION = 0.01  # of random weights


def target_units(task: Task, y: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | tuple[None, None]:
    """Means and standard deviations (k,) of a regression's training targets; None and None for other tasks.

    Args:
        task: the label schema.
        y: labels of the training items. A constant target gets the deviation 1.

    Examples:
        >>> target_units(Task("regression", ("price",)), np.array([[1.0], [3.0]]))
        (array([2.]), array([1.]))
    """
    if not is_regression(task):
        return None, None
    values = task_methods(task).targets(y, task.num_outputs)
    deviation = values.std(axis=0)
    return values.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def random_head_weights(width: int, outputs: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Random weights (width, outputs), normal with standard deviation 0.01, and biases (outputs,) of 0.

    Examples:
        >>> random_head_weights(3, 2, 0)[0].shape
        (3, 2)
    """
    return np.random.default_rng(seed).normal(scale=DEVIATION, size=(width, outputs)), np.zeros(outputs)


def last_layer_head(setting: Setting) -> TorchHead:
    """A randomly initialised head on the last block's rows, which are not scaled.

    Args:
        setting: gives the task, the widths of the blocks and the seed.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> last_layer_head(toy_setting(LP_FT)).weight.shape     # of the toy's 25 features, for two classes
        torch.Size([25, 2])
    """
    task, widths = setting.task, [block.width for block in setting.source.info.blocks]
    num_features = sum(widths)
    centre, spread = target_units(task, setting.y)
    weight, bias = random_head_weights(widths[-1], task.num_outputs, setting.seed)
    if centre is not None and spread is not None:
        weight, bias = weight * spread, bias + centre  # in data units; `TorchHead` standardises them again
    found = FeatureMap("last layer", ((num_features - widths[-1], num_features),), "none")
    shares = {k: v for k, v in setting.start.head.calibration.items() if k == "shares"}
    calibration = {**neutral_calibration(task), **shares}
    head = FittedHead(found, "trained", float("nan"), weight, bias, calibration, float("nan"), ())
    return TorchHead(head, task, setting.training.dropout, centre=centre, spread=spread)
