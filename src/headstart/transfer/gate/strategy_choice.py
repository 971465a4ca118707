"""Choice of the strategy that the gate tries, and of its number of epochs, by the number of items."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from headstart.errors import ParameterError, UnknownNameError
from headstart.tasks import is_classification
from headstart.tune.moving.contract import CrossFits, MovingStrategy, with_settings
from headstart.tune.registry import MOVING, STRATEGIES, Strategy
from headstart.tune.training.chosen import Chosen, with_chosen
from headstart.types import Dataset

M = TypeVar("M", bound=MovingStrategy)

__all__ = [
    "AUTO", "REPLAYING", "UNWEIGHTED", "auto_names", "is_cross_fitted", "moving_strategy", "sized", "strategy_for",
]  # fmt: skip

AUTO = "auto"
SEVERAL = f"{AUTO}:"  # and the names of the strategies that are compared
UNWEIGHTED = frozenset({"contrastive"})  # strategies that do not use class weights
REPLAYING = frozenset({"der", "ewc", "joint"})  # strategies of the registry that need source data
STEPS = 300  # aimed at by a training: fewer change a body little; many items exceed it in 3 epochs
FEWEST_EPOCHS, MOST_EPOCHS = 3, 15
FEW_EPOCHS = 5  # up to which training on augmented images is worse than on the images themselves
FEW_TEXTS = 16  # per class: up to here contrastive pairs are better than cross-entropy


def strategy_for(train: Dataset, kind: str, *, alone: bool = True, weighted: bool = False) -> str:
    """The name of the strategy to try: ``"contrastive"`` for few texts per class, else ``"lp_ft"``.

    Args:
        train: labelled items.
        kind: input of the body, as in `headstart.sources.bodies.trainable.Trainable`, such as ``"tokens"``.
        alone: whether a single process trains, as the contrastive strategy requires.
        weighted: whether classes have weights, which the contrastive strategy does not use.

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


def auto_names(wanted: object) -> tuple[str, ...] | None:
    """The strategies that ``"auto"`` compares; none if it chooses by the items; None for another strategy.

    Args:
        wanted: as the ``strategy`` of a fit.

    Raises:
        ParameterError: if fewer than two strategies are named, or one of them twice.
        UnknownNameError: for an unknown name.

    Examples:
        >>> auto_names("auto:lp_ft,lora"), auto_names("auto"), auto_names("lp_ft")
        (('lp_ft', 'lora'), (), None)
        >>> auto_names("auto:lora")
        Traceback (most recent call last):
        headstart.errors.ParameterError: 'auto:' takes two strategies or more, such as auto:lp_ft,lora. Got 'lora' ...
    """
    if not isinstance(wanted, str) or (wanted != AUTO and not wanted.startswith(SEVERAL)):
        return None
    if wanted == AUTO:
        return ()
    names = tuple(name.strip() for name in wanted.removeprefix(SEVERAL).split(","))
    for name in names:
        if name not in MOVING:
            raise UnknownNameError("strategy", name, sorted(MOVING))
    if len(names) < 2 or len(set(names)) < len(names):
        raise ParameterError(
            f"'{SEVERAL}' takes two strategies or more, such as {SEVERAL}lp_ft,lora. Got '{', '.join(names)}' instead."
        )
    return names


def moving_strategy(wanted: object) -> MovingStrategy:
    """A strategy that fine-tunes the body, by name or as given.

    Args:
        wanted: a name of the registry, or a strategy.

    Raises:
        UnknownNameError: for an unknown name.
        ParameterError: for any other type, and for a strategy without a ``plan``.

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


def is_cross_fitted(strategy: MovingStrategy, train: Dataset) -> bool:
    """Whether the training cross-fits: its validation losses are out-of-fold, so it needs no pilot.

    Args:
        strategy: any strategy that fine-tunes the body.
        train: the training items.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> is_cross_fitted(LP_FT, Dataset([0], ("0",), "vector"))
        False
    """
    return isinstance(strategy, CrossFits) and strategy.cross_fits(train)


def sized(strategy: M, train: Dataset, chosen: Chosen | None = None) -> M:
    """The strategy with the number of epochs that gives about 300 steps, at least 3 and at most 15.

    If the strategy leaves augmentation open, images are augmented only with more than 5 epochs. The head fits few items
    from the start, so unaugmented images leave the body little to learn; with many items, augmentation needs more
    epochs than these to pay. A strategy that cross-fits keeps its own number of epochs.

    Args:
        strategy: with its training settings.
        train: the training items.
        chosen: settings that the user chose, which replace those of the strategy and those that follow from the items.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> parts = [Dataset([0] * n, tuple(map(str, range(n))), "vector") for n in (200, 1200, 9000)]
        >>> [sized(LP_FT, part).training.epochs for part in parts]
        [15, 8, 3]
        >>> sized(LP_FT, parts[0], {"epochs": 2}).training.epochs
        2
    """
    strategy = with_chosen(strategy, chosen)
    if is_cross_fitted(strategy, train):
        return strategy
    steps = max(1, len(train) // strategy.training.batch_size)
    epochs = int(np.clip(round(STEPS / steps), FEWEST_EPOCHS, MOST_EPOCHS))
    epochs = (chosen or {}).get("epochs", epochs)
    training = replace(strategy.training, epochs=epochs)
    if epochs <= FEW_EPOCHS and training.augmentation == "auto" and "augmentation" not in (chosen or {}):
        training = replace(training, augmentation="none")
    return with_settings(strategy, training=training)
