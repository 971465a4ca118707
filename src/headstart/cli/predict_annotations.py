"""``headstart predict`` with a model that marks spans of words, or draws boxes or masks."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.annotations import plain_annotation
from headstart.cli.input.arguments import engine_of
from headstart.cli.output.annotation_files import AnnotationTarget, annotation_target
from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.cli.output.out_file import check_out_file
from headstart.errors import UsageError
from headstart.heads.boxes.detections import limit_note
from headstart.io import atomic_file, write_csv
from headstart.model.files.annotation_model import annotation_kind
from headstart.reporting.terminal import in_letters_of
from headstart.reporting.text import printable
from headstart.reporting.wording import plural

if TYPE_CHECKING:
    from headstart.cli.input.items import Gathered

__all__ = ["run"]

FORMATS = (".jsonl", ".json", ".csv")
CERTAINTY = {
    "--coverage": "coverage", "--max-error": "max_error", "--novel": "novel", "--priors": "priors",
}  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Predict; items that cannot be read are reported and make the exit code 1.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["predict", "no-such-model", "an item"])     # the reason goes to standard error
        2
    """
    from headstart.cli.input.items import gather_items
    from headstart.model.annotator import AnnotationModel
    from headstart.model.as_fitted import check_any_left

    reporter = reporter_of(args, sys.stderr)
    _refuse(args)
    target = _target(args)
    out = None if args.out is None or target is not None else check_out_file(args.out, FORMATS, args.items)
    model = AnnotationModel.load(args.model, engine=engine_of(args), version=args.version)
    given = gather_items(args.items, model, item=args.item, task=model.task.kind)
    for note in given.notes:
        reporter.line("read", note)
    with reporter.progress("predicting") as step:
        found = model.predict_readable(given.items, progress=step)
    index = given.index
    failures = {**given.failures, **{int(index[place]): reason for place, reason in found.failures.items()}}
    check_any_left(len(found.index), given.names, failures)
    answers = {
        int(index[place]): plain_annotation(item, annotation, model.task.labels)
        for place, item, annotation in zip(found.index, found.items, found.found, strict=True)
    }
    for position, reason in sorted(failures.items()):
        reporter.warning(f"{given.names[position]}: {reason}")
    if limit := limit_note(found.found):
        reporter.line("note", limit)
    if out is not None:
        _write(out, given, answers)
    if target is not None:
        names = [given.names[int(index[place])] for place in found.index]
        for note in target.write(found.dataset(model.task, names), args.model):
            reporter.line("note", note)
    if args.json:
        rows = [given.place(position) | answers[position] for position in sorted(answers)]
        failed = [{**given.place(i), "reason": reason} for i, reason in sorted(failures.items())]
        write_line(json_text({"predictions": rows, "failures": failed, "out": args.out}))
    elif args.out is None:
        _show(given, answers)
    else:
        empty = sum(not _words_of(answer) for answer in answers.values())
        nothing = f"; nothing found in {empty} of them" if empty else ""
        how = "" if target is None else f" as {target.title}"
        write_line(f"annotations of {plural(len(answers), 'item')} written to {args.out}{how}{nothing}")
    return 1 if failures else 0


def _target(args: argparse.Namespace) -> AnnotationTarget | None:
    """Where ``--format`` writes; checked by the kind of the model, before the model is loaded."""
    if args.format is None:
        if args.overwrite:
            raise UsageError("--overwrite belongs to --format; a file of --out is replaced without it.")
        return None
    kind = annotation_kind(Path(args.model)) or ""
    return annotation_target(args.out, args.format, kind, args.items, overwrite=args.overwrite)


def _refuse(args: argparse.Namespace) -> None:
    given = [option for option, name in CERTAINTY.items() if vars(args).get(name)]
    if given:
        raise UsageError(f"A model that annotates items takes no {' and '.join(given)}; leave it out.")


def _words_of(answer: Mapping[str, Any]) -> Sequence[Any]:
    """The annotations of an answer; of a mask its classes."""
    found: Sequence[Any] = list(answer.get("entities", answer.get("boxes", answer.get("classes", ()))))
    return found


def _show(given: Gathered, answers: Mapping[int, Mapping[str, Any]]) -> None:
    """One line for each item: its name, and its annotations."""
    for position, name in enumerate(given.names):
        words = "; ".join(_words(answers[position])) if position in answers else ""
        line = "\t".join(map(printable, (name, words)))
        sys.stdout.write(in_letters_of(sys.stdout, line) + "\n")
    sys.stdout.flush()


def _words(answer: Mapping[str, Any]) -> Sequence[str]:
    if "entities" in answer:
        return [f"{one['text']} [{one['label']} {one['score']:.2f}]" for one in answer["entities"]] or ["nothing found"]
    if "boxes" in answer:
        return [_box(one) for one in answer["boxes"]] or ["nothing found"]
    objects = [f"{answer['objects']} objects"] if "objects" in answer else []
    return [*objects, *(f"{label} {one['share']:.1%}" for label, one in answer["classes"].items())]


def _box(one: Mapping[str, Any]) -> str:
    corners = " ".join(f"{one[side]:.0f}" for side in ("left", "top", "right", "bottom"))
    return f"{one['label']} {one['score']:.2f} ({corners})"


def _write(out: Path, given: Gathered, answers: Mapping[int, Mapping[str, Any]]) -> None:
    """JSON for each item; or a table with a row for each annotation."""
    rows = [given.place(position) | dict(answers[position]) for position in sorted(answers)]
    if out.suffix.lower() == ".csv":
        flat = [line for row in rows for line in _flat(row)]
        names = list(dict.fromkeys(name for line in flat for name in line)) or ["item"]
        write_csv(out, flat, names)
        return
    if out.suffix.lower() == ".json":
        text = json_text({"predictions": rows}) + "\n"
    else:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with atomic_file(out) as scratch:
        scratch.write_text(text, encoding="utf-8")


def _flat(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    place = {name: row[name] for name in ("item", "id") if name in row}
    if "classes" in row:
        objects = {"objects": row["objects"]} if "objects" in row else {}
        return [{**place, "label": label, "share": one["share"], **objects} for label, one in row["classes"].items()]
    return [{**place, **one} for one in row.get("entities", row.get("boxes", ()))] or [place]
