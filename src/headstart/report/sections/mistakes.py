"""Where the model errs: the confusion matrix with the items behind its cells, and the worst and surest mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.report.content.kinds import base_of
from headstart.report.content.tables import confused_pairs
from headstart.report.content.words import shortened
from headstart.report.gallery import Gallery, PredictedItem
from headstart.report.page.cards import Remark, card, cards
from headstart.report.page.confusion import cell_key, confusion_map, confusion_table
from headstart.report.page.elements import PageSection, details, note, paragraph, table, text

__all__ = ["mistakes"]

Record = Mapping[str, Any]

MAX_TABLE = 30
"""With more classes than this, a table of counts does not fit a screen: a map and the most confused pairs are shown."""

ON_PAPER = 5  # up to this many classes, the cells of the mistakes stand open on paper
MAX_PAIRS = 12  # of confused classes; further ones are in a collapsed part
WORST = 12  # items of a list
WORST_SOUNDS = 6
MORE_THAN_TWO = 3  # classes from which the surest mistakes are others than the worst


def mistakes(record: Record, gallery: Gallery) -> PageSection:
    """Confusion matrix, the items of its cells, and the worst predictions.

    Args:
        record: the facts of a fit or of an evaluation.
        gallery: the items to show.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> "2 of 12 items are classified wrongly." in mistakes(EXAMPLE, Gallery()).html
        True
    """
    parts = [_confusion(record, gallery), _worst(record, gallery)]
    return PageSection("confusion", "Where it errs", "\n".join(part for part in parts if part), "mistakes")


def _confusion(record: Record, gallery: Gallery) -> str:
    counts, labels = record["evaluation"]["confusion"], record["evaluation"]["labels"]
    if counts is None:
        return ""
    total = sum(map(sum, counts))
    wrong = total - sum(row[i] for i, row in enumerate(counts))
    linked = gallery.cells
    opens = "A number that is underlined" if len(labels) <= MAX_TABLE else "A coloured square"
    if not wrong:
        said = f"No class was confused with another: all {total:,} items are classified correctly." if total else ""
    else:
        said = f"{wrong:,} of {total:,} items are classified wrongly."
    parts = [paragraph(said)] if said else []
    parts += [paragraph(f"{opens} opens its items.", "soft screen")] if linked else []
    if len(labels) <= MAX_TABLE:
        parts.append(confusion_table(counts, labels, set(linked)))
    else:
        words = (
            "Confusion matrix: true classes from top to bottom, predicted classes from left to right, blue where right"
        )
        shown = confusion_map(counts, labels, set(linked))
        parts.append(f'<figure class="plot map">{shown}<figcaption>{text(words)}</figcaption></figure>')
    parts += [_panel(cell, counts, labels, gallery) for cell in sorted(linked)]
    if len(labels) > MAX_TABLE and wrong:
        parts.append(_pairs(record, linked))
    return "\n".join(parts)


def _panel(cell: tuple[int, int], counts: Sequence[Sequence[int]], labels: Sequence[str], gallery: Gallery) -> str:
    """The items of one cell; hidden until a link leads to it."""
    (i, j), count = cell, counts[cell[0]][cell[1]]
    shown = [gallery.predictions[place] for place in gallery.cells[cell]]
    names = shortened(labels[i], 40), shortened(labels[j], 40)
    what = f"{names[0]}, predicted as {names[1]}" if i != j else f"{names[0]}, predicted correctly"
    some = "" if len(shown) == count else f", {len(shown):,} of them shown"
    heading = f"{what}: {'1 item' if count == 1 else f'{count:,} items'}{some}"
    entries = [
        card(gallery.items[one.item], remarks(one, gallery), key=f"item-{place}")
        for place, one in zip(gallery.cells[cell], shown, strict=True)
    ]
    kind = "cell mistake" if i != j and len(labels) <= ON_PAPER else "cell"
    close = '<p class="close"><a href="#confusion">close</a></p>'
    return f'<div class="{kind}" id="{cell_key(i, j)}">\n<h3>{text(heading)}</h3>\n{cards(entries)}{close}\n</div>'


def remarks(one: PredictedItem, gallery: Gallery, *, given: str = "labelled", tone: str = "bad") -> list[Remark]:
    """What was predicted for an item, how certainly, and what it is.

    Args:
        one: the item and its prediction.
        gallery: that holds it.
        given: the word before its label or value.
        tone: the kind of a wrong prediction.

    Examples:
        >>> from headstart.report.gallery import GalleryItem
        >>> one = PredictedItem(0, "bee", False, 0.9, 0.1, 2.3, (0, 1))
        >>> remarks(one, Gallery((GalleryItem("a.jpg", "ant"),), (one,)))
        [('predicted bee (90%)', 'bad'), ('labelled ant (10%)', '')]
    """
    label, predicted = (shortened(words, 60) for words in (gallery.items[one.item].label, one.predicted))
    if one.right:
        return [(f"{predicted}{_percent(one.confidence)}", "good")]
    return [
        (f"predicted {predicted}{_percent(one.confidence)}", tone),
        (f"{given} {label}{_percent(one.label_probability)}", ""),
    ]


def _percent(probability: float | None) -> str:
    return "" if probability is None else f" ({probability:.0%})" if probability >= 0.005 else " (<1%)"


def _pairs(record: Record, linked: Mapping[tuple[int, int], Any]) -> str:
    labels = list(record["evaluation"]["labels"])
    place = {label: code for code, label in enumerate(labels)}
    pairs = confused_pairs(record)
    rows = [
        (
            f"{shortened(pair.truth)}",
            shortened(pair.predicted),
            f"{pair.count:,}",
            f"{pair.share:.0%} ({pair.interval[0]:.0%} to {pair.interval[1]:.0%})",
        )
        for pair in pairs
    ]
    cells = [(place[pair.truth], place[pair.predicted]) for pair in pairs]
    links = [cell_key(*cell) if cell in linked else "" for cell in cells]
    header = ("True class", "Predicted class", "Items", "Share of the true class (95% interval)")
    caption = f"The most frequently confused pairs of the {len(labels)} classes"
    first = table(caption, header, rows[:MAX_PAIRS], numeric=(2, 3), links=links[:MAX_PAIRS])
    rest = table("Further pairs", header, rows[MAX_PAIRS:], numeric=(2, 3), links=links[MAX_PAIRS:])
    return first + (details("Further pairs", rest) if len(rows) > MAX_PAIRS else "")


def _worst(record: Record, gallery: Gallery) -> str:
    """The mistakes of largest loss; with several classes also those of highest confidence."""
    base = base_of(record)
    wrong = sorted((one for one in gallery.predictions if not one.right), key=lambda one: -one.loss)
    most = WORST_SOUNDS if any(item.sound for item in gallery.items) else WORST
    worst = wrong[:most]
    if not worst:
        return ""
    if base != "classification":
        heading, given = ("The largest errors", "true value") if base == "regression" else ("The worst", "labelled")
        others = sorted((one for one in gallery.predictions if one not in worst), key=lambda one: -one.loss)
        found = f"<h3>{heading}</h3>\n{_cards(worst, gallery, given)}"
        rest = _cards(others, gallery, given, "" if base == "regression" else "bad")
        return f"{found}\n<h3>Others, from larger to smaller errors</h3>\n{rest}" if rest else found
    said = note("Those of the lowest probability for their label come first. A wrong label looks like this too.")
    found = f"<h3>The worst mistakes</h3>\n{said}\n{_cards(worst, gallery)}"
    sure = sorted((one for one in wrong if one.confidence is not None), key=lambda one: -(one.confidence or 0.0))
    others = [one for one in sure[:most] if one not in worst]
    if len(record["evaluation"]["labels"]) >= MORE_THAN_TWO and others:
        found += f"\n<h3>Further mistakes that it was sure of</h3>\n{_cards(others, gallery)}"
    # on paper the cells of a small matrix stand open, and these items are in them
    on_paper = "repeated" if len(record["evaluation"]["labels"]) <= ON_PAPER else "list"
    return f'<div class="{on_paper}">\n{found}\n</div>'


def _cards(chosen: Sequence[PredictedItem], gallery: Gallery, given: str = "labelled", tone: str = "bad") -> str:
    return cards(card(gallery.items[one.item], remarks(one, gallery, given=given, tone=tone)) for one in chosen)
