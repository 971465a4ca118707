"""Side-tuning: a small side network corrects the frozen body, logits = h_f(f(x)) + h_g(g(x)).

Reference: Zhang et al. 2020, "Side-Tuning: A Baseline for Network Adaptation via Additive Side Networks". Here the
logits are summed, not the features, since f and g may differ in width.

Transfers: structure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.heads import FittedHead, select_head
from headstart.heads.feature_map import FeatureMap
from headstart.params import check_number
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.network.solved_head import TorchHead
from headstart.tune.structure.fresh_head import random_head_weights, target_units
from headstart.tune.structure.side_bodies import check_architecture, side_body
from headstart.tune.structure.sided_source import LABELS, SidedSource
from headstart.tune.training.settings import Training
from headstart.types import Dataset, Source

__all__ = ["SIDE", "SideNetwork", "with_side_columns"]

SMALL = "mobilenetv2_035"  # timm's narrowest body of its kind
PLAIN_TORCH = Engine(backend="torch", cache=False)  # for two items, whose rows are not used


def with_side_columns(side: int, head: FittedHead, weight: NDArray[np.float64]) -> FittedHead:
    """Extend a head on a body's rows to rows that begin with a side body's columns, which are not scaled.

    Args:
        side: number of columns of the side body.
        head: a head on the body's rows.
        weight: (side, k) weights of the side body's columns.

    Examples:
        >>> head = FittedHead(FeatureMap("last layer", ((1, 2),), "none"), "ridge", 1.0, np.ones((1, 1)), np.zeros(1),
        ...     {}, 0.5, ())
        >>> with_side_columns(2, head, np.zeros((2, 1))).scores(np.array([[9.0, 9.0, 9.0, 5.0]]))
        array([[5.]])
    """
    # Shift 0 and scale 1 leave the side columns unscaled; the body's columns move right by ``side``.
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
    """A small body trained beside the frozen one, starting from the closed-form head on the frozen features.

    The fitted model's source is a `FusedSource` of the side body and the frozen one.

    Attributes:
        training: the training settings: 15 epochs, since the side body for pictures starts from random weights.
        architecture: timm's name of the side body for pictures, ``"mobilenetv2_035"``.
        layers: how many first layers of a text body are copied as its side body, 2.
        name: the name in the registry.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> both = SIDE.source_for(shift.source, shift.train, 0)
        >>> [part.info.blocks[-1].width for part in both.parts]  # the side body, the frozen one
        [25, 25]
    """

    training: Training = Training(epochs=15)
    architecture: str = SMALL
    layers: int = 2
    name: str = "side"

    def __post_init__(self) -> None:
        check_number(self.layers, "layers", type(self).__name__, low=1, integer=True)
        if self.architecture != SMALL:
            check_architecture(self.architecture)

    def source_for(self, source: Source, train: Dataset, seed: int) -> Source:
        """The frozen body with its side body; `plan` trains the latter.

        Args:
            source: gives the frozen body.
            train: labelled items; two are encoded to find the blocks of a body that does not list them.
            seed: of random weights.

        Raises:
            SourceError: if no side body can be made for the source.
        """
        if isinstance(source, SidedSource):
            return source
        parts = (side_body(source, self.architecture, self.layers, seed), source)
        for part in parts:
            if not part.info.blocks:
                extract(part, train.items[:2], engine=PLAIN_TORCH, on_error="raise")
        return SidedSource(parts, labels=LABELS)

    def plan(self, setting: Setting) -> Plan:
        """Train the side body and the joint head, starting from the head that is solved on the frozen rows alone.

        Raises:
            SourceError: if the source was not made by `source_for`.
        """
        source, task = setting.source, setting.task
        if not isinstance(source, SidedSource):
            raise SourceError(f"The strategy '{self.name}' trains a side body, and '{source.info.name}' has none.")
        width = sum(block.width for block in source.parts[0].info.blocks)
        frozen = source.parts[1]
        rows = extract(frozen, setting.items, engine=setting.start.engine, on_error="raise").rows
        solved = select_head(rows, setting.y, task, blocks=frozen.info.blocks, seed=setting.seed)
        centre, spread = target_units(task, setting.y)
        weight, _ = random_head_weights(width, task.num_outputs, setting.seed)
        weight = weight if spread is None else weight * spread
        joint = with_side_columns(width, solved, weight)
        setting.network.head = TorchHead(joint, task, setting.training.dropout, centre=centre, spread=spread)
        return Plan((*body_groups(setting.network), head_group(setting.network)))

    fit = fit_moved


SIDE = SideNetwork()
