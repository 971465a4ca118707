"""Audit of texts with the source's tokenizer: unknown tokens, foreign scripts, truncated texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from headstart.data import Audit
from headstart.data.auditing.findings import Finding
from headstart.data.auditing.text_findings import MULTILINGUAL, check_texts
from headstart.data.auditing.token_counts import TextFacts
from headstart.data.table.several_columns import parse_column, text_columns
from headstart.sources.default import installed_sources
from headstart.sources.fused import FusedSource
from headstart.sources.transformers.tokenizing import read_by
from headstart.types import Dataset, Source

__all__ = ["audit_texts", "text_findings", "texts_read_by"]


def audit_texts(dataset: Dataset, checked: Audit, source: Source) -> Audit:
    """The audit with the findings that need the source: unknown tokens, foreign scripts, truncated texts.

    Args:
        dataset: the items that will be encoded.
        checked: the audit of all items.
        source: the encoder; of a fused one, each part that reads texts is checked.

    Examples:
        >>> from headstart.data import audit
        >>> from headstart.sources import open_source
        >>> data = Dataset(["\u9000\u6b3e\u4ec0\u4e48\u65f6\u5019\u5230"], ("0",), "text")
        >>> found = audit_texts(data, audit(data), open_source("headstart:text"))
        >>> found.texts[0].unknown > 0.3, found.findings[0].kind
        (True, 'unknown_language')
    """
    facts = texts_read_by(source, dataset)
    if not facts:
        return checked
    found: list[Finding] = [finding for one in facts for finding in text_findings(one)]
    order = ("error", "warning", "info")
    findings = sorted((*checked.findings, *found), key=lambda finding: order.index(finding.severity))
    return replace(checked, findings=tuple(findings), texts=tuple(facts))


def text_findings(facts: TextFacts) -> Iterator[Finding]:
    """The findings of `headstart.data.auditing.text_findings.check_texts`, with advice for this installation.

    Args:
        facts: how a source reads a column of texts.

    Examples:
        >>> [found.kind for found in text_findings(TextFacts(9, {"Latin": 1.0}, source="toy"))]
        []
    """
    return check_texts(facts, multilingual=MULTILINGUAL in installed_sources())


def texts_read_by(source: Source, dataset: Dataset) -> list[TextFacts]:
    """How a source reads each column of texts; of a fused one, each part that reads texts.

    Args:
        source: the encoder of the items.
        dataset: n items.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> texts_read_by(ToySource(), Dataset(["good"], ("0",), "text"))[0].scripts
        {'Latin': 1.0}
    """
    return [
        read_by(part, texts, column)
        for column, texts in text_columns(dataset)
        for part in _readers(source, dataset, column)
    ]


def _readers(source: Source, dataset: Dataset, column: str) -> Iterator[Source]:
    """The sources that read a column of texts."""
    if not isinstance(source, FusedSource):
        if source.info.modality == "text":
            yield source
        return
    for part, position in source.branches:
        name = (
            "" if position is None or position >= len(dataset.columns) else parse_column(dataset.columns[position]).name
        )
        if part.info.modality == "text" and name == column:
            yield part
