"""Fine-tune the body if the gate decides to, and evaluate the kept model on held-out items."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.body.recipe import recipe_key
from headstart.engine.cache.folder import training_entry
from headstart.engine.extract import extract
from headstart.engine.extraction import Extraction
from headstart.errors import ParameterError, UnknownNameError
from headstart.evaluate.certainty.blocks import certainty_blocks
from headstart.evaluate.coverage import CoveragePart, realised_coverage
from headstart.evaluate.evaluation import evaluate_predictions
from headstart.evaluate.forgetting import forgetting
from headstart.evaluate.formatting import figure
from headstart.model import TransferModel
from headstart.reporting import Reporter
from headstart.sources.bodies.trainable import TrainableSource, trainable
from headstart.transfer.gate.decision import decide
from headstart.transfer.gate.strategy_choice import AUTO, REPLAYING, UNWEIGHTED, auto_names, moving_strategy
from headstart.transfer.gate.time_plan import FINISHING, Countdown
from headstart.transfer.stages.judge import FEW_ITEMS, Judged, affordable_folds, judge
from headstart.transfer.stages.options import refuse_unused_training
from headstart.transfer.stages.prepare import Prepared, encoding_record, report_encoding
from headstart.tune import MOVING, STRATEGIES, Strategy
from headstart.tune.moving.contract import ChecksBody, MovingStrategy, ReplaysSource, check_replayed
from headstart.tune.training.chosen import Chosen, asks_for_rate, check_chosen, trials_of, with_chosen, without_find
from headstart.tune.training.settings import OnEpoch
from headstart.types import Dataset, Source

FROZEN_BODY = "frozen"
TYPICAL = "lp_ft"  # the strategy by whose parameters the settings of "auto" are checked
MOST_ITEMS = 500  # on which forgetting is measured
SLOWER = 2.0  # of the plain torch bodies that measure forgetting, relative to the engine
REPEATS = 10.0  # folds of a cross-validation, each of which takes as long as the one held-out part

__all__ = ["MovedBody", "check_body", "check_strategy", "move_body"]


@dataclass(frozen=True)
class MovedBody:
    """The result of the gate and of a training, if there was one.

    Attributes:
        judged: the model that is returned, and its evaluation.
        frozen: (m, k) outputs of the head on frozen features for the evaluated items; None if that head is the model.
        record: strategy, forecast, candidates and the kept one, as plain JSON values.
        folder: of checkpoints and logs; None if none were written.

    Examples:
        >>> from tempfile import mkdtemp
        >>> moved = MovedBody(judged=None, frozen=None, record={"kept": "head"}, folder=Path(mkdtemp()))
        >>> moved.logs.name
        'logs'
        >>> moved.clear()
        >>> moved.folder.exists()
        False
    """

    judged: Judged
    frozen: NDArray[np.float64] | None
    record: Mapping[str, Any]
    folder: Path | None = field(default=None)

    @property
    def logs(self) -> Path | None:
        """The folder of the training logs."""
        return None if self.folder is None else self.folder / "logs"

    def clear(self) -> None:
        """Remove checkpoints and logs, once the model is saved or returned."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def check_strategy(
    strategy: object, class_weight: str | None = None, source_data: object = None, training: Chosen | None = None
) -> None:
    """Raise unless this is a strategy or the name of one, and it is compatible with the other arguments.

    Args:
        strategy: as in `headstart.transfer.fit.fit`.
        class_weight: as in `headstart.transfer.fit.fit`.
        source_data: as in `headstart.transfer.fit.fit`.
        training: as in `headstart.transfer.fit.fit`.

    Raises:
        UnknownNameError: for an unknown name.
        DataError: for a strategy that replays the source task, without source data.
        ParameterError: for any other type, for a strategy without a plan, for class weights with a strategy that
            does not use them, or for a setting that the strategy does not have.

    Examples:
        >>> check_strategy("lpft")
        Traceback (most recent call last):
        headstart.errors.UnknownNameError: Unknown strategy 'lpft'. Did you mean 'lp_ft'? Known: ...
    """
    compared = auto_names(strategy)
    _check_searches(strategy, training, named=compared is None and strategy != FROZEN_BODY)
    training = without_find(training)
    if compared is not None:
        for one in compared:
            check_strategy(one, class_weight, source_data, training)
        if not compared:
            check_chosen(training or {}, "the strategy that 'auto' chooses")
        return
    if isinstance(strategy, str) and strategy not in STRATEGIES:
        raise UnknownNameError("strategy", strategy, [AUTO, *STRATEGIES])
    if strategy == FROZEN_BODY:
        refuse_unused_training(training)
    imported = not isinstance(strategy, str) or strategy not in (FROZEN_BODY, *MOVING)
    imported |= bool(training) and strategy != FROZEN_BODY
    found = moving_strategy(strategy) if imported else None
    name = str(strategy) if found is None else found.name
    if isinstance(found, ReplaysSource) or name in REPLAYING:
        own = found.source_data if isinstance(found, ReplaysSource) else None
        check_replayed(name, source_data if own is None else own)
    if found is not None:
        with_chosen(found, training)
    if class_weight is not None and name in UNWEIGHTED:
        raise ParameterError(
            f"The strategy '{name}' samples its items class by class, so each class already counts the same. Got "
            f"class_weight={class_weight!r} with it; leave that out, or use another strategy."
        )


