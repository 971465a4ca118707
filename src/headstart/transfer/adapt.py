"""Adaptation of a model to unlabelled items from another distribution, where that is shown to help.

First the shift is measured. Without one, nothing is adapted; where only the shares of the classes differ, these are
corrected. Otherwise each method of `headstart.adapt` maps the rows of one side to the other, the head is solved again
on the labelled rows of the fit, and four scores without target labels decide whether one of them is better than the
model as it is beyond their noise.

Reference: Lalou et al., "SKADA-Bench: Benchmarking unsupervised domain adaptation methods with realistic validation",
TMLR 2024.

Command: headstart adapt RUN UNLABELLED
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.adapt.registry import ADAPTERS
from headstart.data import ReadOptions, align_columns
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import DataError, HeadstartError
from headstart.io import check_replaceable
from headstart.model import TransferModel
from headstart.model.as_fitted import read_as_fitted
from headstart.reporting import Reporter, chosen_reporter
from headstart.tasks import is_classification
from headstart.transfer.adapting.candidates import NONE, AdapterCandidate, DomainPair, solve_candidate
from headstart.transfer.adapting.decision import AdaptationDecision, decide_adaptation
from headstart.transfer.adapting.folding import folded_head
from headstart.transfer.adapting.label_shares import LABEL_SHARES, with_shares
from headstart.transfer.adapting.result import Adaptation
from headstart.transfer.adapting.scores import CandidateScores, score_candidate
from headstart.transfer.drift import drift
from headstart.transfer.drifting.result import Drift
from headstart.transfer.drifting.sample import Sample, kept_reference, mapped_rows, why_no_reference
from headstart.transfer.run import Run, open_model
from headstart.transfer.teaching.steps import read_test
from headstart.types import Dataset

__all__ = ["adapt"]

Array = NDArray[np.float64]
MOST = 2_000
"""Rows of each side that candidates are compared on; distances between all pairs are computed."""
FILE = "adaptation.json"


def adapt(
    model: TransferModel | Run | str | Path,
    data: Any,
    *,
    out: str | Path | None = None,
    methods: Sequence[str] | None = None,
    test: Any = None,
    overwrite: bool = True,
    item: str | Sequence[str] | None = None,
    level: float = 0.05,
    seed: int = 0,
    engine: Engine | None = None,
    verbose: bool = False,
    reporter: Reporter | None = None,
) -> Adaptation:
    """Adapt a model to unlabelled items, if they have shifted and a method is shown to help; else leave it as it is.

    Args:
        model: a classifier with a head that is solved in closed form: a model, a run, or the folder of one.
        data: at least ten unlabelled items of the target: a list, folder, table, DataFrame or dataset. Labels in them
            are not read.
        out: folder of the adapted model, written in any case: with the model as it is where nothing is adapted.
        methods: names of `headstart.adapt.registry.ADAPTERS` to compare; default: all.
        test: labelled items of the target, on which every candidate is judged; they decide nothing.
        overwrite: whether an existing model in ``out`` is replaced.
        item: column of texts or paths; default: that of the fit.
        level: probability of finding a shift where there is none; default 0.05.
        seed: of random assignments and pairs; default 0.
        engine: how items are encoded; default: that of the model.
        verbose: whether to report progress and results.
        reporter: receives the reports instead.

    Returns:
        The model, what was chosen and why, and every candidate with its scores.

    Raises:
        DataError: if the model is no classifier, or keeps no rows of its training items, or the items do not suit it.
        UnknownNameError: for an unknown method.

    Examples:
        >>> import headstart
        >>> rng = np.random.default_rng(0)
        >>> rows = rng.normal(size=(260, 2)) + 4 * (np.arange(260) % 2)[:, None]
        >>> given = (rows[:130], np.where(np.arange(130) % 2, "high", "low").tolist())
        >>> run = headstart.fit(given, baselines="none", verbose=False)
        >>> moved = 3 * rows[130:] + 9
        >>> found = adapt(run, moved)
        >>> right = np.where(np.arange(130) % 2, "high", "low")
        >>> [round(float(np.mean(np.array(one.predict(moved)) == right)), 2) for one in (run.model, found.model)]
        [0.5, 0.99]
    """
    began = time.perf_counter()
    reporter = chosen_reporter(reporter, verbose=verbose)
    names = list(ADAPTERS) if methods is None else list(methods)
    for name in names:
        ADAPTERS[name]
    if out is not None:
        check_replaceable(Path(out), overwrite=overwrite)
    opened, _ = open_model(model, engine)
    reference = _checked(opened)
    found = drift(opened, data, level=level, item=item, seed=seed, reporter=reporter)
    reporter.line("shift", found.sentence)
    rows = _target_rows(opened, data, item, reporter)
    sides = _sides(opened, reference, rows, seed)
    solved = _without_comparison(found) or _compared(sides, names, opened.head.head, seed, reporter)
    adapted = _adapted(opened, solved, solved.decision.chosen, found)
    judged = {}
    if test is not None:
        judge = read_test(opened, test, ReadOptions.of(item=item), None, reporter).judged
        names = list(dict.fromkeys([NONE, *solved.candidates, solved.decision.chosen]))
        judged = {name: judge(_adapted(opened, solved, name, found)) for name in names}
    result = Adaptation(
        adapted, found, solved.decision, solved.unfitted, judged, time.perf_counter() - began
    )  # fmt: skip
    reporter.result("decision", result.sentence)
    if out is not None:
        adapted.save(out, extra={FILE: result.to_dict()}, overwrite=overwrite)
    return result


@dataclass(frozen=True, eq=False)
class _Candidates:
    """The decision with what it was made of."""

    decision: AdaptationDecision
    candidates: dict[str, AdapterCandidate]
    unfitted: dict[str, str]


def _checked(model: TransferModel) -> Sample:
    """The training rows that the model keeps, with labels."""
    if not is_classification(model.task):
        raise DataError(
            f"A model is adapted by methods for classification, and this one has a {model.task.kind} task; give a "
            "classifier."
        )
    if "shares" not in model.head.calibration:
        raise DataError("This model was saved without the class shares of its training data; fit it again to adapt it.")
    if not model.head.linear:
        raise DataError(
            f"A model is adapted through its linear head, and the head of this one is '{model.head.head}'; fit one "
            "with the heads 'ridge' or 'lda'."
        )
    kept = kept_reference(model)
    if kept is None or kept.y is None:
        raise DataError(
            f"{why_no_reference(model)}; adaptation needs rows and labels of training items, so fit again with a "
            "frozen body."
        )
    return kept


def _target_rows(model: TransferModel, data: Any, item: str | Sequence[str] | None, reporter: Reporter) -> Array:
    """The rows of the target in the features of the head; the feature store has them since the shift was measured."""
    modality = model.source.info.modality
    asked = ReadOptions.of(label=model.label_columns, item=item, labelled=False, modality=modality)
    dataset = data if isinstance(data, Dataset) else read_as_fitted(data, model, asked)
    dataset = align_columns(dataset, model.columns)
    with reporter.progress("encoding") as step:
        encoded = extract(model.source, dataset.items, engine=model.engine, progress=step)
    return mapped_rows(model, encoded.rows)


def _sides(model: TransferModel, reference: Sample, rows: Array, seed: int) -> DomainPair:
    """Both sides with at most 2,000 rows each, drawn at random."""
    if reference.y is None:
        raise AssertionError("the reference of a classifier has labels")
    rng = np.random.default_rng(seed)
    first = np.sort(rng.permutation(reference.count)[:MOST])
    second = np.sort(rng.permutation(len(rows))[:MOST])
    kept = reference.take(first)
    groups = None if kept.units is None else np.unique(kept.units, return_inverse=True)[1].astype(np.int64)
    return DomainPair(kept.rows, reference.y[first], rows[second], model.task, groups)


def _without_comparison(found: Drift) -> _Candidates | None:
    """The decision that follows from the kind of shift alone; None where methods are to be compared."""
    if found.verdict == "none":
        chosen, why = NONE, "The model stays as it is: no shift was found."
    elif found.verdict == "far items":
        why = "The model stays as it is: only single items lie far from those of the fit, and the others look alike."
        chosen = NONE
    elif found.verdict == "label shift":
        why = "Only the shares of the classes differ, which explains all that was found: the shares are corrected."
        chosen = LABEL_SHARES
    else:
        return None
    return _Candidates(AdaptationDecision(chosen, why, ()), {}, {})


def _compared(sides: DomainPair, names: Sequence[str], head: str, seed: int, reporter: Reporter) -> _Candidates:
    """Every method against no adaptation."""
    candidates: dict[str, AdapterCandidate] = {}
    scores: dict[str, CandidateScores] = {}
    unfitted: dict[str, str] = {}
    with reporter.progress("comparing adaptations") as step:
        for done, name in enumerate([NONE, *names]):
            try:
                candidate = solve_candidate(name, sides, heads=(head,), seed=seed)
                scores[name] = score_candidate(candidate, sides, seed=seed)
                candidates[name] = candidate
            except HeadstartError as error:
                if name == NONE:
                    raise
                unfitted[name] = str(error)
            step(done + 1, len(names) + 1)
    expected = np.bincount(sides.ys, minlength=sides.task.num_outputs) / len(sides.ys)
    return _Candidates(decide_adaptation(scores, expected, groups=sides.groups), candidates, unfitted)


def _adapted(model: TransferModel, solved: _Candidates, name: str, found: Drift) -> TransferModel:
    """The model of a candidate."""
    if name == NONE:
        return model
    note = f"Adapted to {found.items} unlabelled items by '{name}'."
    if name == LABEL_SHARES:
        if found.label_shift is None:
            raise AssertionError("a label shift comes with its shares")
        head = with_shares(model.head, found.label_shift.em.shares, note)
    else:
        head = folded_head(model.head, solved.candidates[name], note)
    # left-out scores and moments are those of the old items, from which nothing follows for the new ones
    return replace(model, head=head, moments=None, certainty=None, folder=None)
