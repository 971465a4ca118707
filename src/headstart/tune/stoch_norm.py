"""Stochastic normalisation: each channel uses either the running or the batch statistics, chosen at random.

Reference: Kou et al. 2020, "Stochastic Normalization": batch statistics of few items overfit, and the running
statistics of the source regularise them.

Transfers: parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from headstart.errors import SourceError
from headstart.params import check_number
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.training.settings import Training

__all__ = ["STOCH_NORM", "StochNorm", "StochasticNorm2d"]


class StochasticNorm2d(nn.BatchNorm2d):
    """Batch normalisation that, in training, normalises each channel by the running statistics with some probability.

    Every batch updates the running statistics, whichever statistics are used, and the update comes before they are
    used. In evaluation mode this is plain batch normalisation. It shares the parameters of the layer it is made from.

    Args:
        plain: the layer to replace; timm's ``drop`` and ``act``, where it has them, are applied afterwards.
        share: the probability of using the running statistics.

    Examples:
        >>> plain = nn.BatchNorm2d(3)
        >>> StochasticNorm2d(plain, 0.5).weight is plain.weight
        True
    """

    def __init__(self, plain: nn.BatchNorm2d, share: float) -> None:
        super().__init__(plain.num_features, plain.eps, plain.momentum, plain.affine)
        self.share = share
        # The tensors themselves are shared, so training this layer trains the replaced one.
        self._parameters, self._buffers = dict(plain._parameters), dict(plain._buffers)
        self.drop: nn.Module = getattr(plain, "drop", nn.Identity())
        self.act: nn.Module = getattr(plain, "act", nn.Identity())
        self.train(plain.training)

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise maps (n, channels, h, w)."""
        normed = super().forward(maps)
        if self.training:
            by_running = self._by_running_statistics(maps)
            chosen = torch.rand(self.num_features, device=maps.device) < self.share  # (channels,)
            normed = torch.where(chosen[:, None, None], by_running, normed)
        activated: Tensor = self.act(self.drop(normed))
        return activated

    def _by_running_statistics(self, maps: Tensor) -> Tensor:
        """Uses copies of the statistics: a later forward pass updates them before this one's gradient is computed."""
        mean, variance = (self.get_buffer(name).clone() for name in ("running_mean", "running_var"))
        return batch_norm(maps, mean, variance, self.weight, self.bias, training=False, eps=self.eps)

    def restore(self, plain: nn.BatchNorm2d) -> nn.BatchNorm2d:
        """The replaced layer, with the running statistics as they are now."""
        for name, value in self._buffers.items():
            setattr(plain, name, value)
        return plain.train(self.training)


@dataclass(frozen=True)
class StochNorm:
    """Fine-tuning with stochastic normalisation in place of batch normalisation.

    Attributes:
        training: the training settings.
        share: probability of using the running statistics, 0.5 (the paper's).
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(STOCH_NORM)
        >>> _ = STOCH_NORM.plan(setting)
        >>> sum(type(part).__module__.endswith("stoch_norm") for part in setting.network.body.modules())  # replaced
        3
    """

    training: Training = Training()
    share: float = 0.5
    name: str = "stoch_norm"

    def __post_init__(self) -> None:
        check_number(self.share, "share", type(self).__name__, low=0, high=1)

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters; at the end the plain normalisations are put back.

        Raises:
            SourceError: if the body has no batch normalisation.
        """
        body = setting.network.body
        norms = {name: part for name, part in body.named_modules() if isinstance(part, nn.BatchNorm2d)}
        replaced = {name: part for name, part in norms.items() if _replaceable(part)}
        if not replaced:
            raise SourceError(
                f"The strategy '{self.name}' needs a body with batch normalisation, and '{setting.source.info.name}' "
                "has none; use another strategy, such as 'l2_sp'."
            )
        stand_ins = {name: StochasticNorm2d(plain, self.share) for name, plain in replaced.items()}
        for name, stand_in in stand_ins.items():
            body.set_submodule(name, stand_in)

        def finish() -> None:
            for name, stand_in in stand_ins.items():
                body.set_submodule(name, stand_in.restore(replaced[name]))

        return Plan((*body_groups(setting.network), head_group(setting.network)), finish=finish)

    fit = fit_moved


def _replaceable(part: nn.BatchNorm2d) -> bool:
    """Whether this is plain batch normalisation, or timm's with an activation, and has running statistics."""
    return part.track_running_stats and (type(part) is nn.BatchNorm2d or hasattr(part, "act"))


STOCH_NORM = StochNorm()
