"""Pretraining: train a body on a source task, from random weights or from a source, and keep it as a source.

Command: headstart pretrain DATA -o SOURCE
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.heads import FittedHead, HeadSearch
from headstart.model import TransferModel
from headstart.sources.bodies.trainable import TrainableSource
from headstart.sources.timm_architecture import timm_architecture
from headstart.tune.lp_ft import LP_FT, LinearProbingFineTuning
from headstart.tune.moving.candidates import ValidatedModel
from headstart.tune.moving.move import move, solved_start
from headstart.tune.moving.plan import Plan, Setting
from headstart.tune.scratch import SCRATCH, Scratch
from headstart.tune.training.job import Outcome, check_trained
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Source

__all__ = ["Pretrained", "continued", "pretrained", "train_source"]

JUDGED = 2  # candidates: the start, and the trained network; no point between them is a source of its own


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A body that was trained on a source task.

    Attributes:
        model: the trained network as a model of the source task.
        outcome: how the training went.
        trained: the trained network, judged on the held-out items.
        solved: the trained body with a closed-form head that was solved on the items of the training.
        start: the body before the training with a closed-form head, judged on the same items.
        held_out: the labelled items that chose the epoch.
    """

    model: TransferModel
    outcome: Outcome
    trained: ValidatedModel
    solved: TransferModel
    start: ValidatedModel
    held_out: Dataset = field(repr=False)


@dataclass(frozen=True)
class _OnBody:
    """A strategy without a body of its own, so that the body that is given is trained as it is."""

    strategy: Scratch | LinearProbingFineTuning

    @property
    def name(self) -> str:
        return self.strategy.name

    @property
    def training(self) -> Training:
        return self.strategy.training

    def plan(self, setting: Setting) -> Plan:
        return self.strategy.plan(setting)


def train_source(
    source: Source | str,
    data: Dataset,
    *,
    side: int | None = None,
    strategy: Scratch = SCRATCH,
    valid: Dataset | None = None,
    seed: int = 0,
    budget: Budget = Budget(),
    engine: Engine = Engine(),
) -> TransferModel:
    """The model trained by `pretrained`, without the further results; the arguments are the same.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.training.settings import Training
        >>> shift = toy_shift()
        >>> short = replace(SCRATCH, training=Training(epochs=8, batch_size=8, learning_rate=0.02))
        >>> model = train_source(shift.source, shift.source_data.take(range(96)), strategy=short)
        >>> model.source.info.name, model.task.labels
        ('module:toy (trained, seed 0)', ('red', 'green', 'blue'))
    """
    return pretrained(
        source, data, side=side, strategy=strategy, valid=valid, seed=seed, budget=budget, engine=engine
    ).model


def pretrained(
    source: Source | str,
    data: Dataset,
    *,
    side: int | None = None,
    strategy: Scratch = SCRATCH,
    valid: Dataset | None = None,
    seed: int = 0,
    budget: Budget = Budget(),
    engine: Engine = Engine(),
) -> Pretrained:
    """Train a body on a source task from random weights.

    Save the body with ``model.source.save(folder)`` and open it as ``local:FOLDER``. If its architecture has a linear
    classifier (timm), the trained head is copied there, so that Co-Tuning, LwF and LEEP can use it.

    Args:
        source: a source that gives the architecture, or the name of an architecture of timm.
        data: labelled items of the source task.
        side: height and width of the pictures in pixels, for an architecture of timm; None for its own.
        strategy: the training settings.
        valid: labelled validation items; None holds out a fifth of the training items.
        seed: of the weights and of all other random numbers.
        budget: time limit, checkpoints and logs.
        engine: how items are encoded.

    Returns:
        The trained network as a model of the source task, with the weights of least validation loss, and how it went.

    Raises:
        SourceError: if there is no body that can be trained.
        DataError: if there are no labels.
        TrainingError: if no epoch had a lower validation loss than the random weights.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.training.settings import Training
        >>> shift = toy_shift()
        >>> short = replace(SCRATCH, training=Training(epochs=8, batch_size=8, learning_rate=0.02))
        >>> found = pretrained(shift.source, shift.source_data.take(range(96)), strategy=short)
        >>> len(found.held_out), found.trained.loss < found.start.loss
        (19, True)
    """
    task, _ = data.labelled()
    if isinstance(source, str):
        fresh: Source = timm_architecture(source, num_classes=task.num_outputs, side=side, seed=seed)
    else:
        fresh = strategy.source_for(_with_classes(source, task.num_outputs), data, seed)
    base = fresh.info.name.partition(" (")[0]
    names = base, f"{base} (trained, seed {seed})"
    return _trained(fresh, data, _OnBody(strategy), names, valid=valid, seed=seed, budget=budget, engine=engine)


