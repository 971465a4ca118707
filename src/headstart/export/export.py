"""`export`: a model in another format, checked by running it before it is handed over."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from headstart.errors import UsageError
from headstart.export.annotations.answers import model_annotations
from headstart.export.annotations.comparing import NEAR_BOX, AnnotationParity, annotation_gap
from headstart.export.annotations.files import as_given, refuse_annotations
from headstart.export.checking.as_files import as_files
from headstart.export.checking.items import CheckItems, items_to_check, spaced
from headstart.export.checking.parity import TOLERANCE, Parity, difference
from headstart.export.checking.process import run_annotator, run_reader, time_limit
from headstart.export.checking.reference import model_answers
from headstart.export.checking.same_numbers import MOST_SAME, same_numbers
from headstart.export.checking.second import check_second, run_second
from headstart.export.registry import FORMATS, ExportFormat, HoldsAnnotations, Written
from headstart.io import atomic_folder, check_writable, file_digest, follow_umask, write_json
from headstart.model import TransferModel
from headstart.model.annotator import AnnotationModel
from headstart.params import check_number
from headstart.tasks import is_regression

__all__ = ["PARITY", "Exported", "export"]

PARITY = "parity.json"
MOST_PICTURES, MOST_SENTENCES = 24, 200  # to compare on, of models that annotate


@dataclass(frozen=True)
class Exported:
    """An exported model.

    Attributes:
        format: its name.
        folder: where it is.
        parity: what was compared.
        sizes: the bytes of each file.

    Examples:
        >>> from headstart.export.checking.parity import Gap
        >>> same = Gap(0.0, 0.0, 0, 0)
        >>> Exported("onnx", Path("shop"), Parity(3, "items given", same, same, "fp32", "fp32", 0.01, {}, 0.1)).format
        'onnx'
    """

    format: str
    folder: Path
    parity: Parity | AnnotationParity
    sizes: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values.

        Examples:
            >>> from headstart.export.checking.parity import Gap
            >>> same = Gap(0.0, 0.0, 0, 0)
            >>> parity = Parity(3, "items given", same, same, "fp32", "fp32", 0.01, {}, 0.1)
            >>> Exported("onnx", Path("shop"), parity, {"model.onnx": 9}).to_dict()["sizes"]
            {'model.onnx': 9}
        """
        return {
            "format": self.format, "folder": str(self.folder), "sizes": dict(self.sizes),
            "parity": self.parity.to_dict(),
        }  # fmt: skip


def export(
    model: TransferModel | AnnotationModel,
    chosen: str | ExportFormat,
    folder: str | Path,
    *,
    check: Any = None,
    tolerance: float = TOLERANCE,
    overwrite: bool = False,
) -> Exported:
    """Write a model in another format, which runs without Headstart.

    Everything is first written beside the folder, and run there by the format's own runtime in a new process, on up to
    500 items. Only if its answers are those of the model is it handed over; otherwise nothing is left behind.

    Args:
        model: a fitted model.
        chosen: a name in `headstart.export.FORMATS`, or a format with options of its own.
        folder: where to write; it must be new or empty.
        check: the items to compare on: a folder, a table or a list; default: items of the fit that are still where it
            found them, with the same content, and else examples of the install.
        tolerance: the largest difference of a probability that is allowed (of a value: in units of its standard
            deviation over the items); default 0.01. A label that differs is never allowed, unless its two most probable
            labels are within 0.001. Models that annotate are compared on up to 200 sentences or 24 pictures: all spans
            must be equal, all boxes that are shown (intersection over union above 0.999), and 99.9% of the pixels of
            each mask.
        overwrite: whether an earlier export in the folder may be replaced.

    Returns:
        What was written and compared; ``parity.json`` in the folder has it too.

    Raises:
        UnknownNameError: for an unknown format.
        SourceError: if the format cannot hold the model.
        ParityError: if the exported model does not run by itself, or answers otherwise; nothing is left behind.
        UsageError: if the folder holds something else.

    Examples:
        >>> import tempfile
        >>> import numpy as np
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> found = export(model, "onnx", Path(tempfile.mkdtemp()) / "left-or-right", check=rows)
        >>> found.parity.items, found.parity.flips, sorted(found.sizes)
        (20, 0, ['model.onnx', 'model.py'])
    """
    found = FORMATS[chosen] if isinstance(chosen, str) else chosen
    check_number(tolerance, "tolerance", "export", low=0)
    target = Path(folder)
    _check_target(target, overwrite=overwrite)
    with atomic_folder(target) as scratch:
        parity = _checked(model, found, scratch, check, float(tolerance))
        files = {path.relative_to(scratch).as_posix(): path for path in sorted(scratch.rglob("*")) if path.is_file()}
        digests = {name: file_digest(path) for name, path in files.items()}
        about = {"format": found.name, "headstart": version("headstart"), "machine": platform.machine()}
        write_json(scratch / PARITY, {**about, **parity.to_dict(), "sha256": digests})
        follow_umask(scratch)
        sizes = {name: path.stat().st_size for name, path in files.items()}
    return Exported(found.name, target, parity, sizes)


