"""BitFit: only the biases are trained, and the weights stay frozen.

Reference: Zaken et al. 2022, "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked
Language-models". In convolutional bodies nearly all biases belong to normalisations.

Transfers: parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.params import check_number
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, head_group
from headstart.tune.network.body_and_head import Network
from headstart.tune.structure.layers import nonempty_group, used_names
from headstart.tune.training.settings import Training

__all__ = ["BITFIT", "BitFit", "bias_names"]


def bias_names(network: Network) -> list[str]:
    """Names of the body's biases: one-dimensional parameters called ``bias`` or ``…_bias``.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> bias_names(toy_setting(LP_FT).network)[:2]     # of the first convolution and of its normalisation
        ['body.blocks.0.0.bias', 'body.blocks.0.1.bias']
    """
    found = [name for name in used_names(network) if network.get_parameter(name).ndim == 1]
    return [name for name in found if name.endswith((".bias", "_bias"))]


@dataclass(frozen=True)
class BitFit:
    """Fine-tuning of the body's biases and of the head, from the closed-form head.

    Attributes:
        training: the training settings.
        rate: multiplies the learning rate of the biases, 10: the paper trains at 1e-4 to 1e-3, and full fine-tuning at
            1e-5 to 5e-5.
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = BITFIT.plan(toy_setting(BITFIT))
        >>> [(len(group.names), group.rate) for group in plan.groups]  # trained tensors and their rate, head last
        [(6, 10.0), (2, 1.0)]
    """

    training: Training = Training()
    rate: float = 10.0
    name: str = "bitfit"

    def __post_init__(self) -> None:
        check_number(self.rate, "rate", type(self).__name__, low=0, open_low=True)

    def plan(self, setting: Setting) -> Plan:
        """Train the biases and the head."""
        biases = nonempty_group(bias_names(setting.network), self.rate, self.name, "biases")
        return Plan((biases, head_group(setting.network)))

    fit = fit_moved


BITFIT = BitFit()
