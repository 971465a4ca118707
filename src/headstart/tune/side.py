"""Side-tuning: a small body learns what the frozen one leaves over, logits = h_f(f(x)) + h_g(g(x)).

Reference: Zhang et al. 2020, "Side-Tuning: A Baseline for Network Adaptation via Additive Side Networks". The sum is
taken of the logits, as f and g may differ in width.

Transfers: structure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import extract
from headstart.errors import SourceError
from headstart.heads import FittedHead, select_head
from headstart.heads.feature_map import FeatureMap
from headstart.params import check_number
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.network.solved_head import TorchHead
from headstart.tune.structure.fresh_head import fresh_head, target_units
from headstart.tune.structure.side_bodies import side_body
from headstart.tune.structure.sided_source import LABELS, SidedSource
from headstart.tune.training.settings import Training
from headstart.types import Dataset, Source

__all__ = ["SIDE", "SideNetwork", "beside"]


def beside(side: int, head: FittedHead, weight: NDArray[np.float64]) -> FittedHead:
    """A head of a body's rows as one of a side body's rows, unscaled, and then the body's.

    Args:
        side: width of the side body's rows.
        head: on the body's rows.
        weight: (side, k) of the side body's rows.

    Examples:
        >>> head = FittedHead(FeatureMap("last layer", ((1, 2),), "none"), "ridge", 1.0, np.ones((1, 1)), np.zeros(1),
        ...     {}, 0.5, ())
        >>> beside(2, head, np.zeros((2, 1))).scores(np.array([[9.0, 9.0, 9.0, 5.0]]))
        array([[5.]])
    """
    own = head.feature_map
    empty = np.empty(0)
    found = FeatureMap(
        f"side and {own.name}",
        ((0, side), *((a + side, b + side) for a, b in own.blocks)),
        "none",
        np.concatenate([np.zeros(side), own.shift]) if own.shift.size else empty,
        np.concatenate([np.ones(side), own.scale]) if own.scale.size else empty,
        ("none", *own.block_scalings),
        np.concatenate([np.arange(side), own.columns + side]) if own.columns.size else own.columns,
        own.width + side if own.width else 0,
    )
    return replace(head, feature_map=found, weight=np.concatenate([weight, head.weight]), moments=None, evidence=None)


@dataclass(frozen=True)
class SideNetwork:
    """A small body trained beside the frozen one, from the frozen one's solved head.

    The source of the model that it makes is a `FusedSource` of the side body and the frozen one.

    Attributes:
        training: how it trains: 15 epochs, since the side body of pictures begins from nothing.
        architecture: timm's name of the side body of pictures, ``"mobilenetv2_035"``.
        layers: of a text body that are copied as its side body, 2.
        name: the name in the registry.

    Examples:
        >>> SIDE.architecture
        'mobilenetv2_035'
    """

    training: Training = Training(epochs=15)
    architecture: str = "mobilenetv2_035"
    layers: int = 2
    name: str = "side"

    def __post_init__(self) -> None:
        check_number(self.layers, "layers", type(self).__name__, low=1, integer=True)

    def source_for(self, source: Source, train: Dataset, seed: int) -> Source:
        """The frozen body with its side body, which `plan` is for.

        Args:
            source: the frozen body.
            train: labelled items; some tell the columns of bodies that do not say them.
            seed: of fresh weights.

        Raises:
            SourceError: if nothing small can be trained beside it.
        """
        if isinstance(source, SidedSource):
            return source
        parts = (side_body(source, self.architecture, self.layers, seed), source)
        for part in parts:
            if not part.info.blocks:
                part.encode(train.items[:2])
        return SidedSource(parts, labels=LABELS)

    def plan(self, setting: Setting) -> Plan:
        """The side body and the joint head move, from the head that is solved on the frozen body's rows alone.

        Raises:
            SourceError: if the source is none of `source_for`.
        """
        source, task = setting.source, setting.task
        if not isinstance(source, SidedSource):
            raise SourceError(f"The strategy '{self.name}' moves a side body, which '{source.info.name}' has not.")
        width = sum(block.width for block in source.parts[0].info.blocks)
        frozen = source.parts[1]
        rows = extract(frozen, setting.items, on_error="raise").rows
        solved = select_head(rows, setting.y, task, blocks=frozen.info.blocks, seed=setting.seed)
        centre, spread = target_units(task, setting.y)
        weight, _ = fresh_head(width, task.num_outputs, setting.seed)
        weight = weight if spread is None else weight * spread
        joint = beside(width, solved, weight)
        setting.network.head = TorchHead(joint, task, setting.training.dropout, centre=centre, spread=spread)
        return Plan((*body_groups(setting.network), head_group(setting.network)))

    fit = fit_moved


SIDE = SideNetwork()
