"""How a source reads the texts of a dataset: the part of the audit that needs a tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from headstart.data import Audit
from headstart.data.auditing.findings import Finding
from headstart.data.auditing.text_findings import check_texts
from headstart.data.auditing.token_counts import TextFacts, draw_texts, measure_texts
from headstart.data.table.several_columns import parse_column, text_columns
from headstart.sources.fused import FusedSource
from headstart.sources.transformers.tokenizing import Tokenizing
from headstart.types import Dataset, Source

__all__ = ["audit_texts", "read_by", "texts_read_by"]


def audit_texts(dataset: Dataset, checked: Audit, source: Source) -> Audit:
    """The audit with what is found once the source is known: unknown tokens, foreign scripts, texts that are cut off.

    Args:
        dataset: the items that will be encoded.
        checked: the audit of all items.
        source: what will encode them; of a fused one, each part that reads texts.

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
    found: list[Finding] = [finding for one in facts for finding in check_texts(one)]
    order = ("error", "warning", "info")
    findings = sorted((*checked.findings, *found), key=lambda finding: order.index(finding.severity))
    return replace(checked, findings=tuple(findings), texts=tuple(facts))


def texts_read_by(source: Source, dataset: Dataset) -> list[TextFacts]:
    """How a source reads each column of texts; of a fused one, each part that reads texts.

    Args:
        source: what encodes the items.
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


def read_by(source: Source, texts: list[str], column: str = "") -> TextFacts:
    """What is known of texts, and of how a source reads them.

    Args:
        source: a source of texts; of one without a tokenizer only what it states is known.
        texts: n texts, of which a sample is looked at.
        column: the column that they stand in, where items have several.

    Examples:
        >>> from headstart.sources import open_source
        >>> read_by(open_source("headstart:text"), ["Where is my card?"]).unknown
        0.0
    """
    drawn = draw_texts(texts)
    counts = source.count_tokens(drawn) if isinstance(source, Tokenizing) and drawn else None
    return measure_texts(drawn, counts, column=column, source=source.info.name, languages=source.info.languages)


def _readers(source: Source, dataset: Dataset, column: str) -> Iterator[Source]:
    """What reads a column of texts."""
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
