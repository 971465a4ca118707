"""The data: what was read, what the audit found, and near duplicates as pictures and texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content import facts
from headstart.report.content.words import shortened
from headstart.report.gallery import DuplicateCluster, Gallery
from headstart.report.page.cards import card, cards
from headstart.report.page.elements import PageSection, listing, note, paragraph, table, text

__all__ = ["audited_data", "read_data"]

Record = Mapping[str, Any]


def audited_data(record: Record, gallery: Gallery) -> PageSection:
    """What was read, the findings of the audit, and near duplicates.

    Args:
        record: the facts of a fit.
        gallery: holds the near duplicates to show.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> "The audit found nothing." in audited_data(EXAMPLE, Gallery()).html
        True
    """
    found = facts.findings(record)
    audit = (
        table("What the audit found", ("Severity", "Finding"), found)
        if found
        else paragraph("The audit found nothing.")
    )
    parts = [listing(facts.data_used(record)), audit, _duplicates(gallery)]
    return PageSection("data", "Data", "\n".join(part for part in parts if part), "data")


def read_data(record: Record) -> PageSection:
    """What was read, for an evaluation, which audits nothing.

    Args:
        record: the facts of an evaluation.

    Examples:
        >>> from headstart.report.content.example import EVALUATION
        >>> "12 rows of numbers were read and 12 were used." in read_data(EVALUATION).html
        True
    """
    return PageSection("data", "Data", listing(facts.data_used(record)), "data")


def _duplicates(gallery: Gallery) -> str:
    if not gallery.duplicates:
        return ""
    shown, total = len(gallery.duplicates), gallery.duplicate_count
    some = f" {shown} of {total:,} are shown." if shown < total else ""
    said = note(f"Copies stay on one side of every split that is made here, so that they flatter no figure.{some}")
    return f"<h3>Copies and near copies</h3>\n{said}\n" + "\n".join(
        _cluster(one, gallery) for one in gallery.duplicates
    )


def _cluster(one: DuplicateCluster, gallery: Gallery) -> str:
    what = "items of the same content" if one.exact else "near copies"
    some = f", {len(one.items)} of them shown" if len(one.items) < one.size else ""
    words = f"{one.size:,} {what}{some}{'; their labels differ' if one.conflicting else ''}"
    kind = "bad" if one.conflicting else ""
    entries = (
        card(gallery.items[place], [(shortened(gallery.items[place].label, 60), kind)], with_sound=False)
        for place in one.items
    )
    return f'<div class="case copies">\n<div><p>{text(words)}</p>{cards(entries)}</div>\n</div>'
