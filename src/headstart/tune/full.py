"""Full fine-tuning: a fresh head and one learning rate for all parameters, with AdamW and a cosine schedule.

Reference: Girshick et al. 2014, "Rich feature hierarchies for accurate object detection and semantic segmentation".
This is the baseline of the other strategies. Its weakness: the gradients of a fresh head distort the pretrained
features (Kumar et al. 2022).

Transfers: parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from headstart.heads.feature_map import FeatureMap
from headstart.sources.bodies.seeded import seeded, spread
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.network.solved_head import TorchHead
from headstart.tune.structure.fresh_head import target_units
from headstart.tune.training.settings import Training
from headstart.types import FeatureMatrix

__all__ = ["FULL", "FullFineTuning", "standardised_head"]

MAX_ITEMS, BATCH_SIZE = 512, 64  # items that the columns are standardised on; items in one forward pass


def standardised_head(setting: Setting) -> TorchHead:
    """A head with small random weights on the standardised columns of the body's last layer.

    The closed-form head reads rows of unit norm. A fresh head on such rows would get gradients too small to learn from,
    so the columns are standardised instead: by the mean and standard deviation of the frozen features, over at most 512
    evenly spaced items.

    Args:
        setting: the network and the training items.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> head = standardised_head(setting)
        >>> head.weight.shape, bool(head.weight.abs().max() < 0.1)
        (torch.Size([25, 2]), True)
    """
    rows = _some_rows(setting)
    stop = rows.shape[1]
    start = stop - setting.start.source.info.blocks[-1].width
    chosen = rows[:, start:].astype(np.float64)
    deviation = chosen.std(axis=0)
    standardised = FeatureMap(
        "standardised last layer",
        ((start, stop),),
        "none",
        shift=chosen.mean(axis=0),
        # A column that is constant up to rounding is left unscaled: MiniLM has one with values around 1e-32.
        scale=np.where(deviation > 1e-6 * np.abs(chosen).max(), deviation, 1.0),
    )
    k = len(setting.start.head.bias)
    empty = replace(setting.start.head, feature_map=standardised, weight=np.zeros((stop - start, k)), bias=np.zeros(k))
    centre, deviation_of_targets = target_units(setting.task, setting.y)
    head = TorchHead(empty, setting.task, setting.training.dropout, centre=centre, spread=deviation_of_targets)
    seeded(setting.seed, head.reset)
    return head


def _some_rows(setting: Setting) -> FeatureMatrix:
    positions = spread(range(len(setting.items)), MAX_ITEMS)
    parts = [positions[k : k + BATCH_SIZE] for k in range(0, len(positions), BATCH_SIZE)]
    with torch.inference_mode():
        return np.concatenate([setting.network.rows(setting.batches.inputs(part)).numpy() for part in parts])


@dataclass(frozen=True)
class FullFineTuning:
    """Fine-tuning of all parameters of the body, with a freshly initialised head, all at one learning rate.

    Attributes:
        training: the training settings.
        name: the name in the registry.

    Examples:
        >>> FULL.training.schedule, FULL.training.optimizer
        ('cosine', 'adamw')
    """

    training: Training = Training()
    name: str = "full"

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters; a fresh head replaces the closed-form one."""
        setting.network.head = standardised_head(setting)
        return Plan((*body_groups(setting.network), head_group(setting.network)))

    fit = fit_moved


FULL = FullFineTuning()
