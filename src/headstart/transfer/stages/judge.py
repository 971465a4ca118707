"""Evaluation of a fit: plan the splits, compute held-out outputs, and solve the final head."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import folds, split, union_groups
from headstart.errors import DataError
from headstart.evaluate.certainty.blocks import certainty_blocks
from headstart.evaluate.coverage import RealisedCoverage, realised_coverage
from headstart.evaluate.evaluation import Evaluation, evaluate_predictions
from headstart.evaluate.formatting import figure
from headstart.evaluate.held_out import HeldOut, SplitPlan, held_out_outputs
from headstart.evaluate.shift.losses import LossShift, loss_shift
from headstart.heads import HEADS, FittedHead, HeadSearch, SpectralHead
from headstart.heads.loss_summary import LossSummary, summarise
from headstart.heads.spectral.kept_moments import MAX_KEPT_FEATURES, kept_moments
from headstart.linear.calibration_choice import VECTOR
from headstart.model import TransferModel
from headstart.model.certainty import certainty_of
from headstart.reporting import Reporter, SilentReporter
from headstart.rows import take_rows
from headstart.tasks import base_dataset, base_kind, is_classification
from headstart.transfer.stages.coverage import coverage_parts
from headstart.transfer.stages.prepare import Prepared
from headstart.tune import FrozenFeatures
from headstart.types import Dataset, Features, Task

__all__ = ["FEW_ITEMS", "Judged", "affordable_folds", "judge", "judged_quietly", "make_plan", "report_judged"]

# With fewer items, a held-out fifth gives wide intervals, so cross-validation evaluates all items.
FEW_ITEMS = 1000
# Ten stratified folds rather than single rows: without any signal, the mean of the other rows is negatively correlated
# with the left-out row, so leave-one-out reports worse than chance. Up to 20 groups are left out one at a time.
MAX_FOLDS = 10
FEWEST_FOLDS = 3  # two would train on half of the items
FEW_OF_A_CLASS = 10  # held-out items of a class: with fewer, one mistake changes its recall by more than 0.1
LEAST_SECONDS = 20.0  # that folds may take even if encoding was faster
OPERATIONS_A_SECOND = 4e10
ENCODING_SECONDS = {"text": 0.005, "image": 0.01, "audio": 0.015, "multimodal": 0.02}
MAX_GROUPS_ALONE = 20
SHOWN = 3  # further metrics in the printed line; the report lists all


@dataclass(frozen=True)
class Judged:
    """The model and its evaluation on held-out items.

    Attributes:
        model: fitted on the training part, or on all items after cross-validation.
        plan: the splits.
        groups: (n,) codes of rows that are left out together when the head is chosen; None if every row is its own
            group.
        search: the candidates of the choice of head.
        seed: of splits and resamples.
        outputs: (m, k) outputs for ``plan.evaluated``.
        evaluation: their metrics.
        shift: their loss compared with the leave-one-out loss of training items; None after cross-validation.
        seconds: wall time of the evaluation.
        solving: seconds of them for choosing and fitting the head.
        coverage: what prediction sets or intervals promise, and what they held on the evaluated items; empty where
            too few items are left out to promise anything.
        certainty: blocks of the record on abstention, reliability and novelty, from the evaluated items.

    Examples:
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.data import read
        >>> from headstart.sources import open_source
        >>> from headstart.transfer.stages.prepare import prepare
        >>> from headstart.reporting import SilentReporter
        >>> texts = ["good film", "a good one", "bad film", "a bad one"] * 5
        >>> silent = SilentReporter()
        >>> prepared = prepare(read((texts, ["+", "+", "-", "-"] * 5)), open_source("toy"), RunContext(silent))
        >>> judged = judge(prepared, HeadSearch(("ridge",)), 0, silent, once=True)
        >>> len(judged.plan.fitted), len(judged.plan.evaluated), judged.evaluation.metrics["accuracy"].value
        (15, 5, 1.0)
    """

    model: TransferModel
    plan: SplitPlan
    groups: NDArray[np.int64] | None
    search: HeadSearch
    seed: int
    outputs: NDArray[np.float64]
    evaluation: Evaluation
    shift: LossShift | None = None
    seconds: float = 0.0
    coverage: tuple[RealisedCoverage, ...] = ()
    certainty: Mapping[str, Any] = field(default_factory=dict)
    solving: float = 0.0

    @property
    def resample_groups(self) -> NDArray[np.int64] | None:
        """(m,) codes of evaluated items that are resampled together; None if each is its own group."""
        return None if self.groups is None else self.groups[self.plan.evaluated]


def make_plan(
    dataset: Dataset, groups: NDArray[np.int64], *, seed: int, once: bool = False, widths: Sequence[int] = ()
) -> SplitPlan:
    """The given split, else a split by time, else a held-out fifth of 1,000 items or more, else cross-validation.

    With 1,000 items or more, folds are still used if a fifth would hold fewer than ten items per class on average, as
    many as can be solved in the time that encoding takes (`affordable_folds`).

    Args:
        dataset: n labelled items.
        groups: (n,) codes of items that must not be split.
        seed: of the split.
        once: whether to hold out a fifth however few items there are, because the fit is too slow for each fold.
        widths: of the source's blocks, first to last, or of the rows; they determine the cost of solving.

    Raises:
        DataError: if no split is possible.

    Examples:
        >>> from headstart.types import Task
        >>> y = np.array([0, 1] * 10)
        >>> items = [str(i) for i in range(20)]
        >>> task = Task("classification", ("a", "b"))
        >>> data = Dataset(items=items, ids=tuple(items), modality="text", task=task, y=y)
        >>> make_plan(data, np.arange(20), seed=0).how
        '10-fold cross-validation of 20 items, with the choice made inside each fold'
    """
    task, y = dataset.labelled()
    given = dataset.split is not None and len(np.unique(dataset.split)) > 1
    many = len(dataset) >= FEW_ITEMS
    most = affordable_folds(dataset, widths) if many and not (given or once) else MAX_FOLDS
    if given or dataset.times is not None or once or most < FEWEST_FOLDS:
        one = split(base_dataset(dataset), groups, seed=seed)
        return SplitPlan(((one.train, one.test),), one.how.rstrip("."))
    count = MAX_FOLDS if dataset.groups is None else len(np.unique(groups))
    wanted = MAX_FOLDS if count > MAX_GROUPS_ALONE else max(2, count)
    parts = folds(y, base_kind(task), groups, n_folds=min(wanted, most) if many else wanted, seed=seed)
    kind = f"{len(parts)}-fold cross-validation"
    if dataset.groups is not None:
        single = len(parts) == count
        kind = f"leave-one-group-out over {len(parts)} groups" if single else f"{kind} that keeps groups together"
    how = f"{kind} of {len(dataset)} items, with the choice made inside each fold"
    if many:
        fifth = len(dataset) / 5 / task.num_outputs
        how += f"; a held-out fifth would have {fifth:.1f} items per class"
    return SplitPlan(tuple(parts), how)


def affordable_folds(dataset: Dataset, widths: Sequence[int]) -> int:
    """Number of folds for 1,000 items or more, at most ten; 0 if a held-out fifth is enough.

    Solving one fold takes about 2 max(n, d) s² + 25 s³ + 120 n s C operations for each feature map of d columns and C
    classes, with s = min(n, d), at 4·10¹⁰ per second. Encoding takes about 5 ms per text, 10 ms per image and 15 ms per
    sound. These are figures of two CPU cores, not measured at run time: the plan is the same on every machine.

    Args:
        dataset: n labelled items.
        widths: as in `make_plan`.

    Examples:
        >>> from headstart.types import Task
        >>> task = Task("classification", tuple(map(str, range(100))))
        >>> data = Dataset([""] * 1500, tuple(map(str, range(1500))), "image", task=task, y=np.arange(1500) % 100)
        >>> affordable_folds(data, [384]), affordable_folds(data, [384] * 20)
        (10, 5)
    """
    task, _ = dataset.labelled()
    n = len(dataset)
    if not is_classification(task) or not widths or n >= 5 * FEW_OF_A_CLASS * task.num_outputs:
        return 0
    operations = 0.0
    for d in {widths[-1], sum(widths)}:
        side = min(n, d)
        operations += 2 * max(n, d) * side**2 + 25 * side**3 + 120 * n * side * task.num_outputs
    allowed = max(LEAST_SECONDS, n * ENCODING_SECONDS.get(dataset.modality, 0.0))
    found = int(min(MAX_FOLDS, allowed * OPERATIONS_A_SECOND / operations))
    return found if found >= FEWEST_FOLDS else 0


def judge(prepared: Prepared, search: HeadSearch, seed: int, reporter: Reporter, *, once: bool = False) -> Judged:
    """Evaluate heads on the held-out parts of the plan, then solve the final model.

    Args:
        prepared: encoded items.
        search: the candidates of the choice of head.
        seed: of the split, the choice and the resamples.
        reporter: receives the results.
        once: as in `make_plan`.

    Raises:
        DataError: if no split is possible, or a training part has a single group.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.sources import open_source
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.prepare import prepare
        >>> from headstart.reporting import SilentReporter
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data = read((rows, ["left"] * 10 + ["right"] * 10))
        >>> silent = SilentReporter()
        >>> prepared = prepare(data, open_source("vector"), RunContext(silent))
        >>> judge(prepared, HeadSearch(), 0, silent).evaluation.metrics["accuracy"].value
        1.0
    """
    dataset, source = prepared.dataset, prepared.source
    task, y = dataset.labelled()
    together = union_groups(dataset.groups, prepared.clusters)
    widths = [block.width for block in source.info.blocks] or [prepared.rows.shape[1]]
    plan = make_plan(dataset, together, seed=seed, once=once, widths=widths)
    # None if every item is its own group: leave-one-out then has a closed form and nothing is solved again
    groups = together if len(np.unique(together)) < len(together) else None
    if groups is not None:
        _check_groups(groups, plan)
    began = time.perf_counter()
    with reporter.progress("solving the head"):
        held_out = held_out_outputs(
            prepared.rows, y, task, plan,
            blocks=source.info.blocks, groups=groups, search=search, seed=seed,
        )  # fmt: skip
        solving = time.perf_counter() - began
        model = _final_model(prepared, plan, held_out, groups=groups, search=search, seed=seed)
        resampled = None if groups is None else groups[plan.evaluated]
        evaluation = evaluate_predictions(task, y[plan.evaluated], held_out.outputs, groups=resampled, seed=seed)
        parts = coverage_parts(prepared, plan, held_out, model, groups)
        coverage, blocks = realised_coverage(parts, seed=seed), certainty_blocks(parts)
    shift = None
    if len(plan.parts) == 1:
        shift = loss_shift(model.head.left_out, task, held_out.outputs, y[plan.evaluated], resampled)
    seconds = time.perf_counter() - began
    judged = Judged(
        model, plan, groups, search, seed, held_out.outputs, evaluation, shift, seconds, coverage, blocks, solving
    )
    report_judged(judged, reporter)
    return judged


def judged_quietly(prepared: Prepared, search: HeadSearch, seed: int) -> Judged:
    """Evaluate heads once on a held-out part, and report nothing: for candidates of which one is reported later.

    Args:
        prepared: encoded items.
        search: the candidates of the choice of head.
        seed: of the split, the choice and the resamples.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.sources import open_source
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.prepare import prepare
        >>> from headstart.reporting import SilentReporter
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data = read((rows, ["left"] * 10 + ["right"] * 10))
        >>> prepared = prepare(data, open_source("vector"), RunContext(SilentReporter()))
        >>> len(judged_quietly(prepared, HeadSearch(), 0).outputs)
        4
    """
    return judge(prepared, search, seed, SilentReporter(), once=True)


def _left_out(head: FittedHead, task: Task, y: NDArray[Any], groups: NDArray[np.int64] | None) -> LossSummary | None:
    """The leave-one-out loss of the fit; None if it is unknown, or if suspects were dropped, which biases it."""
    if head.evidence is None or len(head.dropped):
        return None
    rows = head.evidence.index
    return summarise(task, head.evidence.outputs, y[rows], None if groups is None else groups[rows])


def _check_groups(groups: NDArray[np.int64], plan: SplitPlan) -> None:
    """Raise unless each training part has two groups: choosing the head leaves one out."""
    for train, _ in plan.parts:
        if len(np.unique(groups[train])) < 2:
            raise DataError(
                f"Only one of the {len(np.unique(groups))} groups (or clusters of near duplicates) is left to train "
                "on, but choosing the head needs two; give items of at least three groups."
            )


def _final_model(
    prepared: Prepared,
    plan: SplitPlan,
    held_out: HeldOut,
    *,
    groups: NDArray[np.int64] | None,
    search: HeadSearch,
    seed: int,
) -> TransferModel:
    dataset, source, rows = prepared.dataset, prepared.source, plan.fitted
    task, y = dataset.labelled()
    training = take_rows(prepared.rows, rows)
    keep, ids = training.shape[1] <= MAX_KEPT_FEATURES, tuple(dataset.ids[i] for i in rows)
    if len(plan.parts) == 1:  # the evaluated head is the head of the model
        head = held_out.heads[0]
        keep = keep and isinstance(HEADS[head.head], SpectralHead)  # only these can be solved again from moments
        moments = kept_moments(training, y[rows], task, head, search) if keep else None
        head = replace(head, left_out=_left_out(head, task, y[rows], None if groups is None else groups[rows]))
        certainty = certainty_of(
            training, y[rows], task, head, ids=ids, groups=None if groups is None else groups[rows], search=search,
            named=dataset.groups is not None,
        )  # fmt: skip
        return TransferModel(
            source, task, replace(head, moments=None), moments, dataset.columns, engine=prepared.engine,
            certainty=certainty,
        )  # fmt: skip
    features = Features(training, y[rows], ids, None if groups is None else groups[rows], source.info)
    model = FrozenFeatures(search, keep).solve(source, features, task, seed=seed)
    if dataset.groups is None and model.certainty is not None and model.certainty.how == "leave-one-group-out":
        model = replace(model, certainty=replace(model.certainty, how="leave-one-out"))  # of near duplicates
    head = replace(model.head, left_out=_left_out(model.head, task, y[rows], features.groups))
    return replace(model, head=head, columns=dataset.columns, engine=prepared.engine)


def _penalty(lam: float) -> str:
    if not np.isfinite(lam):
        return ""
    shown = f"{lam:.2g}"
    return f"λ = {float(shown):.0f}, " if "e+" in shown else f"λ = {shown}, "


def _prior(weight: float) -> str:
    examples = "1 example" if weight == 1 else f"{weight:g} examples"
    return f"the classes' names as {examples} each, " if weight else ""


def report_judged(judged: Judged, reporter: Reporter) -> None:
    """Report the head, and its metrics on the held-out items.

    Args:
        judged: from `judge`.
        reporter: receives the lines.

    Examples:
        >>> import io
        >>> from headstart.data import read
        >>> from headstart.sources import open_source
        >>> from headstart.transfer.stages.context import RunContext
        >>> from headstart.transfer.stages.prepare import prepare
        >>> from headstart.reporting import ConsoleReporter, SilentReporter
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> data = read((rows, ["left"] * 10 + ["right"] * 10))
        >>> prepared = prepare(data, open_source("vector"), RunContext(SilentReporter()))
        >>> judged, heard = judged_quietly(prepared, HeadSearch(("ridge",)), 0), io.StringIO()
        >>> report_judged(judged, ConsoleReporter(heard))
        >>> "ridge on rows as they are" in heard.getvalue()
        True
    """
    model, evaluation, plan = judged.model, judged.evaluation, judged.plan
    head = model.head
    compared = {(candidate.features, candidate.head) for candidate in head.candidates}
    reporter.line(
        "head",
        f"{head.head} on {head.feature_map.name} ({head.feature_map.num_features} features), {_prior(head.prior)}"
        f"{_penalty(head.lam)}chosen among {len(compared)} by out-of-fold loss {head.loss:.3f}",
    )
    if head.calibration_choice is not None and head.calibration_choice.chosen == VECTOR:
        reporter.line("calibration", head.calibration_choice.sentence)
    for note in head.notes:
        reporter.line("skipped" if note.startswith("not tried") else "fusion", note)
    if model.moments is None and isinstance(HEADS[head.head], SpectralHead):
        reporter.warning(
            f"The moments of {head.feature_map.num_features} features would fill "
            f"{head.feature_map.num_features**2 * 4 / 2**20:,.0f} MiB and were not kept: this model predicts, but "
            "cannot be updated."
        )
    if len(head.dropped):
        reporter.line(
            "suspects", f"{len(head.dropped)} items whose label all others contradict were excluded from the fit"
        )
    main, *others = evaluation.metrics.items()
    reporter.line("judged by", plan.how)
    name, metric = main
    reporter.result(
        name.replace("_", " "), figure(metric.value, metric.low, metric.high).replace(" [", "  95% interval [")
    )
    shown = [f"{name.replace('_', ' ')} {figure(m.value, m.low, m.high)}" for name, m in others]
    reporter.line("also", "; ".join(shown[:SHOWN]))
    if judged.shift is not None and judged.shift.differs:
        reporter.warning(judged.shift.sentence)
