"""``headstart inspect``."""

from __future__ import annotations

import argparse
import shlex
from collections import Counter
from dataclasses import asdict, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.cli.input.arguments import reading_options
from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.data.auditing.annotation_facts import annotation_facts, describe_annotations
from headstart.data.auditing.annotation_findings import is_annotated
from headstart.data.auditing.text_findings import percent, script_words
from headstart.data.text.languages import language_names
from headstart.errors import UsageError
from headstart.tasks import base_dataset, is_classification, is_regression, read_labelled
from headstart.types import Dataset

if TYPE_CHECKING:
    from headstart.data import Audit
    from headstart.data.auditing.token_counts import TextFacts
    from headstart.reporting import Reporter

__all__ = ["run"]

EXAMPLES = 3  # options to group by that are shown, and values shown of each


def run(args: argparse.Namespace) -> int:
    """Read and audit data, and report what matters for a fit.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["inspect", "no-such-folder"])     # the reason goes to standard error
        2
    """
    from headstart.data import ReadOptions, audit
    from headstart.engine.pipeline.sketches import kept_sketches

    reporter = reporter_of(args)
    if args.labels:
        from headstart.cli.inspect_labels import run as run_label_audit

        return run_label_audit(args, reporter)
    if args.out:
        raise UsageError("--out of inspect needs --labels; add --labels, or leave out --out.")
    dataset = read_labelled(args.data, ReadOptions.of(**reading_options(args)))
    if args.source and dataset.modality != "text":
        raise UsageError("--source of inspect is for texts or for --labels; add --labels, or leave out --source.")
    with reporter.progress("auditing") as step:
        sketches = kept_sketches(dataset.modality, step, cache=not args.no_cache)
        checked = audit(base_dataset(dataset), progress=step, sketch_all=sketches)
    checked = _with_source(checked, dataset, args.source, reporter)
    if args.json:
        facts = {**_facts(dataset), "usable": int(checked.keep.sum()), "notes": list(dataset.notes)}
        if is_annotated(dataset):
            facts |= {"annotations": annotation_facts(dataset)}
        facts |= {"possible_groups": _possible_groups(dataset, checked)}
        facts |= {"findings": [asdict(finding) for finding in checked.findings]}
        write_line(json_text(facts | {"texts": [asdict(texts) for texts in checked.texts]}))
        return 0
    _report(dataset, checked, reporter)
    reporter.line("next", _next_command(args))
    return 0


def _report(dataset: Dataset, checked: Audit, reporter: Reporter) -> None:
    for note in dataset.notes:
        reporter.line("read", note)
    reporter.line("data", f"{len(dataset)} {dataset.modality} items, {int(checked.keep.sum())} of them usable")
    _report_labels(dataset, reporter)
    for texts in checked.texts:
        reporter.line("scripts", script_words(texts.scripts) or "no letters")
        if texts.unknown is not None:
            reporter.line("tokens", _token_statistics(texts))
    for finding in checked.findings:
        examples = f" (such as {', '.join(finding.examples)})" if finding.examples else ""
        reporter.line(finding.severity, finding.message + examples)
    if not checked.findings:
        reporter.line("audit", "nothing unreadable, duplicated, leaking, contradictory or scarce")
    for option, values in _possible_groups(dataset, checked).items():
        reporter.line(
            "possible groups",
            f"{len(values)} by {option}, such as {', '.join(values[:EXAMPLES])}: a fit checks whether items of one "
            "group are alike, and reports it",
        )


def _report_labels(dataset: Dataset, reporter: Reporter) -> None:
    """How many items, or annotations, each class has."""
    if dataset.task is None or not is_annotated(dataset):
        for name, count in _label_counts(dataset).items():
            reporter.line("label", f"{name}: {count}")
        return
    labels, lines = describe_annotations(annotation_facts(dataset), dataset.task.kind)
    for line in labels:
        reporter.line("label", line)
    for line in lines:
        reporter.line("annotations", line)


