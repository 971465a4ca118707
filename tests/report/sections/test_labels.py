"""The section on more labels: the curve, or why there is none."""

from __future__ import annotations

from headstart.report.content.example import CURVE, EXAMPLE
from headstart.report.html import html_report
from headstart.report.sections.labels import more_labels


def test_a_missing_curve_gives_its_reason():
    reason = "A learning curve needs subsamples of two sizes. Got 400 training items in 5 groups."
    section = more_labels({"learning_curve_missing": reason})
    assert reason in section.html
    assert reason in html_report({**EXAMPLE, "learning_curve_missing": reason}, "run")


def test_a_measured_curve_needs_no_reason():
    assert "<svg" in more_labels({"learning_curve": CURVE}).html
    assert more_labels({}).html == ""
