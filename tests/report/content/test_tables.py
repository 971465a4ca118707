"""The rows of the report's tables: their order and their limits."""

from __future__ import annotations

from headstart.report.content.tables import class_rows, confused_pairs


def test_the_order_of_classes_puts_the_undefined_last(multilabel):
    assert [row.label for row in class_rows(multilabel)] == ["money", "sport", "art"]


def test_confused_pairs_are_limited_and_sorted():
    record = {"evaluation": {"confusion": [[5, 2, 1], [3, 5, 0], [0, 3, 0]], "labels": ["a", "b", "c"]}}
    found = [(pair.truth, pair.predicted, pair.count) for pair in confused_pairs(record, 3)]
    assert found == [("c", "b", 3), ("b", "a", 3), ("a", "b", 2)]
