"""`TransferModel`: a source, a head and a task, with what is needed to predict, to be taught further and to be saved.

The folder that it writes holds plain formats only (JSON, safetensors, the body's own checkpoint); nothing in it is
executed on load, and its digests are checked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from headstart.data import align_columns, read
from headstart.engine.extract import extract
from headstart.errors import DataError, ModelFolderError
from headstart.heads import HEADS, FeatureMap, FittedHead
from headstart.heads.feature_map import Scaling
from headstart.io import atomic_folder, check_digest, file_digest, read_json, read_tensors, write_json, write_tensors
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum
from headstart.sources import open_source
from headstart.tasks import task_methods
from headstart.types import Rows, Source, Task

__all__ = ["Prediction", "TransferModel"]

FORMAT_VERSION = 1
REQUIRED = ("model.safetensors", "calibration.json")
PROBLEM_TYPES = {
    "classification": "single_label_classification",
    "multilabel": "multi_label_classification",
    "regression": "regression",
}


@dataclass(frozen=True)
class Prediction:
    """Outputs for the items that could be read, and the reasons for those that could not.

    Attributes:
        outputs: (m, k) calibrated probabilities or values of the m readable items.
        index: (m,) their positions among the items given.
        failures: position to reason, for the others.

    Examples:
        >>> Prediction(np.array([[0.9, 0.1]]), np.array([0]), {}).outputs.shape
        (1, 2)
    """

    outputs: NDArray[np.float64]
    index: NDArray[np.intp]
    failures: Mapping[int, str]


@dataclass(frozen=True)
class TransferModel:
    """What a fit hands over.

    Attributes:
        source: the body that encodes items.
        task: the label schema.
        head: the solved head, with its features and calibration.
        moments: sufficient statistics of the head's training rows, for exact update and removal; None if not kept.
        columns: for a model of a table, the names of the numbers of a row, or of the one column of the items; else
            empty.
        card: facts about the fit (metrics, data, environment), as plain JSON values.

    Examples:
        >>> from headstart.heads import select_head
        >>> x = np.array([[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]], np.float32)
        >>> task = Task("classification", ("low", "high"))
        >>> head = select_head(x, np.array([0, 0, 0, 1, 1, 1]), task)
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

    @property
    def item_column(self) -> str | None:
        """The column of texts, paths, pictures or sounds that the model was fitted on, where there was one."""
        return self.columns[0] if self.columns and self.source.info.modality != "vector" else None

    @property
    def label_columns(self) -> list[str]:
        """The columns that labels came from; in a table of new items they are no features."""
        if self.task.column is not None:
            return [self.task.column]
        return [] if self.task.kind == "classification" else list(self.task.labels)

    def predict(self, items: Sequence[Any]) -> list[Any]:
        """Labels, lists of labels or values of n items; raises `ItemError` on an unreadable one.

        Args:
            items: a list or array of items as the source encodes them, or a DataFrame or Hugging Face dataset, of which
                the columns are read that the model was fitted on.

        Raises:
            DataError: for a single text or path, or where a column is missing.
        """
        return task_methods(self.task).decode(self.predict_proba(items), self.task)

    def predict_proba(self, items: Sequence[Any]) -> NDArray[np.float64]:
        """Calibrated probabilities (n, labels), or values (n, targets) for regression, of n items as in `predict`."""
        items = self._as_list(items)
        if len(items) == 0:
            return np.empty((0, self.task.num_outputs))
        return self.outputs(extract(self.source, items, on_error="raise").rows)

    def predict_readable(
        self, items: Sequence[Any], *, progress: Callable[[int, int], None] | None = None
    ) -> Prediction:
        """Outputs of the readable items, given as in `predict`; the others are set aside with their reasons."""
        items = self._as_list(items)
        if len(items) == 0:
            return Prediction(np.empty((0, self.task.num_outputs)), np.empty(0, np.intp), {})
        encoded = extract(self.source, items, progress=progress)
        return Prediction(self.outputs(encoded.rows), encoded.index, encoded.failures)

    def outputs(self, rows: Rows) -> NDArray[np.float64]:
        """Calibrated probabilities or values (n, k) of rows (n, d) that the source gave; `DataError` for another d."""
        if len(rows) == 0:
            return np.empty((0, self.task.num_outputs))
        if rows.shape[1] != self.head.feature_map.num_inputs:
            raise DataError(
                f"This model reads rows of {self.head.feature_map.num_inputs} numbers. Got rows of {rows.shape[1]} "
                "instead; give the columns that it was fitted on."
            )
        return task_methods(self.task).outputs(self.head.scores(rows), self.head.calibration)

    def update(self, items: Sequence[Any], labels: Sequence[Any]) -> TransferModel:
        """A model that has also learnt these items, exactly as if they had been there from the start.

        Labels that are new become new classes. Features, λ and calibration stay as they were chosen.

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
        """A model that never saw these items: exact removal by subtracting their moments.

        Args:
            items: n items that the model was fitted on, unchanged.
            labels: the labels that they were fitted with.

        Returns:
            A new model; this one is unchanged.

        Raises:
            DataError: if the model was saved without its moments.
            ParameterError: if more is removed than there is.
        """
        return self._solved(self.task, self._moments() - self._moments_of(items, labels, self.task))

    def _as_list(self, items: Any) -> Sequence[Any]:
        """The items of a frame or dataset, found by the model's columns; lists and arrays as they are."""
        if isinstance(items, str | bytes | os.PathLike) or not hasattr(items, "__len__"):
            raise DataError(f"A single {type(items).__name__} was given; give a list of items, also of one.")
        package = type(items).__module__.partition(".")[0]
        if len(items) == 0 or package not in ("pandas", "datasets"):
            return cast(Sequence[Any], items)
        if package == "pandas" and not hasattr(items, "columns"):
            return cast(list[Any], items.tolist())
        modality = self.source.info.modality
        dataset = read(items, item=self.item_column, label=self.label_columns, modality=modality, labelled=False)
        return align_columns(dataset, self.columns).items

    def _moments(self) -> Moments:
        if self.moments is None:
            raise DataError("This model was kept without its moments, so it cannot be taught further; fit it again.")
        return self.moments

    def _with_new_labels(self, labels: Sequence[Any]) -> Task:
        if self.task.kind != "classification":
            return self.task
        new = sorted({str(label) for label in labels} - set(self.task.labels))
        return replace(self.task, labels=self.task.labels + tuple(new))

    def _moments_of(self, items: Sequence[Any], labels: Sequence[Any], task: Task) -> Moments:
        targets = task_methods(task).targets(encode_labels(labels, task), task.num_outputs)
        rows = extract(self.source, self._as_list(items), on_error="raise").rows
        return Moments.from_rows(self.head.feature_map(rows), targets)

    def _solved(self, task: Task, moments: Moments) -> TransferModel:
        weight, bias = HEADS[self.head.head].coefficients(Spectrum.from_moments(moments), self.head.lam)
        return replace(self, task=task, moments=moments, head=replace(self.head, weight=weight, bias=bias))

    def save(self, folder: str | Path) -> Path:
        """Write the model's folder atomically; a previous one is replaced only when the new one is complete.

        Raises:
            SaveError: if it cannot be written.
        """
        with atomic_folder(Path(folder)) as scratch:
            self.write(scratch)
        return Path(folder)

    def write(self, folder: Path) -> None:
        """Write the model's files into an existing folder (`save` is the atomic way)."""
        reference = self.source.save(folder / "body")
        tensors = {"head.weight": self.head.weight, "head.bias": self.head.bias}
        if self.head.feature_map.scale.size:
            tensors |= {"features.shift": self.head.feature_map.shift, "features.scale": self.head.feature_map.scale}
        write_tensors(folder / "model.safetensors", tensors, {"format": "headstart"})
        write_json(folder / "calibration.json", {name: list(value) for name, value in self.head.calibration.items()})
        if self.moments is not None:
            write_tensors(folder / "moments.safetensors", self.moments.to_arrays())
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        digests = {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
        write_json(folder / "config.json", self._config(reference, digests))

    def _config(self, reference: Mapping[str, str], digests: Mapping[str, str]) -> dict[str, Any]:
        feature_map = self.head.feature_map
        return {
            "model_type": "headstart",
            "format_version": FORMAT_VERSION,
            "problem_type": PROBLEM_TYPES[self.task.kind],
            "num_labels": self.task.num_outputs,
            "id2label": {str(i): label for i, label in enumerate(self.task.labels)},
            "label2id": {label: i for i, label in enumerate(self.task.labels)},
            "label_column": self.task.column,
            "columns": list(self.columns),
            "source": {"reference": dict(reference), "info": asdict(self.source.info)},
            "feature_map": {
                "name": feature_map.name,
                "blocks": [list(block) for block in feature_map.blocks],
                "scaling": feature_map.scaling,
            },
            "head": {"name": self.head.head, "lambda": self.head.lam, "left_out_loss": self.head.loss},
            "sha256": dict(digests),
        }

    @classmethod
    def load(cls, folder: str | Path, *, source: Source | None = None) -> TransferModel:
        """Open a saved model; the body's weights are loaded too.

        Args:
            folder: a run folder, or one that `save` wrote.
            source: the body, for models whose source was a module of the user's own.

        Raises:
            ModelFolderError: if the folder is no model, is incomplete or damaged.
            DigestError: if a file is not the one that was written.
            SourceError: if the source cannot be opened here.
        """
        folder = Path(folder)
        if not (folder / "config.json").is_file():
            raise ModelFolderError(
                f"'{folder}' is not a model folder (it has no config.json); give the folder that 'headstart fit' wrote."
            )
        config = read_json(folder / "config.json")
        try:
            return _from_config(folder, config, source)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, ModelFolderError | DataError) or hasattr(error, "exit_code"):
                raise
            raise ModelFolderError(f"'{folder}/config.json' is damaged ({error!r}); copy or fit it again.") from error


