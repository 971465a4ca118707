"""The space of where and how much of a body moves: strategy, frozen blocks, rank, learning rate, decay and epochs.

| gene | values |
|---|---|
| strategy | `lp_ft`, `lora`, `ssf`, `bitfit`, `partial` |
| blocks that stay frozen | none, a third, two thirds of the blocks, from the first; not for `partial` |
| blocks that are trained, for `partial` | 1, 2, 4, from the last |
| rank, for `lora` | 8, 2, 32 |
| learning rate | 1, 0.3, 3 times the default of the body and the strategy |
| weight decay | 0.01, 0.1 |
| epochs | all or half of those that about 300 steps need, 3 to 15 |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headstart.search.space import Gene, Space

__all__ = ["STRATEGIES", "Tuning", "TuningSpace", "tuning_space"]

STRATEGIES = ("lp_ft", "lora", "ssf", "bitfit", "partial")
TRAINED = (1, 2, 4)
RANKS = (8, 2, 32)
RATES = (1.0, 0.3, 3.0)
DECAYS = (0.01, 0.1)
EPOCHS = (1.0, 0.5)


@dataclass(frozen=True)
class Tuning:
    """Which parameters of a body are trained, and how.

    Attributes:
        strategy: its name.
        freeze: how many blocks stay frozen, from the first.
        blocks: how many are trained, from the last; only for ``"partial"``.
        rank: of the added matrices; only for ``"lora"``.
        rate: of learning, in times of the default.
        decay: of the weights.
        epochs: in times of those that the number of items asks for.

    Examples:
        >>> print(Tuning("lora", freeze=4, rank=2))
        lora, 4 blocks frozen, rank 2, learning rate x 1, weight decay 0.01, epochs x 1
    """

    strategy: str
    freeze: int = 0
    blocks: int = 0
    rank: int = 0
    rate: float = 1.0
    decay: float = 0.01
    epochs: float = 1.0

    def __str__(self) -> str:
        """The settings in words."""
        where = [f"{self.freeze} blocks frozen"] * bool(self.freeze) + [f"the last {self.blocks} blocks"] * bool(
            self.blocks
        )
        rank = [f"rank {self.rank}"] * bool(self.rank)
        how = f"learning rate x {self.rate:g}, weight decay {self.decay:g}, epochs x {self.epochs:g}"
        return ", ".join([self.strategy, *where, *rank, how])

    def words(self, blocks: Sequence[str] = ()) -> str:  # noqa: ARG002 (as of an architecture)
        """The settings in words, as of an architecture."""
        return str(self)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class TuningSpace(Space):
    """A space whose points are settings of a fine-tuning.

    Attributes:
        genes: the choices.
        blocks: names of the source's blocks.

    Examples:
        >>> space = tuning_space(["stem", "layer1", "layer2", "last"])
        >>> space.architectures, str(space.decode(space.point({"strategy": "partial", "blocks": 2})))
        (252, 'partial, the last 2 blocks, learning rate x 1, weight decay 0.01, epochs x 1')
    """

    blocks: tuple[str, ...] = ()

    @property
    def architectures(self) -> int:
        """Number of points."""
        return len(self)

    def decode(self, point: Sequence[int]) -> Tuning:
        """The settings at a point.

        Raises:
            ParameterError: if the point is not one of this space.
        """
        values = self.values(point)
        name = values["strategy"]
        return Tuning(
            name, values["freeze"] if name != "partial" else 0, values["blocks"] if name == "partial" else 0,
            values["rank"] if name == "lora" else 0, values["rate"], values["decay"], values["epochs"],
        )  # fmt: skip


def tuning_space(blocks: Sequence[str]) -> TuningSpace:
    """The space of fine-tunings of a body.

    Args:
        blocks: names of its blocks, first to last.

    Examples:
        >>> print(tuning_space([f"layer{k}" for k in range(6)]))
        strategy: lp_ft, lora, ssf, bitfit, partial
        freeze: 0, 2, 4
        blocks: 1, 2, 4
        rank: 8, 2, 32
        rate: 1.0, 0.3, 3.0
        decay: 0.01, 0.1
        epochs: 1.0, 0.5
    """
    count = len(blocks)
    frozen = tuple(dict.fromkeys(round(count * share / 3) for share in range(3)))
    trained = tuple(number for number in TRAINED if number <= max(count, 1))
    genes = (
        Gene("strategy", STRATEGIES),
        Gene("freeze", frozen, lambda values: values["strategy"] != "partial"),
        Gene("blocks", trained, _is("partial")),
        Gene("rank", RANKS, _is("lora")),
        Gene("rate", RATES),
        Gene("decay", DECAYS),
        Gene("epochs", EPOCHS),
    )
    return TuningSpace(genes, tuple(blocks))


class _is:  # noqa: N801 (used as a function)
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, values: Mapping[str, Any]) -> bool:
        return bool(values["strategy"] == self.name)