def _check_searches(strategy: object, training: Chosen | None, *, named: bool) -> None:
    """Raise for a wrong number of trials, and for a search of settings where no single strategy is named."""
    for wanted, what in ((asks_for_rate(training), "learning_rate='find'"), (trials_of(training) > 0, "trials")):
        if wanted and not named:
            raise ParameterError(
                "A range test and trials find the settings of one named strategy, such as 'lp_ft'. Got "
                f"'{strategy}' with {what}; name a strategy, or leave that out."
            )


def check_body(
    strategy: str | Strategy, source: Source, training: Chosen | None = None, data: Dataset | None = None
) -> None:
    """Raise, before anything is encoded, if a strategy cannot train the body of a source here.

    Args:
        strategy: ``"auto"``, a name, or a strategy; the gate itself chooses only strategies without an extra.
        source: the source that was given.
        training: settings that the user chose, by name; those of ``"auto"`` must suit ``lp_ft``.
        data: the labelled items; None if they are annotated.

    Raises:
        MissingExtraError: if the strategy needs an extra that is not installed.
        SourceError: if the strategy fine-tunes the body and the source has none that can be.
        ParameterError: for a setting that names nothing of this body, or that its training ignores.

    Examples:
        >>> from headstart.sources import open_source
        >>> check_body("lp_ft", open_source("vector"))
        Traceback (most recent call last):
        headstart.errors.SourceError: The source 'vector' has no body that can be fine-tuned; ...
    """
    compared, training = auto_names(strategy), without_find(training)
    if strategy == FROZEN_BODY or (compared == () and not isinstance(source, TrainableSource)):
        return
    if not isinstance(source, TrainableSource):
        trainable(source)
    if compared == () and not training:
        return
    for one in (strategy,) if compared is None else compared or (TYPICAL,):
        found = moving_strategy(one)
        if isinstance(found, ChecksBody):
            found.check(source)
        if training:
            from headstart.tune.moving.rehearsal import check_training_of

            check_training_of(with_chosen(found, training), source, training, data, named=compared is None)


def move_body(
    prepared: Prepared,
    judged: Judged,
    strategy: str | Strategy | MovingStrategy,
    *,
    seconds: float | None,
    reporter: Reporter,
    source_data: Dataset | None = None,
    training: Chosen | None = None,
    on_epoch: OnEpoch | None = None,
) -> MovedBody:
    """Let the gate decide, and evaluate the model that it keeps.

    Args:
        prepared: encoded items.
        judged: the head on frozen features, evaluated on one held-out part.
        strategy: ``"auto"``, a name, or a strategy.
        seconds: remaining time; None for no limit.
        reporter: receives progress and results.
        source_data: labelled items of the source task, on which forgetting is measured and which ``"joint"`` replays.
        training: settings that the user chose, by name.
        on_epoch: called after each epoch of the training, not of the pilot; see `headstart.tune.Budget`.

    Raises:
        SourceError: if a strategy was named and the source has no body that can be fine-tuned.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy_shift import toy_shift
        >>> from headstart.heads import HeadSearch
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> shift, silent = toy_shift(), SilentReporter()
        >>> prepared = prepare(shift.train.take(range(60)), shift.source, RunContext(silent))
        >>> judged = judge(prepared, HeadSearch(("ridge",)), 0, silent, once=True)
        >>> moved = move_body(prepared, judged, "auto", seconds=None, reporter=silent)
        >>> moved.record["forecast"]["verdict"], moved.frozen is None
        ('48 items are too few to tell', True)
    """
    folder, began = None, time.perf_counter()
    if prepared.engine.cache:
        folder = training_entry(_key(prepared, judged, (strategy, training)), prepared.source.info.name, "fine-tuning")
    decision = decide(
        prepared, judged, strategy, seed=judged.seed, seconds=seconds, reporter=reporter, folder=folder,
        logs=None if folder is None else folder / "logs", source_data=source_data, training=training,
        on_epoch=on_epoch,
    )  # fmt: skip
    countdown = Countdown(None if seconds is None else seconds - (time.perf_counter() - began))
    if decision.model is None:
        return MovedBody(_frozen_again(prepared, judged, countdown, reporter), None, decision.record, folder)
    moved, extraction = _with_body(prepared, judged, decision.model, reporter)
    forgotten = None
    count = min(MOST_ITEMS, len(judged.plan.evaluated)) if source_data is None else len(source_data)
    item = extraction.seconds / max(len(extraction.index), 1)
    needed, left = SLOWER * 2 * item * count, countdown.left()
    if left is None or needed + FINISHING <= left:
        forgotten = _forgotten(prepared, judged, decision.model, source_data, reporter)
    else:
        reporter.line("skipped", "forgetting of the source task was not measured: the time limit leaves too little")
    record = {**decision.record, "forgetting": forgotten, "encoding": encoding_record(extraction)}
    return MovedBody(moved, judged.outputs, record, folder)


