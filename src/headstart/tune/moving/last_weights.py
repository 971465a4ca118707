"""The network's state with the weights of the last step, where those of an earlier epoch were kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from headstart.tune.moving.plan import Plan, Plans, Setting, plan_of
from headstart.tune.network.body_and_head import Network

__all__ = ["finished_state"]


def finished_state(
    strategy: Plans, network: Network, plan: Plan, last: Mapping[str, Tensor], again: Callable[[], Setting]
) -> dict[str, Tensor]:
    """All weights of the network after the last step, with inserted modules merged as at the end of the training.

    Args:
        strategy: that planned the training.
        network: after the training and ``plan.finish``.
        plan: what was trained.
        last: trained weights and buffers of the last step, by their names in training.
        again: makes the setting once more; called only if the plan inserted modules, which have to be merged.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> plan = plan_of(LP_FT, setting)
        >>> last = {"head.bias": torch.tensor([7.0, -7.0])}
        >>> state = finished_state(LP_FT, setting.network, plan, last, again=None)
        >>> state["head.bias"].tolist(), len(state) == len(setting.network.state())
        ([7.0, -7.0], True)
    """
    last = {name: value.cpu() for name, value in last.items()}
    state = dict(network.state())
    if all(name in state for group in plan.groups for name in group.names):
        return {**state, **{name: value for name, value in last.items() if name in state}}
    setting = again()
    twin = plan_of(strategy, setting)
    targets = {**dict(setting.network.named_parameters()), **dict(setting.network.named_buffers())}
    with torch.no_grad():
        for name, value in last.items():
            targets[name].copy_(value)
    twin.finish()
    return dict(setting.network.cpu().state())
