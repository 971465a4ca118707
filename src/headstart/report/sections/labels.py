"""Labels: those that look wrong, and what more of them would bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.words import shortened
from headstart.report.gallery import Gallery, GalleryItem, SuspectedItem
from headstart.report.page.cards import card, cards
from headstart.report.page.elements import PageSection, details, figure, note, paragraph, text
from headstart.report.page.learning_curve import learning_curve_plot, learning_curve_table, more_labels_table

__all__ = ["more_labels", "suspects"]

Record = Mapping[str, Any]


def more_labels(record: Record) -> PageSection:
    """The learning curve, and what more labels would bring.

    Args:
        record: the facts of a fit; without ``learning_curve`` there is only the reason, or no section.

    Examples:
        >>> from headstart.report.content.example import CURVE
        >>> more_labels({"learning_curve": CURVE}).html.startswith("<p>200 more labels would bring +2.0")
        True
    """
    curve = record.get("learning_curve")
    if not curve:
        missing = record.get("learning_curve_missing")
        said = note(missing) if missing else ""
        return PageSection("more-labels", "What more labels would bring", said, "more labels")
    caption = (
        "Learning curve on held-out items, with 95% intervals. The line is a power law through the last point; dashed: "
        "the forecast, which holds for labels of the same kind."
    )
    plot = figure(learning_curve_plot(curve), caption, learning_curve_table(curve))
    gains = details("The forecast in numbers, in all and by class", more_labels_table(curve))
    said = f"{paragraph(curve['sentence'])}\n{plot}\n{gains}"
    return PageSection("more-labels", "What more labels would bring", said, "more labels")


def suspects(gallery: Gallery) -> PageSection:
    """Training items whose label the others contradict, each with the items that speak against it.

    Args:
        gallery: without suspects there is no section.

    Examples:
        >>> from headstart.report.gallery import GalleryItem
        >>> items = (GalleryItem("a.jpg", "cat"), GalleryItem("b.jpg", "dog"))
        >>> found = suspects(Gallery(items, suspects=(SuspectedItem(0, "dog", 0.02, 0.95, (1,)),), suspect_count=1))
        >>> "1 training item has a label that the others contradict" in found.html
        True
    """
    if not gallery.suspects:
        return PageSection("suspects", "Labels that look wrong", "")
    total, shown = gallery.suspect_count, len(gallery.suspects)
    many = "1 training item has a label" if total == 1 else f"{total:,} training items have labels"
    some = f" The {shown} most suspect are shown." if shown < total else ""
    said = paragraph(
        f"{many} that the others contradict: a fit without the item gives another label at least ten times the "
        f"probability.{some} Check them first: some are wrong labels, others are hard items."
    )
    which = (
        "The probabilities are those of a fit to all training items but this one. 'Where it errs' shows those of a fit "
        "without the whole held-out part, so an item that is in both has two. "
    )
    how = (
        "Beside each: the training items of the predicted class with the largest influence on that prediction."
        if gallery.influence
        else "Beside each: the most similar training items of the predicted class."
    )
    cases = "\n".join(_case(one, gallery) for one in gallery.suspects)
    return PageSection("suspects", "Labels that look wrong", f"{said}\n{note(which + how)}\n{cases}", "suspect labels")


def _case(one: SuspectedItem, gallery: Gallery) -> str:
    item = gallery.items[one.item]
    own = card(item, [(f"labelled {shortened(item.label, 60)}", "bad")])
    others = cards(card(gallery.items[place], [_label(gallery.items[place], one.predicted)]) for place in one.because)
    says = f"The others say {shortened(one.predicted)} ({_share(one.p_predicted)}), not {shortened(item.label)} "
    says += f"({_share(one.p_label)})."
    beside = f'<p class="soft">{"because of these training items" if others else ""}</p>{others}' if others else ""
    return f'<div class="case">\n<div>{cards([own])}</div>\n<div><p>{text(says)}</p>{beside}</div>\n</div>'


def _label(item: GalleryItem, predicted: str) -> tuple[str, str]:
    return shortened(item.label, 60), "good" if item.label == predicted else ""


def _share(probability: float) -> str:
    return f"{probability:.0%}" if probability >= 0.005 else "<1%"