def _key(prepared: Prepared, judged: Judged, strategy: object) -> str:
    """The key of the checkpoints: a killed fit with the same data, strategy, search and seed resumes from them."""
    return recipe_key(
        "training", prepared.source.info.name, prepared.source.info.sha256, prepared.content, repr(strategy),
        judged.seed, repr(judged.search),
    )  # fmt: skip


def _frozen_again(prepared: Prepared, judged: Judged, countdown: Countdown, reporter: Reporter) -> Judged:
    """Evaluate frozen features as a fit without a strategy does, by cross-validation if there are few items.

    The one held-out part was needed to judge a training. None is kept, so the items can be used more fully.
    """
    dataset = prepared.dataset
    widths = [block.width for block in prepared.source.info.blocks] or [prepared.rows.shape[1]]
    many = len(dataset) >= FEW_ITEMS and not affordable_folds(dataset, widths)
    if dataset.split is not None or dataset.times is not None or many:
        return judged
    left = countdown.left()
    if left is not None and left < REPEATS * judged.seconds + FINISHING:
        reporter.line("skipped", "no cross-validation of the frozen features: it does not fit into the time limit")
        return judged
    return judge(prepared, judged.search, judged.seed, reporter)


def _forgotten(
    prepared: Prepared, judged: Judged, model: TransferModel, source_data: Dataset | None, reporter: Reporter
) -> str | None:
    """How much of the source task the fine-tuned body has lost, in one sentence; None if it is another body."""
    if model.source.info.blocks != prepared.source.info.blocks:
        return None
    items = prepared.dataset.take(judged.plan.evaluated[:MOST_ITEMS]).items
    with reporter.progress("measuring forgetting"):
        found = forgetting(
            prepared.source, model.source, items, source_data=source_data, seed=judged.seed, engine=prepared.engine
        )
    sentence = f"{found.how} Before {found.before:.3f}, after {found.after:.3f}: lost "
    sentence += f"{figure(found.lost, found.low, found.high)}."
    reporter.line("forgetting", sentence)
    return sentence


def _with_body(
    prepared: Prepared, judged: Judged, model: TransferModel, reporter: Reporter
) -> tuple[Judged, Extraction]:
    """The fine-tuned model, evaluated on the same items as the frozen features, and how its body encoded them."""
    task, y = prepared.dataset.labelled()
    evaluated = judged.plan.evaluated
    with reporter.progress("encoding with the fine-tuned body") as step:
        items = prepared.dataset.take(evaluated).items
        extraction = extract(model.source, items, engine=prepared.engine, progress=step, on_error="raise")
    rows = extraction.rows
    report_encoding(extraction, model.source.info, "fine-tuned body", reporter)
    outputs: NDArray[np.float64] = model.outputs(rows)
    evaluation = evaluate_predictions(task, y[evaluated], outputs, groups=judged.resample_groups, seed=judged.seed)
    name, metric = next(iter(evaluation.metrics.items()))
    before = judged.evaluation.metrics[name]
    reporter.result(
        "fine-tuned body",
        f"{name.replace('_', ' ')} {figure(metric.value, metric.low, metric.high)}; frozen features "
        f"{figure(before.value, before.low, before.high)}",
    )
    model = replace(model, columns=prepared.dataset.columns, engine=prepared.engine)
    parts = [CoveragePart(model.conformal(), y[evaluated], outputs, rows, judged.resample_groups)]
    after = replace(
        judged, model=model, outputs=outputs, evaluation=evaluation,
        coverage=realised_coverage(parts, seed=judged.seed), certainty=certainty_blocks(parts),
    )  # fmt: skip
    return after, extraction
