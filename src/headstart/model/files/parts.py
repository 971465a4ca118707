"""The parts of a saved model, read from its folder and checked against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headstart.errors import HeadstartError, ModelFolderError, NoModelError
from headstart.heads import FittedHead
from headstart.io import is_file, read_json, read_tensors
from headstart.linear.moments import Moments
from headstart.model.certainty import Certainty
from headstart.model.files.annotation_model import annotation_kind
from headstart.model.files.certainty import check_certainty, read_certainty
from headstart.model.files.format import check_files, named_if_unreadable, no_model, open_body, read_head, read_task
from headstart.model.files.pointer import not_a_model
from headstart.model.files.soundness import check_moments, check_source
from headstart.model.task_folders import task_folders
from headstart.tasks import task_methods
from headstart.types import Source, Task

__all__ = ["Parts", "read_parts"]


@dataclass(frozen=True, eq=False)
class Parts:
    """What the folder of a model holds.

    Attributes:
        source: the body, opened.
        task: the label schema.
        head: the head.
        moments: sufficient statistics of its rows; None if not kept.
        columns: names of the columns that it was fitted on.
        card: the content of ``metrics.json``.
        certainty: left-out scores of the training items; None if not kept.

    Examples:
        >>> read_parts(Path("nowhere"), None)
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'nowhere' is not a model folder (there is no such folder); ...
    """

    source: Source
    task: Task
    head: FittedHead
    moments: Moments | None
    columns: tuple[str, ...]
    card: Mapping[str, Any]
    certainty: Certainty | None


def read_parts(folder: Path, source: Source | None) -> Parts:
    """Read a model's folder, after a check of its digests.

    Args:
        folder: the folder.
        source: the body, for models whose source was a torch module of the user.

    Raises:
        NoModelError: if the folder is not a model.
        ModelFolderError: if it is incomplete or damaged.
        DigestError: if a file has changed since it was written.
        SourceError: if the source cannot be opened here.

    Examples:
        >>> import headstart, tempfile
        >>> rows, labels = np.linspace(0, 2, 18)[:, None], ["low"] * 9 + ["high"] * 9
        >>> run = headstart.fit((rows, labels), baselines="none", verbose=False)
        >>> read_parts(run.save(tempfile.mkdtemp()), None).certainty.units
        18
    """
    with named_if_unreadable(folder):
        several = task_folders(folder)
        if several is not None:
            raise NoModelError(f"'{folder}' holds a model for each of {', '.join(several)}; name one of its folders.")
        if not is_file(folder / "config.json"):
            raise no_model(folder, not_a_model(folder))
        if (kind := annotation_kind(folder)) is not None:
            raise NoModelError(
                f"'{folder}' holds a model of the task '{kind}', which annotates items; this takes models with one "
                "answer for each item. 'headstart predict', 'evaluate', 'update', 'serve' and 'explain' take it, and "
                "headstart.load opens it."
            )
        config = read_json(folder / "config.json")
        try:
            return _checked(folder, config, source)
        except (HeadstartError, PermissionError):
            raise
        except (
            ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError, MemoryError
        ) as error:  # fmt: skip
            reason = str(error) if type(error) is ValueError else repr(error)
            raise ModelFolderError(f"The model '{folder}' is damaged ({reason:.300}); copy or fit it again.") from error


def _checked(folder: Path, config: Mapping[str, Any], source: Source | None) -> Parts:
    check_files(folder, config)
    moments, task = folder / "moments.safetensors", read_task(config)
    head = read_head(folder, config, task)
    parts = Parts(
        source=open_body(folder, config["source"], source),
        task=task,
        head=head,
        moments=Moments.from_arrays(read_tensors(moments)) if moments.is_file() else None,
        columns=tuple(str(name) for name in config["columns"]),
        card=read_json(folder / "metrics.json") if (folder / "metrics.json").is_file() else {},
        certainty=read_certainty(folder),
    )
    check_source(parts.source, head.feature_map)
    if parts.moments is not None:
        check_moments(parts.moments, head, task)
    if parts.certainty is not None:
        check_certainty(parts.certainty, head, task)
    tried = task_methods(task).outputs(head.scores(np.zeros((1, head.feature_map.num_inputs))), head.calibration)
    if tried.shape != (1, task.num_outputs):
        raise ValueError(f"{task.num_outputs} labels, but a head for {tried.shape[1]}")
    if not np.isfinite(tried).all():
        raise ValueError("a head whose outputs are not finite")
    return parts
