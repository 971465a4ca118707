"""Training from scratch: the architecture with fresh weights, the honest baseline of every transfer of weights.

Reference: He, Girshick & Dollár 2019, "Rethinking ImageNet Pre-training": trained for long enough, fresh weights catch
up where items are many, and do not where they are few.

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
    """Training of the whole body from random weights, with a fresh head on its last block.

    Attributes:
        training: how it trains: 30 epochs at a rate of 0.001, since nothing is there yet.
        name: the name in the registry.

    Examples:
        >>> SCRATCH.training.epochs
        30
    """

    training: Training = Training(epochs=30, learning_rate=1e-3)
    name: str = "scratch"

    def source_for(self, source: Source, train: Dataset, seed: int) -> Source:  # noqa: ARG002 (as of other strategies)
        """The source with fresh weights, which `plan` is for.

        Args:
            source: whose architecture is taken.
            train: labelled items.
            seed: of the weights.

        Raises:
            SourceError: if the source has no body.
        """
        fresh = source.untrained(seed)
        if fresh is None:
            raise SourceError(
                f"The source '{source.info.name}' has no body with weights that could be drawn anew; use one of timm, "
                "transformers, a local checkpoint, or what comes with the install."
            )
        return fresh

    def plan(self, setting: Setting) -> Plan:
        """All parameters move, from where they are."""
        setting.network.head = last_layer_head(setting)
        return Plan((*body_groups(setting.network), head_group(setting.network)))

    fit = fit_moved


SCRATCH = Scratch()
