"""Limits of a ranking: licences and numbers of parameters."""

from __future__ import annotations

import pytest

from headstart.errors import ParameterError
from headstart.transfer.ranking.limits import is_permissive, parse_count


def test_licences_by_name():
    good = ["apache-2.0", "MIT", "BSD-3-Clause", "bsd", "cc0-1.0", "CC-BY-4.0", "isc", "unlicense", "The Unlicense"]
    bad = ["gpl-3.0", "cc-by-nc-4.0", "cc-by-sa-4.0", "other", "openrail", "mitx", "apache-2.0 (non-commercial use)"]
    assert [is_permissive(name) for name in good + bad] == [True] * len(good) + [False] * len(bad)


@pytest.mark.parametrize("text", ["", "ten", "-3", "0", "10 MB", "1e6"])
def test_numbers_of_parameters_that_cannot_be_read_are_refused(text):
    with pytest.raises(ParameterError, match="10M"):
        parse_count(text)
