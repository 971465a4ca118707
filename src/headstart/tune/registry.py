"""The registry of strategies: how knowledge is transferred from a source to a target task."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from headstart.model import TransferModel
from headstart.registry import Registry
from headstart.tune.moving.contract import MovingStrategy
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Source

__all__ = ["MOVING", "STRATEGIES", "Strategy", "fit"]


@runtime_checkable
class Strategy(Protocol):
    """A transfer strategy. Implementations are frozen dataclasses whose fields are the strategy's settings.

    Those that fine-tune the body have ``training`` and ``plan`` and need no ``fit`` of their own; see
    `headstart.tune.moving.contract.MovingStrategy`.
    """

    @property
    def name(self) -> str:
        """The name in the registry."""
        ...

    def fit(
        self, source: Source, train: Dataset, *, valid: Dataset | None = None, seed: int = 0, budget: Budget = Budget()
    ) -> TransferModel:
        """Fit a model to labelled items.

        Args:
            source: gives the body.
            train: labelled training items.
            valid: labelled validation items. With None, a strategy that needs some holds out a part of ``train``.
            seed: of all random numbers.
            budget: time limit, checkpoints and logs.
        """
        ...


def fit(
    strategy: Strategy | MovingStrategy,
    source: Source,
    train: Dataset,
    *,
    valid: Dataset | None = None,
    seed: int = 0,
    budget: Budget = Budget(),
) -> TransferModel:
    """Fit a model by any strategy: by its own ``fit`` method, or by fine-tuning where it has only a ``plan``.

    Args:
        strategy: how knowledge is transferred.
        source: gives the body.
        train: labelled training items.
        valid: labelled validation items. With None, a strategy that needs some holds out a part of ``train``.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.

    Raises:
        SourceError: if the strategy fine-tunes the body and the source has no body that can be fine-tuned.
        DataError: if there are no labels.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.sources import open_source
        >>> data = read((["good film", "so good", "bad film", "so bad"], ["+", "+", "-", "-"]))
        >>> fit(STRATEGIES["frozen"], open_source("toy"), data).predict(["good"])
        ['+']
    """
    if isinstance(strategy, Strategy):
        return strategy.fit(source, train, valid=valid, seed=seed, budget=budget)
    from headstart.tune.moving.move import fit_moved

    return fit_moved(strategy, source, train, valid=valid, seed=seed, budget=budget)


STRATEGIES: Registry[Strategy] = Registry("strategy", "strategies")
STRATEGIES.register("frozen", "headstart.tune.frozen:FROZEN")

# These import torch, which a fit with frozen features does not need; so they are registered by path.
MOVING = {
    "adapters": "headstart.tune.adapters:ADAPTERS",
    "adversarial": "headstart.tune.adversarial:ADVERSARIAL",
    "bitfit": "headstart.tune.bitfit:BITFIT",
    "bss": "headstart.tune.bss:BSS",
    "co_tuning": "headstart.tune.co_tuning:CO_TUNING",
    "contrastive": "headstart.tune.contrastive:CONTRASTIVE",
    "delta": "headstart.tune.delta:DELTA",
    "der": "headstart.tune.der:DER",
    "dora": "headstart.tune.dora:DORA",
    "ewc": "headstart.tune.ewc:EWC",
    "full": "headstart.tune.full:FULL",
    "gradual": "headstart.tune.gradual:GRADUAL",
    "joint": "headstart.tune.joint:JOINT",
    "l2_sp": "headstart.tune.l2_sp:L2_SP",
    "lora": "headstart.tune.lora:LORA",
    "lp_ft": "headstart.tune.lp_ft:LP_FT",
    "lwf": "headstart.tune.lwf:LWF",
    "norm_only": "headstart.tune.norm_only:NORM_ONLY",
    "partial": "headstart.tune.partial:PARTIAL",
    "scratch": "headstart.tune.scratch:SCRATCH",
    "side": "headstart.tune.side:SIDE",
    "soup": "headstart.tune.soup:SOUP",
    "ssf": "headstart.tune.ssf:SSF",
    "stoch_norm": "headstart.tune.stoch_norm:STOCH_NORM",
    "surgical": "headstart.tune.surgical:SURGICAL",
}
for _name, _place in MOVING.items():
    STRATEGIES.register(_name, _place)
