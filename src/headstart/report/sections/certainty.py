"""How certain it is: reliability, mistakes by how many items are answered, and the promises of prediction sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.kinds import base_of
from headstart.report.content.words import defined, number, shortened
from headstart.report.page.elements import PageSection, figure, grid, listing, note, paragraph, table
from headstart.report.page.reliability import reliability_plot, reliability_table
from headstart.report.page.risk_coverage import risk_at, risk_coverage_plot, risk_coverage_table
from headstart.report.page.roc import operating_table, precision_recall_plot, roc_plot

__all__ = ["certainty", "two_classes"]

Record = Mapping[str, Any]


def certainty(record: Record) -> PageSection:
    """Reliability diagram, risk-coverage curve, and the coverage of prediction sets or intervals.

    Args:
        record: the facts of a fit or of an evaluation; without ``diagrams`` and ``certainty`` there is no section.

    Examples:
        >>> certainty({"task": {"kind": "classification"}}).html
        ''
        >>> held = {"promised": 0.9, "realised": 0.92, "low": 0.87, "high": 0.95, "size": 1.4, "items": 200}
        >>> shown = certainty({"task": {"kind": "classification"}, "certainty": {"coverage": [held]}}).html
        >>> "92.0% (87.0% to 95.0%)" in shown
        True
    """
    shown = record.get("diagrams", {})
    plots = grid([_reliability(shown.get("reliability"), record), _risk(shown.get("risk_coverage"))])
    said = paragraph(_answered(shown["risk_coverage"]["points"])) if shown.get("risk_coverage") else ""
    parts = [said, plots, _coverage(record)]
    return PageSection("certainty", "How certain it is", "\n".join(part for part in parts if part), "certainty")


def _answered(points: list[Mapping[str, Any]]) -> str:
    """What asking for more confidence brings, in a sentence."""
    every, half = risk_at(points, 1.0), risk_at(points, 0.5)
    return (
        f"Of the half of the held-out items that it is most certain of, {half['risk']:.1%} are wrong "
        f"(95% interval {half['low']:.1%} to {half['high']:.1%}); of all, {every['risk']:.1%}."
    )


def _reliability(bins: list[Mapping[str, Any]] | None, record: Record) -> str:
    if not bins:
        return ""
    what = "labels" if base_of(record) == "multilabel" else "items"
    error = record["evaluation"]["metrics"].get("ece", {}).get("value")
    gap = f" The mean gap (calibration error) is {number(error)}." if defined(error) else ""
    gap += _scaled(record.get("certainty", {}))
    caption = (
        f"Reliability: {what} of similar confidence, and the share of them that is right, with 95% intervals. On the "
        f"dashed line the probabilities can be taken at their word.{gap}"
    )
    return figure(reliability_plot(bins), caption, reliability_table(bins))


def _scaled(found: Mapping[str, Any]) -> str:
    """What the calibration is, and the calibration error of the held-out items before and after it."""
    choice, held = found.get("calibration"), found.get("reliability")
    said = f" Calibration: {choice['sentence']}." if choice else ""
    if held and defined(held.get("error_before")):
        alone = f", with one temperature {number(held['error_temperature'])}" if "error_temperature" in held else ""
        said += (
            f" Root mean square gap in bins of equal size: {number(held['error_before'])} before the "
            f"calibration{alone}, {number(held['error'])} after it."
        )
    return said


def _risk(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    caption = (
        "Risk and coverage: mistakes among the most certain items, by how many are answered; the others would be left "
        f"to a person. Area below the curve (AURC): {number(found['aurc'])}."
    )
    return figure(risk_coverage_plot(found["points"]), caption, risk_coverage_table(found["points"]))


def _coverage(record: Record) -> str:
    """What prediction sets or intervals promise, what they held on the held-out items, and what cannot be promised."""
    found = record.get("certainty", {})
    rows, refused = found.get("coverage", []), found.get("coverage_refused", [])
    if not rows and not refused:
        return ""
    regression = base_of(record) == "regression"
    what = "Prediction intervals" if regression else "Prediction sets"
    cells = [
        (f"{one['promised']:.0%}", f"{one['realised']:.1%}{_bounds(one)}", number(one["size"]), f"{one['items']:,}")
        for one in rows
    ]
    size = "Mean width" if regression else "Labels in a set, on average"
    header = ("Promised coverage", "On held-out items (95% interval)", size, "Items")
    caption = f"{what}: how often they hold the true answer"
    shown = table(caption, header, cells, numeric=(1, 2, 3)) if cells else ""
    method = paragraph(found["coverage_method"]) if found.get("coverage_method") else ""
    use = note(f"On new items: headstart predict MODEL ITEM --coverage {rows[-1]['promised']:g}") if rows else ""
    return f"<h3>{what}</h3>\n{method}{shown}\n{use}{listing(refused)}"


def _bounds(one: Mapping[str, Any]) -> str:
    known = defined(one["low"]) and defined(one["high"])
    return f" ({one['low']:.1%} to {one['high']:.1%})" if known else ""


def two_classes(record: Record) -> PageSection:
    """ROC and precision-recall curves, and sensitivity and specificity at chosen thresholds.

    Args:
        record: the facts of a fit or of an evaluation; without two classes there is no section.

    Examples:
        >>> two_classes({}).html
        ''
    """
    binary = record.get("diagrams", {}).get("binary")
    if not binary:
        return PageSection("thresholds", "Sensitivity and specificity", "")
    positive, area = shortened(binary["positive"]), record["evaluation"]["metrics"].get("roc_auc", {})
    bounds = f" (95% interval {number(area['low'])} to {number(area['high'])})" if defined(area.get("low")) else ""
    value = f" Its area is {number(area['value'])}{bounds}." if defined(area.get("value")) else ""
    said = paragraph(
        f"'{positive}' counts as the positive class: sensitivity is the share of its items that are found, specificity "
        "the share of the other class that is not mistaken for it."
    )
    plots = grid(
        [
            figure(roc_plot(binary), f"ROC curve; dashed: chance; the mark is the threshold 0.5.{value}"),
            figure(precision_recall_plot(binary), "Precision-recall curve; dashed: the share of the positive class."),
        ]
    )
    chosen = note("Thresholds other than 0.5 are chosen on these same items, so their rates are slightly optimistic.")
    return PageSection(
        "thresholds", "Sensitivity and specificity", f"{said}\n{plots}\n{operating_table(binary)}\n{chosen}", "ROC"
    )
