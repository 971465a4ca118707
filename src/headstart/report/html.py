"""HTML reports of fits and evaluations: one self-contained page, without scripts, network access or other files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from headstart.report.content import facts
from headstart.report.content.strategy import candidate_rows, strategy_sentences
from headstart.report.content.tables import bars, class_table, compared_heads, confused_pairs, interval_words
from headstart.report.content.words import defined, interval, metric_words, number, one_line, shortened
from headstart.report.page.chart import FLOOR, bar_chart
from headstart.report.page.style import STYLE
from headstart.tasks import TASKS

__all__ = ["evaluation_report", "html_report"]

MAX_HEAT = 30
"""With more classes than this, a confusion matrix does not fit a screen; the most confused pairs are listed instead."""

MAX_ROWS = 30
"""Labels beyond this number are in a collapsed section."""

# Content security policy: even if markup from a label got through, nothing could be fetched or run.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

Record = Mapping[str, Any]


def html_report(record: Record, name: str) -> str:
    """The report of a fit as one self-contained page, which follows the reader's light or dark colour scheme.

    All content comes from the record. Labels, file names and messages are escaped.

    Args:
        record: the record of a fit, as `headstart.transfer.stages.record.make_record` returns it.
        name: the model's name, which is the name of its run folder.

    Returns:
        HTML.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> page = html_report(EXAMPLE, "answers")
        >>> "Accuracy is 0.833 (95% interval 0.552 to 0.953) on 12 items" in page, "<script" in page
        (True, False)
    """
    header, classes = class_table(record)
    sections = [
        ("Metrics", _metrics(record)),
        ("Transfer gain", _gain(record)),
        ("Confusions", _confusion(record)),
        (f"Metrics per {header[0].lower()}", _classes(header, classes, interval_words(record))),
        ("Limits and intended use", _paragraph(facts.intended_use(record)) + _list(facts.limits(record))),
        ("Data", _data(record)),
        ("Fine-tuning", _strategy(record)),
        ("How the head was chosen", _heads(record)),
        (
            "Provenance",
            _table("Data, source, settings and versions", ("What", "Value"), facts.provenance(record)),
        ),
    ]
    return _page(record, name, sections, kind="report of the fit", headline=facts.headline(record))


def evaluation_report(record: Record, name: str) -> str:
    """The report of an evaluation on other data, as one self-contained page like the report of a fit.

    Args:
        record: the record of an evaluation, as `headstart.transfer.evaluate.evaluate` makes it.
        name: the name of its folder.

    Returns:
        HTML.

    Examples:
        >>> from headstart.report.content.example import EVALUATION
        >>> page = evaluation_report(EVALUATION, "may")
        >>> "Accuracy is 0.833 (95% interval 0.552 to 0.953) on 12 items of may.csv." in page, "<script" in page
        (True, False)
    """
    header, classes = class_table(record)
    sections = [
        ("Metrics", _metrics(record)),
        ("Confusions", _confusion(record)),
        (f"Metrics per {header[0].lower()}", _classes(header, classes, interval_words(record))),
        ("Limits", _list(facts.evaluation_limits(record))),
        ("Data", _list(facts.data_used(record))),
        (
            "Provenance",
            _table("Data, source, settings and versions", ("What", "Value"), facts.provenance(record)),
        ),
    ]
    headline = facts.evaluation_headline(record)
    return _page(record, name, sections, kind="report of an evaluation", headline=headline)


def _page(record: Record, name: str, sections: Iterable[tuple[str, str]], *, kind: str, headline: str) -> str:
    body = "\n".join(f"<section>\n<h2>{escape(title)}</h2>\n{text}\n</section>" for title, text in sections if text)
    return _PAGE.format(
        policy=escape(_POLICY),
        title=escape(one_line(name)),
        kind=kind,
        style=STYLE,
        headline=escape(headline),
        purpose=escape(facts.purpose(record)),
        judged=escape(facts.how_judged(record)),
        body=body,
    )


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}: {kind}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="lead">{headline}</p>
<p>{purpose}</p>
<p class="soft">{judged}</p>
</header>
<main>
{body}
</main>
</body>
</html>
"""


def _metrics(record: Record) -> str:
    cards = [_card(key, metric) for key, metric in record["evaluation"]["metrics"].items()]
    return f'<ul class="cards">\n{"".join(cards)}</ul>'


def _card(key: str, metric: Mapping[str, Any]) -> str:
    words, bounds = metric_words(key), interval(metric)
    return (
        f"<li><span>{escape(words.title)}</span><strong>{number(metric['value'])}</strong>"
        f"<span>{f'95% interval {bounds}' if bounds else 'no interval'}</span>"
        f'<span class="soft">{escape(words.meaning)}</span></li>\n'
    )


