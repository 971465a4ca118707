"""Tables on a phone: each row becomes a block whose cells carry the names of their columns."""

from __future__ import annotations

import pytest

from headstart.report.page.elements import table


@pytest.mark.parametrize(("columns", "stacked"), [(2, False), (3, False), (4, True), (5, True)])
def test_a_table_too_wide_for_a_phone_names_each_of_its_cells(columns, stacked):
    header = [f"column {place}" for place in range(columns)]
    html = table("Numbers", header, [["row", *"1234"[: columns - 1]]], numeric=[1])
    assert ('class="stacked"' in html) is stacked
    assert ('<td class="n" data-name="column 1">1</td>' in html) is stacked


def test_a_column_name_cannot_end_its_attribute():
    html = table("Numbers", ("a", 'b" onclick="x', "c", "d"), [("row", "1", "2", "3")])
    assert 'onclick="x' not in html
    assert "onclick=&quot;x" in html


def test_a_sortable_table_may_be_stacked_too():
    assert 'class="sortable stacked"' in table("Numbers", tuple("abcd"), [tuple("1234")], sortable=True)
