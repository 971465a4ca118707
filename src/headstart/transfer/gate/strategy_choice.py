"""Which strategy the gate tries, and for how long: by the number of items."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from headstart.errors import ParameterError
from headstart.tasks import is_classification
from headstart.tune.moving.contract import CrossFits, MovingStrategy, with_settings
from headstart.tune.registry import STRATEGIES, Strategy
from headstart.types import Dataset

M = TypeVar("M", bound=MovingStrategy)

__all__ = ["AUTO", "UNWEIGHTED", "is_crossed", "moving_strategy", "sized", "strategy_for"]

AUTO = "auto"
UNWEIGHTED = frozenset({"contrastive"})  # strategies that class weights do not serve
STEPS = 300  # of a training: fewer teach a body little, and few passes over many items come to more
FEWEST_EPOCHS, MOST_EPOCHS = 3, 15
FEW_EPOCHS = 5  # in which augmented pictures teach less than the same ones as they are
FEW_TEXTS = 16  # a class, up to which contrastive pairs teach more than the labels alone


def strategy_for(train: Dataset, kind: str, *, alone: bool = True, weighted: bool = False) -> str:
    """The name of the strategy that is tried.

    Args:
        train: labelled items.
        kind: of a prepared item, as `headstart.sources.bodies.trainable.Trainable` says.
        alone: whether one process trains, as the contrastive strategy needs.
        weighted: whether classes have weights, which that strategy does not know.

    Examples:
        >>> from headstart.types import Task
        >>> items = [str(k) for k in range(400)]
        >>> task = Task("classification", ("a", "b"))
        >>> strategy_for(Dataset(items, tuple(items), "text", task, np.arange(400) % 2), "tokens")
        'lp_ft'
    """
    task, y = train.labelled()
    plain = alone and not weighted
    if plain and is_classification(task) and kind == "tokens" and len(y) <= FEW_TEXTS * len(np.unique(y)):
        return "contrastive"
    return "lp_ft"


def moving_strategy(wanted: object) -> MovingStrategy:
    """The strategy of this name, or this strategy, which has to fine-tune the body.

    Args:
        wanted: a name of the registry, or a strategy.

    Raises:
        UnknownNameError: for an unknown name.
        ParameterError: for anything else, and for a strategy that has no ``plan``.

    Examples:
        >>> moving_strategy("lp_ft").training.batch_statistics
        False
        >>> moving_strategy("frozen")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The strategy 'frozen' has no plan by which the body is fine-tuned; call its ...
    """
    found = STRATEGIES[wanted] if isinstance(wanted, str) else wanted
    if isinstance(found, MovingStrategy):
        return found
    if isinstance(found, Strategy):
        raise ParameterError(
            f"The strategy '{found.name}' has no plan by which the body is fine-tuned; call its own fit(source, data), "
            "or give another strategy of headstart.tune."
        )
    raise ParameterError(
        f"The 'strategy' parameter of fit must be a name or a strategy of headstart.tune. Got "
        f"{type(found).__name__} instead."
    )


def is_crossed(strategy: MovingStrategy, train: Dataset) -> bool:
    """Whether the training judges itself by cross-fitting, on out-of-fold items, and needs no pilot.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> is_crossed(LP_FT, Dataset([0], ("0",), "vector"))
        False
    """
    return isinstance(strategy, CrossFits) and strategy.cross_fits(train)


def sized(strategy: M, train: Dataset) -> M:
    """The strategy with as many epochs as make about 300 steps, at least 3 and at most 15.

    Pictures are augmented where they come more than 5 times and the strategy leaves that open: few items are fitted by
    the head from the start, and teach the body nothing as they are; many are not, and augmentation takes long to pay.
    A strategy whose training is crossed keeps its own length.

    Args:
        strategy: with a training of its own.
        train: that it will be trained on.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> parts = [Dataset([0] * n, tuple(map(str, range(n))), "vector") for n in (200, 1200, 9000)]
        >>> [sized(LP_FT, part).training.epochs for part in parts]
        [15, 8, 3]
    """
    if is_crossed(strategy, train):
        return strategy
    steps = max(1, len(train) // strategy.training.batch_size)
    epochs = int(np.clip(round(STEPS / steps), FEWEST_EPOCHS, MOST_EPOCHS))
    training = replace(strategy.training, epochs=epochs)
    if epochs <= FEW_EPOCHS and training.augmentation == "auto":
        training = replace(training, augmentation="none")
    return with_settings(strategy, training=training)
