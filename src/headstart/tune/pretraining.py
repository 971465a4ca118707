"""Train a source task from scratch, and keep the body as a source to transfer from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from headstart.errors import SourceError
from headstart.heads import FittedHead
from headstart.model import TransferModel
from headstart.params import check_number
from headstart.sources.bodies.trainable import TrainableSource
from headstart.tune.moving.move import move
from headstart.tune.scratch import SCRATCH, Scratch
from headstart.tune.training.job import check_trained
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Source, SourceInfo

if TYPE_CHECKING:
    from headstart.sources.timm import TimmSource

__all__ = ["timm_architecture", "train_source"]


def timm_architecture(
    name: str,
    *,
    num_classes: int = 0,
    side: int | None = None,
    seed: int = 0,
    model_args: Mapping[str, Any] | None = None,
) -> TimmSource:
    """A body of timm with fresh weights, for which no checkpoint is needed.

    Args:
        name: timm's name of the architecture, such as ``"mobilenetv2_035"``.
        num_classes: outputs of its classifier; 0 for none.
        side: of the pictures in pixels; None for the architecture's own.
        seed: of the weights.
        model_args: what else timm's constructor gets, such as ``{"layers": (2, 2, 2, 1)}`` for a ResNet.

    Raises:
        SourceError: if timm does not know the architecture, or cannot build it with these arguments.
        ParameterError: if a number is out of its range.

    Examples:
        >>> timm_architecture("test_resnet", side=32).info.num_features
        96
    """
    from headstart.sources.timm import TimmSource, random_weights
    from headstart.sources.timm_bodies.module import TimmSpec

    check_number(num_classes, "num_classes", "timm_architecture", low=0, integer=True)
    config: dict[str, Any] = {}
    if side is not None:
        check_number(side, "side", "timm_architecture", low=8, integer=True)
        config = {"input_size": (3, side, side), "crop_pct": 1.0}
    spec = TimmSpec(name, {**(model_args or {}), "num_classes": num_classes}, config)
    info = SourceInfo(f"timm:{name} (untrained, seed {seed})", "image")
    try:
        return TimmSource(spec, random_weights(spec, seed), info)
    except (AssertionError, RuntimeError, ValueError) as error:  # what bodies say to pictures of another size
        reason = " ".join(str(error).split())[:200]
        raise SourceError(
            f"timm's '{name}' cannot read pictures of {side or 'its own'} pixels a side ({reason}); give another side, "
            "or leave it out."
        ) from error


def train_source(
    source: Source | str,
    data: Dataset,
    *,
    side: int | None = None,
    strategy: Scratch = SCRATCH,
    valid: Dataset | None = None,
    seed: int = 0,
    budget: Budget = Budget(),
) -> TransferModel:
    """Train a source task from fresh weights.

    Save the body with ``model.source.save(folder)`` and open it as ``local:FOLDER``. Where its architecture has a
    linear classifier (timm), that is made of the trained head, so that Co-Tuning, LwF and LEEP can use it.

    Args:
        source: a source whose architecture is taken, or the name of an architecture of timm.
        data: labelled items of the source task.
        side: of the pictures in pixels, with a name; None for the architecture's own.
        strategy: how it trains.
        valid: labelled items that no step sees; None takes a fifth of the others.
        seed: of the weights and of all other chance.
        budget: time, checkpoints, logs.

    Returns:
        The trained network as a model of the source task, with the weights of least validation loss.

    Raises:
        SourceError: if there is no body that can be trained.
        DataError: if there are no labels.
        TrainingError: if no epoch got below the validation loss of the start, whose weights are random.

    Examples:
        >>> train_source.__name__
        'train_source'
    """
    task, _ = data.labelled()
    if isinstance(source, str):
        fresh: Source = timm_architecture(source, num_classes=task.num_outputs, side=side, seed=seed)
    else:
        fresh = strategy.source_for(_with_classes(source, task.num_outputs), data, seed)
    moved = move(strategy, fresh, data, valid=valid, seed=seed, budget=budget)
    check_trained(moved.outcome, fresh.info.name.partition(" (")[0])
    trained = moved.candidates[1].model
    if not isinstance(trained.source, TrainableSource):  # `move` raised otherwise
        raise SourceError(f"The source '{fresh.info.name}' has no body that can be moved.")
    body = trained.source.trainable().module
    name = f"{fresh.info.name.partition(' (')[0]} (trained, seed {seed})"
    write_classifier(body, trained.head)
    return replace(trained, source=trained.source.with_module(body, name))


def _with_classes(source: Source, count: int) -> Source:
    """A body of timm with so many outputs of its classifier; others as they are."""
    from headstart.sources.timm import TimmSource, random_weights

    if not isinstance(source, TimmSource):
        return source
    spec = source.spec
    config = {**spec.pretrained_cfg, "num_classes": count}
    spec = replace(spec, model_args={**spec.model_args, "num_classes": count}, pretrained_cfg=config)
    return TimmSource(spec, random_weights(spec, 0), source.info)


def write_classifier(body: nn.Module, head: FittedHead) -> bool:
    """Let a body's own linear classifier be the trained head; says whether there was one that fits.

    Args:
        body: the module; changed.
        head: on the last block's rows as they are.

    Examples:
        >>> write_classifier.__name__
        'write_classifier'
    """
    find = getattr(body, "get_classifier", None)
    layer = find() if callable(find) else None
    plain = head.feature_map.scaling == "none" and not head.feature_map.scale.size
    if not isinstance(layer, nn.Linear) or not plain or tuple(layer.weight.shape) != head.weight.T.shape:
        return False
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(head.weight.T)))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(head.bias))
    return True
