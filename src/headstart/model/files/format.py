"""The files of a saved model: Hugging Face keys in ``config.json``, arrays in safetensors, digests of everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from headstart.engine.capabilities import BlockSelecting
from headstart.errors import ModelFolderError, NoModelError, SourceError
from headstart.heads import HEADS, FeatureMap, FittedHead
from headstart.heads.feature_map import Scaling
from headstart.heads.loss_summary import LossSummary
from headstart.io import check_digest, is_file, read_json, read_tensors, write_json, write_tensors
from headstart.model.files.certainty import CERTAINTY_FILE
from headstart.model.files.estimator import read_estimator, write_estimator
from headstart.model.files.soundness import check_head, check_map, check_task
from headstart.sources import open_saved
from headstart.tasks import TASKS, base_kind, task_methods
from headstart.types import Source, Task, Unit

__all__ = [
    "FORMAT_VERSION",
    "check_files",
    "describe_head",
    "describe_source",
    "describe_task",
    "named_if_unreadable",
    "no_model",
    "open_body",
    "read_head",
    "read_task",
    "write_head",
]

FORMAT_VERSION = 4  # of a model that annotates items
SCALING_VERSION = 3  # of a model whose probabilities follow from vector scaling
BLOCKS_VERSION = 2  # of a model whose source gives some of its blocks
PLAIN_VERSION = 1  # of any other: earlier releases open it too
HEAD_FILE = "head.skops"
REQUIRED = ("model.safetensors", "calibration.json")


def describe_task(task: Task) -> dict[str, Any]:
    """The part of ``config.json`` that describes the outputs.

    Examples:
        >>> describe_task(Task("classification", ("ant", "bee")))["id2label"]
        {'0': 'ant', '1': 'bee'}
    """
    return {
        "model_type": "headstart",
        "format_version": PLAIN_VERSION,
        "problem_type": task_methods(task).problem_type,
        "num_labels": task.num_outputs,
        "id2label": {str(i): label for i, label in enumerate(task.labels)},
        "label2id": {label: i for i, label in enumerate(task.labels)},
        "label_column": task.column,
    } | _unusual(task)


def _unusual(task: Task) -> dict[str, Any]:
    """Keys for another kind of task than the three base kinds, and for another unit than items; else none."""
    kind = {} if task.kind == base_kind(task) else {"task_kind": task.kind}
    return kind | ({} if task.unit == "item" else {"unit": task.unit})


def read_task(config: Mapping[str, Any]) -> Task:
    """The task that `describe_task` wrote.

    Examples:
        >>> read_task(describe_task(Task("regression", ("price",), "price")))
        Task(kind='regression', labels=('price',), column='price', unit='item')
    """
    kinds = {TASKS[kind].problem_type: kind for kind in TASKS if TASKS[kind].base == kind}
    kind = config.get("task_kind", kinds[config["problem_type"]])
    if kind not in TASKS or config.get("unit", "item") not in get_args(Unit):
        raise ValueError(f"an unknown task '{kind}' or unit '{config.get('unit')}'")
    labels = tuple(config["id2label"][str(i)] for i in range(min(config["num_labels"], len(config["id2label"]) + 1)))
    task = Task(kind, labels, config["label_column"], config.get("unit", "item"))
    check_task(task)
    return task


def describe_head(head: FittedHead) -> dict[str, Any]:
    """The part of ``config.json`` that describes the features of the head and how it was chosen.

    Examples:
        >>> features = FeatureMap("last layer", ((0, 2),), "unit_norm")
        >>> head = FittedHead(features, "ridge", 1.0, np.eye(2), np.zeros(2), {}, 0.5, ())
        >>> describe_head(head)["head"]
        {'name': 'ridge', 'lambda': 1.0, 'left_out_loss': 0.5}
    """
    feature_map = head.feature_map
    blocks = [list(block) for block in feature_map.blocks]
    return {
        "feature_map": {"name": feature_map.name, "blocks": blocks, "scaling": feature_map.scaling}
        | ({"scalings": list(feature_map.scalings)} if feature_map.scalings else {})
        | ({"width": feature_map.width} if feature_map.width else {}),
        "head": {"name": head.head, "lambda": head.lam if np.isfinite(head.lam) else None, "left_out_loss": head.loss}
        | ({} if head.estimator is None else {"file": HEAD_FILE})
        | ({"class_names_as_rows": head.prior} if head.prior else {})
        | ({} if head.left_out is None else {"left_out": head.left_out.to_dict()}),
    } | ({"format_version": SCALING_VERSION} if "factor" in head.calibration else {})


def describe_source(source: Source, reference: Mapping[str, str]) -> dict[str, Any]:
    """The part of ``config.json`` that describes the source, with the blocks that it gives if these are not all.

    Args:
        source: the model's source.
        reference: as its ``save`` returned it.

    Examples:
        >>> from headstart.sources import open_source
        >>> source = open_source("headstart:image")
        >>> describe_source(source.only_blocks(["layer2"]), {"name": "headstart:image"})["source"]["blocks"]
        ['layer2']
    """
    info = source.info
    every = source.all_blocks() if isinstance(source, BlockSelecting) else info.blocks
    about: dict[str, Any] = {"reference": dict(reference), "info": asdict(info)}
    if not every or info.blocks == every:
        return {"source": about}
    blocks = [block.name for block in info.blocks]
    return {"source": {**about, "blocks": blocks}, "format_version": BLOCKS_VERSION}


def write_head(folder: Path, head: FittedHead) -> None:
    """Write ``model.safetensors``, ``calibration.json`` and, for a head that is not linear, ``head.skops``.

    Raises:
        SaveError: if a third party's head has types that `read_head` would refuse.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> features = FeatureMap("last layer", ((0, 2),), "unit_norm")
        >>> write_head(folder, FittedHead(features, "ridge", 1.0, np.eye(2), np.zeros(2), {}, 0.5, ()))
        >>> sorted(path.name for path in folder.iterdir())
        ['calibration.json', 'model.safetensors']
    """
    tensors: dict[str, NDArray[Any]] = {"head.weight": head.weight, "head.bias": head.bias}
    if head.feature_map.scale.size:
        tensors |= {"features.shift": head.feature_map.shift, "features.scale": head.feature_map.scale}
    if head.feature_map.columns.size:
        tensors["features.columns"] = head.feature_map.columns
    if head.estimator is not None:
        write_estimator(folder / HEAD_FILE, head.estimator)
    write_tensors(folder / "model.safetensors", tensors, {"format": "headstart"})
    write_json(folder / "calibration.json", {name: list(value) for name, value in head.calibration.items()})


def read_head(folder: Path, config: Mapping[str, Any], task: Task) -> FittedHead:
    """The head that `write_head` and `describe_head` wrote; its numbers are checked.

    Args:
        folder: the model's folder.
        config: the content of its ``config.json``.
        task: the label schema of the head's outputs.

    Raises:
        ModelFolderError: if a file is missing or damaged.
        UnknownNameError: if its kind of head is not registered here.
        ValueError: if the parts do not match, or a number is out of its range.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> features = FeatureMap("last layer", ((0, 2),), "unit_norm")
        >>> head = FittedHead(features, "ridge", 1.0, np.eye(2), np.zeros(2), {}, 0.5, ())
        >>> write_head(folder, head)
        >>> read_head(folder, describe_head(head), Task("regression", ("a", "b"))).feature_map.num_features
        2
    """
    tensors = read_tensors(folder / "model.safetensors")
    saved, chosen = config["feature_map"], config["head"]
    scalings = tuple(saved.get("scalings", ()))
    if not {saved["scaling"], *scalings} <= set(get_args(Scaling)):
        raise ValueError(f"scaling {saved['scaling']!r} {scalings}")
    blocks = tuple((int(a), int(b)) for a, b in saved["blocks"])
    shift, scale = (tensors.get(f"features.{name}", np.empty(0)) for name in ("shift", "scale"))
    columns = tensors.get("features.columns", np.empty(0, np.intp))
    if columns.dtype.kind not in "iu":
        raise ValueError(f"'features.columns' of type {columns.dtype}")
    columns = columns.astype(np.intp)
    width = int(saved.get("width", 0))
    feature_map = FeatureMap(saved["name"], blocks, saved["scaling"], shift, scale, scalings, columns, width)
    check_map(feature_map)
    weight, bias = tensors["head.weight"], tensors["head.bias"]
    linear = "file" not in chosen
    calibration = {
        name: np.asarray(value, dtype=np.float64) for name, value in read_json(folder / "calibration.json").items()
    }
    name, lam, loss = HEADS[chosen["name"]].name, _number(chosen["lambda"]), float(chosen["left_out_loss"])
    estimator = None if linear else read_estimator(folder / HEAD_FILE)
    prior = float(chosen.get("class_names_as_rows", 0.0))
    left_out = LossSummary.from_dict(chosen["left_out"]) if "left_out" in chosen else None
    head = FittedHead(
        feature_map, name, lam, weight, bias, calibration, loss, candidates=(), estimator=estimator, prior=prior,
        left_out=left_out,
    )  # fmt: skip
    check_head(head, task)
    return head


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def no_model(folder: Path, message: str) -> ModelFolderError:
    """The error for a folder that cannot be opened: it is not a model, or it is a damaged model.

    Args:
        folder: the folder.
        message: what is wrong.

    Examples:
        >>> no_model(Path("photos"), "'photos' is not a model folder").exit_code
        2
    """
    ours = all(is_file(folder / name) for name in REQUIRED)
    return ModelFolderError(message) if ours else NoModelError(message)


@contextmanager
def named_if_unreadable(folder: Path) -> Iterator[None]:
    """Turn a missing read permission into an error that names the file, since the model is not damaged.

    Args:
        folder: the model's folder.

    Raises:
        ModelFolderError: in place of a `PermissionError`.

    Examples:
        >>> with named_if_unreadable(Path("run")):
        ...     raise PermissionError(13, "Permission denied", "run/config.json")
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: You have no permission to read 'run/config.json'; ...
    """
    try:
        yield
    except PermissionError as error:
        raise ModelFolderError(
            f"You have no permission to read '{error.filename or folder}'; ask the owner of the folder for it."
        ) from error


def check_files(folder: Path, config: Mapping[str, Any]) -> None:
    """Raise unless a known version wrote the folder and none of its files has changed.

    Raises:
        ModelFolderError: if the format is newer, or a file is missing or was added.
        ValueError: if the digests are missing.
        DigestError: if a file has changed.

    Examples:
        >>> check_files(Path("run"), {"model_type": "bert"})
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'run' was not written by this version of headstart (model_type 'bert', ...
    """
    if "encoder" in config:
        raise NoModelError(f"'{folder}' is an encoder, not a model; open it with TransferEncoder.from_pretrained.")
    if config.get("model_type") != "headstart" or config["format_version"] > FORMAT_VERSION:
        raise no_model(
            folder,
            f"'{folder}' was not written by this version of headstart (model_type {config.get('model_type')!r}, "
            f"format {config.get('format_version')}, known up to {FORMAT_VERSION}); update headstart or fit it again.",
        )
    digests = config["sha256"]
    if not isinstance(digests, dict) or not set(REQUIRED) <= set(digests):
        raise ValueError("the digests of its files are missing")
    for name in ("moments.safetensors", CERTAINTY_FILE, HEAD_FILE):
        if (folder / name).is_file() and name not in digests:
            raise ModelFolderError(f"'{folder}/{name}' was not written with this model; remove it.")
    for name in digests:
        inside = PurePosixPath(name.replace("\\", "/"))
        if inside.is_absolute() or ".." in inside.parts:
            raise ModelFolderError(
                f"'{folder}/config.json' names '{name}', which is outside the folder, so it was not read."
            )
        if not is_file(folder / name):
            raise ModelFolderError(f"'{folder}/{name}' is missing; the folder is not complete.")
        check_digest(folder / name, str(digests[name]))
    _check_links(folder)


def _check_links(folder: Path) -> None:
    """Raise if a link leads out of the folder, to a file that is not part of the model."""
    root = folder.resolve()
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise ModelFolderError(
                f"'{path}' is a link to '{path.resolve()}', outside the model's folder; replace it by a copy."
            )


def open_body(folder: Path, saved: Mapping[str, Any], source: Source | None) -> Source:
    """The source that the model was fitted on, or ``source`` if it is the same.

    Args:
        folder: the model's folder.
        saved: the saved reference and facts.
        source: a body to use instead, for models whose source was a torch module of the user.

    Raises:
        SourceError: if the body cannot be opened here, or differs from the one that the model was fitted on.

    Examples:
        >>> saved = {"reference": {"name": "vector"}, "info": {"name": "vector", "modality": "vector", "sha256": None}}
        >>> open_body(Path("run"), saved, None).info.name
        'vector'
    """
    reference, info = saved["reference"], saved["info"]
    opened = source if source is not None else open_saved(reference, folder / "body", info["modality"])
    promised = None if reference["name"].endswith(":.") else reference.get("sha256") or info["sha256"]
    if opened.info.modality != info["modality"] or (promised and opened.info.sha256 != promised):
        raise SourceError(
            f"The model '{folder}' was fitted on '{info['name']}' (sha256 {str(promised)[:16]}), but "
            f"'{opened.info.name}' (sha256 {str(opened.info.sha256)[:16]}) was opened; give that one or fit again."
        )
    return _with_blocks(opened, saved["blocks"]) if "blocks" in saved else opened


def _with_blocks(source: Source, names: object) -> Source:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"blocks that are no list of names: {str(names)[:60]}")
    if not isinstance(source, BlockSelecting):
        raise ValueError(f"blocks of '{source.info.name}', which gives all of its blocks")
    return source.only_blocks(names)
