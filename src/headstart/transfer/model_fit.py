"""The model alone, for estimators, which are judged by the tools that call them: no baselines, no run folder."""

from __future__ import annotations

import time

import numpy as np

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.engine.ray.session import kept_open
from headstart.errors import DataError
from headstart.heads import HeadSearch
from headstart.model import TransferModel
from headstart.params import check_number
from headstart.reporting import Reporter, SilentReporter
from headstart.sources.default import source_for
from headstart.transfer.gate.move_body import check_strategy, move_body
from headstart.transfer.ranking.choice import choose_source
from headstart.transfer.stages.judge import judge
from headstart.transfer.stages.prepare import Audited, audit_items, encode_items
from headstart.transfer.stages.unread_parts import lean
from headstart.tune import FrozenFeatures, Strategy
from headstart.types import Dataset, Source

__all__ = ["fit_model"]


def fit_model(
    dataset: Dataset,
    source: str | Source | None,
    *,
    search: HeadSearch = HeadSearch(),
    strategy: str | Strategy = "frozen",
    seed: int = 0,
    time_limit: float | None = None,
    engine: Engine = Engine(),
    reporter: Reporter | None = None,
) -> TransferModel:
    """Fit a model to all items, each of which has to be readable.

    Args:
        dataset: n labelled items.
        source: as in `headstart.transfer.fit.fit`: a name, an open source, None for the one that comes with the install
            for this kind of item, or ``"auto"`` for the first of a ranking of all that are at hand.
        search: what is compared when the head is chosen.
        strategy: as in `headstart.transfer.fit.fit`; one that moves the body is judged on a fifth of the items.
        seed: of all chance.
        time_limit: seconds for ranking and training; None for no limit but the gate's own.
        engine: how items are encoded.
        reporter: hears what happens; nobody by default.

    Raises:
        DataError: if an item cannot be read, or there are fewer than two classes.
        SourceError: if the source cannot be opened, or has no body that the strategy can move.
        UnknownNameError: for an unknown source or strategy.
        ParameterError: if the time limit is no number of seconds.

    Examples:
        >>> from headstart.data import read
        >>> data = read((["good film", "so good", "bad film", "so bad"], ["+", "+", "-", "-"]))
        >>> fit_model(data, "toy").predict(["good"])
        ['+']
    """
    check_strategy(strategy, search.class_weight)
    if time_limit is not None:
        check_number(time_limit, "time_limit", "fit", low=0)
    reporter = reporter or SilentReporter()
    started = time.perf_counter()
    opened = None if source == "auto" else source_for(dataset, source)
    with kept_open():
        if opened is not None and strategy == "frozen":
            return _frozen(dataset, opened, search, seed, engine)
        audited = _all_of(audit_items(dataset, reporter, engine), dataset)
        encode = extract
        if opened is None:
            choice = choose_source(
                audited, None, seed=seed, engine=engine, reporter=reporter, started=started, time_limit=time_limit
            )
            opened, encode = choice.source, choice.encode
        if strategy == "frozen":
            return _frozen(dataset, opened, search, seed, engine)
        prepared = encode_items(audited, opened, reporter, engine, encode=encode)
        judged = judge(prepared, search, seed, reporter, once=True)
        left = None if time_limit is None else time_limit - (time.perf_counter() - started)
        moved = move_body(prepared, judged, strategy, seconds=left, reporter=reporter)
    moved.clear()
    return lean(moved.judged.model)


def _frozen(dataset: Dataset, source: Source, search: HeadSearch, seed: int, engine: Engine) -> TransferModel:
    return FrozenFeatures(search).fit(source, dataset, seed=seed, engine=engine)


def _all_of(audited: Audited, dataset: Dataset) -> Audited:
    if len(audited.kept) < len(dataset):
        first = int(np.flatnonzero(~audited.audit.keep)[0])
        reasons = [finding.message for finding in audited.audit.findings if finding.severity == "error"]
        raise DataError(
            f"Item {first} cannot be used, as {len(dataset) - len(audited.kept)} of {len(dataset)}: "
            f"{' '.join(reasons) or 'it is empty.'} Leave such items out."
        )
    return audited
