"""Fine-tune on all items, for data sets too small to hold out a validation split."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from headstart.engine.options import Engine
from headstart.heads import HeadSearch
from headstart.sources.bodies.copies import frozen_copy
from headstart.sources.bodies.trainable import TrainableSource, body_key
from headstart.tune.moving.contract import MovingStrategy
from headstart.tune.moving.move import make_job, make_setting, solved_start
from headstart.tune.moving.plan import Setting, plan_of
from headstart.tune.moving.shared_work import SharedWork
from headstart.tune.training.job import Outcome
from headstart.tune.training.run import run_training, training_key
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Source

__all__ = ["SourceHead", "Trained", "fine_tuned_source", "train_network"]

SourceHead = Callable[[nn.Module, Any], Tensor]


@dataclass(frozen=True, eq=False)
class Trained:
    """The result of a training on all items.

    Attributes:
        setting: what was trained; its network, on the CPU, holds the weights of the last step.
        before: the network's weights before training, by name.
        outcome: how the training went.
    """

    setting: Setting
    before: Mapping[str, Tensor] = field(repr=False)
    outcome: Outcome


def train_network(
    strategy: MovingStrategy,
    source: Source,
    train_part: Dataset,
    *,
    seed: int = 0,
    budget: Budget = Budget(),
    engine: Engine = Engine(),
    shared: SharedWork | None = None,
    source_head: SourceHead | None = None,
) -> Trained:
    """Fine-tune body and head on all items; the weights of the last step are kept.

    Args:
        strategy: how the body is fine-tuned.
        source: the body.
        train_part: labelled items.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.
        engine: how items are encoded, when the head of the start is solved.
        shared: body and prepared items of several trainings, one after the other; None for a body of its own.
        source_head: the head of an earlier task, a function of (body, inputs) that returns logits, in place of the
            body's own source head; None for that.

    Raises:
        SourceError: if the source has no body that can be fine-tuned.
        DataError: if there are no labels, or an item cannot be read.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.bitfit import BITFIT
        >>> shift = toy_shift()
        >>> trained = train_network(BITFIT, shift.source, shift.train.take(range(40)))
        >>> after = trained.setting.network.state()
        >>> weight, bias = "body.blocks.0.0.weight", "body.blocks.0.0.bias"
        >>> after[weight].equal(trained.before[weight]), after[bias].equal(trained.before[bias])
        (True, False)
    """
    began = time.perf_counter()
    start = solved_start(source, train_part, search=HeadSearch(), seed=seed, engine=engine)
    setting = make_setting(strategy, source, train_part, start, seed=seed, budget=budget, shared=shared)
    if source_head is not None:
        setting.network.trainable = replace(setting.network.trainable, source_head=source_head)
    plan = plan_of(strategy, setting)
    before = setting.network.state()
    outcome = run_training(
        make_job(setting, plan, train_part, None), setting.training, key=_key(strategy, setting, train_part),
        items=len(train_part), seed=seed, budget=budget.less(time.perf_counter() - began),
    )  # fmt: skip
    return Trained(setting, before, outcome)


def fine_tuned_source(setting: Setting, name: str) -> Source:
    """A source with the body of a trained network.

    Args:
        setting: what was trained; the body is copied.
        name: name of the strategy, which is added to the source's name.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> fine_tuned_source(setting, "lp_ft").info.name
        'module:toy (lp_ft)'
    """
    assert isinstance(setting.source, TrainableSource)  # noqa: S101 (`make_setting` raised otherwise)
    return setting.source.with_module(frozen_copy(setting.network.body), f"{setting.source.info.name} ({name})")


def _key(strategy: MovingStrategy, setting: Setting, part: Dataset) -> str:
    """A key that no other training has, so that only its own checkpoint is resumed."""
    facts = ("whole", strategy, setting.training, body_key(setting.source), part.ids, part.task, setting.seed)
    return training_key(facts, part.labelled()[1].tobytes())
