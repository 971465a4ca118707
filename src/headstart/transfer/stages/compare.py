"""Baselines evaluated on the same items as the model, with the paired difference: the gain from transfer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from headstart.engine.capabilities import Releasing
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.evaluate.baselines import baseline_rows, majority_outputs
from headstart.evaluate.evaluation import Evaluation, evaluate_predictions
from headstart.evaluate.formatting import figure
from headstart.evaluate.gain import UNTRAINED, Gain, transfer_gain
from headstart.evaluate.held_out import SplitPlan, held_out_outputs
from headstart.evaluate.text_baseline import MAX_TERMS, CountedTexts, counted_rows
from headstart.heads.estimator.threads import threads_for
from headstart.heads.problem import LayerChoice, TargetRows
from headstart.reporting import Reporter
from headstart.tasks import TASKS
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.judge import Judged
from headstart.transfer.stages.prepare import Prepared
from headstart.types import Block, Dataset, Rows, Source

__all__ = ["FROZEN", "Baseline", "compare", "compare_in_time", "reference_outputs"]

FROZEN = "frozen features"
SIMPLE = "simple baseline"
SAMPLE = 32  # items that are encoded to estimate the time of all
CHOSEN_IN_EACH_PART = "TF-IDF of words or characters"


@dataclass(frozen=True)
class Baseline:
    """One baseline, evaluated on the same items as the model.

    Attributes:
        name: ``"frozen features"``, ``"majority"``, ``"TF-IDF of words"`` (or of characters, or of both),
            ``"raw pixels"``, ``"mel statistics"`` or ``"untrained body"``.
        evaluation: its metrics.
        gain: the model's main metric minus the baseline's, with the interval of the paired difference.
    """

    name: str
    evaluation: Evaluation
    gain: Gain


def compare_in_time(
    prepared: Prepared, judged: Judged, which: str, context: RunContext, *, frozen: NDArray[np.float64] | None = None
) -> tuple[Baseline, ...]:
    """The baselines that fit into the time limit, as in `compare`; those that do not are reported.

    Args:
        prepared: encoded items.
        judged: the model and its outputs.
        which: ``"all"``, ``"fast"`` or ``"none"``.
        context: of the run.
        frozen: as in `compare`.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> compare_in_time(None, None, "none", RunContext(SilentReporter()))
        ()
    """
    if which == "none":
        return ()
    clock, reporter = context.clock, context.reporter
    if clock.is_over:
        reporter.warning(
            "The baselines were skipped: the time limit is over. Without them the gain from transfer is unknown."
        )
        return ()

    def allows(name: str) -> bool:
        left = clock.left()
        needed = judged.seconds  # its heads are solved as those of the model were
        if name == UNTRAINED and left is not None and left >= needed:  # a few items may have to be encoded to tell
            needed += 1.2 * _encoding_seconds(prepared)  # 20% more for loading the body
        if left is None or left >= needed:
            return True
        reporter.warning(f"The {name} was skipped: it would not fit into the time limit.")
        return False

    return tuple(compare(prepared, judged, which, reporter, frozen=frozen, allows=allows))


def _encoding_seconds(prepared: Prepared) -> float:
    """Estimated time of the body for all items, whether it has just run or the rows were cached."""
    done, n = prepared.extraction, len(prepared.dataset)
    # cached rows give no timing, so a few items are encoded without the cache
    few = min(SAMPLE, n)
    if done.encoded < few:
        plain = Engine(prepared.engine.backend, cache=False)
        done = extract(prepared.source, prepared.dataset.take(np.arange(few)).items, engine=plain)
    return done.seconds * n / max(done.encoded, 1)


def compare(
    prepared: Prepared,
    judged: Judged,
    which: str,
    reporter: Reporter,
    *,
    frozen: NDArray[np.float64] | None = None,
    known: Sequence[tuple[str, NDArray[np.float64]]] | None = None,
    allows: Callable[[str], bool] = lambda _: True,
) -> Iterator[Baseline]:
    """Evaluate each baseline on the items that the model was evaluated on, and report the gain over it.

    Args:
        prepared: encoded items.
        judged: the model and its outputs.
        which: ``"all"``, or ``"fast"`` to omit the untrained body, which takes as long as encoding did.
        reporter: receives the results.
        frozen: (m, k) outputs of the head on frozen features for the same items, if the model's body is fine-tuned.
        known: from `reference_outputs` of a model that was evaluated on the same items; None to compute them.
        allows: whether there is time left for a baseline, ``"simple baseline"`` or ``"untrained body"``, which is asked
            when it is its turn.

    Yields:
        Frozen features if given, majority, the simple features of the modality if it has any, and the untrained body if
        the source has one.

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
    others = (
        reference_outputs(prepared, judged, which == "all", reporter, allows=allows) if known is None else iter(known)
    )
    for name, reference in chain(given, others):
        evaluation = evaluate_predictions(task, truth, reference, groups=groups, seed=seed)
        gain = transfer_gain(task, truth, judged.outputs, reference, groups=groups, seed=seed, reference=name)
        _report(name, evaluation, gain, reporter)
        yield Baseline(name, evaluation, gain)