def _possible_groups(dataset: Dataset, checked: Audit) -> dict[str, tuple[str, ...]]:
    """Groupings that the names of usable items suggest: values by option. A fit checks whether they matter."""
    from headstart.data.schema import SPLITS
    from headstart.transfer.stages.group_proposal import candidate_keys

    usable = dataset.take(np.flatnonzero(checked.keep))
    if usable.task is None or len(usable) == 0:
        return {}
    if is_annotated(usable):  # names tell nothing where no class depends on them, but columns do
        columns = {name: tuple(sorted(set(values.tolist()))) for name, values in usable.named.items()}
        return {f"--group-col {name}": own for name, own in columns.items() if 1 < len(own) <= len(usable) // 10}
    # folders such as train and val are the split, which needs no group
    keys = (key for key in candidate_keys(usable) if not {value.casefold() for value in key.values} <= set(SPLITS))
    return {key.option: key.values for key in islice(keys, EXAMPLES)}


def _with_source(checked: Audit, dataset: Dataset, name: str | None, reporter: Reporter) -> Audit:
    """The audit with token statistics of a source: the named one, or the default where it is installed."""
    from headstart.sources.default import MULTILINGUAL, TEXT, installed_sources, report_default, source_for
    from headstart.transfer.stages.text_audit import audit_texts

    if dataset.modality != "text" or not (name or {TEXT, MULTILINGUAL} & installed_sources()):
        return checked
    readable = dataset.take(np.flatnonzero(checked.keep))
    if is_annotated(readable):
        readable = replace(readable, items=[sentence.text for sentence in readable.items], task=None, y=None)
    return (
        audit_texts(readable, checked, source_for(dataset, name, on_default=report_default(reporter)))
        if len(readable)
        else checked
    )


def _token_statistics(texts: TextFacts) -> str:
    """How much of the texts the tokenizer of a source knows, in one line."""
    known = f"{percent(texts.unknown or 0)} unknown to {texts.source} (languages: {language_names(texts.languages)})"
    if letters := script_words(texts.unknown_letters):
        known += f", by letters: {letters}; more than 10% unknown in {percent(texts.hardly_read or 0)} of the texts"
    pieces = "" if texts.pieces_per_word is None else f"; {texts.pieces_per_word:.2f} tokens per word"
    return f"{known}{pieces}; {percent(texts.truncated or 0)} of the texts longer than its {texts.max_length} tokens"


def _next_command(args: argparse.Namespace) -> str:
    """The command of a fit that reads the data in the same way."""
    words = ["headstart", "fit", args.data]
    for name, given in reading_options(args).items():
        option = "--" + name.replace("_", "-")
        for value in given if isinstance(given, list) else [given]:
            if isinstance(value, str):  # a value that begins with a dash would be read as an option
                words += [f"{option}={value}"] if value.startswith("-") else [option, value]
    return shlex.join(words)


def _facts(dataset: Dataset) -> dict[str, Any]:
    return {
        "items": len(dataset),
        "modality": dataset.modality,
        "task": None if dataset.task is None else dataset.task.to_dict(),
        "labels": _label_counts(dataset),
        "absent": list(dataset.absent),
        "splits": {} if dataset.split is None else dict(Counter(dataset.split.tolist())),
        "groups": None if dataset.groups is None else len(set(dataset.groups.tolist())),
    }


def _label_counts(dataset: Dataset) -> dict[str, int]:
    if dataset.task is None or dataset.y is None:
        return {}
    if is_annotated(dataset):
        return dict(annotation_facts(dataset)["counts"])
    if is_regression(dataset.task):
        return {}
    if is_classification(dataset.task):
        counts = Counter(dataset.y.tolist())
        return {name: counts[code] for code, name in enumerate(dataset.task.labels)}
    # several labels per item: y is (n, k) of 0 and 1
    return {name: int(total) for name, total in zip(dataset.task.labels, dataset.y.sum(axis=0), strict=True)}
