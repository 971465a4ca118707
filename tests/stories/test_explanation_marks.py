"""Marks of direction and zero width in labels, texts and file names never reach a page or a terminal."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from headstart.attributions import (
    Attribution,
    ColumnShare,
    ColumnShares,
    Explanation,
    LayerShare,
    LayerShares,
    Novelty,
    PixelMap,
    TextShare,
    TextShares,
    TrainingItem,
    TrainingItems,
)
from headstart.report.explanation import explanation_page
from headstart.reporting.text import visible

EVIL = "a\u202eb\u200bc\u2066d\ufeff<script>\x1b[31m"
ITEM = TrainingItem(EVIL, EVIL, 0.3, 0.2, EVIL)
SHOWN = [
    TextShares(EVIL, (TextShare(EVIL[:4], 0, 4, 1.0), TextShare(EVIL[4:9], 4, 9, -0.5))),
    ColumnShares((ColumnShare(EVIL, EVIL, 0.3),)),
    LayerShares((LayerShare(EVIL, 0.3),), EVIL),
    TrainingItems(
        (TrainingItem(EVIL, EVIL, 0.3, 0.2, EVIL),), (TrainingItem(EVIL, EVIL, -0.3, 0.2, EVIL),), np.ones(2)
    ),
    PixelMap(np.eye(2), np.zeros((2, 2, 3), np.uint8), (2, 2)),
]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda one: type(one).__name__)
def test_no_mark_and_no_markup_reaches_the_page_or_the_text(shown):
    one = Attribution("influence", EVIL, shown, EVIL, EVIL, 1.0, 0.5, EVIL, checks={EVIL: 1.0}, notes=(EVIL,))
    found = Explanation(
        EVIL, "text", EVIL, EVIL, EVIL, EVIL, {EVIL: 1.0}, (one,), notes=(EVIL,), novelty=Novelty(0.001, True, EVIL)
    )
    for text in (explanation_page(found, EVIL), found._repr_html_(), one._repr_html_(), repr(found)):
        assert [sign for sign in text if unicodedata.category(sign) in ("Cc", "Cf") and sign not in "\n\t"] == []
    assert "<script" not in explanation_page(found, EVIL)


def test_positions_and_breaks_of_a_text_stay():
    assert visible("a\u202e\r\n\tb\u00a0c\u200d") == "a\ufffd \n\tb c\u200d"
