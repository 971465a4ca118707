"""Fit of a model alone, for scikit-learn estimators: no evaluation, no baselines, no run folder."""

from __future__ import annotations

import numpy as np

from headstart.engine.ray.session import keep_ray_open
from headstart.errors import DataError
from headstart.model import TransferModel
from headstart.params import check_number
from headstart.sources.default import source_for
from headstart.transfer.gate.move_body import check_strategy, move_body
from headstart.transfer.ranking.choice import choose_source
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.judge import judge
from headstart.transfer.stages.options import FitOptions
from headstart.transfer.stages.prepare import Audited, audit_items, encode_items
from headstart.transfer.stages.unread_sources import without_unread_sources
from headstart.tune import FrozenFeatures
from headstart.types import Dataset, Source

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
        ParameterError: if the time limit is not a number of seconds.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> data = read((["good film", "so good", "bad film", "so bad"], ["+", "+", "-", "-"]))
        >>> fit_model(data, FitOptions("toy"), RunContext(SilentReporter())).predict(["good"])
        ['+']
    """
    check_strategy(options.strategy, options.search.class_weight)
    if context.clock.limit is not None:
        check_number(context.clock.limit, "time_limit", "fit", low=0)
    opened = None if options.ranks_sources else source_for(dataset, options.source)
    with keep_ray_open():
        if opened is not None and options.is_frozen:
            # without ranking and fine-tuning nothing uses the audit, and a grid search may call this hundreds of times
            return _frozen(dataset, opened, options, context)
        audited = _all_of(audit_items(dataset, context), dataset)
        choice = None
        if opened is None:
            choice = choose_source(audited, None, context)
            opened = choice.source
        if options.is_frozen:
            return _frozen(dataset, opened, options, context)
        prepared = encode_items(audited, opened, context, known=None if choice is None else choice.rows)
        judged = judge(prepared, options.search, context.seed, context.reporter, once=True)
        moved = move_body(
            prepared, judged, options.strategy, seconds=context.clock.left(), reporter=context.reporter
        )  # fmt: skip
    moved.clear()
    return without_unread_sources(moved.judged.model)


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
