"""HTML reports of fits and evaluations: one self-contained page that needs no network, and no script to be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.annotations.blocks import annotation_blocks
from headstart.report.content import facts
from headstart.report.content.verdict import key_figures, verdict
from headstart.report.content.words import one_line
from headstart.report.gallery import EMPTY, Gallery
from headstart.report.page.document import document
from headstart.report.page.elements import PageSection
from headstart.report.sections.certainty import certainty, two_classes
from headstart.report.sections.classes import classes, groups
from headstart.report.sections.data import audited_data, read_data
from headstart.report.sections.labels import more_labels, suspects
from headstart.report.sections.making import all_metrics, heads, limits, reproduction
from headstart.report.sections.mistakes import mistakes
from headstart.report.sections.search import architecture_search
from headstart.report.sections.transfer import fine_tuning, transfer
from headstart.report.sections.values import values

__all__ = ["evaluation_report", "html_report"]

Record = Mapping[str, Any]


def html_report(record: Record, name: str, gallery: Gallery = EMPTY) -> str:
    """The report of a fit as one self-contained page, which follows the reader's light or dark colour scheme.

    All content comes from the record and the gallery. Labels, texts, file names and messages are escaped. A block that
    the record of an older run lacks leaves out its section.

    Args:
        record: the record of a fit, as `headstart.transfer.stages.record.make_record` returns it.
        name: the model's name, which is the name of its run folder.
        gallery: the items to show; default: none.

    Returns:
        HTML.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> page = html_report(EXAMPLE, "answers")
        >>> "Accuracy is 0.833 (95% interval 0.552 to 0.953) on 12 items" in page, page.count("<script")
        (True, 1)
    """
    sections = [
        *annotation_blocks(record),
        values(record),
        mistakes(record, gallery),
        classes(record),
        groups(record),
        certainty(record),
        two_classes(record),
        transfer(record),
        more_labels(record),
        suspects(gallery),
        audited_data(record, gallery),
        limits(facts.limits(record), facts.intended_use(record)),
        all_metrics(record, facts.headline(record)),
        fine_tuning(record),
        architecture_search(record),
        heads(record),
        reproduction(record),
    ]
    return _page(record, name, "report of the fit", sections, gallery)


def evaluation_report(record: Record, name: str, gallery: Gallery = EMPTY) -> str:
    """The report of an evaluation on other data, as one self-contained page like the report of a fit.

    Args:
        record: the record of an evaluation, as `headstart.transfer.evaluate.evaluate` makes it.
        name: the name of its folder.
        gallery: the items to show; default: none.

    Returns:
        HTML.

    Examples:
        >>> from headstart.report.content.example import EVALUATION
        >>> page = evaluation_report(EVALUATION, "may")
        >>> "Accuracy is 0.833 (95% interval 0.552 to 0.953) on 12 items of may.csv." in page, page.count("<script")
        (True, 1)
    """
    sections = [
        *annotation_blocks(record),
        values(record),
        mistakes(record, gallery),
        classes(record),
        groups(record),
        certainty(record),
        two_classes(record),
        read_data(record),
        limits(facts.evaluation_limits(record)),
        all_metrics(record, facts.evaluation_headline(record)),
        reproduction(record),
    ]
    return _page(record, name, "report of an evaluation", sections, gallery)


def _page(record: Record, name: str, kind: str, sections: list[PageSection], gallery: Gallery) -> str:
    return document(
        name,
        kind,
        verdict(record),
        sections,
        figures=key_figures(record),
        remarks=[facts.purpose(record)],
        footer=_footer(record, gallery),
    )


def _footer(record: Record, gallery: Gallery) -> str:
    made = one_line(f"headstart {record['environment'].get('headstart', '')}").strip()
    count = len(gallery) + len(record.get("annotations", {}).get("examples", ()))
    held = f"It holds {count:,} items of the data." if count else "It holds no items of the data."
    return f"Written by {made}. {held} It needs no network and no other file."