def _checked(
    model: TransferModel | AnnotationModel, chosen: ExportFormat, scratch: Path, check: Any, tolerance: float
) -> Parity | AnnotationParity:
    """Write a model, run what was written, and compare; raises where the answers differ too much."""
    if isinstance(model, AnnotationModel):
        if not isinstance(chosen, HoldsAnnotations):
            raise refuse_annotations(chosen.name, model.task)
        annotated = _annotated(
            model, chosen.write_annotations(model, scratch), chosen, scratch, check=check, tolerance=tolerance
        )
        annotated.check(chosen.name)
        return annotated
    written = chosen.write(model, scratch)
    given = items_to_check(written.model or model, check)
    parity = replace(_compared(model, given, chosen, scratch / written.reader, written), tolerance=tolerance)
    parity.check(chosen.name)
    check_second(parity, chosen.name)
    return parity


def _annotated(
    model: AnnotationModel, written: Written, chosen: ExportFormat, scratch: Path, *, check: Any, tolerance: float
) -> AnnotationParity:
    """The annotations of a reader and those of the model, for the items that the model can read."""
    started, kind = time.perf_counter(), model.task.kind
    given = items_to_check(model, check, most=MOST_SENTENCES if kind == "token" else MOST_PICTURES)
    answers = model_annotations(model, given.items)
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory(prefix="headstart-items-") as place:
        items = as_given(answers.items, Path(place))
        limit = time_limit(len(items), seconds)
        found = run_annotator(scratch / written.reader, items, written.packages, chosen.banned, seconds=limit)
    exact = annotation_gap(answers.exact, found.found, model.task.labels)
    predicted = annotation_gap(answers.predicted, found.found, model.task.labels, same_box=NEAR_BOX)
    return AnnotationParity(
        kind, len(items), given.origin, exact, predicted, tolerance, found.packages, found.seconds, written.facts
    )


def _check_target(target: Path, *, overwrite: bool) -> None:
    """Raise unless the folder is new, empty, or an earlier export that may be replaced."""
    check_writable(target)
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"'{target}' is a file, not a folder; name another folder with --out.")
    if not any(target.iterdir()):
        return
    if not (target / PARITY).is_file():
        raise UsageError(
            f"'{target}' holds something other than an exported model and is left alone; name another folder with "
            "--out."
        )
    if not overwrite:
        raise UsageError(
            f"'{target}' holds an exported model, which is kept; name another folder with --out, or add --overwrite."
        )


def _compared(model: TransferModel, given: CheckItems, chosen: ExportFormat, reader: Path, written: Written) -> Parity:
    """The answers of a reader and those of the model, for the items that the model can read."""
    started, fitted, model = time.perf_counter(), model, written.model or model
    answers = model_answers(model, given.items)
    seconds = time.perf_counter() - started
    facts = dict(written.facts)
    readable = [given.items[k] for k in answers.index]
    with tempfile.TemporaryDirectory(prefix="headstart-items-") as place:
        kind, room = model.source.info.modality, Path(place)
        items = as_files(readable, kind, room) if written.items is None else written.items(readable, room)
        few = spaced(len(readable), MOST_SAME) if written.prepared else []
        ready = written.prepared([readable[k] for k in few], room) if written.prepared else []
        every = [*items, *ready]
        limit = time_limit(len(every), seconds)
        found = run_reader(reader, every, written.packages, chosen.banned, seconds=limit)
        if written.second:
            facts |= run_second(
                reader.with_name(written.second), items, written.second_packages, banned=chosen.banned,
                reference=answers.exact, task=model.task, seconds=limit,
            )  # fmt: skip
    outputs, same = found.outputs[: len(items)], found.outputs[len(items) :]
    exact, predicted = (difference(one, outputs, model.task) for one in (answers.exact, answers.predicted))
    if fitted is not model:
        gap = difference(fitted.predict_proba(readable), outputs, model.task)
        facts["from_the_fitted_model"] = gap.to_dict()
    if few:
        facts |= same_numbers(answers.exact[few], same, model.task)
    return Parity(
        len(readable), given.origin, exact, predicted, answers.exact_runtime, answers.runtime, TOLERANCE,
        found.packages, found.seconds, facts, is_regression(model.task),
    )  # fmt: skip
