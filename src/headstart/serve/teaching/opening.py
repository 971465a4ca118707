"""Open a version of a run folder to serve it; versions with the same body share it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from headstart.engine.options import Engine
from headstart.io import file_digest, read_json
from headstart.model import TransferModel
from headstart.model.annotator import AnnotationModel
from headstart.model.files.version_files import POINTER
from headstart.model.loading import load
from headstart.model.versions import current_version
from headstart.serve.batching.annotator import Served, ServedAnnotator
from headstart.serve.batching.served import ServedModel

__all__ = ["open_version", "pointer_stamp", "same_body", "store_name"]


def open_version(run: Path, engine: Engine, *, like: Served | None = None) -> Served:
    """The version of a run folder that is in force, ready to answer.

    Args:
        run: the run folder.
        engine: how items are encoded.
        like: another version; if it has the same body, that is shared, and not loaded again.

    Raises:
        NoModelError: if the folder is not a model.
        ModelFolderError: if it is damaged.

    Examples:
        >>> open_version(Path("nowhere"), Engine())
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'nowhere' is not a model folder (there is no such folder); ...
    """
    number = current_version(run)
    model = load(run, engine=engine, version=number)
    if like is not None and same_body(model, like.model):
        model = replace(model, source=like.model.source)
    served: Served
    if isinstance(model, AnnotationModel):
        served = ServedAnnotator(model, str(number), like=like)
    else:
        served = ServedModel(model, str(number), like=like if isinstance(like, ServedModel) else None)
    served.warm_up()
    return served


def same_body(one: TransferModel | AnnotationModel, other: TransferModel | AnnotationModel) -> bool:
    """Whether two models that were loaded from folders encode items with the same body, to the byte.

    Args:
        one: a model.
        other: another one.

    Examples:
        >>> from headstart import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> same_body(model, model)     # neither has files to compare
        False
    """
    if one.folder is None or other.folder is None:
        return False
    return _body_of(one.folder) == _body_of(other.folder)


def _body_of(folder: Path) -> tuple[Any, dict[str, Any]]:
    config = read_json(folder / "config.json")
    digests = config.get("sha256", {})
    return config.get("source"), {name: value for name, value in digests.items() if name.startswith("body/")}


def pointer_stamp(run: Path) -> tuple[int, int, int]:
    """Changes whenever another version is put in force; cheap enough to ask every second.

    Args:
        run: the run folder.

    Examples:
        >>> pointer_stamp(Path("nowhere"))
        (0, 0, 0)
    """
    try:
        found = (run / POINTER).stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def store_name(run: Path) -> str:
    """The name of a run folder's model in a store that several share; that of a copy of the folder is the same.

    Args:
        run: the run folder.

    Raises:
        NoModelError: if the folder is not a model.

    Examples:
        >>> import tempfile
        >>> from headstart import zero_shot
        >>> len(store_name(zero_shot(["parcel", "refund"], source="toy", verbose=False).save(tempfile.mkdtemp())))
        64
    """
    return file_digest(run / "config.json")  # of the first version: it is never written again
