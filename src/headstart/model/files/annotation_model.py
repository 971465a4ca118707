"""The files of a saved model that annotates items: spans of words, boxes or masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.errors import HeadstartError, ModelFolderError, NoModelError
from headstart.heads.annotating.contract import ANNOTATION_HEADS, AnnotationHead
from headstart.heads.annotating.sums import ANNOTATION_SUMS, HeadSums
from headstart.io import file_digest, is_file, read_json, read_tensors, write_json, write_tensors
from headstart.model.files.format import (
    FORMAT_VERSION,
    check_files,
    describe_source,
    named_if_unreadable,
    open_body,
)
from headstart.model.files.soundness import check_task
from headstart.model.files.writing import linked_body
from headstart.tasks.annotations import ANNOTATION_TASKS
from headstart.types import ANNOTATION_KINDS, Source, Task

__all__ = ["AnnotationParts", "annotation_kind", "read_annotation_model", "write_annotation_model"]

KEY, SUMS = "annotation_head", "annotation_sums"
MOMENTS = "moments.safetensors"


@dataclass(frozen=True, eq=False)
class AnnotationParts:
    """What the folder of such a model holds.

    Attributes:
        source: the body, opened.
        task: the label schema.
        head: the head.
        card: the content of ``metrics.json``.
        sums: what a closed-form head was solved from; None if not kept.
    """

    source: Source
    task: Task
    head: AnnotationHead
    card: Mapping[str, Any]
    sums: HeadSums | None = None


def annotation_kind(folder: Path) -> str | None:
    """The kind of annotation task of a saved model; None for any other folder.

    Args:
        folder: a model's folder, or any other.

    Examples:
        >>> annotation_kind(Path("nowhere")) is None
        True
    """
    if not is_file(folder / "config.json"):
        return None
    try:
        config = read_json(folder / "config.json")
    except ModelFolderError:
        return None
    kind = config.get("task_kind")
    return str(kind) if KEY in config and kind in ANNOTATION_KINDS else None


def write_annotation_model(
    folder: Path,
    source: Source,
    task: Task,
    head: AnnotationHead,
    *,
    sums: HeadSums | None = None,
    like: Path | None = None,
) -> None:
    """Write all files of such a model into an existing folder.

    Args:
        folder: the folder.
        source: the body.
        task: the label schema.
        head: the head.
        sums: what it was solved from; None for none.
        like: a folder of a model with the same body, which is then linked, not written; None for none.

    Examples:
        >>> import tempfile
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> folder = tempfile.mkdtemp()
        >>> model = fit(made_sentences(5), source="toy", baselines="none", verbose=False).model
        >>> write_annotation_model(Path(folder), model.source, model.task, model.head)
        >>> annotation_kind(Path(folder)), read_annotation_model(Path(folder), None).task.labels
        ('token', ('firm', 'person', 'place', 'product'))
    """
    digests: dict[str, str] = {}
    reference: Any
    if like is None:
        reference = source.save(folder / "body")
    else:
        reference, digests = linked_body(folder, like)
    write_tensors(folder / "model.safetensors", dict(head.tensors()), {"format": "headstart"})
    if sums is not None:
        write_tensors(folder / MOMENTS, dict(sums.tensors()))
    write_json(folder / "calibration.json", {})
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    config = {
        **_described(task),
        **describe_source(source, reference),
        "format_version": FORMAT_VERSION,
        KEY: {"name": head.name, "facts": dict(head.facts())},
        "sha256": {name: digests.get(name) or file_digest(folder / name) for name in names},
    } | ({} if sums is None else {SUMS: dict(sums.facts())})
    write_json(folder / "config.json", config)


def _described(task: Task) -> dict[str, Any]:
    return {
        "model_type": "headstart",
        "problem_type": ANNOTATION_TASKS[task.kind].problem_type,
        "task_kind": task.kind,
        "num_labels": task.num_outputs,
        "id2label": {str(i): label for i, label in enumerate(task.labels)},
        "label2id": {label: i for i, label in enumerate(task.labels)},
        "label_column": task.column,
    }


def read_annotation_model(folder: Path, source: Source | None) -> AnnotationParts:
    """Read the folder of such a model, after a check of its digests.

    Args:
        folder: the folder.
        source: the body, for models whose source was a torch module of the user.

    Raises:
        NoModelError: if the folder is not such a model.
        ModelFolderError: if it is incomplete or damaged.
        DigestError: if a file has changed since it was written.
        SourceError: if the source cannot be opened here.

    Examples:
        >>> read_annotation_model(Path("nowhere"), None)
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'nowhere' is not the folder of a model that annotates items; ...
    """
    with named_if_unreadable(folder):
        if annotation_kind(folder) is None:
            raise NoModelError(
                f"'{folder}' is not the folder of a model that annotates items; give one that 'headstart fit' wrote "
                "for sentences with spans, or for pictures with boxes or masks."
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


def _checked(folder: Path, config: Mapping[str, Any], source: Source | None) -> AnnotationParts:
    check_files(folder, config)
    task, saved = _task(config), config[KEY]
    kind = ANNOTATION_HEADS[saved["name"]]
    if kind.kind != task.kind:
        raise ValueError(f"the head '{saved['name']}' for a task of the kind '{task.kind}'")
    head = kind.from_saved(read_tensors(folder / "model.safetensors"), saved["facts"], task)
    metrics = folder / "metrics.json"
    card = read_json(metrics) if metrics.is_file() else {}
    return AnnotationParts(
        open_body(folder, config["source"], source), task, head, card, _sums(folder, config, head, task)
    )


def _sums(folder: Path, config: Mapping[str, Any], head: AnnotationHead, task: Task) -> HeadSums | None:
    if not (folder / MOMENTS).is_file():
        return None
    facts = config[SUMS]
    if not isinstance(facts, dict):
        raise ValueError("the facts of the moments are no mapping")
    return ANNOTATION_SUMS[head.name].from_saved(read_tensors(folder / MOMENTS), facts, head, task)


def _task(config: Mapping[str, Any]) -> Task:
    count = min(int(config["num_labels"]), len(config["id2label"]))
    task = Task(config["task_kind"], tuple(config["id2label"][str(i)] for i in range(count)), config["label_column"])
    check_task(task)
    return task
