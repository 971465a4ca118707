"""Train a body on all items, for data of which a validation part would be dearly missed.

Nothing is held out from the training that counts; the rehearsal before it, on four fifths of the items, says by the
other fifth which kind of head does best on a moved body, and how sure of itself it may be: left-out losses of rows that
the body was trained on flatter both.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from headstart.engine.options import Engine
from headstart.heads import HeadSearch
from headstart.model import TransferModel
from headstart.sources.moved import resting_copy
from headstart.sources.trainable import TrainableSource, body_key
from headstart.tune.device import best_device
from headstart.tune.frozen import FrozenFeatures
from headstart.tune.loop import train
from headstart.tune.moving import make_job, make_setting, move, solved_start
from headstart.tune.plan import MovingStrategy, Setting
from headstart.tune.settings import Budget
from headstart.types import Dataset, Source

__all__ = ["fit_whole", "moved_source", "train_network", "train_whole"]

REHEARSAL = 0.45  # of the time


def fit_whole(
    strategy: MovingStrategy, source: Source, train_part: Dataset, *, seed: int = 0, budget: Budget = Budget()
) -> TransferModel:
    """The body moved on all items, with the head that a rehearsal on four fifths of them chose.

    Args:
        strategy: how the body moves.
        source: the body.
        train_part: labelled items.
        seed: of all chance.
        budget: time, for rehearsal and training together, checkpoints, logs.

    Raises:
        SourceError: if the source has no body that can be moved.
        DataError: if there are no labels, or too few items for a rehearsal.

    Examples:
        >>> fit_whole.__name__
        'fit_whole'
    """
    rehearsed = move(strategy, source, train_part, seed=seed, budget=_timed(budget, REHEARSAL))
    judged = min(
        (one for one in rehearsed.candidates[1:] if one.model.head.head != "trained"), key=lambda one: one.loss
    )
    moved = train_whole(strategy, source, train_part, seed=seed, budget=_timed(budget, 1 - REHEARSAL))
    model = FrozenFeatures(HeadSearch((judged.model.head.head,))).fit(moved, train_part, seed=seed)
    head = replace(
        model.head, calibration={**model.head.calibration, **judged.model.head.calibration}, loss=judged.loss,
        evidence=None,
    )  # fmt: skip
    return replace(model, head=head)


def train_whole(
    strategy: MovingStrategy, source: Source, train_part: Dataset, *, seed: int = 0, budget: Budget = Budget()
) -> Source:
    """The source with its body moved on all items, as `train_network` does it.

    Examples:
        >>> train_whole.__name__
        'train_whole'
    """
    setting = train_network(strategy, source, train_part, seed=seed, budget=budget)
    return moved_source(setting, strategy.name)


def train_network(
    strategy: MovingStrategy, source: Source, train_part: Dataset, *, seed: int = 0, budget: Budget = Budget()
) -> Setting:
    """Body and head moved on all items; the weights of the last step are kept.

    Args:
        strategy: how the body moves.
        source: the body.
        train_part: labelled items.
        seed: of all chance.
        budget: time, checkpoints, logs.

    Returns:
        What was trained; its network, on the CPU, holds the weights.

    Raises:
        SourceError: if the source has no body that can be moved.
        DataError: if there are no labels, or an item cannot be read.

    Examples:
        >>> train_network.__name__
        'train_network'
    """
    start = solved_start(source, train_part, search=HeadSearch(), seed=seed, engine=Engine())
    setting = make_setting(strategy, source, train_part, start, seed=seed, budget=budget)
    plan = strategy.plan(setting)
    network = setting.network.to(best_device())
    key = _key(strategy, source, train_part, seed)
    budget = budget if budget.folder is None else replace(budget, folder=budget.folder / key[:20])
    train(make_job(setting, plan, train_part, None), setting.training, seed=seed, budget=budget, key=key)
    plan.finish()
    network.to("cpu").eval()
    return setting


def moved_source(setting: Setting, name: str) -> Source:
    """The source with the body of a trained network.

    Args:
        setting: what was trained.
        name: of the strategy.

    Examples:
        >>> moved_source.__name__
        'moved_source'
    """
    assert isinstance(setting.source, TrainableSource)  # noqa: S101 (`make_setting` raised otherwise)
    return setting.source.with_module(resting_copy(setting.network.body), f"{setting.source.info.name} ({name})")


def _timed(budget: Budget, share: float) -> Budget:
    return budget if budget.seconds is None else replace(budget, seconds=share * budget.seconds)


def _key(strategy: MovingStrategy, source: Source, part: Dataset, seed: int) -> str:
    """Tells this training from others, so that no checkpoint of another one is taken up."""
    digest = hashlib.sha256(repr(("whole", strategy, body_key(source), part.ids, part.task, seed)).encode())
    digest.update(part.labelled()[1].tobytes())
    return digest.hexdigest()
