"""Sentences with their labelled and marked spans, mistakes first, and the mistakes of each type by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.report.content.words import number, shortened
from headstart.report.page.elements import PageSection, note, paragraph, table, text

__all__ = ["word_blocks"]

Record = Mapping[str, Any]

KINDS = {
    "missed": "Missed",
    "spurious": "False alarm",
    "wrong type": "Wrong type",
    "wrong bounds": "Wrong bounds",
    "wrong type and bounds": "Wrong type and bounds",
}
"""The mistakes of a span, as `headstart.evaluate.annotations.span_errors` names them, in words."""

MOST_WORDS = 80  # of a sentence that are shown, around its first mistake
MOST_TYPES = 40


def word_blocks(record: Record) -> Sequence[PageSection]:
    """Sections on marked spans: examples, and mistakes by type and kind.

    Args:
        record: the facts of a fit or of an evaluation of spans.

    Examples:
        >>> one = {"id": "7", "words": ["Ada", "slept"], "truth": [[0, 1, "PER"]], "found": [],
        ...     "errors": [{"kind": "missed", "truth": [0, 1, "PER"], "found": None}]}
        >>> record = {"annotations": {"examples": [one]}, "evaluation": {"per_class": {}}}
        >>> [section.title for section in word_blocks(record)]
        ['Sentences']
        >>> '<mark class="bad">Ada <small>PER</small></mark> slept' in word_blocks(record)[0].html
        True
    """
    return [one for one in (_sentences(record), _mistakes(record), _training(record)) if one.html]


def _sentences(record: Record) -> PageSection:
    shown = record["annotations"].get("examples", [])
    if not shown:
        return PageSection("sentences", "Sentences", "")
    wrong = sum(bool(one["errors"]) for one in shown)
    words = "Sentences with the most mistakes first. A dashed mark is a mistake; the percentage is its probability."
    if not wrong:
        words = "No sentence that was held out has a mistake; these are some of them."
    return PageSection("sentences", "Sentences", "\n".join([note(words), *map(_sentence, shown)]), "sentences")


def _sentence(one: Record) -> str:
    missed = {tuple(error["truth"]) for error in one["errors"] if error["truth"]}
    false = {tuple(error["found"]) for error in one["errors"] if error["found"]}
    window = _window(one)
    lines = [_line("labelled", one["words"], one["truth"], missed, window)] if one["errors"] else []
    lines.append(_line("marked", one["words"], one["found"], false, window))
    remarks = [
        f'<li class="bad">{text(_remark(error, one["words"]))}</li>'
        for error in one["errors"]
        if error["kind"] in KINDS
    ]
    listed = f"<ul>\n{chr(10).join(remarks)}\n</ul>" if remarks else ""
    return f'<div class="sentence">\n<p class="name">{text(one["id"])}</p>\n{chr(10).join(lines)}\n{listed}</div>'


def _window(one: Record) -> tuple[int, int]:
    """The words that are shown: all, or those around the first mistake of a long sentence."""
    count = len(one["words"])
    if count <= MOST_WORDS:
        return 0, count
    spans = [error["truth"] or error["found"] for error in one["errors"]] or [*one["truth"], [0]]
    start = min(max(spans[0][0] - MOST_WORDS // 2, 0), count - MOST_WORDS)
    return start, start + MOST_WORDS


def _line(
    name: str, words: Sequence[str], spans: Sequence[Sequence[Any]], wrong: set[Any], window: tuple[int, int]
) -> str:
    """The words of a sentence with marks; of a span that leaves the window, the part inside."""
    start, stop = window
    parts, at = ["…"] if start else [], start
    for span in spans:
        first, end = max(span[0], start), min(span[1], stop)
        if first >= end:
            continue
        parts += [text(word) for word in words[at:first]]
        chance = f" {_chance(span[3])}" if len(span) > 3 else ""
        kind = ' class="bad"' if tuple(span[:3]) in wrong else ""
        inside = " ".join(text(word) for word in words[first:end])
        parts.append(f"<mark{kind}>{inside} <small>{text(shortened(span[2], 30))}{chance}</small></mark>")
        at = end
    parts += [text(word) for word in words[at:stop]]
    parts += ["…"] if stop < len(words) else []
    return f'<p class="marked"><span class="name">{name}</span> {" ".join(parts)}</p>'


def _chance(probability: float) -> str:
    """A percentage; no probability is written as certain."""
    return f"{probability:.0%}" if probability <= 0.99 else "&gt;&nbsp;99%"


def _remark(error: Record, words: Sequence[str]) -> str:
    truth, found = error["truth"], error["found"]
    span = truth or found
    said = f"{KINDS[error['kind']]}: {shortened(' '.join(words[span[0] : span[1]]), 60)}"
    if truth is None or found is None:
        return f"{said} ({shortened(span[2], 30)})"
    other = shortened(" ".join(words[found[0] : found[1]]), 60)
    marked = f"marked {other}" if error["kind"] != "wrong type" else "marked"
    types = shortened(truth[2], 30), shortened(found[2], 30)
    return f"{said} ({types[0]}), {marked} as {types[1]}"


def _mistakes(record: Record) -> PageSection:
    per_type = record["evaluation"].get("per_class", {})
    if not per_type or any(kind not in row for row in per_type.values() for kind in KINDS):
        return PageSection("span-mistakes", "Mistakes by kind", "")
    order = sorted(per_type, key=lambda name: -per_type[name]["support"])
    header = ["Type", "Labelled", "F1", "Precision", "Recall", *KINDS.values()]
    rows = [_row(shortened(name), per_type[name]) for name in order[:MOST_TYPES]]
    total = {kind: int(sum(row[kind] for row in per_type.values())) for kind in KINDS}
    said = ", ".join(f"{count:,} {KINDS[kind].lower()}" for kind, count in total.items())
    caption = "Types with the most labelled spans first"
    shown = table(caption, header, rows, numeric=range(1, len(header)), sortable=True)
    explained = note(
        "A mistake counts for the labelled type; a false alarm for the marked one. Bounds are wrong where two spans "
        "overlap."
    )
    html = "\n".join([paragraph(f"{said}."), explained, shown])
    return PageSection("span-mistakes", "Mistakes by kind", html, "kinds")


def _row(name: str, row: Record) -> list[str]:
    values = [row[key]["value"] for key in ("f1", "precision", "recall")]
    figures = ["" if value is None else number(value) for value in values]
    return [name, f"{row['support']:,.0f}", *figures, *(f"{row[kind]:,.0f}" for kind in KINDS)]


def _training(record: Record) -> PageSection:
    """What was trained, and whether it was kept."""
    found = record.get("fine_tuning") or {}
    candidates = found.get("candidates", [])
    if not candidates:
        return PageSection("training", "Training", "")
    rows = []
    for one in candidates:
        gain = one.get("gain") or {}
        known = gain.get("low") is not None
        bounds = f"{gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})" if known else ""
        epochs, kept = f"{one['epochs']:g}" if "epochs" in one else "", "kept" if one["name"] == found["kept"] else ""
        rows.append([one["name"], number(one["span_f1"]), bounds, epochs, kept])
    header = ["Candidate", "Span F1", "Gain over the closed-form head", "Epochs", ""]
    caption = f"On {found['held_out']:,} sentences that were held out of every training"
    said = paragraph(f"{found['why'][:1].upper()}{found['why'][1:]}.")
    return PageSection("training", "Training", "\n".join([said, table(caption, header, rows, numeric=(1, 2, 3))]))