def reference_outputs(
    prepared: Prepared,
    judged: Judged,
    untrained: bool,
    reporter: Reporter,
    *,
    allows: Callable[[str], bool] = lambda _: True,
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Name and (m, k) outputs of each baseline for the items that a model was evaluated on.

    Args:
        prepared: encoded items.
        judged: the model; only its splits, its seed and its candidate heads are used.
        untrained: whether the untrained body is one of them.
        reporter: receives progress.
        allows: as in `compare`.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.heads import HeadSearch
        >>> from headstart.sources import open_source
        >>> from headstart.transfer.stages.judge import judge
        >>> from headstart.transfer.stages.prepare import prepare
        >>> from headstart.reporting import SilentReporter
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data, silent = read((rows, ["left"] * 10 + ["right"] * 10)), SilentReporter()
        >>> prepared = prepare(data, open_source("vector"), RunContext(silent))
        >>> judged = judge(prepared, HeadSearch(), 0, silent)
        >>> [(name, outputs.shape) for name, outputs in reference_outputs(prepared, judged, False, silent)]
        [('majority', (20, 2))]
    """
    dataset, plan = prepared.dataset, judged.plan
    task, y = dataset.labelled()
    # in cross-validation the majority of all items: the majority of each training part is negatively correlated with
    # its test part, which would put this baseline below chance
    constant = "mean" if TASKS[task.kind].base == "regression" else "majority"
    yield constant, majority_outputs(task, y[plan.fitted], len(plan.evaluated))
    if allows(SIMPLE):
        with reporter.progress("solving the simple baseline"), threads_for(len(dataset), MAX_TERMS):
            simple = _simple_outputs(prepared, judged)
        if simple is not None:
            yield simple
    twin = prepared.source.untrained(judged.seed) if untrained and allows(UNTRAINED) else None
    if twin is not None:
        _release(prepared.source)  # the memory of one body has to do for both
        with reporter.progress("encoding with the untrained body") as step:
            encoded = extract(twin, dataset.items, engine=prepared.engine, progress=step)
        _release(twin)
        if encoded.failures:
            reporter.warning(
                "The untrained body gave non-finite features for some items: the transfer gain is unknown."
            )
            return
        yield UNTRAINED, _outputs(encoded.rows, dataset, judged, plan, blocks=twin.info.blocks)


def _release(source: Source) -> None:
    if isinstance(source, Releasing):
        source.release()


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
    search = replace(judged.search, prior=None, architecture=None, layers=layers or judged.search.layers)
    return held_out_outputs(
        rows, y, task, plan, blocks=blocks, groups=judged.groups, search=search, seed=judged.seed
    ).outputs


def _simple_outputs(prepared: Prepared, judged: Judged) -> tuple[str, NDArray[np.float64]] | None:
    """Name and outputs of TF-IDF, raw pixels or mel statistics with the same heads; None for other modalities."""
    dataset = prepared.dataset
    if dataset.modality != "text":  # these features do not depend on other items, so one pass serves all folds
        found = baseline_rows(dataset.modality, dataset.items, dataset.items[:1], cache=prepared.engine.cache)
        return None if found is None else (found[2], _outputs(found[0], dataset, judged, judged.plan, blocks=()))
    return _text_outputs(dataset, judged)


def _text_outputs(dataset: Dataset, judged: Judged) -> tuple[str, NDArray[np.float64]]:
    """TF-IDF of words, characters or both; the term weights and this choice are fitted on each training part alone."""
    task, y = dataset.labelled()
    outputs, names = [], []
    counted = CountedTexts.of(dataset.items)
    for train, test in judged.plan.parts:
        found = counted_rows(
            counted.take(train), counted.take(test), TargetRows(y[train], task)[:],
            groups=None if judged.groups is None else judged.groups[train], seed=judged.seed,
        )  # fmt: skip
        rows = np.zeros((len(dataset), found.train.shape[1]), dtype=np.float32)
        rows[train], rows[test] = found.train, found.test
        outputs.append(
            _outputs(rows, dataset, judged, SplitPlan(((train, test),), ""), blocks=found.blocks, layers="all")
        )
        names.append(found.name)
    return names[0] if len(set(names)) == 1 else CHOSEN_IN_EACH_PART, np.concatenate(outputs)


def _report(name: str, evaluation: Evaluation, gain: Gain, reporter: Reporter) -> None:
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
        reporter.warning(f"{gain.verdict} Without transfer the result is better here; another source may change that.")
