"""`load`: open a saved model."""

from __future__ import annotations

from pathlib import Path

from headstart.engine.options import Engine
from headstart.model.annotator import AnnotationModel
from headstart.model.files.annotation_model import annotation_kind
from headstart.model.files.version_files import version_folder
from headstart.model.transfer_model import TransferModel
from headstart.types import Source

__all__ = ["load"]


def load(
    folder: str | Path, *, source: Source | None = None, engine: Engine = Engine(), version: int | None = None
) -> TransferModel | AnnotationModel:
    """Open the model that a fit wrote, or that `TransferModel.save` or ``Run.save`` did.

    Args:
        folder: the run folder.
        source: the body, for models whose source was a torch module of the user.
        engine: how items are encoded: backend, feature store, batch size.
        version: its number in the run folder, as ``headstart log`` shows it; default: the one in force.

    Returns:
        The model: ``predict``, ``predict_proba``, ``update``, ``forget``, and with `headstart.evaluate` its metrics on
        other data; for items with spans, boxes or masks an `AnnotationModel`, which has ``predict``.

    Raises:
        NoModelError: if the folder is not a model, or has no such version.
        ModelFolderError: if it is incomplete or damaged.
        DigestError: if a file has changed since it was written.
        SourceError: if the source cannot be opened here.

    Examples:
        >>> import headstart, tempfile
        >>> rows, labels = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 3, ["low"] * 3 + ["high"] * 3
        >>> run = headstart.fit((rows, labels * 3), baselines="none", verbose=False)
        >>> folder = run.save(tempfile.mkdtemp())
        >>> load(folder).predict([[0.05], [2.05]])
        ['low', 'high']
    """
    if annotation_kind(version_folder(Path(folder), version)) is not None:
        return AnnotationModel.load(folder, source=source, engine=engine, version=version)
    return TransferModel.load(folder, source=source, engine=engine, version=version)
