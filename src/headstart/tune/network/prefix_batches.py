"""Batches of a network's frozen prefix: its outputs are computed once, and training starts from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from headstart.tune.network.body_and_head import Network, PrefixOutputs
from headstart.tune.network.frozen_prefix import FrozenPrefix, find_cut
from headstart.tune.network.kept_inputs import KeptInputs
from headstart.tune.training.batches import ItemBatches
from headstart.tune.training.device import autocast, to_device
from headstart.tune.training.job import ParameterGroup
from headstart.tune.training.settings import Training

__all__ = ["kept_batches", "prefix_of"]

EXAMPLES = 4  # items that the cut is checked on
BATCH_SIZE = 64  # items in one forward pass


def prefix_of(network: Network, groups: Sequence[ParameterGroup], batches: ItemBatches) -> FrozenPrefix | None:
    """The frozen prefix of a network if these groups are trained; None if the complete network has to run.

    Args:
        network: body and head; it is put into evaluation mode.
        groups: the parameters to train.
        batches: the training items, some of which the cut is checked on.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> from headstart.tune.moving.plan import body_groups, head_group
        >>> setting = toy_setting(LP_FT, items=64)
        >>> moving = [*body_groups(setting.network, first=2), head_group(setting.network)]
        >>> prefix_of(setting.network, moving, setting.batches).cut     # the first two blocks run once for each item
        'blocks.2.0'
    """
    trained = {name for group in groups for name in group.names}
    network.eval()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in trained)
    first = next(iter(network.groups), ())
    if any(name in trained for name in first) or len(batches) < EXAMPLES:
        return None
    return find_cut(network.trainable, batches.inputs(range(EXAMPLES)))


def kept_batches(network: Network, prefix: FrozenPrefix, batches: ItemBatches, training: Training) -> ItemBatches:
    """The same batches with the outputs of the prefix as inputs, which are computed here, once per item.

    Args:
        network: body and head.
        prefix: the frozen prefix.
        batches: the items.
        training: gives the number format.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> from headstart.tune.moving.plan import body_groups, head_group
        >>> setting = toy_setting(LP_FT, items=64)
        >>> moving = [*body_groups(setting.network, first=2), head_group(setting.network)]
        >>> prefix = prefix_of(setting.network, moving, setting.batches)
        >>> batches = kept_batches(setting.network, prefix, setting.batches, setting.training)
        >>> batches.inputs([0, 1])["input"].shape     # 24 channels of two pictures where the third block starts
        torch.Size([2, 24, 3, 3])
    """
    device = next(network.parameters()).device.type
    order = batches.by_length()
    with torch.inference_mode(), autocast(device, training.precision):
        kept = KeptInputs("bf16" if torch.is_autocast_enabled(device) else "fp32")
        for start in range(0, len(order), BATCH_SIZE):
            positions = order[start : start + BATCH_SIZE].tolist()
            kept.put(positions, prefix.before(to_device(batches.inputs(positions), device)))

    def collate(positions: Sequence[Any]) -> PrefixOutputs:
        return PrefixOutputs(kept.batch([int(k) for k in positions]))

    return batches.with_inputs(range(len(batches)), np.asarray, collate)
