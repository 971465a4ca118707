"""Words for metrics, numbers, series of names and long labels."""

from __future__ import annotations

from headstart.report.content.words import METRICS, number, series, shortened


def test_every_metric_of_an_evaluation_has_words():
    from headstart.evaluate import evaluation

    known = {key for keys in evaluation._ORDER.values() for key in keys}
    assert known | set(evaluation._PER_CLASS) <= set(METRICS)


def test_numbers():
    assert [number(value) for value in (0, 0.0, -0.5, 1e-9, 9999.9994, 10000.0, 1e20)] == [
        "0", "0.000", "-0.500", "1e-09", "9999.999", "10,000", "1e+20",
    ]  # fmt: skip


def test_series_never_leaves_out_a_single_name():
    assert series([]) == ""
    assert series(["a"]) == "a"
    assert series(["a", "b", "c"], 2) == "a, b and c"


def test_long_labels_are_cut():
    assert len(shortened("x" * 10_000)) == 60
