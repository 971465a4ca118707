"""Preparation of a fit: audit the items, then encode each item exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from headstart.annotations.units import ANNOTATIONS_OF
from headstart.data import Audit, audit
from headstart.data.auditing.findings import Finding
from headstart.data.auditing.text_findings import SEEN, script_words
from headstart.engine.extract import extract
from headstart.engine.extraction import Extraction
from headstart.engine.options import Engine
from headstart.engine.pipeline.sketches import kept_sketches
from headstart.errors import DataError
from headstart.reporting import Progress, Reporter
from headstart.reporting.wording import name_some
from headstart.tasks import base_dataset, is_classification, is_multilabel
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.text_audit import audit_texts
from headstart.types import Dataset, Rows, Source, SourceInfo

__all__ = [
    "Audited", "KnownRows", "Prepared", "audit_items", "encode_items", "encoding_record", "encoding_words", "prepare",
    "report_encoding",
]  # fmt: skip


@dataclass(frozen=True)
class Audited:
    """Labelled items that passed the audit, before any encoding.

    Attributes:
        dataset: n labelled items; classes without items are removed.
        kept: (n,) their positions among all the items that were read.
        audit: the audit of all the items that were read.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> context = RunContext(SilentReporter())
        >>> audited = audit_items(read((["good", "", "bad", "bad"], ["yes", "yes", "no", "no"])), context)
        >>> audited.kept, audited.clusters     # the last two items are duplicates
        (array([0, 2, 3]), array([0, 2, 2]))
    """

    dataset: Dataset
    kept: NDArray[np.intp]
    audit: Audit

    @property
    def clusters(self) -> NDArray[np.int64]:
        """(n,) cluster codes; near duplicates share one."""
        return self.audit.clusters[self.kept]


@dataclass(frozen=True)
class Prepared:
    """Items that passed the audit and could be encoded, with their rows.

    Attributes:
        dataset: n labelled items.
        source: the encoder.
        rows: (n, d) features.
        clusters: (n,) cluster codes; near duplicates share one.
        content: n digests of the items' exact content.
        audit: the audit of all the items that were read.
        extraction: the encoding: time, backend, failures.
        engine: how items are encoded.
    """

    dataset: Dataset
    source: Source
    rows: Rows
    clusters: NDArray[np.int64]
    content: tuple[str, ...]
    audit: Audit
    extraction: Extraction
    engine: Engine = Engine()


class KnownRows(Protocol):
    """Rows of audited items that a ranking has encoded so far."""

    def extraction(self, progress: Progress | None = None) -> Extraction:
        """Encode the items that have no row yet, and return all rows."""
        ...


def prepare(
    dataset: Dataset,
    source: Source,
    context: RunContext,
) -> Prepared:
    """Audit and encode labelled items, and report the findings.

    Args:
        dataset: items as read.
        source: the encoder.
        context: engine and reporter.

    Raises:
        DataError: if there are no labels, fewer than two classes, or no items after the audit.

    Examples:
        >>> from headstart.sources import open_source
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.types import Task
        >>> items, y = np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1])
        >>> task = Task("classification", ("a", "b"))
        >>> data = Dataset(items=items, ids=tuple("0123"), modality="vector", task=task, y=y)
        >>> prepare(data, open_source("vector"), RunContext(SilentReporter())).rows.shape
        (4, 2)
    """
    return encode_items(audit_items(dataset, context), source, context)


def audit_items(dataset: Dataset, context: RunContext, *, labelled: bool = True) -> Audited:
    """Audit labelled items, and report the findings.

    Args:
        dataset: items as read.
        context: engine, which decides whether sketches are cached, and reporter.
        labelled: False also takes items without labels.

    Raises:
        DataError: if there are no labels, fewer than two classes, labels of parts of items, or no items after the
            audit.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> audit_items(read((["good", "", "bad"], ["yes", "yes", "no"])), RunContext(SilentReporter())).kept
        array([0, 2])
    """
    reporter = context.reporter
    if dataset.task is not None and dataset.task.unit != "item":
        raise DataError(
            f"This needs one label for each whole item, and {dataset.origin or 'the data'} holds "
            f"{ANNOTATIONS_OF.get(dataset.task.unit, 'labels of parts')} of items; 'headstart inspect' (without "
            "--labels), 'fit' and 'evaluate' take them."
        )
    for note in dataset.notes:
        reporter.line("read", note)
    with reporter.progress("auditing") as step:
        sketch_all = kept_sketches(dataset.modality, step, cache=context.engine.cache)
        checked = audit(base_dataset(dataset), progress=step, sketch_all=sketch_all)
    _report_audit(dataset, checked, reporter)
    kept = np.flatnonzero(checked.keep)
    if len(kept) == 0:
        raise DataError(f"None of the {len(dataset)} items of {dataset.origin} can be used; see 'headstart inspect'.")
    rest = dataset.take(kept)
    if not labelled and rest.task is None:
        return Audited(rest, kept, checked)
    return Audited(without_absent_classes(rest), kept, checked)


def encode_items(
    audited: Audited,
    source: Source,
    context: RunContext,
    *,
    known: KnownRows | None = None,
) -> Prepared:
    """Encode audited items, and report speed, backend and failures.

    Args:
        audited: from `audit_items`.
        source: the encoder.
        context: engine and reporter.
        known: rows of these items that already exist; only the others are encoded.

    Raises:
        DataError: if fewer than two classes are left.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.sources import open_source
        >>> from headstart.reporting import SilentReporter
        >>> context = RunContext(SilentReporter())
        >>> audited = audit_items(read((["good", "bad"], ["yes", "no"])), context)
        >>> encode_items(audited, open_source("toy"), context).rows.shape
        (2, 96)
    """
    clean, kept, reporter = audited.dataset, audited.kept, context.reporter
    # unknown tokens depend on the source's tokenizer, so the first audit could not count them
    checked = audit_texts(clean, audited.audit, source)
    _report_findings([finding for finding in checked.findings if finding not in audited.audit.findings], reporter)
    with reporter.progress("encoding") as step:
        if known is None:
            extraction = extract(source, clean.items, engine=context.engine, progress=step)
        else:
            extraction = known.extraction(step)
    for position, reason in extraction.failures.items():
        reporter.warning(f"Set aside {clean.ids[position]}: {reason}")
    _report_source(source, extraction, reporter)
    used = extraction.index
    # a class whose last item could not be encoded has nothing to fit a head on
    final = without_absent_classes(clean.take(used)) if len(used) < len(clean) else clean
    rows = kept[used]
    clusters, content = checked.clusters[rows], tuple(checked.content[row] for row in rows)
    return Prepared(final, source, extraction.rows, clusters, content, checked, extraction, context.engine)


def without_absent_classes(dataset: Dataset) -> Dataset:
    """The data without classes that have no items; the codes in y are renumbered.

    Args:
        dataset: n labelled items.

    Raises:
        DataError: if there are no labels, or fewer than two classes are left.

    Examples:
        >>> from headstart.types import Task
        >>> task = Task("classification", ("a", "b", "c"))
        >>> data = Dataset(items=["x", "y"], ids=("0", "1"), modality="text", task=task, y=np.array([0, 2]))
        >>> without_absent_classes(data).task.labels
        ('a', 'c')
    """
    task, y = dataset.labelled()
    if not is_classification(task):
        return dataset
    present = np.unique(y)
    if len(present) < 2:
        found = f"only '{task.labels[present[0]]}'" if len(present) else "none"
        lost = [*(name for code, name in enumerate(task.labels) if code not in present), *dataset.absent]
        found += f", and no usable items of {name_some(lost, 5)}" if lost else ""
        where = f" of {dataset.origin}" if dataset.origin else ""
        raise DataError(
            f"Classification needs readable items{where} of at least two classes. Got {found}; add items of other "
            "classes."
        )
    if len(present) == task.num_outputs:
        return dataset
    labels = tuple(task.labels[i] for i in present)
    return replace(dataset, task=replace(task, labels=labels), y=np.searchsorted(present, y))


def _report_audit(dataset: Dataset, checked: Audit, reporter: Reporter) -> None:
    task = dataset.task
    shape = ""
    if task is not None and is_classification(task):
        shape = f" in {task.num_outputs} {'class' if task.num_outputs == 1 else 'classes'}"
    elif task is not None and is_multilabel(task):
        shape = f" with {task.num_outputs} labels"
    parts = Counter(dataset.split.tolist()) if dataset.split is not None else {}
    given = f" ({', '.join(f'{count} {name}' for name, count in parts.items())})" if parts else ""
    reporter.line("data", f"{len(dataset)} {dataset.modality} items{shape}{given}")
    for facts in checked.texts:
        if any(script != "Latin" for script, share in facts.scripts.items() if share >= SEEN):
            reporter.line("scripts", script_words(facts.scripts))
    _report_findings(checked.findings, reporter)
    if not checked.findings:
        reporter.line("audit", "nothing unreadable, duplicated, leaking, contradictory or scarce")


def _report_findings(findings: Sequence[Finding], reporter: Reporter) -> None:
    for finding in findings:
        if finding.severity == "info":
            reporter.line("audit", finding.message)
        else:
            reporter.warning(finding.message)


def _report_source(source: Source, extraction: Extraction, reporter: Reporter) -> None:
    info = source.info
    size = f", {info.parameters / 1e6:.1f} M parameters" if info.parameters else ""
    licence = f", licence {info.license}" if info.license else ""
    report_encoding(extraction, info, "source", reporter, before=f"{info.name}{size}{licence}; ")


def report_encoding(
    extraction: Extraction, info: SourceInfo, label: str, reporter: Reporter, *, before: str = ""
) -> None:
    """Report how items were encoded, with the notes on the backend.

    Args:
        extraction: of the items.
        info: the facts about the source.
        label: of the line.
        reporter: receives the line and the notes.
        before: what the line begins with.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> found = Extraction(np.zeros((4, 2)), np.arange(4), {}, 1.0, 4)
        >>> report_encoding(found, SourceInfo("headstart:text", "text"), "source", SilentReporter())
    """
    reporter.line(label, f"{before}{encoding_words(extraction, info)}")
    for detail in extraction.details:
        reporter.detail("encoding", detail)
    for note in extraction.notes:
        reporter.line("encoding", note)


def encoding_record(extraction: Extraction) -> dict[str, Any]:
    """How items were encoded, as plain JSON values.

    Args:
        extraction: of the items.

    Examples:
        >>> found = encoding_record(Extraction(np.zeros((4, 2)), np.arange(4), {}, 1.0, 4, 0, "openvino", "bf16"))
        >>> found["backend"], found["encoded"]
        ('openvino', 4)
    """
    return {
        "backend": extraction.backend or None,
        "precision": extraction.precision or None,
        "encoded": extraction.encoded,
        "from_store": extraction.hits,
        "setup_seconds": extraction.setup_seconds,
        "items_per_second": extraction.items_per_second,
        "notes": [*extraction.details, *extraction.notes],
    }


def encoding_words(extraction: Extraction, info: SourceInfo) -> str:
    """The encoding in one line: number of items that the body ran on, backend and number format, cached rows, speed.

    Args:
        extraction: of all items.
        info: the facts about the source.

    Examples:
        >>> index = np.arange(400)
        >>> found = Extraction(np.zeros((400, 2)), index, {}, 1.0, 100, 300, "openvino", "bf16")
        >>> encoding_words(found, SourceInfo("headstart:text", "text"))
        '100 items encoded once by openvino in bf16, 300 from the store, 400/s'
        >>> encoding_words(Extraction(np.zeros((400, 2)), index, {}, 1.0, 400), SourceInfo("vector", "vector"))
        '400 items read as they are'
    """
    if info.modality in ("vector", "multimodal") and not info.parameters:  # numbers, which no body encodes
        return f"{len(extraction.index)} items read as they are"
    form = f" by {extraction.backend}" if extraction.backend else ""
    form += f" in {extraction.precision}" if extraction.precision else ""
    words = [f"{extraction.encoded} items encoded once{form}"] if extraction.encoded or not extraction.hits else []
    words += [f"{extraction.hits} from the store"] if extraction.hits else []
    return ", ".join([*words, f"{extraction.items_per_second:,.0f}/s"])