def _gain(record: Record) -> str:
    key, rows = next(iter(record["evaluation"]["metrics"])), list(bars(record))
    title = f"{metric_words(key).title} with 95% intervals"
    cut = any((metric["value"] or 0) < FLOOR for _, metric in rows)
    note = f"{title}, the model and its baselines on the same items{'; bars are cut at -1' if cut else ''}."
    chart = f"<figure>{bar_chart(rows, title)}<figcaption>{escape(note)}</figcaption></figure>"
    verdict = f'<p class="verdict"><strong>Transfer gain.</strong> {escape(facts.gain_sentence(record))}</p>'
    return f"{verdict}\n{chart}\n{_list(facts.baseline_sentences(record)) or _paragraph('No baseline was compared.')}"


def _confusion(record: Record) -> str:
    counts, labels = record["evaluation"]["confusion"], record["evaluation"]["labels"]
    if counts is None:
        return ""
    if len(labels) <= MAX_HEAT:
        return _heat(counts, [shortened(label, 30) for label in labels])
    rows = [
        (
            shortened(pair.truth),
            shortened(pair.predicted),
            f"{pair.count:,}",
            f"{pair.share:.0%} ({pair.interval[0]:.0%} to {pair.interval[1]:.0%})",
        )
        for pair in confused_pairs(record)
    ]
    if not rows:
        return _paragraph("No class was confused with another.")
    caption = f"The most frequently confused pairs of the {len(labels)} classes"
    return _table(
        caption,
        ("True class", "Predicted class", "Items", "Share of the true class (95% interval)"),
        rows,
        numeric=(2, 3),
    )


def _heat(counts: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    head = "".join(f'<th scope="col"><span>{escape(label)}</span></th>' for label in labels)
    rows = [
        f'<tr><th scope="row">{escape(label)}</th>{"".join(_heat_cells(i, row))}</tr>'
        for i, (label, row) in enumerate(zip(labels, counts, strict=True))
    ]
    caption = "Number of items by true class (rows) and predicted class (columns), shaded by the share of the row"
    table = f"<caption>{caption}</caption>\n<thead><tr><td></td>{head}</tr></thead>\n<tbody>\n"
    return _scroll(f'<table class="heat">{table}{_lines(rows)}</tbody>\n</table>', caption)


def _heat_cells(i: int, row: Sequence[int]) -> Iterator[str]:
    total = sum(row)
    for j, count in enumerate(row):
        kind = "right" if i == j else "wrong"
        shade = f' class="{kind}" style="--share: {0.08 + 0.52 * count / total:.2f}"' if count else ""
        yield f"<td{shade}>{count}</td>"


def _classes(header: Sequence[str], rows: Sequence[Sequence[str]], intervals: str) -> str:
    if not rows:
        return ""
    numeric = range(1, len(header))
    first = _table(f"Worst first, with {intervals}", header, rows[:MAX_ROWS], numeric=numeric)
    if len(rows) <= MAX_ROWS:
        return first
    rest = _table(f"The others, with {intervals}", header, rows[MAX_ROWS:], numeric=numeric)
    return f"{first}\n<details><summary>The other {len(rows) - MAX_ROWS}</summary>\n{rest}\n</details>"


def _data(record: Record) -> str:
    read, found = _list(facts.data_used(record)), facts.findings(record)
    if not found:
        return f"{read}\n{_paragraph('The audit found nothing.')}"
    return f"{read}\n{_table('What the audit found', ('Severity', 'Finding'), found)}"


def _heads(record: Record) -> str:
    unit = (
        "squared error in units of the variance"
        if TASKS[record["task"]["kind"]].base == "regression"
        else "log-loss in nats"
    )
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
    table = _table(caption, ("Head", "Features", "λ", "Out-of-fold loss", "Chosen"), rows, numeric=(2, 3))
    return f"{_paragraph(facts.how_made(record))}\n{table if rows else ''}"


def _strategy(record: Record) -> str:
    rows = candidate_rows(record)
    header = ("Candidate", "Validation loss", "Reduction from the frozen features [80% bounds]", "Kept")
    table = _table("Candidates on held-out items", header, rows, numeric=(1, 2)) if rows else ""
    return f"{_list(strategy_sentences(record))}\n{table}".strip()


def _table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """A table whose first column holds the row headers; cells are escaped here."""
    kind = [' class="n"' if i in numeric else "" for i in range(len(header))]
    head = "".join(f'<th scope="col"{kind[i]}>{escape(text)}</th>' for i, text in enumerate(header))
    body = []
    for row in rows:
        first, *others = [escape(one_line(cell)) for cell in row]
        cells = "".join(f"<td{kind[i]}>{cell}</td>" for i, cell in enumerate(others, start=1))
        body.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    start = f"<table>\n<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
    return _scroll(f"{start}{_lines(body)}</tbody>\n</table>", caption)


def _scroll(table: str, caption: str) -> str:
    """A wide table in a region that scrolls on its own, also by keyboard."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">{table}</div>'


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _list(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(one_line(line))}</li>\n" for line in lines)
    return f"<ul>\n{items}</ul>" if lines else ""


def _lines(parts: Iterable[str]) -> str:
    return "".join(f"{part}\n" for part in parts)
