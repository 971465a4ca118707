"""``headstart distill``."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.cli.input.arguments import command_line, engine_of, reading_options, seconds_of, training_of
from headstart.cli.output.console import ConsoleReporter, json_text, reporter_of, write_line
from headstart.engine.body.recipe import recipe_key
from headstart.engine.cache.folder import training_entry
from headstart.errors import UsageError
from headstart.io import atomic_folder, read_json, write_json
from headstart.tasks import is_classification
from headstart.types import Dataset, Source, SourceInfo

if TYPE_CHECKING:
    from headstart.tune.distillation.distill import Distilled
    from headstart.tune.distillation.teachers import Teacher

__all__ = ["run"]

NOT_DISTILLED = ("mixup", "cutmix", "label_smoothing", "dropout")  # settings of a training on labels


def run(args: argparse.Namespace) -> int:
    """Train a small body to reproduce the outputs of larger ones, and write it as a checkpoint.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["distill", "no-such-folder", "--teacher", "toy", "--out", "small"])   # the reason goes to stderr
        2
    """
    from headstart.data import ReadOptions
    from headstart.sources.bodies.trainable import TrainableSource
    from headstart.tasks import read_labelled
    from headstart.transfer.pretraining.folder import check_new
    from headstart.tune.distillation.distill import DistillationLoss, distilled
    from headstart.tune.training.chosen import with_chosen
    from headstart.tune.training.settings import Budget, Training

    out, limit = Path(args.out), seconds_of(args)
    training = with_chosen(Training(), training_of(args), unused=NOT_DISTILLED)
    check_new(out)
    reporter = reporter_of(args)
    dataset = _training_part(
        read_labelled(args.data, ReadOptions.of(labelled=False, **reading_options(args))), reporter
    )
    with reporter.progress("opening the sources"):
        teachers = [_teacher(name, dataset) for name in args.teacher]
        student = _student(args, dataset)
        if not isinstance(student, TrainableSource):
            raise UsageError(f"The student '{student.info.name}' has no body that can be fine-tuned; name another one.")
    _report_bodies(teachers, student, dataset, reporter)
    key = recipe_key("distill", str(out.resolve()))
    # checkpoints of the training are kept under the name of --out: the same command resumes a killed run
    folder = None if args.no_cache else training_entry(key, student.info.name, "distillation")
    with reporter.progress("distilling") as step:
        found = distilled(
            teachers, student, dataset.items, loss=DistillationLoss(rows=args.loss),
            training=training, seed=args.seed,
            budget=Budget(seconds=limit, folder=folder, logs=folder and folder / "logs", progress=step),
            engine=engine_of(args),
        )  # fmt: skip
    for position, reason in found.failures.items():
        reporter.warning(f"Set aside {dataset.ids[position]}: {reason}")
    record = _record(found, teachers, student, len(dataset) - len(found.failures), args)
    _write(found, folder, out, record)
    return _report_result(args, out, record, reporter)


def _training_part(dataset: Dataset, reporter: ConsoleReporter) -> Dataset:
    """Only the training part of a given split, so that the student can be evaluated on the other parts."""
    from headstart.data.folder.layout import parse_layout

    split = dataset.split
    if split is None and dataset.modality in ("image", "audio"):
        parts = {place.path: place.split or "" for place in parse_layout(dataset.ids).places}
        split = np.array([parts.get(name, "") for name in dataset.ids])
    if split is None or "train" not in split:
        return dataset
    reporter.line("read", "Took the training part of the given split; the other parts are kept for evaluation.")
    return dataset.take(np.flatnonzero(split == "train"))


def _teacher(name: str, dataset: Dataset) -> Teacher:
    """The fitted model of a run folder, or else the source of that name."""
    from headstart.model import TransferModel
    from headstart.sources.default import source_for

    config = Path(name) / "config.json"
    if not config.is_file() or read_json(config).get("model_type") != "headstart":
        return source_for(dataset, name, option="--teacher")
    model = TransferModel.load(name)
    if model.source.info.modality != dataset.modality:
        raise UsageError(
            f"The teacher '{name}' reads {model.source.info.modality} items, but the data hold {dataset.modality} "
            "items; name another one with --teacher."
        )
    return model


def _student(args: argparse.Namespace, dataset: Dataset) -> Source:
    from headstart.sources.default import SMALL, source_for

    if args.architecture is None:
        if args.side is not None:
            raise UsageError("--side goes with --architecture; give both, or a student with --student alone.")
        return source_for(dataset, args.student or SMALL.get(dataset.modality), option="--student")
    from headstart.sources.spectrogram import Spectrogram
    from headstart.sources.timm_architecture import timm_architecture

    if dataset.modality not in ("image", "audio"):
        raise UsageError(f"--architecture names a body for pictures, but the data hold {dataset.modality} items.")
    fresh = timm_architecture(args.architecture, side=args.side, seed=args.seed)
    # sounds reach a body for pictures as spectrograms
    return Spectrogram(fresh) if dataset.modality == "audio" else fresh


def _report_bodies(teachers: Sequence[Teacher], student: Source, dataset: Dataset, reporter: ConsoleReporter) -> None:
    reporter.line("data", f"{len(dataset)} {dataset.modality} items")
    for teacher in teachers:
        reporter.line("teacher", _description(_source_of(teacher).info) + _targets_note(teacher))
    reporter.line("student", _description(student.info))


def _description(info: SourceInfo) -> str:
    size = f", {info.parameters / 1e6:.1f} M parameters" if info.parameters else ""
    return f"{info.name}{size}" + (f", licence {info.license}" if info.license else "")


def _targets_note(teacher: Teacher) -> str:
    """Which outputs of a fitted teacher are targets, and what that means for evaluation; empty for a source."""
    from headstart.model import TransferModel

    if not isinstance(teacher, TransferModel):
        return ""
    if not is_classification(teacher.task):
        return f"; only its features are targets, since its predictions are those of a {teacher.task.kind} task"
    return "; its predictions are targets too: they reflect labels of its training data, so judge on other items"


def _source_of(teacher: Teacher) -> Source:
    from headstart.model import TransferModel

    return teacher.source if isinstance(teacher, TransferModel) else teacher


def _record(
    found: Distilled, teachers: Sequence[Teacher], student: Source, items: int, args: argparse.Namespace
) -> dict[str, Any]:
    outcome = found.outcome
    return {
        "command": command_line(args),
        "student": student.info.name,
        "parameters": found.source.info.parameters,
        "teachers": [
            {"given": given, "name": info.name, "license": info.license}
            for given, info in zip(args.teacher, (_source_of(one).info for one in teachers), strict=True)
        ],
        "items": items,
        "failures": len(found.failures),
        "loss": {"rows": args.loss, "before": outcome.start_loss, "after": outcome.loss},
        "training": {
            "stopped": outcome.stopped, "epochs": outcome.epochs, "steps": outcome.steps, "seconds": outcome.seconds,
            "items_per_second": outcome.items_per_second, "seed": args.seed, "note": outcome.note, "kept": outcome.kept,
            "settings": training_of(args),
        },
        "history": list(outcome.history),
    }  # fmt: skip


def _write(found: Distilled, folder: Path | None, out: Path, record: dict[str, Any]) -> None:
    from shutil import copyfile, rmtree

    with atomic_folder(out) as scratch:
        found.source.save(scratch)
        write_json(scratch / "distillation.json", record)
        _join_licences(scratch, record)
        if folder is not None and (folder / "logs" / "training.csv").is_file():
            copyfile(folder / "logs" / "training.csv", scratch / "training.csv")
    if folder is not None:
        rmtree(folder, ignore_errors=True)


def _join_licences(folder: Path, record: dict[str, Any]) -> None:
    """Add the licences of the teachers to the student's, since it was trained on their outputs."""
    # a body for sounds holds its body for pictures in a sub-folder
    for config in (folder / "config.json", folder / "image" / "config.json"):
        facts = read_json(config) if config.is_file() else {}
        if isinstance(facts.get("pretrained_cfg"), dict):
            known = [facts["pretrained_cfg"].get("license"), *(one["license"] for one in record["teachers"])]
            facts["pretrained_cfg"]["license"] = ", ".join(dict.fromkeys(one or "not stated" for one in known))
            write_json(config, facts)


def _report_result(args: argparse.Namespace, out: Path, record: dict[str, Any], reporter: ConsoleReporter) -> int:
    if args.json:
        write_line(json_text({"out": str(out), **{k: v for k, v in record.items() if k != "history"}}))
        return 0
    loss, training = record["loss"], record["training"]
    reporter.line(
        "distilled",
        f"loss on held-out items {loss['before']:.3f} -> {loss['after']:.3f}; {training['epochs']} epochs, "
        f"{training['seconds']:.0f} s, {training['items_per_second']:.0f} items/s",
    )
    if training["note"]:
        reporter.warning(training["note"])
    if training["stopped"] == "time":
        reporter.line("", "the time limit ended the training; more time may give a better body")
    reporter.line("saved", f"{out}: a checkpoint of {record['parameters'] / 1e6:.1f} M parameters")
    reporter.line("next", f"headstart fit DATA --source {shlex.quote(f'local:{out}')}")
    return 0
