"""The example in the documents."""

from __future__ import annotations

from headstart.report.content.example import EXAMPLE


def test_the_example_has_the_keys_of_a_record(classification):
    assert set(EXAMPLE) == set(classification)
