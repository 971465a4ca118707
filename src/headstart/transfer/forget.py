"""Exact unlearning: a model without some of its training items, with a certificate of what was removed.

The sums of these items are subtracted from those that determine a closed-form head; the result equals a fit on the
rest. Where subtraction costs digits, and the rows of the rest are at hand, they are summed anew.

Reference: Cao & Yang, "Towards Making Systems Forget with Machine Unlearning", IEEE S&P 2015.

Command: headstart forget RUN IDS
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data import ReadOptions
from headstart.engine.options import Engine
from headstart.errors import DataError, ModelFolderError, UsageError
from headstart.io import file_digest, read_json, write_json
from headstart.linear.moments import Moments
from headstart.model import TransferModel, Updater
from headstart.model.as_fitted import part_of, read_for
from headstart.model.certainty import Certainty
from headstart.model.files.deletion import CERTIFICATE, TO_PURGE, files_of_others
from headstart.model.files.version_files import FEEDBACK_FILE, FIRST, VERSIONS, never_in_force, numbers_of
from headstart.model.updating.solved_again import class_weights, solved_head
from headstart.reporting import Reporter, chosen_reporter
from headstart.reporting.wording import name_some, plural
from headstart.tasks import task_methods
from headstart.transfer.run import Run
from headstart.transfer.teaching.known_items import KnownItems, codes_of, known_items, write_known
from headstart.transfer.teaching.outcome import Taught, report_change
from headstart.transfer.teaching.steps import (
    Opened,
    encoded_items,
    fitted_of,
    moved_note,
    open_for_change,
    read_test,
    timed,
)

__all__ = ["CERTIFICATE", "forget"]

BOUND = 1e-8
"""Largest difference of weights to the fit on the rest, relative to the largest weight, that counts as equal."""


def forget(
    model: TransferModel | Run | str | Path,
    ids: Sequence[str] | None = None,
    data: Any = None,
    *,
    purge: bool = False,
    test: Any = None,
    choose: bool = True,
    label: str | Sequence[str] | None = None,
    item: str | Sequence[str] | None = None,
    engine: Engine | None = None,
    verbose: bool = True,
    reporter: Reporter | None = None,
    command: str | None = None,
) -> Taught:
    """Remove items from a fit, exactly, and keep the result as the next version of the run folder.

    Args:
        model: a run folder, or a run that has one; a model in memory gives a new model, and nothing is written.
        ids: names of items of the fit, as in ``splits.parquet`` of the run folder.
        data: the items themselves, as in `fit`, instead of or besides names. They are found by their content; labels in
            them are only read where the model does not keep those of its items.
        purge: whether to delete the versions that knew one of the items.
        test: labelled data on which the model is judged before and after; default: none.
        choose: whether λ and calibration are chosen anew, where the rows of all items are at hand.
        label: as in `fit`; default: the columns that the model was fitted on.
        item: as in `fit`; default: the columns that the model was fitted on.
        engine: how items are encoded.
        verbose: whether to report progress and results.
        reporter: receives the reports instead.
        command: the command line, for the record.

    Returns:
        The new model, its version and its certificate.

    Raises:
        UsageError: if neither names nor data are given, or nothing would be left of the fit.
        DataError: if an item is not in the fit, its rows are needed but not at hand, or the model cannot be changed.
        SaveError: if the version cannot be written, or another process is writing one.

    Examples:
        >>> import headstart, tempfile
        >>> rows, labels = [[0.0], [0.1], [0.2], [2.0], [2.1], [9.0]] * 3, (["low"] * 3 + ["high"] * 3) * 3
        >>> run = headstart.fit((rows, labels), baselines="none", verbose=False).save(tempfile.mkdtemp())
        >>> found = forget(run, ["5", "11"], verbose=False)
        >>> found.sentence, found.certificate["equal"], found.certificate["moments"]["items"]
        ('2 items were removed.', True, {'before': 18, 'after': 16})
    """
    reporter, clock = chosen_reporter(reporter, verbose=verbose), timed()
    reading = ReadOptions.of(label=label, item=item)
    with clock("read"):
        opened = open_for_change(model, engine)
        updater, known = Updater(opened.model), known_items(opened.model)
        gone = _chosen(opened, known, ids, None if data is None else _AskedData(data, reading), reporter)
    with clock("solve"):
        before = opened.model
        updater.forget_mapped(gone.rows, gone.y, fitted=fitted_of(before, gone.names))
        updater.complete()
        difference = _difference(updater, before)
        if difference is not None and difference > BOUND and updater.refresh():
            updater.complete()
            difference = _difference(updater, before)
        anew = updater.choose() if choose else None
    judged = None
    if test is not None:
        with clock("judge"):
            given = read_test(updater.model, test, reading, None, reporter)
            judged = given.judged(before), given.judged(updater.model)
    knew = _versions_that_knew(opened, gone)
    to_purge = knew if purge else []
    certificate = _certificate(before, updater, gone, difference) | {
        "penalty_chosen_anew": anew,
        "not_unlearned": [*_not_unlearned(before, updater, anew), *_in_folder(opened, knew, to_purge)],
        "versions_that_knew": knew,
        "purged": False,  # it becomes true when the files are gone
        "to_purge": to_purge,
    }
    penalty = before.head.lam, updater.model.head.lam
    found = Taught(
        updater.model, "forget", removed=gone.names, before=judged[0] if judged else None,
        after=judged[1] if judged else None, chosen=anew, penalty=penalty if np.isfinite(penalty).all() else None,
        notes=tuple(certificate["not_unlearned"]), certificate=certificate,
    )  # fmt: skip
    with clock("write"):
        about = {
            "what": "forget", "removed": len(gone.names), "chosen_anew": anew, "command": command,
            "metrics": None if found.after is None else found.to_dict()["after"]["metrics"],
            "seconds": dict(clock.seconds),
        }  # fmt: skip
        write = partial(_write_files, known=known, gone=gone, certificate=certificate)
        found = replace(found, version=opened.write(found.model, about, write, without=to_purge))
    certificate = _with_version(opened, found)
    notes = tuple(certificate["not_unlearned"])
    found = replace(found, seconds=dict(clock.seconds), certificate=certificate, notes=notes)
    _report(found, knew, reporter)
    return found


@dataclass(frozen=True, eq=False)
class _AskedData:
    """Data that hold the items to forget, and how to read them."""

    data: Any
    reading: ReadOptions


@dataclass(frozen=True, eq=False)
class _Gone:
    """The items to remove.

    Attributes:
        names: n ids in the fit.
        places: their positions in the table of items; empty without one.
        contents: digests of their contents; empty without a table.
        rows: (n, num_features) in the features of the head.
        y: their labels as in `Dataset`.
    """

    names: tuple[str, ...]
    places: list[int]
    contents: tuple[str, ...]
    rows: NDArray[Any]
    y: NDArray[Any]


def _chosen(
    opened: Opened, known: KnownItems, ids: Sequence[str] | None, given: _AskedData | None, reporter: Reporter
) -> _Gone:
    if not ids and given is None:
        raise UsageError("Name the items to forget by their ids, or give the items themselves.")
    kept = opened.model.certainty
    names = list(dict.fromkeys(ids or ()))
    _check_known(known, kept, names)
    if given is None:
        if kept is None or kept.rows is None:
            raise DataError(
                "This model keeps no rows of its training items, so names are not enough; give the items themselves."
            )
        return _by_name(known, kept, names)
    return _by_content(opened, known, names, given, reporter)


def _check_known(known: KnownItems, kept: Certainty | None, names: Sequence[str]) -> None:
    there = set(known.places) | (set(kept.ids) if kept is not None else set())
    missing = [name for name in names if name not in there]
    if missing:
        raise DataError(
            f"{plural(len(missing), 'item is', 'items are')} not in the fit: {name_some(missing)}; ids are those in "
            "splits.parquet of the version."
        )


def _by_name(known: KnownItems, kept: Certainty, names: Sequence[str]) -> _Gone:
    place = {name: k for k, name in enumerate(kept.ids)}
    unkept = [name for name in names if name not in place]
    if unkept or kept.rows is None:
        raise DataError(f"The model keeps no rows of {name_some(unkept)}; give the items themselves.")
    index = [place[name] for name in names]
    places = [known.places[name] for name in names if name in known.places]
    contents = tuple(str(known.table["content"][k]) for k in places)
    return _Gone(tuple(names), places, contents, kept.rows[index], kept.y[index])


def _by_content(
    opened: Opened, known: KnownItems, names: Sequence[str], asked: _AskedData, reporter: Reporter
) -> _Gone:
    """Items found by what they hold, with rows that are encoded again unless the model keeps them."""
    model, kept = opened.model, opened.model.certainty
    dataset, _ = part_of(read_for(model, asked.data, asked.reading), "all")
    given = encoded_items(model, dataset, reporter)
    positions: dict[str, int] = {}
    for k, content in enumerate(given.contents):
        if content in known.contents:
            positions.setdefault(str(known.table["id"][known.contents[content]]), k)
    absent = [given.dataset.ids[k] for k, content in enumerate(given.contents) if content not in known.contents]
    if absent:
        reporter.warning(f"{plural(len(absent), 'item is', 'items are')} not in the fit: {name_some(absent)}")
    every = list(dict.fromkeys([*names, *positions]))
    if not every:
        raise DataError(f"None of the {len(given.contents)} items is in the fit; give items of the fit, unchanged.")
    if kept is not None and kept.rows is not None and set(every) <= set(kept.ids):
        return _by_name(known, kept, every)
    if set(every) != set(positions):
        raise DataError("The model keeps no rows of its items; give all items to forget themselves, not by name.")
    index = [positions[name] for name in every]
    task, y = given.dataset.labelled()
    words = [known.table["label"][known.places[name]] for name in every]
    labels = codes_of(task, [str(one) for one in words]) if None not in words else y[index]
    chosen = given.take(index)
    places = [known.places[name] for name in every]
    return _Gone(tuple(every), places, chosen.contents, np.asarray(model.head.feature_map(chosen.rows[:])), labels)


def _difference(updater: Updater, before: TransferModel) -> float | None:
    """The largest difference of weights to a fit on the rows that are left, relative to the largest weight."""
    model, kept = updater.model, updater.kept
    if not updater.exact or kept is None or kept.rows is None or before.head.prior:
        return None
    weights, by_class = np.ones(len(kept.ids)), class_weights(model.head, model.task)
    if by_class is not None:
        weights = by_class[kept.y]
    if kept.weights is not None:
        weights[kept.index[kept.weights == 0]] = 0.0
    targets = task_methods(model.task).targets(kept.y, model.task.num_outputs)
    again, _ = solved_head(model.head, model.task, Moments.from_rows(kept.rows, targets, weights))
    size = max(float(np.abs(again.weight).max(initial=0.0)), 1e-300)
    return float(np.abs(again.weight - model.head.weight).max(initial=0.0)) / size


def _versions_that_knew(opened: Opened, gone: _Gone) -> list[int]:
    """Numbers of the versions that hold one of the items; where contents are not known, all of them."""
    all_known = len(gone.contents) == len(gone.names)
    if opened.run is None:
        return []
    found = []
    for number in sorted([*numbers_of(opened.run), *never_in_force(opened.run)]):
        place = opened.run if number == FIRST else opened.run / VERSIONS / str(number)
        model = replace(opened.model, folder=place, certainty=None)
        try:
            known = known_items(model).contents
        except ModelFolderError:  # it cannot be told
            known = {}
        if not all_known or not known or set(gone.contents) & set(known):
            found.append(number)
    return found


def _certificate(before: TransferModel, updater: Updater, gone: _Gone, difference: float | None) -> dict[str, Any]:
    after = updater.model
    return {
        "what": "exact removal of items from a closed-form fit" if updater.exact else "fit again on the other items",
        "items": {"removed": len(gone.names), "sha256": sorted(_digest(name.encode()) for name in gone.names)},
        "moments": {
            "items": {"before": _count(before.moments), "after": _count(after.moments)},
            "sha256": {"before": _moments_digest(before.moments), "after": _moments_digest(after.moments)},
        },
        "largest_difference_to_refit": difference,
        "bound": BOUND,
        "equal": None if difference is None else difference <= BOUND,
    }


def _not_unlearned(before: TransferModel, updater: Updater, anew: bool | None) -> list[str]:
    found = [moved_note(before, "forget") or f"The weights of the source '{before.source.info.name}' are unchanged."]
    found.append("Which layers and which kind of head are used was chosen when the items were there, and stays.")
    if not anew:
        found.append("λ and calibration were chosen when the items were there, and stay.")
    if updater.model.certainty is None:
        found.append("No left-out scores can be computed without the rows, so no coverage can be promised any more.")
    found.append("The feature store may hold their rows, and reports of the fit may show them.")
    return found


def _in_folder(opened: Opened, knew: Sequence[int], to_purge: Sequence[int]) -> list[str]:
    """What in the run folder may still hold the items: versions, files that are not of the run, corrections."""
    if opened.run is None:
        return []
    found = [TO_PURGE] if to_purge else []
    if knew and not to_purge:
        versions = ", ".join(map(str, knew))
        found.append(f"The run folder still holds versions that knew them ({versions}); --purge deletes these.")
    for number in to_purge:
        place = opened.run if number == FIRST else opened.run / VERSIONS / str(number)
        names = [name if number == FIRST else f"{VERSIONS}/{number}/{name}" for name in files_of_others(place)]
        if names:
            found.append(
                f"Files in the run folder that are not of the run stay, and may hold them: {name_some(names)}."
            )
    if (opened.run / FEEDBACK_FILE).is_file():
        found.append(
            f"'{FEEDBACK_FILE}' in the run folder keeps the corrections that a server got, and may hold these items."
        )
    return found


def _count(moments: Moments | None) -> int | None:
    return None if moments is None else moments.n


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _moments_digest(moments: Moments | None) -> str | None:
    if moments is None:
        return None
    found = hashlib.sha256()
    for name, values in sorted(moments.to_arrays().items()):
        found.update(name.encode() + np.ascontiguousarray(values).tobytes())
    return found.hexdigest()


def _write_files(folder: Path, known: KnownItems, gone: _Gone, certificate: dict[str, Any]) -> None:
    write_known(folder, known, without=gone.places)
    write_json(folder / CERTIFICATE, certificate | {"model_sha256": file_digest(folder / "model.safetensors")})


def _with_version(opened: Opened, found: Taught) -> dict[str, Any]:
    """The certificate as the folder of the version holds it, with the version; of a model in memory, its own."""
    if found.version is None:
        return dict(found.certificate or {})
    certificate = read_json(found.version.folder / CERTIFICATE)
    return certificate | {"run": str(opened.run), "version": found.version.number}


def _report(found: Taught, knew: Sequence[int], reporter: Reporter) -> None:
    reporter.result("forget", found.sentence)
    certificate = found.certificate or {}
    if (difference := certificate["largest_difference_to_refit"]) is not None:
        equal = "equal to" if certificate["equal"] else "NOT equal to"
        reporter.line("check", f"{equal} a fit on the other items; largest relative difference {difference:.1e}")
    if certificate["purged"]:
        reporter.line("purged", f"versions {', '.join(map(str, knew))}")
    report_change(found, reporter)