def continued(
    source: Source,
    data: Dataset,
    *,
    strategy: LinearProbingFineTuning = LP_FT,
    valid: Dataset | None = None,
    seed: int = 0,
    budget: Budget = Budget(),
    engine: Engine = Engine(),
) -> Pretrained:
    """Train a body further on a source task, from the weights of a source.

    Args:
        source: gives body and weights.
        data: labelled items of the source task.
        strategy: the training settings; training starts from a closed-form head.
        valid: labelled validation items; None holds out a fifth of the training items.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.
        engine: how items are encoded.

    Raises:
        SourceError: if there is no body that can be trained.
        DataError: if there are no labels.
        TrainingError: if no epoch had a lower validation loss than the frozen source with its closed-form head.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> found = continued(shift.source, shift.train.take(range(80)))
        >>> found.model.source.info.name, found.outcome.kept_epoch > 0
        ('module:toy (trained further, seed 0)', True)
    """
    base = source.info.name
    names = base, f"{base} (trained further, seed {seed})"
    return _trained(source, data, _OnBody(strategy), names, valid=valid, seed=seed, budget=budget, engine=engine)


def _trained(
    source: Source, data: Dataset, strategy: _OnBody, names: tuple[str, str], *, valid: Dataset | None, seed: int,
    budget: Budget, engine: Engine,
) -> Pretrained:  # fmt: skip
    before, after = names
    moved = move(strategy, source, data, valid=valid, seed=seed, budget=budget, engine=engine, most=JUDGED)
    check_trained(moved.outcome, before)
    trained = moved.candidates[1].model
    if not isinstance(trained.source, TrainableSource):  # `move` raised otherwise
        raise SourceError(f"The source '{before}' has no body that can be fine-tuned.")
    body = trained.source.trainable().module
    _write_classifier(body, trained.head)
    model = replace(trained, source=trained.source.with_module(body, after))
    held_out = set() if valid is not None else set(moved.valid.ids)
    seen = data.take([k for k, name in enumerate(data.ids) if name not in held_out])
    here = replace(engine, cache=False)  # the rows of a body that may not be kept
    solved = solved_start(model.source, seen, search=HeadSearch(), seed=seed, engine=here)
    return Pretrained(model, moved.outcome, moved.candidates[1], solved, moved.start, moved.valid)


def _with_classes(source: Source, count: int) -> Source:
    """A source of timm whose classifier has ``count`` outputs; other sources are returned unchanged."""
    from headstart.sources.timm import TimmSource, random_weights

    if not isinstance(source, TimmSource):
        return source
    spec = source.spec
    config = {**spec.pretrained_cfg, "num_classes": count}
    spec = replace(spec, model_args={**spec.model_args, "num_classes": count}, pretrained_cfg=config)
    return TimmSource(spec, random_weights(spec, 0), source.info)


def _write_classifier(body: nn.Module, head: FittedHead) -> bool:
    """Copy the trained head into the body's own linear classifier; returns whether there is one of its shape.

    Args:
        body: the module; changed in place.
        head: a head on the unscaled rows of the last block.
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
