"""`TransferModel`: a source, a head and a task, with the state that predicting, updating and saving need.

A saved folder has plain formats only (JSON, safetensors, the body's checkpoint); its digests are checked on loading.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from headstart.data import align_columns, read
from headstart.engine.cache.forks import limit_threads_in_fork
from headstart.engine.extract import extract
from headstart.engine.extraction import Extraction
from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads import FittedHead
from headstart.io import atomic_folder, check_replaceable, write_json
from headstart.linear.moments import Moments
from headstart.model.abstention import answer_or_abstain, selective_predictor
from headstart.model.certainty import Certainty
from headstart.model.coverage import ConformalPredictor, SetMethod, no_certainty
from headstart.model.explaining import explain_answer
from headstart.model.exporting import export_model
from headstart.model.files.parts import read_parts
from headstart.model.files.version_files import version_folder
from headstart.model.files.writing import write_model
from headstart.model.novelty import novelty_detector, novelty_p_values
from headstart.model.plotting import plots_of
from headstart.model.removal import check_one_label_each, moments_without
from headstart.model.suggesting import suggest_labels
from headstart.model.summary import model_facts
from headstart.model.updating.new_labels import with_calibrated_labels, with_labels
from headstart.model.updating.solved_again import (
    certainty_with,
    certainty_without,
    moments_of_items,
    scored_again,
    solved_head,
)
from headstart.reporting import Progress
from headstart.reporting.summary import summary_html, summary_text
from headstart.tasks import encode_labels, is_classification, task_methods
from headstart.tasks.prior_correction import corrected, estimated_priors, named_priors
from headstart.types import Rows, Source, Task

__all__ = ["Prediction", "Priors", "TransferModel"]

Priors = str | Mapping[str, float] | Sequence[float]


@dataclass(frozen=True)
class Prediction:
    """Outputs for the items that could be read, and the reasons for those that could not.

    Attributes:
        outputs: (m, k) calibrated probabilities or values of the m readable items.
        index: (m,) their positions among the items given.
        failures: the reason for each unreadable item, by position.
        encoding: how the items were encoded; None where there were none.

    Examples:
        >>> Prediction(np.array([[0.9, 0.1]]), np.array([0]), {}).outputs.shape
        (1, 2)
    """

    outputs: NDArray[np.float64]
    index: NDArray[np.intp]
    failures: Mapping[int, str]
    encoding: Extraction | None = None


@dataclass(frozen=True)
class TransferModel:
    """A fitted model, as a fit returns it.

    Attributes:
        source: the body that encodes items.
        task: the label schema.
        head: the fitted head, with its features and calibration.
        moments: sufficient statistics of the head's training rows, for exact update and removal; None if not kept.
        columns: for a model of a table, the names of the numbers of a row, or of the one column of the items; else
            empty.
        card: facts about the fit (metrics, data, environment), as plain JSON values.
        engine: how items are encoded: backend, feature store, batch size.
        certainty: left-out scores and rows of its training items; None for a model without examples, or of an earlier
            release.
        folder: the folder that it was loaded from, whose files list its training items; else None.

    Examples:
        >>> from headstart.heads import select_head
        >>> x = np.array([[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]], np.float32)
        >>> task = Task("classification", ("low", "high"))
        >>> head = select_head(x, np.array([0, 0, 0, 1, 1, 1]), task)
        >>> from headstart.sources import open_source
        >>> model = TransferModel(open_source("vector"), task, head)
        >>> model.predict([[0.1], [2.3]])
        ['low', 'high']
    """

    source: Source
    task: Task
    head: FittedHead
    moments: Moments | None = None
    columns: tuple[str, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    engine: Engine = Engine()
    certainty: Certainty | None = field(default=None, compare=False, repr=False)
    folder: Path | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        """Task, source and head, one per line."""
        return summary_text("TransferModel", model_facts(self.task, self.head, self.source.info))

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html("TransferModel", model_facts(self.task, self.head, self.source.info))

    @property
    def item_column(self) -> str | tuple[str, ...] | None:
        """The column of texts or media that the model was fitted on; if multimodal, all columns with their kinds."""
        if self.source.info.modality == "multimodal":
            return self.columns
        return self.columns[0] if self.columns and self.source.info.modality != "vector" else None

    @property
    def label_columns(self) -> list[str]:
        """The columns of the labels, which are not features in a table of new items."""
        if self.task.column is not None:
            return [self.task.column]
        return [] if is_classification(self.task) else list(self.task.labels)

    def predict(self, items: Sequence[Any], *, priors: Priors | None = None) -> list[Any]:
        """Labels, lists of labels or values of n items; raises `ItemError` on an unreadable one.

        Args:
            items: a list or array of items as the source encodes them, or a DataFrame or Hugging Face dataset, of which
                the model reads the columns that it was fitted on.
            priors: as in `with_priors`.

        Raises:
            DataError: for a single text or path, or where a column is missing.
        """
        return task_methods(self.task).decode(self.predict_proba(items, priors=priors), self.task)

    def predict_proba(self, items: Sequence[Any], *, priors: Priors | None = None) -> NDArray[np.float64]:
        """Calibrated probabilities (n, labels), or values (n, targets) for regression, of n items as in `predict`."""
        items = self._as_list(items)
        if len(items) == 0:
            return np.empty((0, self.task.num_outputs))
        outputs = self.outputs(extract(self.source, items, engine=self.engine, on_error="raise").rows)
        return outputs if priors is None else self.with_priors(outputs, priors)

    def with_priors(self, outputs: NDArray[np.float64], priors: Priors) -> NDArray[np.float64]:
        """Probabilities (n, labels) of this model where the classes have other shares than in its training data.

        Args:
            outputs: (n, labels) probabilities of this model.
            priors: ``"uniform"``, ``"estimate"`` (from these outputs, by EM), a share by label, or shares in the order
                of the labels.

        Raises:
            DataError: if the model is not a classifier, or was saved without the shares of its classes.
            ParameterError: if the priors do not fit the labels.
        """
        shares = self.head.calibration.get("shares")
        if not is_classification(self.task) or shares is None:
            raise DataError(
                "Priors need a classifier that was saved with its class shares; this model is not one, so fit again."
            )
        wanted = named_priors(priors, self.task.labels)
        return corrected(outputs, shares, estimated_priors(outputs, shares) if wanted is None else wanted)

    def predict_sets(
        self,
        items: Sequence[Any],
        coverage: float = 0.9,
        *,
        method: SetMethod | None = None,
        per_class: bool = False,
        allow_empty: bool = False,
    ) -> list[list[str]]:
        """Prediction sets of n items: the labels of each that cannot be ruled out, the most probable first.

        They follow from exact left-out scores by conformal prediction; `conformal` has the numbers behind them.

        Args:
            items: as in `predict`.
            coverage: the share of new items whose set holds the right label, at least.
            method: ``"lac"`` (default; least sets), ``"aps"``, ``"raps"`` or ``"ordinal"``.
            per_class: whether the coverage is promised for each class, not only for all together.
            allow_empty: whether a set may be empty; otherwise it holds the most probable label.

        Raises:
            DataError: if the model has no left-out scores, or too few for this coverage.
            ParameterError: if the model is a regression, or for an invalid value.
        """
        rows, labels = self.rows_of(items), self.task.labels
        options: Any = {"method": method, "per_class": per_class, "allow_empty": allow_empty}
        found, outputs = self.conformal().sets(rows, coverage, **options), self.outputs(rows)
        order = np.argsort(-outputs, axis=1, kind="stable")
        return [[labels[j] for j in ranked if chosen[j]] for ranked, chosen in zip(order, found, strict=True)]

    def predict_intervals(self, items: Sequence[Any], coverage: float = 0.9) -> NDArray[np.float64]:
        """Prediction intervals (n, targets, 2) of n items: the lower and upper end of each value.

        Args:
            items: as in `predict`.
            coverage: the share of new items whose value lies in its interval, at least; for each target by itself.

        Raises:
            DataError: if the model has no left-out scores, or too few for this coverage.
            ParameterError: if the model is no regression, or the coverage does not lie between 0 and 1.
        """
        return self.conformal().intervals(self.rows_of(items), coverage)

    def conformal(self) -> ConformalPredictor:
        """What promises coverage: p-values, sets and intervals from features of the source.

        Raises:
            DataError: if the model has no left-out scores.
        """
        if self.certainty is None:
            raise no_certainty(self.folder)
        return ConformalPredictor(self.task, self.head, self.moments, self.certainty)

    def rows_of(self, items: Sequence[Any]) -> Rows:
        """Rows (n, d) of the source for n items as in `predict`."""
        items = self._as_list(items)
        if len(items) == 0:
            return np.empty((0, self.head.feature_map.num_inputs))
        return extract(self.source, items, engine=self.engine, on_error="raise").rows

    def predict_readable(self, items: Sequence[Any], *, progress: Progress | None = None) -> Prediction:
        """Outputs of the readable items, given as in `predict`; the unreadable ones are returned with their reasons."""
        items = self._as_list(items)
        if len(items) == 0:
            return Prediction(np.empty((0, self.task.num_outputs)), np.empty(0, np.intp), {})
        found = extract(self.source, items, engine=self.engine, progress=progress)
        return Prediction(self.outputs(found.rows), found.index, found.failures, found)

    def outputs(self, rows: Rows) -> NDArray[np.float64]:
        """Calibrated probabilities or values (n, k) for features (n, d) of the source; `DataError` for another d."""
        if len(rows) == 0:
            return np.empty((0, self.task.num_outputs))
        if rows.shape[1] != self.head.feature_map.num_inputs:
            raise DataError(
                f"This model reads rows of {self.head.feature_map.num_inputs} numbers. Got rows of {rows.shape[1]} "
                "instead; give the columns that it was fitted on."
            )
        limit_threads_in_fork()
        return task_methods(self.task).outputs(self.head.scores(rows), self.head.calibration)

    def update(self, items: Sequence[Any], labels: Sequence[Any]) -> TransferModel:
        """A model that is also fitted on these items, exactly as if they had been in the training data.

        New labels become new classes, or labels that no item of the fit has. Features, λ and calibration stay the same.
        Left-out scores are computed again where the rows of the training items are known, else they are dropped: no
        coverage can be promised then.

        Args:
            items: n items, of the kind that the source encodes.
            labels: n labels (classification), lists of labels (multi-label) or values (regression).

        Returns:
            A new model; this one is unchanged.

        Raises:
            DataError: if the model was saved without its moments, or a label does not fit the task.
        """
        task = self.with_new_labels(labels)
        kept = self._moments().with_targets(task.num_outputs)
        y, listed = encode_labels(labels, task), self._as_list(items)
        check_one_label_each(len(listed), len(y))
        added = moments_of_items(self.source, self.head, task, listed, y, engine=self.engine)
        certainty = certainty_with(self.certainty, self.source, self.head, listed, y, engine=self.engine)
        return self._solved(task, kept + added, certainty)

    def forget(self, items: Sequence[Any], labels: Sequence[Any]) -> TransferModel:
        """A new model that was not fitted on these items: exact unlearning by subtracting their moments.

        Their rows and left-out scores are removed too; where they cannot be found, no item's are kept.

        Args:
            items: n items that the model was fitted on, unchanged.
            labels: the labels that the model was fitted with.

        Raises:
            DataError: if the model was saved without its moments.
            ParameterError: if the model cannot have been fitted on these items (`headstart.model.removal`).
        """
        y, listed = encode_labels(labels, self.task), self._as_list(items)
        check_one_label_each(len(listed), len(y))
        removed = moments_of_items(self.source, self.head, self.task, listed, y, engine=self.engine)
        left = moments_without(self._moments(), removed, self.task)
        certainty = certainty_without(self.certainty, self.source, self.head, listed, y, engine=self.engine)
        return self._solved(self.task, left, certainty)

    predict_or_abstain = answer_or_abstain
    selective = selective_predictor
    novelty = novelty_p_values
    novelty_detector = novelty_detector
    explain = explain_answer
    plot = property(plots_of)
    export = export_model
    suggest = suggest_labels

    def _as_list(self, items: Any) -> Sequence[Any]:
        """The items of a data frame or dataset, read by the model's columns; lists and arrays unchanged."""
        if isinstance(items, str | bytes | os.PathLike) or not isinstance(items, Sized):
            raise DataError(f"A single {type(items).__name__} was given; give a list of items, even for one item.")
        package = type(items).__module__.partition(".")[0]
        if len(items) == 0 or package not in ("pandas", "datasets"):
            return cast("Sequence[Any]", items)
        if package == "pandas" and not hasattr(items, "columns"):
            return cast("list[Any]", cast("Any", items).tolist())
        modality = self.source.info.modality
        dataset = read(items, item=self.item_column, label=self.label_columns, modality=modality, labelled=False)
        return align_columns(dataset, self.columns).items

    def _moments(self) -> Moments:
        if self.moments is None:
            raise DataError("This model was saved without its moments, so it cannot be updated; fit it again.")
        return self.moments

    def with_new_labels(self, labels: Sequence[Any]) -> Task:
        """The task of this model with the labels that it does not have yet; those of a regression stay."""
        return with_labels(self.task, labels)

    def _solved(self, task: Task, moments: Moments, certainty: Certainty | None) -> TransferModel:
        head, spectrum = solved_head(self.head, task, moments)
        scored = scored_again(certainty, head, task, spectrum)
        head = with_calibrated_labels(head, self.task, task, scored)
        return replace(self, task=task, moments=moments, head=head, certainty=scored)

    def save(
        self, folder: str | Path, *, extra: Mapping[str, Mapping[str, Any]] | None = None, overwrite: bool = True
    ) -> Path:
        """Write the model's folder atomically; a previous model is replaced only when the new one is complete.

        Args:
            folder: a new or empty folder, or one that a fit or a model wrote.
            extra: further JSON files to write, by name.
            overwrite: whether to replace an existing model; default True.

        Raises:
            UsageError: if the folder holds something else, or a model and ``overwrite`` is False.
            SaveError: if it cannot be written.
        """
        check_replaceable(Path(folder), overwrite=overwrite)
        with atomic_folder(Path(folder)) as scratch:
            for name, value in (extra or {}).items():
                write_json(scratch / name, value)
            self.write(scratch)
        return Path(folder)

    def write(self, folder: Path, *, like: Path | None = None) -> None:
        """Write the model's files into an existing folder (`save` is the atomic way); ``like`` as in `write_model`."""
        write_model(
            folder, self.source, self.task, self.head, moments=self.moments, certainty=self.certainty,
            columns=self.columns, like=like,
        )  # fmt: skip

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        source: Source | None = None,
        engine: Engine = Engine(),
        version: int | None = None,
    ) -> TransferModel:
        """Open a saved model.

        Args:
            folder: a run folder, or one that `save` wrote.
            source: the body, for models whose source was a torch module of the user.
            engine: how items are encoded: backend, feature store, batch size.
            version: its number in the run folder; default: the one in force (`headstart.model.versions`).

        Raises:
            NoModelError: if the folder is not a model, or has no such version.
            ModelFolderError: if it is incomplete or damaged.
            DigestError: if a file has changed since it was written.
            SourceError: if the source cannot be opened here.
        """
        place = version_folder(Path(folder), version)
        parts = read_parts(place, source)
        return cls(
            parts.source, parts.task, parts.head, parts.moments, parts.columns, parts.card, engine, parts.certainty,
            place,
        )  # fmt: skip
