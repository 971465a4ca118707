"""How the model was made, what limits it, all its metrics, and how to reproduce them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from headstart.annotations.units import in_units
from headstart.report.content import facts
from headstart.report.content.kinds import base_of
from headstart.report.content.tables import compared_heads
from headstart.report.content.words import defined, interval, metric_words, number, one_line
from headstart.report.page.elements import PageSection, details, listing, paragraph, table

__all__ = ["all_metrics", "heads", "limits", "reproduction"]

Record = Mapping[str, Any]


def all_metrics(record: Record, headline: str) -> PageSection:
    """How the items were judged, and every metric with its interval and meaning, in a part that opens on a click.

    Args:
        record: the facts of a fit or of an evaluation.
        headline: the main metric in a sentence.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> "share of items whose class is predicted correctly" in all_metrics(EXAMPLE, "Accuracy is 0.833.").html
        True
    """
    rows = []
    for key, metric in record["evaluation"]["metrics"].items():
        words = metric_words(key)
        rows.append((words.title, number(metric["value"]), interval(metric), words.meaning))
    caption = in_units("Metrics on held-out items", base_of(record))
    shown = table(caption, ("Metric", "Value", "95% interval", "Meaning"), rows, numeric=(1, 2))
    said = paragraph(headline) + paragraph(facts.how_judged(record))
    return PageSection("metrics", "How it was judged", f"{said}\n{details('All metrics', shown)}", "all metrics")


def limits(sentences: Sequence[str], intended: str = "") -> PageSection:
    r"""Limits and intended use.

    Args:
        sentences: one for each limit.
        intended: what the model is for; default: not stated.

    Examples:
        >>> limits(["Only 12 items were evaluated."]).html
        '<ul>\n<li>Only 12 items were evaluated.</li>\n</ul>'
    """
    title = "Limits and intended use" if intended else "Limits"
    return PageSection("limits", title, (paragraph(intended) if intended else "") + listing(sentences), "limits")


def heads(record: Record) -> PageSection:
    """Body and head, and the candidates that they were chosen from.

    Args:
        record: the facts of a fit.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> heads(EXAMPLE).html.count("<tr>")
        3
    """
    if "left_out_metric" in record["head"]:
        return _annotating(record)
    base = base_of(record)
    unit = "squared error in units of the variance" if base == "regression" else "log-loss in nats"
    caption = f"Out-of-fold loss ({unit}; lower is better) of each combination of head and features, at its best λ"
    rows = [
        (
            one_line(row["head"]),
            one_line(row["features"]),
            f"{row['lam']:.3g}" if defined(row["lam"]) else "",
            row.get("note") or number(row["loss"]),
            "yes" if chosen else "no",
        )
        for row, chosen in compared_heads(record)
    ]
    header = ("Head", "Features", "λ", "Out-of-fold loss", "Chosen")
    shown = details("Every candidate", table(caption, header, rows, numeric=(2, 3))) if rows else ""
    return PageSection("head", "How it was made", f"{paragraph(facts.how_made(record))}\n{shown}", "how made")


def _annotating(record: Record) -> PageSection:
    """The head of annotated items: its candidates have columns of their own."""
    head = record["head"]
    candidates = head.get("candidates") or []
    names = list(dict.fromkeys(name for one in candidates for name in one))
    rows = [[_cell(one.get(name)) for name in names] for one in candidates]
    items = in_units("items", base_of(record))
    caption = f"{metric_words(head['left_out_metric']).title} on left-out training {items}, and what was chosen"
    header = [one_line(name.replace("_", " ")).capitalize() for name in names]
    shown = details("Every candidate", table(caption, header, rows)) if rows else ""
    said = paragraph(facts.how_made(record)) + listing([one_line(note) for note in head.get("notes", ())])
    return PageSection("head", "How it was made", f"{said}\n{shown}", "how made")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int | float) else "" if value is None else one_line(value)


def reproduction(record: Record) -> PageSection:
    """The command, and data, source, settings and versions behind the figures.

    Args:
        record: the facts of a fit or of an evaluation.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> "<code>headstart fit answers.csv</code>" in reproduction(EXAMPLE).html
        True
    """
    command = record.get("command")
    code = f'<div class="scroll"><pre><code>{escape(one_line(command))}</code></pre></div>\n' if command else ""
    said = paragraph("The same data, command and versions give the same figures.") if command else ""
    rows = facts.provenance(record)
    shown = details("Provenance", table("Data, source, settings and versions", ("What", "Value"), rows))
    return PageSection("reproduce", "How to reproduce it", f"{said}\n{code}{shown}".strip(), "reproduce")
