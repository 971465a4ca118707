"""The file ``certainty.safetensors``: left-out scores and rows of the training items, checked on reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads import FittedHead
from headstart.io import read_tensors, write_tensors
from headstart.model.certainty import Certainty
from headstart.tasks import is_classification
from headstart.types import Task

__all__ = ["CERTAINTY_FILE", "check_certainty", "read_certainty", "write_certainty"]

CERTAINTY_FILE = "certainty.safetensors"
ASYMMETRY = 1e-6  # largest difference between two halves of a symmetric matrix, relative to its largest entry
LEAST_EIGENVALUE = 1e-15  # relative to the largest one
LARGEST = 1e60  # of a score; a row is at most as large as a feature, 1e30


def write_certainty(folder: Path, certainty: Certainty) -> None:
    """Write the file into a model's folder; rows of more than 64 MiB are left out.

    Args:
        folder: the model's folder.
        certainty: what the fit keeps.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> kept = Certainty(("a", "b"), np.array([0, 1]), np.array([0, 1]), np.eye(2), "leave-one-out")
        >>> write_certainty(folder, kept)
        >>> read_certainty(folder).ids
        ('a', 'b')
    """
    certainty = certainty.bounded_rows()
    about = json.dumps({"ids": list(certainty.ids), "how": certainty.how}).encode()
    tensors: dict[str, NDArray[Any]] = {
        "about": np.frombuffer(about, np.uint8), "y": certainty.y, "index": certainty.index.astype(np.int64),
        "scores": certainty.scores,
    }  # fmt: skip
    write_tensors(folder / CERTAINTY_FILE, tensors | dict(certainty.optional), {"format": "headstart"})


def read_certainty(folder: Path) -> Certainty | None:
    """What `write_certainty` wrote, not yet checked; None for the folder of an earlier release.

    Args:
        folder: the model's folder.

    Raises:
        ModelFolderError: if the file is damaged.
        ValueError: if a part is missing.

    Examples:
        >>> read_certainty(Path("nowhere")) is None
        True
    """
    if not (folder / CERTAINTY_FILE).is_file():
        return None
    tensors = read_tensors(folder / CERTAINTY_FILE)
    missing = {"about", "y", "index", "scores"} - set(tensors)
    if missing or tensors["about"].dtype != np.uint8:
        raise ValueError(f"'{CERTAINTY_FILE}' without {', '.join(sorted(missing)) or 'names'}")
    about = json.loads(tensors["about"].tobytes().decode())
    ids, how = about["ids"], about["how"]
    if not isinstance(ids, list) or not all(isinstance(name, str) for name in [*ids, how]):
        raise ValueError(f"'{CERTAINTY_FILE}' with names that are no texts")
    _check_integers(tensors)
    groups = tensors.get("groups")
    return Certainty(
        tuple(ids), tensors["y"], tensors["index"].astype(np.intp), tensors["scores"], how,
        None if groups is None else groups.astype(np.int64), tensors.get("rows"), tensors.get("solved"),
        tensors.get("leverage"), tensors.get("within"), tensors.get("weights"),
    )  # fmt: skip


def _check_integers(tensors: dict[str, NDArray[Any]]) -> None:
    for name in ("index", "groups"):
        if name in tensors and (tensors[name].dtype.kind not in "iu" or tensors[name].ndim != 1):
            raise ValueError(f"'{name}' of type {tensors[name].dtype} and shape {tensors[name].shape}")


def check_certainty(certainty: Certainty, head: FittedHead, task: Task) -> None:
    """Raise `ValueError` unless the parts are finite, in range, and fit the head and each other.

    Scores of minus infinity are those of a class that has no other rows.

    Args:
        certainty: as read.
        head: the model's head.
        task: its label schema.

    Examples:
        >>> from headstart.heads import FeatureMap
        >>> features = FeatureMap("x", ((0, 1),), "none")
        >>> head = FittedHead(features, "ridge", 1.0, np.ones((1, 2)), np.zeros(2), {}, 0.5, ())
        >>> kept = Certainty(("a",), np.array([7]), np.array([0]), np.zeros((1, 2)), "leave-one-out")
        >>> check_certainty(kept, head, Task("classification", ("x", "y")))
        Traceback (most recent call last):
        ValueError: 'y' holds labels that the model does not have
    """
    n, m, k = len(certainty.ids), len(certainty.index), task.num_outputs
    _check_labels(certainty.y, n, task)
    index = certainty.index
    if not 0 < m <= n or index.min() < 0 or index.max() >= n or (np.diff(index) <= 0).any():
        raise ValueError("'index' that names no different items in their order")
    groups = certainty.groups
    if groups is not None and (groups.shape != (n,) or groups.min() < 0 or groups.max() >= n):
        raise ValueError(f"'groups' of shape {groups.shape} for {n} items, or out of range")
    lowest = is_classification(task) and certainty.scores.dtype.kind == "f"
    _check_numbers("scores", np.where(np.isneginf(certainty.scores), 0, certainty.scores) if lowest else
                   certainty.scores, (m, k))  # fmt: skip
    shapes = {"solved": (m, k), "leverage": (m,), "weights": (m,), "rows": (n, head.feature_map.num_features)}
    for name, value in certainty.optional.items():
        if name in shapes:
            _check_numbers(name, value, shapes[name])
    _check_ranges(certainty, k)


def _check_labels(y: NDArray[Any], n: int, task: Task) -> None:
    wanted = (n,) if is_classification(task) else (n, task.num_outputs)
    if y.shape != wanted or y.dtype.kind not in ("iu" if is_classification(task) else "f"):
        raise ValueError(f"'y' of type {y.dtype} and shape {y.shape} for {n} items")
    if is_classification(task) and n and (y.min() < 0 or y.max() >= task.num_outputs):
        raise ValueError("'y' holds labels that the model does not have")
    if not is_classification(task):
        _check_numbers("y", y, wanted)


def _check_ranges(certainty: Certainty, k: int) -> None:
    leverage, weights, within = certainty.leverage, certainty.weights, certainty.within
    if leverage is not None and ((leverage < -1e-6) | (leverage > 1 + 1e-6)).any():
        raise ValueError("'leverage' that does not lie between 0 and 1")
    if weights is not None and (weights < 0).any():
        raise ValueError("'weights' below 0")
    if within is not None:
        classes = len(within)
        if classes > k:
            raise ValueError(f"'within' of {classes} classes for {k} labels")
        _check_numbers("within", within, (classes, classes))
        _check_scatter(within)


def _check_scatter(within: NDArray[np.float64]) -> None:
    """Raise unless the matrix can be inverted as the sets of LDA do: together with the direction of ones."""
    scale = float(np.abs(within).max())
    if np.abs(within - within.T).max() > ASYMMETRY * scale:
        raise ValueError("'within' that is not symmetric")
    values = np.linalg.eigvalsh((within + within.T) / 2 + scale / len(within))
    if len(within) > 1 and values[0] <= LEAST_EIGENVALUE * values[-1]:
        raise ValueError("'within' that is not positive definite, or too ill-conditioned to be inverted")


def _check_numbers(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> None:
    if values.dtype.kind != "f" or values.shape != shape:
        raise ValueError(f"'{name}' of type {values.dtype} and shape {values.shape}")
    if not np.isfinite(values).all() or float(np.abs(values).max(initial=0)) > LARGEST:
        raise ValueError(f"'{name}' holds NaN, infinite or absurdly large numbers")
