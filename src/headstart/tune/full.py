"""Full fine-tuning: a fresh head, one rate for all, cosine, AdamW, as tutorials have it.

Reference: Girshick et al. 2014, "Rich feature hierarchies for accurate object detection and semantic segmentation". The
other strategies are compared with it: a fresh head first sends noise through the body (Kumar et al. 2022).

Transfers: parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from headstart.heads.feature_map import FeatureMap
from headstart.sources.bodies.seeded import seeded, spread
from headstart.tasks import is_regression, task_methods
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.network.solved_head import TorchHead
from headstart.tune.training.settings import Training
from headstart.types import FeatureMatrix

__all__ = ["FULL", "FullFineTuning", "fresh_head"]

MOST_ITEMS, AT_ONCE = 512, 64  # that columns are standardised on; that go through the body together


def fresh_head(setting: Setting) -> TorchHead:
    """A head of small random weights on the standardised columns of the body's last layer.

    The solved head reads rows of unit norm, on which a fresh one would hardly move, unlike those of tutorials.
    The statistics are those of the frozen features, on 512 evenly spread items where there are more.

    Args:
        setting: what is trained.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> head = fresh_head(setting)
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
        scale=np.where(deviation > 1e-6 * np.abs(chosen).max(), deviation, 1.0),  # MiniLM has a column of 1e-32
    )
    k = len(setting.start.head.bias)
    empty = replace(setting.start.head, feature_map=standardised, weight=np.zeros((stop - start, k)), bias=np.zeros(k))
    centre, width = _centre_and_width(setting)
    head = TorchHead(empty, setting.task, setting.training.dropout, centre=centre, spread=width)
    seeded(setting.seed, head.reset)
    return head


def _some_rows(setting: Setting) -> FeatureMatrix:
    positions = spread(range(len(setting.items)), MOST_ITEMS)
    parts = [positions[k : k + AT_ONCE] for k in range(0, len(positions), AT_ONCE)]
    with torch.inference_mode():
        return np.concatenate([setting.network.rows(setting.batches.inputs(part)).numpy() for part in parts])


def _centre_and_width(setting: Setting) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    """Means and deviations of the targets of a regression."""
    if not is_regression(setting.task):
        return None, None
    targets = task_methods(setting.task).targets(setting.y, setting.task.num_outputs)
    deviation = targets.std(axis=0)
    return targets.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


@dataclass(frozen=True)
class FullFineTuning:
    """Fine-tuning of the whole body with a head of fresh random weights, all at one rate.

    Attributes:
        training: how it trains.
        name: the name in the registry.

    Examples:
        >>> FULL.training.schedule, FULL.training.optimizer
        ('cosine', 'adamw')
    """

    training: Training = Training()
    name: str = "full"

    def plan(self, setting: Setting) -> Plan:
        """All parameters move; the solved head is forgotten."""
        setting.network.head = fresh_head(setting)
        return Plan((*body_groups(setting.network), head_group(setting.network)))

    fit = fit_moved


FULL = FullFineTuning()
