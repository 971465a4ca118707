"""Continual learning: one task after the other, judged after each on all tasks so far.

References: Lopez-Paz & Ranzato 2017, "Gradient Episodic Memory for Continual Learning"; van de Ven, Tuytelaars & Tolias
2022, "Three types of incremental learning" (class-incremental: the task of a test item is not given).

Command: headstart continual DATA1 DATA2
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import UsageError
from headstart.evaluate.continual.accuracy_matrix import AccuracyMatrix
from headstart.heads import FittedHead
from headstart.io import check_replaceable
from headstart.model import TransferModel
from headstart.params import check_choice, check_number
from headstart.reporting import Reporter, chosen_reporter
from headstart.reporting.summary import summary_html, summary_text
from headstart.sources import open_source
from headstart.sources.default import default_source
from headstart.transfer.streaming.exact import SumsLearner
from headstart.transfer.streaming.tasks import StreamTask, stream_of
from headstart.transfer.streaming.written import matrix_rows, metric_rows, write_stream
from headstart.types import Dataset, Modality, Source

__all__ = ["ContinualRun", "continual"]

SUMS = "moments"
STRATEGIES = (SUMS, "full", "ewc", "lwf", "der", "replay", "joint")
MEMORY = 200  # items, where the strategy replays some


class _Learner(Protocol):
    source: Source
    head: FittedHead

    @property
    def said(self) -> str: ...

    @property
    def memory(self) -> int: ...

    def learn(self, part: Dataset) -> None: ...


@dataclass(frozen=True, eq=False)
class ContinualRun:
    """The result of a stream of tasks.

    Attributes:
        model: the model of all tasks.
        matrix: right and wrong answers after each step, with the metrics.
        record: settings, steps and figures, as plain JSON values.
        path: the folder that was written, or None.

    Examples:
        >>> words = ["good", "bad", "fine", "poor", "nice"]
        >>> run = continual([(words, list("abaab")), (words, list("cdccd"))], source="toy", verbose=False)
        >>> list(run.matrix.metrics())
        ['average_accuracy', 'backward_transfer', 'forgetting']
    """

    model: TransferModel
    matrix: AccuracyMatrix
    record: Mapping[str, Any] = field(repr=False)
    path: Path | None = None

    def __repr__(self) -> str:
        """The metrics, one per line."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        title = f"ContinualRun: {len(self.matrix.tasks)} tasks, strategy {self.record['strategy']}"
        return title, metric_rows(self.matrix) + ([("saved", str(self.path))] if self.path else [])


def continual(
    tasks: Any,
    *,
    strategy: str = SUMS,
    memory: int | None = None,
    task_col: str | None = None,
    source: str | Source | None = None,
    training: Mapping[str, Any] | None = None,
    label: str | Sequence[str] | None = None,
    item: str | Sequence[str] | None = None,
    modality: Modality | None = None,
    out: str | Path | None = None,
    overwrite: bool = True,
    seed: int = 0,
    engine: Engine = Engine(),
    verbose: bool = True,
    reporter: Reporter | None = None,
) -> ContinualRun:
    """Learn a stream of tasks, with new classes in each or the same ones, and measure what is forgotten.

    After each task the model answers the test items of all tasks so far, among all classes so far (class-incremental:
    it is not told which task an item is from). A task's given test part is judged on, else a fifth that is held out.

    ``"moments"`` keeps the body frozen and adds up sums, from which the head is solved: nothing is forgotten, and any
    order of the tasks gives the same model, up to rounding. The other strategies fine-tune the body, task by task:
    ``"full"`` on the new items alone (the lower bound), ``"ewc"``, ``"lwf"``, ``"der"`` and ``"replay"`` against
    forgetting, and ``"joint"`` from the first body on all items so far (the upper bound). The head is then solved again
    on the new items and the memory; without a memory, on the sums of earlier tasks, whose features are those of earlier
    bodies.

    Args:
        tasks: two or more data sets, each as in `headstart.data.read`; or one table with ``task_col``.
        strategy: ``"moments"``, ``"full"``, ``"ewc"``, ``"lwf"``, ``"der"``, ``"replay"`` or ``"joint"``.
        memory: items that are kept from earlier tasks, by reservoir sampling; default: 200 for ``"der"`` and
            ``"replay"``, else none. ``"moments"`` and ``"joint"`` do not use it.
        task_col: column that names the task of each item.
        source: a source or its name; default: as in `headstart.transfer.fit.fit` where the items alone decide.
        training: settings of the training by name, such as ``{"epochs": 5}``.
        label: label column; default: inferred.
        item: item column; default: inferred.
        modality: kind of item; default: inferred.
        out: folder for the model with ``continual.json``, ``matrix.csv`` and ``README.md``; default: none.
        overwrite: whether an earlier run in ``out`` may be replaced.
        seed: of held-out items, memory and trainings.
        engine: how items are encoded.
        verbose: whether to report.
        reporter: receives the reports instead.

    Returns:
        The model of all tasks, the accuracy matrix with its metrics, and the record.

    Raises:
        DataError: if there are fewer than two tasks, or labels are not one class per item.
        ParameterError: for an invalid value.
        SourceError: if the source has no body that can be fine-tuned and the strategy fine-tunes it.
        UsageError: if ``out`` holds something else, or a memory or training settings are given to a strategy that does
            not use them.

    Examples:
        >>> first = (["good film", "bad film", "so good", "so bad"] * 5, ["+", "-"] * 10)
        >>> second = (["who was it", "where was it", "but who", "but where"] * 5, ["person", "place"] * 10)
        >>> run = continual([first, second], source="toy", verbose=False)
        >>> run.matrix.matrix.shape, run.model.task.labels
        ((2, 2), ('+', '-', 'person', 'place'))
        >>> one, other = run.model, continual([second, first], source="toy", verbose=False).model
        >>> bool(np.allclose(one.head.weight, other.head.weight, atol=1e-8))
        True
    """
    check_choice(strategy, "strategy", "continual", STRATEGIES)
    size = _memory_size(strategy, memory, training)
    reporter = chosen_reporter(reporter, verbose=verbose)
    if out is not None:
        check_replaceable(Path(out), overwrite=overwrite)
    options = ReadOptions.of(label=label, item=item, modality=modality)
    stream = stream_of([tasks] if task_col is not None else list(tasks), options, task_col=task_col, seed=seed)
    learner = _learner(strategy, _opened(source, stream, reporter), size, training=training, seed=seed, engine=engine)
    matrix, steps = _followed(learner, stream, engine, reporter)
    record = {
        "strategy": strategy, "source": learner.source.info.name, "memory": size, "seed": seed,
        "head_from": learner.said, "steps": steps, **matrix.to_dict(),
    }  # fmt: skip
    model = _model(learner, stream, engine)
    for name, shown in metric_rows(matrix):
        reporter.result(name, shown)
    reporter.line("head", f"solved from {learner.said}")
    if out is not None:
        write_stream(Path(out), model, matrix, record, overwrite=overwrite)
    return ContinualRun(model, matrix, record, None if out is None else Path(out))


