"""The bar chart."""

from __future__ import annotations

from headstart.report.page.chart import bar_chart


def test_a_chart_without_numbers_still_draws_its_names():
    nothing = {"value": None, "low": None, "high": None}
    chart = bar_chart([("this model", nothing)], "Accuracy")
    assert "this model" in chart
    assert "undefined" in chart
    assert "<rect" not in chart