def encode_labels(labels: Sequence[Any] | NDArray[Any], task: Task) -> NDArray[Any]:
    """Labels as a user writes them, as the ``y`` of a `Dataset`.

    Args:
        labels: n labels, lists of labels, or values.
        task: the label schema.

    Returns:
        Codes (n,), a 0/1 matrix (n, labels) or values (n, targets).

    Raises:
        DataError: if a label is unknown to the task.

    Examples:
        >>> encode_labels(["bee", "ant"], Task("classification", ("ant", "bee")))
        array([1, 0])
    """
    if task.kind == "regression":
        return np.asarray(labels, dtype=np.float64).reshape(len(labels), task.num_outputs)
    code = {label: i for i, label in enumerate(task.labels)}
    try:
        if task.kind == "classification":
            return np.array([code[str(label)] for label in labels], dtype=np.int64)
        y = np.zeros((len(labels), task.num_outputs))
        for row, names in enumerate(labels):
            y[row, [code[str(name)] for name in names]] = 1.0
        return y
    except KeyError as error:
        known = ", ".join(task.labels[:10]) + (", ..." if len(task.labels) > 10 else "")
        raise DataError(f"The label {error} is unknown to this model, which knows: {known}.") from None


def _from_config(folder: Path, config: Mapping[str, Any], source: Source | None) -> TransferModel:
    if config.get("model_type") != "headstart" or config["format_version"] > FORMAT_VERSION:
        raise ModelFolderError(
            f"'{folder}' was not written by this version of headstart (model_type {config.get('model_type')!r}, "
            f"format {config.get('format_version')}, known up to {FORMAT_VERSION}); update headstart or fit it again."
        )
    for name in (*REQUIRED, *config["sha256"]):
        if not (folder / name).is_file():
            raise ModelFolderError(f"'{folder}/{name}' is missing; the folder is not complete.")
        check_digest(folder / name, config["sha256"][name])
    kind = {value: key for key, value in PROBLEM_TYPES.items()}[config["problem_type"]]
    labels = tuple(config["id2label"][str(i)] for i in range(config["num_labels"]))
    moments = folder / "moments.safetensors"
    model = TransferModel(
        source=source if source is not None else _open_body(folder, config["source"]),
        task=Task(kind, labels, config["label_column"]),  # type: ignore[arg-type]
        head=_read_head(folder, config),
        moments=Moments.from_arrays(read_tensors(moments)) if moments.is_file() else None,
        columns=tuple(str(name) for name in config["columns"]),
        card=read_json(folder / "metrics.json") if (folder / "metrics.json").is_file() else {},
    )
    tried = model.outputs(np.zeros((1, model.head.feature_map.num_inputs)))
    if tried.shape != (1, len(labels)):
        raise ValueError(f"{len(labels)} labels, but a head for {tried.shape[1]}")
    return model


def _open_body(folder: Path, saved: Mapping[str, Any]) -> Source:
    name, modality = saved["reference"]["name"], saved["info"]["modality"]
    if name == "local:.":
        name = f"local:{folder / 'body'}"
    return open_source(name, modality=modality)


def _read_head(folder: Path, config: Mapping[str, Any]) -> FittedHead:
    tensors = read_tensors(folder / "model.safetensors")
    saved = config["feature_map"]
    if saved["scaling"] not in get_args(Scaling):
        raise ValueError(f"scaling {saved['scaling']!r}")
    feature_map = FeatureMap(
        saved["name"],
        tuple((int(a), int(b)) for a, b in saved["blocks"]),
        saved["scaling"],
        tensors.get("features.shift", np.empty(0)),
        tensors.get("features.scale", np.empty(0)),
    )
    calibration = {
        name: np.asarray(value, dtype=np.float64) for name, value in read_json(folder / "calibration.json").items()
    }
    head = config["head"]
    weight, bias = tensors["head.weight"], tensors["head.bias"]
    return FittedHead(
        feature_map, head["name"], head["lambda"], weight, bias, calibration, head["left_out_loss"], candidates=()
    )
