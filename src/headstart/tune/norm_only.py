"""Normalisation-only fine-tuning: gains and biases of the normalisations are trained, and their statistics updated.

Reference: Frankle, Schwab & Morcos 2021, "Training BatchNorm and Only BatchNorm: On the Expressive Power of Random
Features in CNNs".

Transfers: parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.params import check_number
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, head_group
from headstart.tune.structure.layers import nonempty_group, normalisation_names
from headstart.tune.training.settings import Training

__all__ = ["NORM_ONLY", "NormOnly"]


@dataclass(frozen=True)
class NormOnly:
    """Fine-tuning of the gains and biases of all normalisations and of the head, from the closed-form head.

    Attributes:
        training: the training settings.
        rate: multiplies the learning rate of gains and biases, 10, as in `headstart.tune.bitfit`.
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = NORM_ONLY.plan(toy_setting(NORM_ONLY))
        >>> [(len(group.names), group.rate) for group in plan.groups]  # trained tensors and their rate, head last
        [(6, 10.0), (2, 1.0)]
    """

    training: Training = Training()
    rate: float = 10.0
    name: str = "norm_only"

    def __post_init__(self) -> None:
        check_number(self.rate, "rate", type(self).__name__, low=0, open_low=True)

    def plan(self, setting: Setting) -> Plan:
        """Train the gains, the biases and the head."""
        norms = nonempty_group(normalisation_names(setting.network), self.rate, self.name, "normalisations")
        return Plan((norms, head_group(setting.network)))

    fit = fit_moved


NORM_ONLY = NormOnly()
