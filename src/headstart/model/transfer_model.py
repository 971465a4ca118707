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

from headstart.data import align_columns, label_name, read
from headstart.engine.cache.forks import limit_threads_in_fork
from headstart.engine.extract import extract
from headstart.engine.extraction import Extraction
from headstart.engine.moments import moments_of
from headstart.engine.options import Engine
from headstart.errors import DataError, HeadstartError, ModelFolderError, NoModelError
from headstart.heads import HEADS, FittedHead, SpectralHead
from headstart.io import (
    atomic_folder,
    check_replaceable,
    file_digest,
    is_file,
    read_json,
    read_tensors,
    write_json,
    write_tensors,
)
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum
from headstart.model.explaining import explain_answer
from headstart.model.files.format import (
    check_files,
    describe_head,
    describe_source,
    describe_task,
    named_if_unreadable,
    no_model,
    open_body,
    read_head,
    read_task,
    write_head,
)
from headstart.model.files.soundness import check_moments, check_source
from headstart.model.removal import check_one_label_each, moments_without
from headstart.model.summary import model_facts
from headstart.model.task_folders import task_folders
from headstart.reporting import Progress
from headstart.reporting.summary import summary_html, summary_text
from headstart.tasks import check_labels, encode_labels, is_classification, task_methods
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

        New labels become new classes. Features, λ and calibration stay the same.

        Args:
            items: n items, of the kind that the source encodes.
            labels: n labels (classification), lists of labels (multi-label) or values (regression).

        Returns:
            A new model; this one is unchanged.

        Raises:
            DataError: if the model was saved without its moments, or a label does not fit the task.
        """
        task = self._with_new_labels(labels)
        kept = self._moments().with_targets(task.num_outputs)
        return self._solved(task, kept + self._moments_of(items, labels, task))

    def forget(self, items: Sequence[Any], labels: Sequence[Any]) -> TransferModel:
        """A new model that was not fitted on these items: exact unlearning by subtracting their moments.

        Args:
            items: n items that the model was fitted on, unchanged.
            labels: the labels that the model was fitted with.

        Raises:
            DataError: if the model was saved without its moments.
            ParameterError: if the model cannot have been fitted on these items (`headstart.model.removal`).
        """
        gone = self._moments_of(items, labels, self.task)
        return self._solved(self.task, moments_without(self._moments(), gone, self.task))

    explain = explain_answer

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

    def _with_new_labels(self, labels: Sequence[Any]) -> Task:
        if not is_classification(self.task):
            return self.task
        check_labels(labels, self.task)
        new = sorted({label_name(label) for label in labels} - set(self.task.labels))
        return replace(self.task, labels=self.task.labels + tuple(new))

    def _moments_of(self, items: Sequence[Any], labels: Sequence[Any], task: Task) -> Moments:
        y, listed = encode_labels(labels, task), self._as_list(items)
        check_one_label_each(len(listed), len(y))
        weights = self.head.calibration.get("class_weight")
        if weights is None:
            return self._summed(listed, y, task)
        weights = np.append(weights, np.ones(task.num_outputs - len(weights)))
        total = Moments.zeros(self.head.feature_map.num_features, task.num_outputs)
        for code in np.unique(y):
            rows = np.flatnonzero(y == code).tolist()
            total = total + self._summed([listed[i] for i in rows], y[rows], task).weighted(weights[code])
        return total

    def _summed(self, items: Sequence[Any], y: NDArray[Any], task: Task) -> Moments:
        return moments_of(
            self.source, items, task_methods(task).targets(y, task.num_outputs),
            engine=self.engine, feature_map=self.head.feature_map, on_error="raise",
        ).moments  # fmt: skip

    def _solved(self, task: Task, moments: Moments) -> TransferModel:
        head = HEADS[self.head.head]
        if not isinstance(head, SpectralHead):
            raise DataError(
                f"A model with a '{head.name}' head cannot be updated exactly; fit it again on all items, or with "
                "a closed-form head ('ridge' or 'lda')."
            )
        weight, bias = head.coefficients(Spectrum.from_moments(moments), self.head.lam)
        calibration = dict(self.head.calibration)
        if "shares" in calibration:
            calibration["shares"] = np.maximum(moments.target_mean, 0.0)
        if "class_weight" in calibration:
            new = np.ones(task.num_outputs - len(calibration["class_weight"]))
            calibration["class_weight"] = np.append(calibration["class_weight"], new)
        solved = replace(self.head, weight=weight, bias=bias, calibration=calibration)
        return replace(self, task=task, moments=moments, head=solved)

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

    def write(self, folder: Path) -> None:
        """Write the model's files into an existing folder (`save` is the atomic way)."""
        reference = self.source.save(folder / "body")
        write_head(folder, self.head)
        if self.moments is not None:
            write_tensors(folder / "moments.safetensors", self.moments.to_arrays())
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        config = {
            **describe_task(self.task),
            "columns": list(self.columns),
            **describe_source(self.source, reference),
            **describe_head(self.head),
            "sha256": {path.relative_to(folder).as_posix(): file_digest(path) for path in files},
        }
        write_json(folder / "config.json", config)

    @classmethod
    def load(cls, folder: str | Path, *, source: Source | None = None, engine: Engine = Engine()) -> TransferModel:
        """Open a saved model.

        Args:
            folder: a run folder, or one that `save` wrote.
            source: the body, for models whose source was a torch module of the user.
            engine: how items are encoded: backend, feature store, batch size.

        Raises:
            NoModelError: if the folder is not a model.
            ModelFolderError: if it is incomplete or damaged.
            DigestError: if a file has changed since it was written.
            SourceError: if the source cannot be opened here.
        """
        with named_if_unreadable(Path(folder)):
            return cls._load(Path(folder), source, engine)

    @classmethod
    def _load(cls, folder: Path, source: Source | None, engine: Engine) -> TransferModel:
        several = task_folders(folder)
        if several is not None:
            raise NoModelError(f"'{folder}' holds a model for each of {', '.join(several)}; name one of its folders.")
        if not is_file(folder / "config.json"):
            raise no_model(
                folder,
                f"'{folder}' is not a model folder (it has no config.json); give one that 'headstart fit' wrote.",
            )
        config = read_json(folder / "config.json")
        try:
            return replace(cls._from_config(folder, config, source), engine=engine, folder=folder)
        except (HeadstartError, PermissionError):
            raise
        except (
            ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError, MemoryError
        ) as error:  # fmt: skip
            reason = str(error) if type(error) is ValueError else repr(error)
            raise ModelFolderError(f"The model '{folder}' is damaged ({reason:.300}); copy or fit it again.") from error

    @classmethod
    def _from_config(cls, folder: Path, config: Mapping[str, Any], source: Source | None) -> TransferModel:
        check_files(folder, config)
        moments, task = folder / "moments.safetensors", read_task(config)
        head = read_head(folder, config, task)
        model = cls(
            source=open_body(folder, config["source"], source),
            task=task,
            head=head,
            moments=Moments.from_arrays(read_tensors(moments)) if moments.is_file() else None,
            columns=tuple(str(name) for name in config["columns"]),
            card=read_json(folder / "metrics.json") if (folder / "metrics.json").is_file() else {},
        )
        check_source(model.source, head.feature_map)
        if model.moments is not None:
            check_moments(model.moments, head, task)
        tried = model.outputs(np.zeros((1, head.feature_map.num_inputs)))
        if tried.shape != (1, task.num_outputs):
            raise ValueError(f"{task.num_outputs} labels, but a head for {tried.shape[1]}")
        if not np.isfinite(tried).all():
            raise ValueError("a head whose outputs are not finite")
        return model
