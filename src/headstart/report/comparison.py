"""The page of a comparison of models: the verdict, the differences, and the items and classes that decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.report.content.words import defined, interval, metric_words, number, one_line, shortened
from headstart.report.gallery import GalleryItem
from headstart.report.page.cards import Remark, card, cards
from headstart.report.page.document import document
from headstart.report.page.elements import PageSection, details, figure, listing, note, paragraph, table
from headstart.report.page.forest import forest_plot

__all__ = ["ComparedItem", "comparison_report"]

Record = Mapping[str, Any]

SHARES = ("accuracy", "average_precision")  # metrics whose differences are given in points
CLASSES = 60  # rows of a table of classes that are shown at once
TWO = 2


@dataclass(frozen=True)
class ComparedItem:
    """An item on which the models disagree.

    Attributes:
        item: what it looks, reads or sounds like.
        remarks: its label, and the answer of each model.
        right: for each model whether it is right; empty for a regression.

    Examples:
        >>> ComparedItem(GalleryItem("0", "ant"), (("a: ant", "good"),), (True,)).right
        (True,)
    """

    item: GalleryItem
    remarks: tuple[Remark, ...]
    right: tuple[bool, ...] = ()


def comparison_report(record: Record, name: str, shown: Sequence[ComparedItem] = ()) -> str:
    """The report of a comparison as one self-contained page like the report of a fit.

    Args:
        record: from `headstart.transfer.compare_models.compare`.
        name: the name of its folder.
        shown: the items to show; default: none.

    Returns:
        HTML.

    Examples:
        >>> import headstart
        >>> rows, labels = [[float(i)] for i in range(10)], ["a"] * 5 + ["b"] * 5
        >>> run = headstart.fit((rows, labels), baselines="none", verbose=False)
        >>> page = comparison_report(headstart.compare([run, run], verbose=False).record, "both")
        >>> "the difference is exactly zero" in page, page.count("<script")
        (True, 1)
    """
    sections = [_differences(record), _models(record), _items(record, shown), _classes(record), _limits(record)]
    sections.append(_making(record))
    held = f"It holds {len(shown):,} items of the data." if shown else "It holds no items of the data."
    made = one_line(f"headstart {record['environment'].get('headstart', '')}").strip()
    return document(
        name, "comparison of models", " ".join(record["verdict"]), sections, figures=_figures(record),
        remarks=record["warnings"], footer=f"Written by {made}. {held} It needs no network and no other file.",
    )  # fmt: skip


def _figures(record: Record) -> list[tuple[str, str, str]]:
    if len(record["models"]) > TWO:
        best = record["models"][record["best"]]
        value = best["metrics"][record["metric"]]
        return [(number(value["value"]), f"{_metric(record)} of {shortened(best['name'], 40)}", _interval_words(value))]
    return [
        (
            number(model["metrics"][record["metric"]]["value"]),
            f"{_metric(record)} of {shortened(model['name'], 40)}",
            _interval_words(model["metrics"][record["metric"]]),
        )
        for model in record["models"]
    ]


def _interval_words(metric: Mapping[str, Any]) -> str:
    found = interval(metric)
    return f"95% interval {found}" if found else ""


def _metric(record: Record) -> str:
    return metric_words(record["metric"]).name


def _points(record: Record) -> float:
    return 100.0 if record["metric"] in SHARES else 1.0


def _change(value: float | None, scale: float) -> str:
    if not defined(value):
        return ""
    return f"{scale * value:+.1f}" if scale != 1.0 else f"{value:+.3f}"


def _range(low: float | None, high: float | None, scale: float) -> str:
    return f"{_change(low, scale)} to {_change(high, scale)}" if defined(low) and defined(high) else "none"


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _of(record: Record, pair: Mapping[str, Any]) -> str:
    names = [shortened(record["models"][pair[key]]["name"], 30) for key in ("second", "first")]
    return f"{names[0]} minus {names[1]}"


def _differences(record: Record) -> PageSection:
    scale, unit = _points(record), " in points" if _points(record) != 1.0 else ""
    several = len(record["pairs"]) > 1
    entries = [
        (_of(record, pair), pair["main"]["value"], pair["main"]["low"], pair["main"]["high"])
        for pair in record["pairs"]
    ]
    caption = (
        f"Difference of {_metric(record)}{unit}, with its 95% interval; right of zero the model named first is better"
    )
    header = ["Models", f"Difference{unit}", "95% interval", *(["simultaneous interval"] if several else []), "p",
              *(["p (Holm)"] if several else []), f"{record['loss_name']}", "95% interval", "p"]  # fmt: skip
    rows = [
        [
            _of(record, pair), _change(pair["main"]["value"], scale),
            _range(pair["main"]["low"], pair["main"]["high"], scale),
            *([_range(pair["simultaneous"][0], pair["simultaneous"][1], scale)] if several else []),
            _p(pair["main"]["p"]),
            *([_p(pair["main"]["p_holm"])] if several else []), _change(pair["loss"]["value"], 1.0),
            _range(pair["loss"]["low"], pair["loss"]["high"], 1.0), _p(pair["loss"]["p_holm"]),
        ]
        for pair in record["pairs"]
    ]  # fmt: skip
    found = table(
        f"Differences on the same {record['n']:,} items", header, rows, numeric=range(1, len(header)), sortable=several
    )
    plot = forest_plot(entries, f"Differences of {_metric(record)}", scale=scale)
    shown = figure(plot, caption) if plot else ""
    tied = [record["models"][k]["name"] for k in record["tied"]]
    words = (
        paragraph(f"Not to be told apart from the best: {', '.join(shortened(name, 40) for name in tied)}.")
        if several and len(tied) > 1
        else ""
    )
    return PageSection("differences", "Differences", "\n".join(filter(None, [words, shown, found])))


def _models(record: Record) -> PageSection:
    models = record["models"]
    names = list(models[0]["metrics"])
    rows = []
    for key in names:
        cells = []
        for model in models:
            value = model["metrics"][key]
            bounds = interval(value)
            cells.append(f"{number(value['value'])} ({bounds})" if bounds else number(value["value"]))
        rows.append([metric_words(key).name, *cells])
    header = ["Metric", *(shortened(model["name"], 40) for model in models)]
    return PageSection(
        "models", "All metrics", table("Metrics with 95% intervals", header, rows, numeric=range(1, len(header)))
    )


def _items(record: Record, shown: Sequence[ComparedItem]) -> PageSection:
    names = [shortened(model["name"], 40) for model in record["models"]]
    parts = []
    if len(names) == TWO and shown and shown[0].right:
        pair = record["pairs"][0]
        sides = [
            (f"Only {names[1]} is right", (False, True), pair["only_second"]),
            (f"Only {names[0]} is right", (True, False), pair["only_first"]),
            ("Both are wrong, in different ways", (False, False), None),
        ]
        for title, right, count in sides:
            chosen = [one for one in shown if one.right == right]
            some = "" if count is None or len(chosen) == count else f", {len(chosen):,} of them shown"
            heading = title if count is None else f"{title}: {count:,} items{some}"
            if chosen or count:
                parts.append(paragraph(heading, "verdict"))
                parts.append(cards(card(one.item, one.remarks) for one in chosen))
    elif shown:
        parts.append(paragraph("The largest differences of the loss come first."))
        parts.append(cards(card(one.item, one.remarks) for one in shown))
    else:
        rows = [[_of(record, pair), f"{pair['only_second']:,}", f"{pair['only_first']:,}"] for pair in record["pairs"]]
        better = "smaller error" if "r2" in record["models"][0]["metrics"] else "alone is right"
        parts.append(table("Items by who is better", ["Models", f"first named: {better}", f"other: {better}"], rows,
                           numeric=[1, 2]))  # fmt: skip
        parts.append(note("items.csv lists the items on which the models disagree."))
    return PageSection("items", "Items that decide", "\n".join(parts), "items")


def _classes(record: Record) -> PageSection:
    header = ["Class", "items", "difference", "95% interval", "p (Holm)"]
    parts = []
    for pair in record["pairs"]:
        rows = [
            [shortened(one["label"], 50), f"{one['items']:,}", _change(one["value"], 100.0),
             _range(one["low"], one["high"], 100.0), _p(one["p_holm"])]
            for one in sorted(pair["classes"], key=lambda one: -abs(one["value"]))
        ]  # fmt: skip
        if rows:
            what = "recall" if record["task"]["kind"] != "multilabel" else "the share of right decisions"
            caption = f"{_of(record, pair)}: {what} in points, the largest difference first"
            shown = table(caption, header, rows[:CLASSES], numeric=[1, 2, 3, 4], sortable=True)
            rest = rows[CLASSES:]
            more = table(caption, header, rest, numeric=[1, 2, 3, 4]) if rest else ""
            parts.append(shown + details(f"{len(rest):,} more classes", more))
    if len(parts) > 1:
        parts = [parts[0], details("The other pairs of models", "\n".join(parts[1:]))]
    return PageSection("classes", "Class by class", "\n".join(parts), "classes")


def _limits(record: Record) -> PageSection:
    margin = f"{100 * record['margin']:g} points" if _points(record) != 1.0 else f"{record['margin']:g}"
    first = record["pairs"][0]
    later, before = (record["models"][first[key]]["name"] for key in ("second", "first"))
    found = [
        *record["warnings"],
        "Every difference, in the sentence at the top too, is a model given later minus one given before it, such as "
        f"{shortened(later, 40)} minus {shortened(before, 40)}: above zero the later one has the higher "
        f"{_metric(record)}, and below zero the lower {record['loss_name']}.",
        f"Compared on {record['n']:,} items: {record['data']['how']}.",
        f"Test of {_metric(record)}: {record['test']}. Two models are told apart where the p-value is at most 0.05 and "
        "the 95% interval excludes zero.",
        f"Two models are called equivalent where two one-sided tests at 5% put their difference within {margin}.",
        "The intervals say how the difference would vary with other items of the same kind. They do not cover what "
        "another draw of the training data would change.",
    ]
    if len(record["pairs"]) > 1:
        found.append(
            f"P-values are corrected for all {len(record['pairs'])} pairs of models (Holm), simultaneous intervals too "
            "(Bonferroni), so the choice of the best model on these items is covered."
        )
    return PageSection("limits", "How to read it", listing(found), "limits")


def _making(record: Record) -> PageSection:
    rows = [["models", ", ".join(place or "in memory" for place in record["where"])]]
    if record["command"]:
        rows.append(["command", record["command"]])
    rows.append(["seed", str(record["seed"])])
    rows += [[f"version of {name}", version] for name, version in record["environment"].items()]
    left = [f"{name}: {reason}" for name, reason in list(record["data"]["left_out"].items())[:CLASSES]]
    shown = table("Facts", ["What", "Value"], rows)
    return PageSection("making", "How it was made", shown + details("Items that are left out", listing(left)), "making")
