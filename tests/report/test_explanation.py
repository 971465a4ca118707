"""The page of an explanation: self-contained, and nothing hostile in it runs."""

from __future__ import annotations

import re

import numpy as np
from explanations import every_kind

from headstart.attributions import Attribution, LayerShare, LayerShares, TrainingItems
from headstart.report.explanation import explanation_page

HOSTILE = "</style><script>alert(1)</script><img src=x onerror='alert(2)'>\"'&"


def test_no_markup_of_items_labels_or_names_reaches_the_page():
    page = explanation_page(every_kind(HOSTILE), HOSTILE)
    assert not re.search(r"<script|<img (?!(alt|class)=)", page)
    assert page.count("<style>") == 1
    assert "&lt;script&gt;" in page


def test_the_page_needs_nothing_else():
    page = explanation_page(every_kind("harmless"), "run")
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "default-src &#x27;none&#x27;" in page
    assert page.count("<h2>") == 6


def test_likenesses_are_not_called_attributions_and_rounding_is_shown_as_zero():
    items = TrainingItems((), (), np.array([0.5]))
    assert Attribution("similar", "", items, "the score", "cosine", 0.9).words().startswith("Each figure is a cosine")
    shares = LayerShares((LayerShare("last", 0.9, 0.5, 0.2),), "")
    said = Attribution("layer_profile", "", shares, "the score", "score", 0.9, 6.9e-17, "the mean").words()
    assert "which is 0.9 for this item and 0 for the baseline (the mean)" in said
