"""How annotated data are described in one line."""

from __future__ import annotations

import pytest

from headstart.cli.demonstration.annotations import drawn_cells, drawn_objects, made_sentences
from headstart.transfer.annotating.judge import describe_data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (made_sentences(3), "3 sentences with 4 spans of 4 types"),
        (drawn_objects(2), "2 pictures with 4 boxes of 3 classes"),
        (drawn_cells(2), "2 pictures of 1 class"),
    ],
    ids=["words", "boxes", "masks"],
)
def test_the_background_is_no_class(data, said):
    """Kind: counts in a message that include what nobody labelled."""
    assert describe_data(data) == said
