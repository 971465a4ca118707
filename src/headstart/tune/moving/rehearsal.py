"""Check settings that depend on the body, right after it is opened: before any item is encoded or trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from headstart.errors import ParameterError
from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import FittedHead
from headstart.model import TransferModel
from headstart.sources.bodies.trainable import Trainable, trainable
from headstart.tasks import is_regression
from headstart.tune.moving.contract import BringsBody, CrossFits, MovingStrategy
from headstart.tune.moving.move import make_setting
from headstart.tune.moving.plan import plan_of
from headstart.tune.network.solved_head import neutral_calibration
from headstart.tune.training.chosen import Chosen
from headstart.tune.training.frozen_parts import check_parts
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Source, Task

__all__ = ["check_training_of"]

WITHOUT_ITEMS = frozenset({  # strategies whose plan reads no item
    "adapters", "adversarial", "bitfit", "bss", "contrastive", "dora", "full", "gradual", "l2_sp", "lora", "lp_ft",
    "lwf", "norm_only", "partial", "ssf", "stoch_norm",
})  # fmt: skip
OF_PICTURES = ("mixup", "cutmix")
OF_EPOCHS = ("patience", "keep_trained")  # settings that need a validation loss after each epoch
ITEMS = Dataset([None] * 4, tuple("0123"), "vector", Task("classification", ("a", "b")), np.array([0, 0, 1, 1]))


def check_training_of(
    strategy: MovingStrategy, source: Source, chosen: Chosen, data: Dataset | None = None, *, named: bool = True
) -> None:
    """Raise if a chosen setting has no effect on the training of this body, or names nothing of it.

    Args:
        strategy: how the body would be fine-tuned, with the chosen settings.
        source: gives the body.
        chosen: what the user chose, by name.
        data: labelled items of a classification, regression or the like; None for annotated items, whose settings are
            checked by kind of task.
        named: whether the user named the strategy, so that its way of validation is known.

    Raises:
        ParameterError: names the setting, and what the body has.
        SourceError: if the source has no body that can be fine-tuned.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.training.chosen import with_chosen
        >>> chosen = {"freeze": "layer1"}
        >>> check_training_of(with_chosen(LP_FT, chosen), toy_shift().source, chosen)
        Traceback (most recent call last):
        headstart.errors.ParameterError: freeze='layer1' names nothing that is trained: ...
    """
    if not chosen:
        return
    training = strategy.training
    if data is not None:
        _check_effect(strategy, chosen, data, named=named)
    if not (training.freeze or training.unfreeze or {*OF_PICTURES, "augmentation"} & set(chosen)):
        return
    if isinstance(strategy, BringsBody) and data is not None:
        source = strategy.source_for(source, data, 0)
    body = trainable(source)
    if data is not None:
        _check_inputs(body, training, chosen, source)
    check_parts(body.module, body.groups, training)
    if (training.freeze or training.unfreeze) and strategy.name in WITHOUT_ITEMS:
        _rehearse(strategy, source, body.kind)


def _check_effect(strategy: MovingStrategy, chosen: Chosen, data: Dataset, *, named: bool) -> None:
    """Raise for a setting that the task or the way of validation ignores."""
    task, _ = data.labelled()
    if chosen.get("label_smoothing") and is_regression(task):
        raise ParameterError(
            "The setting 'label_smoothing' is for classes and labels, and these items have numbers; leave it out."
        )
    if not named or not isinstance(strategy, CrossFits) or not strategy.cross_fits(data):
        return
    for name in OF_EPOCHS:
        if chosen.get(name):
            raise ParameterError(
                f"The setting '{name}' compares the validation losses of epochs, but the strategy '{strategy.name}' "
                "trains on all of so few items and is judged by cross-fitting; leave it out."
            )


def _check_inputs(body: Trainable, training: Training, chosen: Chosen, source: Source) -> None:
    """Raise for a change of items that does not exist for what the body reads."""
    what = {"tokens": "texts", "pictures": "sounds"}.get(body.kind, f"the items of '{source.info.name}'")
    for name in OF_PICTURES:
        if chosen.get(name) and body.kind in ("tokens", "pictures"):
            raise ParameterError(f"The setting '{name}' mixes pictures and has no effect on {what}; leave it out.")
    if body.kind == "array" and chosen.get("augmentation") and training.augmentation in ("light", "standard"):
        raise ParameterError(
            f"The setting 'augmentation' has no effect on {what}, which are plain numbers; leave it out."
        )


def _rehearse(strategy: MovingStrategy, source: Source, kind: str) -> None:
    """Make the plan of a training on a head of zeros, to find what would be trained."""
    items = replace(ITEMS, items=["a"] * len(ITEMS)) if kind == "tokens" else ITEMS  # texts are sorted by length
    head = FittedHead(
        FeatureMap("first column", ((0, 1),), "none"), "ridge", 1.0, np.zeros((1, 2)), np.zeros(2),
        neutral_calibration(ITEMS.labelled()[0]), 0.0, (),
    )  # fmt: skip
    start = TransferModel(source, ITEMS.labelled()[0], head)
    plan = plan_of(strategy, make_setting(strategy, source, items, start, seed=0, budget=Budget()))
    plan.finish()
