"""A model as it is served: its version, its backend chosen, and each step from items to answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import BoundedSemaphore, Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.capabilities import BatchPreparing, Branching, Cacheable, Runtime, runtime_of
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import HeadstartError, ItemError, ParameterError
from headstart.linear.selective import check_max_error
from headstart.model import TransferModel, Updater
from headstart.model.abstention import SelectivePredictor
from headstart.model.coverage import ConformalPredictor
from headstart.model.novelty import FALSE_ALARM, NoveltyDetector
from headstart.sources.transformers.lengths import padded_length
from headstart.sources.transformers.text_body import TextBody
from headstart.tasks import is_classification, is_multilabel, is_regression, task_methods
from headstart.tasks.rounding import rounded
from headstart.types import Modality, Source

__all__ = ["AnswerOptions", "ServedModel"]

EXPECTED = 1_000  # items that a backend is chosen for: converting pays, compiling while requests wait does not
LONGEST = 2**31  # tokens
EXAMPLE = "an example to start with"
MOST_OPTIONS = 64  # distinct options whose check is remembered


@dataclass(frozen=True)
class AnswerOptions:
    """What an answer holds besides the label and its probabilities.

    Attributes:
        coverage: share of new items whose set of labels, or interval, holds the right one; None for no sets.
        per_class: whether the coverage is promised for each class.
        max_error: largest promised share of wrong answers; answers that it does not allow are withheld.
        novel: whether to say if an item is unlike all training items.
        top: how many of the probabilities to give, the largest first; None for all, in the order of the labels.

    Examples:
        >>> AnswerOptions(coverage=0.9) == AnswerOptions(0.9)
        True
    """

    coverage: float | None = None
    per_class: bool = False
    max_error: float | None = None
    novel: bool = False
    top: int | None = None


class ServedModel:
    """One version of a model, ready to answer.

    Args:
        model: the model.
        version: its name in answers.
        like: another version, which may have the same source.

    Attributes:
        model: the same.
        version: the same.
        gate: admits as many threads as may run the body at once.

    Examples:
        >>> from headstart import fit
        >>> run = fit((["good day", "fine day"] * 5 + ["bad end", "sad end"] * 5, ["up"] * 10 + ["down"] * 10),
        ...           source="toy", baselines="none", verbose=False)
        >>> served = ServedModel(run.model, "1")
        >>> prepared = served.prepare(["a good day", ""])
        >>> prepared[1]
        ItemError('The text is empty.')
        >>> served.answers(served.rows(prepared[:1]), AnswerOptions(top=1))[0]["label"]
        'up'
    """

    def __init__(self, model: TransferModel, version: str, *, like: ServedModel | None = None) -> None:
        self.model, self.version = model, version
        self.gate: BoundedSemaphore
        if like is not None and like.model.source is model.source:
            self.gate = like.gate  # the body is one, so its threads are counted together
        else:
            _choose(model.source, model.engine)
            self.gate = BoundedSemaphore(max(1, self.streams))
        self._lock = Lock()
        self._checked: set[AnswerOptions] = set()

    @property
    def runtime(self) -> Runtime:
        """What runs the body, and why."""
        return runtime_of(self.model.source)

    @cached_property
    def streams(self) -> int:
        """How many threads may run the body at once."""
        return runtime_of(self.model.source).streams

    @cached_property
    def modality(self) -> Modality:
        """The kind of its items."""
        return self.model.source.info.modality

    @cached_property
    def prepares_in_batches(self) -> bool:
        """Whether items are cheap to prepare, as texts are, and so are prepared by the thread that runs the body."""
        return isinstance(self.model.source, BatchPreparing) or self.modality in ("text", "vector")

    def warm_up(self) -> None:
        """Open the body, so that the first request does not wait for it; texts only, of which an example is at hand."""
        if self.modality == "text":
            extract(self.model.source, [EXAMPLE], engine=Engine(self.model.engine.backend, cache=False))

    def prepare(self, items: Sequence[Any]) -> list[Any]:
        """Each item as the body reads it, or its `ItemError`."""
        source = self.model.source
        if isinstance(source, BatchPreparing):
            return list(source.prepare_many(items))
        return [self._prepare_one(item) for item in items]

    def _prepare_one(self, item: Any) -> Any:
        try:
            prepared = self.model.source.prepare(item)
        except ItemError as error:
            return error
        except MemoryError:
            return ItemError("The item needs more memory than there is; give a smaller one.")
        if self.modality == "vector" and len(prepared) != self.width:
            return ItemError(f"An item must hold {self.width} numbers. Got {len(prepared)} instead.")
        return prepared

    def length_class(self, prepared: Any) -> int:
        """Items of the same class run together: texts of one padded length, as the body would part them anyway."""
        return padded_length(len(prepared), LONGEST) if isinstance(self.model.source, TextBody) else 0

    @cached_property
    def width(self) -> int:
        """How many numbers a row of the source has."""
        return self.model.head.feature_map.num_inputs

    def rows(self, prepared: Sequence[Any]) -> NDArray[Any]:
        """Rows (n, d) of n prepared items; at most ``streams`` threads at once."""
        return np.asarray(self.model.source.forward(prepared))

    def check(self, options: AnswerOptions) -> None:
        """Raise unless the model can answer with these options.

        Raises:
            ParameterError: for a value out of its range.
            DataError: if the model cannot promise it.
        """
        if options in self._checked:
            return
        self._check_quickly(options)
        with self._lock:
            if options.coverage is not None:
                self._conformal.check(options.coverage, per_class=options.per_class)
            if options.max_error is not None:
                self._selective.selection(options.max_error)
            if options.novel:
                self._novelty.check(FALSE_ALARM)
            if len(self._checked) < MOST_OPTIONS:
                self._checked.add(options)

    def is_checked(self, options: AnswerOptions) -> bool:
        """Whether `check` is known not to raise; else it may calibrate, which takes seconds the first time.

        Raises:
            ParameterError: for a value out of its range.
        """
        if options in self._checked:
            return True
        self._check_quickly(options)
        return options.coverage is None and options.max_error is None and not options.novel

    def _check_quickly(self, options: AnswerOptions) -> None:
        """Raise for a value that no model allows."""
        if options.top is not None and options.top < 1:
            raise ParameterError(f"The number of probabilities in 'top' must be 1 or more. Got {options.top} instead.")
        if options.per_class and options.coverage is None:
            raise ParameterError("'per_class' says for what a coverage is promised; give 'coverage' with it, as 0.9.")
        if options.max_error is not None:
            check_max_error(options.max_error, "a request")

    def allows(self, options: AnswerOptions) -> bool:
        """Whether the model can answer with these options."""
        try:
            self.check(options)
        except HeadstartError:
            return False
        return True

    def answers(self, rows: NDArray[Any], options: AnswerOptions) -> list[dict[str, Any]]:
        """The answer for each row (n, d), as plain JSON values.

        Args:
            rows: features of the source.
            options: checked by `check`.
        """
        outputs, task = self.model.outputs(rows), self.model.task
        decoded = task_methods(task).decode(outputs, task)
        if is_regression(task):
            found = [self._values(row) for row in outputs.tolist()]
        else:
            named = zip(decoded, rounded(outputs, task).tolist(), strict=True)
            found = [self._labels(label, row, options.top) for label, row in named]
        if options.coverage is not None:
            self._add_coverage(found, rows, outputs, options)
        if options.max_error is not None:
            self._withhold(found, outputs, options.max_error)
        if options.novel:
            with self._lock:
                values = self._novelty.p_values(rows, outputs)
            for answer, value in zip(found, values.tolist(), strict=True):
                answer["novel"] = value <= FALSE_ALARM
        return found

    def _values(self, row: list[float]) -> dict[str, Any]:
        if len(row) == 1:
            return {"value": row[0]}
        return {"values": dict(zip(self.model.task.labels, row, strict=True))}

    def _labels(self, label: Any, row: list[float], top: int | None) -> dict[str, Any]:
        labels = self.model.task.labels
        kept = range(len(row)) if top is None else sorted(range(len(row)), key=lambda k: -row[k])[:top]
        shown = {labels[k]: row[k] for k in kept}
        if is_multilabel(self.model.task):
            return {"labels": list(label), "probabilities": shown}
        return {"label": label, "probability": max(row), "probabilities": shown}

    def _add_coverage(
        self, found: list[dict[str, Any]], rows: NDArray[Any], outputs: NDArray[np.float64], options: AnswerOptions
    ) -> None:
        task, coverage = self.model.task, options.coverage or 0.0
        with self._lock:  # parts of the predictor are made on first use
            if is_regression(task):
                ends = self._conformal.intervals(rows, coverage)
            else:
                sets = self._conformal.sets(rows, coverage, per_class=options.per_class)
        if is_regression(task):
            for answer, (low, high) in zip(found, np.moveaxis(ends, 2, 1).tolist(), strict=True):
                answer.update({"low": low[0], "high": high[0]} if len(low) == 1 else {"low": low, "high": high})
            return
        order = np.argsort(-outputs, axis=1, kind="stable")
        for answer, ranked, chosen in zip(found, order, sets, strict=True):
            answer["set"] = [task.labels[j] for j in ranked if chosen[j]]

    def _withhold(self, found: list[dict[str, Any]], outputs: NDArray[np.float64], max_error: float) -> None:
        given = self._selective.answered(outputs, max_error)
        for answer, is_given in zip(found, given.tolist(), strict=True):
            answer["abstained"] = not is_given
            if not is_given:
                answer["label"] = None

    @cached_property
    def teachable(self) -> bool:
        """Whether the model can take in further items, and has a folder for its versions."""
        try:
            Updater(self.model)
        except HeadstartError:
            return False
        return self.model.folder is not None

    @cached_property
    def _conformal(self) -> ConformalPredictor:
        return self.model.conformal()

    @cached_property
    def _selective(self) -> SelectivePredictor:
        return self.model.selective()

    @cached_property
    def _novelty(self) -> NoveltyDetector:
        return self.model.novelty_detector()

    @property
    def facts(self) -> dict[str, Any]:
        """What a client may want to know about the model."""
        task, info = self.model.task, self.model.source.info
        return {
            "version": self.version,
            "task": task.kind,
            "labels": list(task.labels),
            "modality": info.modality,
            "source": info.name,
            "head": self.model.head.head,
            "columns": list(self.model.columns),
            "calibrated": is_classification(task) and not self.model.head.uncalibrated,
        }


def _choose(source: Source, engine: Engine) -> None:
    """Let a source, and each part of a fused one, pick its backend."""
    if isinstance(source, Branching):
        for part, _ in source.branches:
            _choose(part, engine)
    elif isinstance(source, Cacheable):
        # without items of the user the backend that the fit recorded is taken, or compared on the body's own examples
        source.choose(engine, EXPECTED, list)
