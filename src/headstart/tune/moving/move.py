"""Fine-tune a body by a strategy: solve the head, train body and head, and judge the candidates on validation items.

Training starts from the frozen features with their closed-form head, so that nothing has to be learnt again (LP-FT).
The candidates are the start itself, the trained network, its interpolations with the start (WiSE-FT), and a head that
is solved again on the fine-tuned features. They are compared on held-out items.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from headstart.data import split
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import DataError, ParameterError
from headstart.heads import FittedHead, HeadSearch, select_head
from headstart.heads.spectral.class_weights import balanced_weights, row_weights
from headstart.model import TransferModel
from headstart.sources.bodies.trainable import body_key, trainable
from headstart.tasks import base_dataset, is_regression, task_methods
from headstart.tune.augmentation.choice import augmentation_of, mixed
from headstart.tune.moving.candidates import Moved, make_candidates
from headstart.tune.moving.contract import BringsBody, MovingStrategy, ReplaysSource, check_replayed
from headstart.tune.moving.last_weights import finished_state
from headstart.tune.moving.plan import Plan, Setting, plan_of
from headstart.tune.moving.shared_work import SharedWork
from headstart.tune.moving.validation import Validation
from headstart.tune.network.body_and_head import Network
from headstart.tune.network.prefix_batches import kept_batches, prefix_of
from headstart.tune.network.solved_head import TorchHead
from headstart.tune.training.batches import Batch, ItemBatches
from headstart.tune.training.device import best_device
from headstart.tune.training.job import Job
from headstart.tune.training.optimizer import learning_rate_for
from headstart.tune.training.run import Cluster, run_training, training_key
from headstart.tune.training.settings import Budget
from headstart.types import Dataset, Source

__all__ = ["class_weights_of", "fit_moved", "hold_out_validation", "make_job", "make_setting", "move", "solved_start"]

VALIDATION_SEED = 1  # added to the seed, so that this split differs from one that the caller makes with the same seed
MAX_VALIDATION = 1500  # items


def fit_moved(
    strategy: MovingStrategy,
    source: Source,
    train: Dataset,
    *,
    valid: Dataset | None = None,
    seed: int = 0,
    budget: Budget = Budget(),
    engine: Engine = Engine(),
) -> TransferModel:
    """Fine-tune by a strategy, and return the candidate of the fine-tuned body with the least validation loss.

    The class attribute ``fit = fit_moved`` makes this the ``fit`` method of a strategy.

    Args:
        strategy: how the body is fine-tuned.
        source: the body.
        train: labelled items.
        valid: labelled validation items; None holds out a fifth of the training items.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.
        engine: how items are encoded.

    Raises:
        SourceError: if the source has no body that can be fine-tuned.
        DataError: if there are no labels.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> shift = toy_shift()
        >>> model = fit_moved(LP_FT, shift.source, shift.train.take(range(60)))
        >>> model.source.info.name.startswith("module:toy (lp_ft"), model.task.labels
        (True, ('alike', 'different'))
    """
    return move(strategy, source, train, valid=valid, seed=seed, budget=budget, engine=engine).best.model


def move(
    strategy: MovingStrategy,
    source: Source,
    train_part: Dataset,
    *,
    valid: Dataset | None = None,
    seed: int = 0,
    budget: Budget = Budget(),
    search: HeadSearch = HeadSearch(),
    engine: Engine = Engine(),
    most: int | None = None,
) -> Moved:
    """Fine-tune a body by a strategy, and judge the candidates on validation items.

    Args:
        strategy: how the body is fine-tuned.
        source: the body.
        train_part: labelled items.
        valid: labelled validation items; None holds out a fifth of the training items.
        seed: of all random numbers.
        budget: time limit, checkpoints and logs.
        search: which heads and features are compared when a head is solved.
        engine: how items are encoded; with ``ray`` the training runs on the workers of the cluster too, see
            `headstart.tune.training.ray`.
        most: how many candidates are judged; 2 for the start and the trained network alone, None for all.

    Raises:
        SourceError: if the source has no body that can be fine-tuned.
        DataError: if there are no labels, an item cannot be read, or a strategy that replays the source task has no
            source items.
        ParameterError: if the strategy cannot be trained on several workers.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> shift = toy_shift()
        >>> moved = move(LP_FT, shift.source, shift.train.take(range(60)))
        >>> moved.start.name, moved.candidates[1].name, len(moved.valid)
        ('head', 'lp_ft', 12)
    """
    if isinstance(strategy, ReplaysSource):
        check_replayed(strategy.name, strategy.source_data)
    began = time.perf_counter()
    all_items = train_part
    if valid is None:
        train_part, valid = hold_out_validation(train_part, seed)
    task, _ = train_part.labelled()
    weights = class_weights_of(all_items, search.class_weight)
    # `scratch` draws random weights for the source's architecture, and `side` adds a small body beside it
    body = strategy.source_for(source, train_part, seed) if isinstance(strategy, BringsBody) else source
    base = start = solved_start(source, train_part, search=search, seed=seed, engine=engine)
    if body is not source:
        start, source = solved_start(body, train_part, search=search, seed=seed, engine=engine), body
    setting = make_setting(strategy, source, train_part, start, seed=seed, budget=budget, class_weights=weights)
    network = setting.network
    validation = Validation(task, valid, source, network.trainable.collate, weights)
    before = network.state()
    plan = plan_of(strategy, setting)
    cluster = None
    if engine.ray is not None:
        parts, here = (train_part, valid), replace(engine, ray=None, workers=None)
        make = partial(_worker_job, strategy, source, parts, start.head, seed=seed, weights=weights, engine=here)
        cluster = Cluster(engine.ray, engine.workers, make)
    last: dict[str, Tensor] = {}
    job = make_job(setting, plan, train_part, lambda: validation.loss(network, budget.watch))
    outcome = run_training(
        replace(job, last=last.update), setting.training,
        key=_key(strategy, setting, (train_part, valid), search), items=len(train_part), seed=seed,
        budget=budget.less(time.perf_counter() - began), cluster=cluster,
        around=partial(_with_prefix, setting, plan, validation),
    )  # fmt: skip
    finished = None
    if last and outcome.steps:

        def again() -> Setting:
            return make_setting(strategy, source, train_part, start, seed=seed, budget=budget, class_weights=weights)

        finished = finished_state(strategy, network, plan, last, again)
    left_out: list[str] = []
    found = make_candidates(
        strategy.name, setting, validation, before, base=base, search=search, outcome=outcome, last=finished,
        until=budget.end_of_judging(began), left_out=left_out.append, most=most,
    )  # fmt: skip
    return Moved(tuple(found), outcome, valid, network, tuple(left_out))


def _worker_job(
    strategy: MovingStrategy, source: Source, parts: tuple[Dataset, Dataset], head: FittedHead, budget: Budget, *,
    seed: int, weights: NDArray[np.float64] | None, engine: Engine,
) -> Job:  # fmt: skip
    """The job of one of several processes, whose batches hold its share of each batch's items.

    The start is sent as its source and its head: a model is pickled as its saved files, which cannot hold a torch
    module of the user's own.
    """
    part, valid = parts
    start = TransferModel(source, part.labelled()[0], head, engine=engine)
    setting = make_setting(strategy, source, part, start, seed=seed, budget=budget, class_weights=weights)
    validation = Validation(setting.task, valid, source, setting.network.trainable.collate, weights)
    plan = plan_of(strategy, setting)
    if plan.batches is not None:
        raise ParameterError(
            f"The strategy '{strategy.name}' needs all items of a batch in one process, so it cannot be trained on a "
            "Ray cluster; leave out 'ray'."
        )
    network = setting.network.to(best_device())
    return make_job(setting, plan, part, lambda: validation.loss(network))


@contextmanager
def _with_prefix(setting: Setting, plan: Plan, validation: Validation, job: Job) -> Iterator[Job]:
    """The job with batches that start from the outputs of the frozen prefix, if these are the same in each epoch."""
    network, training = setting.network, setting.training
    plain = plan.penalty is None and plan.loss is None and not (training.mixup or training.cutmix)
    if plain and augmentation_of(network.trainable.kind, training) is None:
        network.prefix = prefix_of(network, plan.groups, setting.batches)
    if network.prefix is None:
        yield job
        return
    try:
        validation.use_prefix(network, network.prefix, training)
        kept = kept_batches(network, network.prefix, setting.batches, training)
        yield replace(job, batches=kept) if plan.batches is None else job
    finally:
        validation.use_items()
        network.prefix = None


def hold_out_validation(data: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """Training and validation items: a fifth, at most 1,500, is held out, stratified by class; groups are not split.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> [len(part) for part in hold_out_validation(toy_shift().train, 0)]
        [192, 48]
    """
    task, _ = data.labelled()
    plain = replace(data, split=None, times=None)
    share = min(0.2, MAX_VALIDATION / max(len(data), 1))
    parts = split(base_dataset(plain), data.group_codes, test_size=share, seed=seed + VALIDATION_SEED)
    if len(parts.test) == 0:
        raise DataError(f"{len(data)} {task.kind} items are too few to hold out a validation split; give more items.")
    return data.take(parts.train), data.take(parts.test)


def solved_start(source: Source, part: Dataset, *, search: HeadSearch, seed: int, engine: Engine) -> TransferModel:
    """Frozen features with their closed-form head.

    Args:
        source: gives the body.
        part: labelled items.
        search: which heads and features are compared.
        seed: of the random numbers of the choice.
        engine: how items are encoded.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift, search = toy_shift(), HeadSearch(("ridge",))
        >>> start = solved_start(shift.source, shift.train.take(range(40)), search=search, seed=0, engine=Engine())
        >>> start.head.head, start.predict_proba(shift.test.items[:3]).shape
        ('ridge', (3, 2))
    """
    task, y = part.labelled()
    rows = extract(source, part.items, engine=engine, on_error="raise").rows
    head = select_head(rows, y, task, blocks=source.info.blocks, groups=part.group_codes, search=search, seed=seed)
    return TransferModel(source, task, replace(head, moments=None), None, part.columns, engine=engine)


def class_weights_of(part: Dataset, name: str | None) -> NDArray[np.float64] | None:
    """The weight of each class in a loss, (k,); the mean weight over the items is 1.

    Args:
        part: labelled items.
        name: ``"balanced"``, or None for no weights.

    Raises:
        ParameterError: if weights are asked for and the task is not a classification.

    Examples:
        >>> from headstart.types import Task
        >>> data = Dataset("xyz", ("0", "1", "2"), "text", Task("classification", ("a", "b")), np.array([0, 0, 1]))
        >>> class_weights_of(data, "balanced")
        array([0.75, 1.5 ])
    """
    task, y = part.labelled()
    return None if row_weights(y, task, name) is None else balanced_weights(y, task.num_outputs)


def make_setting(
    strategy: MovingStrategy,
    source: Source,
    part: Dataset,
    start: TransferModel,
    *,
    seed: int,
    budget: Budget,
    class_weights: NDArray[np.float64] | None = None,
    shared: SharedWork | None = None,
) -> Setting:
    """What a strategy is given: the network before training, and the batches.

    Args:
        strategy: how the body is fine-tuned.
        source: gives the body.
        part: labelled items.
        start: frozen features with their closed-form head.
        seed: of all random numbers.
        budget: its ``parallel`` gives the share of this process in each batch.
        class_weights: (k,) weight of each class in the loss; None for 1.
        shared: body and prepared items of several trainings; None for a body of its own.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> shift = toy_shift()
        >>> part = shift.train.take(range(40))
        >>> start = solved_start(shift.source, part, search=HeadSearch(), seed=0, engine=Engine())
        >>> setting = make_setting(LP_FT, shift.source, part, start, seed=0, budget=Budget())
        >>> setting.targets.shape, setting.batches.steps     # 40 items of 2 classes, in batches of at most 32
        ((40, 2), 2)
    """
    task, y = part.labelled()
    targets = task_methods(task).targets(y, task.num_outputs)
    centre = spread = None
    if is_regression(task):
        centre, deviation = targets.mean(axis=0), targets.std(axis=0)
        spread = np.where(deviation > 0, deviation, 1.0)  # a constant target stays 0 after centring
        targets = (targets - centre) / spread
    body, prepare = (trainable(source), source.prepare) if shared is None else (shared.body(), shared.prepare)
    training = replace(strategy.training, learning_rate=learning_rate_for(body.module, strategy.training))
    head = TorchHead(start.head, task, training.dropout, centre=centre, spread=spread)
    batches = ItemBatches(
        part.items, targets, prepare, body.collate, training, seed=seed,
        augment=augmentation_of(body.kind, training), share=_share(budget),
    )  # fmt: skip
    if body.kind == "tokens":
        batches.sort_by_length()
    weights = None if class_weights is None else torch.from_numpy(class_weights)
    return Setting(Network(body, head), source, task, part.items, y, targets, batches, start, training, seed, weights)


def make_job(setting: Setting, plan: Plan, part: Dataset, validate: Callable[[], float] | None) -> Job:
    """What the training loop is given.

    Args:
        setting: network and batches.
        plan: what the strategy returned.
        part: the training items.
        validate: returns the validation loss; None keeps the weights of the last step.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.tune.lp_ft import LP_FT
        >>> shift = toy_shift()
        >>> from headstart.tune.moving.toy import toy_setting
        >>> setting = toy_setting(LP_FT)
        >>> job = make_job(setting, LP_FT.plan(setting), shift.train.take(range(40)), None)
        >>> [batch] = next(job.batches.epoch(0, 0))
        >>> job.loss(batch).shape, len(job.groups)
        (torch.Size([]), 4)
    """
    return Job(
        setting.network, plan.groups, setting.batches if plan.batches is None else plan.batches,
        _loss(setting, plan), validate, lambda batch: _not_finite(batch, part), finish=plan.finish,
    )  # fmt: skip


def _share(budget: Budget) -> tuple[int, int]:
    return (0, 1) if budget.parallel is None else (budget.parallel.rank, budget.parallel.size)


def _loss(setting: Setting, plan: Plan) -> Callable[[Batch], Tensor]:
    """What a micro-batch adds to the mean loss of its batch, including the strategy's penalty."""
    network, training = setting.network, setting.training

    def loss(batch: Batch) -> Tensor:
        if plan.loss is not None:
            return plan.loss(batch) * batch.share
        batch = mixed(batch, training)
        blocks = network.blocks(batch.inputs)
        logits = network.head(torch.cat([block.float() for block in blocks], dim=1))  # the head computes in float32
        value = setting.losses(logits, batch.targets).mean()
        if plan.penalty is not None:
            value = value + plan.penalty(batch, blocks, logits)
        return value * batch.share

    return loss


def _not_finite(batch: Batch, part: Dataset) -> str:
    """Names the first item of a batch whose inputs are not finite; empty if there is none."""
    inputs = batch.inputs
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        return ""
    bad = ~torch.isfinite(inputs).flatten(1).all(dim=1).cpu().numpy()
    names = [part.ids[k] for k in batch.positions[bad]]
    return f"the item '{names[0]}' holds values that are not finite" if names else ""


def _key(strategy: MovingStrategy, setting: Setting, parts: Sequence[Dataset], search: HeadSearch) -> str:
    """A key that no other training has, so that only its own checkpoint is resumed."""
    data = strategy.source_data if isinstance(strategy, ReplaysSource) else None
    replayed = () if data is None else data.ids
    facts = (strategy, setting.training, replayed, body_key(setting.source), setting.seed, search)
    contents = [
        (repr((part.ids, part.task)).encode(), np.ascontiguousarray(part.labelled()[1]).tobytes()) for part in parts
    ]
    return training_key(facts, *chain.from_iterable(contents))
