"""Adapters: a residual bottleneck after every block is trained, and the body's own weights stay frozen.

Reference: Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP", which trains adapters, normalisations
and head.

Transfers: structure.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.params import check_number
from headstart.sources.bodies.adapters import insert_adapters
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, head_group
from headstart.tune.structure.layers import normalisation_names
from headstart.tune.training.job import ParameterGroup
from headstart.tune.training.settings import Training

__all__ = ["ADAPTERS", "AdapterTuning"]


@dataclass(frozen=True)
class AdapterTuning:
    """Training of adapters, normalisations and the head, from the closed-form head; the adapters stay in the body.

    Attributes:
        training: the training settings.
        width: of the bottleneck, 64, from the range of 8 to 256 that the paper tries on GLUE.
        rate: multiplies the learning rate of adapters and normalisations, 10: the paper trains at 3e-4 to 3e-3, and
            full fine-tuning at 3e-5.
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = ADAPTERS.plan(toy_setting(ADAPTERS))
        >>> [(len(group.names), group.rate) for group in plan.groups]  # trained tensors and their rate, head last
        [(18, 10.0), (2, 1.0)]
    """

    training: Training = Training()
    width: int = 64
    rate: float = 10.0
    name: str = "adapters"

    def __post_init__(self) -> None:
        check_number(self.width, "width", type(self).__name__, low=1, integer=True)
        check_number(self.rate, "rate", type(self).__name__, low=0, open_low=True)

    def plan(self, setting: Setting) -> Plan:
        """Insert the adapters; train them, the normalisations and the head."""
        norms = normalisation_names(setting.network)
        added = [f"body.{name}" for name in insert_adapters(setting.network.body, self.width, setting.seed)]
        return Plan((ParameterGroup((*added, *norms), self.rate), head_group(setting.network)))

    fit = fit_moved


ADAPTERS = AdapterTuning()
