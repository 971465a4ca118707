"""What the transfer was worth: the same items judged with baselines, and the paired difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from headstart.engine.extract import extract
from headstart.evaluate.baselines import baseline_rows, majority_outputs
from headstart.evaluate.evaluation import Evaluation, evaluate_predictions
from headstart.evaluate.formatting import figure
from headstart.evaluate.gain import UNTRAINED, Gain, transfer_gain
from headstart.evaluate.held_out import SplitPlan, held_out_outputs
from headstart.evaluate.text_baseline import MAX_TERMS, text_rows
from headstart.heads.estimator.threads import threads_for
from headstart.heads.problem import LayerChoice, TargetRows
from headstart.reporting import Reporter
from headstart.transfer.stages.judge import Judged
from headstart.transfer.stages.prepare import Prepared
from headstart.types import Block, Dataset, Rows

__all__ = ["FROZEN", "Baseline", "compare"]

FROZEN = "frozen features"
CHOSEN_IN_EACH_PART = "TF-IDF of words or characters"


@dataclass(frozen=True)
class Baseline:
    """One baseline, judged on the same items as the model.

    Attributes:
        name: ``"frozen features"``, ``"majority"``, ``"TF-IDF of words"`` (or of characters, or of both),
            ``"raw pixels"``, ``"mel statistics"`` or ``"untrained body"``.
        evaluation: its metrics.
        gain: the model's main metric minus the baseline's, paired.
    """

    name: str
    evaluation: Evaluation
    gain: Gain


def compare(
    prepared: Prepared, judged: Judged, which: str, reporter: Reporter, *, frozen: NDArray[np.float64] | None = None
) -> Iterator[Baseline]:
    """Judge each baseline on the items that the model was judged on, and say what the transfer was worth.

    Args:
        prepared: encoded items.
        judged: the model and its outputs.
        which: ``"all"``, or ``"fast"`` to leave out the untrained body, which costs as much as encoding did.
        reporter: hears of the results.
        frozen: (m, k) outputs of the frozen features for the same items, where the model's body moved.

    Yields:
        The frozen features where they are given, majority, the simple features of the modality where there are any, and
        the untrained body where there is one.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.heads import HeadSearch
        >>> from headstart.sources import open_source
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> from headstart.reporting import SilentReporter
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data, silent = read((rows, ["left"] * 10 + ["right"] * 10)), SilentReporter()
        >>> prepared = prepare(data, open_source("vector"), RunContext(silent))
        >>> [found.name for found in compare(prepared, judge(prepared, HeadSearch(), 0, silent), "all", silent)]
        ['majority']
    """
    dataset, groups, seed = prepared.dataset, judged.resample_groups, judged.seed
    task, y = dataset.labelled()
    truth = y[judged.plan.evaluated]
    given = [] if frozen is None else [(FROZEN, frozen)]
    for name, reference in chain(given, _reference_outputs(prepared, judged, which == "all", reporter)):
        evaluation = evaluate_predictions(task, truth, reference, groups=groups, seed=seed)
        gain = transfer_gain(task, truth, judged.outputs, reference, groups=groups, seed=seed, reference=name)
        _say(name, evaluation, gain, reporter)
        yield Baseline(name, evaluation, gain)


def _reference_outputs(
    prepared: Prepared, judged: Judged, untrained: bool, reporter: Reporter
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    dataset, plan = prepared.dataset, judged.plan
    task, y = dataset.labelled()
    # in cross-validation the majority of all items: that of each training part would run against its test part
    yield "majority", majority_outputs(task, y[plan.fitted], len(plan.evaluated))
    with reporter.progress("solving the simple baseline"), threads_for(len(dataset), MAX_TERMS):
        simple = _simple_outputs(prepared, judged)
    if simple is not None:
        yield simple
    twin = prepared.source.untrained(judged.seed) if untrained else None
    if twin is not None:
        with reporter.progress("encoding with the untrained body") as step:
            encoded = extract(twin, dataset.items, engine=prepared.engine, progress=step)
        if encoded.failures:
            reporter.warning("The untrained body gave no finite features for some items: the transfer gain is unknown.")
            return
        yield UNTRAINED, _outputs(encoded.rows, dataset, judged, plan, blocks=twin.info.blocks)


def _outputs(
    rows: Rows,
    dataset: Dataset,
    judged: Judged,
    plan: SplitPlan,
    *,
    blocks: Sequence[Block],
    layers: LayerChoice | None = None,
) -> NDArray[np.float64]:
    task, y = dataset.labelled()
    search = replace(judged.search, prior=None, layers=layers or judged.search.layers)
    return held_out_outputs(
        rows, y, task, plan, blocks=blocks, groups=judged.groups, search=search, seed=judged.seed
    ).outputs


def _simple_outputs(prepared: Prepared, judged: Judged) -> tuple[str, NDArray[np.float64]] | None:
    """TF-IDF, raw pixels or mel statistics with the same head."""
    dataset = prepared.dataset
    if dataset.modality != "text":  # each item by itself: read once
        found = baseline_rows(dataset.modality, dataset.items, dataset.items[:1], cache=prepared.engine.cache)
        return None if found is None else (found[2], _outputs(found[0], dataset, judged, judged.plan, blocks=()))
    return _text_outputs(dataset, judged)


def _text_outputs(dataset: Dataset, judged: Judged) -> tuple[str, NDArray[np.float64]]:
    """TF-IDF of words, characters or both; what terms weigh, and which of these, is learnt from each training part."""
    task, y = dataset.labelled()
    outputs, names = [], []
    for train, test in judged.plan.parts:
        found = text_rows(
            dataset.take(train).items, dataset.take(test).items, TargetRows(y[train], task)[:],
            groups=None if judged.groups is None else judged.groups[train], seed=judged.seed,
        )  # fmt: skip
        rows = np.zeros((len(dataset), found.train.shape[1]), dtype=np.float32)
        rows[train], rows[test] = found.train, found.test
        outputs.append(
            _outputs(rows, dataset, judged, SplitPlan(((train, test),), ""), blocks=found.blocks, layers="all")
        )
        names.append(found.name)
    return names[0] if len(set(names)) == 1 else CHOSEN_IN_EACH_PART, np.concatenate(outputs)


def _say(name: str, evaluation: Evaluation, gain: Gain, reporter: Reporter) -> None:
    metric, value = next(iter(evaluation.metrics.items()))
    reporter.line(
        "baseline",
        f"{name}: {metric.replace('_', ' ')} {figure(value.value, value.low, value.high)}; "
        f"gain over it {figure(gain.value, gain.low, gain.high, sign='+')}",
    )
    if name == UNTRAINED:
        reporter.result("transfer gain", gain.verdict)
    elif gain.low <= 0 <= gain.high:
        reporter.warning(f"The model is not shown to be better than the {name} baseline.")
    elif gain.high < 0:
        reporter.warning(f"{gain.verdict} Without transfer you would do better here; another source may change that.")
