"""Training from scratch: the architecture with random weights, the baseline that every transfer of weights must beat.

Reference: He, Girshick & Dollár 2019, "Rethinking ImageNet Pre-training": with many items and a long enough training,
random initialisation catches up; with few items it does not.

Transfers: structure.
"""

from __future__ import annotations

from dataclasses import dataclass

from headstart.errors import SourceError
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.structure.fresh_head import last_layer_head
from headstart.tune.training.settings import Training
from headstart.types import Dataset, Source

__all__ = ["SCRATCH", "Scratch"]


@dataclass(frozen=True)
class Scratch:
    """Training of all parameters from random weights, with a fresh head on the last block.

    Attributes:
        training: the training settings: 30 epochs at a learning rate of 0.001, since nothing is pretrained.
        name: the name in the registry.

    Examples:
        >>> SCRATCH.training.epochs
        30
    """

    training: Training = Training(epochs=30, learning_rate=1e-3)
    name: str = "scratch"

    def source_for(self, source: Source, train: Dataset, seed: int) -> Source:  # noqa: ARG002 (as of other strategies)
        """The source's architecture with random weights; `plan` trains these.

        Args:
            source: gives the architecture.
            train: labelled items.
            seed: of the random weights.

        Raises:
            SourceError: if the source has no body.
        """
        fresh = source.untrained(seed)
        if fresh is None:
            raise SourceError(
                f"The source '{source.info.name}' has no body whose weights can be initialised at random; use a source "
                "of timm or transformers, a local checkpoint, or one that comes with the install."
            )
        return fresh

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters, with a fresh head on the last block."""
        setting.network.head = last_layer_head(setting)
        return Plan((*body_groups(setting.network), head_group(setting.network)))

    fit = fit_moved


SCRATCH = Scratch()