def _memory_size(strategy: str, memory: int | None, training: Mapping[str, Any] | None) -> int:
    if memory is not None:
        check_number(memory, "memory", "continual", low=0, integer=True)
    if strategy == SUMS and training:
        raise UsageError(
            f"The strategy 'moments' trains nothing. Got settings of a training ({', '.join(training)}); leave them "
            "out, or name another strategy."
        )
    if memory and strategy in (SUMS, "joint"):
        raise UsageError(f"The strategy '{strategy}' uses no memory of items. Got {memory}; leave it out.")
    replays = strategy in ("der", "replay")
    if memory == 0 and replays:
        raise UsageError(f"The strategy '{strategy}' replays items of a memory. Got a memory of 0; give 1 or more.")
    return memory if memory is not None else MEMORY * replays


def _opened(source: str | Source | None, stream: Sequence[StreamTask], reporter: Reporter) -> Source:
    modality = stream[0].train.modality
    if source is None:
        default = default_source(modality, [item for task in stream for item in task.train.items])
        reporter.line("source", default.sentence)
        source = default.opened or default.name
    return open_source(source, modality=modality) if isinstance(source, str) else source


def _learner(
    strategy: str, source: Source, size: int, *, training: Mapping[str, Any] | None, seed: int, engine: Engine
) -> _Learner:
    if strategy == SUMS:
        return SumsLearner(source, engine)
    from headstart.transfer.streaming.moved import BodyLearner

    return BodyLearner(source, strategy, size=size, training=training, seed=seed, engine=engine)


def _followed(
    learner: _Learner, stream: Sequence[StreamTask], engine: Engine, reporter: Reporter
) -> tuple[AccuracyMatrix, list[dict[str, Any]]]:
    """The answers after each step, and what each step took."""
    hits: list[list[NDArray[np.bool_]]] = []
    steps = []
    seen: set[int] = set()
    for t, task in enumerate(stream):
        began = time.perf_counter()
        new = set(np.unique(task.train.labelled()[1]).tolist()) - seen
        seen |= new
        learner.learn(task.train)
        learnt = time.perf_counter()
        hits.append([_right(learner, one.test, sorted(seen), engine) for one in stream[: t + 1]])
        judged = time.perf_counter()
        names = tuple(one.name for one in stream[: t + 1])
        row = matrix_rows(AccuracyMatrix(names, hits))[-1]
        steps.append(
            {
                "task": task.name, "train": len(task.train), "test": len(task.test), "new_classes": len(new),
                "memory": learner.memory, "penalty": learner.head.lam, "seconds": learnt - began,
                "judging_seconds": judged - learnt,
            }
        )  # fmt: skip
        reporter.line(task.name, f"{' '.join(row[1:-1])}  all so far {row[-1]}  ({learnt - began:.1f} s)")
    return AccuracyMatrix(tuple(task.name for task in stream), hits), steps


def _right(learner: _Learner, test: Dataset, seen: Sequence[int], engine: Engine) -> NDArray[np.bool_]:
    rows = extract(learner.source, test.items, engine=engine, on_error="raise").rows[:]
    scores = learner.head.scores(rows)[:, list(seen)]
    return np.asarray(np.asarray(seen)[scores.argmax(axis=1)] == test.labelled()[1])


def _model(learner: _Learner, stream: Sequence[StreamTask], engine: Engine) -> TransferModel:
    train = stream[0].train
    head = learner.head
    return TransferModel(
        learner.source, train.labelled()[0], replace(head, moments=None), head.moments, train.columns, engine=engine
    )
