"""Pickling and copying of a model: it is packed as the files that `TransferModel.save` writes, and opened as these."""

from __future__ import annotations

import copyreg
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from headstart.engine.options import Engine
from headstart.model.transfer_model import TransferModel
from headstart.sources.packing import check_packable, pack_folder, remove_with, unpack_folder

__all__ = ["pack_model", "unpack_model"]


def pack_model(model: TransferModel) -> tuple[Callable[..., TransferModel], tuple[Any, ...]]:
    """The reduction for ``pickle``, ``joblib`` and ``copy``: a function, and its arguments as plain values.

    Args:
        model: the model to pack.

    Raises:
        SourceError: if its source is a torch module of the user.

    Examples:
        >>> import copy
        >>> import numpy as np
        >>> from headstart.heads import select_head
        >>> from headstart.sources import open_source
        >>> from headstart.types import Task
        >>> task = Task("classification", ("low", "high"))
        >>> head = select_head(np.array([[0.0], [0.2], [2.0], [2.2]], np.float32), np.array([0, 0, 1, 1]), task)
        >>> copy.copy(TransferModel(open_source("vector"), task, head)).predict([[2.1]])
        ['high']
    """
    check_packable(model.source)
    with tempfile.TemporaryDirectory(prefix="headstart-pack-") as scratch:
        model.write(Path(scratch))
        files = pack_folder(Path(scratch))
    return unpack_model, (files, dict(model.card), model.engine)


def unpack_model(files: bytes, card: Mapping[str, Any], engine: Engine) -> TransferModel:
    """The model that `pack_model` packed, with the same checks as any saved one.

    Args:
        files: its folder, as an archive.
        card: facts about the fit.
        engine: how items are encoded.

    Raises:
        ModelFolderError: if the files are damaged.
        SourceError: if the source cannot be opened here.

    Examples:
        >>> unpack_model(pack_folder(Path("nowhere")), {}, Engine())
        Traceback (most recent call last):
        headstart.errors.NoModelError: ... is not a model folder (it has no config.json); ...
    """
    folder = unpack_folder(files)
    model = replace(TransferModel.load(folder, engine=engine), card=card)
    remove_with(model.source, folder)
    return model


copyreg.pickle(TransferModel, pack_model)
