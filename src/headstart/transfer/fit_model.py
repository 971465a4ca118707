"""Fit of a model alone, for scikit-learn estimators: no evaluation, no baselines, no run folder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.data import union_groups
from headstart.engine.options import refuse_int8
from headstart.engine.ray.session import keep_ray_open
from headstart.errors import DataError
from headstart.model import TransferModel
from headstart.params import check_number
from headstart.transfer.gate.move_body import check_strategy, move_body
from headstart.transfer.ranking.choice import Choice, choose_source
from headstart.transfer.ranking.default_choice import choose_default, named_choice
from headstart.transfer.ranking.run import RankingItems
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.judge import judge
from headstart.transfer.stages.options import FitOptions
from headstart.transfer.stages.prepare import Audited, audit_items, encode_items
from headstart.transfer.stages.unread_blocks import without_unread_blocks
from headstart.tune import FrozenFeatures
from headstart.types import Dataset, Source, group_codes

__all__ = ["fit_model"]


def fit_model(dataset: Dataset, options: FitOptions, context: RunContext) -> TransferModel:
    """Fit a model to all items, each of which must be readable.

    Args:
        dataset: n labelled items.
        options: source, search and strategy; a strategy that fine-tunes the body is validated on a fifth of the items.
        context: engine, reporter, seed, and time limit of ranking and training (without one, that of the gate).

    Raises:
        DataError: if an item cannot be read, or there are fewer than two classes.
        SourceError: if the source cannot be opened, or has no body that the strategy can fine-tune.
        UnknownNameError: for an unknown source or strategy.
        ParameterError: if the time limit is not a number of seconds, or with ``int8="always"``, which estimators lack.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> data = read((["good film", "so good", "bad film", "so bad"], ["+", "+", "-", "-"]))
        >>> fit_model(data, FitOptions("toy"), RunContext(SilentReporter())).predict(["good"])
        ['+']
    """
    check_strategy(options.strategy, options.search.class_weight, options.source_data, options.training)
    refuse_int8(context.engine, "an estimator, which runs the usual number format")
    if context.clock.limit is not None:
        check_number(context.clock.limit, "time_limit", "fit", low=0)
    choice = None if options.ranks_sources else named_choice(dataset, options.source, context.reporter)
    with keep_ray_open():
        if options.is_frozen and not options.ranks_sources:
            # without ranking and fine-tuning nothing uses the audit, and a grid search may call this hundreds of times
            choice = choice or choose_default(dataset, _units(dataset), context, part=_every(dataset))
            return _frozen(dataset, choice.source, options, context)
        audited = _all_of(audit_items(dataset, context), dataset)
        if choice is None:
            choice = _chosen(audited, options, context)
        if options.is_frozen:
            return _frozen(dataset, choice.source, options, context)
        prepared = encode_items(audited, choice.source, context, known=choice.rows)
        judged = judge(prepared, options.search, context.seed, context.reporter, once=True)
        moved = move_body(
            prepared, judged, options.strategy, seconds=context.clock.left(), reporter=context.reporter,
            training=options.training,
        )  # fmt: skip
    moved.clear()
    return without_unread_blocks(moved.judged.model)


def _chosen(audited: Audited, options: FitOptions, context: RunContext) -> Choice:
    once = not options.is_frozen
    if options.ranks_sources:
        return choose_source(audited, None, context, once=once)
    units = union_groups(audited.dataset.groups, audited.clusters)
    return choose_default(audited.dataset, units, context, once=once)


def _units(dataset: Dataset) -> NDArray[np.int64]:
    return group_codes(dataset.groups, len(dataset))


def _every(dataset: Dataset) -> RankingItems:
    return RankingItems(np.arange(len(dataset)), f"all {len(dataset)} items of the fit")


def _frozen(dataset: Dataset, source: Source, options: FitOptions, context: RunContext) -> TransferModel:
    return FrozenFeatures(options.search).fit(source, dataset, seed=context.seed, engine=context.engine)


def _all_of(audited: Audited, dataset: Dataset) -> Audited:
    """The audited items; raises if the audit excluded any, since an estimator must fit exactly what it is given."""
    if len(audited.kept) < len(dataset):
        first = int(np.flatnonzero(~audited.audit.keep)[0])
        reasons = [finding.message for finding in audited.audit.findings if finding.severity == "error"]
        raise DataError(
            f"{len(dataset) - len(audited.kept)} of {len(dataset)} items cannot be used, the first at position "
            f"{first}: {' '.join(reasons) or 'it is empty.'} Leave such items out."
        )
    return audited
