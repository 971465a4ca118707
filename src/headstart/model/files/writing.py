"""Write the files of a model; of a version that shares its body with an earlier one, the body is a hard link."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from headstart.heads import FittedHead
from headstart.io import file_digest, link_or_copy, read_json, write_json, write_tensors
from headstart.linear.moments import Moments
from headstart.model.certainty import Certainty
from headstart.model.files.certainty import write_certainty
from headstart.model.files.format import describe_head, describe_source, describe_task, write_head
from headstart.types import Source, Task

__all__ = ["WritableModel", "linked_body", "write_model"]

BODY = "body"


class WritableModel(Protocol):
    """A model as versions of a run folder need it.

    Examples:
        >>> from headstart import zero_shot
        >>> model: WritableModel = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> model.folder is None
        True
    """

    @property
    def folder(self) -> Path | None:
        """Where it was loaded from."""
        ...

    def write(self, folder: Path, *, like: Path | None = None) -> None:
        """Write its files into an existing folder; of a folder with the same body, that is linked."""
        ...


def write_model(
    folder: Path,
    source: Source,
    task: Task,
    head: FittedHead,
    *,
    moments: Moments | None,
    certainty: Certainty | None,
    columns: tuple[str, ...],
    like: Path | None = None,
) -> None:
    """Write all files of a model into an existing folder.

    Args:
        folder: the folder.
        source: the body.
        task: the label schema.
        head: the head.
        moments: sufficient statistics; None for none.
        certainty: left-out scores; None for none.
        columns: names of the columns that the model was fitted on.
        like: a folder of a model with the same body, which is then linked, not written; None for none.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from headstart.heads import select_head
        >>> from headstart.sources import open_source
        >>> task, x = Task("classification", ("low", "high")), np.array([[0.0], [0.2], [2.0], [2.2]], np.float32)
        >>> head, folder = select_head(x, np.array([0, 0, 1, 1]), task), Path(tempfile.mkdtemp())
        >>> write_model(folder, open_source("vector"), task, head, moments=None, certainty=None, columns=())
        >>> sorted(path.name for path in folder.iterdir())
        ['calibration.json', 'config.json', 'model.safetensors']
    """
    digests: dict[str, str] = {}
    reference: Any
    if like is None:
        reference = source.save(folder / BODY)
    else:
        reference, digests = linked_body(folder, like)
    write_head(folder, head)
    if moments is not None:
        write_tensors(folder / "moments.safetensors", moments.to_arrays())
    if certainty is not None:
        write_certainty(folder, certainty)
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    config = {
        **describe_task(task),
        "columns": list(columns),
        **describe_source(source, reference),
        **describe_head(head),
        "sha256": {name: digests.get(name) or file_digest(folder / name) for name in names},
    }
    write_json(folder / "config.json", config)


def linked_body(folder: Path, like: Path) -> tuple[Any, dict[str, str]]:
    """Link the body of another version; its reference and the digests of its files are those of that version.

    Args:
        folder: of the new version.
        like: of the other version.

    Examples:
        >>> import tempfile
        >>> from headstart import zero_shot
        >>> old = zero_shot(["parcel", "refund"], source="toy", verbose=False).save(tempfile.mkdtemp())
        >>> linked_body(Path(tempfile.mkdtemp()), old)
        ({'name': 'toy'}, {})
    """
    saved = read_json(like / "config.json")
    for file in sorted((like / BODY).rglob("*")):
        if file.is_file():
            link_or_copy(file, folder / BODY / file.relative_to(like / BODY))
    inside = {name: str(value) for name, value in saved["sha256"].items() if name.startswith(f"{BODY}/")}
    return saved["source"]["reference"], inside
